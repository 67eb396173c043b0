// SPDX-License-Identifier: MIT

import Diagnostics

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
    var letters = LetterSet.Collector()
    while byte.pointee != 0 {
      hash.add(byte.pointee)
      letters.add(byte.pointee)
      hasDot = hasDot || byte.pointee == UInt8(ascii: ".")
      byte += 1
    }
    return (
      hash.value, NameShape(length: byte - start, hasDot: hasDot, letters: LetterSet(letters))
    )
  }
}

/// The length of a name, whether there is a dot in it, and its letters, in two words: most names are
/// ruled out by that before anybody looks at them.
struct NameShape {
  let rawValue: UInt64
  /// Stands for all that are as long or longer.
  private static let greatestLength = 127
  private static let dot: UInt64 = 0x80
  private static let letterShift: UInt64 = 8

  init(rawValue: UInt64) { self.rawValue = rawValue }

  init(length: Int, hasDot: Bool, letters: LetterSet) {
    rawValue =
      UInt64(min(length, Self.greatestLength)) | (hasDot ? Self.dot : 0)
      | letters.rawValue << Self.letterShift
  }

  var hasDot: Bool { rawValue & Self.dot != 0 }

  var letters: LetterSet { LetterSet(rawValue: rawValue >> Self.letterShift) }

  /// Bytes, as far as they are counted.
  var length: UInt64 { rawValue & (Self.dot - 1) }

  /// What names of so many bytes have as their ``length``.
  static func lengths(_ lengths: ClosedRange<Int>) -> ClosedRange<UInt64> {
    UInt64(
      min(lengths.lowerBound, greatestLength))...UInt64(min(lengths.upperBound, greatestLength))
  }
}

/// The shapes of names, by number.
struct NameShapes {
  /// Two for each name, the lower half first.
  let words: Words

  init(count: Int) { words = Words(count: 2 * count) }

  init(_ words: Words) { self.words = words }

  subscript(number: Int) -> NameShape {
    @inline(__always) get {
      NameShape(rawValue: UInt64(words[2 * number]) | UInt64(words[2 * number + 1]) << 32)
    }
    nonmutating set {
      words[2 * number] = UInt32(truncatingIfNeeded: newValue.rawValue)
      words[2 * number + 1] = UInt32(truncatingIfNeeded: newValue.rawValue >> 32)
    }
  }
}

/// What the shapes of names are asked for.
struct NamePattern {
  /// Bytes.
  let lengths: ClosedRange<Int>
  private let shapeLengths: ClosedRange<UInt64>
  private let needsDot: Bool
  private let letters: LetterSet
  /// So many of the letters may be absent, and so many others there.
  private let mayLack: Int
  private let mayAdd: Int

  private init(
    lengths: ClosedRange<Int> = 0...Int.max, needsDot: Bool = false,
    letters: LetterSet = LetterSet(rawValue: 0), mayLack: Int = 0, mayAdd: Int = LetterSet.size
  ) {
    (self.lengths, shapeLengths) = (lengths, NameShape.lengths(lengths))
    (self.needsDot, self.letters) = (needsDot, letters)
    (self.mayLack, self.mayAdd) = (mayLack, mayAdd)
  }

  static var any: NamePattern { NamePattern() }

  /// Names that may be as near as `filter` demands.
  static func near(_ filter: NearestName.Filter) -> NamePattern {
    NamePattern(
      lengths: filter.lengths, letters: filter.letters, mayLack: filter.most, mayAdd: filter.most)
  }

  /// Names with a dot that begin with `prefix`.
  static func dotted(after prefix: [UInt8]) -> NamePattern {
    NamePattern(needsDot: true, letters: LetterSet(prefix))
  }

  @inline(__always)
  func fits(_ shape: NameShape) -> Bool {
    shapeLengths.contains(shape.length) && (!needsDot || shape.hasDot)
      && shape.letters.missing(in: letters) <= mayAdd
      && letters.missing(in: shape.letters) <= mayLack
  }
}
