// SPDX-License-Identifier: MIT

import CElfutils
import Diagnostics

/// Types that DWARF describes, as a BTF.
public struct DWARFTypes {
  /// It goes on where the BTF ends that was given as a base: what that has, and DWARF has alike, is
  /// not repeated.
  public let btf: BTF
  /// For each of the entries that were asked for: a function, a variable, or a type.
  public let ids: [BTFTypeID]
}

extension DWARFFile {
  /// Brings the types of `entries`, and all that they need, into a BTF.
  ///
  /// BTF and DWARF are comparable after this, for what BTF does not say is dropped: alignments,
  /// `_Atomic`, what an array is indexed by, the names of nameless enumerations' typedefs. A struct
  /// of the base that has the same name, size and members stands for that of DWARF.
  ///
  /// Throws `bad-dwarf` where the entries contradict themselves or cannot be had in BTF.
  public func types(of entries: [DWARFEntry], base: BTF?) throws(SourceError) -> DWARFTypes {
    var importer = DWARFTypeImporter(self, base: base)
    var ids: [BTFTypeID] = []
    for entry in entries { ids.append(try importer.add(entry)) }
    let bytes = FileBytes(name: path, copying: try importer.finish())
    do throws(SourceError) {
      return DWARFTypes(btf: try BTF(bytes, base: base), ids: ids)
    } catch {
      throw .badTypes(path, error.diagnostic.message)
    }
  }
}

extension SourceError {
  fileprivate static func badTypes(_ path: String, _ what: String) -> SourceError {
    SourceError(
      .malformed,
      Diagnostic(
        "bad-dwarf", "the types of its DWARF contradict themselves: \(what)", place: .file(path)))
  }
}

/// Makes BTF types of DWARF entries. A type gets its number when it is first mentioned, and its
/// content when its turn comes: nothing here recurses, whatever refers to what.
private struct DWARFTypeImporter {
  /// A type that has a number and no content yet.
  private enum Pending {
    case entry(DWARFDie)
    /// What remains of an array of several dimensions, outermost first.
    case array(element: UInt32, counts: [UInt64])
    case function(name: String, prototype: UInt32, isExternal: Bool)
    case variable(name: String, type: UInt32, isExternal: Bool)
    /// A prototype, of the entry of a function.
    case prototype(DWARFDie)
    case integer(name: String, size: UInt32, encoding: BTFIntEncoding)
  }

  /// By what a type is the same as another one, wherever it is described.
  private enum Identity: Hashable {
    case base(String, UInt64, UInt64)
    case named(BTFKind, String, size: UInt64, line: UInt64, isDeclaration: Bool)
    case array(UInt32, [UInt64])
  }

  private let file: DWARFFile
  private let base: BTF?
  private var builder: BTFBuilder
  private var nextID: UInt32
  private var queue: [Pending] = []
  private var done = 0
  private var ids: [DWARFPlace: UInt32] = [:]
  private var identities: [Identity: UInt32] = [:]
  private var indexType: UInt32?
  private var byteType: UInt32?

  /// A kernel has 100,000 types.
  private static let greatestCount = 4_000_000

  init(_ file: DWARFFile, base: BTF?) {
    self.file = file
    self.base = base
    builder = BTFBuilder(base: base)
    nextID = base?.typeCount ?? 1
  }

  // MARK: Asking for types

  mutating func add(_ entry: DWARFEntry) throws(SourceError) -> BTFTypeID {
    guard let die = file.die(at: entry.place) else {
      throw .badTypes(file.path, "there is no entry at \(entry.place.offset)")
    }
    let isExternal = entry.flags.contains(.external)
    switch entry.kind {
    case .function:
      let prototype = enqueue(.prototype(die))
      return BTFTypeID(
        enqueue(.function(name: entry.name, prototype: prototype, isExternal: isExternal)))
    case .variable:
      let type = typeID(of: die)
      return BTFTypeID(enqueue(.variable(name: entry.name, type: type, isExternal: isExternal)))
    case .structure, .union, .enumeration, .typedef: return BTFTypeID(id(of: die))
    case .enumerator:
      guard let parent = file.enumeration(around: entry) else {
        throw .badTypes(file.path, "'\(entry.name)' is in no enumeration")
      }
      return BTFTypeID(id(of: parent))
    }
  }

