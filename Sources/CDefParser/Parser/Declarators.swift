// SPDX-License-Identifier: MIT

import TypeIR

/// What a declarator declares (C11 6.7.6).
struct Declarator {
  var name: NameID
  /// The name; of an abstract declarator, where it would stand.
  var place: Range<Int>
  var type: TypeID
  /// The type's alignment in bytes, where it is not its own: of `int * __attribute__((aligned(2)))`.
  var typeAlign: UInt32 = 0
}

/// Whether a declarator has a name.
enum DeclaratorForm { case named, abstract, either }

/// One step of a declarator: from the name outwards, "pointer to", "array of", "function returning".
enum DeclaratorLayer {
  case pointer(Qualifiers)
  case array(ArrayLength, place: Range<Int>)
  case function(FunctionType, isUnprototyped: Bool, place: Range<Int>)
  /// Of the type that the steps behind make (gcc's manual, "Attribute Syntax").
  case attributes(Attributes)
}

/// A declarator while it is being read. Its layers are the parser's from the `firstLayer`-th on.
private struct DeclaratorParts {
  var form: DeclaratorForm
  var isParameter: Bool
  var firstLayer: Int
  var name: Token?
}

extension Parser {
  /// declarator, or abstract-declarator: applied to the type that the specifiers gave. Attributes
  /// that belong to what is declared are added to `attributes`.
  mutating func declarator(
    _ specifiers: Specifiers, _ form: DeclaratorForm, isParameter: Bool = false,
    _ attributes: inout Attributes
  ) throws(ParseFailure) -> Declarator {
    var parts = DeclaratorParts(form: form, isParameter: isParameter, firstLayer: layers.count)
    let firstPointer = pointers.count
    defer {
      layers.removeSubrange(parts.firstLayer...)
      pointers.removeSubrange(firstPointer...)
    }
    try declarator(&parts, &attributes)
    try attributeSpecifiers(&attributes)
    var result = Declarator(
      name: parts.name?.name ?? .none, place: parts.name?.range ?? afterPrevious,
      type: specifiers.type, typeAlign: specifiers.typeAlign)
    if attributes.vectorSize != nil {  // Of the type that all the others are made of.
      let vector = Attributes(vectorSize: attributes.vectorSize)
      result.type = try apply(vector, to: result.type, at: result.place)
    }
    while layers.count > parts.firstLayer {
      let layer = layers.removeLast()
      if case .attributes(let own) = layer {
        try apply(own, to: &result, &attributes)
      } else {
        try apply(layer, to: &result)
      }
    }
    attributes.vectorSize = nil
    if attributes.isAboutType {
      let align = result.typeAlign
      try apply(attributes, to: &result, &attributes)
      (result.typeAlign, attributes.mode) = (align, .none)
    }
    if result.typeAlign != 0, types.unqualified(result.type).qualifiers.contains(.atomic) {
      result.typeAlign = max(result.typeAlign, UInt32(types.table.align(of: result.type) ?? 1))
    }
    return result
  }

  /// Attributes of the type that has been made so far. A convention that is not its is that of what is
  /// declared.
  private mutating func apply(
    _ own: Attributes, to result: inout Declarator, _ attributes: inout Attributes
  ) throws(ParseFailure) {
    result.type = try apply(own, to: result.type, at: result.place)
    if own.typeAlign != 0 { result.typeAlign = own.typeAlign }
    guard let convention = own.convention else { return }
    if let function = withConvention(convention, result.type) {
      result.type = function
    } else {
      attributes.convention = convention
    }
  }

  /// declarator: pointer? direct-declarator
  private mutating func declarator(
    _ parts: inout DeclaratorParts, _ attributes: inout Attributes
  ) throws(ParseFailure) {
    try enter()
    defer { leave() }
    let firstPointer = pointers.count
    while accept(.star) { pointers.append(try pointerQualifiers()) }
    try directDeclarator(&parts, &attributes)
    while pointers.count > firstPointer {
      let (qualifiers, own) = pointers.removeLast()
      add(own, &attributes, at: layers.count)
      layers.append(.pointer(qualifiers))
    }
  }

