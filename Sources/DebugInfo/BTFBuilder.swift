// SPDX-License-Identifier: MIT

/// Makes a BTF of types from elsewhere, which goes on where `base` ends. Numbers are given out
/// before types are complete, in the order in which the types are then added.
///
/// What BTF cannot hold (more than 65,535 members, offsets of more than 32 bits) is refused by
/// throwing; what a type refers to is checked when the BTF is read back.
struct BTFBuilder {
  /// What does not fit, for a message.
  struct Overflow: Error {
    var what: String
  }

  private let firstString: UInt32
  private var types: [UInt8] = []
  private var strings: [UInt8] = []
  private var stringOffsets: [String: UInt32] = [:]

  init(base: BTF?) {
    firstString = base?.stringEnd ?? 0
    if base == nil { strings = [0] }
  }

  /// The offset of a name, for the functions below; nil and "": none.
  mutating func string(_ name: String?) throws(Overflow) -> UInt32 {
    guard let name, !name.isEmpty, !name.utf8.contains(0) else { return 0 }
    if let known = stringOffsets[name] { return known }
    let offset = UInt64(firstString) + UInt64(strings.count)
    guard offset + UInt64(name.utf8.count) < UInt64(UInt32.max) else {
      throw Overflow(what: "names of more than 4 GiB")
    }
    strings += Array(name.utf8) + [0]
    stringOffsets[name] = UInt32(offset)
    return UInt32(offset)
  }

  /// `struct btf_type`, and the words that follow it: `count` entries, where the kind has such.
  mutating func add(
    _ kind: BTFKind, _ name: String?, sizeOrType: UInt64, count: Int = 0, flag: Bool = false,
    words: [UInt32] = []
  ) throws(Overflow) {
    guard count <= 0xffff else { throw Overflow(what: "a type of \(count) parts") }
    guard let sizeOrType = UInt32(exactly: sizeOrType) else {
      throw Overflow(what: "a type of \(sizeOrType) bytes")
    }
    guard types.count < Int(UInt32.max) / 2 else { throw Overflow(what: "too many types") }
    append(try string(name))
    append(UInt32(kind.rawValue) << 24 | UInt32(count) | (flag ? 1 << 31 : 0))
    append(sizeOrType)
    for word in words { append(word) }
  }

  /// The whole, header included.
  func bytes() -> [UInt8] {
    var head = BTFBuilder(base: nil)
    head.types = [0x9f, 0xeb, 1, 0]
    for field in [24, 0, types.count, types.count, strings.count] {
      head.append(UInt32(truncatingIfNeeded: field))
    }
    return head.types + types + strings
  }

  private mutating func append(_ word: UInt32) {
    withUnsafeBytes(of: word.littleEndian) { types.append(contentsOf: $0) }
  }
}
