// SPDX-License-Identifier: MIT

// What a BTF must be before anything is read from it. Nothing here, and nothing after it, trusts a
// byte: sizes are compared before they are used, and numbers before they index.

/// `struct btf_header`, checked.
struct BTFHeader {
  static let magic: UInt16 = 0xeb9f
  static let minimumSize = 24

  /// Where the types and the strings are in the BTF.
  let types: Range<Int>
  let strings: Range<Int>

  init(_ bytes: UnsafeRawBufferPointer, name: String, fileOffset: Int) throws(SourceError) {
    func bad(_ message: String, _ offset: Int) -> SourceError {
      .malformed("bad-btf", message, file: name, offset: fileOffset + offset)
    }
    guard bytes.count >= Self.minimumSize else {
      throw bad("a BTF header has 24 bytes; here are \(bytes.count)", bytes.count)
    }
    let magic = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt16.self))
    guard magic == Self.magic else {
      throw bad(
        magic == Self.magic.byteSwapped
          ? "the BTF is of a big-endian machine" : "no BTF starts here: its magic is 0xeb9f", 0)
    }
    guard bytes[2] == 1 else { throw bad("BTF version \(bytes[2]) is not known, only 1", 2) }
    guard bytes[3] == 0 else { throw bad("BTF flags \(bytes[3]) are not known", 3) }
    let headerSize = Int(bytes.word(4))
    guard headerSize >= Self.minimumSize, headerSize <= bytes.count else {
      throw bad("the BTF header claims \(headerSize) bytes", 4)
    }
    func section(_ what: String, at field: Int) throws(SourceError) -> Range<Int> {
      let start = headerSize + Int(bytes.word(field))
      let end = start + Int(bytes.word(field + 4))
      guard end <= bytes.count else {
        throw bad("the \(what) end at byte \(end), the BTF at \(bytes.count)", field)
      }
      return start..<end
    }
    types = try section("types", at: 8)
    strings = try section("strings", at: 16)
    guard !types.overlaps(strings) else { throw bad("types and strings overlap", 8) }
  }
}

/// Makes the error for a message and the byte of the BTF that it is about.
typealias BTFErrorMaker = (String, Int) -> SourceError

// What must be known before types can be read at all.
extension BTFHeader {
  /// The first string is the empty one, and the last byte ends a string, so that any offset below
  /// the end is a terminated string. (A split BTF's strings go on from its base's.)
  func checkStrings(
    _ bytes: UnsafeRawBufferPointer, base: BTF?, _ bad: BTFErrorMaker
  ) throws(SourceError) {
    guard let last = bytes.last else {
      if base != nil { return }
      throw bad("the BTF has no strings", strings.lowerBound)
    }
    guard last == 0 else { throw bad("the last string does not end", strings.upperBound - 1) }
    guard base != nil || bytes[0] == 0 else {
      throw bad("the first string is not empty", strings.lowerBound)
    }
    guard bytes.count < UInt32.max - (base?.stringEnd ?? 0) else {
      throw bad("the strings are too long", strings.lowerBound)
    }
  }

  /// Where each type starts; checks kinds and lengths.
  func findTypes(
    _ bytes: UnsafeRawBufferPointer, firstID: UInt32, _ bad: BTFErrorMaker
  ) throws(SourceError) -> Words {
    var starts: ContiguousArray<UInt32> = []
    // 20 bytes is about what a kernel's types take on average.
    starts.reserveCapacity(bytes.count / 20)
    var offset = 0
    while offset < bytes.count {
      let id = Int(firstID) + starts.count
      guard bytes.count - offset >= 12 else {
        throw bad("a type is cut off", types.lowerBound + offset)
      }
      let info = bytes.word(offset + 4)
      guard let kind = BTFKind(info: info), kind != .void else {
        throw bad(
          "type \(id) is of unknown kind \(info >> 24 & 0x1f)", types.lowerBound + offset + 4)
      }
      let size = 12 + kind.trailingBytes(count: Int(info & 0xffff))
      guard bytes.count - offset >= size else {
        throw bad(
          "type \(id) takes \(size) bytes, \(bytes.count - offset) are left",
          types.lowerBound + offset)
      }
      starts.append(UInt32(offset))
      offset += size
    }
    return Words(starts)
  }

