// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// What stands before the declarators of a declaration (C11 6.7).
struct Specifiers {
  /// The storage class, if there is one.
  var storage: Keyword?
  var isInline = false
  var type = TypeID.void
  /// The type's alignment in bytes, where it is not its own: of `typeof(int __attribute__((aligned(16))))`.
  var typeAlign: UInt32 = 0
  var attributes = Attributes()
  /// The specifiers, for messages.
  var place = 0..<0
  /// Whether a struct, union or enum is declared or defined here, so that no declarator is needed.
  var declaresTag = false
  /// The semicolon was missing, and has been reported: the declaration ends here.
  var isEnded = false
  /// `__auto_type`: the type is the initializer's.
  var isAuto = false
  var qualifiers: Qualifiers = []
}

/// The words that make up an arithmetic type, in any order (C11 6.7.2p2): a bit for each keyword.
private struct TypeWords: OptionSet, Hashable {
  let rawValue: UInt64

  /// The second `long`, which no keyword is.
  static let longLong = TypeWords(rawValue: 1 << 63)
  static let none: TypeWords = []

  init(rawValue: UInt64) { self.rawValue = rawValue }

  // Apart from the next, which makes an array.
  init(_ keyword: Keyword) { self.init(rawValue: 1 << UInt64(keyword.rawValue)) }

  init(_ keywords: Keyword...) {
    self = keywords.reduce(into: []) { $0.formUnion(TypeWords($1)) }
  }

  /// The word that a keyword is; nil if it is none.
  init?(word: Keyword) {
    self.init(word)
    if isDisjoint(with: Self.all) { return nil }
  }

  private static let integers: [(TypeWords, signed: BasicType, unsigned: BasicType)] = [
    (none, .int, .unsignedInt), (TypeWords(.int), .int, .unsignedInt),
    (TypeWords(.short), .short, .unsignedShort), (TypeWords(.short, .int), .short, .unsignedShort),
    (TypeWords(.long), .long, .unsignedLong), (TypeWords(.long, .int), .long, .unsignedLong),
    (longLong, .longLong, .unsignedLongLong),
    (longLong.union(TypeWords(.int)), .longLong, .unsignedLongLong),
    (TypeWords(.int128), .int128, .unsignedInt128),
  ]

  private static let others: [TypeWords: BasicType?] = [
    TypeWords(.void): BasicType?.none, TypeWords(.bool): .bool, TypeWords(.char): .char,
    TypeWords(.signed, .char): .signedChar, TypeWords(.unsigned, .char): .unsignedChar,
    TypeWords(.float): .float, TypeWords(.double): .double,
    TypeWords(.long, .double): .longDouble, TypeWords(.float16): .float16,
    TypeWords(.float32): .float32, TypeWords(.float64): .float64, TypeWords(.float128): .float128,
    TypeWords(.float32x): .float32x, TypeWords(.float64x): .float64x,
    TypeWords(.signedInt128): .int128, TypeWords(.unsignedInt128): .unsignedInt128,
    TypeWords(.float, .complex): .complexFloat, TypeWords(.double, .complex): .complexDouble,
    TypeWords(.complex): .complexDouble, TypeWords(.long, .double, .complex): .complexLongDouble,
  ]

  /// The type of every set of words that makes one; nil for void.
  private static let types = integers.reduce(into: others) { types, integer in
    types[integer.0] = integer.signed
    types[integer.0.union(TypeWords(.signed))] = integer.signed
    types[integer.0.union(TypeWords(.unsigned))] = integer.unsigned
  }

  private static let all = types.keys.reduce(none) { $0.union($1) }

  /// The type of this set of words; nil if they do not go together, `.some(nil)` for void.
  var basicType: BasicType?? { Self.types[self] }
}

/// What is being declared: it decides what an unknown identifier can be.
enum DeclarationContext { case file, member, parameter, typeName }

extension Parser {
  /// A declaration's specifiers while they are being read.
  private struct Collector {
    var result = Specifiers()
    var words: TypeWords = []
    /// The type, where it is not made of words.
    var type: TypeID?
    var typeToken: Token?
    /// The last thing was the `}` of a struct, union or enum.
    var endsInBody = false
    /// `type` is an identifier that nothing declares.
    var isUnknown = false

    var hasType: Bool { type != nil || !words.isEmpty }
  }

