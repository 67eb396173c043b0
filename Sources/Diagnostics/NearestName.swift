// SPDX-License-Identifier: MIT

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
    private let lengths: ClosedRange<Int>
    private let letters: UInt64
    /// How often each letter occurs, modulo 64.
    private let counts: [Int]
    private let most: Int

    public init(_ name: String) {
      let count = name.utf8.count
      most = NearestName.greatestDistance(count)
      lengths = max(0, count - most)...count + most
      var (letters, counts) = (UInt64(0), [Int](repeating: 0, count: 64))
      for byte in name.utf8 {
        letters |= 1 << UInt64(byte & 63)
        counts[Int(byte & 63)] += 1
      }
      (self.letters, self.counts) = (letters, counts)
    }

    /// Whether ``NearestName/suggestions(for:among:limit:)`` may take the name.
    public func mayBeNear(_ candidate: UnsafeBufferPointer<UInt8>) -> Bool {
      guard lengths.contains(candidate.count) else { return false }
      var others: UInt64 = 0
      for byte in candidate { others |= 1 << UInt64(byte & 63) }
      // Each edit adds, removes or replaces one letter: at most two differences in the sets.
      return (letters ^ others).nonzeroBitCount <= 2 * most && hasFewOthers(candidate)
    }

    /// Each edit brings in at most one letter that the name has not, or not so often.
    private func hasFewOthers(_ candidate: UnsafeBufferPointer<UInt8>) -> Bool {
      withUnsafeTemporaryAllocation(of: Int.self, capacity: counts.count) { left in
        _ = left.initialize(from: counts)
        var others = 0
        for byte in candidate {
          left[Int(byte & 63)] -= 1
          if left[Int(byte & 63)] < 0 { others += 1 }
        }
        return others <= most
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