  /// Fills in everything that was asked for, and what that needs; the bytes of the BTF.
  mutating func finish() throws(SourceError) -> [UInt8] {
    do throws(BTFBuilder.Overflow) {
      while done < queue.count {
        guard queue.count < Self.greatestCount else {
          throw BTFBuilder.Overflow(what: "more than \(Self.greatestCount) types")
        }
        let pending = queue[done]
        done += 1
        try fill(pending)
      }
    } catch {
      throw SourceError(
        .malformed,
        Diagnostic(
          "bad-dwarf", "its DWARF has \(error.what)",
          place: .file(file.path)))
    }
    return builder.bytes()
  }

  private mutating func enqueue(_ pending: Pending) -> UInt32 {
    queue.append(pending)
    defer { nextID += 1 }
    return nextID
  }

  private mutating func enqueue(_ pending: Pending, as identity: Identity?) -> UInt32 {
    if let identity, let known = identities[identity] { return known }
    let id = enqueue(pending)
    if let identity { identities[identity] = id }
    return id
  }

  /// The type that `DW_AT_type` of an entry means; 0: `void`.
  private mutating func typeID(of die: DWARFDie) -> UInt32 {
    guard let target = die.type else { return 0 }
    return id(of: target)
  }

  private mutating func id(of original: DWARFDie) -> UInt32 {
    if let known = ids[original.place] { return known }
    var die = original
    var hops = 0
    while let target = Self.target(ofTransparent: die) {
      guard hops < 64 else { return 0 }
      die = target
      hops += 1
    }
    if let known = ids[die.place] { return known }
    let id = newID(die)
    ids[original.place] = id
    ids[die.place] = id
    return id
  }

  private mutating func newID(_ die: DWARFDie) -> UInt32 {
    switch die.tag {
    case DW_TAG_unspecified_type: return 0
    case DW_TAG_base_type: return enqueue(.entry(die), as: baseIdentity(die))
    case DW_TAG_structure_type, DW_TAG_class_type: return tagged(.structure, die)
    case DW_TAG_union_type: return tagged(.union, die)
    case DW_TAG_enumeration_type: return tagged(.enumeration, die)
    default: return enqueue(.entry(die))
    }
  }

  private func baseIdentity(_ die: DWARFDie) -> Identity? {
    guard let name = die.name else { return nil }
    return .base(
      name, die.number(DW_AT_byte_size) ?? 0,
      die.number(DW_AT_encoding) ?? 0)
  }

  private mutating func tagged(_ kind: BTFKind, _ die: DWARFDie) -> UInt32 {
    guard let name = die.name else {
      return enqueue(.entry(die))
    }
    let isDeclaration = die.flag(DW_AT_declaration)
    let size = die.number(DW_AT_byte_size) ?? 0
    if let known = baseType(kind, name, size, isDeclaration, die) { return known }
    let line = die.number(DW_AT_decl_line) ?? 0
    return enqueue(
      .entry(die),
      as: .named(
        kind, name, size: size, line: isDeclaration ? 0 : line, isDeclaration: isDeclaration))
  }

  // MARK: What the base has

  /// The type of the base that is the same: the only one of its name that looks alike.
  private func baseType(
    _ kind: BTFKind, _ name: String, _ size: UInt64, _ isDeclaration: Bool,
    _ die: DWARFDie
  ) -> UInt32? {
    guard let base else { return nil }
    let candidates = base.types(
      named: name, kind == .enumeration ? [.enumeration, .enumeration64] : [kind])
    if isDeclaration { return candidates.count == 1 ? candidates[0].rawValue : nil }
    let same = candidates.filter { UInt64(base[$0].sizeOrType) == size }
    if kind == .enumeration { return same.count == 1 ? same[0].rawValue : nil }
    let members = Self.members(of: die)
    let alike = same.filter { hasMembers($0, members, base) }
    return alike.count == 1 ? alike[0].rawValue : nil
  }

