// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// Brings types of a BTF into a type table, each once, and no more of them than are needed.
///
/// A type is either only *mentioned*, as the target of a pointer (then a struct with a tag stays a
/// `forward`), or *complete*, with all that it contains by value. Which members' targets become
/// complete as well is decided by the member names that the script uses. Work waits in a queue, so
/// that ids follow the order of first mention and no input can exhaust the stack.
struct BTFImporter {
  enum Need: Comparable { case mentioned, complete }

  let btf: BTF
  private(set) var table: TypeTable
  private let usedMembers: Set<String>
  private var ids: [BTFTypeID: TypeID] = [:]
  private var origins: [TypeID: BTFTypeID] = [:]
  private var needs: [BTFTypeID: Need] = [:]
  private var queue: [BTFTypeID] = []
  private var done = 0
  private var alignments: [BTFTypeID: UInt64] = [:]

  /// Types are appended to `table`. `usedMembers`: the member names whose targets are completed.
  init(_ btf: BTF, into table: TypeTable, usedMembers: some Sequence<String>) {
    self.btf = btf
    self.table = table
    self.usedMembers = Set(usedMembers)
  }

  /// A declaration of `name` with a type of the BTF, as C has it.
  static func declaration(of name: String, _ source: BTFTypeID, in btf: BTF) -> String {
    var importer = BTFImporter(btf, into: TypeTable(), usedMembers: [])
    let id = importer.type(source, .mentioned)
    // What cannot be read further is shown as far as it was read.
    try? importer.finish()
    return importer.table.declaration(of: name, id)
  }

  // MARK: Asking for types

  /// The id of a type in the table, appended if it is new. Its entry is right after ``finish()``.
  mutating func type(_ source: BTFTypeID, _ need: Need) -> TypeID {
    let source = canonical(source)
    guard source != .void else { return .void }
    let id = ids[source] ?? append(source)
    require(source, need)
    return id
  }

  /// Lets an entry of the script's, which only names the type, stand for it, completed.
  mutating func adopt(_ source: BTFTypeID, as id: TypeID) {
    let source = canonical(source)
    table.entries[Int(id.rawValue) - 1].origin = .kernel
    origins[id] = source
    // Where the script has two names for one type, both entries say the same.
    if ids[source] == nil { ids[source] = id } else { fill(id, source, need: .complete) }
    require(source, .complete)
  }

  /// Lets a type that the script defines itself, and as the kernel does, stand for the kernel's.
  mutating func identify(_ source: BTFTypeID, with id: TypeID) {
    let source = canonical(source)
    guard ids[source] == nil else { return }
    ids[source] = id
    needs[source] = .complete
  }

  /// Completes what a pointer points at, through typedefs and further pointers, if it has a member
  /// that the script uses.
  mutating func followPointer(_ source: BTFTypeID) {
    guard let target = pointerTarget(source), hasUsedMember(target) else { return }
    _ = type(target, .complete)
  }

  /// The type that a table entry was brought from.
  func origin(of id: TypeID) -> BTFTypeID? { origins[id] }

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

  private mutating func append(_ source: BTFTypeID) -> TypeID {
    let id = table.append(.unresolved(name: ""), origin: .kernel)
    ids[source] = id
    origins[id] = source
    return id
  }

  private mutating func require(_ source: BTFTypeID, _ need: Need) {
    guard needs[source].map({ $0 < need }) ?? true else { return }
    needs[source] = need
    queue.append(source)
  }

  /// The type that carries the information: behind type tags, and for a tag that is only declared
  /// here the one definition that goes by it.
  private func canonical(_ source: BTFTypeID) -> BTFTypeID {
    var source = source
    while btf[source].kind == .typeTag { source = btf[source].target }
    let type = btf[source]
    guard type.kind == .forward, let tag = btf.name(type.nameOffset) else { return source }
    let definitions = btf.types(named: tag, [type.kindFlag ? .union : .structure])
    return definitions.count == 1 ? definitions[0] : source
  }

  // MARK: Filling in

  private mutating func fill(_ id: TypeID, _ source: BTFTypeID, need: Need) {
    table[id] = content(source, need)
  }

  private mutating func content(_ source: BTFTypeID, _ need: Need) -> CType {
    let type = btf[source]
    switch type.kind {
    case .int: return integer(source)
    case .float: return float(source)
    case .pointer: return .pointer(self.type(type.target, .mentioned))
    case .array:
      let array = btf.array(source)
      return .array(
        element: self.type(array.element, need),
        length: array.count == 0 ? .flexible : .count(UInt64(array.count)))
    case .structure, .union: return record(source, need)
    case .enumeration, .enumeration64: return .enumeration(enumeration(source))
    case .forward:
      return .forward(
        keyword: type.kindFlag ? .union : .struct, tag: btf.name(of: source) ?? "")
    case .typedef:
      return .typedef(
        name: btf.name(of: source) ?? "", type: self.type(type.target, need), align: nil)
    case .const: return .const(self.type(type.target, need))
    case .volatile: return .volatile(self.type(type.target, need))
    case .restrict: return .restrict(self.type(type.target, need))
    case .functionPrototype: return .function(function(source, need))
    case .void, .function, .variable, .dataSection, .declarationTag, .typeTag:
      // No type refers to these (BTF.check), but through a type tag, which canonical() removes.
      return .unresolved(name: btf.name(of: source) ?? "")
    }
  }

