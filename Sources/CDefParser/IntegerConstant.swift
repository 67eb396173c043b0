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

/// Reads numbers and character constants (C11 6.4.4).
enum Literal {
  struct Number {
    var value: UInt64
    var type: BasicType
  }

  enum Failure: Error {
    case malformed
    case tooLarge
    /// A floating constant: it has a type, and no value that a declaration needs.
    case floating(BasicType)
  }

  /// integer-constant with suffixes, in decimal, octal, hexadecimal or binary; `'` separates digits
  /// in C23.
  static func number(_ text: UnsafeBufferPointer<UInt8>) throws(Failure) -> Number {
    var (base, index) = prefix(text)
    if isFloating(text, base) { throw .floating(floatingType(text, base)) }
    var value: UInt64 = 0
    var digits = 0
    while index < text.count, let digit = hexadecimalDigit(text[index]), digit < base {
      let (product, overflowed) = value.multipliedReportingOverflow(by: base)
      let (sum, carried) = product.addingReportingOverflow(digit)
      if overflowed || carried { throw .tooLarge }
      value = sum
      index += 1
      digits += 1
    }
    guard digits > 0 || base == 8, let suffix = Suffix(text[index...]) else { throw .malformed }
    return Number(value: value, type: type(of: value, suffix, isDecimal: base == 10))
  }

  private static func prefix(_ text: UnsafeBufferPointer<UInt8>) -> (UInt64, Int) {
    guard text[0] == UInt8(ascii: "0"), text.count > 1 else { return (10, 0) }
    switch text[1] | 0x20 {
    case UInt8(ascii: "x"): return (16, 2)
    case UInt8(ascii: "b"): return (2, 2)
    default: return (8, 1)
    }
  }

  private static func isFloating(_ text: UnsafeBufferPointer<UInt8>, _ base: UInt64) -> Bool {
    text.contains { byte in
      byte == UInt8(ascii: ".")
        || byte | 0x20 == UInt8(ascii: base == 16 ? "p" : "e") && base != 2
    }
  }

  private static func floatingType(
    _ text: UnsafeBufferPointer<UInt8>, _ base: UInt64
  ) -> BasicType {
    switch text[text.count - 1] | 0x20 {
    case UInt8(ascii: "f") where base != 16: .float
    case UInt8(ascii: "l"): .longDouble
    default: .double
    }
  }

  private struct Suffix {
    var isUnsigned = false
    var longs = 0

    init?(_ text: Slice<UnsafeBufferPointer<UInt8>>) {
      var rest = text
      while let byte = rest.popFirst() {
        switch byte | 0x20 {
        case UInt8(ascii: "u") where !isUnsigned: isUnsigned = true
        case UInt8(ascii: "l") where longs == 0:
          longs = 1
          if rest.first == byte {
            rest = rest.dropFirst()
            longs = 2
          }
        default: return nil
        }
      }
    }
  }

  /// The first type of C11 6.4.4.1p5's list that has the value.
  private static func type(of value: UInt64, _ suffix: Suffix, isDecimal: Bool) -> BasicType {
    let fitsInt = value >> 31 == 0
    let fitsUnsigned = value >> 32 == 0
    let fitsLong = value >> 63 == 0
    switch (suffix.longs, suffix.isUnsigned) {
    case (0, true): return fitsUnsigned ? .unsignedInt : .unsignedLong
    case (0, false):
      if fitsInt { return .int }
      if !isDecimal, fitsUnsigned { return .unsignedInt }
      return fitsLong ? .long : .unsignedLong
    case (1, true): return .unsignedLong
    case (1, false): return fitsLong ? .long : .unsignedLong
    case (_, true): return .unsignedLongLong
    case (_, false): return fitsLong ? .longLong : .unsignedLongLong
    }
  }

