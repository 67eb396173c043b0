// SPDX-License-Identifier: MIT

/// CRC-32 as in IEEE 802.3 and zlib: reflected, polynomial 0x04c11db7, initial and final value all ones.
public enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xedb8_8320 }
  }

  public static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let table = table
    return ~bytes.reduce(~0) { crc, byte in
      table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8
    }
  }

  /// The checksum that an image's header must carry: of all its bytes, the checksum's own four
  /// taken as zero. `image` must be at least a header long.
  public static func ofImage(_ image: [UInt8]) -> UInt32 {
    let field = ImageLayout.crcOffset..<ImageLayout.crcOffset + 4
    var copy = image
    copy.replaceSubrange(field, with: repeatElement(0, count: 4))
    return checksum(copy)
  }
}