  private func integer(_ source: BTFTypeID) -> CType {
    let integer = btf.integer(source)
    let name = CSpellings.short(btf.name(of: source) ?? "int")
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

  private mutating func float(_ source: BTFTypeID) -> CType {
    let size = UInt64(btf[source].sizeOrType)
    return .float(name: btf.name(of: source) ?? "float", size: size, align: alignment(of: source))
  }

  private func enumeration(_ source: BTFTypeID) -> Enumeration {
    let type = btf[source]
    return Enumeration(
      tag: btf.name(type.nameOffset), size: UInt64(type.sizeOrType), isSigned: type.kindFlag,
      values: btf.enumerators(of: source).map {
        Enumerator(
          name: btf.name($0.nameOffset) ?? "",
          value: type.kindFlag ? IntegerValue(Int64(bitPattern: $0.bits)) : IntegerValue($0.bits))
      })
  }

  private mutating func record(_ source: BTFTypeID, _ need: Need) -> CType {
    let type = btf[source]
    let keyword: TagKeyword = type.kind == .union ? .union : .struct
    let tag = btf.name(type.nameOffset)
    if need == .mentioned, let tag { return .forward(keyword: keyword, tag: tag) }
    let members = btf.members(of: source).map { member in
      let name = btf.name(member.nameOffset)
      if let name, usedMembers.contains(name), let target = pointerTarget(member.type) {
        _ = self.type(target, .complete)
      }
      return Member(
        name: name, type: self.type(member.type, .complete), bitOffset: UInt64(member.bitOffset),
        bitSize: member.bitSize == 0 ? nil : member.bitSize)
    }
    return .record(
      Record(
        keyword: keyword, tag: tag, size: UInt64(type.sizeOrType),
        align: alignment(of: source), members: members))
  }

  private mutating func function(_ source: BTFTypeID, _ need: Need) -> FunctionType {
    let returnType = type(btf[source].target, need)
    var parameters: [Parameter] = []
    var isVariadic = false
    for parameter in btf.parameters(of: source) {
      if parameter.isVariadicMark {
        isVariadic = true
      } else {
        let type = type(withoutQualifiers(parameter.type), need)
        parameters.append(Parameter(name: btf.name(parameter.nameOffset), type: type))
      }
    }
    return FunctionType(
      returnType: returnType, parameters: parameters, isVariadic: isVariadic)
  }

  /// C11 6.7.6.3p15: a parameter is taken as its unqualified type.
  private func withoutQualifiers(_ source: BTFTypeID) -> BTFTypeID {
    var source = source
    while true {
      switch btf[source].kind {
      case .const, .volatile, .restrict, .typeTag: source = btf[source].target
      default: return source
      }
    }
  }

  // MARK: Members that the script uses

  /// What a pointer, or an array of them, leads to in the end; nil for anything else.
  private func pointerTarget(_ source: BTFTypeID) -> BTFTypeID? {
    var source = btf.unqualified(source)
    var isPointer = false
    // A chain of pointers may be a circle: `typedef void *(*p)(…)` is none, but bytes may be.
    for _ in 0..<16 {
      switch btf[source].kind {
      case .pointer:
        isPointer = true
        source = btf.unqualified(btf[source].target)
      case .array: source = btf.unqualified(btf.array(source).element)
      default: return isPointer ? source : nil
      }
    }
    return nil
  }

  private func hasUsedMember(_ source: BTFTypeID, depth: Int = 0) -> Bool {
    let source = btf.unqualified(canonical(source))
    let kind = btf[source].kind
    guard kind == .structure || kind == .union, depth < 8 else { return false }
    return btf.members(of: source).contains { member in
      guard let name = btf.name(member.nameOffset) else {
        return hasUsedMember(member.type, depth: depth + 1)
      }
      return usedMembers.contains(name)
    }
  }

  // MARK: Checks and alignment

  /// Refuses a record whose members do not fit in it.
  private func checkRecord(_ source: BTFTypeID) throws(SourceError) {
    let type = btf[source]
    guard type.kind == .structure || type.kind == .union else { return }
    let bits = UInt64(type.sizeOrType) * 8
    for member in btf.members(of: source) {
      let size: UInt64? =
        member.bitSize != 0
        ? UInt64(member.bitSize) : btf.size(of: member.type).map { $0.multipliedClamped(by: 8) }
      guard let size else {
        throw btf.malformed(source, "has a member of a type without a size")
      }
      guard UInt64(member.bitOffset) <= bits, size <= bits - UInt64(member.bitOffset) else {
        throw btf.malformed(source, "has a member that reaches beyond its end")
      }
    }
  }

  /// Bytes. BTF does not carry alignments. As bpftool does, a record is taken to be aligned as its
  /// members demand, unless their offsets or its size show that it is packed. An `aligned`
  /// attribute shows only in the places that others give it.
  private mutating func alignment(of source: BTFTypeID) -> UInt64 {
    let source = btf.unqualified(source)
    if let known = alignments[source] { return known }
    let type = btf[source]
    let alignment: UInt64 =
      switch type.kind {
      case .pointer: 8
      case .array: alignment(of: btf.array(source).element)
      case .structure, .union: recordAlignment(source)
      case .int, .enumeration, .enumeration64, .float:
        largestPowerOfTwo(dividing: UInt64(type.sizeOrType), atMost: 16)
      default: 1
      }
    alignments[source] = alignment
    return alignment
  }

  private mutating func recordAlignment(_ source: BTFTypeID) -> UInt64 {
    var largest: UInt64 = 1
    for member in btf.members(of: source) {
      let alignment = alignment(of: member.type)
      if member.bitSize == 0, UInt64(member.bitOffset) % (alignment * 8) != 0 { return 1 }
      largest = max(largest, alignment)
    }
    return UInt64(btf[source].sizeOrType) % largest == 0 ? largest : 1
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
