// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// A recursive-descent parser of C's declarations: one function per symbol of the grammar, with its
/// production (C11 Annex A, and what C23 and GNU add) above it. There is no syntax tree: types and
/// the scope are built as the text is read. This file has what the productions share.
struct Parser {
  /// How deep declarators, records, parentheses and prototypes may nest.
  static let nestingLimit = 256

  let reporter: Reporter
  var preprocessor: Preprocessor
  var types: TypeBuilder
  var scope = Scope()
  /// The token that is looked at.
  private(set) var token: Token
  /// The one before it.
  private(set) var previous: Token
  /// What has been read beyond it, of which so many tokens have been taken again.
  private var ahead: [Token] = []
  private var taken = 0
  /// The declarations that are not to be parsed, in order.
  var unneeded: ArraySlice<Range<Int>> = []
  private var depth = 0
  /// Identifiers that stood for a type and that nothing declares, in order of first mention.
  var unknownTypes: [(name: NameID, place: Range<Int>)] = []
  /// The tags that type strings name, and where first.
  var tagsInTypeStrings: [TypeID: Range<Int>] = [:]
  /// Whether a type string is being read.
  var isInTypeString = false
  let annotations: Annotations
  let acceptsMSExtensions: Bool
  /// C23's keyword, until something declares it.
  let boolName: NameID
  /// Functions declared with `()`, which says nothing about their parameters.
  var unprototyped: Set<TypeID> = []
  /// The records that are being defined, the innermost last.
  var definitions: [TypeID] = []
  /// Of the records that are being defined, each of which is a block.
  var memberNames = NameSpace<MemberName>()
  /// What the declarators that are being read have so far, the innermost last.
  var layers: [DeclaratorLayer] = []
  /// The `*`s before them.
  var pointers: [(Qualifiers, Attributes)] = []
  /// Whether expressions are only typed (`sizeof`, the branch not taken): C11 6.6p3.
  var isUnevaluated = false
  /// What declarations that failed were about: not to know it is no error of its own.
  private(set) var failedNames: Set<NameID> = []
  /// The names in the declarators of this declaration, members and parameters included.
  var declaredNames: [NameID] = []
  /// Types that were there before this declaration, and those of them that it has completed.
  private var settledTypes = 0
  private var completedTypes: [(id: TypeID, before: CType)] = []

  init(_ text: UnsafeBufferPointer<UInt8>, reporter: Reporter, _ options: CDefParser.Options) {
    self.reporter = reporter
    acceptsMSExtensions = options.acceptsMSExtensions
    preprocessor = Preprocessor(text, reporter: reporter)
    types = TypeBuilder(charIsSigned: options.charIsSigned)
    // As many as a kernel's headers have; they need not grow then, a page at a time.
    let likely = min(text.count, 1 << 23)
    types.table.entries.reserveCapacity(likely / 64)
    scope.reserveCapacity(likely / 64)
    preprocessor.names.reserveCapacity(forTextOf: likely)
    annotations = Annotations.prepared.annotations
    boolName = preprocessor.names.intern("bool")
    token = preprocessor.next()
    previous = token
  }

  /// Passes over what nothing needs, if it begins here.
  mutating func passOver() -> Bool {
    while let range = unneeded.first, range.upperBound <= token.range.lowerBound {
      unneeded.removeFirst()
    }
    guard let range = unneeded.first, range.contains(token.range.lowerBound) else { return false }
    preprocessor.resume(at: range.upperBound)
    forgetAhead()
    token = preprocessor.next()
    return true
  }

  /// Starts on another text; scope and macros stay.
  mutating func start(_ range: Range<Int>) {
    preprocessor.start(range)
    forgetAhead()
    token = preprocessor.next()
    previous = token
    previous.range = range.lowerBound..<range.lowerBound
  }

  // MARK: Tokens

  mutating func advance() {
    if token.kind != .end { previous = token }
    guard taken < ahead.count else {
      token = preprocessor.next()
      return
    }
    token = ahead[taken]
    taken += 1
    if taken == ahead.count { forgetAhead() }
  }

  /// The `distance`-th token after the one that is looked at.
  mutating func peek(_ distance: Int = 1) -> Token {
    while ahead.count - taken < distance { ahead.append(preprocessor.next()) }
    return ahead[taken + distance - 1]
  }

  private mutating func forgetAhead() {
    ahead.removeAll(keepingCapacity: true)
    taken = 0
  }

  mutating func accept(_ kind: TokenKind) -> Bool {
    guard token.kind == kind else { return false }
    advance()
    return true
  }

  mutating func expect(
    _ kind: TokenKind, _ spelling: String, _ context: String
  ) throws(ParseFailure) {
    if !accept(kind) { throw unexpected("'\(spelling)' \(context)") }
  }

  /// How a message names a token.
  func spelling(_ token: Token) -> String {
    token.kind == .end
      ? "the end of the text" : "'\(String(decoding: preprocessor.spelling(token), as: UTF8.self))'"
  }

  mutating func string(_ name: NameID) -> String { preprocessor.names.string(name) }

  /// "EXPECTED expected, found …".
  func unexpected(_ expected: String, hints: [String] = []) -> ParseFailure {
    if followsUnterminatedLiteral { return reporter.consequence() }
    return reporter.failure(
      "unexpected-token", "\(expected) expected, found \(spelling(token))", at: token.range,
      hints: hints)
  }

