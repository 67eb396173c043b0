// SPDX-License-Identifier: MIT

/// An integer of up to 64 bits, either sign: what enumerators and constants are worth.
public struct IntegerValue: Hashable, Sendable, CustomStringConvertible {
  public var isNegative: Bool
  /// The value's two's complement bits, sign-extended to 64.
  public var bits: UInt64

  public init(_ value: Int64) {
    isNegative = value < 0
    bits = UInt64(bitPattern: value)
  }

  public init(_ value: UInt64) {
    isNegative = false
    bits = value
  }

  /// What 64 bits are worth in a signed or unsigned type.
  public init(bits: UInt64, isSigned: Bool) {
    isNegative = isSigned && Int64(bitPattern: bits) < 0
    self.bits = bits
  }

  public var description: String { isNegative ? "\(Int64(bitPattern: bits))" : "\(bits)" }

  /// Whether an integer type of so many bits has the value.
  public func fits(_ width: UInt64, isSigned: Bool) -> Bool {
    // A sign takes a bit, and a negative number has leading ones.
    let magnitude = isNegative ? ~bits : bits
    let needed = UInt64(64 - magnitude.leadingZeroBitCount + (isSigned ? 1 : 0))
    return needed <= width && (isSigned || !isNegative)
  }

  /// One more; nil after the largest.
  public var successor: IntegerValue? {
    isNegative || bits != .max ? IntegerValue(bits: bits &+ 1, isSigned: isNegative) : nil
  }
}
