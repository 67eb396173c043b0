// SPDX-License-Identifier: MIT

import Glibc

/// Everything that a DWARF file has by name, as one block of bytes that is looked into where it
/// lies: header, places of units, hash table, entries, names. All numbers are little-endian.
///
/// Nothing in the block is trusted: it comes from a file that others may have damaged. A checksum
/// finds that; what it does not find leads nowhere outside the block.
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
  static let version: UInt32 = 3

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
    static let size = 112
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

  private let storage: MappedBytes
  private let bytes: UnsafeRawBufferPointer
  private let unitCount: Int
  private let buckets: Int
  private let bucketCount: Int
  private let entryCount: Int
  private let entries: Int
  private let names: Range<Int>

  /// nil unless `storage` is an undamaged index of just that file.
  init?(_ storage: MappedBytes, for key: Key) {
    self.storage = storage
    bytes = storage.bytes
    guard bytes.count >= Header.size, bytes[..<8].elementsEqual(Self.magic),
      bytes.word(Header.version) == Self.version,
      bytes.long(Header.sectionSize) == key.sectionSize,
      bytes[Header.buildID..<Header.buildID + Header.buildIDSize]
        .elementsEqual(Self.padded(key.buildID))
    else { return nil }
    bucketCount = Int(bytes.word(Header.bucketCount))
    entryCount = Int(bytes.word(Header.entryCount))
    unitCount = Int(bytes.word(Header.unitCount))
    buckets = Header.size + 8 * unitCount
    entries = buckets + 4 * bucketCount
    let end = entries + Entry.size * entryCount
    names = end..<end + Int(bytes.word(Header.nameSize))
    guard bucketCount.nonzeroBitCount == 1, names.upperBound == bytes.count, bytes.last == 0,
      bytes.long(Header.checksum)
        == Self.checksum(UnsafeRawBufferPointer(rebasing: bytes[(Header.checksum + 8)...]))
    else { return nil }
  }

  /// The build id in the header: at most 64 digits, then zeros.
  static func padded(_ buildID: String) -> [UInt8] {
    let digits = Array(buildID.utf8.prefix(Header.buildIDSize))
    return digits + [UInt8](repeating: 0, count: Header.buildIDSize - digits.count)
  }

  /// The entries called `name`, in the order of their places.
  func entries(named name: String) -> [DWARFEntry] {
    var found: [DWARFEntry] = []
    let bucket = Int(NameHash.of(name.utf8)) & (bucketCount - 1)
    var next = Int(bytes.word(buckets + 4 * bucket))
    // A damaged chain may be a circle; a good one goes up.
    while next > 0, next <= entryCount {
      let place = entries + Entry.size * (next - 1)
      if let entry = entry(at: place, ifNamed: name) { found.append(entry) }
      let following = Int(bytes.word(place + Entry.next))
      guard following > next else { break }
      next = following
    }
    return found
  }

  /// Where the unit begins that a place is in, or would be, if it were in any.
  func unit(around place: DWARFPlace) -> DWARFPlace? {
    let wanted = Self.word(of: place)
    var (low, high) = (0, unitCount)
    while low < high {
      let middle = (low + high) / 2
      if bytes.long(Header.size + 8 * middle) <= wanted { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return nil }
    let start = bytes.long(Header.size + 8 * (low - 1))
    // Of the same section.
    guard start >> 47 == wanted >> 47 else { return nil }
    return DWARFPlace(
      source: place.source, isInTypes: place.isInTypes, offset: start & (1 << 47 - 1))
  }

  /// Section and offset in one number, in order.
  static func word(of place: DWARFPlace) -> UInt64 {
    UInt64(place.source) << 48 | (place.isInTypes ? 1 << 47 : 0) | place.offset & (1 << 47 - 1)
  }

  private func entry(at place: Int, ifNamed name: String) -> DWARFEntry? {
    let offset = Int(bytes.word(place + Entry.name))
    guard offset < names.count,
      name.isEqual(toTerminated: bytes.baseAddress! + names.lowerBound + offset)
    else { return nil }
    let bits = bytes[place + Entry.kind]
    guard let kind = DWARFKind(rawValue: bits & 0x3f) else { return nil }
    let source = UInt16(bytes[place + Entry.source]) | UInt16(bytes[place + Entry.source + 1]) << 8
    return DWARFEntry(
      kind: kind, name: name,
      place: DWARFPlace(
        source: source, isInTypes: bits & Self.inTypes != 0,
        offset: bytes.long(place + Entry.offset)),
      flags: DWARFFlags(rawValue: bytes[place + Entry.flags]),
      line: bytes.word(place + Entry.line), size: bytes.long(place + Entry.typeSize),
      address: bits & Self.hasAddress != 0 ? bytes.long(place + Entry.address) : nil)
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

  /// nil unless it can be mapped, and is a file of this user's own.
  init?(path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_uid == geteuid(), status.st_size > 0,
      let start = mmap(
        nil, Int(status.st_size), PROT_READ, MAP_PRIVATE | Int32(MAP_POPULATE), descriptor, 0),
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
