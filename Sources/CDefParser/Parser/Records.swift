// SPDX-License-Identifier: MIT

import TypeIR

/// Structs, unions and enumerations (C11 6.7.2.1 to 6.7.2.3).
extension Parser {
  // MARK: Tags

  /// struct-or-union-specifier:
  ///     struct-or-union attributes? identifier? `{` struct-declaration-list? `}` attributes?
  ///     | struct-or-union attributes? identifier
  /// enum-specifier: `enum` attributes? identifier? [ `:` type-name ] `{` enumerator-list [ `,` ] `}`
  ///     attributes? | `enum` attributes? identifier [ `:` type-name ]
  mutating func tagSpecifier(_ keyword: TagKeyword) throws(ParseFailure) -> TypeID {
    advance()
    var attributes = Attributes()
    try attributeSpecifiers(&attributes)
    let tag: Token? = token.kind == .identifier ? token : nil
    if tag != nil { advance() }
    let fixed = keyword == .enum ? try enumTypeSpecifier() : nil
    // Attributes after a tag are the declaration's, as in `typedef struct s __packed t`.
    guard token.kind == .leftBrace else {
      guard let tag else { throw unexpected("a tag or '{' after '\(keyword.rawValue)'") }
      return try reference(keyword, tag)
    }
    return try definition(keyword, tag, attributes, fixed)
  }

  /// From the `{` on.
  private mutating func definition(
    _ keyword: TagKeyword, _ tag: Token?, _ attributes: Attributes, _ fixed: IntegerType?
  ) throws(ParseFailure) -> TypeID {
    var earlier: CType?
    let type =
      if let tag {
        try beginDefinition(keyword, tag, &earlier)
      } else if keyword == .enum {
        types.append(.enumeration(Enumeration(tag: nil, size: 4, isSigned: false, values: [])))
      } else {
        types.append(
          .record(Record(keyword: keyword, tag: nil, size: nil, align: nil, members: [])))
      }
    defer { endDefinition(tag) }
    var enumerators: [EnumeratorConstant] = []
    let content: CType =
      keyword == .enum
      ? .enumeration(try enumeration(tag, attributes, fixed, &enumerators))
      : .record(try record(type, keyword, tag, attributes))
    if let earlier, let tag {
      try checkSame(earlier, content, tag)
      return type
    }
    complete(type, as: content)
    if let tag, let index = scope.tags.index(tag.name) {
      scope.tags.update(index) { $0.isComplete = true }
    }
    for enumerator in enumerators { try declare(enumerator, type) }
    return type
  }

  /// The type that a tag means; one that is mentioned for the first time is incomplete so far.
  private mutating func reference(
    _ keyword: TagKeyword, _ tag: Token
  ) throws(ParseFailure) -> TypeID {
    let type: TypeID
    if let known = scope.tags[tag.name] {
      try check(known, is: keyword, tag)
      type = known.type
    } else {
      type = types.append(.forward(keyword: keyword, tag: string(tag.name)))
      scope.tags.add(Tag(name: tag.name, keyword: keyword, type: type, place: tag.range))
    }
    if isInTypeString, tagsInTypeStrings[type] == nil { tagsInTypeStrings[type] = tag.range }
    return type
  }

  private mutating func check(
    _ known: Tag, is keyword: TagKeyword, _ tag: Token
  ) throws(ParseFailure) {
    guard known.keyword != keyword else { return }
    let name = string(tag.name)
    throw reporter.failure(
      "wrong-tag-kind", "'\(name)' is a \(known.keyword.rawValue), not a \(keyword.rawValue)",
      at: tag.range, notes: [("it is first mentioned here", known.place)])
  }

