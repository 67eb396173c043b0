// SPDX-License-Identifier: MIT

import Diagnostics

/// Cuts a script into tokens. docs/language.md, "Lexical structure".
struct Lexer {
  let script: Script
  let bytes: UnsafeBufferPointer<UInt8>
  var position = 0
  var list = TokenList()
  var sink: DiagnosticSink
  private var atLineStart = true

  static func tokenize(_ script: Script, _ sink: inout DiagnosticSink) -> TokenList {
    script.bytes.withUnsafeBufferPointer { bytes in
      var lexer = Lexer(script: script, bytes: bytes, sink: sink)
      lexer.run()
      sink = lexer.sink
      return lexer.list
    }
  }

  private init(script: Script, bytes: UnsafeBufferPointer<UInt8>, sink: DiagnosticSink) {
    self.script = script
    self.bytes = bytes
    self.sink = sink
  }

  // MARK: - Bytes

  var isAtEnd: Bool { position >= bytes.count }

  /// The byte `ahead` of the position; zero behind the end (no token begins with a zero byte).
  func peek(_ ahead: Int = 0) -> UInt8 {
    position + ahead < bytes.count ? bytes[position + ahead] : 0
  }

  func starts(with spelling: [UInt8]) -> Bool {
    position + spelling.count <= bytes.count
      && spelling.indices.allSatisfy { bytes[position + $0] == spelling[$0] }
  }

  // MARK: - Tokens

  /// U+FEFF in UTF-8.
  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  private mutating func run() {
    // Some editors write it in front of everything.
    if bytes.starts(with: Self.byteOrderMark) { position = Self.byteOrderMark.count }
    skipBlanksAndComments()
    while !isAtEnd {
      token()
      skipBlanksAndComments()
    }
    add(.endOfScript, from: position)
  }

  mutating func add(_ kind: TokenKind, from start: Int, value: Int = 0) {
    list.tokens.append(
      Token(
        kind: kind, startsLine: atLineStart, range: SourceRange(start, position), value: value))
    atLineStart = false
  }

  mutating func report(
    _ id: String, _ message: String, _ range: SourceRange, hints: [String] = [],
    isRepaired: Bool = false
  ) {
    sink.add(script.diagnostic(id, message, range, hints: hints), isRepaired: isRepaired)
  }

  private mutating func token() {
    switch peek() {
    case UInt8(ascii: "c") where peek(1) == UInt8(ascii: "'"): characterConstant()
    case UInt8(ascii: "$") where peek(1).isNameStart: eventVariable()
    case let byte where byte.isNameStart: word()
    case let byte where byte.isDigit: number()
    case UInt8(ascii: "\""), UInt8(ascii: "'"): quotedString()
    case UInt8(ascii: "`"): kernelSymbol()
    case UInt8(ascii: "[") where longBracketLevel() != nil: longString()
    case CurlyQuote.firstByte where CurlyQuote(self) != nil: curlyString()
    default: punctuation()
    }
  }

  /// name = (letter | "_") { letter | digit | "_" } ; unless it is a keyword
  private mutating func word() {
    let start = position
    while peek().isNamePart { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    let kind = TokenKind.keywords[text] ?? .name
    // tick-1s, profile-10ms: the interval is part of the word.
    if kind == .keywordTick || kind == .keywordProfile, peek() == UInt8(ascii: "-") {
      position += 1
      while peek().isNamePart { position += 1 }
    }
    add(kind, from: start)
    if kind.beginsEvent { eventDescription() }
  }

  /// What a `trace` is for, and its filter, are not in this language: all up to the body.
  private mutating func eventDescription() {
    while peek().isBlank, peek() != UInt8(ascii: "\n") { position += 1 }
    let start = position
    while !isAtEnd, peek() != UInt8(ascii: "{"), peek() != UInt8(ascii: "\n") { position += 1 }
    var end = position
    while end > start, bytes[end - 1].isBlank { end -= 1 }
    if end == start { return }
    let description = Array(bytes[start..<end])
    let value = addString(description, SourceRange(start, end))
    add(.eventDescription, from: start, value: value)
  }

  /// event-variable = "$" name
  private mutating func eventVariable() {
    let start = position
    position += 1
    while peek().isNamePart { position += 1 }
    add(.eventVariable, from: start)
  }

  /// kernel-symbol = "`" [ module ":" ] name [ "@" file ] "`"
  private mutating func kernelSymbol() {
    let start = position
    position += 1
    while peek().isSymbolPart { position += 1 }
    let isEmpty = position == start + 1
    guard peek() == UInt8(ascii: "`"), !isEmpty else {
      report(
        "bad-symbol-token",
        isEmpty ? "a kernel symbol's name is missing" : "a kernel symbol ends with another \"`\"",
        SourceRange(start, position + 1), hints: ["write it like `jiffies`"])
      if peek() == UInt8(ascii: "`") { position += 1 }
      return add(.kernelSymbol, from: start, value: addString([], SourceRange(start, position)))
    }
    let name = Array(bytes[start + 1..<position])
    position += 1
    let value = addString(name, SourceRange(start, position))
    add(.kernelSymbol, from: start, value: value)
  }

  private mutating func addString(_ bytes: [UInt8], _ range: SourceRange) -> Int {
    list.strings.append(
      StringLiteral(bytes: bytes, runs: [.init(offset: 0, source: range.start + 1)], range: range))
    return list.strings.count - 1
  }

  private mutating func punctuation() {
    let start = position
    if peek() == UInt8(ascii: "#") {
      position += 1
      return add(.hash, from: start)
    }
    if starts(with: [UInt8(ascii: "-"), UInt8(ascii: "-")]) {
      position += 2
      return add(.minusMinus, from: start)
    }
    for (spelling, kind) in TokenKind.punctuation[Int(peek())] where starts(with: spelling) {
      position += spelling.count
      return add(kind, from: start)
    }
    strayBytes()
  }

  /// Bytes that begin no token; a run of them is one error.
  private mutating func strayBytes() {
    let start = position
    repeat { position += 1 } while !isAtEnd && (peek() >= 0x80 || peek() < 0x20 && !peek().isBlank)
    let text = script.text(SourceRange(start, position))
    let isPrintable = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0xfffd }
    let what =
      isPrintable ? "'\(text)'" : "byte 0x" + String(bytes[start], radix: 16)
    report(
      "stray-character", "unexpected symbol near \(what): it begins nothing in this language",
      SourceRange(start, position))
  }

