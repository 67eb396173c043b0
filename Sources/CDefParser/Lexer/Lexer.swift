// SPDX-License-Identifier: MIT

import Glibc

/// What is wrong with a text already as a sequence of tokens.
enum LexicalError: Error {
  case unterminatedComment(Range<Int>)
  /// It is taken for a string that ends with its line.
  case unterminatedLiteral(Token)
  case strayCharacter(Range<Int>)
  /// A line that is spliced in the middle of a word (C11 5.1.1.2, phase 2), which ends there for us.
  case splicedWord(Range<Int>)
}

/// Splits a range of the source text into tokens (C11 6.4). Directives are not its business: it
/// reports the `#` and can be asked for the rest of the line.
struct Lexer {
  private(set) var position: Int
  let end: Int
  private(set) var isAtLineStart = true

  init(_ range: Range<Int>) {
    position = range.lowerBound
    end = range.upperBound
  }

  // MARK: Tokens

  /// The next token, `.end` at the range's end. After an error the reader is past what was wrong.
  mutating func next(
    _ text: UnsafeBufferPointer<UInt8>, _ names: inout NameTable
  ) throws(LexicalError) -> Token {
    while position < end, text[position] == 0x20 { position += 1 }
    if position < end, CharacterClass.mayBeBlank(text[position]) { try skipBlanks(text) }
    let start = position
    let atLineStart = isAtLineStart
    isAtLineStart = false
    guard start < end else { return token(.end, start, atLineStart) }
    let byte = text[start]
    switch CharacterClass(byte) {
    case .letter:
      if byte | 0x20 == UInt8(ascii: "u") || byte == UInt8(ascii: "L"),
        let prefix = literalPrefixLength(text)
      {
        position += prefix
        return try literal(text, start, atLineStart)
      }
      return try identifier(text, &names, atLineStart)
    case .digit: return number(text, atLineStart)
    case .quote: return try literal(text, start, atLineStart)
    case .other:
      if byte == UInt8(ascii: "."), start + 1 < end, CharacterClass(text[start + 1]) == .digit {
        return number(text, atLineStart)
      }
      guard let (kind, length) = punctuator(text) else {
        position += 1
        throw .strayCharacter(start..<position)
      }
      position += length
      return token(kind, start, atLineStart)
    }
  }

  private func token(_ kind: TokenKind, _ start: Int, _ isAtLineStart: Bool) -> Token {
    Token(
      kind: kind, isAtLineStart: isAtLineStart, pack: 0, keyword: nil, name: .none,
      spelling: start..<position, range: start..<position)
  }

  /// Blanks, comments and spliced lines.
  private mutating func skipBlanks(_ text: UnsafeBufferPointer<UInt8>) throws(LexicalError) {
    while position < end {
      switch text[position] {
      case 0x20, 0x09, 0x0B, 0x0C, 0x0D: position += 1
      case 0x0A:
        position += 1
        isAtLineStart = true
      case UInt8(ascii: "/") where position + 1 < end && text[position + 1] == UInt8(ascii: "*"):
        try skipComment(text)
      case UInt8(ascii: "/") where position + 1 < end && text[position + 1] == UInt8(ascii: "/"):
        skipLine(text)
      case UInt8(ascii: "\\"):
        guard let length = spliceLength(text) else { return }
        position += length
        let splice = position - length..<position
        if splice.lowerBound > 0, position < end,
          CharacterClass.isInIdentifiers(text[splice.lowerBound - 1]),
          CharacterClass.isInIdentifiers(text[position])
        {
          throw .splicedWord(splice)
        }
      default: return
      }
    }
  }

  /// The length of a backslash and the line ending after it; nil if none stands here.
  private func spliceLength(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
    guard text[position] == UInt8(ascii: "\\"), position + 1 < end else { return nil }
    if text[position + 1] == 0x0A { return 2 }
    guard text[position + 1] == 0x0D, position + 2 < end, text[position + 2] == 0x0A else {
      return nil
    }
    return 3
  }

  private mutating func skipComment(_ text: UnsafeBufferPointer<UInt8>) throws(LexicalError) {
    let start = position
    position += 2
    while position + 1 < end {
      if text[position] == UInt8(ascii: "*"), text[position + 1] == UInt8(ascii: "/") {
        position += 2
        return
      }
      if text[position] == 0x0A { isAtLineStart = true }
      position += 1
    }
    position = end
    throw .unterminatedComment(start..<min(start + 2, end))
  }

