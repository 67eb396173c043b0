// SPDX-License-Identifier: MIT

import Diagnostics
import Glibc
import TypeIR

/// Casts, unary operators, postfix operators and primary expressions (C11 6.5.1 to 6.5.4).
extension Parser {
  /// cast-expression: unary-expression | `(` type-name `)` cast-expression
  mutating func castExpression() throws(ParseFailure) -> Operand {
    try enter()
    defer { leave() }
    guard let type = try parenthesizedTypeName()?.type else { return try unaryExpression() }
    if token.kind == .leftBrace {  // A compound literal (C11 6.5.2.5).
      try skipBalanced()
      return try postfixOperators(Operand(type))
    }
    return cast(try castExpression(), to: type)
  }

  /// `(` type-name `)`; nil where no such thing stands.
  private mutating func parenthesizedTypeName() throws(ParseFailure) -> Declarator? {
    guard token.kind == .leftParen, beginsTypeName(peek()) else { return nil }
    advance()
    let name = try typeName()
    try expect(.rightParen, ")", "after a type name")
    return name
  }

  /// unary-expression: postfix-expression | `++` unary-expression | `--` unary-expression
  ///     | ( `&` | `*` | `+` | `-` | `~` | `!` ) cast-expression | `__extension__` cast-expression
  ///     | `sizeof` unary-expression | `sizeof` `(` type-name `)` | `_Alignof` `(` type-name `)`
  private mutating func unaryExpression() throws(ParseFailure) -> Operand {
    let operation = token
    switch token.kind {
    case .ampersand, .star, .plus, .minus, .tilde, .exclamation, .plusPlus, .minusMinus:
      advance()
      return try unary(operation.kind, try castExpression(), at: operation.range)
    case .keyword:
      switch token.keyword {
      case .sizeof, .alignof: return try sizeExpression()
      case .extensionMark:
        advance()
        return try castExpression()
      default: break
      }
    default: break
    }
    return try postfixOperators(try primaryExpression())
  }

  private mutating func unary(
    _ operation: TokenKind, _ operand: Operand, at place: Range<Int>
  ) throws(ParseFailure) -> Operand {
    switch operation {
    case .ampersand: return Operand(types.pointer(to: operand.type), operand.address)
    case .star:
      if case .function = types.resolved(operand.type) { return operand }
      guard let target = types.pointerTarget(operand.type) else {
        throw reporter.failure(
          "bad-operand", "'*' needs a pointer, not '\(types.table.spelling(operand.type))'",
          at: place)
      }
      var result = Operand(target)
      result.address = pointerValue(operand)
      return result
    case .exclamation: return Operand(types.basic(.int), operand.value.map { $0 == 0 ? 1 : 0 })
    case .plusPlus, .minusMinus: return Operand(unqualified(operand.type))
    default: break
    }
    guard let (type, integer) = promoted(operand) else {
      var result = Operand(unqualified(operand.type))
      result.floatingValue = operand.floatingValue.map { operation == .minus ? -$0 : $0 }
      return result
    }
    let value = operand.value.map { (value: UInt64) -> UInt64 in
      switch operation {
      case .minus: integer.wrap(0 &- value)
      case .tilde: integer.wrap(~value)
      default: integer.wrap(value)
      }
    }
    return Operand(type, integer.size <= 8 ? value : nil)
  }

  /// From `sizeof` or `_Alignof` on.
  private mutating func sizeExpression() throws(ParseFailure) -> Operand {
    let isSize = token.keyword == .sizeof
    advance()
    let place = token.range
    var operand: Operand
    var typeAlign: UInt32 = 0
    if let name = try parenthesizedTypeName() {
      operand = Operand(name.type)
      typeAlign = name.typeAlign
      if token.kind == .leftBrace {
        try skipBalanced()
        operand = try postfixOperators(operand)
      }
    } else {
      operand = try evaluate(if: false) { (parser) throws(ParseFailure) in
        try parser.castExpression()
      }
    }
    if operand.bitFieldSize != nil {
      throw reporter.failure(
        "bad-operand", "a bit-field has no \(isSize ? "size" : "alignment")", at: place)
    }
    let value =
      isSize
      ? try size(of: operand.type, at: place)
      : typeAlign != 0 ? UInt64(typeAlign) : try alignment(of: operand.type, at: place)
    return Operand(types.basic(.unsignedLong), value)
  }

