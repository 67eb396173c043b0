// SPDX-License-Identifier: MIT

import Diagnostics

extension Parser {
  /// { statement }, up to a closing brace or the end. Always ends at one of them.
  mutating func statementList(until end: TokenKind) -> [Statement] {
    var statements: [Statement] = []
    while token.kind != end, token.kind != .rightBrace, token.kind != .endOfScript, !sink.isFull {
      if accept(.semicolon) { continue }
      let start = index
      do throws(ParseFailure) {
        statements.append(try statement())
      } catch {
        recover(from: start)
      }
    }
    if sink.isFull { index = list.tokens.count - 1 }
    return statements
  }

  /// Goes on to where a statement may begin: behind a semicolon, before a closing brace, at the next line
  /// that is not inside brackets. Always gets past `start`.
  private mutating func recover(from start: Int) {
    // Each of many open blocks misses its end there.
    if token.kind == .endOfScript { return }
    skipOpenBrackets(from: start)
    var depth = 0
    while token.kind != .endOfScript {
      if depth == 0, index > start {
        if accept(.semicolon) || token.kind == .rightBrace { return }
        if token.startsLine, token.kind != .leftBrace, bracketStep(token.kind) >= 0 { return }
      }
      depth = max(depth + bracketStep(token.kind), 0)
      advance()
    }
  }

  /// Passes the end of the brackets that the failed statement opened, unless that is what is missing.
  private mutating func skipOpenBrackets(from start: Int) {
    var open: [TokenKind] = []
    for position in start..<list.tokens.count {
      let kind = list.tokens[position].kind
      if position >= index, open.isEmpty {
        index = position
        return
      }
      if let closing = Self.closings[kind] {
        open.append(closing)
      } else if bracketStep(kind) < 0 {
        if open.last != kind { return }
        open.removeLast()
      }
    }
  }

  private static let closings: [TokenKind: TokenKind] = [
    .leftParenthesis: .rightParenthesis, .leftBracket: .rightBracket, .leftBrace: .rightBrace,
  ]

  private func bracketStep(_ kind: TokenKind) -> Int {
    switch kind {
    case .leftBrace, .leftBracket, .leftParenthesis: 1
    case .rightBrace, .rightBracket, .rightParenthesis: -1
    default: 0
    }
  }

  /// statement = variables | if | while | do | repeat | for | function | "break" | "continue" | return
  ///           | block | assignment | call
  private mutating func statement() throws(ParseFailure) -> Statement {
    let start = token.range
    let kind: Statement.Kind = try nested { parser throws(ParseFailure) in
      switch parser.token.kind {
      case .keywordVar: try parser.variables()
      case .keywordIf: try parser.ifStatement()
      case .keywordWhile: try parser.whileStatement()
      case .keywordDo: try parser.doStatement()
      case .keywordRepeat: try parser.repeatStatement()
      case .keywordFor: try parser.forStatement()
      case .keywordFunction where parser.next.kind == .name: try parser.functionStatement()
      case .keywordBreak: try parser.leaveLoop(.breakLoop)
      case .keywordContinue: try parser.leaveLoop(.continueLoop)
      case .keywordReturn: try parser.returnStatement()
      case .leftBrace: .block(try parser.block())
      case .keywordTrace, .keywordTraceEnd, .keywordTick, .keywordProfile:
        try parser.eventBlock()
      default: try parser.simpleStatement()
      }
    }
    return Statement(kind: kind, range: start.through(previousRange))
  }

  /// event = ( "trace" | "trace_end" | "tick-" interval | "profile-" interval ) [ description ] block
  private mutating func eventBlock() throws(ParseFailure) -> Statement.Kind {
    let word = Name(text: text(token), range: token.range)
    try checkEvent(word)
    advance()
    var description = ""
    if token.kind == .eventDescription {
      description = list.strings[token.value].text
      advance()
    }
    if word.text == "trace", description.isEmpty {
      report(
        "expected-event", "'trace' says nothing of what to trace", at: word.range,
        hints: ["write trace subsystem:event { … }"])
    }
    functionCount += 1
    let id = functionCount - 1
    let outer = (loopDepth, isVariadic, isInEvent)
    (loopDepth, isVariadic, isInEvent) = (0, false, true)
    defer { (loopDepth, isVariadic, isInEvent) = outer }
    let body = try block()
    return .event(
      .init(
        word: word, description: description,
        body: FunctionBody(
          id: id, name: word.text, parameters: [], isVariadic: false, body: body,
          range: word.range.through(previousRange))))
  }

