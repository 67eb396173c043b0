// SPDX-License-Identifier: MIT

/// An integer that is known before the script runs, and its arithmetic: that of the VM
/// (`kmod/vm/operate.c`), which is C's on 64 bits.
struct ConstantInteger: Hashable {
  var bits: UInt64
  var isUnsigned: Bool

  /// How deep an expression is looked into: each of its operations is asked, again and again.
  private static let maximumDepth = 16

  /// The value of an expression of literals; nil where it has none, or is an error when it runs.
  init?(_ expression: Expression, depth: Int = maximumDepth) {
    guard depth > 0 else { return nil }
    switch expression.kind {
    case .integer(let bits, let isUnsigned): self.init(bits: bits, isUnsigned: isUnsigned)
    case .parenthesized(let inner): self.init(inner, depth: depth - 1)
    case .unary(.negate, let inner):
      guard let value = ConstantInteger(inner, depth: depth - 1) else { return nil }
      self.init(bits: 0 &- value.bits, isUnsigned: value.isUnsigned)
    case .unary(.complement, let inner):
      guard let value = ConstantInteger(inner, depth: depth - 1) else { return nil }
      self.init(bits: ~value.bits, isUnsigned: value.isUnsigned)
    case .binary(let operation, let left, let right):
      guard let right = ConstantInteger(right, depth: depth - 1),
        let left = ConstantInteger(left, depth: depth - 1)
      else { return nil }
      self.init(operation, left, right)
    default: return nil
    }
  }

  private init(bits: UInt64, isUnsigned: Bool) {
    self.bits = bits
    self.isUnsigned = isUnsigned
  }

  /// The usual arithmetic conversions (C11 6.3.1.8); a shift has the type of its left operand (6.5.7p3).
  private init?(_ operation: BinaryOperator, _ left: ConstantInteger, _ right: ConstantInteger) {
    let (a, b) = (left.bits, right.bits)
    isUnsigned = left.isUnsigned || right.isUnsigned
    switch operation {
    case .add: bits = a &+ b
    case .subtract: bits = a &- b
    case .multiply: bits = a &* b
    case .and: bits = a & b
    case .or: bits = a | b
    case .xor: bits = a ^ b
    case .shiftLeft:
      bits = a << (b & 63)
      isUnsigned = left.isUnsigned
    case .shiftRight:
      bits =
        left.isUnsigned ? a >> (b & 63) : UInt64(bitPattern: Int64(bitPattern: a) >> Int64(b & 63))
      isUnsigned = left.isUnsigned
    case .divide, .remainder:
      guard b != 0 else { return nil }
      bits = Self.divide(a, b, isUnsigned, remainder: operation == .remainder)
    default: return nil
    }
  }

  /// The least number divided by -1 wraps.
  private static func divide(_ a: UInt64, _ b: UInt64, _ isUnsigned: Bool, remainder: Bool)
    -> UInt64
  {
    if isUnsigned { return remainder ? a % b : a / b }
    if b == .max { return remainder ? 0 : 0 &- a }
    let (x, y) = (Int64(bitPattern: a), Int64(bitPattern: b))
    return UInt64(bitPattern: remainder ? x % y : x / y)
  }
}
