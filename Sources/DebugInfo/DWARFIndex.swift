// SPDX-License-Identifier: MIT

import Glibc

/// Everything that a DWARF file has by name, as one block of bytes that is looked into where it
/// lies: header, checksums, and then the body: places of units, hash table, entries, names. All
/// numbers are little-endian.
///
/// Nothing in it is trusted: it comes from a file that others may have damaged. Checksums find that
/// (``CheckedBlocks``); what they do not find leads nowhere outside the body.
struct DWARFIndex {
  /// What an index must have been made from, and by, to be of use.
  struct Key: Hashable {
    /// Lower-case hexadecimal.
    var buildID: String
    /// Bytes of the sections that it was made from, all together: a stripped file has the same
    /// build id as its debug file.
    var sectionSize: UInt64

    /// In the cache.
    var fileName: String { buildID + ".dwarf" }
  }

  static let magic = Array("ktapDWI1".utf8)
  /// Of the format below and of the rules for what is in it. One more with every change of either.
  static let version: UInt32 = 5

  /// The fields of the header, by their places.
  enum Header {
    static let version = 8
    static let entryCount = 12
    static let bucketCount = 16
    static let nameSize = 20
    static let sectionSize = 24
    static let checksum = 32
    static let buildID = 40
    static let buildIDSize = 64
    static let unitCount = 104
    static let bodySize = 112
    static let size = 120
  }

  /// The fields of an entry, by their places.
  enum Entry {
    static let name = 0
    /// The number of the next entry of the bucket plus 1; 0: none.
    static let next = 4
    static let offset = 8
    static let address = 16
    static let typeSize = 24
    static let line = 32
    static let source = 36
    static let kind = 38
    static let flags = 39
    static let size = 40
  }

  /// Bits of the `kind` byte beside the kind.
  static let inTypes: UInt8 = 0x40
  static let hasAddress: UInt8 = 0x80

  /// Where the parts of a body begin, in bytes from its start: that of the units is 0.
  struct Parts {
    let unitCount: Int
    let bucketCount: Int
    let entryCount: Int
    /// Bytes.
    let nameSize: Int

    var buckets: Int { 8 * unitCount }
    var entries: Int { buckets + 4 * bucketCount }
    var names: Int { entries + Entry.size * entryCount }
    var size: Int { names + nameSize }
  }

  private let parts: Parts
  private let body: CheckedBlocks

  /// nil unless `storage` is an index of just that file, as far as its header tells.
  init?(_ storage: MappedBytes, for key: Key) {
    let bytes = storage.bytes
    guard bytes.count >= Header.size, bytes[..<8].elementsEqual(Self.magic),
      bytes.word(Header.version) == Self.version,
      bytes.long(Header.sectionSize) == key.sectionSize,
      bytes[Header.buildID..<Header.buildID + Header.buildIDSize]
        .elementsEqual(Self.padded(key.buildID))
    else { return nil }
    parts = Parts(
      unitCount: Int(bytes.word(Header.unitCount)),
      bucketCount: Int(bytes.word(Header.bucketCount)),
      entryCount: Int(bytes.word(Header.entryCount)),
      nameSize: Int(bytes.word(Header.nameSize)))
    let start = Header.size + CheckedBlocks.checksumSize(ofBytes: parts.size)
    guard parts.bucketCount.nonzeroBitCount == 1, parts.nameSize > 0,
      bytes.long(Header.bodySize) == UInt64(parts.size), bytes.count == start + parts.size,
      bytes.long(Header.checksum) == Self.headerChecksum(bytes[..<start])
    else { return nil }
    body = CheckedBlocks(storage, checksums: Header.size, body: start)
  }

  /// Of what stands before the body, but for the place of the sum itself.
  static func headerChecksum(_ header: Slice<UnsafeRawBufferPointer>) -> UInt64 {
    let header = UnsafeRawBufferPointer(rebasing: header)
    return checksum(UnsafeRawBufferPointer(rebasing: header[..<Header.checksum]))
      ^ checksum(UnsafeRawBufferPointer(rebasing: header[(Header.checksum + 8)...]))
  }