  private func hasMembers(_ id: BTFTypeID, _ members: [Member], _ base: BTF) -> Bool {
    base[id].count == members.count
      && zip(base.members(of: id), members).allSatisfy { its, mine in
        UInt64(its.bitOffset) == mine.bitOffset && UInt64(its.bitSize) == mine.bitSize
          && (mine.name.map { base.isName(its.nameOffset, $0) } ?? (its.nameOffset == 0))
      }
  }

  // MARK: Content

  private mutating func fill(_ pending: Pending) throws(BTFBuilder.Overflow) {
    switch pending {
    case .entry(let die): try fill(die)
    case .array(let element, let counts): try addArray(of: element, counts)
    case .function(let name, let prototype, let isExternal):
      try builder.add(
        .function, name, sizeOrType: UInt64(prototype), count: isExternal ? 1 : 0)
    case .variable(let name, let type, let isExternal):
      try builder.add(
        .variable, name, sizeOrType: UInt64(type), words: [isExternal ? 1 : 0])
    case .prototype(let die): try addPrototype(die)
    case .integer(let name, let size, let encoding): try addInteger(name, size, encoding)
    }
  }

  private mutating func fill(_ die: DWARFDie) throws(BTFBuilder.Overflow) {
    let name = die.name
    switch die.tag {
    case DW_TAG_base_type: try addBase(name, die)
    case DW_TAG_pointer_type, DW_TAG_reference_type, DW_TAG_rvalue_reference_type:
      try builder.add(.pointer, nil, sizeOrType: UInt64(typeID(of: die)))
    case DW_TAG_typedef: try builder.add(.typedef, name, sizeOrType: UInt64(typeID(of: die)))
    case DW_TAG_const_type: try builder.add(.const, nil, sizeOrType: UInt64(typeID(of: die)))
    case DW_TAG_volatile_type:
      try builder.add(.volatile, nil, sizeOrType: UInt64(typeID(of: die)))
    case DW_TAG_restrict_type:
      try builder.add(.restrict, nil, sizeOrType: UInt64(typeID(of: die)))
    case DW_TAG_array_type: try addArray(die)
    case DW_TAG_structure_type, DW_TAG_class_type: try addRecord(.structure, name, die)
    case DW_TAG_union_type: try addRecord(.union, name, die)
    case DW_TAG_enumeration_type: try addEnumeration(name, die)
    case DW_TAG_subroutine_type: try addPrototype(die)
    default: try addOpaque(die.number(DW_AT_byte_size) ?? 0)
    }
  }

  // MARK: Scalars

  private mutating func addBase(
    _ name: String?, _ die: DWARFDie
  ) throws(BTFBuilder.Overflow) {
    let size = die.number(DW_AT_byte_size) ?? 0
    let encoding = die.number(DW_AT_encoding) ?? 0
    switch Int(truncatingIfNeeded: encoding) {
    case DW_ATE_float, DW_ATE_complex_float, DW_ATE_imaginary_float, DW_ATE_decimal_float:
      // BTF has no complex types. This much is known: the size, and that it is no integer.
      guard [2, 4, 8, 12, 16].contains(size) else { return try addOpaque(size) }
      try builder.add(.float, name, sizeOrType: size)
    default:
      guard [1, 2, 4, 8, 16].contains(size) else { return try addOpaque(size) }
      try addInteger(name ?? "int", UInt32(size), Self.encoding(encoding))
    }
  }

  /// As pahole has it: `char` is told apart by its name, not by `BTF_INT_CHAR`.
  private static func encoding(_ encoding: UInt64) -> BTFIntEncoding {
    switch Int(truncatingIfNeeded: encoding) {
    case DW_ATE_boolean: .bool
    case DW_ATE_signed, DW_ATE_signed_char: .signed
    default: []
    }
  }