  /// The type of a tag whose definition begins; `earlier` is the definition it already has.
  private mutating func beginDefinition(
    _ keyword: TagKeyword, _ tag: Token, _ earlier: inout CType?
  ) throws(ParseFailure) -> TypeID {
    if scope.tags.indexInBlock(tag.name) == nil, scope.tags[tag.name] != nil {  // It hides that.
      let type = types.append(.forward(keyword: keyword, tag: string(tag.name)))
      scope.tags.add(Tag(name: tag.name, keyword: keyword, type: type, place: tag.range))
    }
    let type = try reference(keyword, tag)
    guard let index = scope.tags.index(tag.name) else { return type }
    let known = scope.tags.elements[index]
    if known.isBeingDefined {
      throw reporter.failure(
        "redefined", "'\(keyword.rawValue) \(string(tag.name))' is defined inside itself",
        at: tag.range, notes: [("the definition begins here", known.place)])
    }
    if known.isComplete { earlier = types.table[type] }
    scope.tags.update(index) {
      $0.isBeingDefined = true
      if !$0.isComplete { $0.place = tag.range }
    }
    return type
  }

  private mutating func endDefinition(_ tag: Token?) {
    guard let tag, let index = scope.tags.index(tag.name) else { return }
    scope.tags.update(index) { $0.isBeingDefined = false }
  }

  /// C23 6.7.3.4p6: a tag may be defined again with the same content.
  private mutating func checkSame(
    _ earlier: CType, _ later: CType, _ tag: Token
  ) throws(ParseFailure) {
    guard !haveSameContent(earlier, later), let known = scope.tags[tag.name] else { return }
    let name = "\(known.keyword.rawValue) \(string(tag.name))"
    throw reporter.failure(
      "redefined", "'\(name)' is defined again, and differently", at: tag.range,
      notes: [("the first definition is here", known.place)])
  }

  // MARK: Structs and unions

  /// The members of `type`, from the `{` on, and their layout.
  private mutating func record(
    _ type: TypeID, _ keyword: TagKeyword, _ tag: Token?, _ leading: Attributes
  ) throws(ParseFailure) -> Record {
    let opening = token
    definitions.append(type)
    defer { definitions.removeLast() }
    advance()
    let members = try structDeclarationList(opening, keyword)
    let pack = previous.pack
    var attributes = leading
    try attributeSpecifiers(&attributes)
    var record = Record(
      keyword: keyword, tag: tag.map { string($0.name) }, size: nil, align: nil, members: members,
      isTransparent: attributes.isTransparentUnion && keyword == .union,
      request: LayoutRequest(
        isPacked: attributes.isPacked, align: attributes.align, maximumAlign: UInt32(pack),
        isMS: attributes.isMSStruct))
    do {
      try types.table.layOut(&record)
    } catch .tooLarge {
      throw reporter.failure(
        "type-too-large", "this type is too large", at: tag?.range ?? opening.range)
    } catch {
      // A member's type is not known yet.
    }
    return record
  }

  /// struct-declaration-list: { struct-declaration }
  private mutating func structDeclarationList(
    _ opening: Token, _ keyword: TagKeyword
  ) throws(ParseFailure) -> [Member] {
    var collector = MemberCollector(keyword: keyword)
    let outer = memberNames.beginBlock()
    defer { memberNames.endBlock(outer) }
    collector.members.reserveCapacity(8)
    while !accept(.rightBrace) {
      if token.kind == .end { throw missingBrace(opening) }
      if token.isAtLineStart, token.keyword?.beginsExternalDeclaration == true {
        throw missingBrace(opening)
      }
      do {
        try structDeclaration(&collector)
      } catch {
        if reporter.isExhausted { throw error }
        synchronize()
      }
    }
    return collector.members
  }

  private func missingBrace(_ opening: Token) -> ParseFailure {
    reporter.failure(
      "missing-brace", "expected '}' before \(spelling(token))",
      at: token.kind == .end ? afterPrevious : token.range,
      notes: [("to match this '{'", opening.range)])
  }

