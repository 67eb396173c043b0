// SPDX-License-Identifier: MIT

import TypeIR

/// A document as C declarations that a compiler lays out the same way.
public enum CPrinter {
  public static func print(_ document: TypesDocument) -> String {
    var printer = Printer(document.types)
    for number in document.types.entries.indices {
      printer.need(TypeID(Int32(number + 1)), byValue: true)
    }
    for symbol in document.symbols { printer.declare(symbol) }
    return printer.text
  }
}

private struct Printer {
  /// With tags for all records and enumerations that are not members without a name.
  private let table: TypeTable
  private(set) var text = ""
  /// What a declaration has been written for, and what a definition.
  private var isNamed: Set<TypeID> = []
  private var isDefined: Set<TypeID> = []
  /// Typedefs and enumerations are written once, whether first needed by name or by value.
  private var written: Set<TypeID> = []

  init(_ types: TypeTable) {
    var table = types
    let inlined = Self.anonymousMembers(types)
    for number in types.entries.indices {
      let id = TypeID(Int32(number + 1))
      guard !inlined.contains(id) else { continue }
      switch table[id] {
      case .record(var record) where record.tag == nil:
        record.tag = "__anonymous_\(id.rawValue)"
        table[id] = .record(record)
      case .enumeration(var enumeration) where enumeration.tag == nil:
        enumeration.tag = "__anonymous_\(id.rawValue)"
        table[id] = .enumeration(enumeration)
      default: continue
      }
    }
    self.table = table
  }

  /// Records that are written where they stand, because their members are their owner's.
  private static func anonymousMembers(_ table: TypeTable) -> Set<TypeID> {
    var found: Set<TypeID> = []
    for case .record(let record) in table.entries.map(\.type) {
      for member in record.members where member.name == nil && member.bitSize == nil {
        found.insert(member.type)
      }
    }
    return found
  }

  // MARK: Order

  /// Writes what must stand before a use of the type: its definition, if its size matters, else
  /// its name.
  mutating func need(_ id: TypeID, byValue: Bool) {
    guard id != .void, !isDefined.contains(id), byValue || !isNamed.contains(id) else { return }
    isNamed.insert(id)
    if byValue { isDefined.insert(id) }
    switch table[id] {
    case .const(let type), .volatile(let type), .restrict(let type), .atomic(let type):
      need(type, byValue: byValue)
    case .array(let type, _), .vector(let type, _): need(type, byValue: true)
    case .pointer(let type): need(type, byValue: false)
    case .function(let function):
      need(function.returnType, byValue: false)
      for parameter in function.parameters { need(parameter.type, byValue: false) }
    case .typedef(let name, let type, let align):
      need(type, byValue: byValue)
      define(typedef: id, name, type, align)
    case .record(let record): need(record, byValue: byValue)
    case .enumeration(let enumeration): define(enumeration, id)
    case .forward(let keyword, let tag): text += "\(keyword.rawValue) \(tag);\n"
    case .unresolved(let name): text += "/* nothing declares the type '\(name)' */\n"
    case .int, .float, .complex: return
    }
  }

  private mutating func define(
    typedef id: TypeID, _ name: String, _ type: TypeID, _ align: UInt64?
  ) {
    guard written.insert(id).inserted else { return }
    let attribute = align.map { " __attribute__((aligned(\($0))))" } ?? ""
    text += "typedef \(declaration(of: name, type))\(attribute);\n"
  }

  private mutating func define(_ enumeration: Enumeration, _ id: TypeID) {
    guard written.insert(id).inserted, let tag = enumeration.tag else { return }
    text += "enum \(tag) {\n"
    for enumerator in enumeration.values {
      let bits = enumerator.value.bits
      let value =
        enumerator.value.isNegative
        ? "(-\(~bits) - 1)" : bits > UInt64(Int64.max) ? "\(bits)U" : "\(bits)"
      text += "\t\(enumerator.name) = \(value),\n"
    }
    text += enumeration.size < 4 ? "} __attribute__((packed));\n" : "};\n"
  }

  private mutating func need(_ record: Record, byValue: Bool) {
    guard byValue else {
      if let tag = record.tag { text += "\(record.keyword.rawValue) \(tag);\n" }
      return
    }
    for member in record.members { need(member.type, byValue: true) }
    guard let tag = record.tag else { return }
    text += "\(record.keyword.rawValue) \(tag) \(body(of: record, indent: 0));\n"
  }

  // MARK: Declarations

  mutating func declare(_ symbol: SymbolDeclaration) {
    let prefix = symbol.kind == .variable ? "extern " : ""
    let label = symbol.linkName.map { " __asm__(\"\($0)\")" } ?? ""
    text += prefix + declaration(of: symbol.name, symbol.type) + label + ";\n"
  }

  private func declaration(of name: String, _ type: TypeID) -> String {
    guard type != .void, case .vector(let element, let count) = table[type],
      let size = table.size(of: element)
    else { return table.declaration(of: name, type) }
    return table.declaration(of: name, element)
      + " __attribute__((vector_size(\(size * count))))"
  }

  /// Members with their padding written out, so that `packed` and one `aligned` give the layout,
  /// whatever attributes the original had.
  private func body(of record: Record, indent: Int) -> String {
    let margin = String(repeating: "\t", count: indent + 1)
    var lines = "{\n"
    var end: UInt64 = 0
    for member in record.members {
      if let offset = member.bitOffset, record.keyword == .struct {
        lines += padding(from: end, to: offset, margin)
        end = offset + (member.bitSize.map(UInt64.init) ?? (table.size(of: member.type) ?? 0) * 8)
      }
      lines += "\(margin)\(self.member(member, indent: indent + 1));\n"
    }
    lines += finalPadding(record, end, margin)
    let align = record.align.map { ", aligned(\($0))" } ?? ""
    return lines + String(repeating: "\t", count: indent) + "} __attribute__((packed\(align)))"
  }

  private func member(_ member: Member, indent: Int) -> String {
    if let width = member.bitSize {
      return declaration(of: member.name ?? "", member.type) + " : \(width)"
    }
    guard member.name == nil, case .record(let record) = table[member.type] else {
      return declaration(of: member.name ?? "", member.type)
    }
    return "\(record.keyword.rawValue) \(body(of: record, indent: indent))"
  }

  private func padding(from start: UInt64, to end: UInt64, _ margin: String) -> String {
    var text = ""
    var position = start
    while position < end {
      let width = min(end - position, 64)
      text += "\(margin)unsigned long : \(width);\n"
      position += width
    }
    return text
  }

  /// What the alignment alone does not add at the end: the work of bit-fields of no bits.
  private func finalPadding(_ record: Record, _ end: UInt64, _ margin: String) -> String {
    guard record.keyword == .struct, let size = record.size, let align = record.align,
      size * 8 >= end + align * 8
    else { return "" }
    return padding(from: end, to: size * 8, margin)
  }
}
