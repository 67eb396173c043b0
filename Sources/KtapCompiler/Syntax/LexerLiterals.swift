// SPDX-License-Identifier: MIT

/// “ ” ‘ ’ in UTF-8: word processors put them where a program needs plain ones.
struct CurlyQuote {
  static let firstByte: UInt8 = 0xe2
  static let length = 3
  let isDouble: Bool

  /// The curly quote at the lexer's position, if there is one.
  init?(_ lexer: Lexer) {
    guard lexer.peek() == 0xe2, lexer.peek(1) == 0x80 else { return nil }
    switch lexer.peek(2) {
    case 0x9c, 0x9d: isDouble = true
    case 0x98, 0x99: isDouble = false
    default: return nil
    }
  }
}

/// Builds a string's bytes while it is read, noting where its runs stand in the script.
private struct StringBuilder {
  var bytes: [UInt8] = []
  var runs: [StringLiteral.Run] = []

  /// Appends a byte that stands at `source`. A new run begins where the last does not go on, and on
  /// every new line, because runs are told by line and column.
  mutating func append(_ byte: UInt8, from source: Int) {
    let goesOn =
      runs.last.map { $0.source + (bytes.count - $0.offset) == source } ?? false
    if !goesOn || bytes.last == UInt8(ascii: "\n") {
      runs.append(.init(offset: bytes.count, source: source))
    }
    bytes.append(byte)
  }
}

extension Lexer {
  // MARK: - Integers

  /// integer = decimal | "0" octal | "0x" hexadecimal | "0b" binary, "_" between digits, suffix
  mutating func number() {
    let start = position
    let radix = radixPrefix()
    let (digits, areSeparated) = digitRun()
    var value: UInt64 = 0
    var overflowed = false
    var isBad = digits.isEmpty || !areSeparated
    for digit in digits {
      guard let worth = digit.digitValue, worth < radix else {
        isBad = true
        continue
      }
      let (product, tooMuch) = value.multipliedReportingOverflow(by: radix)
      let (sum, carry) = product.addingReportingOverflow(worth)
      value = sum
      overflowed = overflowed || tooMuch || carry
    }
    let isFraction = radix == 10 || radix == 8 ? skipFraction() : false
    let suffix = suffixRun()
    let range = SourceRange(start, position)
    if isFraction {
      report(
        "floating-point", "there is no floating point here", range,
        hints: ["scale the number: 1500 thousandths instead of 1.5"])
    } else if isBad || !Self.suffixes.contains(suffix.lowercased()) {
      report(
        "bad-number", "malformed number '\(script.text(range))'", range,
        hints: ["decimal, 0x…, 0b… or 0… (octal), _ between digits, suffix u, l, ul, ll or ull"])
    } else if overflowed {
      report("integer-too-large", "this number needs more than 64 bits", range)
    }
    addInteger(value, radix: radix, suffix: suffix.lowercased(), from: start)
  }

  private static let suffixes: Set = ["", "u", "l", "ul", "lu", "ll", "ull", "llu"]

  private mutating func addInteger(_ value: UInt64, radix: UInt64, suffix: String, from start: Int)
  {
    let isUnsigned = suffix.contains("u") || radix != 10 && value > UInt64(Int64.max)
    list.integers.append(
      IntegerLiteral(
        value: value, isUnsigned: isUnsigned,
        isTooLarge: !isUnsigned && value > UInt64(Int64.max)))
    add(.integer, from: start, value: list.integers.count - 1)
  }

  private mutating func radixPrefix() -> UInt64 {
    guard peek() == UInt8(ascii: "0") else { return 10 }
    switch peek(1) | 0x20 {
    case UInt8(ascii: "x"):
      position += 2
      return 16
    case UInt8(ascii: "b"):
      position += 2
      return 2
    default: return peek(1).isDigit || peek(1) == UInt8(ascii: "_") ? 8 : 10
    }
  }