  /// Adds the attributes of a step inside a declarator.
  private mutating func add(_ own: Attributes, _ attributes: inout Attributes, at index: Int) {
    if own.vectorSize != nil { attributes.vectorSize = own.vectorSize }
    if own.isAboutType { layers.insert(.attributes(own), at: index) }
  }

  /// pointer: `*` type-qualifier-list? pointer?
  private mutating func pointerQualifiers() throws(ParseFailure) -> (Qualifiers, Attributes) {
    var qualifiers: Qualifiers = []
    var attributes = Attributes()
    while true {
      if let qualifier = token.keyword.flatMap({ Qualifiers($0) }) {
        qualifiers.insert(qualifier)
        advance()
      } else if token.keyword == .attribute
        || token.kind == .leftBracket && peek().kind == .leftBracket
        || annotation() != nil && !isDeclaratorsEnd(peek().kind)
      {
        try attributeSpecifiers(&attributes)
      } else {
        return (qualifiers, attributes)
      }
    }
  }

  /// Whether what stands before such a token is a declared name, and no annotation.
  func isDeclaratorsEnd(_ kind: TokenKind) -> Bool {
    switch kind {
    case .semicolon, .comma, .assignment, .leftBracket, .colon, .rightParen: true
    default: false
    }
  }

  /// direct-declarator: identifier | `(` attribute-specifiers? declarator `)`
  ///     | direct-declarator `[` … `]` | direct-declarator `(` parameter-type-list `)`
  private mutating func directDeclarator(
    _ parts: inout DeclaratorParts, _ attributes: inout Attributes
  ) throws(ParseFailure) {
    if token.kind == .leftParen, beginsNestedDeclarator(parts.form) {
      let opening = token
      advance()
      var own = Attributes()
      try attributeSpecifiers(&own)
      try declarator(&parts, &attributes)
      add(own, &attributes, at: layers.count)
      guard accept(.rightParen) else { throw unclosed(opening) }
    } else if token.kind == .identifier, parts.form != .abstract {
      parts.name = token
      declaredNames.append(token.name)
      advance()
    } else if parts.form == .named {
      throw missingName()
    }
    try declaratorSuffixes(&parts, &attributes)
  }

  private func missingName() -> ParseFailure {
    if token.kind == .keyword {
      return reporter.failure(
        "keyword-as-name", "\(spelling(token)) is a keyword of C and cannot be a name",
        at: token.range)
    }
    return reporter.failure(
      "missing-name", "a name expected, found \(spelling(token))",
      at: token.kind == .end ? afterPrevious : token.range)
  }

  private mutating func declaratorSuffixes(
    _ parts: inout DeclaratorParts, _ attributes: inout Attributes
  ) throws(ParseFailure) {
    let first = token.spelling.lowerBound
    while true {
      switch token.kind {
      case .leftBracket where peek().kind == .leftBracket:
        // Of the array or function before it, if there is one, else of what is declared.
        guard first != token.spelling.lowerBound else { return }
        var own = Attributes()
        _ = try attributeSpecifier(&own)
        add(own, &attributes, at: layers.count - 1)
      case .leftBracket:
        // A parameter's outermost array becomes a pointer: its length, which may not even be
        // constant, does not matter.
        let place = token.range
        let length: ArrayLength
        if parts.isParameter, layers.count == parts.firstLayer {
          try skipBalanced()
          length = .flexible
        } else {
          length = try arrayLength()
        }
        layers.append(.array(length, place: place))
      case .leftParen:
        let place = token.range
        let (function, isUnprototyped) = try parameterTypeList()
        layers.append(.function(function, isUnprototyped: isUnprototyped, place: place))
      default: return
      }
    }
  }

