// SPDX-License-Identifier: MIT

import Diagnostics
import KtapImage

extension Parser {
  // MARK: - Nodes

  /// A node over `children`; fails where the tree would become too high for the passes to recurse.
  mutating func make(
    _ kind: Expression.Kind, _ range: SourceRange, over children: Expression...
  ) throws(ParseFailure) -> Expression {
    try make(kind, range, overAll: children)
  }

  mutating func make(
    _ kind: Expression.Kind, _ range: SourceRange, overAll children: [Expression]
  ) throws(ParseFailure) -> Expression {
    let height = 1 + (children.map(\.height).max() ?? 0)
    guard height <= Self.maximumHeight else { throw tooHigh() }
    tallest = max(tallest, height)
    return Expression(kind: kind, range: range, height: height)
  }

  /// A function counts as high as the highest expression in it.
  private mutating func functionExpression(
    _ start: SourceRange
  ) throws(ParseFailure) -> Expression {
    let outer = tallest
    tallest = 0
    defer { tallest = max(outer, tallest) }
    let body = try functionBody(named: "(anonymous)", from: start)
    let height = tallest + 1
    guard height <= Self.maximumHeight else { throw tooHigh() }
    tallest = height
    return Expression(kind: .function(body), range: body.range, height: height)
  }

  private mutating func tooHigh() -> ParseFailure {
    fail(
      "nesting-too-deep", "more than \(Self.maximumHeight) operations in one expression",
      hints: ["put parts of it into variables of their own"])
  }

  // MARK: - Operators

  /// expressions = expression { "," expression }
  mutating func expressions() throws(ParseFailure) -> [Expression] {
    var list = [try expression()]
    while accept(.comma) { list.append(try expression()) }
    return list
  }

  /// expression = binary [ "?" expression ":" expression ]
  mutating func expression() throws(ParseFailure) -> Expression {
    try nested { parser throws(ParseFailure) in
      let condition = try parser.binary(minimum: 1)
      guard parser.accept(.question) else { return condition }
      let yes = try parser.beforeColon()
      try parser.expect(
        .colon, "missing-colon", "':' was expected", hints: ["write condition ? value : other"])
      let no = try parser.expression()
      return try parser.make(
        .conditional(condition, yes, no), condition.range.through(no.range),
        over: condition, yes, no)
    }
  }

  /// The expression between `?` and `:`.
  private mutating func beforeColon() throws(ParseFailure) -> Expression {
    let outer = colonEnds
    colonEnds = true
    defer { colonEnds = outer }
    return try expression()
  }

  /// Within brackets a colon calls a method again.
  mutating func bracketed<Result>(
    _ body: (inout Parser) throws(ParseFailure) -> Result
  ) throws(ParseFailure) -> Result {
    let outer = colonEnds
    colonEnds = false
    defer { colonEnds = outer }
    return try body(&self)
  }

  /// C's precedence, with `..` between the shifts and the sums. A higher number binds tighter.
  private static let precedences: [TokenKind: (level: Int, operation: BinaryOperator)] = [
    .orOr: (1, .logicalOr), .andAnd: (2, .logicalAnd), .pipe: (3, .or), .caret: (4, .xor),
    .ampersand: (5, .and), .equalEqual: (6, .equal), .notEqual: (6, .notEqual),
    .less: (7, .less), .lessEqual: (7, .lessEqual), .greater: (7, .greater),
    .greaterEqual: (7, .greaterEqual), .shiftLeft: (8, .shiftLeft), .shiftRight: (8, .shiftRight),
    .concat: (9, .concat), .plus: (10, .add), .minus: (10, .subtract), .star: (11, .multiply),
    .slash: (11, .divide), .percent: (11, .remainder),
  ]

  /// binary = unary { operator unary }, by precedence climbing; all but `..` associate to the left
  private mutating func binary(minimum: Int) throws(ParseFailure) -> Expression {
    var left = try unary()
    while let (level, operation) = Self.precedences[token.kind], level >= minimum {
      if operation == .concat {
        left = try concatenation(left, level)
        continue
      }
      advance()
      let right = try binary(minimum: level + 1)
      left = try make(
        .binary(operation, left, right), left.range.through(right.range), over: left, right)
    }
    return left
  }

  /// A chain of `..` is one operation over all its operands.
  private mutating func concatenation(
    _ first: Expression, _ level: Int
  ) throws(ParseFailure) -> Expression {
    var parts = [first]
    while accept(.concat) { parts.append(try binary(minimum: level + 1)) }
    return try make(
      .concat(parts), first.range.through(parts[parts.count - 1].range), overAll: parts)
  }

