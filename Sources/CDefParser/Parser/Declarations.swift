// SPDX-License-Identifier: MIT

import TypeIR

/// Declarations outside of functions (C11 6.7, 6.9).
extension Parser {
  /// translation-unit: { external-declaration }
  mutating func translationUnit() {
    while token.kind != .end, !reporter.isExhausted {
      if passOver() { continue }
      let start = token.spelling.lowerBound
      let failures = reporter.failureCount
      settle()
      do {
        try externalDeclaration()
      } catch {
        synchronize()
        if token.kind == .rightBrace { advance() }
      }
      if reporter.failureCount > failures { rollBack() }
      // Whatever happens, something is read.
      if token.spelling.lowerBound == start, token.kind != .end { advance() }
    }
  }

  /// external-declaration: function-definition | declaration | static_assert-declaration
  ///     | `asm` `(` … `)` `;` | attribute-specifiers `;` | `;`
  private mutating func externalDeclaration() throws(ParseFailure) {
    if accept(.semicolon) { return }
    if try staticAssertDeclaration() { return }
    if token.keyword == .asm {
      while token.keyword != nil || token.kind == .identifier { advance() }
      try skipBalanced()
      try expectSemicolon()
      return
    }
    if token.kind == .rightBrace {
      throw reporter.failure("extra-brace", "this '}' closes nothing", at: token.range)
    }
    try declaration()
  }

  /// declaration: declaration-specifiers [ init-declarator { `,` init-declarator } ] `;`
  mutating func declaration() throws(ParseFailure) {
    let specifiers = try declarationSpecifiers(.file)
    if specifiers.isEnded { return }
    if token.kind == .semicolon || specifiers.declaresTag && token.kind == .end {
      try declaratorlessDeclaration(specifiers)
      return
    }
    repeat {
      if try initDeclarator(specifiers) { return }
    } while accept(.comma)
    try expectSemicolon()
  }

  /// init-declarator: declarator asm-label? attribute-specifiers? [ `=` initializer ]
  /// function-definition: declaration-specifiers declarator declaration* compound-statement
  /// True after a function's body, which no `;` ends.
  private mutating func initDeclarator(_ specifiers: Specifiers) throws(ParseFailure) -> Bool {
    var attributes = specifiers.attributes.withoutShape
    var declarator = try declarator(specifiers, .named, &attributes)
    let linkName = try asmLabel()
    try attributeSpecifiers(&attributes)
    declarator.type =
      specifiers.isAuto
      ? try initializersType(specifiers)
      : try apply(attributes, to: declarator.type, at: declarator.place)
    if beginsParameterDeclarations(declarator.type) {
      declarator.type = try parameterDeclarations(declarator.type)
    }
    let hasBody = token.kind == .leftBrace && isFunction(declarator.type)
    try declare(declarator, specifiers, attributes, linkName, hasBody: hasBody)
    if hasBody {
      try skipBalanced()
    } else if accept(.assignment) {
      try initializer(declarator)
    }
    return hasBody
  }

  // MARK: Old-style definitions

  /// Whether the declarations of an old-style definition's parameters stand here (C11 6.9.1p6):
  /// declarations, then the body. The names in the parentheses look like types so far.
  private mutating func beginsParameterDeclarations(_ type: TypeID) -> Bool {
    guard token.kind != .semicolon, case .function(let function) = types.resolved(type),
      function.parameters.contains(where: { oldStyleName($0) != nil }), beginsDeclaration()
    else { return false }
    var last = token.kind
    for distance in 1...Self.nestingLimit {
      let next = peek(distance).kind
      if next == .leftBrace || next == .end { return next == .leftBrace && last == .semicolon }
      last = next
    }
    return false
  }

  private func oldStyleName(_ parameter: Parameter) -> String? {
    guard parameter.name == nil, parameter.type != .void,
      case .unresolved(let name) = types.table[parameter.type]
    else { return nil }
    return name
  }

