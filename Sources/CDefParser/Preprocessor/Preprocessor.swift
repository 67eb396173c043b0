// SPDX-License-Identifier: MIT

import Diagnostics

/// Between lexer and parser: the part of the preprocessor that plain declarations need (C11 6.10).
/// Object-like macros are expanded, line markers followed, `#pragma pack` is tracked. The rest
/// needs a C preprocessor, and says so.
struct Preprocessor {
  /// An object-like macro, or the fact that there is a function-like one.
  struct Macro {
    var name: NameID
    var body: Range<Int>
    var isFunctionLike: Bool
    var place: Range<Int>
  }

  /// A macro's body, or a text, that is being read.
  private struct Frame {
    var lexer: Lexer
    var macro: NameID
  }

  /// An `#ifdef` or the like that waits for its `#endif`.
  private struct Conditional {
    var place: Range<Int>
    /// Whether a group of it has been read.
    var isSettled: Bool
    var hasElse = false
  }

  /// Macros that expand to macros that expand … could go on for ever.
  private static let expansionLimit = 100_000
  private static let packLimit = 64

  let reporter: Reporter
  private let text: UnsafeBufferPointer<UInt8>
  var names = Annotations.prepared.names
  private var current: Frame
  private var outer: [Frame] = []
  /// Where the outermost macro of those being expanded stands.
  private var expansion = 0..<0
  private var expandedTokens = 0
  /// In order of first definition; nil where undefined since.
  private var definitions: [Macro?] = []
  /// The number of each macro's definition, from 1.
  private var macroNumbers = NumberMap()
  private let pragmaName: NameID
  private var pack: UInt8 = 0
  private var packStack: [(label: String?, pack: UInt8)] = []
  /// The conditionals that are open here.
  private var conditionals: [Conditional] = []
  /// Whether a C preprocessor has been here: its output names macros that it has expanded already.
  private var isPreprocessed = false

  init(_ text: UnsafeBufferPointer<UInt8>, reporter: Reporter) {
    self.text = text
    self.reporter = reporter
    current = Frame(lexer: Lexer(0..<0), macro: .none)
    pragmaName = names.intern("_Pragma")
    definitions = [Macro(name: pragmaName, body: 0..<0, isFunctionLike: true, place: 0..<0)]
    macroNumbers[pragmaName] = 1
  }

  /// Starts on another text.
  mutating func start(_ range: Range<Int>) {
    current = Frame(lexer: Lexer(range), macro: .none)
    outer = []
    pack = 0
    packStack = []
    conditionals = []
    isPreprocessed = false
  }

  /// Goes on at another place of the text that is being read.
  mutating func resume(at position: Int) {
    let text = outer.first ?? current
    current = Frame(lexer: Lexer(position..<max(position, text.lexer.end)), macro: .none)
    outer = []
  }

  /// The macro of this name, if it is defined.
  func macro(_ name: NameID) -> Macro? {
    let number = Int(macroNumbers[name])
    return number == 0 ? nil : definitions[number - 1]
  }

  /// Every macro that is defined, in order of definition.
  var macros: [Macro] { definitions.compactMap(\.self) }