  /// To the line's end, which a backslash before the line feed moves on.
  mutating func skipLine(_ text: UnsafeBufferPointer<UInt8>) {
    while position < end, text[position] != 0x0A { position += spliceLength(text) ?? 1 }
  }

  /// Whether the next token is a `(`.
  func isFollowedByParenthesis(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    var lexer = self
    guard (try? lexer.skipBlanks(text)) != nil, lexer.position < end else { return false }
    return text[lexer.position] == UInt8(ascii: "(")
  }

  /// The rest of a directive's line, which comments and spliced lines may make longer than a line;
  /// the reader goes to the line feed that ends it.
  mutating func takeDirective(_ text: UnsafeBufferPointer<UInt8>) -> Range<Int> {
    let start = position
    while position < end, text[position] != 0x0A {
      let next = position + 1 < end ? text[position + 1] : 0
      switch (text[position], next) {
      case (UInt8(ascii: "/"), UInt8(ascii: "*")): try? skipComment(text)
      case (UInt8(ascii: "/"), UInt8(ascii: "/")): skipLine(text)
      case (UInt8(ascii: "\\"), _): position += spliceLength(text) ?? 1
      case (UInt8(ascii: "\""), _), (UInt8(ascii: "'"), _):
        let quote = position
        if (try? literal(text, quote, false)) == nil { position = quote + 1 }
      default: position += 1
      }
    }
    isAtLineStart = false
    return start..<position
  }

  private mutating func identifier(
    _ text: UnsafeBufferPointer<UInt8>, _ names: inout NameTable, _ atLineStart: Bool
  ) throws(LexicalError) -> Token {
    let start = position
    var bits: UInt8 = 0
    var last = start
    while last < end, CharacterClass.isInIdentifiers(text[last]) {
      bits |= text[last]
      last += 1
    }
    position = last
    var spelling = UnsafeBufferPointer(rebasing: text[start..<position])
    if bits >= 0x80, let bad = Self.firstNonLetter(spelling) {
      // Up to the stray character is an identifier of its own.
      if bad.lowerBound > 0 {
        position = start + bad.lowerBound
      } else {
        position = start + bad.upperBound
        throw .strayCharacter(start..<position)
      }
      spelling = UnsafeBufferPointer(rebasing: text[start..<position])
    }
    let name = names.intern(spelling)
    let keyword = names.keyword(name)
    var token = token(keyword == nil ? .identifier : .keyword, start, atLineStart)
    token.keyword = keyword
    token.name = name
    return token
  }

  /// The first character of a non-ASCII spelling that no identifier may have (C11 6.4.2, Annex D,
  /// by Unicode's letters rather than its list), or the first byte that is not UTF-8.
  private static func firstNonLetter(_ spelling: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
    var offset = 0
    for scalar in String(decoding: spelling, as: UTF8.self).unicodeScalars {
      let width = scalar == "\u{FFFD}" ? 1 : UTF8.width(scalar)
      if !scalar.isASCII, !scalar.properties.isXIDContinue { return offset..<offset + width }
      offset += width
    }
    return nil
  }

