// SPDX-License-Identifier: MIT

import TypeIR

/// Statement expressions (GNU C): what `typeof` and `sizeof` ask for is their last expression's
/// type. Every other body is skipped.
extension Parser {
  /// statement-expression: `(` `{` { block-item } `}` `)`, from the `{` on.
  mutating func statementExpression(_ opening: Token) throws(ParseFailure) -> Operand {
    let brace = token
    advance()
    let outer = scope.beginBlock()
    defer { scope.endBlock(outer) }
    var result: Operand? = Operand(.void)
    while !accept(.rightBrace) {
      if token.kind == .end { throw unclosed(brace) }
      do {
        result = Operand(try blockItem())
      } catch {
        if reporter.isExhausted { throw error }
        synchronize()
        result = nil
      }
    }
    guard accept(.rightParen) else { throw unclosed(opening) }
    guard let result else { throw reporter.consequence() }
    return result
  }

  /// block-item: declaration | expression `;` | any other statement. The type of its value.
  private mutating func blockItem() throws(ParseFailure) -> TypeID {
    while token.kind == .identifier, peek().kind == .colon {  // A label.
      advance()
      advance()
    }
    if accept(.semicolon) || token.kind == .rightBrace { return .void }
    if beginsDeclaration() {
      try declaration()
    } else if token.kind == .leftBrace || token.keyword == .asm || beginsOtherStatement() {
      try skipStatement()
    } else {
      let operand = try expression(isEvaluated: false)
      try expectSemicolon()
      return decayedValueType(operand)
    }
    return .void
  }

  private static let statementWords: Set<String> = [
    "break", "case", "continue", "default", "do", "for", "goto", "if", "__label__", "return",
    "switch", "while",
  ]

  private mutating func beginsOtherStatement() -> Bool {
    token.kind == .identifier && Self.statementWords.contains(string(token.name))
  }

  /// To the `;` or `}` that ends a statement, `else` and the `while` of a `do` included.
  private mutating func skipStatement() throws(ParseFailure) {
    repeat {
      while token.kind != .semicolon, token.kind != .leftBrace {
        switch token.kind {
        case .leftParen, .leftBracket: try skipBalanced()
        case .end, .rightBrace: throw unexpected("a statement")
        default: advance()
        }
      }
      if token.kind == .leftBrace { try skipBalanced() } else { advance() }
    } while token.kind == .identifier && ["else", "while"].contains(string(token.name))
  }

  /// Whether a declaration begins here, and no statement.
  mutating func beginsDeclaration() -> Bool {
    if token.kind == .identifier {
      if let entity = scope.entities[token.name] { return entity.isTypedef }
      return peek().kind == .identifier && !beginsOtherStatement()
    }
    switch token.keyword {
    case nil: return false
    case .extensionMark: return beginsTypeName(peek())
    case .attribute: return true
    case let keyword?: return keyword.beginsDeclaration
    }
  }
}