  /// struct-declaration: specifier-qualifier-list struct-declarator-list? `;`
  ///     | static_assert-declaration | `;`
  private mutating func structDeclaration(_ collector: inout MemberCollector) throws(ParseFailure) {
    if accept(.semicolon) { return }
    if try staticAssertDeclaration() { return }
    let specifiers = try declarationSpecifiers(.member)
    if specifiers.isEnded || token.kind == .semicolon || specifiers.declaresTag && endsMember {
      try declaratorlessMember(specifiers, &collector)
      if !specifiers.isEnded { try expectSemicolon() }
      return
    }
    repeat {
      try structDeclarator(specifiers, &collector)
    } while accept(.comma)
    try expectSemicolon()
  }

  /// A `}` where a declarator might stand.
  private var endsMember: Bool { token.kind == .rightBrace || token.kind == .end }

  /// An anonymous struct or union (C11 6.7.2.1p13), or the definition of a tag.
  private mutating func declaratorlessMember(
    _ specifiers: Specifiers, _ collector: inout MemberCollector
  ) throws(ParseFailure) {
    guard specifiers.declaresTag || acceptsMSExtensions else {
      throw reporter.failure(
        "missing-name", "this declares no member: a name is missing", at: afterPrevious)
    }
    guard case .record(let record) = types.resolved(specifiers.type),
      record.tag == nil || acceptsMSExtensions
    else { return }
    let member = Member(
      name: nil, type: specifiers.type, bitOffset: nil,
      request: request(specifiers.attributes, specifiers.typeAlign))
    try add(member, named: .none, at: specifiers.place, &collector)
  }

  /// struct-declarator: declarator attributes? | declarator? `:` constant-expression attributes?
  private mutating func structDeclarator(
    _ specifiers: Specifiers, _ collector: inout MemberCollector
  ) throws(ParseFailure) {
    var attributes = specifiers.attributes.withoutShape
    guard token.kind != .colon else {
      try bitField(
        Declarator(
          name: .none, place: token.range, type: specifiers.type, typeAlign: specifiers.typeAlign),
        attributes, &collector)
      return
    }
    let declarator = try declarator(specifiers, .named, &attributes)
    if token.kind == .colon {
      try bitField(declarator, attributes, &collector)
      return
    }
    try checkMemberType(declarator)
    let member = Member(
      name: string(declarator.name), type: declarator.type, bitOffset: nil,
      request: request(attributes, declarator.typeAlign))
    try add(member, named: declarator.name, at: declarator.place, &collector)
  }

  private func request(_ attributes: Attributes, _ typeAlign: UInt32) -> LayoutRequest {
    LayoutRequest(isPacked: attributes.isPacked, align: attributes.align, typeAlign: typeAlign)
  }

  private mutating func checkMemberType(_ declarator: Declarator) throws(ParseFailure) {
    switch types.shape(declarator.type) {
    case .void: throw badMember("cannot be void", declarator)
    case .function: throw badMember("cannot be a function", declarator)
    default: break
    }
    let innermost = types.innermostElement(declarator.type)
    if definitions.contains(innermost) {
      throw reporter.failure(
        "incomplete-type",
        "the member '\(string(declarator.name))' has the type '\(types.table.spelling(innermost))', which it is part of",
        at: declarator.place)
    }
  }

  private mutating func badMember(_ message: String, _ declarator: Declarator) -> ParseFailure {
    reporter.failure(
      "bad-type", "the member '\(string(declarator.name))' \(message)", at: declarator.place)
  }

