// SPDX-License-Identifier: MIT

import Diagnostics
import Testing

@testable import KtapCompiler

private func tokenize(_ source: String) throws -> (TokenList, [Diagnostic]) {
  var sink = DiagnosticSink()
  let list = Lexer.tokenize(try Script(name: "t.kp", bytes: Array(source.utf8)), &sink)
  return (list, sink.diagnostics)
}

private func kinds(_ source: String) throws -> [TokenKind] {
  let (list, diagnostics) = try tokenize(source)
  #expect(diagnostics.isEmpty)
  return list.tokens.map(\.kind).dropLast()
}

@Suite struct LexerTests {
  @Test(
    arguments: [
      ("", []),
      ("#!/usr/bin/ktap\nx", [TokenKind.name]),
      ("x # comment\n-- comment\n--[[ long\ncomment ]] y --[==[ ]] ]==] z", [.name, .name, .name]),
      (
        "a<<=b<<c<=d<e",
        [
          .name, .shiftLeftEqual, .name, .shiftLeft, .name, .lessEqual, .name, .less,
          .name,
        ]
      ),
      ("1..2 ... ..=", [.integer, .concat, .integer, .ellipsis, .concatEqual]),
      ("and or not && || !", [.andAnd, .orOr, .exclamation, .andAnd, .orOr, .exclamation]),
      ("`jiffies` `module:name@dir/file.c`", [.kernelSymbol, .kernelSymbol]),
      (
        "[[a]] [=[ ]] ]=] t[t[1]]",
        [
          .string, .string, .name, .leftBracket, .name, .leftBracket,
          .integer, .rightBracket, .rightBracket,
        ]
      ),
    ] as [(String, [TokenKind])])
  func cutsScripts(source: String, expected: [TokenKind]) throws {
    #expect(try kinds(source) == expected)
  }

  /// `#` and `--` are comments, but where only an operator makes sense.
  @Test(
    arguments: [
      ("n = #t", [.name, .equal, .hash, .name]),
      ("n = # t", [.name, .equal]),
      ("f(#t, 1)", [.name, .leftParenthesis, .hash, .name, .comma, .integer, .rightParenthesis]),
      ("f() #t", [.name, .leftParenthesis, .rightParenthesis]),
      ("{#t", [.leftBrace]),
      ("\u{feff}x", [.name]),
      ("i--", [.name, .minusMinus]),
      ("i--\nj", [.name, .minusMinus, .name]),
      ("i --\nj", [.name, .name]),
      ("i--j", [.name]),
      (
        "t[1]--; x", [.name, .leftBracket, .integer, .rightBracket, .minusMinus, .semicolon, .name]
      ),
    ] as [(String, [TokenKind])])
  func tellsOperatorsFromComments(source: String, expected: [TokenKind]) throws {
    #expect(try kinds(source) == expected)
  }

  @Test(
    arguments: [
      ("0", 0, false), ("10_000", 10_000, false), ("0x7f", 0x7f, false), ("0b101", 5, false),
      ("0755", 0o755, false), ("1u", 1, true), ("1ULL", 1, true), ("1l", 1, false),
      ("9223372036854775807", 0x7fff_ffff_ffff_ffff, false),
      ("0x8000000000000000", 0x8000_0000_0000_0000, true),
      ("18446744073709551615u", UInt64.max, true),
    ] as [(String, UInt64, Bool)])
  func readsIntegers(source: String, value: UInt64, isUnsigned: Bool) throws {
    let (list, diagnostics) = try tokenize(source)
    #expect(diagnostics.isEmpty)
    #expect(
      list.integers == [
        IntegerLiteral(value: value, isUnsigned: isUnsigned, isTooLarge: false)
      ])
  }

  @Test(arguments: [
    (#""a\tb""#, "a\tb"), (#"'it\'s "q"'"#, #"it's "q""#), (#""\x41\101\0""#, "AA\0"),
    (#""\u00e9\U0001F600""#, "é😀"), ("\"a\\\nb\"", "ab"), ("[[\na\\n]]", "a\\n"),
    ("[==[a]]b]==]", "a]]b"), ("\"\"", ""), ("[[]]", ""), ("[[\r\nx]]", "x"),
  ])
  func readsStrings(source: String, value: String) throws {
    let (list, diagnostics) = try tokenize(source)
    #expect(diagnostics.isEmpty)
    #expect(list.strings.map(\.text) == [value])
  }

  /// Every byte of a string can be found in the script again.
  @Test func runsLeadBackToTheScript() throws {
    let source = "x = \"a\\tbc\\x41d\"  [[\nline\nnext]]"
    let bytes = Array(source.utf8)
    let (list, _) = try tokenize(source)
    for literal in list.strings {
      for (offset, byte) in literal.bytes.enumerated() {
        let run = try #require(literal.runs.last { $0.offset <= offset })
        let source = run.source + offset - run.offset
        #expect(bytes[source] == byte || bytes[source] == UInt8(ascii: "\\"))
      }
    }
    #expect(list.strings[0].runs.map(\.offset) == [0, 2, 5])
    #expect(list.strings[1].runs.map(\.offset) == [0, 5])
  }

  @Test(arguments: [
    ("x = \"abc\ny", ["1:5 unterminated-string"]),
    ("x = [[abc", ["1:5 unterminated-string"]),
    ("--[[ abc", ["1:1 unterminated-comment"]),
    ("08 0b2 0x 1z 1e5 1_u", (0..<6).map { "1:\([1, 4, 8, 11, 14, 18][$0]) bad-number" }),
    ("1_ 1__0 0x_1 0b1_", (0..<4).map { "1:\([1, 4, 9, 14][$0]) bad-number" }),
    ("1.5", ["1:1 floating-point"]),
    ("18446744073709551616", ["1:1 integer-too-large"]),
    (
      #""\q" "\x" "\400" "\u12""#,
      ["1:2 bad-escape", "1:7 bad-escape", "1:12 bad-escape", "1:19 bad-escape"]
    ),
    ("`", ["1:1 bad-symbol-token"]), ("``", ["1:1 bad-symbol-token"]),
    ("`a b`", ["1:1 bad-symbol-token", "1:5 bad-symbol-token"]),
    ("x = 1 // c\n/* d\n */ y", ["1:7 c-comment", "2:1 c-comment"]),
    ("\u{1}\u{2} é @", ["1:1 stray-character", "1:4 stray-character", "1:7 stray-character"]),
    ("x = “a” .. ‘b’", ["1:5 curly-quote", "1:16 curly-quote"]),
  ])
  func reportsWhatIsNoToken(source: String, expected: [String]) throws {
    #expect(summary(try tokenize(source).1) == expected)
  }

  /// The mistake of the program that this project began with.
  @Test func curlyQuotesAreRepaired() throws {
    let (list, _) = try tokenize("“struct timeval” ‘x’ “mixed\"")
    #expect(list.strings.map(\.text) == ["struct timeval", "x", "mixed"])
  }
}
