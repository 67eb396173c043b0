// SPDX-License-Identifier: MIT

/// Which letters occur in a name, and which of them more than once, in 28 classes each: one edit adds
/// at most one such mark, and takes away at most one.
public struct LetterSet: Hashable, Sendable {
  private static let classes: UInt64 = 28
  /// Bits that may be set.
  public static let size = 56
  public let rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public init(_ name: some Sequence<UInt8>) {
    var letters = Collector()
    for byte in name { letters.add(byte) }
    self.init(letters)
  }

  public init(_ letters: Collector) {
    rawValue = Self.folded(letters.once) | Self.folded(letters.twice) << Self.classes
  }

  /// The upper four of 32 classes are those of brackets and the like, and need no place of their own.
  private static func folded(_ letters: UInt32) -> UInt64 {
    UInt64(letters | letters >> classes) & (1 << classes - 1)
  }

  /// How many marks of this set `other` has not.
  @inline(__always)
  public func missing(in other: LetterSet) -> Int { (rawValue & ~other.rawValue).nonzeroBitCount }

  /// Of a name that is read byte by byte.
  public struct Collector {
    fileprivate var once: UInt32 = 0
    fileprivate var twice: UInt32 = 0

    public init() {}

    /// Upper and lower case are one; the underscore is beside the letters.
    @inline(__always)
    public mutating func add(_ byte: UInt8) {
      let letter: UInt32 = 1 &<< (UInt32(byte) &+ 1)
      twice |= once & letter
      once |= letter
    }
  }
}

/// Finds what somebody may have meant.
public enum NearestName {
  /// The names of `candidates` nearest to `name`, best first, at most `limit`, none further away
  /// than a third of the name's length (insertions, deletions, replacements and swaps count one).
  public static func suggestions(
    for name: String, among candidates: some Sequence<String>, limit: Int = 3
  ) -> [String] {
    let wanted = Array(name.utf8)
    let most = greatestDistance(wanted.count)
    var found: [(distance: Int, name: String)] = []
    var seen: Set<String> = []
    for candidate in candidates where abs(candidate.utf8.count - wanted.count) <= most {
      let distance = distance(wanted, Array(candidate.utf8), most: most)
      if distance <= most, distance > 0, seen.insert(candidate).inserted {
        found.append((distance, candidate))
      }
    }
    found.sort { ($0.distance, $0.name) < ($1.distance, $1.name) }
    return found.prefix(limit).map(\.name)
  }

  private static func greatestDistance(_ length: Int) -> Int { max(1, min(4, length / 3)) }

  /// Tells quickly which of very many names cannot be near, before any `String` is made of them.
  public struct Filter: Sendable {
    /// Bytes that such a name may have.
    public let lengths: ClosedRange<Int>
    public let letters: LetterSet
    /// Edits.
    public let most: Int
    /// How often each letter occurs, modulo 64.
    private let counts: [UInt16]

    public init(_ name: String) {
      let count = name.utf8.count
      most = NearestName.greatestDistance(count)
      lengths = max(0, count - most)...count + most
      letters = LetterSet(name.utf8)
      var counts = [UInt16](repeating: 0, count: 64)
      for byte in name.utf8 where counts[Int(byte & 63)] < .max { counts[Int(byte & 63)] += 1 }
      self.counts = counts
    }

    /// Whether ``NearestName/suggestions(for:among:limit:)`` may take the name: each edit brings in
    /// at most one letter that the name has not, or not so often.
    public func mayBeNear(_ candidate: UnsafeBufferPointer<UInt8>) -> Bool {
      guard lengths.contains(candidate.count) else { return false }
      return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 64) { left in
        _ = left.initialize(from: counts)
        var others = 0
        for byte in candidate {
          let letter = Int(byte & 63)
          if left[letter] > 0 {
            left[letter] -= 1
          } else {
            others += 1
            if others > most { return false }
          }
        }
        return true
      }
    }
  }

  /// Optimal string alignment distance, cut off: `most + 1` stands for anything above `most`.
  static func distance(_ left: [UInt8], _ right: [UInt8], most: Int) -> Int {
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    var current = last
    for i in left.indices {
      current[0] = i + 1
      var best = current[0]
      for j in right.indices {
        let replaced = last[j] + (left[i] == right[j] ? 0 : 1)
        var value = min(replaced, last[j + 1] + 1, current[j] + 1)
        if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
          value = min(value, beforeLast[j - 1] + 1)
        }
        current[j + 1] = value
        best = min(best, value)
      }
      if best > most { return most + 1 }
      (beforeLast, last, current) = (last, current, beforeLast)
    }
    return min(last[right.count], most + 1)
  }
}