  /// C11 6.7.2.1p4, p5: an integer type, and no more bits than it has.
  private mutating func bitField(
    _ declarator: Declarator, _ leading: Attributes, _ collector: inout MemberCollector
  ) throws(ParseFailure) {
    advance()
    let start = token
    let width = try constantExpression()
    let place = rangeSince(start)
    var attributes = leading
    try attributeSpecifiers(&attributes)
    let type = try apply(attributes, to: declarator.type, at: declarator.place)
    guard let integer = types.integer(type) else {
      if types.isPending(type) { throw unknownSize(type, at: declarator.place) }
      throw reporter.failure(
        "bad-bit-field", "a bit-field has an integer type, not '\(types.table.spelling(type))'",
        at: declarator.place)
    }
    let bits = integer.isBool ? 1 : integer.bits
    guard !width.isNegative, width.bits <= bits else {
      throw reporter.failure(
        "bad-bit-field",
        "a bit-field of type '\(types.table.spelling(type))' has 0 to \(bits) bits, not \(width)",
        at: place)
    }
    if width.bits == 0, declarator.name != .none {
      throw reporter.failure(
        "bad-bit-field", "a bit-field of no bits cannot have a name", at: declarator.place)
    }
    let member = Member(
      name: declarator.name == .none ? nil : string(declarator.name), type: type, bitOffset: nil,
      bitSize: UInt32(width.bits), request: request(attributes, declarator.typeAlign))
    try add(member, named: declarator.name, at: declarator.place, &collector)
  }

  /// Adds a member; its name, or the names that an anonymous one brings, must be new.
  private mutating func add(
    _ member: consuming Member, named name: NameID, at place: Range<Int>,
    _ collector: inout MemberCollector
  ) throws(ParseFailure) {
    if let flexible = collector.flexibleMember, collector.keyword == .struct {
      throw reporter.failure(
        "flexible-not-last", "a member of unknown length must be the last", at: flexible)
    }
    if types.shape(member.type) == .flexibleArray { collector.flexibleMember = place }
    if name != .none {
      try addName(name, at: place)
    } else if member.bitSize == nil {
      try addNames(of: member.type, at: place)
    }
    collector.members.append(member)
  }

  private mutating func addName(_ name: NameID, at place: Range<Int>) throws(ParseFailure) {
    if let earlier = memberNames.indexInBlock(name) {
      throw reporter.failure(
        "duplicate-member", "there are two members '\(string(name))'", at: place,
        notes: [("the first is here", memberNames.elements[earlier].place)])
    }
    memberNames.add(MemberName(name: name, place: place))
  }

  /// What the members of an anonymous member of this type are called.
  private mutating func addNames(of type: TypeID, at place: Range<Int>) throws(ParseFailure) {
    guard case .record(let record) = types.resolved(type) else { return }
    for inner in record.members {
      if let name = inner.name {
        try addName(preprocessor.names.intern(name), at: place)
      } else if inner.bitSize == nil {
        try addNames(of: inner.type, at: place)
      }
    }
  }

  // MARK: Enumerations

  /// An enumerator before the type of its enumeration is known.
  private struct EnumeratorConstant {
    var name: Token
    var value: IntegerValue
    var type: TypeID
  }

  /// enum-type-specifier (C23 6.7.3.3): `:` specifier-qualifier-list
  private mutating func enumTypeSpecifier() throws(ParseFailure) -> IntegerType? {
    guard token.kind == .colon, peek().kind == .keyword || peek().kind == .identifier else {
      return nil
    }
    advance()
    let place = token.range
    let type = try declarationSpecifiers(.typeName).type
    guard let integer = types.integer(type) else {
      if types.isPending(type) { throw unknownSize(type, at: place) }
      throw reporter.failure("bad-enum", "an enumeration is based on an integer type", at: place)
    }
    return integer
  }

  /// enumerator-list: enumerator { `,` enumerator }
  private mutating func enumeratorList(
    _ opening: Token, _ values: inout [EnumeratorConstant]
  ) throws(ParseFailure) {
    while !accept(.rightBrace) {
      guard token.kind == .identifier else {
        if token.kind == .end { throw missingBrace(opening) }
        throw unexpected("the name of an enumerator")
      }
      values.append(try enumerator(after: values.last))
      if accept(.comma) || token.kind == .rightBrace { continue }
      if token.kind == .end || token.kind == .semicolon { throw missingBrace(opening) }
      guard token.kind == .identifier else { throw unexpected("',' or '}' after an enumerator") }
      reporter.error(
        "missing-comma", "expected ',' after \(spelling(previous))", at: afterPrevious,
        isRepaired: true)
    }
  }