  /// The build id in the header: at most 64 digits, then zeros.
  static func padded(_ buildID: String) -> [UInt8] {
    let digits = Array(buildID.utf8.prefix(Header.buildIDSize))
    return digits + [UInt8](repeating: 0, count: Header.buildIDSize - digits.count)
  }

  /// The entries called `name`, in the order of their places.
  func entries(named name: String) throws(CheckedBlocks.Damage) -> [DWARFEntry] {
    var found: [DWARFEntry] = []
    let bucket = Int(NameHash.of(name.utf8)) & (parts.bucketCount - 1)
    var next = Int(try body.word(parts.buckets + 4 * bucket))
    // A damaged chain may be a circle; a good one goes up.
    while next > 0, next <= parts.entryCount {
      let place = parts.entries + Entry.size * (next - 1)
      let record = try body.bytes(place, Entry.size)
      if let entry = try entry(record, ifNamed: name) { found.append(entry) }
      let following = Int(record.word(Entry.next))
      guard following > next else { break }
      next = following
    }
    return found
  }

  /// Where the unit begins that a place is in, or would be, if it were in any.
  func unit(around place: DWARFPlace) throws(CheckedBlocks.Damage) -> DWARFPlace? {
    let wanted = Self.word(of: place)
    var (low, high) = (0, parts.unitCount)
    while low < high {
      let middle = (low + high) / 2
      if try body.long(8 * middle) <= wanted { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return nil }
    let start = try body.long(8 * (low - 1))
    // Of the same section.
    guard start >> 47 == wanted >> 47 else { return nil }
    return DWARFPlace(
      source: place.source, isInTypes: place.isInTypes, offset: start & (1 << 47 - 1))
  }

  /// Section and offset in one number, in order.
  static func word(of place: DWARFPlace) -> UInt64 {
    UInt64(place.source) << 48 | (place.isInTypes ? 1 << 47 : 0) | place.offset & (1 << 47 - 1)
  }

  private func entry(
    _ record: UnsafeRawBufferPointer, ifNamed name: String
  ) throws(CheckedBlocks.Damage) -> DWARFEntry? {
    let offset = Int(record.word(Entry.name))
    // With its terminator: the last byte of all is one.
    let size = name.utf8.count + 1
    guard offset <= parts.nameSize - size,
      try name.isEqual(toTerminated: body.bytes(parts.names + offset, size).baseAddress!)
    else { return nil }
    let bits = record[Entry.kind]
    guard let kind = DWARFKind(rawValue: bits & 0x3f) else { return nil }
    let source = UInt16(record[Entry.source]) | UInt16(record[Entry.source + 1]) << 8
    return DWARFEntry(
      kind: kind, name: name,
      place: DWARFPlace(
        source: source, isInTypes: bits & Self.inTypes != 0, offset: record.long(Entry.offset)),
      flags: DWARFFlags(rawValue: record[Entry.flags]),
      line: record.word(Entry.line), size: record.long(Entry.typeSize),
      address: bits & Self.hasAddress != 0 ? record.long(Entry.address) : nil)
  }

  /// Sums of all words, and sums of those sums, by which their order counts (as in Adler-32): as fast
  /// as memory is read. A changed byte changes a sum.
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sums: SIMD4<UInt64> = [1, 2, 3, 4]
    var sumsOfSums = SIMD4<UInt64>(repeating: 0)
    let whole = bytes.count / 32 * 32
    for offset in stride(from: 0, to: whole, by: 32) {
      sums &+= bytes.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      sumsOfSums &+= sums
    }
    var sum = UInt64(bytes.count)
    for byte in bytes[whole...] { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for index in 0..<4 {
      for part in [sums[index], sumsOfSums[index]] {
        sum = (sum ^ part) &* 0x9e37_79b9_7f4a_7c15
        sum ^= sum >> 29
      }
    }
    return sum
  }
}

extension UnsafeRawBufferPointer {
  /// The little-endian number of eight bytes at a byte offset.
  @inline(__always)
  func long(_ offset: Int) -> UInt64 {
    UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}

/// A body of bytes in blocks, each with a checksum that is compared when the block is first looked
/// into: of megabytes a look-up needs a few pages.
final class CheckedBlocks {
  /// A block is not what it was when it was written.
  struct Damage: Error {}

