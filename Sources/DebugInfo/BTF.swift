// SPDX-License-Identifier: MIT

import Glibc

/// The types of a kernel or module, as its BTF carries them.
///
/// Everything is checked when it is made: afterwards each type decodes, each number refers to a
/// type, and no type contains itself by value. Nothing is copied: names are offsets until somebody
/// asks for a `String`. A split BTF (a module's) goes on numbering where its base ends.
public final class BTF: @unchecked Sendable {
  let storage: FileBytes
  /// Where the BTF starts in its file; added to the offsets in messages.
  let fileOffset: Int
  let types: UnsafeRawBufferPointer
  /// Where `types` start in the BTF.
  let typesOffset: Int
  let strings: UnsafeRawBufferPointer
  /// Of a split BTF: the BTF of the kernel that it goes on from.
  public let base: BTF?
  /// The first type number and string offset that are this BTF's own and not its base's.
  let firstID: UInt32
  let firstString: UInt32
  /// Where each own type starts in `types`.
  let starts: Words
  private let index: NameIndex

  /// Checks and indexes `storage`, which starts at `fileOffset` of its file. With a `cache`, the
  /// same bytes are checked only once.
  public init(
    _ storage: FileBytes, fileOffset: Int = 0, base: BTF? = nil, cache: IndexCache? = nil
  ) throws(SourceError) {
    self.storage = storage
    self.fileOffset = fileOffset
    self.base = base
    let all = storage.bytes
    let header = try BTFHeader(all, name: storage.name, fileOffset: fileOffset)
    typesOffset = header.types.lowerBound
    types = UnsafeRawBufferPointer(rebasing: all[header.types])
    strings = UnsafeRawBufferPointer(rebasing: all[header.strings])
    firstID = base?.typeCount ?? 1
    firstString = base?.stringEnd ?? 0
    let place = fileOffset
    let bad = { (message: String, offset: Int) in
      SourceError.malformed("bad-btf", message, file: storage.name, offset: place + offset)
    }
    // A module's refers to the kernel's, and is small.
    let cache = base == nil ? cache : nil
    if let known = cache.flatMap({ BTFIndex(all, in: $0) }) {
      (starts, index) = (known.starts, known.names)
      return
    }
    try header.checkStrings(strings, base: base, bad)
    starts = try header.findTypes(types, firstID: firstID, bad)
    index = try header.indexNames(types, starts, strings, base: base, bad)
    try check()
    if let cache { BTFIndex.keep(all, starts, index, in: cache) }
  }

  /// One without types, for others to go on from.
  public static func empty(name: String) throws(SourceError) -> BTF {
    try BTF(FileBytes(name: name, copying: BTFBuilder(base: nil).bytes()))
  }

  /// One more than the highest type number.
  public var typeCount: UInt32 { firstID + UInt32(starts.count) }

  /// One more than the highest string offset.
  var stringEnd: UInt32 { firstString + UInt32(strings.count) }

  /// All types but `void`, those of the base first.
  public var allTypes: some Sequence<BTFTypeID> { (1..<typeCount).lazy.map { BTFTypeID($0) } }

  /// The types that are this BTF's own.
  var ownTypes: some Sequence<BTFTypeID> { (firstID..<typeCount).lazy.map { BTFTypeID($0) } }

  public func contains(_ id: BTFTypeID) -> Bool { id.rawValue < typeCount }

  public subscript(id: BTFTypeID) -> BTFType {
    guard id != .void else {
      return BTFType(kind: .void, nameOffset: 0, count: 0, kindFlag: false, sizeOrType: 0)
    }
    guard id.rawValue >= firstID else { return base![id] }
    let start = Int(starts[Int(id.rawValue - firstID)])
    let info = load(start + 4)
    return BTFType(
      // The kind was checked.
      kind: BTFKind(info: info)!,
      nameOffset: load(start), count: Int(info & 0xffff), kindFlag: info >> 31 == 1,
      sizeOrType: load(start + 8))
  }

  /// Whether it was made of the same bytes.
  public func isMade(of bytes: FileBytes) -> Bool { storage.hasSameBytes(as: bytes) }

  /// What messages call the file.
  public var name: String { storage.name }

