// SPDX-License-Identifier: MIT

import TypeIR

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
    /// A floating constant of a decimal type (C23 6.4.5.3), which are no types of ours.
    case decimal
  }

  /// integer-constant with suffixes, in decimal, octal, hexadecimal or binary; or the type of a
  /// floating-constant.
  static func number(_ spelling: UnsafeBufferPointer<UInt8>) throws(Failure) -> Number {
    let prefix = spelling.count > 1 && spelling[0] == UInt8(ascii: "0") ? spelling[1] | 0x20 : 0
    let base: UInt64 =
      switch prefix {
      case UInt8(ascii: "x"): 16
      case UInt8(ascii: "b"): 2
      default: spelling[0] == UInt8(ascii: "0") ? 8 : 10
      }
    var position = base == 16 || base == 2 ? 2 : 0
    let first = position
    var value: UInt64 = 0
    var isTooLarge = false
    while position < spelling.count, let digit = hexadecimalDigit(spelling[position]), digit < base
    {
      let (product, overflows) = value.multipliedReportingOverflow(by: base)
      value = product &+ digit
      isTooLarge = isTooLarge || overflows || value < digit
      position += 1
    }
    if position > first, position == spelling.count, !isTooLarge {  // Most have no suffix.
      return Number(value: value, type: type(of: value, isDecimal: base == 10))
    }
    if spelling.contains(separator) {  // C23 6.4.4.1
      return try Array(spelling.filter { $0 != separator }).withUnsafeBufferPointer(number)
    }
    let rest = spelling[position...]
    if base != 2, isFloating(spelling, base) { throw floating(spelling, isHexadecimal: base == 16) }
    let suffix = String(decoding: rest, as: UTF8.self)
    guard position > first, let (isUnsigned, lengths) = suffixes[suffix.lowercased()],
      !["lL", "Ll"].contains(where: suffix.contains)
    else { throw .malformed }
    if isTooLarge { throw .tooLarge }
    return Number(
      value: value,
      type: type(of: value, isUnsigned: isUnsigned, lengths: lengths, isDecimal: base == 10))
  }

  static let separator = UInt8(ascii: "'")

  /// Whether there is a point or an exponent, which a hexadecimal constant writes `p`.
  private static func isFloating(_ spelling: UnsafeBufferPointer<UInt8>, _ base: UInt64) -> Bool {
    let exponent = base == 16 ? UInt8(ascii: "p") : UInt8(ascii: "e")
    return spelling.contains { $0 == UInt8(ascii: ".") || $0 | 0x20 == exponent }
  }

  /// What kind of a floating-constant it is, by its suffix (C11 6.4.4.2).
  private static func floating(
    _ spelling: UnsafeBufferPointer<UInt8>, isHexadecimal: Bool
  ) -> Failure {
    var rest = spelling[(isHexadecimal ? 2 : 0)...]
    func popDigits(base: UInt64) -> Int {
      let digits = rest.prefix { hexadecimalDigit($0).map { $0 < base } ?? false }
      rest = rest.dropFirst(digits.count)
      return digits.count
    }
    func pop(_ letters: String) -> Bool {
      guard let first = rest.first, letters.utf8.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    let base: UInt64 = isHexadecimal ? 16 : 10
    var digitCount = popDigits(base: base)
    if pop(".") { digitCount += popDigits(base: base) }
    let hasExponent = pop(isHexadecimal ? "pP" : "eE")
    if hasExponent {
      _ = pop("+-")
      guard popDigits(base: 10) > 0 else { return .malformed }
    }
    guard digitCount > 0, hasExponent || !isHexadecimal else { return .malformed }
    let suffix = String(decoding: rest, as: UTF8.self)
    if !isHexadecimal, decimalSuffixes.contains(suffix) { return .decimal }
    return floatingSuffixes[suffix.lowercased()].map { .floating($0) } ?? .malformed
  }

  /// The two letters are of one case.
  private static let decimalSuffixes: Set<String> = ["df", "dd", "dl", "DF", "DD", "DL"]

  /// C's and gcc's other floating-suffixes, in lower case.
  private static let floatingSuffixes: [String: BasicType] = [
    "": .double, "d": .double, "f": .float, "l": .longDouble, "w": .longDouble, "q": .float128,
    "f16": .float16, "f32": .float32, "f64": .float64, "f128": .float128,
    "f32x": .float32x, "f64x": .float64x,
    "i": .complexDouble, "fi": .complexFloat, "if": .complexFloat,
    "li": .complexLongDouble, "il": .complexLongDouble,
    "j": .complexDouble, "fj": .complexFloat, "jf": .complexFloat,
    "lj": .complexLongDouble, "jl": .complexLongDouble,
  ]

  /// integer-suffix, in lower case: whether it is unsigned, and how many `l` it has.
  private static let suffixes: [String: (isUnsigned: Bool, lengths: Int)] = [
    "": (false, 0), "u": (true, 0), "l": (false, 1), "ul": (true, 1), "lu": (true, 1),
    "ll": (false, 2), "ull": (true, 2), "llu": (true, 2),
  ]

  /// The first type of C11 6.4.4.1p5's list that has the value.
  private static func type(
    of value: UInt64, isUnsigned: Bool = false, lengths: Int = 0, isDecimal: Bool
  ) -> BasicType {
    if lengths == 0 {
      if !isUnsigned, value <= UInt64(Int32.max) { return .int }
      if isUnsigned || !isDecimal, value <= UInt64(UInt32.max) { return .unsignedInt }
    }
    let fitsSigned = !isUnsigned && value <= UInt64(Int64.max)
    if lengths == 2 { return fitsSigned ? .longLong : .unsignedLongLong }
    return fitsSigned ? .long : .unsignedLong
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
  fileprivate static func element(
    _ body: inout Slice<UnsafeBufferPointer<UInt8>>, isWide: Bool
  ) -> UInt64? {
    guard let first = body.popFirst() else { return nil }
    guard first == UInt8(ascii: "\\") else {
      guard isWide, first >= 0xC0 else { return UInt64(first) }
      let rest = body.prefix { $0 & 0xC0 == 0x80 }
      body = body.dropFirst(rest.count)
      let character = String(validating: [first] + rest, as: UTF8.self)?.unicodeScalars.first
      return character.map { UInt64($0.value) }
    }
    guard let escape = body.popFirst() else { return nil }
    if let control = Array("abtnvfr".utf8).firstIndex(of: escape) { return UInt64(7 + control) }
    switch escape {
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
}

/// The type of string literals that stand side by side (C11 6.4.5p5, p6).
struct StringLength {
  /// What the one with a prefix says of all; `L` without gcc's -fshort-wchar.
  private(set) var element = BasicType.char
  /// How many char, char16_t and char32_t they are.
  private var (bytes, words, characters): (UInt64, UInt64, UInt64) = (0, 0, 0)

  /// Of elements, the null at the end among them.
  var count: UInt64 {
    1 + (element == .char ? bytes : element == .unsignedShort ? words : characters)
  }

  /// A literal, prefix and quotes included.
  mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
    let quote = UInt8(ascii: "\"")
    guard let start = text.firstIndex(of: quote), start + 1 < text.count else { return }
    // `u8` alone has two letters, and means char.
    if start == 1 {
      let isLong = text[0] == UInt8(ascii: "L")
      element = isLong ? .int : text[0] == UInt8(ascii: "U") ? .unsignedInt : .unsignedShort
    }
    var body = text[(start + 1)..<(text.count - 1)]
    while !body.isEmpty { appendCharacter(&body) }
  }

  private mutating func appendCharacter(_ body: inout Slice<UnsafeBufferPointer<UInt8>>) {
    let text = body
    let value = Literal.element(&body, isWide: true) ?? 0
    let escape = text.first == UInt8(ascii: "\\") ? text.dropFirst().first : nil
    // A line is spliced (C11 5.1.1.2, phase 2).
    if escape == 0x0A { return }
    let isUniversal = escape.map { $0 | 0x20 } == UInt8(ascii: "u")
    let width = Unicode.Scalar(UInt32(truncatingIfNeeded: value)).map { UTF8.width($0) } ?? 1
    bytes += UInt64(isUniversal ? width : escape == nil ? text.count - body.count : 1)
    words += (escape == nil || isUniversal) && value > 0xFFFF ? 2 : 1
    characters += 1
  }
}