  /// Finds the types' names and enters them into an index.
  func indexNames(
    _ bytes: UnsafeRawBufferPointer, _ starts: Words,
    _ texts: UnsafeRawBufferPointer, base: BTF?, _ bad: BTFErrorMaker
  ) throws(SourceError) -> NameIndex {
    let firstString = base?.stringEnd ?? 0
    let index = NameIndex(count: starts.count)
    for number in 0..<starts.count {
      let start = starts[number]
      let offset = bytes.word(Int(start))
      guard offset != 0 else { continue }
      guard offset < firstString + UInt32(texts.count) else {
        throw bad(
          "a type has its name at \(offset), outside the strings", types.lowerBound + Int(start))
      }
      let kind = BTFKind(info: bytes.word(Int(start) + 4))
      guard kind != .declarationTag, kind != .typeTag else { continue }
      let text =
        offset < firstString
        ? base!.cString(offset) : texts.baseAddress! + Int(offset - firstString)
      index.insert(number, hash: NameHash.of(text))
    }
    return index
  }
}

extension BTF {
  /// Throws unless all that this class relies on holds.
  func check() throws(SourceError) {
    for id in ownTypes { try checkReferences(id) }
    try checkContainment()
  }

  private func bad(_ message: String, _ offset: Int) -> SourceError {
    .malformed("bad-btf", message, file: storage.name, offset: fileOffset + offset)
  }

  /// Every name is a string, and every type number a type of a kind that may stand there.
  private func checkReferences(_ id: BTFTypeID) throws(SourceError) {
    let start = Int(starts[Int(id.rawValue - firstID)])
    let type = self[id]
    let end = stringEnd
    let count = typeCount

    func name(_ field: Int) throws(SourceError) {
      guard load(field) < end else {
        throw bad(
          "type \(id.rawValue) has its name at \(load(field)), outside the strings",
          typesOffset + field)
      }
    }
    func reference(_ field: Int, _ allowed: (BTFKind) -> Bool) throws(SourceError) {
      let target = load(field)
      guard target < count else {
        throw bad(
          "type \(id.rawValue) refers to type \(target) of \(count)",
          typesOffset + field)
      }
      guard allowed(self[BTFTypeID(target)].kind) else {
        throw bad(
          "type \(id.rawValue) refers to type \(target), which is of the wrong kind",
          typesOffset + field)
      }
    }

    switch type.kind {
    case .void, .float, .forward: break
    case .int: try checkInteger(id, start)
    case .pointer, .typedef, .const, .volatile, .restrict, .typeTag, .variable:
      try reference(start + 8) { $0.isType }
    case .function: try reference(start + 8) { $0 == .functionPrototype }
    case .declarationTag: try reference(start + 8) { $0 != .void }
    case .array: try reference(start + 12) { $0.isObject }
    case .structure, .union:
      for entry in stride(from: start + 12, to: start + 12 + 12 * type.count, by: 12) {
        try name(entry)
        try reference(entry + 4) { $0.isObject }
      }
    case .enumeration, .enumeration64:
      guard [1, 2, 4, 8].contains(type.sizeOrType) else {
        throw bad(
          "enumeration \(id.rawValue) has \(type.sizeOrType) bytes",
          typesOffset + start + 8)
      }
      let size = type.kind == .enumeration ? 8 : 12
      for entry in stride(from: start + 12, to: start + 12 + size * type.count, by: size) {
        try name(entry)
      }
    case .functionPrototype:
      try reference(start + 8) { $0.isType }
      for entry in stride(from: start + 12, to: start + 12 + 8 * type.count, by: 8) {
        try name(entry)
        try reference(entry + 4) { $0.isType }
      }
    case .dataSection:
      for entry in stride(from: start + 12, to: start + 12 + 12 * type.count, by: 12) {
        try reference(entry) { $0 == .variable }
      }
    }
  }

  private func checkInteger(
    _ id: BTFTypeID, _ start: Int
  ) throws(SourceError) {
    let integer = integer(id)
    guard [1, 2, 4, 8, 16].contains(integer.size), integer.bits > 0,
      UInt32(integer.bits) + UInt32(integer.bitOffset) <= integer.size * 8
    else {
      throw bad(
        "integer \(id.rawValue) has \(integer.size) bytes and \(integer.bits) bits",
        typesOffset + start + 8)
    }
  }

  /// How many levels deep types may contain others by value, typedefs and qualifiers included.
  /// (The deepest of Debian's 6.1 is below 30.) Within a split BTF, counted anew.
  static let greatestNesting: UInt8 = 128

  /// Refuses a type that contains itself by value, which no size could satisfy, and nesting so
  /// deep that it would exhaust the stack of whoever follows it.
  private func checkContainment() throws(SourceError) {
    var search = ContainmentSearch(self)
    for id in ownTypes {
      guard let (inside, problem) = search.findProblem(from: id) else { continue }
      let what =
        switch problem {
        case .cycle: "contains itself"
        case .tooDeep: "nests types more than \(BTF.greatestNesting) levels deep"
        }
      throw malformed(inside, what)
    }
  }

