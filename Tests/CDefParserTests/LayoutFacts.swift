// SPDX-License-Identifier: MIT

import Foundation
import TypeIR

/// What a layout says about one name, in words that two readers can be compared by: a size in bytes,
/// and of each member (those of anonymous types included) its path, offset and size in bits; of an
/// enumeration, its constants.
struct LayoutFacts: Comparable {
  var lines: [String]

  static func < (left: LayoutFacts, right: LayoutFacts) -> Bool {
    left.lines.lexicographicallyPrecedes(right.lines)
  }

  mutating func add(size: UInt64?) { lines.append("size \(size.map(String.init) ?? "unknown")") }

  mutating func add(member path: String, offset: UInt64, size: UInt64?) {
    lines.append("\(path) at \(offset), \(size.map(String.init) ?? "unknown") bits")
  }

  mutating func add(enumerator name: String, value: String) {
    lines.append("\(withoutDuplicateNumber(name)) = \(value)")
  }
}

/// bpftool writes the n-th type of a name as `name___n`: C has room for one.
func withoutDuplicateNumber(_ name: String) -> String {
  guard let range = name.range(of: "___", options: .backwards),
    let number = Int(name[range.upperBound...]), number > 1
  else { return name }
  return String(name[..<range.lowerBound])
}

/// The facts about every name: "struct s", "union u", "enum e", "typedef t". A name has several where
/// a kernel has several types of that name.
struct NamedLayouts {
  private(set) var facts: [String: [LayoutFacts]] = [:]

  var names: Set<String> { Set(facts.keys) }
  /// How many types.
  var count: Int { facts.values.reduce(0) { $0 + $1.count } }

  mutating func add(_ name: String, _ layout: LayoutFacts) {
    facts[withoutDuplicateNumber(name), default: []].append(layout)
  }

  /// The names whose types are not all in `other`.
  func missing(in other: NamedLayouts) -> [String] {
    facts.filter { ($0.value.count) > (other.facts[$0.key]?.count ?? 0) }.keys.sorted()
  }

  /// The names that both know and that are not the same in both, with the first line that differs.
  func different(in other: NamedLayouts) -> [(name: String, difference: String)] {
    facts.compactMap { name, layouts -> (String, String)? in
      guard let others = other.facts[name], others.count == layouts.count else { return nil }
      let pairs = zip(layouts.sorted(), others.sorted())
      guard let (mine, theirs) = pairs.first(where: { $0 != $1 }) else { return nil }
      let line = zip(mine.lines, theirs.lines).first { $0 != $1 }
      return (
        name,
        line.map { "\($0), and \($1)" }
          ?? "\(mine.lines.count) lines of facts, \(theirs.lines.count)"
      )
    }.sorted { $0.0 < $1.0 }
  }
}

extension NamedLayouts {
  /// What cdef-parse says.
  init(_ table: TypeTable) {
    for (index, entry) in table.entries.enumerated() {
      let id = TypeID(Int32(index + 1))
      var facts = LayoutFacts(lines: [])
      facts.add(size: table.size(of: id))
      switch entry.type {
      case .record(let record):
        guard let tag = record.tag else { continue }
        Self.add(record, table, path: "", base: 0, to: &facts)
        add("\(record.keyword.rawValue) \(tag)", facts)
      case .enumeration(let enumeration):
        guard let tag = enumeration.tag else { continue }
        Self.add(enumeration, to: &facts)
        add("enum \(tag)", facts)
      case .typedef(let name, let type, _):
        Self.addAnonymous(type, table, path: "", base: 0, to: &facts)
        add("typedef \(name)", facts)
      default: continue
      }
    }
  }

  private static func add(
    _ record: Record, _ table: TypeTable, path: String, base: UInt64, to facts: inout LayoutFacts
  ) {
    for member in record.members {
      // Unnamed bit-fields are padding.
      if member.name == nil, member.bitSize != nil { continue }
      let offset = base + (member.bitOffset ?? 0)
      let name = path + (member.name ?? "")
      if member.name != nil {
        let size = member.bitSize.map(UInt64.init) ?? memberSize(member.type, table).map { $0 * 8 }
        facts.add(member: name, offset: offset, size: size)
      }
      let inner = member.name == nil ? path : name + "."
      addAnonymous(member.type, table, path: inner, base: offset, to: &facts)
    }
  }

  /// A flexible array has no size and occupies none.
  private static func memberSize(_ type: TypeID, _ table: TypeTable) -> UInt64? {
    let type = table.unqualified(type)
    if type != .void, case .array(_, .flexible) = table[type] { return 0 }
    return table.size(of: type)
  }

  /// Types without a name are described where they are used.
  private static func addAnonymous(
    _ type: TypeID, _ table: TypeTable, path: String, base: UInt64, to facts: inout LayoutFacts
  ) {
    guard type != .void else { return }
    switch table[type] {
    case .record(let record) where record.tag == nil:
      add(record, table, path: path, base: base, to: &facts)
    case .enumeration(let enumeration) where enumeration.tag == nil: add(enumeration, to: &facts)
    case .array(let inner, _), .const(let inner), .volatile(let inner):
      addAnonymous(inner, table, path: path, base: base, to: &facts)
    default: return
    }
  }

  private static func add(_ enumeration: Enumeration, to facts: inout LayoutFacts) {
    for value in enumeration.values {
      let bits = value.value.bits
      facts.add(
        enumerator: value.name,
        value: enumeration.isSigned ? "\(Int64(bitPattern: bits))" : "\(bits)")
    }
  }
}
