// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// Brings a kernel's types into a type table, each once, and no more of them than are needed.
///
/// A type is either only *mentioned*, as the target of a pointer (then a struct with a tag stays a
/// `forward`), or *complete*, with all that it contains by value. Which members' targets become
/// complete as well is decided by the member names that the script uses. Work waits in a queue, so
/// that ids follow the order of first mention and no input can exhaust the stack.
struct KernelTypeImporter {
  enum Need: Comparable { case mentioned, complete }

  let types: KernelTypes
  private(set) var table: TypeTable
  private let usedMembers: Set<String>
  private var ids: [KernelType: TypeID] = [:]
  private var origins: [TypeID: KernelType] = [:]
  private var needs: [KernelType: Need] = [:]
  private var queue: [KernelType] = []
  private var done = 0
  private var alignments: [KernelType: UInt64] = [:]

  /// Types are appended to `table`. `usedMembers`: the member names whose targets are completed.
  init(_ types: KernelTypes, into table: TypeTable, usedMembers: some Sequence<String>) {
    self.types = types
    self.table = table
    self.usedMembers = Set(usedMembers)
  }

  /// A declaration of `name` with a type of the BTF, as C has it.
  static func declaration(of name: String, _ source: KernelType, in types: KernelTypes) -> String {
    var importer = KernelTypeImporter(types, into: TypeTable(), usedMembers: [])
    let id = importer.type(source, .mentioned)
    // What cannot be read further is shown as far as it was read.
    try? importer.finish()
    return importer.table.declaration(of: name, id)
  }

  /// The same for who shows it as the answer: throws where the type, or what it needs, contradicts
  /// itself or is larger than any object can be.
  static func soundDeclaration(
    of name: String, _ source: KernelType, in types: KernelTypes
  ) throws -> String {
    var importer = KernelTypeImporter(types, into: TypeTable(), usedMembers: [])
    let id = importer.type(source, .mentioned)
    try importer.finish()
    // As of what resolving brings.
    let document = ResolvedDocument(
      target: TypesDocument().target, targetKind: .kernel,
      kernel: KernelIdentity(release: nil, buildID: nil), types: importer.table, symbols: [],
      constants: [], expressions: [])
    try document.validate(name: types.kernel.name)
    return importer.table.declaration(of: name, id)
  }

  // MARK: Asking for types

  /// The id of a type in the table, appended if it is new. Its entry is right after ``finish()``.
  mutating func type(_ source: KernelType, _ need: Need) -> TypeID {
    let source = canonical(source)
    guard source != .void else { return .void }
    let id = ids[source] ?? append(source)
    require(source, need)
    return id
  }

  /// Lets an entry of the script's, which only names the type, stand for it, completed.
  mutating func adopt(_ source: KernelType, as id: TypeID) {
    let source = canonical(source)
    table.entries[Int(id.rawValue) - 1].origin = .kernel
    origins[id] = source
    // Where the script has two names for one type, both entries say the same.
    if ids[source] == nil { ids[source] = id } else { fill(id, source, need: .complete) }
    require(source, .complete)
  }

  /// Lets a type that the script defines itself, and as the kernel does, stand for the kernel's.
  mutating func identify(_ source: KernelType, with id: TypeID) {
    let source = canonical(source)
    guard ids[source] == nil else { return }
    ids[source] = id
    needs[source] = .complete
  }

  /// Completes what a pointer points at, through typedefs and further pointers, if it has a member
  /// that the script uses.
  mutating func followPointer(_ source: KernelType) {
    guard let target = pointerTarget(source), hasUsedMember(target) else { return }
    _ = type(target, .complete)
  }

  /// The type that a table entry was brought from.
  func origin(of id: TypeID) -> KernelType? { origins[id] }

  /// Whether what the entry was brought from tells all dimensions of an array.
  func keepsDimensions(_ id: TypeID) -> Bool {
    origin(of: id).map { types.keepsDimensions($0) } ?? true
  }

  /// Fills in all that was asked for, and what that needs in turn.
  mutating func finish() throws(SourceError) {
    while done < queue.count {
      let source = queue[done]
      done += 1
      guard let id = ids[source] else { continue }
      try checkRecord(source)
      fill(id, source, need: needs[source] ?? .mentioned)
    }
    queue = []
    done = 0
  }

  /// Lays out the script's records that waited for a type of the kernel's.
  mutating func layOutRecords() throws(LayoutError) { try table.layOutRecords() }