  /// { declaration }, up to the body: the function's type, which is no prototype. Arguments are
  /// promoted (C11 6.5.2.2p6), so parameters are, too.
  private mutating func parameterDeclarations(_ type: TypeID) throws(ParseFailure) -> TypeID {
    guard case .function(var function) = types.resolved(type) else { return type }
    let outer = scope.beginBlock()
    defer { scope.endBlock(outer) }
    while token.kind != .leftBrace, token.kind != .end {
      let start = token.spelling.lowerBound
      do {
        try declaration()
      } catch {
        synchronize()
        // Without this, a '}' here, which is not the function's, would be met for ever.
        if token.kind == .rightBrace || token.spelling.lowerBound == start { throw error }
      }
    }
    for index in function.parameters.indices {
      guard let name = oldStyleName(function.parameters[index]) else { continue }
      let declared = scope.entities[preprocessor.names.intern(name)]
      let parameter = Operand(declared.map { decayed($0.type) } ?? types.basic(.int))
      let promoted = promoted(parameter)?.0 ?? promotedFloat(parameter.type)
      function.parameters[index] = Parameter(name: name, type: promoted)
    }
    let id = types.append(.function(function))
    unprototyped.insert(id)
    return id
  }

  /// `struct s { … };` and `struct s;`
  private mutating func declaratorlessDeclaration(_ specifiers: Specifiers) throws(ParseFailure) {
    guard specifiers.declaresTag else {
      throw reporter.failure(
        "missing-name", "this declares nothing: a name is missing", at: afterPrevious)
    }
    if specifiers.storage == .typedef {
      throw reporter.failure(
        "missing-name", "this 'typedef' defines nothing: a name is missing", at: afterPrevious)
    }
    try expectSemicolon()
  }

  /// `asm` `(` string-literal `)`: the name in the object file.
  private mutating func asmLabel() throws(ParseFailure) -> NameID {
    guard token.keyword == .asm else { return .none }
    advance()
    try expect(.leftParen, "(", "after 'asm'")
    var name = ""
    while token.kind == .string {
      name += String(decoding: preprocessor.spelling(token).dropFirst().dropLast(), as: UTF8.self)
      advance()
    }
    try expect(.rightParen, ")", "after a name")
    return name.isEmpty ? .none : preprocessor.names.intern(name)
  }

  /// static_assert-declaration: `_Static_assert` `(` constant-expression [ `,` string-literal ] `)` `;`
  mutating func staticAssertDeclaration() throws(ParseFailure) -> Bool {
    guard token.keyword == .staticAssert else { return false }
    let place = token.range
    advance()
    try expect(.leftParen, "(", "after '_Static_assert'")
    let value = try constantExpression()
    var message = ""
    if accept(.comma) {
      message = ": " + spelling(token).dropFirst().dropLast()
      while accept(.string) {}
    }
    try expect(.rightParen, ")", "after '_Static_assert'")
    if value.bits == 0 {
      reporter.error("static-assert-failed", "the assertion does not hold\(message)", at: place)
    }
    try expectSemicolon()
    return true
  }

  // MARK: Initializers

  /// `__auto_type`: what the initializer has when it is a value.
  private mutating func initializersType(_ specifiers: Specifiers) throws(ParseFailure) -> TypeID {
    guard accept(.assignment) else {
      throw reporter.failure(
        "unknown-type", "'__auto_type' needs an initializer: its type is meant",
        at: specifiers.place)
    }
    let operand = try assignmentExpression()
    return types.qualified(decayedValueType(operand), specifiers.qualifiers)
  }

  /// initializer: assignment-expression | `{` … `}`: skipped, but for the value of a constant integer.
  private mutating func initializer(_ declarator: Declarator) throws(ParseFailure) {
    if token.kind != .leftBrace, types.isConst(declarator.type),
      let type = types.integer(declarator.type), let index = scope.entities.index(declarator.name)
    {
      let operand = reporter.quietly { () throws(ParseFailure) in try assignmentExpression() }
      if let value = operand?.value { scope.entities.update(index) { $0.value = type.wrap(value) } }
      // After a failure, inside whatever brackets, only the semicolon is sure.
      while operand == nil, token.kind != .semicolon, token.kind != .end {
        if token.kind == .leftBrace { try skipBalanced() } else { advance() }
      }
    }
    while token.kind != .comma, token.kind != .semicolon, token.kind != .end {
      switch token.kind {
      case .leftParen, .leftBracket, .leftBrace: try skipBalanced()
      case .rightParen, .rightBracket, .rightBrace: throw unexpected("an expression")
      default:
        if token.isAtLineStart, token.keyword?.beginsExternalDeclaration == true { return }
        advance()
      }
    }
  }

  // MARK: Names

  private func isFunction(_ type: TypeID) -> Bool { types.shape(type) == .function }

