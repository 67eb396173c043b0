// SPDX-License-Identifier: MIT

import Glibc

/// The number of an identifier: equal spellings have equal numbers.
struct NameID: Hashable, Sendable {
  var rawValue: Int32

  static let none = NameID(rawValue: -1)
}

/// Numbers for numbers that are dense themselves, as names and types have: 0 where there is none. Below
/// zero, as ``NameID/none`` is, there never is one.
struct NumberMap {
  private var values: [Int32] = []

  subscript(number: Int32) -> Int32 {
    get { number >= 0 && number < values.count ? values[Int(number)] : 0 }
    set {
      guard number >= 0 else { return }
      let index = Int(number)
      if index >= values.count {
        let count = max(index + 1, values.count * 2)
        values.append(contentsOf: repeatElement(0, count: count - values.count))
      }
      values[index] = newValue
    }
  }

  subscript(name: NameID) -> Int32 {
    get { self[name.rawValue] }
    set { self[name.rawValue] = newValue }
  }
}

/// Every identifier of a translation unit, once. Keywords come first, so that a number says whether
/// it is one.
struct NameTable {
  private struct Entry {
    var hash: UInt32
    var start: Int32
    var count: Int32
  }

  /// The spellings, end to end.
  private var spellings: [UInt8] = []
  private var entries: [Entry] = []
  /// As far as they have been asked for; empty for the others.
  private var strings: [String] = []
  private let keywords = Keyword.spellings.map(\.keyword)
  /// Open addressing: entry number + 1, 0 for a free slot. A power of two of slots.
  private var slots = [Int32](repeating: 0, count: 1 << 12)

  init() {
    for (spelling, _) in Keyword.spellings { _ = intern(spelling) }
  }

  /// The keyword that a name is; nil for an identifier.
  func keyword(_ name: NameID) -> Keyword? {
    let number = Int(name.rawValue)
    return number < keywords.count ? keywords[number] : nil
  }

  /// By words of eight bytes, of which the last two may overlap.
  private static func hash(_ spelling: UnsafeBufferPointer<UInt8>) -> UInt32 {
    let bytes = UnsafeRawBufferPointer(spelling)
    var hash = UInt64(bytes.count)
    func mix(_ word: UInt64) {
      hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 32
    }
    if bytes.count >= 8 {
      let last = bytes.count - 8
      for offset in stride(from: 0, to: last, by: 8) {
        mix(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      }
      mix(bytes.loadUnaligned(fromByteOffset: last, as: UInt64.self))
    } else {
      mix(bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
    return UInt32(truncatingIfNeeded: hash)
  }

  mutating func intern(_ spelling: UnsafeBufferPointer<UInt8>) -> NameID {
    let hash = Self.hash(spelling)
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if entries[number].hash == hash, matches(number, spelling) {
        return NameID(rawValue: Int32(number))
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    entries.append(Entry(hash: hash, start: Int32(spellings.count), count: Int32(spelling.count)))
    spellings.append(contentsOf: spelling)
    slots[slot] = Int32(entries.count)
    if entries.count * 2 > slots.count { grow() }
    return NameID(rawValue: Int32(entries.count - 1))
  }

  /// Makes room for as many identifiers as a text of so many bytes may have.
  mutating func reserveCapacity(forTextOf count: Int) {
    entries.reserveCapacity(count / 32)
    spellings.reserveCapacity(count / 2)
  }

  mutating func intern(_ name: String) -> NameID {
    Array(name.utf8).withUnsafeBufferPointer { intern($0) }
  }

  private func matches(_ number: Int, _ spelling: UnsafeBufferPointer<UInt8>) -> Bool {
    let entry = entries[number]
    guard Int(entry.count) == spelling.count else { return false }
    return spellings.withUnsafeBufferPointer { known in
      let known = UnsafeBufferPointer(rebasing: known[Int(entry.start)...].prefix(spelling.count))
      guard let left = known.baseAddress, let right = spelling.baseAddress else { return true }
      return memcmp(left, right, spelling.count) == 0
    }
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
    if number < strings.count, !strings[number].isEmpty { return strings[number] }
    let start = Int(entries[number].start)
    let range = start..<start + Int(entries[number].count)
    let string = spellings.withUnsafeBufferPointer {
      String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self)
    }
    while strings.count <= number { strings.append("") }
    strings[number] = string
    return string
  }
}