  /// Events stand at the top of a script; `tick` and `profile` have an interval: `tick-10ms`.
  private mutating func checkEvent(_ word: Name) throws(ParseFailure) {
    if nesting > 1 || isInEvent {
      report("event-inside", "an event block stands inside of another block", at: word.range)
    }
    guard token.kind == .keywordTick || token.kind == .keywordProfile else { return }
    let interval = word.text.split(separator: "-", maxSplits: 1).dropFirst().first ?? ""
    let digits = interval.prefix { $0.isASCII && $0.isNumber }
    let units = ["s", "sec", "ms", "msec", "us", "usec", "ns", "nsec", "hz"]
    guard !digits.isEmpty, Int(digits) != 0,
      units.contains(String(interval.dropFirst(digits.count)))
    else {
      throw fail(
        "bad-interval", "'\(word.text)' has no interval that can be understood", at: word.range,
        hints: ["write tick-1s, tick-10ms, profile-100us"])
    }
  }

  /// block = "{" { statement } "}"
  mutating func block() throws(ParseFailure) -> [Statement] {
    let open = try expect(
      .leftBrace, "missing-brace", "'{' was expected", hints: ["the body stands in braces: { … }"])
    let body = statementList(until: .rightBrace)
    if !sink.isFull {
      try expect(
        .rightBrace, "missing-brace", "'}' was expected",
        notes: [("the block begins here", open)])
    }
    return body
  }

  /// variables = "var" name { "," name } [ "=" expression { "," expression } ]
  private mutating func variables() throws(ParseFailure) -> Statement.Kind {
    advance()
    var declarations = [try declaration("the variable's name")]
    while accept(.comma) { declarations.append(try declaration("the next variable's name")) }
    let values = accept(.equal) ? try expressions() : []
    return .variables(declarations, values)
  }

  /// if = "if" condition block { ( "elseif" | "else" "if" ) condition block } [ "else" block ]
  private mutating func ifStatement() throws(ParseFailure) -> Statement.Kind {
    advance()
    var branches = [Statement.Branch(condition: try condition("if"), body: try block())]
    while true {
      if accept(.keywordElseif) {
        branches.append(.init(condition: try condition("elseif"), body: try block()))
      } else if token.kind == .keywordElse, next.kind == .keywordIf {
        advance()
        advance()
        branches.append(.init(condition: try condition("else if"), body: try block()))
      } else {
        break
      }
    }
    return .conditional(branches, otherwise: accept(.keywordElse) ? try block() : nil)
  }

  /// condition = "(" expression ")"
  private mutating func condition(_ word: String) throws(ParseFailure) -> Expression {
    let open = try expect(
      .leftParenthesis, "missing-parenthesis", "'(' was expected",
      hints: ["the condition stands in parentheses: \(word) (…) { … }"])
    let condition = try expression()
    if token.kind == .equal {
      throw fail(
        "assignment-in-condition", "unexpected symbol near '=': this compares nothing",
        hints: ["compare with =="])
    }
    try closeParenthesis(open)
    return condition
  }

  mutating func closeParenthesis(_ open: SourceRange) throws(ParseFailure) {
    try expect(
      .rightParenthesis, "missing-parenthesis", "')' was expected",
      notes: [("the parenthesis is opened here", open)])
  }

  private mutating func loopBody() throws(ParseFailure) -> [Statement] {
    loopDepth += 1
    defer { loopDepth -= 1 }
    return try block()
  }

  /// while = "while" condition block
  private mutating func whileStatement() throws(ParseFailure) -> Statement.Kind {
    advance()
    return .whileLoop(try condition("while"), try loopBody())
  }

  /// do = "do" block "while" condition
  private mutating func doStatement() throws(ParseFailure) -> Statement.Kind {
    advance()
    let body = try loopBody()
    try expect(
      .keywordWhile, "missing-while", "'while' was expected",
      hints: ["the loop is written do { … } while (…)"])
    return .doLoop(body, try condition("while"), untilTrue: false)
  }

  /// repeat = "repeat" block "until" condition
  private mutating func repeatStatement() throws(ParseFailure) -> Statement.Kind {
    advance()
    let body = try loopBody()
    try expect(
      .keywordUntil, "missing-until", "'until' was expected",
      hints: ["the loop is written repeat { … } until (…)"])
    return .doLoop(body, try condition("until"), untilTrue: true)
  }