  /// Bytes of a block; the last one may have fewer.
  static let size = 1 << 14

  private let storage: MappedBytes
  private let body: UnsafeRawBufferPointer
  private let checksums: UnsafeRawBufferPointer
  private var isSound: [Bool]

  /// `checksums`, `body`: where they begin in `storage`; the body reaches to its end.
  init(_ storage: MappedBytes, checksums: Int, body: Int) {
    self.storage = storage
    self.body = UnsafeRawBufferPointer(rebasing: storage.bytes[body...])
    self.checksums = UnsafeRawBufferPointer(rebasing: storage.bytes[checksums..<body])
    isSound = Array(repeating: false, count: Self.blockCount(ofBytes: self.body.count))
    precondition(self.checksums.count == 8 * isSound.count)
  }

  private static func blockCount(ofBytes size: Int) -> Int { (size + Self.size - 1) / Self.size }

  /// Bytes that the checksums of a body of `size` bytes take.
  static func checksumSize(ofBytes size: Int) -> Int { 8 * blockCount(ofBytes: size) }

  /// Writes the checksums of a body.
  static func writeChecksums(
    of body: UnsafeRawBufferPointer, to bytes: UnsafeMutableRawBufferPointer, _ offset: Int
  ) {
    for block in 0..<blockCount(ofBytes: body.count) {
      bytes.put(checksum(block, of: body), offset + 8 * block)
    }
  }

  /// Of the block's number, too: a block in another's place is damage.
  private static func checksum(_ block: Int, of body: UnsafeRawBufferPointer) -> UInt64 {
    let range = block * size..<min((block + 1) * size, body.count)
    return DWARFIndex.checksum(UnsafeRawBufferPointer(rebasing: body[range])) ^ UInt64(block)
  }

  /// `count` bytes, at least one, from `offset` on; they must be in the body.
  func bytes(_ offset: Int, _ count: Int) throws(Damage) -> UnsafeRawBufferPointer {
    precondition(offset >= 0 && count > 0 && count <= body.count - offset)
    for block in offset / Self.size...(offset + count - 1) / Self.size where !isSound[block] {
      guard checksums.long(8 * block) == Self.checksum(block, of: body) else { throw Damage() }
      isSound[block] = true
    }
    return UnsafeRawBufferPointer(rebasing: body[offset..<offset + count])
  }

  func word(_ offset: Int) throws(Damage) -> UInt32 { try bytes(offset, 4).word(0) }

  func long(_ offset: Int) throws(Damage) -> UInt64 { try bytes(offset, 8).long(0) }
}

/// Bytes of a mapped file, or in memory. The file must be one that nobody cuts short: those of the
/// cache are only ever replaced.
final class MappedBytes: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let isMapped: Bool

  init(copying bytes: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    copy.copyBytes(from: bytes)
    self.bytes = UnsafeRawBufferPointer(copy)
    isMapped = false
  }

  /// nil unless it can be mapped, and is a file of this user's own. `isReadWhole`: all of its pages
  /// will be looked at.
  init?(path: String, isReadWhole: Bool) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_uid == geteuid(), status.st_size > 0,
      let start = mmap(
        nil, Int(status.st_size), PROT_READ,
        MAP_PRIVATE | (isReadWhole ? Int32(MAP_POPULATE) : 0), descriptor, 0),
      start != MAP_FAILED
    else { return nil }
    bytes = UnsafeRawBufferPointer(start: start, count: Int(status.st_size))
    isMapped = true
  }

  deinit {
    let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
    if isMapped { munmap(start!, bytes.count) } else { start?.deallocate() }
  }
}
