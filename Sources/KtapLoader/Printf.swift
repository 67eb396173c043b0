// SPDX-License-Identifier: MIT

/// C's printf for script values. The format comes from the script at run time, so nothing in it
/// can be wrong enough to lose output: what does not fit is printed as it is and reported.
struct Printf {
  /// How values look where the format leaves it open.
  let describe: (OutputValue) -> [UInt8]
  private(set) var problems: [String] = []

  init(describe: @escaping (OutputValue) -> [UInt8]) { self.describe = describe }

  /// One conversion specification (C11 7.21.6.1p4). Length modifiers are accepted and mean
  /// nothing: values know their size.
  private struct Conversion {
    var isLeft = false, hasPlus = false, hasBlank = false, isAlternate = false, isZeroPadded = false
    var width = 0
    var precision: Int?
    var letter: UInt8 = 0
  }

  /// No sensible column is wider.
  private static let mostPadding = 4096

  mutating func format(_ format: [UInt8], _ arguments: ArraySlice<OutputValue>) -> [UInt8] {
    var output: [UInt8] = []
    var arguments = arguments
    var position = 0
    while position < format.count {
      let byte = format[position]
      position += 1
      guard byte == UInt8(ascii: "%") else {
        output.append(byte)
        continue
      }
      let start = position - 1
      guard let conversion = Self.conversion(format, &position, &arguments) else {
        problems.append("the format ends within a conversion")
        output += format[start...]
        break
      }
      if conversion.letter == UInt8(ascii: "%") {
        output.append(byte)
      } else if let argument = arguments.popFirst() {
        output += convert(argument, conversion)
      } else {
        problems.append(
          "no value for '\(String(decoding: format[start..<position], as: UTF8.self))'")
        output += format[start..<position]
      }
    }
    if !arguments.isEmpty { problems.append("\(arguments.count) values more than conversions") }
    return output
  }

  private static func conversion(
    _ format: [UInt8], _ position: inout Int, _ arguments: inout ArraySlice<OutputValue>
  ) -> Conversion? {
    var result = Conversion()
    flags: while position < format.count {
      switch format[position] {
      case UInt8(ascii: "-"): result.isLeft = true
      case UInt8(ascii: "+"): result.hasPlus = true
      case UInt8(ascii: " "): result.hasBlank = true
      case UInt8(ascii: "#"): result.isAlternate = true
      case UInt8(ascii: "0"): result.isZeroPadded = true
      default: break flags
      }
      position += 1
    }
    if let width = number(format, &position, &arguments) {
      result.isLeft = result.isLeft || width < 0
      result.width = abs(width)
    }
    if position < format.count, format[position] == UInt8(ascii: ".") {
      position += 1
      let precision = number(format, &position, &arguments) ?? 0
      result.precision = precision < 0 ? nil : precision
    }
    while position < format.count, "hlqjzt".utf8.contains(format[position]) { position += 1 }
    guard position < format.count else { return nil }
    result.letter = format[position]
    position += 1
    return result
  }

  /// Digits, or `*` for the next argument; nil for neither.
  private static func number(
    _ format: [UInt8], _ position: inout Int, _ arguments: inout ArraySlice<OutputValue>
  ) -> Int? {
    if position < format.count, format[position] == UInt8(ascii: "*") {
      position += 1
      switch arguments.popFirst() {
      case .int(let value): return Int(max(min(value, Int64(mostPadding)), -Int64(mostPadding)))
      case .uint(let value): return Int(min(value, UInt64(mostPadding)))
      default: return 0
      }
    }
    var value: Int?
    while position < format.count, case let digit = format[position] &- UInt8(ascii: "0"),
      digit < 10
    {
      value = min((value ?? 0) * 10 + Int(digit), mostPadding)
      position += 1
    }
    return value
  }