  /// Whether the `(` that stands here begins a declarator in parentheses, not parameters.
  private mutating func beginsNestedDeclarator(_ form: DeclaratorForm) -> Bool {
    if form == .named { return true }
    let next = peek()
    switch next.kind {
    case .star, .leftParen, .leftBracket: return true
    case .keyword: return next.keyword == .attribute
    case .identifier: return form == .either && scope.entities[next.name]?.isTypedef != true
    default: return false
    }
  }

  /// `[` { `static` | type-qualifier } ( constant-expression | `?` )? `]`
  /// The question mark is the FFI's: a length that is given when an object is made.
  private mutating func arrayLength() throws(ParseFailure) -> ArrayLength {
    let opening = token
    advance()
    while [.static, .const, .volatile, .restrict].contains(token.keyword) { advance() }
    if accept(.rightBracket) { return .flexible }
    if token.kind == .question, peek().kind == .rightBracket {
      advance()
      advance()
      return .flexible
    }
    let start = token
    let length = try constantExpression()
    let place = rangeSince(start)
    guard !length.isNegative else {
      throw reporter.failure(
        "negative-array", "the length of an array is negative: \(length)", at: place)
    }
    guard accept(.rightBracket) else { throw unclosed(opening) }
    return .count(length.bits)
  }

  // MARK: Parameters

  /// parameter-type-list: `(` `)` | `(` `void` `)`
  ///     | `(` parameter-declaration { `,` parameter-declaration } [ `,` `...` ] `)`
  private mutating func parameterTypeList() throws(ParseFailure) -> (FunctionType, Bool) {
    let opening = token
    advance()
    var function = FunctionType(returnType: .void, parameters: [])
    if accept(.rightParen) { return (function, true) }
    var hasStraySemicolon = false
    repeat {
      if accept(.ellipsis) {
        function.isVariadic = true
        break
      }
      guard let parameter = try parameterDeclaration(isFirst: function.parameters.isEmpty) else {
        break
      }
      function.parameters.append(parameter)
    } while accept(.comma) || acceptSemicolonForComma(&hasStraySemicolon)
    guard accept(.rightParen) else {
      if token.kind == .end || token.kind == .semicolon || token.kind == .rightBrace {
        throw unclosed(opening)
      }
      throw unexpected("',' or ')' after a parameter")
    }
    return (function, false)
  }

  /// A `;` between parameters, with the rest of them after it.
  private mutating func acceptSemicolonForComma(_ isReported: inout Bool) -> Bool {
    guard token.kind == .semicolon else { return false }
    for distance in 1...Self.nestingLimit {
      switch peek(distance).kind {
      case .end, .leftBrace, .rightBrace: return false
      case .rightParen:
        if !isReported { _ = unexpected("',' after a parameter") }
        isReported = true
        advance()
        return true
      default: if peek(distance).isAtLineStart, distance > 1 { return false }
      }
    }
    return false
  }

  /// parameter-declaration: declaration-specifiers ( declarator | abstract-declarator? )
  /// nil for the `void` of `(void)`.
  private mutating func parameterDeclaration(isFirst: Bool) throws(ParseFailure) -> Parameter? {
    let specifiers = try declarationSpecifiers(.parameter)
    if isFirst, token.kind == .rightParen, types.isVoid(specifiers.type) { return nil }
    var attributes = Attributes(convention: specifiers.attributes.convention)
    let declarator = try declarator(specifiers, .either, isParameter: true, &attributes)
    guard !types.isVoid(declarator.type) else {
      throw reporter.failure(
        "void-parameter", "a parameter cannot be void",
        at: declarator.name == .none ? specifiers.place : declarator.place)
    }
    return Parameter(
      name: declarator.name == .none ? nil : string(declarator.name),
      type: decayed(declarator.type))
  }