  // MARK: - Blanks and comments

  private mutating func skipBlanksAndComments() {
    while !isAtEnd {
      let byte = peek()
      if byte == UInt8(ascii: "\n") {
        atLineStart = true
        position += 1
      } else if byte.isBlank {
        position += 1
      } else if byte == UInt8(ascii: "#"), !isLengthOperator {
        skipLine()
      } else if byte == UInt8(ascii: "-"), peek(1) == UInt8(ascii: "-"), !isDecrement {
        dashComment()
      } else if byte == UInt8(ascii: "/"),
        peek(1) == UInt8(ascii: "/") || peek(1) == UInt8(ascii: "*")
      {
        foreignComment()
      } else {
        return
      }
    }
  }

  private mutating func skipLine() {
    while !isAtEnd, peek() != UInt8(ascii: "\n") { position += 1 }
  }

  private mutating func dashComment() {
    let start = position
    position += 2
    guard peek() == UInt8(ascii: "["), let level = longBracketLevel() else { return skipLine() }
    position += level + 2
    guard let end = endOfLongBracket(level) else {
      report(
        "unterminated-comment", "this comment has no end", SourceRange(start, start + 2),
        hints: ["it ends with ]\(String(repeating: "=", count: level))]"])
      position = bytes.count
      return
    }
    position = end + level + 2
  }

  /// C's comments are no comments here, but it is clear what was meant.
  private mutating func foreignComment() {
    let start = position
    let isBlock = peek(1) == UInt8(ascii: "*")
    position += 2
    if isBlock {
      while !isAtEnd, !starts(with: [UInt8(ascii: "*"), UInt8(ascii: "/")]) { position += 1 }
      position = min(position + 2, bytes.count)
    } else {
      skipLine()
    }
    report(
      "c-comment", "C's comments are not known here", SourceRange(start, start + 2),
      hints: [isBlock ? "write --[[ … ]]" : "write # or --"], isRepaired: true)
  }

  /// `#` begins a comment, but right behind an operator or an opening bracket on the same line, and
  /// right before an operand, it is the length operator: `n = #list`.
  private var isLengthOperator: Bool {
    guard let last = list.tokens.last, !atLineStart else { return false }
    let next = peek(1)
    guard
      next.isNameStart || next == UInt8(ascii: "(") || next == UInt8(ascii: "{")
        || next == UInt8(ascii: "\"")
        || next == UInt8(ascii: "'") || next == UInt8(ascii: "`")
    else { return false }
    switch last.kind {
    case .leftParenthesis, .leftBracket, .comma, .equal, .keywordReturn, .keywordIn, .concat, .plus,
      .minus, .star, .slash, .percent, .ampersand, .pipe, .caret, .shiftLeft, .shiftRight,
      .exclamation, .andAnd, .orOr, .equalEqual, .notEqual, .less, .lessEqual, .greater,
      .greaterEqual, .question, .colon, .plusEqual, .minusEqual:
      return true
    default:
      return false
    }
  }

  /// `--` begins a comment, but right behind a name or `]`, where the statement then ends, it counts
  /// down: `i--`.
  private var isDecrement: Bool {
    guard let last = list.tokens.last, last.range.end == position,
      last.kind == .name || last.kind == .rightBracket || last.kind == .kernelSymbol
    else { return false }
    var ahead = 2
    while peek(ahead).isBlank, peek(ahead) != UInt8(ascii: "\n") { ahead += 1 }
    let ends: [UInt8] = [
      0, UInt8(ascii: "\n"), UInt8(ascii: ";"), UInt8(ascii: "}"), UInt8(ascii: ")"),
      UInt8(ascii: "#"),
    ]
    return ends.contains(peek(ahead))
  }
}

extension UInt8 {
  var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

  var isNameStart: Bool {
    let lower = self | 0x20
    return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z") || self == UInt8(ascii: "_")
  }

  var isNamePart: Bool { isNameStart || isDigit }

  /// In `` `module:name@dir/file.c` ``; dots and `$` also stand in the names of the kernel's symbols.
  var isSymbolPart: Bool {
    isNamePart || self == UInt8(ascii: ".") || self == UInt8(ascii: "$")
      || self == UInt8(ascii: ":") || self == UInt8(ascii: "@") || self == UInt8(ascii: "/")
      || self == UInt8(ascii: "-")
  }

  /// White space (C11 6.4p3).
  var isBlank: Bool { self == 0x20 || self >= 0x09 && self <= 0x0d }

  /// The value of a hexadecimal digit.
  var digitValue: UInt64? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(self - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(self - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(self - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