  static func hexadecimalDigit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case 48...57: UInt64(byte - 48)
    case 65...70: UInt64(byte - 55)
    case 97...102: UInt64(byte - 87)
    default: nil
    }
  }

  /// The value of a character constant, prefix and quotes included (C11 6.4.4.4); several
  /// characters make one number, as gcc has it. nil where it is malformed.
  static func character(
    _ text: UnsafeBufferPointer<UInt8>, charIsSigned: Bool
  ) -> (value: UInt64, type: BasicType)? {
    guard let quote = text.firstIndex(of: UInt8(ascii: "'")) else { return nil }
    var body = text[(quote + 1)..<(text.count - 1)]
    guard !body.isEmpty else { return nil }
    if quote > 0 { return wideCharacter(&body, prefix: text[0], isUTF8: quote == 2) }
    var value: UInt32 = 0
    var count = 0
    while !body.isEmpty {
      guard let byte = element(&body, isWide: false) else { return nil }
      value = value << 8 | UInt32(truncatingIfNeeded: byte & 0xFF)
      count += 1
    }
    if count == 1 {
      let byte = UInt8(truncatingIfNeeded: value)
      let extended = charIsSigned ? Int64(Int8(bitPattern: byte)) : Int64(byte)
      return (UInt64(bitPattern: extended), .int)
    }
    return (UInt64(bitPattern: Int64(Int32(bitPattern: value))), .int)
  }

  private static func wideCharacter(
    _ body: inout Slice<UnsafeBufferPointer<UInt8>>, prefix: UInt8, isUTF8: Bool
  ) -> (value: UInt64, type: BasicType)? {
    guard let value = element(&body, isWide: true), body.isEmpty else { return nil }
    switch prefix {
    case UInt8(ascii: "L"):
      return (UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value))), .int)
    case UInt8(ascii: "U"): return (value & 0xFFFF_FFFF, .unsignedInt)
    default: return isUTF8 ? (value & 0xFF, .unsignedChar) : (value & 0xFFFF, .unsignedShort)
    }
  }

  /// One character or escape sequence.
  private static func element(
    _ body: inout Slice<UnsafeBufferPointer<UInt8>>, isWide: Bool
  ) -> UInt64? {
    guard let first = body.popFirst() else { return nil }
    guard first == UInt8(ascii: "\\") else {
      guard isWide, first >= 0xC0 else { return UInt64(first) }
      return decodeUTF8(first, &body)
    }
    guard let escape = body.popFirst() else { return nil }
    switch escape {
    case UInt8(ascii: "n"): return 10
    case UInt8(ascii: "t"): return 9
    case UInt8(ascii: "r"): return 13
    case UInt8(ascii: "a"): return 7
    case UInt8(ascii: "b"): return 8
    case UInt8(ascii: "f"): return 12
    case UInt8(ascii: "v"): return 11
    case UInt8(ascii: "e"), UInt8(ascii: "E"): return 27
    case UInt8(ascii: "x"): return digits(&body, base: 16, most: 8)
    case UInt8(ascii: "u"): return digits(&body, base: 16, most: 4)
    case UInt8(ascii: "U"): return digits(&body, base: 16, most: 8)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      body = body.base[(body.startIndex - 1)..<body.endIndex]
      return digits(&body, base: 8, most: 3)
    default: return UInt64(escape)
    }
  }

  private static func digits(
    _ body: inout Slice<UnsafeBufferPointer<UInt8>>, base: UInt64, most: Int
  ) -> UInt64? {
    var value: UInt64 = 0
    var count = 0
    while count < most, let byte = body.first, let digit = hexadecimalDigit(byte), digit < base {
      value = value * base + digit
      body = body.dropFirst()
      count += 1
    }
    return count == 0 ? nil : value
  }

  private static func decodeUTF8(
    _ first: UInt8, _ body: inout Slice<UnsafeBufferPointer<UInt8>>
  ) -> UInt64? {
    let length = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3
    var value = UInt64(first) & (0x3F >> UInt64(length))
    for _ in 0..<length {
      guard let byte = body.popFirst(), byte & 0xC0 == 0x80 else { return nil }
      value = value << 6 | UInt64(byte & 0x3F)
    }
    return value
  }
}
