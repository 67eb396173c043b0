// SPDX-License-Identifier: MIT

import Glibc

/// What checking a BTF brought: that it is sound, where its types start, its names. Kept together
/// with a copy of the BTF, so that what holds for one is never believed of another.
struct BTFIndex {
  static let magic = Array("ktapBTI1".utf8)
  /// Of the format below, and of what is checked (`BTFCheck.swift`).
  static let version: UInt32 = 2
  /// Bytes; a smaller BTF is checked faster than a file is found.
  static let smallest = 1 << 18

  /// The fields of the header, by their places.
  private enum Header {
    static let version = 8
    static let typeCount = 12
    static let checksum = 16
    static let size = 24
  }

  /// Where each type starts.
  let starts: Words
  let names: NameIndex

  /// nil unless the cache has an undamaged index of just these bytes.
  init?(_ btf: UnsafeRawBufferPointer, in cache: IndexCache) {
    guard btf.count >= Self.smallest, let storage = cache.bytes(named: Self.fileName(btf)),
      storage.bytes.count >= Header.size, storage.bytes[..<8].elementsEqual(Self.magic),
      storage.bytes.word(Header.version) == Self.version
    else { return nil }
    let count = Int(storage.bytes.word(Header.typeCount))
    let bucketCount = NameIndex.bucketCount(count)
    let end = Header.size + 4 * (count + bucketCount + count)
    guard storage.bytes.count == end + btf.count,
      memcmp(storage.bytes.baseAddress! + end, btf.baseAddress!, btf.count) == 0
    else { return nil }
    let derived = UnsafeRawBufferPointer(rebasing: storage.bytes[Header.size..<end])
    guard DWARFIndex.checksum(derived) == storage.bytes.long(Header.checksum) else { return nil }
    func words(_ range: Range<Int>) -> Words? {
      Words(
        UnsafeRawBufferPointer(rebasing: derived[4 * range.lowerBound..<4 * range.upperBound]),
        of: storage)
    }
    guard let starts = words(0..<count), let buckets = words(count..<count + bucketCount),
      let next = words(count + bucketCount..<count + bucketCount + count),
      let names = NameIndex(buckets: buckets, next: next)
    else { return nil }
    (self.starts, self.names) = (starts, names)
  }

  static func keep(
    _ btf: UnsafeRawBufferPointer, _ starts: Words, _ names: NameIndex, in cache: IndexCache
  ) {
    guard btf.count >= smallest else { return }
    var bytes = [UInt8](repeating: 0, count: Header.size)
    bytes.reserveCapacity(Header.size + 4 * (2 * starts.count + names.buckets.count) + btf.count)
    bytes += starts.bytes
    bytes += names.buckets.bytes
    bytes += names.next.bytes
    bytes.withUnsafeMutableBytes { bytes in
      bytes.copyBytes(from: magic)
      bytes.put(version, Header.version)
      bytes.put(UInt32(starts.count), Header.typeCount)
      bytes.put(
        DWARFIndex.checksum(UnsafeRawBufferPointer(rebasing: bytes[Header.size...])),
        Header.checksum)
    }
    bytes += btf
    cache.store(bytes, as: fileName(btf))
  }

  /// By the size and a sample of the bytes: BTF has no build id. Two that share a name take turns.
  private static func fileName(_ btf: UnsafeRawBufferPointer) -> String {
    var sum = UInt64(btf.count)
    for offset in stride(from: 0, to: btf.count - 8, by: 509) {
      sum = (sum ^ btf.long(offset)) &* 0x9e37_79b9_7f4a_7c15
      sum ^= sum >> 29
    }
    return String(sum, radix: 16) + ".btf"
  }
}
