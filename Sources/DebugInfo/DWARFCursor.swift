// SPDX-License-Identifier: MIT

/// Reads a part of a section from front to back. What does not fit reads as 0 and sets `failed`,
/// so that callers need to look only once.
struct DWARFCursor {
  private let base: UnsafeRawPointer
  private(set) var position: Int
  let end: Int
  private(set) var failed = false

  /// `start <= end <= bytes.count`, or the cursor has failed from the start.
  init(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) {
    if let base = bytes.baseAddress, start >= 0, start <= end, end <= bytes.count {
      (self.base, position, self.end) = (base, start, end)
    } else {
      (base, position, self.end) = (UnsafeRawPointer(bitPattern: 1)!, 0, 0)
      failed = true
    }
  }

  var isAtEnd: Bool { position == end }

  @inline(__always)
  mutating func byte() -> UInt8 {
    guard position < end else {
      failed = true
      return 0
    }
    let byte = base.load(fromByteOffset: position, as: UInt8.self)
    position &+= 1
    return byte
  }

  /// LEB128; bits beyond the 64th are dropped.
  @inline(__always)
  mutating func unsignedLEB() -> UInt64 {
    let first = byte()
    if first < 0x80 { return UInt64(first) }
    return longLEB(first).value
  }

  @inline(__always)
  mutating func signedLEB() -> Int64 {
    let first = byte()
    if first < 0x80 { return Int64(Int8(bitPattern: first << 1) >> 1) }
    let (value, bits) = longLEB(first)
    guard bits < 64 else { return Int64(bitPattern: value) }
    let unused = UInt64(64 - bits)
    return Int64(bitPattern: value << unused) >> Int64(unused)
  }

  private mutating func longLEB(_ first: UInt8) -> (value: UInt64, bits: Int) {
    var value = UInt64(first & 0x7f)
    var shift = 7
    while true {
      let next = byte()
      if shift < 64 { value |= UInt64(next & 0x7f) << UInt64(shift) }
      // A run of continuation bytes ends with the section at the latest.
      shift = min(shift + 7, 70)
      if next < 0x80 { return (value, shift) }
    }
  }

  /// A little-endian number of 1 to 8 bytes.
  @inline(__always)
  mutating func fixed(_ size: Int) -> UInt64 {
    guard size <= end &- position else {
      failed = true
      position = end
      return 0
    }
    defer { position &+= size }
    let at = base + position
    switch size {
    case 1: return UInt64(at.load(as: UInt8.self))
    case 2: return UInt64(UInt16(littleEndian: at.loadUnaligned(as: UInt16.self)))
    case 4: return UInt64(UInt32(littleEndian: at.loadUnaligned(as: UInt32.self)))
    case 8: return UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
    default:
      var value: UInt64 = 0
      for number in 0..<min(size, 8) {
        value |= UInt64(at.load(fromByteOffset: number, as: UInt8.self)) << UInt64(8 * number)
      }
      return value
    }
  }

  @inline(__always)
  mutating func skip(_ count: UInt64) {
    guard count <= UInt64(end &- position) else {
      failed = true
      position = end
      return
    }
    position &+= Int(count)
  }

  @inline(__always)
  mutating func skipLEB() {
    while byte() >= 0x80 {}
  }

  /// Past the next terminator; where the text begins.
  @inline(__always)
  mutating func text() -> UnsafeRawPointer? {
    let start = base + position
    while position < end {
      if byte() == 0 { return start }
    }
    failed = true
    return nil
  }

  mutating func fail() {
    failed = true
    position = end
  }

  /// Goes to another place of the same part.
  mutating func move(to position: Int) {
    guard position >= 0, position <= end else {
      failed = true
      return
    }
    self.position = position
  }
}
