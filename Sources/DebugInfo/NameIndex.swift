// SPDX-License-Identifier: MIT

/// Numbers that are looked up where they lie: in memory of their own, or in a mapped file.
struct Words: @unchecked Sendable {
  private let words: UnsafeMutableBufferPointer<UInt32>
  /// To which the words belong.
  private let owner: AnyObject

  /// `count` zeros.
  init(count: Int) {
    let memory = Memory(count)
    (words, owner) = (memory.words, memory)
  }

  init(_ words: ContiguousArray<UInt32>) {
    let memory = Memory(words.count)
    _ = memory.words.update(fromContentsOf: words)
    (self.words, owner) = (memory.words, memory)
  }

  /// Words that live as long as `owner`, and that nobody changes. nil where they are not aligned.
  init?(_ bytes: UnsafeRawBufferPointer, of owner: AnyObject) {
    guard UInt(bitPattern: bytes.baseAddress) % 4 == 0, bytes.count % 4 == 0 else { return nil }
    words = UnsafeMutableBufferPointer(mutating: bytes.assumingMemoryBound(to: UInt32.self))
    self.owner = owner
  }

  var count: Int { words.count }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(words) }

  subscript(number: Int) -> UInt32 {
    @inline(__always) get {
      precondition(number >= 0 && number < words.count)
      return words[number]
    }
    nonmutating set {
      precondition(number >= 0 && number < words.count)
      words[number] = newValue
    }
  }

  private final class Memory {
    let words: UnsafeMutableBufferPointer<UInt32>

    init(_ count: Int) {
      words = .allocate(capacity: count)
      words.initialize(repeating: 0)
    }

    deinit { words.deallocate() }
  }
}

/// A hash table from names to the numbers of the things that bear them, several to a name. The
/// names themselves stay where they are: a look-up yields candidates, which the caller compares.
struct NameIndex: Sendable {
  /// The first number of each bucket plus 1; 0: none.
  let buckets: Words
  /// By number: the next number in the same bucket plus 1; 0: none. Always a lower one.
  let next: Words

  /// An index of numbers below `count`, to be entered in ascending order.
  init(count: Int) {
    buckets = Words(count: Self.bucketCount(count))
    next = Words(count: count)
  }

  /// What another index was made of; nil where it cannot be one.
  init?(buckets: Words, next: Words) {
    guard buckets.count == Self.bucketCount(next.count) else { return nil }
    (self.buckets, self.next) = (buckets, next)
  }

  static func bucketCount(_ count: Int) -> Int {
    var size = 16
    while size < count { size *= 2 }
    return size
  }

  func insert(_ number: Int, hash: UInt32) {
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
    private let chains: Words

    init(following: UInt32, in chains: Words) {
      self.following = following
      self.chains = chains
    }

    /// A damaged chain may lead anywhere, even in circles; a good one leads down.
    mutating func next() -> Int? {
      guard following != 0, following <= chains.count else { return nil }
      let number = Int(following) - 1
      following = chains[number] < following ? chains[number] : 0
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
  static func of(_ text: UnsafeRawPointer) -> UInt32 { withShape(of: text).hash }

  /// The same, and what else is seen on the way.
  @inline(__always)
  static func withShape(of text: UnsafeRawPointer) -> (hash: UInt32, shape: NameShape) {
    var hash = NameHash()
    let start = text.assumingMemoryBound(to: UInt8.self)
    var byte = start
    var hasDot = false
    while byte.pointee != 0 {
      hash.add(byte.pointee)
      hasDot = hasDot || byte.pointee == UInt8(ascii: ".")
      byte += 1
    }
    return (hash.value, NameShape(length: byte - start, hasDot: hasDot))
  }
}

/// The length of a name and whether there is a dot in it, in one byte: most names are ruled out by
/// that before anybody looks at them.
struct NameShape {
  let rawValue: UInt8
  /// Stands for all that are as long or longer.
  private static let greatestLength = 127
  private static let dot: UInt8 = 0x80

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(length: Int, hasDot: Bool) {
    rawValue = UInt8(min(length, Self.greatestLength)) | (hasDot ? Self.dot : 0)
  }

  var hasDot: Bool { rawValue & Self.dot != 0 }

  func mayHaveLength(in lengths: ClosedRange<Int>) -> Bool {
    let length = Int(rawValue & ~Self.dot)
    return lengths.contains(length)
      || length == Self.greatestLength && lengths.upperBound > Self.greatestLength
  }
}