  /// for = "for" "(" ( numeric | generic | c-like ) ")" block
  private mutating func forStatement() throws(ParseFailure) -> Statement.Kind {
    advance()
    let open = try expect(
      .leftParenthesis, "missing-parenthesis", "'(' was expected",
      hints: ["write for (i = 1, 10) { … } or for (k, v in pairs(t)) { … }"])
    if token.kind == .name {
      if next.kind == .comma || next.kind == .keywordIn { return try genericFor(open) }
      if next.kind == .equal, !isFollowedBySemicolon { return try numericFor(open) }
    }
    return try cFor(open)
  }

  /// Tells `for (i = 0; …)` from `for (i = 0, …)`: by the first `;` or closing bracket at this depth.
  private var isFollowedBySemicolon: Bool {
    var depth = 0
    for ahead in list.tokens[index...] {
      if ahead.kind == .semicolon, depth == 0 { return true }
      depth += bracketStep(ahead.kind)
      if depth < 0 || ahead.kind == .leftBrace { return false }
    }
    return false
  }

  /// numeric = name "=" expression "," expression [ "," expression ]
  private mutating func numericFor(_ open: SourceRange) throws(ParseFailure) -> Statement.Kind {
    let variable = try declaration("the loop's variable")
    advance()
    let first = try expression()
    try expect(
      .comma, "missing-limit", "',' and the last value were expected",
      hints: ["write for (\(variable.name.text) = first, last) or (… = first, last, step)"])
    let last = try expression()
    let step = accept(.comma) ? try expression() : nil
    try closeParenthesis(open)
    return .numericFor(
      .init(variable: variable, first: first, last: last, step: step, body: try loopBody()))
  }

  /// generic = name { "," name } "in" expression { "," expression }
  private mutating func genericFor(_ open: SourceRange) throws(ParseFailure) -> Statement.Kind {
    var variables = [try declaration("the loop's variable")]
    while accept(.comma) { variables.append(try declaration("the loop's next variable")) }
    try expect(.keywordIn, "missing-in", "'in' was expected")
    let iterator = try expressions()
    try closeParenthesis(open)
    return .genericFor(variables, iterator, try loopBody())
  }

  /// c-like = [ statement ] ";" [ expression ] ";" [ statement ]
  private mutating func cFor(_ open: SourceRange) throws(ParseFailure) -> Statement.Kind {
    let initial = token.kind == .semicolon ? [] : [try statement()]
    try expect(
      .semicolon, "missing-semicolon", "';' was expected",
      hints: ["a for has three forms: (i = 1, 10), (k, v in pairs(t)), (i = 0; i < 10; i++)"])
    let condition = token.kind == .semicolon ? nil : try expression()
    try expect(.semicolon, "missing-semicolon", "';' was expected")
    let step = token.kind == .rightParenthesis ? [] : [try statement()]
    try closeParenthesis(open)
    return .cFor(.init(initial: initial, condition: condition, step: step, body: try loopBody()))
  }

  private mutating func leaveLoop(_ kind: Statement.Kind) throws(ParseFailure) -> Statement.Kind {
    if loopDepth == 0 {
      report("outside-loop", "'\(shownToken)' stands outside of any loop")
    }
    advance()
    return kind
  }

  /// return = "return" [ expression { "," expression } ]
  private mutating func returnStatement() throws(ParseFailure) -> Statement.Kind {
    advance()
    let endsHere =
      token.startsLine || token.kind == .rightBrace || token.kind == .semicolon
      || token.kind == .endOfScript
    return .returnValues(endsHere ? [] : try expressions())
  }

  /// function = "function" name { "." name } [ ":" name ] parameters block
  private mutating func functionStatement() throws(ParseFailure) -> Statement.Kind {
    let start = token.range
    advance()
    let first = try name("the function's name")
    var target = use(first)
    var title = first.text
    if token.kind == .dot { refuseNameSpace(first) }
    while accept(.dot) {
      let field = try name("the field's name")
      title += "." + field.text
      target = try make(.member(target, field), target.range.through(field.range), over: target)
    }
    let isMethod = token.kind == .colon
    if isMethod {
      advance()
      let method = try name("the method's name")
      title += ":" + method.text
      target = try make(.member(target, method), target.range.through(method.range), over: target)
    }
    refuseNameSpaceAssignment(target)
    return .function(
      target, try functionBody(named: title, from: start, isMethod: isMethod))
  }

  /// parameters = "(" [ name { "," name } [ "," "..." ] | "..." ] ")"
  private mutating func parameters(
    _ list: inout [Declaration]
  ) throws(ParseFailure) -> (isVariadic: Bool, open: SourceRange) {
    let open = try expect(
      .leftParenthesis, "missing-parenthesis", "'(' and the parameters were expected")
    guard token.kind != .rightParenthesis else { return (false, open) }
    repeat {
      if accept(.ellipsis) { return (true, open) }
      list.append(try declaration("a parameter's name"))
    } while accept(.comma)
    return (false, open)
  }

