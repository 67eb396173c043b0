// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// What stands before the declarators of a declaration (C11 6.7).
struct Specifiers {
  enum Storage { case none, typedef, extern, `static`, auto, register }

  var storage = Storage.none
  var isInline = false
  var type = TypeID.void
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

/// The words that make up an arithmetic type, in any order (C11 6.7.2p2).
private struct TypeWords: OptionSet {
  let rawValue: UInt32

  static let void = TypeWords(rawValue: 1)
  static let char = TypeWords(rawValue: 1 << 1)
  static let short = TypeWords(rawValue: 1 << 2)
  static let int = TypeWords(rawValue: 1 << 3)
  static let long = TypeWords(rawValue: 1 << 4)
  static let longLong = TypeWords(rawValue: 1 << 5)
  static let float = TypeWords(rawValue: 1 << 6)
  static let double = TypeWords(rawValue: 1 << 7)
  static let signed = TypeWords(rawValue: 1 << 8)
  static let unsigned = TypeWords(rawValue: 1 << 9)
  static let bool = TypeWords(rawValue: 1 << 10)
  static let complex = TypeWords(rawValue: 1 << 11)
  static let int128 = TypeWords(rawValue: 1 << 12)
  static let other = TypeWords(rawValue: 1 << 13)

  /// The word that a keyword is; nil if it is none.
  init?(_ keyword: Keyword) {
    switch keyword {
    case .void: self = .void
    case .char: self = .char
    case .short: self = .short
    case .int: self = .int
    case .long: self = .long
    case .float: self = .float
    case .double: self = .double
    case .signed: self = .signed
    case .unsigned: self = .unsigned
    case .bool: self = .bool
    case .complex: self = .complex
    case .int128: self = .int128
    default: return nil
    }
  }