  private mutating func append(_ source: KernelType) -> TypeID {
    let id = table.append(.unresolved(name: ""), origin: .kernel)
    ids[source] = id
    origins[id] = source
    return id
  }

  private mutating func require(_ source: KernelType, _ need: Need) {
    guard needs[source].map({ $0 < need }) ?? true else { return }
    needs[source] = need
    queue.append(source)
  }

  /// The type that carries the information: behind type tags, and for a tag that is only declared
  /// here the one definition that goes by it.
  private func canonical(_ source: KernelType) -> KernelType {
    var source = source
    while types[source].kind == .typeTag { source = types.target(of: source) }
    let type = types[source]
    guard type.kind == .forward, let tag = types.name(of: source) else { return source }
    let definitions = types.types(
      named: tag, [type.kindFlag ? .union : .structure], graph: source.graph)
    return definitions.count == 1 ? definitions[0] : source
  }

  // MARK: Filling in

  private mutating func fill(_ id: TypeID, _ source: KernelType, need: Need) {
    table[id] = content(source, need)
  }

  private mutating func content(_ source: KernelType, _ need: Need) -> CType {
    let type = types[source]
    switch type.kind {
    case .int: return integer(source)
    case .float: return float(source)
    case .pointer: return .pointer(self.type(types.target(of: source), .mentioned))
    case .array:
      let array = types.array(source)
      return .array(
        element: self.type(array.element, need),
        length: array.count == 0 ? .flexible : .count(UInt64(array.count)))
    case .structure, .union: return record(source, need)
    case .enumeration, .enumeration64: return .enumeration(enumeration(source))
    case .forward:
      return .forward(
        keyword: type.kindFlag ? .union : .struct, tag: types.name(of: source) ?? "")
    case .typedef:
      return .typedef(
        name: types.name(of: source) ?? "", type: self.type(types.target(of: source), need),
        align: nil)
    case .const: return .const(self.type(types.target(of: source), need))
    case .volatile: return .volatile(self.type(types.target(of: source), need))
    case .restrict: return .restrict(self.type(types.target(of: source), need))
    case .functionPrototype: return .function(function(source, need))
    case .void, .function, .variable, .dataSection, .declarationTag, .typeTag:
      // No type refers to these (BTF.check), but through a type tag, which canonical() removes.
      return .unresolved(name: types.name(of: source) ?? "")
    }
  }

  private func integer(_ source: KernelType) -> CType {
    let integer = types.integer(source)
    let name = CSpellings.short(types.name(of: source) ?? "int")
    let encoding: IntEncoding =
      if integer.encoding.contains(.bool) {
        .bool
      } else if name == "char" {
        .char
      } else {
        integer.encoding.contains(.signed) ? .signed : .unsigned
      }
    return .int(
      name: name, size: UInt64(integer.size), align: UInt64(integer.size), encoding: encoding)
  }

  private mutating func float(_ source: KernelType) -> CType {
    let size = UInt64(types[source].sizeOrType)
    return .float(name: types.name(of: source) ?? "float", size: size, align: alignment(of: source))
  }

  private func enumeration(_ source: KernelType) -> Enumeration {
    let type = types[source]
    return Enumeration(
      tag: types.name(of: source), size: UInt64(type.sizeOrType), isSigned: type.kindFlag,
      values: types.enumerators(of: source).map {
        Enumerator(
          name: $0.name,
          value: type.kindFlag ? IntegerValue(Int64(bitPattern: $0.bits)) : IntegerValue($0.bits))
      })
  }

  private mutating func record(_ source: KernelType, _ need: Need) -> CType {
    let type = types[source]
    let keyword: TagKeyword = type.kind == .union ? .union : .struct
    let tag = types.name(of: source)
    if need == .mentioned, let tag { return .forward(keyword: keyword, tag: tag) }
    let members = types.members(of: source).map { member in
      if let name = member.name, usedMembers.contains(name), let target = pointerTarget(member.type)
      {
        _ = self.type(target, .complete)
      }
      return Member(
        name: member.name, type: self.type(member.type, .complete),
        bitOffset: UInt64(member.bitOffset),
        bitSize: member.bitSize == 0 ? nil : member.bitSize)
    }
    return .record(
      Record(
        keyword: keyword, tag: tag, size: UInt64(type.sizeOrType),
        align: alignment(of: source), members: members))
  }