  private mutating func convert(_ value: OutputValue, _ conversion: Conversion) -> [UInt8] {
    switch conversion.letter {
    case UInt8(ascii: "d"), UInt8(ascii: "i"):
      return integer(value, conversion, radix: 10, isSigned: true)
    case UInt8(ascii: "u"): return integer(value, conversion, radix: 10, isSigned: false)
    case UInt8(ascii: "o"): return integer(value, conversion, radix: 8, isSigned: false)
    case UInt8(ascii: "x"), UInt8(ascii: "X"):
      return integer(value, conversion, radix: 16, isSigned: false)
    case UInt8(ascii: "p"): return pointer(value, conversion)
    case UInt8(ascii: "c"):
      guard let bits = Self.bits(value) else { return mismatch(value, conversion) }
      return Self.pad([UInt8(truncatingIfNeeded: bits.bits)], conversion)
    case UInt8(ascii: "s"):
      let text = describe(value)
      return Self.pad(Array(text.prefix(conversion.precision ?? text.count)), conversion)
    default:
      problems.append("there is no conversion '%\(String(UnicodeScalar(conversion.letter)))'")
      return describe(value)
    }
  }

  /// A value as 64 bits, and whether they are a negative number's.
  private static func bits(_ value: OutputValue) -> (bits: UInt64, isNegative: Bool)? {
    switch value {
    case .int(let value): (UInt64(bitPattern: value), value < 0)
    case .uint(let value): (value, false)
    case .bool(let value): (value ? 1 : 0, false)
    case .cdata(_, let payload): (payload, false)
    default: nil
    }
  }

  private mutating func integer(
    _ value: OutputValue, _ conversion: Conversion, radix: Int, isSigned: Bool
  ) -> [UInt8] {
    guard let (bits, isNegative) = Self.bits(value) else { return mismatch(value, conversion) }
    // %d of an unsigned value prints the value: there is no narrower type to misread it as.
    let showsMinus = isSigned && isNegative
    var digits = Array(
      String(
        showsMinus ? 0 &- bits : bits, radix: radix,
        uppercase: conversion.letter == UInt8(ascii: "X")
      ).utf8)
    if let precision = conversion.precision {
      if precision == 0, bits == 0 { digits = [] }
      digits = zeros(precision - digits.count) + digits
    }
    var sign: [UInt8] = []
    if isSigned {
      sign = Array(
        (showsMinus ? "-" : conversion.hasPlus ? "+" : conversion.hasBlank ? " " : "").utf8)
    } else if conversion.isAlternate {
      if radix == 16, bits != 0 { sign = [UInt8(ascii: "0"), conversion.letter] }
      if radix == 8, digits.first != UInt8(ascii: "0") { digits.insert(UInt8(ascii: "0"), at: 0) }
    }
    if conversion.isZeroPadded, !conversion.isLeft, conversion.precision == nil {
      digits = zeros(conversion.width - sign.count - digits.count) + digits
    }
    return Self.pad(sign + digits, conversion)
  }

  private mutating func pointer(_ value: OutputValue, _ conversion: Conversion) -> [UInt8] {
    guard let bits = Self.bits(value)?.bits ?? (value == .nil ? 0 : nil) else {
      return mismatch(value, conversion)
    }
    return Self.pad(Array(("0x" + String(bits, radix: 16)).utf8), conversion)
  }

  private mutating func mismatch(_ value: OutputValue, _ conversion: Conversion) -> [UInt8] {
    problems.append("'%\(String(UnicodeScalar(conversion.letter)))' needs a number")
    return Self.pad(describe(value), conversion)
  }

  private func zeros(_ count: Int) -> [UInt8] {
    [UInt8](repeating: UInt8(ascii: "0"), count: max(count, 0))
  }

  private static func pad(_ text: [UInt8], _ conversion: Conversion) -> [UInt8] {
    let padding = [UInt8](
      repeating: UInt8(ascii: " "), count: max(conversion.width - text.count, 0))
    return conversion.isLeft ? text + padding : padding + text
  }
}