  /// "type N MESSAGE", at the type's place in the file.
  public func malformed(_ id: BTFTypeID, _ message: String) -> SourceError {
    guard id.rawValue >= firstID, Int(id.rawValue - firstID) < starts.count else {
      return base?.malformed(id, message) ?? bad(message, 0)
    }
    return bad(
      "type \(id.rawValue) \(message)", typesOffset + Int(starts[Int(id.rawValue - firstID)]))
  }
}

extension BTFKind {
  /// Of a type's `info` word; nil for kinds that are not known.
  init?(info: UInt32) { self.init(rawValue: UInt8(info >> 24 & 0x1f)) }

  /// Bytes of an enumerator of the type with this `info` word; nil where it has none.
  @inline(__always)
  static func enumeratorSize(info: UInt32) -> Int? {
    switch UInt8(info >> 24 & 0x1f) {
    case Self.enumeration.rawValue: 8
    case Self.enumeration64.rawValue: 12
    default: nil
    }
  }

  /// Bytes after the common twelve.
  func trailingBytes(count: Int) -> Int {
    switch self {
    case .int, .variable, .declarationTag: 4
    case .array: 12
    case .structure, .union, .dataSection, .enumeration64: 12 * count
    case .enumeration, .functionPrototype: 8 * count
    case .void, .pointer, .forward, .typedef, .volatile, .const, .restrict, .function, .float,
      .typeTag:
      0
    }
  }

  /// Whether it can be pointed at or returned: `void` and function types included.
  var isType: Bool {
    switch self {
    case .function, .variable, .dataSection, .declarationTag: false
    default: true
    }
  }

  /// Whether it can be a member or an element. (What a typedef stands for is not looked at.)
  var isObject: Bool { isType && self != .void && self != .functionPrototype }

  /// Whether it contains other types by value.
  var isContainer: Bool {
    switch self {
    case .array, .structure, .union, .typedef, .volatile, .const, .restrict, .typeTag: true
    default: false
    }
  }
}

/// A depth-first search along "contains by value", without recursion: the depth is the input's.
private struct ContainmentSearch {
  enum Problem { case cycle, tooDeep }

  /// Of a type that is being searched, and of one that was not reached yet.
  private static let open: UInt8 = 255
  private static let new: UInt8 = 0

  private let btf: BTF
  /// By own type: how many levels of containers it is, once that is known.
  private var heights: ContiguousArray<UInt8>
  private var path: [(id: BTFTypeID, nextChild: Int, height: UInt8)] = []

  init(_ btf: BTF) {
    self.btf = btf
    heights = ContiguousArray(repeating: Self.new, count: btf.starts.count)
  }

  /// Finds a type among those that `id` contains which contains itself, or too many levels.
  mutating func findProblem(from id: BTFTypeID) -> (BTFTypeID, Problem)? {
    guard enter(id) != .cycle else { return (id, .cycle) }
    while let (id, number, height) = path.last {
      if let child = child(number, of: id) {
        path[path.count - 1].nextChild += 1
        switch enter(child) {
        case .cycle: return (child, .cycle)
        case .known(let height): raise(to: height)
        case .opened: break
        }
      } else {
        guard height < BTF.greatestNesting else { return (id, .tooDeep) }
        self[id] = height + 1
        path.removeLast()
        raise(to: height + 1)
      }
    }
    return nil
  }

  /// The innermost open type contains something of this height.
  private mutating func raise(to height: UInt8) {
    guard let last = path.indices.last else { return }
    path[last].height = max(path[last].height, height)
  }

  private enum Entrance: Equatable {
    case opened, cycle
    case known(height: UInt8)
  }

  private mutating func enter(_ id: BTFTypeID) -> Entrance {
    // A base does not refer to its split BTFs, and was checked when it was read.
    guard id.rawValue >= btf.firstID, btf[id].kind.isContainer else { return .known(height: 0) }
    switch self[id] {
    case Self.open: return .cycle
    case Self.new:
      self[id] = Self.open
      path.append((id, 0, 0))
      return .opened
    case let height: return .known(height: height)
    }
  }

  private func child(_ number: Int, of id: BTFTypeID) -> BTFTypeID? {
    let type = btf[id]
    switch type.kind {
    case .structure, .union:
      return number < type.count ? btf.memberType(number, of: id) : nil
    case .array: return number == 0 ? btf.array(id).element : nil
    default: return number == 0 ? type.target : nil
    }
  }

  private subscript(id: BTFTypeID) -> UInt8 {
    get { heights[Int(id.rawValue - btf.firstID)] }
    set { heights[Int(id.rawValue - btf.firstID)] = newValue }
  }
}