  private mutating func declare(
    _ declarator: Declarator, _ specifiers: Specifiers, _ attributes: Attributes,
    _ linkName: NameID, hasBody: Bool
  ) throws(ParseFailure) {
    if specifiers.storage == .typedef {
      try declareTypedef(declarator, attributes)
      return
    }
    let isFunction = isFunction(declarator.type)
    // GNU: an object of another file whose address is all that is wanted.
    if !isFunction, types.isVoid(declarator.type), specifiers.storage != .extern {
      throw reporter.failure(
        "bad-type", "the variable '\(string(declarator.name))' cannot be void", at: declarator.place
      )
    }
    var entity = Entity(
      kind: isFunction ? .function : .variable, type: declarator.type, name: declarator.name,
      place: declarator.place, linkName: linkName)
    entity.isStatic = specifiers.storage == .static
    entity.isInline = specifiers.isInline
    entity.hasBody = hasBody
    entity.isDeclared = !hasBody
    guard let index = scope.entities.indexInBlock(declarator.name) else {
      scope.entities.add(entity)
      return
    }
    try merge(entity, into: index)
  }

  private mutating func declareTypedef(
    _ declarator: Declarator, _ attributes: Attributes
  ) throws(ParseFailure) {
    let align = attributes.align == 0 ? declarator.typeAlign : attributes.align
    let typedefAlign = align == 0 ? nil : UInt64(align)
    if let index = scope.entities.indexInBlock(declarator.name) {
      let known = scope.entities.elements[index]
      guard case .typedef = known.kind, known.type != .void,
        case .typedef(_, let type, let align) = types.table[known.type],
        areCompatible(type, declarator.type), align == typedefAlign
      else { throw redeclared(declarator, known) }
      return
    }
    let type = types.append(
      .typedef(name: string(declarator.name), type: declarator.type, align: typedefAlign))
    scope.entities.add(
      Entity(kind: .typedef, type: type, name: declarator.name, place: declarator.place))
  }

  private mutating func redeclared(_ declarator: Declarator, _ known: Entity) -> ParseFailure {
    let name = string(declarator.name)
    let type =
      switch known.kind {
      case .typedef:
        if known.type != .void, case .typedef(_, let type, _) = types.table[known.type] {
          "the type '\(types.table.spelling(type))'"
        } else {
          "a type"
        }
      case .constant: "a constant"
      case .function, .variable: "'\(types.table.declaration(of: name, known.type))'"
      }
    return reporter.failure(
      "redeclared", "'\(name)' is declared again, as '\(types.table.spelling(declarator.type))'",
      at: declarator.place, notes: [("it is first declared here, as \(type)", known.place)])
  }

  /// Another declaration of a function or variable: the composite of both (C11 6.2.7p3).
  private mutating func merge(_ entity: Entity, into index: Int) throws(ParseFailure) {
    let known = scope.entities.elements[index]
    let isSameKind =
      switch (known.kind, entity.kind) {
      case (.function, .function), (.variable, .variable): true
      default: false
      }
    guard isSameKind, areCompatible(known.type, entity.type) else {
      throw redeclared(Declarator(name: entity.name, place: entity.place, type: entity.type), known)
    }
    if known.hasBody, entity.hasBody {
      throw reporter.failure(
        "redefined", "'\(string(entity.name))' is defined again", at: entity.place,
        notes: [("the first definition is here", known.place)])
    }
    let saysMore = tellsMore(entity.type, than: known.type)
    scope.entities.update(index) {
      if saysMore { $0.type = entity.type }
      if $0.linkName == .none { $0.linkName = entity.linkName }
      $0.isStatic = $0.isStatic || entity.isStatic
      $0.isInline = $0.isInline || entity.isInline
      $0.hasBody = $0.hasBody || entity.hasBody
      $0.isDeclared = $0.isDeclared || entity.isDeclared
    }
  }

  /// Whether the later of two compatible types completes the earlier: a length, a prototype.
  private func tellsMore(_ later: TypeID, than earlier: TypeID) -> Bool {
    switch (types.resolved(earlier), types.resolved(later)) {
    case (.array(_, .flexible), .array(_, .count)): true
    case (.function, .function):
      unprototyped.contains(types.underlying(earlier))
        && !unprototyped.contains(types.underlying(later))
    default: false
    }
  }
}