  // MARK: Postfix

  /// postfix-expression: primary-expression { `[` expression `]` | `(` argument-list? `)`
  ///     | `.` identifier | `->` identifier | `++` | `--` }
  private mutating func postfixOperators(_ primary: Operand) throws(ParseFailure) -> Operand {
    var operand = primary
    while true {
      let place = token.range
      switch token.kind {
      case .leftBracket:
        advance()
        let index = try expression()
        try expect(.rightBracket, "]", "after an index")
        operand = try unary(.star, try binary(.plus, operand, index, at: place), at: place)
      case .leftParen: operand = try call(operand)
      case .dot:
        advance()
        operand = try member(of: operand)
      case .arrow:
        advance()
        operand = try member(of: try unary(.star, operand, at: place))
      case .plusPlus, .minusMinus:
        advance()
        operand = Operand(unqualified(operand.type))
      default: return operand
      }
    }
  }

  private mutating func call(_ function: Operand) throws(ParseFailure) -> Operand {
    try skipBalanced()
    var type = types.underlying(function.type)
    if type != .void, case .pointer(let target) = types.table[type] {
      type = types.underlying(target)
    }
    guard type != .void, case .function(let function) = types.table[type] else {
      return Operand(types.basic(.int))
    }
    return Operand(function.returnType)
  }

  private mutating func member(of object: Operand) throws(ParseFailure) -> Operand {
    let name = token
    guard accept(.identifier) else { throw unexpected("a member's name") }
    let field = try field(name, of: object.type)
    var result = Operand(field.type)
    result.bitFieldSize = field.bitSize
    if field.bitSize == nil, let address = object.address, let offset = field.bitOffset {
      result.address = address &+ offset / 8
    }
    return result
  }

  /// A member, wherever in anonymous ones it stands, with its offset from the whole.
  private mutating func field(_ name: Token, of type: TypeID) throws(ParseFailure) -> Member {
    let spelled = string(name.name)
    guard case .record(let record) = types.resolved(type) else {
      if types.isPending(type) { throw unknownSize(type, at: name.range) }
      throw reporter.failure(
        "unknown-member", "'\(types.table.spelling(type))' has no members", at: name.range)
    }
    if let member = find(spelled, in: record) { return member }
    throw reporter.failure(
      "unknown-member", "'\(types.table.spelling(type))' has no member '\(spelled)'",
      at: name.range, hints: Self.suggestion(spelled, among: record.members.compactMap(\.name)))
  }

  private func find(_ name: String, in record: Record) -> Member? {
    for member in record.members {
      if member.name == name { return member }
      guard member.name == nil, member.bitSize == nil,
        case .record(let inner) = types.resolved(member.type), var found = find(name, in: inner)
      else { continue }
      if let outer = member.bitOffset, let offset = found.bitOffset {
        found.bitOffset = outer + offset
      } else {
        found.bitOffset = nil
      }
      return found
    }
    return nil
  }

  // MARK: Primary

  /// primary-expression: identifier | constant | string-literal | `(` expression `)`
  ///     | generic-selection | GNU's built-in functions that take types
  private mutating func primaryExpression() throws(ParseFailure) -> Operand {
    let place = token
    switch token.kind {
    case .number:
      advance()
      return try number(place)
    case .character:
      advance()
      let value = Literal.character(preprocessor.spelling(place), charIsSigned: types.charIsSigned)
      guard let value else {
        throw reporter.failure(
          "bad-character", "this is no character constant of C", at: place.range)
      }
      return Operand(types.basic(value.type), value.value)
    case .string: return stringLiteral()
    case .leftParen:
      advance()
      if token.kind == .leftBrace { return try statementExpression(place) }
      let operand = try expression()
      guard accept(.rightParen) else { throw unclosed(place) }
      return operand
    case .identifier: return try identifierExpression()
    case .keyword:
      switch token.keyword {
      case .offsetof: return try offsetof()
      case .typesCompatible: return try typesCompatible()
      case .generic: return try genericSelection()
      default: throw unexpected("an expression")
      }
    default: throw unexpected("an expression")
    }
  }