  // MARK: The parts of each kind

  /// What an integer type is like. `id` must be one; the same goes for the others below.
  public func integer(_ id: BTFTypeID) -> BTFInteger {
    let (owner, start) = place(id)
    let word = owner.load(start + 12)
    return BTFInteger(
      size: owner.load(start + 8), encoding: BTFIntEncoding(rawValue: UInt8(word >> 24 & 0xf)),
      bits: UInt8(word & 0xff), bitOffset: UInt8(word >> 16 & 0xff))
  }

  public func array(_ id: BTFTypeID) -> BTFArray {
    let (owner, start) = place(id)
    return BTFArray(element: BTFTypeID(owner.load(start + 12)), count: owner.load(start + 20))
  }

  public func member(_ number: Int, of id: BTFTypeID) -> BTFMember {
    let (owner, start) = place(id)
    let entry = start + 12 + 12 * number
    let type = BTFTypeID(owner.load(entry + 4))
    let word = owner.load(entry + 8)
    var member = BTFMember(
      nameOffset: owner.load(entry), type: type, bitOffset: word, bitSize: 0)
    if owner.load(start + 4) >> 31 == 1 {
      member.bitOffset = word & 0xff_ffff
      member.bitSize = word >> 24
    } else if let integer = bitFieldInteger(type) {
      member.bitOffset &+= UInt32(integer.bitOffset)
      member.bitSize = UInt32(integer.bits)
    }
    return member
  }

  /// Only the member's type, which does not depend on any other.
  func memberType(_ number: Int, of id: BTFTypeID) -> BTFTypeID {
    let (owner, start) = place(id)
    return BTFTypeID(owner.load(start + 12 + 12 * number + 4))
  }

  public func members(of id: BTFTypeID) -> some Collection<BTFMember> {
    (0..<self[id].count).lazy.map { self.member($0, of: id) }
  }

  public func enumerator(_ number: Int, of id: BTFTypeID) -> BTFEnumerator {
    let (owner, start) = place(id)
    let type = self[id]
    if type.kind == .enumeration64 {
      let entry = start + 12 + 12 * number
      let low = UInt64(owner.load(entry + 4))
      return BTFEnumerator(
        nameOffset: owner.load(entry), bits: UInt64(owner.load(entry + 8)) << 32 | low)
    }
    let entry = start + 12 + 8 * number
    let word = owner.load(entry + 4)
    let bits =
      type.kindFlag ? UInt64(bitPattern: Int64(Int32(bitPattern: word))) : UInt64(word)
    return BTFEnumerator(nameOffset: owner.load(entry), bits: bits)
  }

  public func enumerators(of id: BTFTypeID) -> some Collection<BTFEnumerator> {
    (0..<self[id].count).lazy.map { self.enumerator($0, of: id) }
  }

  /// The parameters of a prototype, its variadic mark included.
  public func parameters(of id: BTFTypeID) -> some Collection<BTFParameter> {
    let (owner, start) = place(id)
    return (0..<self[id].count).lazy.map { number in
      let entry = start + 12 + 8 * number
      return BTFParameter(
        nameOffset: owner.load(entry), type: BTFTypeID(owner.load(entry + 4)))
    }
  }

  /// The variables of a data section.
  public func entries(of id: BTFTypeID) -> some Collection<BTFSectionEntry> {
    let (owner, start) = place(id)
    return (0..<self[id].count).lazy.map { number in
      let entry = start + 12 + 12 * number
      return BTFSectionEntry(
        variable: BTFTypeID(owner.load(entry)), offset: owner.load(entry + 4),
        size: owner.load(entry + 8))
    }
  }

  /// The type behind typedefs, qualifiers and type tags.
  public func unqualified(_ id: BTFTypeID) -> BTFTypeID {
    var id = id
    while true {
      let type = self[id]
      switch type.kind {
      case .typedef, .const, .volatile, .restrict, .typeTag: id = type.target
      default: return id
      }
    }
  }

