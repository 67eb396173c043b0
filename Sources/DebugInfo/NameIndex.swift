// SPDX-License-Identifier: MIT

/// A hash table from names to the numbers of the things that bear them, several to a name. The
/// names themselves stay where they are: a look-up yields candidates, which the caller compares.
struct NameIndex {
  /// The first number of each bucket plus 1; 0: none.
  private var buckets: [UInt32]
  /// By number: the next number in the same bucket plus 1; 0: none.
  private var next: [UInt32]

  /// An index of numbers below `count`.
  init(count: Int) {
    var size = 16
    while size < count { size *= 2 }
    buckets = [UInt32](repeating: 0, count: size)
    next = [UInt32](repeating: 0, count: count)
  }

  mutating func insert(_ number: Int, hash: UInt32) {
    let bucket = Int(hash) & (buckets.count - 1)
    next[number] = buckets[bucket]
    buckets[bucket] = UInt32(number) + 1
  }

  /// Every number inserted with this hash, and some with others, latest first.
  func candidates(hash: UInt32) -> Candidates {
    Candidates(following: buckets[Int(hash) & (buckets.count - 1)], in: next)
  }

  struct Candidates: Sequence, IteratorProtocol {
    private var following: UInt32
    private let chains: [UInt32]

    init(following: UInt32, in chains: [UInt32]) {
      self.following = following
      self.chains = chains
    }

    mutating func next() -> Int? {
      guard following != 0 else { return nil }
      let number = Int(following) - 1
      following = chains[number]
      return number
    }
  }
}

/// FNV-1a over bytes, folded so that its low bits depend on all.
struct NameHash {
  private var state: UInt32 = 2_166_136_261

  @inline(__always)
  mutating func add(_ byte: UInt8) { state = (state ^ UInt32(byte)) &* 16_777_619 }

  @inline(__always)
  var value: UInt32 { state ^ (state >> 15) }

  static func of(_ name: some Sequence<UInt8>) -> UInt32 {
    var hash = NameHash()
    for byte in name { hash.add(byte) }
    return hash.value
  }

  /// Of a terminated string.
  static func of(_ text: UnsafeRawPointer) -> UInt32 {
    var hash = NameHash()
    var byte = text.assumingMemoryBound(to: UInt8.self)
    while byte.pointee != 0 {
      hash.add(byte.pointee)
      byte += 1
    }
    return hash.value
  }
}