  init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The type of this set of words; nil if they do not go together, `.some(nil)` for void.
  var basicType: BasicType?? {
    let isUnsigned = contains(.unsigned)
    if isUnsigned, contains(.signed) { return nil }
    switch subtracting([.signed, .unsigned]) {
    case .char: return isUnsigned ? .unsignedChar : contains(.signed) ? .signedChar : .char
    case .short, [.short, .int]: return isUnsigned ? .unsignedShort : .short
    case .int, []: return isUnsigned ? .unsignedInt : .int
    case .long, [.long, .int]: return isUnsigned ? .unsignedLong : .long
    case .longLong, [.longLong, .int]: return isUnsigned ? .unsignedLongLong : .longLong
    case .int128: return isUnsigned ? .unsignedInt128 : .int128
    default: break
    }
    switch self {
    case .void: return .some(nil)
    case .bool: return .bool
    case .float: return .float
    case .double: return .double
    case [.long, .double]: return .longDouble
    case [.float, .complex]: return .complexFloat
    case [.double, .complex], .complex: return .complexDouble
    case [.long, .double, .complex]: return .complexLongDouble
    default: return nil
    }
  }
}

/// What is being declared: it decides what an unknown identifier can be.
enum DeclarationContext {
  case file, member, parameter, typeName
}

extension Parser {
  /// The types that one word names.
  private static func wholeType(_ keyword: Keyword) -> BasicType? {
    switch keyword {
    case .float16: .float16
    case .float32: .float32
    case .float64: .float64
    case .float128: .float128
    case .float32x: .float32x
    case .float64x: .float64x
    case .signedInt128: .int128
    case .unsignedInt128: .unsignedInt128
    default: nil
    }
  }

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
      try attributeSpecifiers(&collector.result.attributes)
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
      if TypeWords(keyword) != nil || Self.wholeType(keyword) != nil { return true }
      switch keyword {
      case .struct, .union, .enum, .typeof, .vaList, .staticAssert: return true
      case .typedef, .extern, .static, .inline, .const, .volatile, .register, .auto:
        guard token.isAtLineStart else { return false }
        let next = peek()
        if next.kind == .identifier { return scope.entity(next.name)?.isTypedef ?? true }
        return next.keyword?.beginsDeclaration ?? false
      default: return false
      }
    case .identifier:
      // `} foo bar` and `} foo *bar`: foo cannot be a declarator.
      guard annotation() == nil else { return false }
      let next = peek()
      return next.kind == .star || next.kind == .identifier && annotations[next.name] == nil
        || next.keyword.map { TypeWords($0) != nil || $0 == .struct } ?? false
    default: return false
    }
  }

  private mutating func keywordSpecifier(
    _ collector: inout Collector, _ context: DeclarationContext
  ) throws(ParseFailure) -> Bool {
    guard let keyword = token.keyword else { return false }
    if let word = TypeWords(keyword) {
      try add(word, &collector)
      return true
    }
    if let basic = Self.wholeType(keyword) {
      let place = token
      advance()
      try set(types.basic(basic), place, &collector)
      return true
    }
    switch keyword {
    case .typedef: try setStorage(.typedef, &collector, context)
    case .extern: try setStorage(.extern, &collector, context)
    case .static: try setStorage(.static, &collector, context)
    case .auto: try setStorage(.auto, &collector, context)
    case .register: try setStorage(.register, &collector, context)
    case .threadLocal, .extensionMark, .noreturn: advance()
    case .inline:
      collector.result.isInline = true
      advance()
    case .const: addQualifier(.const, &collector)
    case .volatile: addQualifier(.volatile, &collector)
    case .restrict: addQualifier(.restrict, &collector)
    case .atomic where peek().kind != .leftParen: addQualifier(.atomic, &collector)
    case .attribute, .alignas:
      try attributeSpecifiers(&collector.result.attributes)
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
    case .struct, .union:
      try checkFirstType(place, collector)
      type = try structOrUnionSpecifier(keyword == .struct ? .struct : .union)
      collector.result.declaresTag = true
      collector.endsInBody = previous.kind == .rightBrace
    case .enum:
      try checkFirstType(place, collector)
      type = try enumSpecifier()
      collector.result.declaresTag = true
      collector.endsInBody = previous.kind == .rightBrace
    case .typeof, .typeofUnqualified: type = try typeofSpecifier()
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
  private mutating func typeofSpecifier() throws(ParseFailure) -> TypeID {
    let isUnqualified = token.keyword == .typeofUnqualified
    advance()
    try expect(.leftParen, "(", "after 'typeof'")
    let type: TypeID
    if beginsTypeName(token) {
      type = try typeName()
    } else {
      type = try expression(isEvaluated: false).type
    }
    try expect(.rightParen, ")", "after 'typeof'")
    return isUnqualified ? unqualified(type) : type
  }

  /// atomic-type-specifier: `_Atomic` `(` type-name `)`
  private mutating func atomicTypeSpecifier() throws(ParseFailure) -> TypeID {
    advance()
    advance()
    let type = try typeName()
    try expect(.rightParen, ")", "after '_Atomic'")
    return types.atomic(type)
  }

  private mutating func setStorage(
    _ storage: Specifiers.Storage, _ collector: inout Collector, _ context: DeclarationContext
  ) throws(ParseFailure) {
    guard context == .file || context == .parameter && storage == .register else {
      throw reporter.failure(
        "misplaced-storage-class", "\(spelling(token)) has no place here", at: token.range)
    }
    guard collector.result.storage == .none || collector.result.storage == storage else {
      throw reporter.failure(
        "bad-specifiers", "\(spelling(token)): a declaration has one storage class", at: token.range
      )
    }
    collector.result.storage = storage
    advance()
  }

  private mutating func addQualifier(_ qualifier: Qualifiers, _ collector: inout Collector) {
    collector.result.qualifiers.insert(qualifier)
    advance()
  }

  private mutating func add(
    _ word: TypeWords, _ collector: inout Collector
  ) throws(ParseFailure) {
    if collector.type != nil { try replaceUnknownType(&collector) }
    var words = collector.words
    if word == .long, words.contains(.long) {
      words.remove(.long)
      words.insert(.longLong)
    } else if word == .long, words.contains(.longLong) || !words.isDisjoint(with: word) {
      throw badSpecifiers()
    } else if !words.isDisjoint(with: word) {
      throw badSpecifiers()
    } else {
      words.insert(word)
    }
    collector.words = words
    collector.endsInBody = false
    advance()
  }

  private func badSpecifiers() -> ParseFailure {
    reporter.failure(
      "bad-specifiers", "\(spelling(token)) does not go with the words before it", at: token.range)
  }

  private mutating func set(
    _ type: TypeID, _ place: Token, _ collector: inout Collector
  ) throws(ParseFailure) {
    try checkFirstType(place, collector)
    collector.type = type
    collector.typeToken = place
  }

  private func checkFirstType(_ place: Token, _ collector: Collector) throws(ParseFailure) {
    guard collector.hasType else { return }
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
    let known = Keyword.spellings.map(\.spelling) + scope.typedefNames.map { names.string($0) }
    return reporter.failure(
      "unknown-type", "unknown type name '\(name)'", at: place.range,
      hints: Self.suggestion(name, among: known))
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
    if let entity = scope.entity(place.name) {
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
    guard let type = collector.type else {
      throw missingType(collector)
    }
    // `complex` with a typedef or mode is GNU's business; with a type of its own it is nothing.
    let shaped = try apply(collector.result.attributes, to: type, at: collector.result.place)
    collector.result.type = types.qualified(shaped, collector.result.qualifiers)
  }

  private mutating func missingType(_ collector: Collector) -> ParseFailure {
    guard token.kind == .identifier else { return unexpected("a type") }
    let name = string(token.name)
    if let entity = scope.entity(token.name), !entity.isTypedef {
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
      return scope.entity(token.name)?.isTypedef ?? (token.name == boolName)
    }
    guard let keyword = token.keyword else { return false }
    if TypeWords(keyword) != nil || Self.wholeType(keyword) != nil { return true }
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