  /// The digits and hexadecimal letters that follow, without the `_` between them; whether each `_`
  /// stands between two.
  private mutating func digitRun() -> (digits: [UInt8], areSeparated: Bool) {
    var digits: [UInt8] = []
    var areSeparated = true
    var last = UInt8(ascii: "_")
    let isHexadecimal = position >= 1 && bytes[position - 1] | 0x20 == UInt8(ascii: "x")
    while peek().isDigit || peek() == UInt8(ascii: "_") || isHexadecimal && peek().digitValue != nil
    {
      let isSeparator = peek() == UInt8(ascii: "_")
      if !isSeparator { digits.append(peek()) }
      if isSeparator && last == UInt8(ascii: "_") { areSeparated = false }
      last = peek()
      position += 1
    }
    return (digits, areSeparated && (digits.isEmpty || last != UInt8(ascii: "_")))
  }

  /// `1.5`, but not `1..2`.
  private mutating func skipFraction() -> Bool {
    guard peek() == UInt8(ascii: "."), peek(1).isDigit else { return false }
    position += 1
    while peek().isNamePart { position += 1 }
    return true
  }

  private mutating func suffixRun() -> String {
    let start = position
    while peek().isNamePart { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  // MARK: - Characters

  /// character = "c'" ( byte | escape ) "'": an integer, the byte's value
  mutating func characterConstant() {
    let start = position
    let stringIndex = list.strings.count
    position += 1
    quotedString()
    let text = list.strings[stringIndex].bytes
    list.tokens.removeLast()
    list.strings.removeLast()
    if text.count != 1 {
      report(
        "bad-character", "a character constant is one byte, not \(text.count)",
        SourceRange(start, position), hints: ["write c'a' for the number 97, \"abc\" for a string"])
    }
    addInteger(UInt64(text.first ?? 0), radix: 10, suffix: "", from: start)
  }

  // MARK: - Strings

  mutating func quotedString() {
    let quote = peek()
    position += 1
    string(from: position - 1) { $0.peek() == quote ? 1 : 0 }
  }

  mutating func curlyString() {
    let start = position
    let isDouble = CurlyQuote(self)?.isDouble ?? true
    let plain = isDouble ? "\"" : "'"
    let quote = UInt8(ascii: isDouble ? "\"" : "'")
    report(
      "curly-quote", "this is a typographic quote", SourceRange(start, start + CurlyQuote.length),
      hints: ["use plain quotes: \(plain)…\(plain)"], isRepaired: true)
    position += CurlyQuote.length
    string(from: start) { lexer in
      if lexer.peek() == quote { return 1 }
      return CurlyQuote(lexer)?.isDouble == isDouble ? CurlyQuote.length : 0
    }
  }

  /// string = '"' { byte | escape } '"', or with "'". `closing` tells how many bytes the closing quote at
  /// the lexer's position has; 0: there is none.
  private mutating func string(from start: Int, closing: (Lexer) -> Int) {
    var builder = StringBuilder()
    while true {
      if isAtEnd || peek() == UInt8(ascii: "\n") {
        report(
          "unterminated-string", "this string has no end on its line", SourceRange(start, position),
          hints: ["strings over several lines are written [[…]]"])
        break
      }
      let length = closing(self)
      if length > 0 {
        position += length
        break
      }
      if peek() == UInt8(ascii: "\\") {
        escape(&builder)
      } else {
        builder.append(peek(), from: position)
        position += 1
      }
    }
    addString(builder, from: start)
  }

  private mutating func addString(_ builder: StringBuilder, from start: Int) {
    let range = SourceRange(start, position)
    let runs =
      builder.runs.isEmpty ? [.init(offset: 0, source: min(start + 1, position))] : builder.runs
    list.strings.append(StringLiteral(bytes: builder.bytes, runs: runs, range: range))
    add(.string, from: start, value: list.strings.count - 1)
  }

  /// Escapes of one letter (C11 6.4.4.4, and GNU's `\e`).
  private static let simpleEscapes: [UInt8: UInt8] = [
    UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "t"): 9, UInt8(ascii: "n"): 10,
    UInt8(ascii: "v"): 11, UInt8(ascii: "f"): 12, UInt8(ascii: "r"): 13, UInt8(ascii: "e"): 27,
    UInt8(ascii: "\\"): 92, UInt8(ascii: "'"): 39, UInt8(ascii: "\""): 34, UInt8(ascii: "?"): 63,
  ]

  private mutating func escape(_ builder: inout StringBuilder) {
    let start = position
    let letter = peek(1)
    position += 2
    switch letter {
    case UInt8(ascii: "\n"): break  // a line spliced to the next (C11 5.1.1.2p1)
    case UInt8(ascii: "\r") where peek() == UInt8(ascii: "\n"): position += 1
    case UInt8(ascii: "x"):
      guard let value = digits(radix: 16, most: 2) else {
        return badEscape(start, "needs one or two hexadecimal digits behind it")
      }
      builder.append(UInt8(value), from: start)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      position -= 1
      guard let value = digits(radix: 8, most: 3), value < 256 else {
        return badEscape(start, "is more than a byte: \\377 is the greatest")
      }
      builder.append(UInt8(value), from: start)
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      let count = letter == UInt8(ascii: "u") ? 4 : 8
      let first = position
      guard let value = digits(radix: 16, most: count), position - first == count else {
        return badEscape(start, "needs \(count) hexadecimal digits behind it")
      }
      guard let scalar = Unicode.Scalar(UInt32(value)) else {
        return badEscape(start, "is no character of Unicode")
      }
      for byte in String(Character(scalar)).utf8 { builder.append(byte, from: start) }
    case let other:
      guard let byte = Self.simpleEscapes[other] else { return badEscape(start, nil) }
      builder.append(byte, from: start)
    }
  }

  /// `reason`: what is wrong with an escape that there is.
  private mutating func badEscape(_ start: Int, _ reason: String?) {
    position = min(max(position, start + 1), bytes.count)
    let text = script.text(SourceRange(start, position))
    report(
      "bad-escape", reason.map { "the escape '\(text)' \($0)" } ?? "unknown escape '\(text)'",
      SourceRange(start, position), hints: ["a backslash is written \\\\"])
  }

  /// The number that the digits at the position make; nil where there are none.
  private mutating func digits(radix: UInt64, most: Int) -> UInt64? {
    var value: UInt64?
    var count = 0
    while count < most, let digit = peek().digitValue, digit < radix {
      value = (value ?? 0) * radix + digit
      position += 1
      count += 1
    }
    return value
  }

  // MARK: - Long brackets

  /// The number of `=` in an opening long bracket at the position; nil if there is none.
  func longBracketLevel() -> Int? {
    var ahead = 1
    while peek(ahead) == UInt8(ascii: "=") { ahead += 1 }
    return peek(ahead) == UInt8(ascii: "[") ? ahead - 1 : nil
  }

  /// Where the closing long bracket of a level begins, from the position on.
  func endOfLongBracket(_ level: Int) -> Int? {
    let closing =
      [UInt8(ascii: "]")] + [UInt8](repeating: UInt8(ascii: "="), count: level)
      + [UInt8(ascii: "]")]
    var lexer = self
    while !lexer.isAtEnd {
      if lexer.starts(with: closing) { return lexer.position }
      lexer.position += 1
    }
    return nil
  }

  /// long-string = "[" { "=" } "[" bytes "]" { "=" } "]" ; a line feed right behind the opening is not
  /// part of it
  mutating func longString() {
    let start = position
    let level = longBracketLevel() ?? 0
    position += level + 2
    guard let end = endOfLongBracket(level) else {
      report(
        "unterminated-string", "this long string has no end", SourceRange(start, position),
        hints: ["it ends with ]\(String(repeating: "=", count: level))]"])
      position = bytes.count
      return addString(StringBuilder(), from: start)
    }
    if peek() == UInt8(ascii: "\r"), peek(1) == UInt8(ascii: "\n") { position += 1 }
    if peek() == UInt8(ascii: "\n") { position += 1 }
    var builder = StringBuilder()
    while position < end {
      builder.append(peek(), from: position)
      position += 1
    }
    position = end + level + 2
    addString(builder, from: start)
  }
}
