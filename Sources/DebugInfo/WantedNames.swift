// SPDX-License-Identifier: MIT

/// A set of names that millions of strings are compared with.
///
/// The strings of DWARF share a section, in which linkers let one be the end of another. So one
/// pass from the end of the section to its start, with a hash that grows to the front, marks every
/// place at which a wanted name stands; after that, a name is compared by looking at one bit.
struct WantedNames: Sendable {
  let names: [String]
  private let numbers: [UInt32: [Int]]
  /// One bit for each value of the hash's upper 16 bits.
  private let filter: [UInt64]

  init(_ names: some Sequence<String>) {
    self.names = Array(Set(names)).sorted()
    var numbers: [UInt32: [Int]] = [:]
    var filter = [UInt64](repeating: 0, count: 1 << 10)
    for (number, name) in self.names.enumerated() {
      var hash: UInt32 = 0
      for byte in name.utf8.reversed() { hash = Self.extend(hash, byte) }
      numbers[hash, default: []].append(number)
      filter[Int(hash >> 22)] |= 1 << UInt64(hash >> 16 & 63)
    }
    (self.numbers, self.filter) = (numbers, filter)
  }

  /// The hash of a text that begins with `byte` and goes on with what `hash` is of.
  @inline(__always)
  private static func extend(_ hash: UInt32, _ byte: UInt8) -> UInt32 {
    (hash &+ UInt32(byte) &+ 1) &* 0x9e37_79b1
  }

  /// The number of a terminated name in `names`.
  func number(of name: UnsafeRawPointer) -> Int? {
    var end = name
    while end.load(as: UInt8.self) != 0 { end += 1 }
    var hash: UInt32 = 0
    while end != name {
      end -= 1
      hash = Self.extend(hash, end.load(as: UInt8.self))
    }
    return number(of: name, hash: hash)
  }

  private func number(of name: UnsafeRawPointer, hash: UInt32) -> Int? {
    guard filter[Int(hash >> 22)] >> UInt64(hash >> 16 & 63) & 1 != 0,
      let candidates = numbers[hash]
    else { return nil }
    return candidates.first { number in names[number].isEqual(toTerminated: name) }
  }

  /// Where wanted names stand in a section of terminated strings; several threads look.
  func places(in strings: UnsafeRawBufferPointer) -> Places {
    var places = Places(strings)
    let parts = Self.parts(of: strings).map { SharedBytes(bytes: strings, range: $0) }
    for (offset, number) in Threads.map(parts, hits).joined() { places.insert(offset, number) }
    return places
  }

  private struct SharedBytes: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    let range: Range<Int>
  }

  /// Bytes that are worth a thread.
  private static let smallestPart = 1 << 18

  /// The whole, cut behind terminators.
  private static func parts(of strings: UnsafeRawBufferPointer) -> [Range<Int>] {
    let count = max(1, min(Threads.count, strings.count / smallestPart))
    let cuts = (1..<count).map { part in
      strings[(strings.count * part / count)...].firstIndex(of: 0).map { $0 + 1 } ?? strings.count
    }
    return zip([0] + cuts, cuts + [strings.count]).map { $0..<max($0, $1) }
  }

  /// The places in a part that ends behind a terminator, and what stands there.
  private func hits(in part: SharedBytes) -> [(offset: Int, number: Int)] {
    var found: [(Int, Int)] = []
    let strings = part.bytes
    var hash: UInt32 = 0
    filter.withUnsafeBufferPointer { filter in
      var offset = part.range.upperBound
      while offset > part.range.lowerBound {
        offset &-= 1
        let byte = strings[offset]
        if byte == 0 {
          hash = 0
          continue
        }
        hash = Self.extend(hash, byte)
        if filter[Int(hash >> 22)] >> UInt64(hash >> 16 & 63) & 1 != 0,
          let number = number(of: strings.baseAddress! + offset, hash: hash)
        {
          found.append((offset, number))
        }
      }
    }
    return found
  }

  struct Places: @unchecked Sendable {
    private let start: UInt
    private let count: UInt
    private var bits: [UInt64]
    private var numbers: [UInt: Int] = [:]

    init(_ strings: UnsafeRawBufferPointer) {
      start = UInt(bitPattern: strings.baseAddress)
      count = UInt(strings.count)
      bits = [UInt64](repeating: 0, count: strings.count / 64 + 1)
    }

    mutating func insert(_ offset: Int, _ number: Int) {
      bits[offset >> 6] |= 1 << UInt64(offset & 63)
      numbers[UInt(offset)] = number
    }

    /// False: at `offset` of the section no wanted name stands.
    @inline(__always)
    func mayHold(_ offset: UInt32) -> Bool {
      guard UInt(offset) < count else { return true }
      return bits[Int(offset >> 6)] >> UInt64(offset & 63) & 1 != 0
    }

    enum Answer {
      case name(Int)
      case none, elsewhere
    }

    /// The number of the name that `pointer` leads to, if that is in the section.
    @inline(__always)
    func answer(_ pointer: UnsafeRawPointer) -> Answer {
      let offset = UInt(bitPattern: pointer) &- start
      guard offset < count else { return .elsewhere }
      guard bits[Int(offset >> 6)] >> UInt64(offset & 63) & 1 != 0, let number = numbers[offset]
      else { return .none }
      return .name(number)
    }
  }
}

extension String {
  func isEqual(toTerminated text: UnsafeRawPointer) -> Bool {
    var byte = text
    for mine in utf8 {
      guard byte.load(as: UInt8.self) == mine, mine != 0 else { return false }
      byte += 1
    }
    return byte.load(as: UInt8.self) == 0
  }
}