  /// declaration-specifiers: { storage-class-specifier | type-specifier | type-qualifier
  ///     | function-specifier | alignment-specifier | attribute-specifier }
  mutating func declarationSpecifiers(
    _ context: DeclarationContext
  ) throws(ParseFailure) -> Specifiers {
    try enter()
    defer { leave() }
    var collector = Collector()
    let start = token
    while try specifier(&collector, context) {}
    collector.result.place = rangeSince(start)
    if !collector.result.isAuto || context != .file { try finish(&collector) }
    return collector.result
  }

  /// One specifier; false where none stands.
  private mutating func specifier(
    _ collector: inout Collector, _ context: DeclarationContext
  ) throws(ParseFailure) -> Bool {
    if collector.endsInBody, missesSemicolonAfterBody(context) {
      reportMissingSemicolon()
      collector.result.isEnded = true
      return false
    }
    switch token.kind {
    case .keyword: return try keywordSpecifier(&collector, context)
    case .leftBracket:
      guard peek().kind == .leftBracket else { return false }
      let before = collector.result.attributes
      _ = try attributeSpecifier(&collector.result.attributes)
      if collector.hasType {  // They are about the type (C23 6.7.12.1).
        collector.result.typeAlign = collector.result.attributes.typeAlign
        collector.result.attributes.align = before.align
        collector.result.attributes.isPacked = before.isPacked
      }
      return true
    case .identifier:
      if annotation() != nil, !collector.hasType || !isDeclaratorsEnd(peek().kind) {
        try attributeSpecifiers(&collector.result.attributes)
        return true
      }
      guard !collector.hasType, !collector.result.isAuto else { return false }
      return try identifierSpecifier(&collector, context)
    default: return false
    }
  }

  /// After `struct … { … }`: whether what follows is another declaration's beginning. Taken as
  /// part of this one it would be a second type.
  private mutating func missesSemicolonAfterBody(_ context: DeclarationContext) -> Bool {
    guard context == .file || context == .member else { return false }
    switch token.kind {
    case .keyword:
      guard let keyword = token.keyword else { return false }
      if TypeWords(word: keyword) != nil { return true }
      switch keyword {
      case .struct, .union, .enum, .typeof, .vaList, .staticAssert: return true
      case .typedef, .extern, .static, .inline, .const, .volatile, .register, .auto:
        guard token.isAtLineStart else { return false }
        let next = peek()
        if next.kind == .identifier { return scope.entities[next.name]?.isTypedef ?? true }
        return next.keyword?.beginsDeclaration ?? false
      default: return false
      }
    case .identifier:
      // `} foo bar` and `} foo *bar`: foo cannot be a declarator.
      guard annotation() == nil else { return false }
      let next = peek()
      return next.kind == .star || next.kind == .identifier && annotations[next.name] == nil
        || next.keyword.map { TypeWords(word: $0) != nil || $0 == .struct } ?? false
    default: return false
    }
  }

  private mutating func keywordSpecifier(
    _ collector: inout Collector, _ context: DeclarationContext
  ) throws(ParseFailure) -> Bool {
    guard let keyword = token.keyword else { return false }
    if let word = TypeWords(word: keyword) {
      try add(word, &collector)
      return true
    }
    if let qualifier = Qualifiers(keyword), keyword != .atomic || peek().kind != .leftParen {
      collector.result.qualifiers.insert(qualifier)
      advance()
      return true
    }
    switch keyword {
    case .typedef, .extern, .static, .auto, .register: try setStorage(keyword, &collector, context)
    case .threadLocal, .extensionMark, .noreturn: advance()
    case .inline:
      collector.result.isInline = true
      advance()
    case .attribute, .alignas: try attributeSpecifiers(&collector.result.attributes)
    case .autoType:
      collector.result.isAuto = true
      advance()
    default: return try typeSpecifier(keyword, &collector)
    }
    return true
  }

  /// The type-specifiers that are more than a word.
  private mutating func typeSpecifier(
    _ keyword: Keyword, _ collector: inout Collector
  ) throws(ParseFailure) -> Bool {
    let place = token
    let type: TypeID
    switch keyword {
    case .struct, .union, .enum:
      try checkFirstType(place, collector.hasType)
      type = try tagSpecifier(keyword == .struct ? .struct : keyword == .union ? .union : .enum)
      collector.result.declaresTag = true
      collector.endsInBody = previous.kind == .rightBrace
    case .typeof, .typeofUnqualified: type = try typeofSpecifier(&collector.result.typeAlign)
    case .atomic: type = try atomicTypeSpecifier()
    case .vaList:
      advance()
      type = types.vaListType()
    default: return false
    }
    try set(type, place, &collector)
    return true
  }