  private mutating func number(_ token: Token) throws(ParseFailure) -> Operand {
    do {
      let number = try Literal.number(preprocessor.spelling(token))
      return Operand(types.basic(number.type), number.value)
    } catch .floating(let type) {
      var operand = Operand(types.basic(type))
      let digits = preprocessor.spelling(token).filter { $0 != Literal.separator }
      operand.floatingValue = strtod(String(decoding: digits, as: UTF8.self), nil)
      return operand
    } catch .decimal {
      throw reporter.failure(
        "bad-number", "\(spelling(token)) is of a decimal floating type, and none is known here",
        at: token.range)
    } catch .tooLarge {
      throw reporter.failure(
        "bad-number", "\(spelling(token)) does not fit in 64 bits", at: token.range)
    } catch {
      throw reporter.failure("bad-number", "\(spelling(token)) is no number of C", at: token.range)
    }
  }

  /// string-literal: its type matters to `sizeof`, its content to nothing.
  private mutating func stringLiteral() -> Operand {
    var length = StringLength()
    while token.kind == .string {
      length.append(preprocessor.spelling(token))
      advance()
    }
    let type = types.array(of: types.basic(length.element), .count(length.count))
    var literal = Operand(type)
    literal.isStringLiteral = true
    return literal
  }

  private mutating func identifierExpression() throws(ParseFailure) -> Operand {
    let name = token
    advance()
    guard let entity = scope.entities[name.name] else {
      if let builtin = try builtinCall(name) { return builtin }
      if let failure = predefined(name) { throw failure }
      throw unknown(name.name) { parser in
        let known = parser.scope.entities.elements.map { parser.string($0.name) }
        return parser.reporter.failure(
          "unknown-name", "\(parser.spelling(name)) is not declared", at: name.range,
          hints: Self.suggestion(parser.string(name.name), among: known))
      }
    }
    switch entity.kind {
    case .constant(let value): return Operand(entity.type, value.bits)
    case .typedef:
      throw reporter.failure(
        "unexpected-token", "an expression expected, found the type \(spelling(name))",
        at: name.range, notes: [("it is declared here", entity.place)])
    case .function: return Operand(entity.type)
    case .variable: return Operand(entity.type, entity.value)
    }
  }

  /// `__builtin_offsetof` `(` type-name `,` identifier { `.` identifier | `[` expression `]` } `)`
  private mutating func offsetof() throws(ParseFailure) -> Operand {
    advance()
    try expect(.leftParen, "(", "after '__builtin_offsetof'")
    var object = Operand(try typeName().type)
    object.address = 0
    try expect(.comma, ",", "after a type name")
    let place = token.range
    object = try postfixOperators(try member(of: object))
    try expect(.rightParen, ")", "after a member")
    guard let offset = object.address else {
      throw reporter.failure("not-constant", "this member has no constant offset", at: place)
    }
    return Operand(types.basic(.unsignedLong), offset)
  }

  /// `__builtin_types_compatible_p` `(` type-name `,` type-name `)`
  private mutating func typesCompatible() throws(ParseFailure) -> Operand {
    advance()
    try expect(.leftParen, "(", "after '__builtin_types_compatible_p'")
    let first = try typeName().type
    try expect(.comma, ",", "after a type name")
    let second = try typeName().type
    try expect(.rightParen, ")", "after a type name")
    let isSame = areCompatible(unqualified(first), unqualified(second))
    return Operand(types.basic(.int), isSame ? 1 : 0)
  }

  /// generic-selection: `_Generic` `(` assignment-expression `,` generic-association
  ///     { `,` generic-association } `)`
  /// generic-association: type-name `:` assignment-expression | `default` `:` assignment-expression
  private mutating func genericSelection() throws(ParseFailure) -> Operand {
    let place = token.range
    advance()
    try expect(.leftParen, "(", "after '_Generic'")
    let operand = try assignmentExpression(isEvaluated: false)
    let controlling = decayedValueType(operand)
    var chosen: Operand?
    var fallback: Operand?
    while accept(.comma) {
      if token.kind == .identifier, string(token.name) == "default" {
        advance()
        try expect(.colon, ":", "after 'default'")
        fallback = try assignmentExpression()
        continue
      }
      let type = try typeName().type
      try expect(.colon, ":", "after a type name")
      let value = try assignmentExpression()
      if chosen == nil, areCompatible(type, controlling) { chosen = value }
    }
    try expect(.rightParen, ")", "after '_Generic'")
    guard let result = chosen ?? fallback else {
      throw reporter.failure(
        "no-association", "no association has the type '\(types.table.spelling(controlling))'",
        at: place)
    }
    return result
  }
}