  /// enumerator: identifier attributes? [ `=` constant-expression ]
  private mutating func enumerator(
    after previous: EnumeratorConstant?
  ) throws(ParseFailure) -> EnumeratorConstant {
    let name = token
    advance()
    var attributes = Attributes()
    try attributeSpecifiers(&attributes)
    var value = IntegerValue(UInt64(0))
    var type = previous?.type ?? types.basic(.int)
    if accept(.assignment) {
      let operand = try constantOperand()
      (value, type) = (integerValue(of: operand), operand.type)
    } else if let previous {
      guard let next = previous.value.successor else {
        throw reporter.failure(
          "enum-too-large", "no integer type has a value for \(spelling(name))", at: name.range)
      }
      value = next
    }
    // A later one may refer to it already: until all are known it is an int if it can be, or else
    // what its expression is. C23 6.7.3.3p12: beyond that, a larger type.
    if value.fitsInt {
      type = types.basic(.int)
    } else if let integer = types.integer(type),
      !value.fits(integer.bits, isSigned: integer.isSigned)
    {
      type = types.basic(value.fits(64, isSigned: true) ? .long : .unsignedLong)
    }
    if scope.entities.indexInBlock(name.name) == nil {
      var entity = Entity(kind: .constant(value), type: type, name: name.name, place: name.range)
      entity.isPending = true
      scope.entities.add(entity)
    }
    return EnumeratorConstant(name: name, value: value, type: type)
  }

  /// The enumerators, from the `{` on, and the type that gcc gives them: of 4 bytes if all values
  /// fit, else of 8; of as many as it needs if packed; unsigned unless a value is negative.
  private mutating func enumeration(
    _ tag: Token?, _ leading: Attributes, _ fixed: IntegerType?,
    _ values: inout [EnumeratorConstant]
  ) throws(ParseFailure) -> Enumeration {
    let opening = token
    advance()
    try enumeratorList(opening, &values)
    var attributes = leading
    try attributeSpecifiers(&attributes)
    let isSigned = fixed?.isSigned ?? values.contains { $0.value.isNegative }
    var size: UInt64 = fixed?.size ?? (attributes.isPacked ? 1 : 4)
    while let bad = values.first(where: { !$0.value.fits(size * 8, isSigned: isSigned) }) {
      guard fixed == nil, size < 8 else {
        throw reporter.failure(
          "enum-too-large", "\(spelling(bad.name)) does not fit in the type of its enumeration",
          at: bad.name.range)
      }
      size *= 2
    }
    guard size <= 8 else {
      throw reporter.failure("bad-enum", "an enumeration has at most 8 bytes", at: opening.range)
    }
    return Enumeration(
      tag: tag.map { string($0.name) }, size: size, isSigned: isSigned,
      values: values.map { Enumerator(name: string($0.name.name), value: $0.value) })
  }

  private mutating func declare(
    _ enumerator: EnumeratorConstant, _ type: TypeID
  ) throws(ParseFailure) {
    let name = enumerator.name.name
    guard let index = scope.entities.index(name), scope.entities.elements[index].isPending else {
      let known = scope.entities[name]
      throw reporter.failure(
        "redeclared", "\(spelling(enumerator.name)) is declared already", at: enumerator.name.range,
        notes: known.map { [("the first declaration is here", $0.place)] } ?? [])
    }
    let constantType = enumerator.value.fitsInt ? types.basic(.int) : type
    scope.entities.update(index) {
      $0.type = constantType
      $0.isPending = false
    }
  }
}

extension IntegerValue {
  fileprivate var fitsInt: Bool { fits(32, isSigned: true) }
}

/// The members of a record while it is being read.
private struct MemberCollector {
  let keyword: TagKeyword
  var members: [Member] = []
  /// A member of unknown length, which nothing may follow.
  var flexibleMember: Range<Int>?
}