  /// Just after the previous token: where what is missing belongs.
  var afterPrevious: Range<Int> { previous.range.upperBound..<previous.range.upperBound + 1 }

  /// From a token to the one before the token that is looked at.
  func rangeSince(_ first: Token) -> Range<Int> {
    first.range.lowerBound..<max(first.range.upperBound, previous.range.upperBound)
  }

  /// What was after it may be inside it.
  private var followsUnterminatedLiteral: Bool {
    previous.range.upperBound == reporter.unterminatedLiteral.upperBound
  }

  /// Begins a production that may contain itself. There is one on every way from a production back
  /// to itself; each ends with ``leave()``.
  mutating func enter() throws(ParseFailure) {
    guard depth < Self.nestingLimit else {
      throw reporter.failure(
        "nesting-too-deep", "more than \(Self.nestingLimit) constructs inside each other",
        at: token.range)
    }
    depth += 1
  }

  mutating func leave() { depth -= 1 }

  // MARK: Rollback

  /// What has been declared so far stays, whatever comes.
  mutating func settle() {
    scope.settle()
    settledTypes = types.table.count
    completedTypes.removeAll(keepingCapacity: true)
    declaredNames.removeAll(keepingCapacity: true)
  }

  /// Undoes what a declaration has declared before it failed.
  mutating func rollBack() {
    failedNames.formUnion(scope.rollBack() + declaredNames)
    for type in completedTypes.reversed() { types.table[type.id] = type.before }
    completedTypes = []
  }

  /// Gives a type that was incomplete its content.
  mutating func complete(_ id: TypeID, as type: CType) {
    if Int(id.rawValue) <= settledTypes { completedTypes.append((id, types.table[id])) }
    types.table[id] = type
  }

  /// An error about a name that nothing declares: reported once, and not where a declaration of it
  /// has failed.
  mutating func unknown(_ name: NameID, _ report: (inout Parser) -> ParseFailure) -> ParseFailure {
    guard failedNames.insert(name).inserted else { return reporter.consequence() }
    return report(&self)
  }

  // MARK: Recovery

  /// Takes the semicolon that ends a declaration. Where it is missing and the declaration has
  /// clearly ended, says so and goes on as if it stood there.
  mutating func expectSemicolon() throws(ParseFailure) {
    if accept(.semicolon) || followsUnterminatedLiteral { return }
    guard mayFollowSemicolon else { throw unexpected("';' after \(spelling(previous))") }
    reportMissingSemicolon()
  }

  func reportMissingSemicolon() {
    reporter.error(
      "missing-semicolon", "expected ';' after \(spelling(previous))", at: afterPrevious,
      isRepaired: true)
  }

  /// Whether a declaration has ended before this token, semicolon or not.
  private var mayFollowSemicolon: Bool {
    switch token.kind {
    case .end, .rightBrace: true
    case .keyword, .identifier: token.isAtLineStart || token.keyword?.beginsDeclaration == true
    default: false
    }
  }

  /// Skips to where the next declaration may begin: after a `;`, before the `}` that ends what the
  /// declaration is in, or before a line that begins one.
  mutating func synchronize() {
    var braces = 0
    while token.kind != .end {
      switch token.kind {
      case .leftBrace: braces += 1
      case .rightBrace:
        if braces == 0 { return }
        braces -= 1
      case .semicolon where braces == 0:
        advance()
        return
      case .keyword
      where braces == 0 && token.isAtLineStart && token.keyword?.beginsExternalDeclaration == true:
        return
      case .identifier: failedNames.insert(token.name)
      default: break
      }
      advance()
    }
  }

  /// Skips a bracket that is open here, up to and with the one that closes it.
  mutating func skipBalanced() throws(ParseFailure) {
    let opening = token
    var closers: [TokenKind] = []
    repeat {
      switch token.kind {
      case .leftParen: closers.append(.rightParen)
      case .leftBracket: closers.append(.rightBracket)
      case .leftBrace: closers.append(.rightBrace)
      case .rightParen, .rightBracket, .rightBrace, .end:
        guard closers.popLast() == token.kind else { throw unclosed(opening) }
      default: break
      }
      advance()
    } while !closers.isEmpty
  }

  func unclosed(_ opening: Token) -> ParseFailure {
    if followsUnterminatedLiteral { return reporter.consequence() }
    let closer =
      switch opening.kind {
      case .leftParen: ")"
      case .leftBracket: "]"
      default: "}"
      }
    return reporter.failure(
      "missing-bracket", "'\(closer)' expected, found \(spelling(token))",
      at: token.kind == .end ? afterPrevious : token.range,
      notes: [("to match this \(spelling(opening))", opening.range)])
  }
}

extension Keyword {
  /// Whether it can only begin another declaration, not go on with one that has its declarator.
  var beginsDeclaration: Bool {
    switch self {
    case .alignof, .asm, .attribute, .generic, .offsetof, .restrict, .sizeof, .typesCompatible:
      false
    default: true
    }
  }

  /// Whether a line that begins with it begins a declaration outside of any record.
  var beginsExternalDeclaration: Bool {
    switch self {
    case .typedef, .extern, .static: true
    default: false
    }
  }
}