  private mutating func addInteger(
    _ name: String, _ size: UInt32, _ encoding: BTFIntEncoding
  ) throws(BTFBuilder.Overflow) {
    try builder.add(
      .int, name, sizeOrType: UInt64(size),
      words: [UInt32(encoding.rawValue) << 24 | size * 8])
  }

  /// A type that has no counterpart: as many bytes.
  private mutating func addOpaque(_ size: UInt64) throws(BTFBuilder.Overflow) {
    try addArray(of: byte(), [size])
  }

  private mutating func byte() -> UInt32 {
    if let byteType { return byteType }
    let id = enqueue(.integer(name: "unsigned char", size: 1, encoding: []))
    byteType = id
    return id
  }

  // MARK: Arrays

  private mutating func addArray(_ die: DWARFDie) throws(BTFBuilder.Overflow) {
    if die.flag(DW_AT_GNU_vector) {
      // Neither has BTF vectors; as a floating-point type, one is not taken for an integer.
      if let size = die.valueSize, size == 8 || size == 16 {
        return try builder.add(.float, "vector", sizeOrType: size)
      }
    }
    try addArray(of: typeID(of: die), die.dimensions)
  }

  private mutating func addArray(
    of element: UInt32, _ counts: [UInt64]
  ) throws(BTFBuilder.Overflow) {
    guard let count = UInt32(exactly: counts[0]) else {
      throw BTFBuilder.Overflow(what: "an array of \(counts[0]) elements")
    }
    let rest = Array(counts.dropFirst())
    let inner =
      rest.isEmpty
      ? element
      : enqueue(.array(element: element, counts: rest), as: .array(element, rest))
    try builder.add(.array, nil, sizeOrType: 0, words: [inner, index(), count])
  }

  private mutating func index() -> UInt32 {
    if let indexType { return indexType }
    let id = enqueue(.integer(name: "__ARRAY_SIZE_TYPE__", size: 4, encoding: []))
    indexType = id
    return id
  }

  // MARK: Records

  private struct Member {
    var name: String?
    var bitOffset: UInt64
    /// 0: no bit-field.
    var bitSize: UInt64
    var type: DWARFDie?
  }

  private static func members(of die: DWARFDie) -> [Member] {
    var members: [Member] = []
    die.forEachChild { child in
      let tag = child.tag
      guard tag == DW_TAG_member || tag == DW_TAG_inheritance,
        !child.flag(DW_AT_declaration)
      else { return }
      members.append(member(child))
    }
    return members
  }

  /// Where a member is: DWARF5 5.7.6.
  private static func member(_ die: DWARFDie) -> Member {
    let bitSize = die.number(DW_AT_bit_size) ?? 0
    let start = byteOffset(die) &* 8
    let bitOffset: UInt64
    if let offset = die.number(DW_AT_data_bit_offset) {
      bitOffset = offset
    } else if let fromTop = die.number(DW_AT_bit_offset) {
      // DWARF 2 and 3 count from the most significant bit of the storage unit.
      let storage = storageSize(die) &* 8
      bitOffset = start &+ storage &- fromTop &- bitSize
    } else {
      bitOffset = start
    }
    return Member(
      name: die.name, bitOffset: bitOffset,
      bitSize: bitSize, type: die.type)
  }

  /// `DW_AT_data_member_location`: a constant, or an expression that adds one.
  private static func byteOffset(_ die: DWARFDie) -> UInt64 {
    if let offset = die.number(DW_AT_data_member_location) { return offset }
    return die.addedOffset(DW_AT_data_member_location) ?? 0
  }

  private static func storageSize(_ die: DWARFDie) -> UInt64 {
    if let size = die.number(DW_AT_byte_size) { return size }
    return die.type?.valueSize ?? 0
  }