  /// typeof-specifier: ( `typeof` | `typeof_unqual` ) `(` ( expression | type-name ) `)`
  private mutating func typeofSpecifier(_ align: inout UInt32) throws(ParseFailure) -> TypeID {
    let isUnqualified = token.keyword == .typeofUnqualified
    advance()
    try expect(.leftParen, "(", "after 'typeof'")
    let name = beginsTypeName(token) ? try typeName() : nil
    let type = if let name { name.type } else { try expression(isEvaluated: false).type }
    align = name?.typeAlign ?? 0
    try expect(.rightParen, ")", "after 'typeof'")
    return isUnqualified ? unqualified(type) : type
  }

  /// atomic-type-specifier: `_Atomic` `(` type-name `)`
  private mutating func atomicTypeSpecifier() throws(ParseFailure) -> TypeID {
    advance()
    advance()
    let type = try typeName().type
    try expect(.rightParen, ")", "after '_Atomic'")
    return types.atomic(type)
  }

  private mutating func setStorage(
    _ storage: Keyword, _ collector: inout Collector, _ context: DeclarationContext
  ) throws(ParseFailure) {
    guard context == .file || context == .parameter && storage == .register else {
      throw reporter.failure(
        "misplaced-storage-class", "\(spelling(token)) has no place here", at: token.range)
    }
    guard [nil, storage].contains(collector.result.storage) else {
      throw reporter.failure(
        "bad-specifiers", "\(spelling(token)): a declaration has one storage class", at: token.range
      )
    }
    collector.result.storage = storage
    advance()
  }

  private mutating func add(_ word: TypeWords, _ collector: inout Collector) throws(ParseFailure) {
    if collector.type != nil { try replaceUnknownType(&collector) }
    if word == TypeWords(.long), collector.words.contains(word) {
      collector.words.subtract(word)
      collector.words.insert(.longLong)
    } else if collector.words.isDisjoint(with: word),
      word != TypeWords(.long) || !collector.words.contains(.longLong)
    {
      collector.words.insert(word)
    } else {
      throw reporter.failure(
        "bad-specifiers", "\(spelling(token)) does not go with the words before it",
        at: token.range)
    }
    collector.endsInBody = false
    advance()
  }

  private mutating func set(
    _ type: TypeID, _ place: Token, _ collector: inout Collector
  ) throws(ParseFailure) {
    try checkFirstType(place, collector.hasType)
    collector.type = type
    collector.typeToken = place
  }

  private func checkFirstType(_ place: Token, _ hasType: Bool) throws(ParseFailure) {
    guard hasType else { return }
    throw reporter.failure(
      "two-types", "\(spelling(place)) begins a second type: a declaration has one", at: place.range
    )
  }

  /// `unsinged int`: a word of a type after an identifier that nothing declares.
  private mutating func replaceUnknownType(_ collector: inout Collector) throws(ParseFailure) {
    guard let place = collector.typeToken else { return }
    guard collector.isUnknown else {
      throw reporter.failure(
        "two-types", "\(spelling(token)) is a second type: a declaration has one", at: token.range,
        notes: [("the first is here", place.range)])
    }
    unknownTypes.removeAll { $0.name == place.name }
    throw unknownType(place)
  }

  func unknownType(_ place: Token) -> ParseFailure {
    let name = String(decoding: preprocessor.spelling(place), as: UTF8.self)
    var names = preprocessor.names
    let known =
      Keyword.spellings.map(\.spelling)
      + scope.entities.elements.filter(\.isTypedef).map { names.string($0.name) }
    return reporter.failure(
      "unknown-type", "unknown type name '\(name)'", at: place.range,
      hints: Self.suggestion(name, among: known))
  }

  /// What to throw if the name is one that the compiler defines before any text; nil for any other.
  mutating func predefined(_ name: Token) -> ParseFailure? {
    let word = string(name.name)
    guard word.hasPrefix("__"), Preprocessor.predefined.contains(where: word.hasPrefix) else {
      return nil
    }
    return reporter.failure(
      Preprocessor.needed, "'\(word)' is the compiler's, whose preprocessor is needed",
      at: name.range, hints: Preprocessor.preprocessorHints)
  }

