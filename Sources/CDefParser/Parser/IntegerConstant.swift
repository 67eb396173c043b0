// SPDX-License-Identifier: MIT

import TypeIR

/// The value of an integer constant expression.
struct IntegerConstant: Equatable {
  /// Extended to 64 bits by its type's sign.
  var value: UInt64
  var isSigned: Bool

  var isNegative: Bool { isSigned && Int64(bitPattern: value) < 0 }

  /// As a message shows it.
  var signed: String { isSigned ? "\(Int64(bitPattern: value))" : "\(value)" }

  var integer: IntegerValue {
    isSigned ? IntegerValue(Int64(bitPattern: value)) : IntegerValue(value)
  }

  var fitsInt: Bool { fits(32, isSigned: true) }

  /// Whether an integer type of so many bits has the value.
  func fits(_ bits: UInt64, isSigned: Bool) -> Bool {
    if isNegative {
      return isSigned && Int64(bitPattern: value) >= Int64.min >> Int64(64 - min(bits, 64))
    }
    let available = isSigned ? bits - 1 : bits
    return available >= 64 || value >> available == 0
  }

  /// One more: the value of the next enumerator. Beyond a signed type's range it is unsigned.
  var successor: IntegerConstant {
    if isSigned, value == UInt64(Int64.max) {
      return IntegerConstant(value: value + 1, isSigned: false)
    }
    return IntegerConstant(value: value &+ 1, isSigned: isSigned)
  }
}