  private mutating func addRecord(
    _ kind: BTFKind, _ name: String?, _ die: DWARFDie
  ) throws(BTFBuilder.Overflow) {
    guard !die.flag(DW_AT_declaration),
      let size = die.number(DW_AT_byte_size)
    else { return try builder.add(.forward, name, sizeOrType: 0, flag: kind == .union) }
    let members = Self.members(of: die)
    let hasBitFields = members.contains { $0.bitSize != 0 }
    var words: [UInt32] = []
    words.reserveCapacity(members.count * 3)
    for member in members {
      let type = member.type.map { id(of: $0) } ?? 0
      words.append(try builder.string(member.name))
      words.append(type)
      words.append(try Self.place(of: member, hasBitFields))
    }
    try builder.add(
      kind, name, sizeOrType: size, count: members.count, flag: hasBitFields, words: words)
  }

  /// The offset as BTF has it: with bit-fields in the record, 24 bits, below the width.
  private static func place(
    of member: Member, _ hasBitFields: Bool
  ) throws(BTFBuilder.Overflow) -> UInt32 {
    let most: UInt64 = hasBitFields ? 0xff_ffff : UInt64(UInt32.max)
    guard member.bitOffset <= most, member.bitSize <= 0xff else {
      throw BTFBuilder.Overflow(
        what: "a member '\(member.name ?? "")' of \(member.bitSize) bits at \(member.bitOffset)")
    }
    return UInt32(member.bitSize) << 24 | UInt32(member.bitOffset)
  }

  // MARK: Enumerations

  private mutating func addEnumeration(
    _ name: String?, _ die: DWARFDie
  ) throws(BTFBuilder.Overflow) {
    let size = die.number(DW_AT_byte_size) ?? 4
    var values: [(name: String, bits: UInt64)] = []
    var isSigned = false
    die.forEachChild { child in
      guard child.tag == DW_TAG_enumerator,
        let value = child.enumeratorValue, let name = child.name
      else { return }
      isSigned = isSigned || value.isNegative
      values.append((name, value.bits))
    }
    var words: [UInt32] = []
    for value in values {
      words.append(try builder.string(value.name))
      words.append(UInt32(truncatingIfNeeded: value.bits))
      if size > 4 { words.append(UInt32(truncatingIfNeeded: value.bits >> 32)) }
    }
    try builder.add(
      size > 4 ? .enumeration64 : .enumeration, name, sizeOrType: size, count: values.count,
      flag: isSigned, words: words)
  }

  // MARK: Functions

  private mutating func addPrototype(_ die: DWARFDie) throws(BTFBuilder.Overflow) {
    // The code of a function that was also inlined, or cloned, has what is left of the
    // parameters; the function as it was written is what it completes.
    let written = Self.asWritten(die)
    let result = typeID(of: written)
    var words: [UInt32] = []
    var parameters: [(name: String?, type: DWARFDie?)] = []
    var isVariadic = false
    written.forEachChild { child in
      switch child.tag {
      case DW_TAG_formal_parameter:
        parameters.append(
          (child.name, child.type))
      case DW_TAG_unspecified_parameters: isVariadic = true
      default: break
      }
    }
    for parameter in parameters {
      words.append(try builder.string(parameter.name))
      words.append(parameter.type.map { id(of: $0) } ?? 0)
    }
    if isVariadic { words += [0, 0] }
    try builder.add(
      .functionPrototype, nil, sizeOrType: UInt64(result), count: words.count / 2, words: words)
  }

  private static func asWritten(_ die: DWARFDie) -> DWARFDie {
    var die = die
    for _ in 0..<4 {
      guard let origin = die.completed else { return die }
      die = origin
    }
    return die
  }

  /// What stands for an entry that says nothing itself, or nothing that BTF could.
  private static func target(ofTransparent die: DWARFDie) -> DWARFDie? {
    switch die.tag {
    case DW_TAG_atomic_type, DW_TAG_immutable_type, DW_TAG_packed_type, DW_TAG_shared_type:
      return die.type
    case DW_TAG_structure_type, DW_TAG_class_type, DW_TAG_union_type, DW_TAG_enumeration_type:
      // The definition is in a type unit (DWARF5 5.7.1).
      return die.reference(DW_AT_signature)
    default: return nil
    }
  }
}