  /// unary = { "-" | "~" | "!" | "not" | "#" } suffixed
  private mutating func unary() throws(ParseFailure) -> Expression {
    let operation: UnaryOperator
    switch token.kind {
    case .minus: operation = .negate
    case .tilde: operation = .complement
    case .exclamation: operation = .not
    case .hash: operation = .length
    default: return try suffixedExpression()
    }
    let start = token.range
    advance()
    if operation == .negate, token.kind == .integer { return try negativeInteger(start) }
    let operand = try nested { parser throws(ParseFailure) in try parser.unary() }
    return try make(
      .unary(operation, operand), start.through(operand.range), over: operand)
  }

  /// A minus right before a number belongs to it, so that -9223372036854775808 can be written.
  private mutating func negativeInteger(_ start: SourceRange) throws(ParseFailure) -> Expression {
    let literal = list.integers[token.value]
    let range = start.through(token.range)
    if literal.isTooLarge, literal.value != 1 << 63 { reportTooLarge() }
    advance()
    return try suffixes(
      Expression(
        kind: .integer(0 &- literal.value, isUnsigned: literal.isUnsigned), range: range, height: 1)
    )
  }

  private mutating func reportTooLarge() {
    report(
      "integer-too-large", "this number does not fit a signed 64-bit integer",
      hints: ["\(shownToken)u is unsigned"])
  }

  // MARK: - Operands

  /// suffixed = primary { "." name | "[" expressions "]" | ":" name arguments | arguments }
  mutating func suffixedExpression() throws(ParseFailure) -> Expression {
    try suffixes(try primary())
  }

  /// An opening parenthesis on a new line begins the next statement: statements need no semicolon.
  private mutating func suffixes(_ first: Expression) throws(ParseFailure) -> Expression {
    var expression = first
    while true {
      switch token.kind {
      case .dot:
        advance()
        let field = try name("a field's name")
        expression = try make(
          .member(expression, field), first.range.through(field.range), over: expression)
      case .leftBracket:
        expression = try indexing(expression)
      case .colon where !colonEnds: expression = try method(expression)
      case .leftParenthesis where !token.startsLine:
        let arguments = try arguments()
        expression = try make(
          .call(expression, arguments), first.range.through(previousRange),
          overAll: [expression] + arguments)
      case .string where !token.startsLine:
        throw fail(
          "missing-parenthesis", "unexpected symbol near '\(shownToken)'",
          hints: ["arguments stand in parentheses"])
      default:
        return expression
      }
    }
  }

  /// method = ":" name arguments
  private mutating func method(_ object: Expression) throws(ParseFailure) -> Expression {
    advance()
    let name = try name("a method's name")
    guard token.kind == .leftParenthesis, !token.startsLine else {
      throw fail(
        "missing-parenthesis", "unexpected symbol near '\(shownToken)': '(' was expected",
        hints: ["a method is called: object:\(name.text)(…)"])
    }
    let arguments = try arguments()
    return try make(
      .methodCall(object, name, arguments), object.range.through(previousRange),
      overAll: [object] + arguments)
  }

  /// indexing = "[" expressions "]"
  private mutating func indexing(_ base: Expression) throws(ParseFailure) -> Expression {
    let open = token.range
    advance()
    let keys = try bracketed { parser throws(ParseFailure) in try parser.expressions() }
    let inner = SourceRange(keys[0].range.start, previousRange.end)
    try expect(
      .rightBracket, "missing-bracket", "']' was expected",
      notes: [("the bracket is opened here", open)])
    let key = keys.count == 1 ? keys[0] : try make(.keys(keys), inner, overAll: keys)
    return try make(.index(base, key), base.range.through(previousRange), over: base, key)
  }

  /// arguments = "(" [ expressions ] ")"
  mutating func arguments() throws(ParseFailure) -> [Expression] {
    let open = token.range
    advance()
    let list =
      token.kind == .rightParenthesis
      ? [] : try bracketed { parser throws(ParseFailure) in try parser.expressions() }
    try closeParenthesis(open)
    return list
  }