  /// The type that a parameter of the given type has (C11 6.7.6.3p7, p8, p15).
  mutating func decayed(_ type: TypeID) -> TypeID {
    guard types.shape(type) != .other else { return unqualified(type) }
    switch types.resolved(type) {
    case .array(let element, _):
      // The qualifiers of an array type are its elements' (C11 6.7.3p9).
      let qualifiers = types.unqualified(type, throughTypedefs: true).qualifiers
      return types.pointer(to: types.qualified(element, qualifiers))
    case .function: return types.pointer(to: type)
    default: return unqualified(type)
    }
  }

  /// Without the outermost qualifiers; a typedef stays.
  func unqualified(_ type: TypeID) -> TypeID { types.unqualified(type).type }

  // MARK: Types

  /// A pointer to what has been made so far, an array of it, or a function that returns it.
  private mutating func apply(
    _ layer: DeclaratorLayer, to result: inout Declarator
  ) throws(ParseFailure) {
    switch layer {
    case .pointer(let qualifiers):
      result.type = types.qualified(types.pointer(to: result.type), qualifiers)
    case .array(let length, let place):
      result.type = try array(of: result.type, result.typeAlign, length, at: place)
      return  // Aligned like its elements.
    case .function(var function, let isUnprototyped, let place):
      switch types.shape(result.type) {
      case .array, .flexibleArray: throw badDerivation("a function cannot return an array", place)
      case .function: throw badDerivation("a function cannot return a function", place)
      default: break
      }
      function.returnType = result.type
      result.type = types.append(.function(function))
      if isUnprototyped { unprototyped.insert(result.type) }
    case .attributes: return
    }
    result.typeAlign = 0
  }

  /// A function type, or a pointer to one, with another calling convention; nil: it is neither (GNU C,
  /// "Function Attributes": of a pointer to a function, such an attribute means the function).
  private mutating func withConvention(_ convention: CallingConvention, _ type: TypeID) -> TypeID? {
    switch types.resolved(type) {
    case .function(var function):
      guard function.convention != convention else { return type }
      function.convention = convention
      let id = types.append(.function(function))
      if unprototyped.contains(types.underlying(type)) { unprototyped.insert(id) }
      return id
    case .pointer(let target):
      guard case .function = types.resolved(target),
        let function = withConvention(convention, target)
      else { return nil }
      let qualifiers = types.unqualified(type, throughTypedefs: true).qualifiers
      return types.qualified(types.pointer(to: function), qualifiers)
    default: return nil
    }
  }

  private func badDerivation(_ message: String, _ place: Range<Int>) -> ParseFailure {
    reporter.failure("bad-type", message, at: place)
  }

  private mutating func array(
    of element: TypeID, _ elementAlign: UInt32, _ length: ArrayLength, at place: Range<Int>
  ) throws(ParseFailure) -> TypeID {
    switch types.shape(element) {
    case .void: throw badDerivation("an array cannot have elements of type void", place)
    case .function: throw badDerivation("an array cannot have functions as elements", place)
    case .flexibleArray:
      throw badDerivation("only the first length of an array may be left out", place)
    default: break
    }
    if let size = types.table.size(of: element), let own = types.table.align(of: element),
      case let align = elementAlign == 0 ? own : UInt64(elementAlign), size % align != 0
    {
      throw badDerivation(
        "the alignment of the elements, \(align) bytes, does not divide their size, \(size)", place)
    }
    let type = types.array(of: element, length)
    if types.table.size(of: type) == nil, types.table.size(of: element) != nil, case .count = length
    {
      throw reporter.failure("type-too-large", "this array is too large", at: place)
    }
    return type
  }

  /// type-name: specifier-qualifier-list abstract-declarator?
  mutating func typeName() throws(ParseFailure) -> Declarator {
    let specifiers = try declarationSpecifiers(.typeName)
    var attributes = Attributes(convention: specifiers.attributes.convention)
    var result = try declarator(specifiers, .abstract, &attributes)
    let align = specifiers.attributes.typeAlign
    if align != 0 { result.typeAlign = align }
    return result
  }
}
