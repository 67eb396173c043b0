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
    func word(_ offset: Int) -> Int {
      Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
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
    let headerSize = word(4)
    guard headerSize >= Self.minimumSize, headerSize <= bytes.count else {
      throw bad("the BTF header claims \(headerSize) bytes", 4)
    }
    func section(_ what: String, at field: Int) throws(SourceError) -> Range<Int> {
      let start = headerSize + word(field)
      let end = start + word(field + 4)
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

extension BTF {
  /// Fills in `starts`, and throws unless all that this class relies on holds.
  func check(_ header: BTFHeader) throws(SourceError) {
    try checkStrings(header)
    try findTypes(header)
    for id in ownTypes { try checkReferences(id, header) }
    try checkContainment(header)
  }

  private func bad(_ message: String, _ offset: Int) -> SourceError {
    .malformed("bad-btf", message, file: storage.name, offset: fileOffset + offset)
  }

  /// The first string is the empty one, and the last byte ends a string, so that any offset below
  /// the end is a terminated string. (A split BTF's strings go on from its base's.)
  private func checkStrings(_ header: BTFHeader) throws(SourceError) {
    guard let last = strings.last else {
      if base != nil { return }
      throw bad("the BTF has no strings", header.strings.lowerBound)
    }
    guard last == 0 else {
      throw bad("the last string does not end", header.strings.upperBound - 1)
    }
    guard base != nil || strings[0] == 0 else {
      throw bad("the first string is not empty", header.strings.lowerBound)
    }
    guard strings.count < UInt32.max - firstString else {
      throw bad("the strings are too long", header.strings.lowerBound)
    }
  }

  /// Finds where each type starts; checks kinds and lengths.
  private func findTypes(_ header: BTFHeader) throws(SourceError) {
    // 20 bytes is about what a kernel's types take on average.
    starts.reserveCapacity(types.count / 20)
    var offset = 0
    while offset < types.count {
      guard types.count - offset >= 12 else {
        throw bad("a type is cut off", header.types.lowerBound + offset)
      }
      let info = load(offset + 4)
      guard let kind = BTFKind(rawValue: UInt8(info >> 24 & 0x1f)), kind != .void else {
        throw bad(
          "type \(typeCount) is of unknown kind \(info >> 24 & 0x1f)",
          header.types.lowerBound + offset + 4)
      }
      let size = 12 + kind.trailingBytes(count: Int(info & 0xffff))
      guard types.count - offset >= size else {
        throw bad(
          "type \(typeCount) takes \(size) bytes, \(types.count - offset) are left",
          header.types.lowerBound + offset)
      }
      starts.append(UInt32(offset))
      offset += size
    }
  }

  /// Every name is a string, and every type number a type of a kind that may stand there.
  private func checkReferences(_ id: BTFTypeID, _ header: BTFHeader) throws(SourceError) {
    let start = Int(starts[Int(id.rawValue - firstID)])
    let type = self[id]
    let end = stringEnd
    let count = typeCount

    func name(_ field: Int) throws(SourceError) {
      guard load(field) < end else {
        throw bad(
          "type \(id.rawValue) has its name at \(load(field)), outside the strings",
          header.types.lowerBound + field)
      }
    }
    func reference(_ field: Int, _ allowed: (BTFKind) -> Bool) throws(SourceError) {
      let target = load(field)
      guard target < count else {
        throw bad(
          "type \(id.rawValue) refers to type \(target) of \(count)",
          header.types.lowerBound + field)
      }
      guard allowed(self[BTFTypeID(target)].kind) else {
        throw bad(
          "type \(id.rawValue) refers to type \(target), which is of the wrong kind",
          header.types.lowerBound + field)
      }
    }

    try name(start)
    switch type.kind {
    case .void, .float, .forward: break
    case .int: try checkInteger(id, start, header)
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
          header.types.lowerBound + start + 8)
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
    _ id: BTFTypeID, _ start: Int, _ header: BTFHeader
  ) throws(SourceError) {
    let integer = integer(id)
    guard [1, 2, 4, 8, 16].contains(integer.size), integer.bits > 0,
      UInt32(integer.bits) + UInt32(integer.bitOffset) <= integer.size * 8
    else {
      throw bad(
        "integer \(id.rawValue) has \(integer.size) bytes and \(integer.bits) bits",
        header.types.lowerBound + start + 8)
    }
  }

  /// Refuses a type that contains itself by value, which no size could satisfy.
  private func checkContainment(_ header: BTFHeader) throws(SourceError) {
    var search = ContainmentSearch(self)
    for id in ownTypes {
      if let inside = search.findCycle(from: id) {
        throw bad(
          "type \(inside.rawValue) contains itself",
          header.types.lowerBound + Int(starts[Int(inside.rawValue - firstID)]))
      }
    }
  }
}

extension BTFKind {
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
  private enum Colour: UInt8 { case new, open, done }

  private let btf: BTF
  private var colours: ContiguousArray<Colour>
  private var path: [(id: BTFTypeID, nextChild: Int)] = []

  init(_ btf: BTF) {
    self.btf = btf
    colours = ContiguousArray(repeating: .new, count: btf.starts.count)
  }

  /// A type that contains itself, among those that `id` contains; nil if there is none.
  mutating func findCycle(from id: BTFTypeID) -> BTFTypeID? {
    if let cycle = enter(id) { return cycle }
    while let (id, number) = path.last {
      if let child = child(number, of: id) {
        path[path.count - 1].nextChild += 1
        if let cycle = enter(child) { return cycle }
      } else {
        self[id] = .done
        path.removeLast()
      }
    }
    return nil
  }

  /// Opens a type that was not seen yet; returns one that is still open.
  private mutating func enter(_ id: BTFTypeID) -> BTFTypeID? {
    // A base does not refer to its split BTFs and was checked when it was read.
    guard id.rawValue >= btf.firstID, btf[id].kind.isContainer else { return nil }
    switch self[id] {
    case .done: return nil
    case .open: return id
    case .new:
      self[id] = .open
      path.append((id, 0))
      return nil
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

  private subscript(id: BTFTypeID) -> Colour {
    get { colours[Int(id.rawValue - btf.firstID)] }
    set { colours[Int(id.rawValue - btf.firstID)] = newValue }
  }
}