  static func suggestion(_ name: String, among known: [String]) -> [String] {
    let found = NearestName.suggestions(for: name, among: known)
    return found.isEmpty
      ? [] : ["did you mean " + found.map { "'\($0)'" }.joined(separator: " or ") + "?"]
  }

  // MARK: Identifiers

  /// typedef-name: identifier. One that nothing declares may be a type that the kernel knows.
  private mutating func identifierSpecifier(
    _ collector: inout Collector, _ context: DeclarationContext
  ) throws(ParseFailure) -> Bool {
    let place = token
    if let entity = scope.entities[place.name] {
      guard entity.isTypedef else {
        if context == .file || context == .member { return false }
        throw reporter.failure(
          "unknown-type", "\(spelling(place)) is no type", at: place.range,
          notes: [("it is declared here", entity.place)])
      }
      advance()
      try set(entity.type, place, &collector)
      return true
    }
    guard mayBeUnknownType(context) else { return false }
    if place.name == boolName {  // A keyword of C23; kernel headers have it as a typedef.
      advance()
      try set(types.basic(.bool), place, &collector)
      return true
    }
    if let failure = predefined(place) { throw failure }
    collector.isUnknown = true
    if !unknownTypes.contains(where: { $0.name == place.name }) {
      unknownTypes.append((place.name, place.range))
    }
    advance()
    try set(types.unresolved(place.name, string(place.name)), place, &collector)
    return true
  }

  /// Whether an identifier that nothing declares stands where a type must: before a declarator, or
  /// where there need not be one.
  private mutating func mayBeUnknownType(_ context: DeclarationContext) -> Bool {
    if context == .parameter || context == .typeName { return true }
    let next = peek()
    switch next.kind {
    case .identifier, .star: return true
    case .keyword: return next.keyword != .asm
    case .colon: return context == .member
    case .leftParen: return peek(2).kind == .star
    default: return false
    }
  }

  /// Puts words, qualifiers and attributes together.
  private mutating func finish(_ collector: inout Collector) throws(ParseFailure) {
    if collector.result.isAuto {
      throw reporter.failure(
        "unknown-type", "'__auto_type' has no type of its own here", at: collector.result.place)
    }
    if collector.type == nil, !collector.words.isEmpty {
      guard let basic = collector.words.basicType else {
        throw reporter.failure(
          "bad-specifiers", "these words do not make a type", at: collector.result.place)
      }
      collector.type = basic.map { types.basic($0) } ?? .void
    }
    guard let type = collector.type else { throw missingType(collector) }
    // `complex` with a typedef or mode is GNU's business; with a type of its own it is nothing.
    let shaped = try apply(collector.result.attributes, to: type, at: collector.result.place)
    collector.result.type = types.qualified(shaped, collector.result.qualifiers)
  }

  private mutating func missingType(_ collector: Collector) -> ParseFailure {
    guard token.kind == .identifier else { return unexpected("a type") }
    let name = string(token.name)
    if let entity = scope.entities[token.name], !entity.isTypedef {
      return reporter.failure(
        "missing-type", "a type is missing before '\(name)'", at: token.range,
        notes: [("'\(name)' is declared here, and is no type", entity.place)])
    }
    var hints = Self.suggestion(name, among: Keyword.spellings.map(\.spelling))
    if hints.isEmpty, peek().kind == .leftParen {
      hints =
        ["if '\(name)' is a macro, its definition must come first"] + Preprocessor.preprocessorHints
    }
    return reporter.failure(
      "missing-type", "a type is missing before '\(name)'", at: token.range, hints: hints)
  }

  /// Whether the token begins a type name (C11 6.7.7): in parentheses, it makes a cast of them.
  func beginsTypeName(_ token: Token) -> Bool {
    if token.kind == .identifier {
      return scope.entities[token.name]?.isTypedef ?? (token.name == boolName)
    }
    guard let keyword = token.keyword else { return false }
    if TypeWords(word: keyword) != nil { return true }
    switch keyword {
    case .struct, .union, .enum, .typeof, .typeofUnqualified, .vaList, .atomic, .const, .volatile,
      .attribute:
      return true
    default: return false
    }
  }
}

extension Entity {
  var isTypedef: Bool {
    guard case .typedef = kind else { return false }
    return true
  }
}
