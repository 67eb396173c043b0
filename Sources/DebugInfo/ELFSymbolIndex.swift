// SPDX-License-Identifier: MIT

/// What takes long to find out about the symbols of an ELF file, as one block of bytes that is
/// looked into where it lies: the hash table of the names, the order of the addresses, and for each
/// symbol its name's shape, and a byte that others have found out. All numbers are
/// little-endian.
///
/// Like that of ``DWARFIndex``, the block has a checksum, and leads nowhere outside if that lies.
struct ELFSymbolIndex {
  /// What an index must have been made from to be of use.
  struct Key: Hashable {
    /// Lower-case hexadecimal.
    var buildID: String
    /// Bytes of the symbol table and of its strings.
    var symbolsSize: UInt64
    var stringsSize: UInt64

    /// In the cache.
    var fileName: String { buildID + ".symbol" }
  }

  static let magic = Array("ktapSYI1".utf8)
  /// Of the format below, and of what the bytes for each symbol mean.
  static let version: UInt32 = 4

  /// The fields of the header, by their places.
  private enum Header {
    static let version = 8
    static let symbolCount = 12
    static let sortedCount = 16
    static let symbolsSize = 24
    static let stringsSize = 32
    static let checksum = 40
    static let buildID = 48
    static let size = 112
  }

  let names: NameIndex
  /// Numbers of symbols, ascending by address.
  let byAddress: Words
  let shapes: NameShapes
  private let marks: UnsafeRawBufferPointer
  private let storage: MappedBytes

  /// nil unless `storage` is an undamaged index of just that file.
  init?(_ storage: MappedBytes, for key: Key) {
    self.storage = storage
    let bytes = storage.bytes
    guard bytes.count >= Header.size, bytes[..<8].elementsEqual(Self.magic),
      bytes.word(Header.version) == Self.version,
      bytes.long(Header.symbolsSize) == key.symbolsSize,
      bytes.long(Header.stringsSize) == key.stringsSize,
      bytes[Header.buildID..<Header.size].elementsEqual(DWARFIndex.padded(key.buildID)),
      bytes.long(Header.checksum) == Self.checksum(bytes)
    else { return nil }
    let count = Int(bytes.word(Header.symbolCount))
    var rest = bytes[Header.size...]
    func words(_ count: Int) -> Words? {
      guard rest.count >= 4 * count else { return nil }
      defer { rest = rest.dropFirst(4 * count) }
      return Words(UnsafeRawBufferPointer(rebasing: rest.prefix(4 * count)), of: storage)
    }
    guard let buckets = words(NameIndex.bucketCount(count)), let next = words(count),
      let names = NameIndex(buckets: buckets, next: next),
      let byAddress = words(Int(bytes.word(Header.sortedCount))), let shapes = words(2 * count),
      rest.count == count
    else { return nil }
    (self.names, self.byAddress, self.shapes) = (names, byAddress, NameShapes(shapes))
    marks = UnsafeRawBufferPointer(rebasing: rest)
  }

  /// What was kept for a symbol.
  func mark(of number: Int) -> UInt8 { marks[number] }

  /// The bytes of an index; `shapes`, `marks`: one for each symbol.
  static func bytes(
    for key: Key, _ names: NameIndex, byAddress: [UInt32], shapes: NameShapes, marks: [UInt8]
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Header.size)
    bytes.withUnsafeMutableBytes { header in
      header.copyBytes(from: magic)
      header.put(version, Header.version)
      header.put(UInt32(marks.count), Header.symbolCount)
      header.put(UInt32(byAddress.count), Header.sortedCount)
      header.put(key.symbolsSize, Header.symbolsSize)
      header.put(key.stringsSize, Header.stringsSize)
      UnsafeMutableRawBufferPointer(rebasing: header[Header.buildID...])
        .copyBytes(from: DWARFIndex.padded(key.buildID))
    }
    bytes += names.buckets.bytes
    bytes += names.next.bytes
    byAddress.withUnsafeBytes { bytes += $0 }
    bytes += shapes.words.bytes
    bytes += marks
    bytes.withUnsafeMutableBytes {
      $0.put(checksum(UnsafeRawBufferPointer($0)), Header.checksum)
    }
    return bytes
  }

  private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    DWARFIndex.checksum(UnsafeRawBufferPointer(rebasing: bytes[(Header.checksum + 8)...]))
      ^ DWARFIndex.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<Header.checksum]))
  }
}