  /// pp-number: digit | . digit | pp-number (digit | letter | e sign | E sign | p sign | P sign | .)
  private mutating func number(_ text: UnsafeBufferPointer<UInt8>, _ atLineStart: Bool) -> Token {
    let start = position
    position += 1
    while position < end {
      let byte = text[position]
      let kind = CharacterClass(byte)
      if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") {
        let before = text[position - 1] | 0x20
        let isHexadecimal = position - start > 1 && text[start + 1] | 0x20 == UInt8(ascii: "x")
        guard before == UInt8(ascii: "p") || before == UInt8(ascii: "e") && !isHexadecimal else {
          break
        }
      } else if byte != UInt8(ascii: "."), kind != .letter || byte >= 0x80, kind != .digit {
        // C23: `1'000`.
        guard byte == UInt8(ascii: "'"), position + 1 < end, text[position + 1] < 0x80,
          CharacterClass.isInIdentifiers(text[position + 1])
        else { break }
      }
      position += 1
    }
    return token(.number, start, atLineStart)
  }

  /// The length of `L`, `u`, `U` or `u8` before a quote.
  private func literalPrefixLength(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
    let isPrefix: Int
    switch text[position] {
    case UInt8(ascii: "L"), UInt8(ascii: "U"): isPrefix = 1
    case UInt8(ascii: "u"):
      isPrefix = position + 1 < end && text[position + 1] == UInt8(ascii: "8") ? 2 : 1
    default: return nil
    }
    guard position + isPrefix < end, CharacterClass(text[position + isPrefix]) == .quote
    else { return nil }
    return isPrefix
  }

  /// A string or character constant; its escapes are read when its value is needed.
  private mutating func literal(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ atLineStart: Bool
  ) throws(LexicalError) -> Token {
    let quote = text[position]
    position += 1
    while position < end, text[position] != 0x0A {
      if text[position] == UInt8(ascii: "\\") {
        position = min(position + 2, end)
        continue
      }
      position += 1
      if text[position - 1] == quote {
        return token(quote == UInt8(ascii: "'") ? .character : .string, start, atLineStart)
      }
    }
    throw .unterminatedLiteral(token(.string, start, atLineStart))
  }

  // MARK: Punctuators

  /// Every other punctuator (C11 6.4.6), of those that begin alike the longest first. `<:` and the like
  /// are digraphs.
  private static let punctuators: [(spelling: StaticString, kind: TokenKind)] = [
    (":>", .rightBracket),
    (":", .colon), ("?", .question), ("~", .tilde), ("##", .hash), ("#", .hash),
    ("...", .ellipsis), (".", .dot), ("++", .plusPlus), ("+=", .assignment), ("+", .plus),
    ("->", .arrow), ("--", .minusMinus), ("-=", .assignment), ("-", .minus), ("*=", .assignment),
    ("*", .star), ("/=", .assignment), ("/", .slash), ("^=", .assignment), ("^", .caret),
    ("%>", .rightBrace), ("%:", .hash), ("%=", .assignment), ("%", .percent),
    ("&&", .ampersandAmpersand), ("&=", .assignment), ("&", .ampersand), ("||", .pipePipe),
    ("|=", .assignment), ("|", .pipe), ("==", .equalEqual), ("=", .assignment),
    ("!=", .exclamationEqual), ("!", .exclamation), ("<<=", .assignment), ("<<", .lessLess),
    ("<=", .lessEqual), ("<:", .leftBracket), ("<%", .leftBrace), ("<", .less),
    (">>=", .assignment), (">>", .greaterGreater), (">=", .greaterEqual), (">", .greater),
  ]

  /// The first punctuator of each first byte.
  private static let firstPunctuators: [Int?] = (0...255).map { byte in
    punctuators.firstIndex { Int($0.spelling.utf8Start.pointee) == byte }
  }

  /// The punctuators that no other one begins like.
  private static func shortPunctuator(_ byte: UInt8) -> TokenKind? {
    switch byte {
    case UInt8(ascii: "("): .leftParen
    case UInt8(ascii: ")"): .rightParen
    case UInt8(ascii: "["): .leftBracket
    case UInt8(ascii: "]"): .rightBracket
    case UInt8(ascii: "{"): .leftBrace
    case UInt8(ascii: "}"): .rightBrace
    case UInt8(ascii: ";"): .semicolon
    case UInt8(ascii: ","): .comma
    default: nil
    }
  }

  private func punctuator(_ text: UnsafeBufferPointer<UInt8>) -> (TokenKind, Int)? {
    if let kind = Self.shortPunctuator(text[position]) { return (kind, 1) }
    guard var candidate = Self.firstPunctuators[Int(text[position])] else { return nil }
    while true {
      let (spelling, kind) = Self.punctuators[candidate]
      let length = spelling.utf8CodeUnitCount
      if length == 1 || matches(spelling.utf8Start, length, text) { return (kind, length) }
      candidate += 1
    }
  }

  /// The first byte is known to match, and the shortest of those that begin with it is it alone.
  private func matches(
    _ spelling: UnsafePointer<UInt8>, _ length: Int, _ text: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    position + length <= end && (1..<length).allSatisfy { text[position + $0] == spelling[$0] }
  }
}

/// What a byte can begin. Bytes of UTF-8 sequences count as letters until looked at.
private enum CharacterClass {
  case other, letter, digit, quote

  init(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self = .digit
    case UInt8(ascii: "\""), UInt8(ascii: "'"): self = .quote
    default: self = Self.isInIdentifiers(byte) ? .letter : .other
    }
  }

  /// A bit for each letter, digit, `_` and `$`, in two halves of ASCII.
  private static let low: UInt64 = 0x03ff_0010_0000_0000
  private static let high: UInt64 = 0x07ff_fffe_87ff_fffe

  /// Whether a blank, a comment or a spliced line may begin with it.
  static func mayBeBlank(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
  }

  static func isInIdentifiers(_ byte: UInt8) -> Bool {
    byte >= 0x80 || (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 != 0
  }
}
