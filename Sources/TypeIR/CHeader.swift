// SPDX-License-Identifier: MIT

/// Writes types, symbols and constants as C that a compiler accepts, and lays out as they say.
///
/// Everything is defined before it is used; tags are declared first, so that pointers may lead
/// anywhere. Where a record's members do not fall into their places by themselves, it is written
/// packed, with its padding spelled out.
public struct CHeader {
  private let table: TypeTable
  private var text = ""
  private var definedTags: [String: TypeID] = [:]
  private var definedTypedefs: [String: TypeID] = [:]
  private var finished: Set<TypeID> = []
  private var leftOut: Set<String> = []
  private var definedEnumerators: Set<String> = []
  /// So many paddings have names: those of anonymous records share their container's name space.
  private var paddings = 0
  private var dummies = 0
  /// Members still to be written: anonymous types within each other multiply.
  private var budget = 2_000_000

  private init(_ table: TypeTable) { self.table = table }

  /// What the script's or header's C says, said again.
  public static func text(of document: TypesDocument) -> String {
    text(
      document.types, document.constants,
      document.symbols.map { Symbol($0.name, $0.kind, $0.type, $0.linkName) })
  }

  /// What the kernel or the host says. What was selected by `module:name` or `name@file.c`, which are
  /// no names of C's, has the symbol's own, and the selection for a label: read again, it means the same.
  public static func text(of document: ResolvedDocument) -> String {
    text(
      document.types, document.constants,
      document.symbols.map { symbol in
        let isSelection = symbol.name.utf8.contains { ":@".utf8.contains($0) }
        return isSelection
          ? Symbol(symbol.linkName ?? symbol.name, symbol.kind, symbol.type, symbol.name)
          : Symbol(symbol.name, symbol.kind, symbol.type, symbol.linkName)
      })
  }

  private struct Symbol {
    var name: String
    var kind: SymbolKind
    var type: TypeID
    var linkName: String?

    init(_ name: String, _ kind: SymbolKind, _ type: TypeID, _ linkName: String?) {
      (self.name, self.kind, self.type, self.linkName) = (name, kind, type, linkName)
    }
  }

  /// The types that have names, then the symbols, then the constants.
  private static func text(
    _ types: TypeTable, _ constants: [Constant], _ symbols: [Symbol]
  ) -> String {
    var header = CHeader(
      types.withTagsForSharedTypes(symbols.map(\.type)).withDistinctTags())
    header.declareTags()
    for number in types.entries.indices { header.define(TypeID(Int32(number + 1)), whole: true) }
    for symbol in symbols { header.declare(symbol) }
    for constant in constants where !header.definedEnumerators.contains(constant.name) {
      header.text += "#define \(constant.name) \(constant.value.literal)\n"
    }
    return header.text
  }

  private mutating func declare(_ symbol: Symbol) {
    let keyword = symbol.kind == .variable ? "extern " : ""
    let label = symbol.linkName.map { " __asm__(\"\($0)\")" } ?? ""
    text += "\(keyword)\(declaration(of: symbol.name, symbol.type))\(label);\n"
  }

  private mutating func declareTags() {
    var seen: Set<String> = []
    for entry in table.entries {
      guard let name = RecordName(entry.type)?.text, seen.insert(name).inserted else { continue }
      text += name + ";\n"
    }
    if !seen.isEmpty { text += "\n" }
  }

  // MARK: Definitions in order

  /// Defines what the type needs to be spelled, and, if `whole`, for an object of it to exist.
  private mutating func define(_ id: TypeID, whole: Bool) {
    guard id != .void, !finished.contains(id) else { return }
    switch table[id] {
    case .int, .float, .complex, .forward: break
    case .unresolved(let name): defineNothing(name, id)
    case .pointer(let target): define(target, whole: false)
    case .array(let element, _), .vector(let element, _): define(element, whole: true)
    case .const(let inner), .volatile(let inner), .restrict(let inner), .atomic(let inner):
      define(inner, whole: whole)
    case .function(let function):
      define(function.returnType, whole: false)
      for parameter in function.parameters { define(parameter.type, whole: false) }
    case .typedef(let name, let type, let align): define(typedef: name, id, type, align, whole)
    case .enumeration(let enumeration): define(enumeration, id)
    case .record(let record):
      if whole || record.tag == nil { define(record, id) }
    }
  }