  /// What stands behind the name of a function; a method has a parameter `self` before the others.
  mutating func functionBody(
    named title: String, from start: SourceRange, isMethod: Bool = false
  ) throws(ParseFailure) -> FunctionBody {
    functionCount += 1
    let id = functionCount - 1
    var list: [Declaration] = []
    if isMethod {
      declarationCount += 1
      list.append(Declaration(name: Name(text: "self", range: start), id: declarationCount - 1))
    }
    let (takesMore, open) = try parameters(&list)
    try closeParenthesis(open)
    // break, continue and ... do not reach out of a function.
    let outer = (loopDepth, isVariadic)
    (loopDepth, isVariadic) = (0, takesMore)
    defer { (loopDepth, isVariadic) = outer }
    let body = try bracketed { parser throws(ParseFailure) in try parser.block() }
    return FunctionBody(
      id: id, name: title, parameters: list, isVariadic: takesMore, body: body,
      range: start.through(previousRange))
  }

  /// assignment = target { "," target } "=" expression { "," expression }
  ///            | target ( "+=" | … ) expression | target ( "++" | "--" )
  /// call = expression that is a call
  private mutating func simpleStatement() throws(ParseFailure) -> Statement.Kind {
    let first = try suffixedExpression()
    if let compound = Self.compoundOperators[token.kind] {
      try checkTarget(first)
      advance()
      return .compound(compound, first, try expression())
    }
    if token.kind == .plusPlus || token.kind == .minusMinus {
      try checkTarget(first)
      let step = Expression(
        kind: .integer(1, isUnsigned: false), range: token.range, height: 1)
      let isUp = token.kind == .plusPlus
      advance()
      return .compound(isUp ? .add : .subtract, first, step)
    }
    if token.kind == .equal || token.kind == .comma { return try assignment(first) }
    switch first.kind {
    case .call, .methodCall, .cdef, .invalid: return .expression(first)
    default: throw loneExpression(first)
    }
  }

  /// The mistake is the symbol behind the expression, or the expression itself where its line ends.
  private mutating func loneExpression(_ first: Expression) -> ParseFailure {
    let endsHere = token.startsLine || token.kind == .endOfScript || token.kind == .semicolon
    let near = endsHere ? String(script.text(first.range).prefix(32)) : shownToken
    return fail(
      "expression-statement",
      "unexpected symbol near '\(near)': an expression alone is no statement",
      at: endsHere ? first.range : nil, hints: statementHints(first))
  }

  private func statementHints(_ expression: Expression) -> [String] {
    let word = script.text(expression.range)
    if ["local", "let", "int", "long", "auto"].contains(word) {
      return ["a variable is made with var"]
    }
    if ["end", "then"].contains(word) { return ["blocks stand in braces: { … }"] }
    if token.kind == .equalEqual { return ["assign with ="] }
    return foreignHints.isEmpty ? ["assign it, or call it"] : foreignHints
  }

  private mutating func assignment(_ first: Expression) throws(ParseFailure) -> Statement.Kind {
    var targets = [first]
    try checkTarget(first)
    while accept(.comma) {
      let target = try suffixedExpression()
      try checkTarget(target)
      targets.append(target)
    }
    try expect(.equal, "missing-equal", "'=' was expected")
    return .assign(targets, try expressions())
  }

  private static let compoundOperators: [TokenKind: BinaryOperator] = [
    .plusEqual: .add, .minusEqual: .subtract, .starEqual: .multiply, .slashEqual: .divide,
    .percentEqual: .remainder, .ampersandEqual: .and, .pipeEqual: .or, .caretEqual: .xor,
    .shiftLeftEqual: .shiftLeft, .shiftRightEqual: .shiftRight, .concatEqual: .concat,
  ]

  private mutating func checkTarget(_ target: Expression) throws(ParseFailure) {
    switch target.kind {
    case .name, .member, .index, .foreign, .invalid: refuseNameSpaceAssignment(target)
    default:
      throw fail(
        "bad-assignment", "this cannot be assigned to", at: target.range,
        hints: ["variables, fields and elements can"])
    }
  }

  mutating func refuseNameSpaceAssignment(_ target: Expression) {
    if case .name(let use) = target.kind { refuseNameSpace(use.name) }
  }
}