  /// primary = "nil" | "true" | "false" | integer | string | kernel-symbol | name | ffi | table | "..."
  ///         | event-variable | "function" parameters block | "(" expression ")"
  private mutating func primary() throws(ParseFailure) -> Expression {
    let range = token.range
    let kind: Expression.Kind
    switch token.kind {
    case .keywordNil: kind = .nil
    case .keywordTrue: kind = .boolean(true)
    case .keywordFalse: kind = .boolean(false)
    case .integer:
      let literal = list.integers[token.value]
      if literal.isTooLarge { reportTooLarge() }
      kind = .integer(literal.value, isUnsigned: literal.isUnsigned)
    case .string: kind = .string(list.strings[token.value])
    case .kernelSymbol:
      kind = .foreign(
        ForeignName(name: list.strings[token.value].text, isToken: true, range: range))
    case .name where text(token) == "ffi": return try foreignInterface()
    case .name: return variableOrType(try name("a name"))
    case .leftBrace: return try table()
    case .leftParenthesis: return try parenthesized()
    case .keywordFunction:
      advance()
      return try functionExpression(range)
    case .ellipsis:
      if !isVariadic {
        report(
          "varargs-outside", "'...' stands outside of any function that has it as a parameter",
          hints: ["write function f(...) { … }"])
      }
      kind = .varargs
    case .eventVariable:
      if !isInEvent {
        report(
          "event-variable", "'\(shownToken)' stands outside of any event block",
          hints: ["names with $ are for what an event brings along"])
      }
      kind = .eventVariable
    default:
      throw fail(
        "unexpected-symbol", "unexpected symbol near '\(shownToken)': an expression was expected",
        hints: foreignHints)
    }
    advance()
    return Expression(kind: kind, range: range, height: 1)
  }

  private mutating func parenthesized() throws(ParseFailure) -> Expression {
    let open = token.range
    advance()
    let inner = try bracketed { parser throws(ParseFailure) in try parser.expression() }
    try closeParenthesis(open)
    return try make(.parenthesized(inner), open.through(previousRange), over: inner)
  }

  /// table = "{" [ item { ( "," | ";" ) item } [ "," | ";" ] ] "}"
  /// item = expression | name "=" expression | "[" expression "]" "=" expression | "." name "=" expression
  private mutating func table() throws(ParseFailure) -> Expression {
    let open = token.range
    advance()
    var items: [TableItem] = []
    var children: [Expression] = []
    while token.kind != .rightBrace, token.kind != .endOfScript {
      let item = try bracketed { parser throws(ParseFailure) in try parser.tableItem(&children) }
      items.append(item)
      if !accept(.comma), !accept(.semicolon) { break }
    }
    try expect(
      .rightBrace, "missing-brace", "'}' was expected",
      notes: [("the table begins here", open)])
    return try make(.table(items), open.through(previousRange), overAll: children)
  }

  private mutating func tableItem(
    _ children: inout [Expression]
  ) throws(ParseFailure) -> TableItem {
    if token.kind == .leftBracket {
      let open = token.range
      advance()
      let keys = try expressions()
      let inner = SourceRange(open.end, previousRange.end)
      let key = keys.count == 1 ? keys[0] : try make(.keys(keys), inner, overAll: keys)
      try expect(.rightBracket, "missing-bracket", "']' was expected")
      try expect(.equal, "missing-equal", "'=' was expected")
      let value = try expression()
      children += [key, value]
      return .keyed(key, value)
    }
    // C's designators are written with a dot; both mean the same.
    let isDesignator = token.kind == .dot && next.kind == .name
    if isDesignator { advance() }
    if token.kind == .name, isDesignator || next.kind == .equal {
      let field = try name("a field's name")
      try expect(.equal, "missing-equal", "'=' was expected")
      let value = try expression()
      children.append(value)
      return .named(field, value)
    }
    let value = try expression()
    children.append(value)
    return .positional(value)
  }

  // MARK: - The foreign function interface

  private mutating func variableOrType(_ name: Name) -> Expression {
    guard let type = CTypeNames.type(named: name.text) else { return use(name) }
    return ctype(type, name.range)
  }

  /// A type that the script names without writing its C.
  private func ctype(_ type: String, _ range: SourceRange) -> Expression {
    Expression(
      kind: .ctype(StringLiteral(bytes: Array(type.utf8), runs: [], range: range)), range: range,
      height: 1)
  }

  /// ffi = "ffi" "." ( "C" ( "." name | "[" string "]" ) | "nullptr" | "arch" | name )
  private mutating func foreignInterface() throws(ParseFailure) -> Expression {
    let start = token.range
    advance()
    guard token.kind == .dot else {
      throw fail(
        "ffi-value", "'ffi' is a name space, not a value", at: start,
        hints: ["write ffi.new, ffi.C.name, …"])
    }
    advance()
    let function = try name("a function of ffi, or C,")
    if function.text == "C" { return try foreignName(start) }
    let range = start.through(function.range)
    switch function.text {
    case "cdef": return try declarations(range)
    case "nullptr": return try nullPointer(range)
    case "arch":
      let name = StringLiteral(bytes: Array("x86_64".utf8), runs: [], range: range)
      return Expression(kind: .string(name), range: range, height: 1)
    default: break
    }
    guard let builtin = Builtin.named("ffi." + function.text) else {
      let known =
        Builtin.all.map(\.name).filter { $0.hasPrefix("ffi.") }
        + ["ffi.cdef", "ffi.C", "ffi.nullptr", "ffi.arch"]
      let near = NearestName.suggestions(for: "ffi." + function.text, among: known)
      throw fail(
        "unknown-ffi-function", "there is no 'ffi.\(function.text)'", at: range,
        hints: near.first.map { ["did you mean '\($0)'?"] } ?? [])
    }
    let callee = Expression(kind: .ffi(builtin), range: range, height: 1)
    guard builtin.takesType else { return callee }
    guard token.kind == .leftParenthesis else {
      throw fail(
        "ffi-value", "'\(builtin.name)' can only be called, not kept as a value", at: range,
        hints: ["the types that a script uses must be known before it runs"])
    }
    return try typeCall(callee, builtin)
  }