  private mutating func define(
    typedef name: String, _ id: TypeID, _ type: TypeID, _ align: UInt64?, _ whole: Bool
  ) {
    if definedTypedefs[name] == nil {
      define(type, whole: false)
      definedTypedefs[name] = id
      let attribute = align.map { " __attribute__((aligned(\($0))))" } ?? ""
      text += "typedef \(declaration(of: name, type))\(attribute);\n"
    } else if definedTypedefs[name] != id {
      leaveOut("typedef \(name)", id)
    }
    if whole {
      define(type, whole: true)
      finished.insert(id)
    }
  }

  private mutating func defineNothing(_ name: String, _ id: TypeID) {
    finished.insert(id)
    text += "/* nothing declares the type '\(name)' */\n"
  }

  private mutating func define(_ enumeration: Enumeration, _ id: TypeID) {
    guard let tag = enumeration.tag, claim("enum \(tag)", id) else { return }
    text += body(enumeration) + ";\n\n"
  }

  private mutating func define(_ record: Record, _ id: TypeID) {
    // First, since a pointer may lead back here.
    finished.insert(id)
    for member in record.members { define(member.type, whole: true) }
    guard let tag = record.tag, claim("\(record.keyword.rawValue) \(tag)", id) else { return }
    text += body(record, depth: 0) + ";\n\n"
  }

  /// Whether a tag is this type's: C has room for one type of each name.
  private mutating func claim(_ name: String, _ id: TypeID) -> Bool {
    if definedTags[name] == nil {
      definedTags[name] = id
      return true
    }
    if definedTags[name] != id { leaveOut(name, id) }
    return false
  }

  private mutating func leaveOut(_ name: String, _ id: TypeID) {
    guard finished.insert(id).inserted, leftOut.insert(name).inserted else { return }
    text += "/* another type called '\(name)' is left out */\n"
  }

  // MARK: Bodies

  /// Anonymous types inside each other deeper than this are cut short: bytes may say anything.
  private static let greatestDepth = 64

  private mutating func body(_ enumeration: Enumeration) -> String {
    var text = "enum\(enumeration.tag.map { " \($0)" } ?? "") {\n"
    var isEmpty = true
    for value in enumeration.values {
      // Enumerators of all enumerations share one name space.
      let isNew = definedEnumerators.insert(value.name).inserted
      let line = "\(value.name) = \(value.value.literal),"
      text += isNew ? "\t\(line)\n" : "\t/* \(line) */\n"
      if isNew { isEmpty = false }
    }
    if isEmpty {
      // C knows no enumeration without enumerators.
      dummies += 1
      text += "\t__no_enumerator_\(dummies)\n"
    }
    return text + "}" + enumeration.modeAttribute
  }

  private mutating func body(_ record: Record, depth: Int) -> String {
    let indent = String(repeating: "\t", count: depth)
    let placed = RecordInC(record, table)
    var text = "\(record.keyword.rawValue)\(record.tag.map { " \($0)" } ?? "") {\n"
    for (number, part) in placed.parts.enumerated() {
      budget -= 1
      guard budget > 0 else { return text + "/* … */ }" }
      text += indent + "\t"
      switch part {
      case .member(let member):
        let isLast = number > 0 && number == placed.parts.count - 1 && record.keyword == .struct
        text += memberDeclaration(member, depth, mayBeFlexible: isLast)
        text += member.bitSize.map { ": \($0)" } ?? ""
      case .bytes(let count):
        paddings += 1
        text += "char __padding_\(paddings)[\(count)]"
      case .bits(let count): text += "char: \(count)"
      }
      text += ";\n"
    }
    return text + "\(indent)}\(placed.attribute)"
  }

  /// C11 6.7.2.1p18: an array of unknown length must be a struct's last member, and not its only one.
  /// Elsewhere (the kernel has some, in unions above all) it is written with a length of 0.
  private mutating func memberDeclaration(
    _ member: Member, _ depth: Int, mayBeFlexible: Bool
  ) -> String {
    let name = member.name ?? ""
    if !mayBeFlexible, member.type != .void,
      case .array(let element, .flexible) = table[member.type]
    {
      return declaration(of: name + "[0]", element, depth: depth + 1)
    }
    return declaration(of: name, member.type, depth: depth + 1)
  }

