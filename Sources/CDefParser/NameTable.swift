// SPDX-License-Identifier: MIT

/// The number of an identifier: equal spellings have equal numbers.
struct NameID: Hashable, Sendable {
  var rawValue: Int32

  static let none = NameID(rawValue: -1)
}

/// Every identifier of a translation unit, once. Keywords come first, so that a number says whether
/// it is one.
struct NameTable {
  private struct Entry {
    var hash: UInt32
    var start: Int32
    var count: Int32
    var string: String?
  }

  /// The spellings, end to end.
  private var spellings: [UInt8] = []
  private var entries: [Entry] = []
  /// Open addressing: entry number + 1, 0 for a free slot. A power of two of slots.
  private var slots = [Int32](repeating: 0, count: 1 << 12)

  init() {
    for (spelling, _) in Keyword.spellings { _ = intern(spelling) }
  }

  var count: Int { entries.count }

  mutating func intern(_ spelling: UnsafeBufferPointer<UInt8>) -> NameID {
    // FNV-1a.
    var hash: UInt32 = 2_166_136_261
    for byte in spelling { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if entries[number].hash == hash, matches(number, spelling) {
        return NameID(rawValue: Int32(number))
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    entries.append(
      Entry(hash: hash, start: Int32(spellings.count), count: Int32(spelling.count)))
    spellings.append(contentsOf: spelling)
    slots[slot] = Int32(entries.count)
    if entries.count * 2 > slots.count { grow() }
    return NameID(rawValue: Int32(entries.count - 1))
  }

  mutating func intern(_ name: String) -> NameID {
    Array(name.utf8).withUnsafeBufferPointer { intern($0) }
  }

  private func matches(_ number: Int, _ spelling: UnsafeBufferPointer<UInt8>) -> Bool {
    let entry = entries[number]
    guard Int(entry.count) == spelling.count else { return false }
    let start = Int(entry.start)
    for index in spelling.indices where spellings[start + index] != spelling[index] {
      return false
    }
    return true
  }

  private mutating func grow() {
    slots = [Int32](repeating: 0, count: slots.count * 2)
    for (number, entry) in entries.enumerated() {
      var slot = Int(entry.hash) & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(number + 1)
    }
  }

  /// The name as a String, made once; empty for none.
  mutating func string(_ name: NameID) -> String {
    guard name != .none else { return "" }
    let number = Int(name.rawValue)
    if let string = entries[number].string { return string }
    let start = Int(entries[number].start)
    let string = String(
      decoding: spellings[start..<start + Int(entries[number].count)], as: UTF8.self)
    entries[number].string = string
    return string
  }
}