  private mutating func function(_ source: KernelType, _ need: Need) -> FunctionType {
    let returnType = type(types.target(of: source), need)
    var parameters: [Parameter] = []
    var isVariadic = false
    for parameter in types.parameters(of: source) {
      if parameter.isVariadicMark {
        isVariadic = true
      } else {
        let type = type(withoutQualifiers(parameter.type), need)
        parameters.append(Parameter(name: parameter.name, type: type))
      }
    }
    return FunctionType(
      returnType: returnType, parameters: parameters, isVariadic: isVariadic)
  }

  /// C11 6.7.6.3p15: a parameter is taken as its unqualified type.
  private func withoutQualifiers(_ source: KernelType) -> KernelType {
    var source = source
    while true {
      switch types[source].kind {
      case .const, .volatile, .restrict, .typeTag: source = types.target(of: source)
      default: return source
      }
    }
  }

  // MARK: Members that the script uses

  /// What a pointer, or an array of them, leads to in the end; nil for anything else.
  private func pointerTarget(_ source: KernelType) -> KernelType? {
    var source = types.unqualified(source)
    var isPointer = false
    // A chain of pointers may be a circle: `typedef void *(*p)(…)` is none, but bytes may be.
    for _ in 0..<16 {
      switch types[source].kind {
      case .pointer:
        isPointer = true
        source = types.unqualified(types.target(of: source))
      case .array: source = types.unqualified(types.array(source).element)
      default: return isPointer ? source : nil
      }
    }
    return nil
  }

  private func hasUsedMember(_ source: KernelType, depth: Int = 0) -> Bool {
    let source = types.unqualified(canonical(source))
    let kind = types[source].kind
    guard kind == .structure || kind == .union, depth < 8 else { return false }
    return types.members(of: source).contains { member in
      guard let name = member.name else {
        return hasUsedMember(member.type, depth: depth + 1)
      }
      return usedMembers.contains(name)
    }
  }

  // MARK: Checks and alignment

  /// Refuses a record whose members do not fit in it.
  private func checkRecord(_ source: KernelType) throws(SourceError) {
    let type = types[source]
    guard type.kind == .structure || type.kind == .union else { return }
    let bits = UInt64(type.sizeOrType) * 8
    for member in types.members(of: source) {
      let size: UInt64? =
        member.bitSize != 0
        ? UInt64(member.bitSize) : types.size(of: member.type).map { $0.multipliedClamped(by: 8) }
      guard let size else {
        throw types.malformed(source, "has a member of a type without a size")
      }
      guard UInt64(member.bitOffset) <= bits, size <= bits - UInt64(member.bitOffset) else {
        throw types.malformed(source, "has a member that reaches beyond its end")
      }
    }
  }

  /// Bytes. BTF does not carry alignments. As bpftool does, a record is taken to be aligned as its
  /// members demand, unless their offsets or its size show that it is packed. An `aligned`
  /// attribute shows only in the places that others give it.
  private mutating func alignment(of source: KernelType) -> UInt64 {
    let source = types.unqualified(source)
    if let known = alignments[source] { return known }
    let type = types[source]
    let alignment: UInt64 =
      switch type.kind {
      case .pointer: 8
      case .array: alignment(of: types.array(source).element)
      case .structure, .union: recordAlignment(source)
      case .int, .enumeration, .enumeration64, .float:
        largestPowerOfTwo(dividing: UInt64(type.sizeOrType), atMost: 16)
      default: 1
      }
    alignments[source] = alignment
    return alignment
  }

  private mutating func recordAlignment(_ source: KernelType) -> UInt64 {
    var largest: UInt64 = 1
    for member in types.members(of: source) {
      let alignment = alignment(of: member.type)
      if member.bitSize == 0, UInt64(member.bitOffset) % (alignment * 8) != 0 { return 1 }
      largest = max(largest, alignment)
    }
    return UInt64(types[source].sizeOrType) % largest == 0 ? largest : 1
  }

  private func largestPowerOfTwo(dividing size: UInt64, atMost most: UInt64) -> UInt64 {
    size == 0 ? 1 : min(most, 1 << UInt64(size.trailingZeroBitCount))
  }
}

extension UInt64 {
  func multipliedClamped(by other: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}

/// Compilers call integers otherwise than people do.
enum CSpellings {
  /// "long unsigned int", as DWARF and so BTF have it, is "unsigned long".
  static func short(_ name: String) -> String { shortNames[name] ?? name }

  private static let shortNames = [
    "short int": "short", "short unsigned int": "unsigned short",
    "long int": "long", "long unsigned int": "unsigned long",
    "long long int": "long long", "long long unsigned int": "unsigned long long",
    "__int128 unsigned": "unsigned __int128",
  ]
}
