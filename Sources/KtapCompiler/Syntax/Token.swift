// SPDX-License-Identifier: MIT

/// What a token is. The raw value is how it is written, where there is only one way.
public enum TokenKind: String, Sendable, CaseIterable {
  case endOfScript = "end of script"
  case name = "name"
  case integer = "integer"
  case string = "string"
  /// `` `jiffies` ``
  case kernelSymbol = "kernel symbol"
  /// What stands between the word of an event block and its body, as it is written.
  case eventDescription = "event"
  /// `$name`
  case eventVariable = "event variable"

  case keywordBreak = "break"
  case keywordContinue = "continue"
  case keywordElse = "else"
  case keywordElseif = "elseif"
  case keywordFalse = "false"
  case keywordFor = "for"
  case keywordFunction = "function"
  case keywordIf = "if"
  case keywordIn = "in"
  case keywordNil = "nil"
  case keywordReturn = "return"
  case keywordTrue = "true"
  case keywordVar = "var"
  case keywordWhile = "while"
  case keywordDo = "do"
  case keywordProfile = "profile"
  case keywordRepeat = "repeat"
  case keywordTick = "tick"
  case keywordTrace = "trace"
  case keywordTraceEnd = "trace_end"
  case keywordUntil = "until"

  case leftParenthesis = "("
  case rightParenthesis = ")"
  case leftBracket = "["
  case rightBracket = "]"
  case leftBrace = "{"
  case rightBrace = "}"
  case comma = ","
  case semicolon = ";"
  case dot = "."
  case colon = ":"
  case question = "?"
  case ellipsis = "..."

  case plus = "+"
  case minus = "-"
  case star = "*"
  case slash = "/"
  case percent = "%"
  case ampersand = "&"
  case pipe = "|"
  case caret = "^"
  case tilde = "~"
  case shiftLeft = "<<"
  case shiftRight = ">>"
  case concat = ".."
  case hash = "#"
  case exclamation = "!"
  case andAnd = "&&"
  case orOr = "||"
  case equalEqual = "=="
  case notEqual = "!="
  case less = "<"
  case lessEqual = "<="
  case greater = ">"
  case greaterEqual = ">="

  case equal = "="
  case plusEqual = "+="
  case minusEqual = "-="
  case starEqual = "*="
  case slashEqual = "/="
  case percentEqual = "%="
  case ampersandEqual = "&="
  case pipeEqual = "|="
  case caretEqual = "^="
  case shiftLeftEqual = "<<="
  case shiftRightEqual = ">>="
  case concatEqual = "..="
  case plusPlus = "++"
  case minusMinus = "--"

  /// The words that are no names, with the synonyms of three operators.
  static let keywords: [String: TokenKind] = {
    var words: [String: TokenKind] = ["and": .andAnd, "or": .orOr, "not": .exclamation]
    for kind in allCases where "\(kind)".hasPrefix("keyword") { words[kind.rawValue] = kind }
    return words
  }()

  var beginsEvent: Bool {
    switch self {
    case .keywordTrace, .keywordTraceEnd, .keywordTick, .keywordProfile: true
    default: false
    }
  }

  /// Operators and punctuation by their first byte, the longest first.
  static let punctuation: [[(spelling: [UInt8], kind: TokenKind)]] = {
    var table = [[(spelling: [UInt8], kind: TokenKind)]](repeating: [], count: 256)
    for kind in allCases {
      let spelling = Array(kind.rawValue.utf8)
      let isWord =
        spelling[0] | 0x20 >= UInt8(ascii: "a") && spelling[0] | 0x20 <= UInt8(ascii: "z")
      // `#` and `--` begin comments, mostly: the lexer decides.
      if isWord || kind == .hash || kind == .minusMinus { continue }
      table[Int(spelling[0])].append((spelling, kind))
    }
    return table.map { $0.sorted { $0.spelling.count > $1.spelling.count } }
  }()
}

/// A piece of the script.
public struct Token: Sendable {
  public var kind: TokenKind
  /// Stands at the start of a line, behind blanks at most.
  public var startsLine: Bool
  public var range: SourceRange
  /// Where in the lexer's tables the value of an integer or string is.
  var value: Int = 0
}

/// An integer as the script writes it.
public struct IntegerLiteral: Hashable, Sendable {
  public var value: UInt64
  /// By its suffix, or because it is not decimal and needs the 64th bit (C11 6.4.4.1p5).
  public var isUnsigned: Bool
  /// Decimal without `u` and beyond 2^63 - 1: an error unless a minus makes it -2^63.
  public var isTooLarge: Bool
}

/// A string's bytes, escapes replaced, and where they came from.
public struct StringLiteral: Hashable, Sendable {
  /// From byte `offset` of the string on, byte by byte, the script has it from `source` on.
  public struct Run: Hashable, Sendable {
    public var offset: Int
    public var source: Int
  }

  public var bytes: [UInt8]
  public var runs: [Run]
  public var range: SourceRange

  public var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A script cut into tokens; the last is ``TokenKind/endOfScript``.
public struct TokenList: Sendable {
  public var tokens: [Token] = []
  var integers: [IntegerLiteral] = []
  var strings: [StringLiteral] = []
}