  /// As ``TypeTable/declaration(of:_:)``, with the bodies of anonymous types.
  private mutating func declaration(of name: String, _ type: TypeID, depth: Int = 0) -> String {
    if type != .void, case .vector(let element, _) = table[type], let size = table.size(of: type) {
      return declaration(of: name, element, depth: depth)
        + " __attribute__((vector_size(\(size))))"
    }
    return table.declaration(of: name, type) { anonymous in
      guard depth < Self.greatestDepth else { return nil }
      return switch table[anonymous] {
      case .record(let record): body(record, depth: depth)
      case .enumeration(let enumeration): body(enumeration)
      default: nil
      }
    }
  }
}

extension TypeTable {
  /// With tags for the anonymous types that more than one declaration spells, and for those of
  /// symbols: spelled out twice, one type would be two.
  fileprivate func withTagsForSharedTypes(_ symbols: [TypeID]) -> TypeTable {
    var uses = [Int](repeating: 0, count: count + 1)
    /// Members that are anonymous, too, can only be spelled out.
    var inlined: Set<TypeID> = []
    for entry in entries {
      switch entry.type {
      case .record(let record):
        for member in record.members {
          if member.name == nil { inlined.insert(member.type) }
          for type in anonymousTypes(in: member.type) { uses[Int(type.rawValue)] += 1 }
        }
      case .typedef(_, let type, _):
        for type in anonymousTypes(in: type) { uses[Int(type.rawValue)] += 1 }
      default: break
      }
    }
    for symbol in symbols {
      for type in anonymousTypes(in: symbol) { uses[Int(type.rawValue)] += 2 }
    }
    var table = self
    for number in entries.indices where uses[number + 1] > 1 {
      let id = TypeID(Int32(number + 1))
      if !inlined.contains(id) { table[id] = table[id].tagged("__anonymous_\(id.rawValue)") }
    }
    return table
  }

  /// C11 6.2.3: the tags of structs, unions and enumerations share one name space; those of a kernel,
  /// whose files need not know of each other, do not (`struct context`, `enum context`). What is no
  /// struct gives way: it becomes `enum context__enum`.
  fileprivate func withDistinctTags() -> TypeTable {
    var keywords: [String: Set<TagKeyword>] = [:]
    for entry in entries {
      if let (keyword, tag) = entry.type.tag { keywords[tag, default: []].insert(keyword) }
    }
    var table = self
    for (number, entry) in entries.enumerated() {
      guard let (keyword, tag) = entry.type.tag, let rivals = keywords[tag], rivals.count > 1,
        keyword != (rivals.contains(.struct) ? .struct : .union)
      else { continue }
      table[TypeID(Int32(number + 1))] = entry.type.tagged("\(tag)__\(keyword.rawValue)")
    }
    return table
  }

  /// The anonymous types that a declaration with this type spells out.
  private func anonymousTypes(in type: TypeID) -> [TypeID] {
    var found: [TypeID] = []
    var open = [type]
    var budget = 256
    while let id = open.popLast(), budget > 0 {
      budget -= 1
      guard id != .void else { continue }
      switch self[id] {
      case .pointer(let next), .array(let next, _), .vector(let next, _), .const(let next),
        .volatile(let next), .restrict(let next), .atomic(let next):
        open.append(next)
      case .function(let function):
        open += [function.returnType] + function.parameters.map(\.type)
      case .record(let record): if record.tag == nil { found.append(id) }
      case .enumeration(let enumeration): if enumeration.tag == nil { found.append(id) }
      case .int, .float, .complex, .forward, .typedef, .unresolved: break
      }
    }
    return found
  }
}

extension CType {
  fileprivate var tag: (keyword: TagKeyword, tag: String)? {
    switch self {
    case .record(let record): record.tag.map { (record.keyword, $0) }
    case .enumeration(let enumeration): enumeration.tag.map { (.enum, $0) }
    case .forward(let keyword, let tag): (keyword, tag)
    default: nil
    }
  }

