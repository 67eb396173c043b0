// SPDX-License-Identifier: MIT

import TypeIR

/// A document as C declarations that a compiler lays out the same way.
public enum CPrinter {
  public static func print(_ document: TypesDocument) -> String {
    var printer = Printer(table: document.types)
    for number in document.types.entries.indices {
      printer.define(TypeID(Int32(number + 1)))
    }
    var text = printer.text
    for symbol in document.symbols {
      let prefix = symbol.kind == .variable ? "extern " : ""
      text += prefix + document.types.declaration(of: symbol.name, symbol.type) + ";\n"
    }
    return text
  }
}

private struct Printer {
  let table: TypeTable
  var text = ""
  private var isDefined: Set<TypeID> = []

  init(table: TypeTable) { self.table = table }

  /// Writes what gives the type its name, after what it needs by value.
  mutating func define(_ id: TypeID) {
    guard id != .void, isDefined.insert(id).inserted else { return }
    switch table[id] {
    case .const(let type), .volatile(let type), .restrict(let type), .atomic(let type),
      .array(let type, _), .vector(let type, _), .pointer(let type):
      nameOnly(type, from: id)
    case .function(let function):
      nameOnly(function.returnType, from: id)
      for parameter in function.parameters { nameOnly(parameter.type, from: id) }
    case .typedef(let name, let type, let align):
      nameOnly(type, from: id)
      let attribute = align.map { " __attribute__((aligned(\($0))))" } ?? ""
      text += "typedef \(spell(name, type))\(attribute);\n"
    case .record(let record):
      guard let tag = record.tag else { return }
      for member in record.members { needs(member.type) }
      text += "\(record.keyword.rawValue) \(tag) \(body(of: record, indent: 0));\n"
    case .enumeration(let enumeration):
      if enumeration.tag != nil { text += body(of: enumeration) + ";\n" }
    case .forward(let keyword, let tag) where keyword != .enum:
      text += "\(keyword.rawValue) \(tag);\n"
    case .unresolved(let name): text += "/* the type '\(name)' is not declared */\n"
    case .int, .float, .complex, .forward: return
    }
  }

  /// A type that is only pointed to needs its name, a type by value all of it.
  private mutating func nameOnly(_ type: TypeID, from user: TypeID) {
    if type != .void, case .record(let record) = table[type], let tag = record.tag,
      !isDefined.contains(type)
    {
      if case .pointer = table[user] {
        text += "\(record.keyword.rawValue) \(tag);\n"
        return
      }
    }
    define(type)
  }

  private mutating func needs(_ type: TypeID) {
    guard type != .void else { return }
    if case .record(let record) = table[type], record.tag == nil {
      for member in record.members { needs(member.type) }
    }
    define(type)
  }

  /// The declaration of a name, with anonymous types spelled out.
  private func spell(_ name: String, _ type: TypeID, indent: Int = 0) -> String {
    guard type != .void else { return table.declaration(of: name, type) }
    switch table[type] {
    case .record(let record) where record.tag == nil:
      return "\(record.keyword.rawValue) \(body(of: record, indent: indent)) \(name)"
    case .enumeration(let enumeration) where enumeration.tag == nil:
      return "\(body(of: enumeration)) \(name)"
    default: return table.declaration(of: name, type)
    }
  }

  private func body(of enumeration: Enumeration) -> String {
    let tag = enumeration.tag.map { "\($0) " } ?? ""
    let values = enumeration.values.map { value in
      let number =
        value.value.isNegative ? "\(Int64(bitPattern: value.value.bits))" : "\(value.value.bits)U"
      return "\(value.name) = \(number)"
    }
    let packed = enumeration.size < 4 ? " __attribute__((packed))" : ""
    return "enum \(tag){ \(values.joined(separator: ", ")) }\(packed)"
  }

  /// Members with their padding written out, so that `packed` and one `aligned` give the layout,
  /// whatever attributes the original had.
  private func body(of record: Record, indent: Int) -> String {
    let margin = String(repeating: "\t", count: indent + 1)
    var lines = "{\n"
    var end: UInt64 = 0
    for member in record.members {
      guard let offset = member.bitOffset else { continue }
      if record.keyword == .struct, offset > end {
        lines += padding(from: end, to: offset, margin)
      }
      let width = member.bitSize
      var declaration = spell(member.name ?? "", member.type, indent: indent + 1)
      if let width { declaration += " : \(width)" }
      lines += "\(margin)\(declaration);\n"
      end = offset + (width.map(UInt64.init) ?? (table.size(of: member.type) ?? 0) * 8)
    }
    let align = record.align.map { ", aligned(\($0))" } ?? ""
    return lines + String(repeating: "\t", count: indent)
      + "} __attribute__((packed\(align)))"
  }

  private func padding(from start: UInt64, to end: UInt64, _ margin: String) -> String {
    var text = ""
    var position = start
    while position < end {
      let width = min(end - position, 64 - position % 64)
      text += "\(margin)unsigned long : \(width);\n"
      position += width
    }
    return text
  }
}