  /// The bytes that a value of the type takes; nil for `void`, functions, incomplete types and
  /// what is larger than the address space.
  public func size(of id: BTFTypeID) -> UInt64? {
    let id = unqualified(id)
    let type = self[id]
    switch type.kind {
    case .int, .structure, .union, .enumeration, .enumeration64, .float:
      return UInt64(type.sizeOrType)
    case .pointer: return 8
    case .array:
      let array = array(id)
      guard let element = size(of: array.element) else { return nil }
      let (size, overflow) = element.multipliedReportingOverflow(by: UInt64(array.count))
      return overflow || size > Int64.max ? nil : size
    default: return nil
    }
  }

  // MARK: Names

  /// The name at an offset that a type gave; nil for none.
  public func name(_ offset: UInt32) -> String? {
    guard offset != 0 else { return nil }
    return String(cString: cString(offset).assumingMemoryBound(to: UInt8.self))
  }

  public func name(of id: BTFTypeID) -> String? { name(self[id].nameOffset) }

  /// Whether the name at `offset` is `name`, without making a `String` of it.
  public func isName(_ offset: UInt32, _ name: String) -> Bool {
    name.withCString { strcmp(cString(offset).assumingMemoryBound(to: CChar.self), $0) == 0 }
  }

  /// The types of one of `kinds` that are called `name`, in order.
  public func types(named name: String, _ kinds: Set<BTFKind>) -> [BTFTypeID] {
    guard !name.isEmpty else { return [] }
    var found = base?.types(named: name, kinds) ?? []
    let own = index.candidates(hash: NameHash.of(name.utf8))
      .map { BTFTypeID(firstID + UInt32($0)) }
      .filter { kinds.contains(self[$0].kind) && isName(self[$0].nameOffset, name) }
    found += own.reversed()
    return found
  }

  /// Every enumerator called `name`. (They are not indexed: hardly anybody asks.)
  public func enumerators(
    named name: String
  ) -> [(enumeration: BTFTypeID, value: BTFEnumerator)] {
    var found = base?.enumerators(named: name) ?? []
    name.withCString { wanted in
      for number in 0..<starts.count {
        let start = Int(starts[number])
        let info = load(start + 4)
        guard let size = BTFKind.enumeratorSize(info: info) else { continue }
        for value in 0..<Int(info & 0xffff) {
          let text = cString(load(start + 12 + size * value))
          guard strcmp(text.assumingMemoryBound(to: CChar.self), wanted) == 0 else { continue }
          let id = BTFTypeID(firstID + UInt32(number))
          found.append((id, enumerator(value, of: id)))
        }
      }
    }
    return found
  }

  /// The names of all its own types of `kinds` whose bytes satisfy `predicate`.
  public func names(
    of kinds: Set<BTFKind>, where predicate: (UnsafeBufferPointer<UInt8>) -> Bool
  ) -> [String] {
    var names: [String] = []
    for id in ownTypes {
      let type = self[id]
      guard type.nameOffset != 0, kinds.contains(type.kind) else { continue }
      let text = cString(type.nameOffset).assumingMemoryBound(to: UInt8.self)
      let bytes = UnsafeBufferPointer(
        start: text, count: strlen(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self)))
      if predicate(bytes) { names.append(String(decoding: bytes, as: UTF8.self)) }
    }
    return names
  }

  func cString(_ offset: UInt32) -> UnsafeRawPointer {
    guard offset >= firstString else { return base!.cString(offset) }
    return strings.baseAddress! + Int(offset - firstString)
  }

  // MARK: Bytes

  @inline(__always)
  func load(_ offset: Int) -> UInt32 { types.word(offset) }

  private func place(_ id: BTFTypeID) -> (owner: BTF, start: Int) {
    guard id.rawValue >= firstID else { return base!.place(id) }
    return (self, Int(starts[Int(id.rawValue - firstID)]))
  }

  /// The integer behind typedefs and qualifiers, if it is a bit-field in itself.
  private func bitFieldInteger(_ id: BTFTypeID) -> BTFInteger? {
    let id = unqualified(id)
    guard self[id].kind == .int else { return nil }
    let integer = integer(id)
    return UInt32(integer.bits) != integer.size &* 8 || integer.bitOffset != 0 ? integer : nil
  }
}

extension UnsafeRawBufferPointer {
  /// The little-endian word at a byte offset.
  @inline(__always)
  func word(_ offset: Int) -> UInt32 {
    UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}
