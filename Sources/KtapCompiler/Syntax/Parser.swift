// SPDX-License-Identifier: MIT

import Diagnostics

/// Thrown where parsing cannot go on within a statement; the diagnostic has been reported.
struct ParseFailure: Error {}

/// Recursive descent, one function per production of docs/language.md, which stands above it.
struct Parser {
  let script: Script
  let list: TokenList
  var index = 0
  var sink: DiagnosticSink
  var declarationCount = 0
  var useCount = 0
  /// The main chunk is one.
  var functionCount = 1
  /// The greatest height of an expression in the function so far.
  var tallest = 0
  /// Open blocks, brackets and operands: bounds the recursion here.
  var nesting = 0
  /// Loops around the current statement, in the current function.
  var loopDepth = 0
  /// `...` may be used.
  var isVariadic = false
  /// `$name` may be used.
  var isInEvent = false
  /// In `c ? yes : no`, within `yes` and outside of its brackets: a colon ends it, and calls no method.
  var colonEnds = false

  static let maximumNesting = 150
  /// Bounds the recursion of the passes that follow: `a + a + a + …` nests nothing, and makes a high tree.
  static let maximumHeight = 500

  static func parse(_ script: Script, _ sink: inout DiagnosticSink) -> SyntaxTree {
    let list = Lexer.tokenize(script, &sink)
    var parser = Parser(script: script, list: list, sink: sink)
    let tree = parser.scriptTree()
    sink = parser.sink
    return tree
  }

  private init(script: Script, list: TokenList, sink: DiagnosticSink) {
    self.script = script
    self.list = list
    self.sink = sink
  }

  /// script = { statement }
  private mutating func scriptTree() -> SyntaxTree {
    var statements: [Statement] = []
    while token.kind != .endOfScript, !sink.isFull {
      statements += statementList(until: .endOfScript)
      if token.kind == .rightBrace {
        report("unexpected-symbol", "unexpected symbol near '}': no block is open here")
        advance()
      }
    }
    let main = FunctionBody(
      id: 0, name: "main", parameters: [], isVariadic: false, body: statements,
      range: SourceRange(0, script.bytes.count))
    return SyntaxTree(
      script: script, main: main, declarationCount: declarationCount, useCount: useCount,
      functionCount: functionCount)
  }

  // MARK: - Tokens

  var token: Token { list.tokens[index] }
  var next: Token { list.tokens[min(index + 1, list.tokens.count - 1)] }
  /// Behind the last token taken.
  var previousRange: SourceRange { index > 0 ? list.tokens[index - 1].range : SourceRange(0, 0) }

  mutating func advance() {
    if index < list.tokens.count - 1 { index += 1 }
  }

  mutating func accept(_ kind: TokenKind) -> Bool {
    guard token.kind == kind else { return false }
    advance()
    return true
  }

  func text(_ token: Token) -> String {
    token.kind == .endOfScript ? "<end of script>" : script.text(token.range)
  }

  /// The word or symbol, cut short for a message.
  var shownToken: String {
    let all = text(token).split(separator: "\n", omittingEmptySubsequences: false)
    let shown = String(all.first?.prefix(32) ?? "")
    return shown == text(token) ? shown : shown + "…"
  }

  // MARK: - Diagnostics

  mutating func report(
    _ id: String, _ message: String, at range: SourceRange? = nil, hints: [String] = [],
    notes: [Diagnostic.Note] = []
  ) {
    sink.add(
      script.diagnostic(id, message, range ?? placeOfToken, hints: hints, notes: notes))
  }

  /// What is missing at the end is missing behind the last token, not on the empty line that follows.
  private var placeOfToken: SourceRange {
    guard token.kind == .endOfScript else { return token.range }
    return SourceRange(previousRange.end, previousRange.end)
  }

  mutating func fail(
    _ id: String, _ message: String, at range: SourceRange? = nil, hints: [String] = [],
    notes: [Diagnostic.Note] = []
  ) -> ParseFailure {
    report(id, message, at: range, hints: hints, notes: notes)
    return ParseFailure()
  }

  /// Takes a token that must stand here.
  @discardableResult
  mutating func expect(
    _ kind: TokenKind, _ id: String, _ what: String, hints: [String] = [],
    notes: [(message: String, place: SourceRange)] = []
  ) throws(ParseFailure) -> SourceRange {
    guard token.kind == kind else {
      throw fail(
        id, "unexpected symbol near '\(shownToken)': \(what)", hints: hints + foreignHints,
        notes: notes.map { script.note($0.message, $0.place) })
    }
    let range = token.range
    advance()
    return range
  }

  /// What a word of another language means here.
  var foreignHints: [String] {
    switch text(token) {
    case "then", "do", "end", "elif", "begin": ["blocks stand in braces: { … }"]
    case "local", "let", "int", "auto": ["a variable is made with var"]
    case "~" where next.kind == .equal: ["unequal is written !="]
    default: []
    }
  }

  /// Runs `body` one level deeper.
  mutating func nested<Result>(
    _ body: (inout Parser) throws(ParseFailure) -> Result
  ) throws(ParseFailure) -> Result {
    guard nesting < Self.maximumNesting else {
      throw fail(
        "nesting-too-deep", "more than \(Self.maximumNesting) blocks and brackets in each other",
        hints: ["put parts of it into functions or variables of their own"])
    }
    nesting += 1
    defer { nesting -= 1 }
    return try body(&self)
  }

  // MARK: - Names

  mutating func name(_ what: String) throws(ParseFailure) -> Name {
    guard token.kind == .name else {
      let isWord = TokenKind.keywords[text(token)] != nil
      throw fail(
        "expected-name",
        "unexpected symbol near '\(shownToken)': \(what) was expected",
        hints: isWord ? ["'\(text(token))' is a word of the language and cannot be a name"] : [])
    }
    let name = Name(text: text(token), range: token.range)
    advance()
    return name
  }

  mutating func declaration(_ what: String) throws(ParseFailure) -> Declaration {
    let name = try name(what)
    refuseNameSpace(name)
    declarationCount += 1
    return Declaration(name: name, id: declarationCount - 1)
  }

  mutating func use(_ name: Name) -> Expression {
    useCount += 1
    return Expression(
      kind: .name(NameUse(name: name, id: useCount - 1)), range: name.range, height: 1)
  }

  /// `ffi` and the types' names mean the same everywhere, so that what a script needs of C is known
  /// without running it.
  mutating func refuseNameSpace(_ name: Name) {
    if name.text == "ffi" {
      report(
        "reserved-name", "'ffi' is the foreign function interface and cannot be another variable",
        at: name.range)
    } else if CTypeNames.type(named: name.text) != nil {
      report(
        "reserved-name", "'\(name.text)' is a type of C and cannot be a variable", at: name.range)
    }
  }
}