  /// With a tag, if it is of a kind that has one.
  fileprivate func tagged(_ tag: String) -> CType {
    switch self {
    case .record(var record):
      record.tag = tag
      return .record(record)
    case .enumeration(var enumeration):
      enumeration.tag = tag
      return .enumeration(enumeration)
    case .forward(let keyword, _): return .forward(keyword: keyword, tag: tag)
    default: return self
    }
  }
}

extension Enumeration {
  /// gcc gives an enumeration 4 bytes, or 8 if its values need them; packed, as few as they need.
  fileprivate var modeAttribute: String {
    let needed = values.map { $0.value.bytesNeeded(asSigned: isSigned) }.max() ?? 1
    switch size {
    case max(needed, 4): return ""
    case needed: return " __attribute__((packed))"
    case 1: return " __attribute__((mode(QI)))"
    case 2: return " __attribute__((mode(HI)))"
    default: return " __attribute__((mode(DI)))"
    }
  }
}

extension IntegerValue {
  /// 1, 2, 4 or 8.
  fileprivate func bytesNeeded(asSigned isSigned: Bool) -> UInt64 {
    [1, 2, 4].first { fits($0 * 8, isSigned: isSigned) } ?? 8
  }
}

extension IntegerValue {
  /// As a C constant of a type that holds it.
  fileprivate var literal: String {
    if isNegative {
      // The least value has no literal of its own: its absolute value is too large.
      return bits == 1 << 63 ? "(-9223372036854775807LL - 1)" : "\(Int64(bitPattern: bits))"
    }
    return bits > UInt64(Int64.max) ? "\(bits)ULL" : "\(bits)"
  }
}

/// A tag that can be declared before it is defined.
private struct RecordName {
  let text: String

  init?(_ type: CType) {
    switch type {
    case .record(let record):
      guard let tag = record.tag else { return nil }
      text = "\(record.keyword.rawValue) \(tag)"
    case .forward(let keyword, let tag):
      guard keyword != .enum else { return nil }
      text = "\(keyword.rawValue) \(tag)"
    default: return nil
    }
  }
}

/// The parts of a record as C must have them so that each member gets its place.
private struct RecordInC {
  enum Part {
    case member(Member)
    /// Padding.
    case bytes(UInt64)
    case bits(UInt64)
  }

  private(set) var parts: [Part]
  private(set) var attribute = ""

  init(_ record: Record, _ table: TypeTable) {
    parts = record.members.map { .member($0) }
    if record.isTransparent { attribute = " __attribute__((transparent_union))" }
    guard !RecordInC.isNatural(record, table) else { return }
    let align = record.align ?? 1
    attribute += " __attribute__((packed\(align > 1 ? ", aligned(\(align))" : "")))"
    if record.keyword == .struct {
      parts = RecordInC.padded(record, table)
    } else if let size = record.size {
      parts.append(.bytes(size))
    }
  }

  /// Whether a compiler, left to itself, puts every member where it is.
  private static func isNatural(_ record: Record, _ table: TypeTable) -> Bool {
    var laidOut = record
    guard (try? table.layOut(&laidOut)) != nil else { return true }
    return laidOut.size == record.size && laidOut.align == record.align
      && zip(laidOut.members, record.members).allSatisfy { $0.bitOffset == $1.bitOffset }
  }

  /// The members with padding before each, as a packed struct needs it.
  private static func padded(_ record: Record, _ table: TypeTable) -> [Part] {
    var parts: [Part] = []
    var position: UInt64 = 0
    func pad(to end: UInt64) {
      guard end > position else { return }
      // Up to the next byte by bits, then by bytes, then the rest by bits.
      let toByte = min((8 - position % 8) % 8, end - position)
      let bytes = (end - position - toByte) / 8
      let rest = end - position - toByte - bytes * 8
      if toByte > 0 { parts.append(.bits(toByte)) }
      if bytes > 0 { parts.append(.bytes(bytes)) }
      if rest > 0 { parts.append(.bits(rest)) }
      position = end
    }
    for member in record.members {
      pad(to: member.bitOffset ?? position)
      parts.append(.member(member))
      position += member.bitSize.map { UInt64($0) } ?? (table.size(of: member.type) ?? 0) &* 8
    }
    pad(to: (record.size ?? 0) &* 8)
    return parts
  }
}