  /// `ffi.nullptr` is `ffi.cast("void *", 0)`.
  private mutating func nullPointer(_ range: SourceRange) throws(ParseFailure) -> Expression {
    guard let cast = Builtin.named("ffi.cast") else { preconditionFailure("there is no ffi.cast") }
    let callee = Expression(kind: .ffi(cast), range: range, height: 1)
    let zero = Expression(kind: .integer(0, isUnsigned: false), range: range, height: 1)
    let arguments = [ctype("void *", range), zero]
    return try make(.call(callee, arguments), range, overAll: [callee] + arguments)
  }

  /// "ffi.new(" type-string [ "," expressions ] ")"
  private mutating func typeCall(
    _ callee: Expression, _ builtin: Builtin
  ) throws(ParseFailure) -> Expression {
    var arguments = try arguments()
    if let first = arguments.first { arguments[0] = typeArgument(first, builtin) }
    return try make(
      .call(callee, arguments), callee.range.through(previousRange),
      overAll: [callee] + arguments)
  }

  /// A string literal as first argument is a type; what can only be another string is an error.
  private mutating func typeArgument(_ argument: Expression, _ builtin: Builtin) -> Expression {
    switch argument.kind {
    case .string(let literal):
      checkIsText(literal)
      return Expression(kind: .ctype(literal), range: argument.range, height: 1)
    case .parenthesized(let inner): return typeArgument(inner, builtin)
    case .concat:
      report(
        "type-not-literal", "the type given to \(builtin.name) must be a string literal",
        at: argument.range,
        hints: ["the types that a script uses must be known before it runs"])
      return Expression(kind: .invalid, range: argument.range, height: 1)
    default: return argument
    }
  }

  /// The documents that the stages exchange are UTF-8, and C's text is, too.
  private mutating func checkIsText(_ literal: StringLiteral) {
    if String(validating: literal.bytes, as: UTF8.self) == nil {
      report("not-utf8", "C's text must be UTF-8", at: literal.range)
    }
  }

  /// "ffi.C." name | "ffi.C[" string "]"
  private mutating func foreignName(_ start: SourceRange) throws(ParseFailure) -> Expression {
    var foreign = ForeignName(name: "", isToken: false, range: start)
    if accept(.leftBracket) {
      guard token.kind == .string else {
        throw fail(
          "name-not-literal", "the name of a foreign function or variable must be a string literal",
          hints: ["what a script uses of C must be known before it runs"])
      }
      checkIsText(list.strings[token.value])
      foreign.name = list.strings[token.value].text
      foreign.range = token.range
      advance()
      try expect(.rightBracket, "missing-bracket", "']' was expected")
    } else {
      try expect(
        .dot, "ffi-value", "'.' and the name of a foreign function or variable were expected",
        hints: ["ffi.C is a name space, not a value"])
      let name = try name("the name of a foreign function or variable")
      foreign.name = name.text
      foreign.range = name.range
    }
    return Expression(kind: .foreign(foreign), range: start.through(previousRange), height: 1)
  }

  /// "ffi.cdef(" string ")"
  private mutating func declarations(_ range: SourceRange) throws(ParseFailure) -> Expression {
    guard token.kind == .leftParenthesis else {
      throw fail(
        "ffi-value", "'ffi.cdef' can only be called, not kept as a value", at: range,
        hints: ["write ffi.cdef([[ … ]])"])
    }
    let arguments = try arguments()
    let whole = range.through(previousRange)
    guard arguments.count == 1 else {
      report("argument-count", "ffi.cdef takes one argument, not \(arguments.count)", at: whole)
      return Expression(kind: .invalid, range: whole, height: 1)
    }
    guard case .string(let literal) = arguments[0].kind else {
      report(
        "cdef-not-literal", "the C declarations must be a string literal", at: arguments[0].range,
        hints: ["what a script uses of C must be known before it runs"])
      return Expression(kind: .invalid, range: whole, height: 1)
    }
    checkIsText(literal)
    return Expression(kind: .cdef(literal), range: whole, height: 1)
  }
}
