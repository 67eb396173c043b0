// SPDX-License-Identifier: MIT

/// Tells of a great many names, which take long to collect, that a name is not among them: their
/// hashes, sorted, in the cache.
public struct NameSetIndex {
  private static let magic = Array("ktapNSI2".utf8)
  private static let headerSize = 16

  private let hashes: Words

  /// `key`: tells what the names were collected from. `collect` is called where the cache has
  /// nothing, or nothing sound, of that key; it hands over each file's strings.
  public init(
    key: UInt64, in cache: IndexCache, collect: (_ add: (ELFFile) -> Void) -> Void
  ) {
    let file = String(key, radix: 16) + ".names"
    if let known = cache.bytes(named: file).flatMap(Self.read) {
      hashes = known
      return
    }
    var found: Set<UInt32> = []
    collect { $0.forEachSymbolName { found.insert(NameHash.of($0)) } }
    hashes = Words(ContiguousArray(found.sorted()))
    cache.store(Self.bytes(of: hashes), as: file)
  }

  /// False: the name is not among them. True: it may be.
  public func mayContain(_ name: String) -> Bool {
    let wanted = NameHash.of(name.utf8)
    var (low, high) = (0, hashes.count)
    while low < high {
      let middle = (low + high) / 2
      if hashes[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return low < hashes.count && hashes[low] == wanted
  }

  /// Header: magic, checksum.
  private static func read(_ storage: MappedBytes) -> Words? {
    let bytes = storage.bytes
    guard bytes.count >= headerSize, bytes[..<8].elementsEqual(magic) else { return nil }
    let hashes = UnsafeRawBufferPointer(rebasing: bytes[headerSize...])
    guard bytes.long(8) == DWARFIndex.checksum(hashes) else { return nil }
    return Words(hashes, of: storage)
  }

  private static func bytes(of hashes: Words) -> [UInt8] {
    var bytes = magic + [UInt8](repeating: 0, count: headerSize - magic.count)
    bytes.withUnsafeMutableBytes { $0.put(DWARFIndex.checksum(hashes.bytes), 8) }
    return bytes + hashes.bytes
  }

  /// A key of the bytes that name everything, and of when they were written.
  public static func key(_ parts: [UnsafeRawBufferPointer], _ seconds: Int) -> UInt64 {
    parts.reduce(UInt64(bitPattern: Int64(seconds))) {
      ($0 &* 0x9e37_79b9_7f4a_7c15) ^ DWARFIndex.checksum($1)
    }
  }
}