  func spelling(_ token: Token) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: text[token.spelling])
  }

  private func word(_ token: Token) -> String { String(decoding: spelling(token), as: UTF8.self) }

  /// The next token of a directive; nil if it is none of C.
  private mutating func take(_ lexer: inout Lexer) -> Token? { try? lexer.next(text, &names) }

  // MARK: Tokens

  /// The next token after expansion; `.end` at the text's end, again and again.
  mutating func next() -> Token {
    while true {
      var token: Token
      do {
        token = try current.lexer.next(text, &names)
      } catch .unterminatedLiteral(let literal) {
        report(.unterminatedLiteral(literal))
        token = literal
      } catch {
        report(error)
        continue
      }
      token.pack = pack
      if !outer.isEmpty {
        token.range = expansion
        token.isAtLineStart = false
      }
      switch token.kind {
      case .end:
        guard let frame = outer.popLast() else {
          reportOpenConditional()
          return token
        }
        current = frame
      case .hash where token.isAtLineStart && outer.isEmpty: directive()
      case .identifier, .keyword:
        if macroNumbers[token.name] == 0 || !expand(token) { return token }
      default: return token
      }
    }
  }

  private func report(_ error: LexicalError) {
    switch error {
    case .unterminatedComment(let range):
      reporter.error("unterminated-comment", "this comment does not end", at: range)
    case .unterminatedLiteral(let token):
      let what = spelling(token).contains(UInt8(ascii: "\"")) ? "string" : "character constant"
      reporter.error(
        "unterminated-literal", "this \(what) does not end on its line", at: token.range)
      reporter.unterminatedLiteral = token.range
    case .splicedWord(let range):
      reporter.error(
        Self.needed, "a word that goes on in the next line needs a C preprocessor", at: range,
        hints: Self.preprocessorHints)
    case .strayCharacter(let range):
      let character = String(decoding: text[range], as: UTF8.self)
      guard String(validating: text[range], as: UTF8.self) != nil,
        let scalar = character.unicodeScalars.first, scalar.value >= 32, scalar.value != 127
      else {
        let byte = "0x" + String(text[range.lowerBound], radix: 16)
        reporter.error("stray-character", "the byte \(byte) has no place in C", at: range)
        return
      }
      let isQuote = "“”„‟″‘’‚‛′".unicodeScalars.contains(scalar)
      reporter.error(
        "stray-character", "the character '\(character)' has no place in C", at: range,
        hints: isQuote ? ["write straight quotes: \" or '"] : [])
    }
  }

  // MARK: Macros

  /// Begins to read the macro's body, if the token names one.
  private mutating func expand(_ token: Token) -> Bool {
    guard !isPreprocessed, let macro = macro(token.name),
      current.macro != token.name, !outer.contains(where: { $0.macro == token.name })
    else { return false }
    if macro.isFunctionLike {
      guard current.lexer.isFollowedByParenthesis(text) else { return false }
      if token.name == pragmaName { return pragmaOperator() }
      reporter.error(
        Self.needed,
        "'\(names.string(token.name))' is a function-like macro, which needs a C preprocessor",
        at: token.range, hints: Self.preprocessorHints,
        notes: [("it is defined here", macro.place)])
      return false
    }
    if outer.isEmpty { expandedTokens = 0 }
    expandedTokens += macro.body.count / 2 + 1
    guard expandedTokens < Self.expansionLimit, outer.count < 200 else {
      reporter.error("macro-too-large", "this macro expands to too much", at: token.range)
      return true
    }
    if outer.isEmpty { expansion = token.range }
    outer.append(current)
    current = Frame(lexer: Lexer(macro.body), macro: token.name)
    return true
  }

  /// `_Pragma` `(` string-literal `)` (C11 6.10.9), from the parenthesis on. False if it is no such thing.
  private mutating func pragmaOperator() -> Bool {
    var lexer = current.lexer
    guard take(&lexer)?.kind == .leftParen, let string = take(&lexer), string.kind == .string,
      take(&lexer)?.kind == .rightParen
    else { return false }
    current.lexer = lexer
    var words = Lexer(string.spelling.dropFirst().dropLast())
    pragma(&words)
    return true
  }

  /// The id of errors that a C preprocessor would cure.
  static let needed = "needs-preprocessor"
  static let preprocessorHints = ["cdef-parse runs the machine's, if there is one: cc -E"]

  // MARK: Directives

  /// After a `#` at the beginning of a line.
  private mutating func directive() {
    let line = current.lexer.takeDirective(text)
    var lexer = Lexer(line)
    guard let first = take(&lexer), first.kind != .end else { return }
    if first.kind == .number {
      isPreprocessed = true
      lineMarker(first, &lexer)
      return
    }
    switch word(first) {
    case "define": define(&lexer)
    case "undef":
      if let name = take(&lexer), macro(name.name) != nil {
        definitions[Int(macroNumbers[name.name]) - 1] = nil
      }
    case "line":
      if let number = take(&lexer) { lineMarker(number, &lexer) }
    case "pragma": pragma(&lexer)
    case "if", "ifdef", "ifndef": beginConditional(first, &lexer)
    case "elif", "elifdef", "elifndef", "else":
      if !readsNextGroup(first, &lexer) { skipGroups() }
    case "endif":
      if conditionals.popLast() == nil { strayConditional(first) }
    case "include", "include_next", "import": unsupported(first)
    case "error":
      reporter.error(
        "error-directive",
        "#error"
          + String(decoding: text[first.spelling.upperBound..<line.upperBound], as: UTF8.self),
        at: first.range)
    case "ident", "sccs", "warning", "assert", "unassert": return
    default:
      reporter.error("unknown-directive", "'#\(word(first))' is no directive of C", at: first.range)
    }
  }

  // MARK: Conditionals

  /// What the compiler defines before any text: only it knows.
  static let predefined = [
    "__GNUC", "__x86_64", "__amd64", "__linux", "__gnu_linux", "__unix", "__LP64", "_LP64",
    "__STDC", "__SIZEOF", "__BYTE_ORDER", "__ELF__", "__CHAR", "__INT", "__UINT", "__SIZE_",
    "__PTRDIFF", "__WCHAR", "__OPTIMIZE", "__VERSION__", "linux", "unix",
  ]

  /// The condition of an `#if`, `#ifdef` or one of their `#elif`s, where macros and a number decide it;
  /// nil where a C preprocessor must.
  private mutating func condition(_ directive: Token, _ lexer: inout Lexer) -> Bool? {
    guard let operand = take(&lexer) else { return nil }
    let spelled = word(operand)
    switch word(directive) {
    case "if", "elif":
      guard operand.kind == .number, take(&lexer)?.kind == .end else { return nil }
      return Int(spelled).map { $0 != 0 }
    case let word:
      guard operand.kind == .identifier || operand.kind == .keyword else { return nil }
      let isDefined = macro(operand.name) != nil
      if !isDefined, Self.predefined.contains(where: spelled.hasPrefix) { return nil }
      return word.hasSuffix("ifdef") == isDefined
    }
  }

  /// if-group: `#if` constant-expression | `#ifdef` identifier | `#ifndef` identifier
  private mutating func beginConditional(_ directive: Token, _ lexer: inout Lexer) {
    guard let holds = condition(directive, &lexer) else { return unsupported(directive) }
    conditionals.append(Conditional(place: directive.range, isSettled: holds))
    if !holds { skipGroups() }
  }

  /// `#else` or `#elif`, where the group before it was read or skipped: whether the next one is read.
  private mutating func readsNextGroup(_ directive: Token, _ lexer: inout Lexer) -> Bool {
    guard var conditional = conditionals.last, !conditional.hasElse else {
      strayConditional(directive)
      return true
    }
    var isRead = !conditional.isSettled
    if word(directive) == "else" {
      conditional.hasElse = true
    } else if isRead {
      guard let holds = condition(directive, &lexer) else {
        unsupported(directive)
        return true
      }
      isRead = holds
    }
    conditional.isSettled = conditional.isSettled || isRead
    conditionals[conditionals.count - 1] = conditional
    return isRead
  }

  private func strayConditional(_ directive: Token) {
    reporter.error(
      "stray-conditional", "'#\(word(directive))' belongs to no '#if'", at: directive.range)
  }

  private mutating func reportOpenConditional() {
    if let open = conditionals.last {
      reporter.error("missing-endif", "this conditional has no '#endif'", at: open.place)
    }
    conditionals = []
  }

  /// Skips to the directive that ends the group, and on to a group that is read or the `#endif`.
  private mutating func skipGroups() {
    var depth = 0
    while true {
      // Whatever is wrong with skipped text does not matter.
      guard let token = try? current.lexer.next(text, &names) else { continue }
      if token.kind == .end { return }
      guard token.kind == .hash, token.isAtLineStart else { continue }
      var lexer = Lexer(current.lexer.takeDirective(text))
      guard let directive = take(&lexer) else { continue }
      switch word(directive) {
      case "if", "ifdef", "ifndef": depth += 1
      case "endif" where depth > 0: depth -= 1
      case "endif":
        _ = conditionals.popLast()
        return
      case "else", "elif", "elifdef", "elifndef":
        if depth == 0, readsNextGroup(directive, &lexer) { return }
      default: break
      }
    }
  }

  /// What comes after it cannot be judged: nothing more of the text is read.
  private mutating func unsupported(_ directive: Token) {
    let name = word(directive)
    reporter.error(
      Self.needed, "'#\(name)' needs a C preprocessor", at: directive.range,
      hints: Self.preprocessorHints)
    conditionals = []
    current.lexer = Lexer(current.lexer.end..<current.lexer.end)
  }

  /// `# 12 "file.h" 1 3`, or what follows `#line`.
  private mutating func lineMarker(_ number: Token, _ lexer: inout Lexer) {
    guard number.kind == .number, let line = Int(word(number)), line >= 0, line <= Int32.max else {
      reporter.error("bad-line-marker", "a line number expected", at: number.range)
      return
    }
    var file: String?
    if let name = take(&lexer), name.kind == .string, name.spelling.count >= 2 {
      file = String(decoding: spelling(name).dropFirst().dropLast(), as: UTF8.self)
    }
    reporter.source.addLineMarker(
      after: min(current.lexer.position + 1, text.count), line: line, file: file)
  }

  private mutating func define(_ lexer: inout Lexer) {
    guard let name = take(&lexer), name.kind == .identifier || name.kind == .keyword else {
      reporter.error(
        "missing-name", "a macro's name is missing after '#define'",
        at: lexer.position..<lexer.position + 1)
      return
    }
    let isFunctionLike = lexer.position < lexer.end && text[lexer.position] == UInt8(ascii: "(")
    if macroNumbers[name.name] == 0 {
      definitions.append(nil)
      macroNumbers[name.name] = Int32(definitions.count)
    }
    definitions[Int(macroNumbers[name.name]) - 1] = Macro(
      name: name.name, body: lexer.position..<lexer.end, isFunctionLike: isFunctionLike,
      place: name.range)
  }

  /// `#pragma pack(…)`; other pragmas do not change declarations.
  private mutating func pragma(_ lexer: inout Lexer) {
    guard let pragma = take(&lexer), word(pragma) == "pack" else { return }
    var tokens: [Token] = []
    while let token = take(&lexer), token.kind != .end { tokens.append(token) }
    let arguments = tokens.dropFirst().dropLast().filter { $0.kind != .comma }
    guard tokens.first?.kind == .leftParen, tokens.last?.kind == .rightParen,
      tokens.count == max(2, 2 * arguments.count + 1), setPack(arguments[...])
    else {
      reporter.error(
        "bad-pragma",
        "'#pragma pack' takes (), (n), (push), (push, n) or (pop), n being 1, 2, 4, 8 or 16",
        at: pragma.range)
      return
    }
  }

  /// gcc's forms: (), (n), (push), (push, n), (push, name, n), (pop), (pop, name). False for others.
  private mutating func setPack(_ arguments: ArraySlice<Token>) -> Bool {
    var arguments = arguments
    let hasOperation = ["push", "pop"].contains(arguments.first.map(word))
    let operation = hasOperation ? arguments.popFirst().map(word) : nil
    let isLabelled = operation != nil && arguments.first.map { $0.kind != .number } ?? false
    let label = isLabelled ? arguments.popFirst().map(word) : nil
    // Bytes; 0 stands for the default.
    let value = arguments.popFirst().map { (try? Literal.number(spelling($0)).value) ?? .max }
    guard arguments.isEmpty, [nil, 0, 1, 2, 4, 8, 16].contains(value) else { return false }
    if operation == "pop" {
      let isMeant = { (entry: (label: String?, pack: UInt8)) in label == nil || entry.label == label
      }
      guard value == nil else { return false }
      guard let index = packStack.lastIndex(where: isMeant) else { return true }
      pack = packStack[index].pack
      packStack.removeSubrange(index...)
      return true
    }
    if operation == "push" {
      guard packStack.count < Self.packLimit else { return false }
      packStack.append((label, pack))
    }
    pack = value.map { UInt8($0) } ?? (operation == nil ? 0 : pack)
    return true
  }
}
