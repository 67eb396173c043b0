// SPDX-License-Identifier: MIT

import TypeIR

/// What attributes say that matters to types (gcc's manual, "Attribute Syntax").
struct Attributes {
  var isPacked = false
  /// Bytes; 0 for none. Of several, the largest counts for what is declared.
  var align: UInt32 = 0
  /// The same for a type, for which the last counts.
  var typeAlign: UInt32 = 0
  var isTransparentUnion = false
  /// `ms_struct`; `gcc_struct` is the default.
  var isMSStruct = false
  var convention: CallingConvention?
  /// What stands in `mode(…)`.
  var mode = NameID.none
  /// `vector_size(…)`, in bytes.
  var vectorSize: UInt64?

  /// Whether they say anything of a type that a declarator makes.
  var isAboutType: Bool { typeAlign != 0 || convention != nil || mode != .none }

  mutating func setAlign(_ bytes: UInt32) { (align, typeAlign) = (max(align, bytes), bytes) }

  /// What specifiers say of each declarator, once their own type has its mode and vector size.
  var withoutShape: Attributes {
    var result = self
    result.mode = .none
    result.vectorSize = nil
    return result
  }
}

/// The kernel's macros for attributes, which declarations copied from its sources carry: understood
/// where nothing else of that name is declared.
struct Annotations {
  enum Meaning {
    case nothing
    /// With arguments, which mean nothing either.
    case nothingWithArguments
    case packed
    case aligned
    case alignedToCacheLine
  }

  private var meanings: [Meaning] = []
  /// Numbers of meanings, from 1.
  private var numbers = NumberMap()

  /// A table that has the words in it, and what they mean there: the same for every text.
  static let prepared = {
    var names = NameTable()
    let annotations = Annotations(&names)
    return (names: names, annotations: annotations)
  }()

  private init(_ names: inout NameTable) {
    let nothing = """
      __user __kernel __iomem __rcu __percpu __force __nocast __bitwise __private __safe __init \
      __exit __initdata __initconst __devinit __read_mostly __ro_after_init __cold __hot __weak \
      __always_inline __always_unused __maybe_unused __used __must_check __pure \
      __attribute_const__ __noreturn __deprecated __malloc __sched __kprobes __latent_entropy \
      __randomize_layout __no_randomize_layout __designated_init __visible __ref __refdata \
      __no_caller_saved_registers __cpuidle __bpf_kfunc __net_init __net_exit noinline notrace \
      asmlinkage noinline_for_stack __THROW __THROWNL __wur __nonstring
      """
    let withArguments = """
      __printf __scanf __acquires __releases __must_hold __cond_acquires __alloc_size __section \
      __alias __nonnull __nonnull_params __counted_by __counted_by_le __counted_by_be \
      __attribute_malloc__ __format_arg __assume_aligned __copy __no_kasan_or_inline \
      __cond_releases
      """
    let alignedToCacheLine =
      "____cacheline_aligned __cacheline_aligned ____cacheline_aligned_in_smp"
    let words: [(String, Meaning)] = [
      (nothing, .nothing), (withArguments, .nothingWithArguments), ("__packed", .packed),
      ("__aligned", .aligned), (alignedToCacheLine, .alignedToCacheLine),
    ]
    for (spellings, meaning) in words {
      meanings.append(meaning)
      for name in spellings.split(separator: " ") {
        numbers[names.intern(String(name))] = Int32(meanings.count)
      }
    }
  }

  subscript(name: NameID) -> Meaning? {
    numbers[name] == 0 ? nil : meanings[Int(numbers[name]) - 1]
  }
}

extension Parser {
  /// gcc's limit, in bytes (2^28).
  private static let largestAlignment: UInt64 = 1 << 28
  /// `aligned` without an argument: the largest alignment of any type of x86-64.
  private static let defaultAlignment: UInt32 = 16
  /// Bytes, on every x86-64.
  private static let cacheLine: UInt32 = 64

  /// The kernel's annotation that stands here, if any.
  func annotation() -> Annotations.Meaning? {
    guard token.kind == .identifier, let meaning = annotations[token.name],
      scope.entities.index(token.name) == nil
    else { return nil }
    return meaning
  }

  /// attribute-specifier-sequence: { `__attribute__` `((` attribute-list `))`
  ///     | `[[` attribute-list `]]` | kernel annotation | `_Alignas` ( … ) }
  mutating func attributeSpecifiers(_ attributes: inout Attributes) throws(ParseFailure) {
    while try attributeSpecifier(&attributes) {}
  }

  /// One of them; false where none stands.
  mutating func attributeSpecifier(_ attributes: inout Attributes) throws(ParseFailure) -> Bool {
    switch token.kind {
    case .keyword:
      switch token.keyword {
      case .attribute: try gnuAttribute(&attributes)
      case .alignas: try alignmentSpecifier(&attributes)
      default: return false
      }
    case .leftBracket where peek().kind == .leftBracket:
      // [[gnu::packed]] and the like.
      advance()
      advance()
      try attributeList(&attributes, end: .rightBracket)
      try expect(.rightBracket, "]", "after an attribute")
      try expect(.rightBracket, "]", "after an attribute")
    case .identifier:
      guard let annotation = annotation() else { return false }
      try self.annotation(annotation, &attributes)
    default: return false
    }
    return true
  }

  /// `__attribute__` `(` `(` attribute-list `)` `)`
  private mutating func gnuAttribute(_ attributes: inout Attributes) throws(ParseFailure) {
    advance()
    try expect(.leftParen, "((", "after '__attribute__'")
    try expect(.leftParen, "((", "after '__attribute__'")
    try attributeList(&attributes, end: .rightParen)
    try expect(.rightParen, "))", "after an attribute")
    try expect(.rightParen, "))", "after an attribute")
  }

  /// attribute-list: attribute? { `,` attribute? }
  private mutating func attributeList(
    _ attributes: inout Attributes, end: TokenKind
  ) throws(ParseFailure) {
    while token.kind != end, token.kind != .end {
      if accept(.comma) { continue }
      try attribute(&attributes)
    }
  }

  /// attribute: word | word `(` arguments `)`
  private mutating func attribute(_ attributes: inout Attributes) throws(ParseFailure) {
    let name = try attributeName()
    switch Self.withoutUnderscores(string(name.name)) {
    case "packed": attributes.isPacked = true
    case "aligned":
      attributes.setAlign(
        token.kind == .leftParen ? try alignmentArgument() : Self.defaultAlignment)
      return
    case "transparent_union": attributes.isTransparentUnion = true
    case "ms_struct": attributes.isMSStruct = true
    case "gcc_struct": attributes.isMSStruct = false
    case "ms_abi": attributes.convention = .ms
    case "sysv_abi": attributes.convention = .sysv
    case "mode":
      try expect(.leftParen, "(", "after 'mode'")
      attributes.mode = try attributeName().name
      try expect(.rightParen, ")", "after a mode")
      return
    case "vector_size":
      guard token.kind == .leftParen else { throw unexpected("'(' after 'vector_size'") }
      attributes.vectorSize = try parenthesizedConstant().bits
      return
    default: break
    }
    if token.kind == .leftParen { try skipBalanced() }
  }

  /// word | word `::` word
  private mutating func attributeName() throws(ParseFailure) -> Token {
    while true {
      let name = token
      guard accept(.identifier) || accept(.keyword) else { throw unexpected("an attribute") }
      guard token.kind == .colon, peek().kind == .colon else { return name }
      advance()
      advance()
    }
  }

  private mutating func annotation(
    _ meaning: Annotations.Meaning, _ attributes: inout Attributes
  ) throws(ParseFailure) {
    advance()
    switch meaning {
    case .nothing: break
    case .nothingWithArguments:
      if token.kind == .leftParen { try skipBalanced() }
    case .packed: attributes.isPacked = true
    case .aligned: attributes.setAlign(try alignmentArgument())
    case .alignedToCacheLine: attributes.setAlign(Self.cacheLine)
    }
  }

  /// `packed` and `__packed__` are the same attribute.
  private static func withoutUnderscores(_ name: String) -> String {
    name.hasPrefix("__") && name.hasSuffix("__") && name.utf8.count > 4
      ? String(name.dropFirst(2).dropLast(2)) : name
  }

  /// alignment-specifier: `_Alignas` `(` type-name `)` | `_Alignas` `(` constant-expression `)`
  private mutating func alignmentSpecifier(_ attributes: inout Attributes) throws(ParseFailure) {
    advance()
    attributes.setAlign(try alignmentArgument())
  }

  /// `(` constant-expression `)`, or a type whose alignment is meant.
  private mutating func alignmentArgument() throws(ParseFailure) -> UInt32 {
    guard token.kind == .leftParen else { throw unexpected("'(' before an alignment") }
    let place = peek().range
    let value: UInt64
    if beginsTypeName(peek()) {
      advance()
      let type = try typeName().type
      value = try alignment(of: type, at: place)
      try expect(.rightParen, ")", "after an alignment")
    } else {
      value = try parenthesizedConstant().bits
    }
    guard value == 0 || value.nonzeroBitCount == 1, value <= Self.largestAlignment else {
      throw reporter.failure(
        "bad-alignment", "an alignment is a power of two up to \(Self.largestAlignment)", at: place)
    }
    return UInt32(value)
  }

  /// `(` constant-expression `)`
  private mutating func parenthesizedConstant() throws(ParseFailure) -> IntegerValue {
    try expect(.leftParen, "(", "before an argument")
    let value = try constantExpression()
    try expect(.rightParen, ")", "after an argument")
    return value
  }

  /// The type with `mode` and `vector_size` applied.
  mutating func apply(
    _ attributes: Attributes, to type: TypeID, at place: Range<Int>
  ) throws(ParseFailure) -> TypeID {
    var type = type
    if attributes.mode != .none {
      type = try mode(Self.withoutUnderscores(string(attributes.mode)), type, at: place)
    }
    if let bytes = attributes.vectorSize {
      guard types.pointerTarget(type) == nil, let size = types.table.size(of: type), size > 0,
        bytes % size == 0, bytes > 0, (bytes / size).nonzeroBitCount == 1
      else {
        throw reporter.failure(
          "bad-vector", "a vector's size is its element's times a power of two", at: place)
      }
      type = types.vector(of: type, count: bytes / size)
    }
    return type
  }

  /// gcc's machine modes: an integer or float of the given size, of the declared sign.
  private mutating func mode(
    _ mode: String, _ type: TypeID, at place: Range<Int>
  ) throws(ParseFailure) -> TypeID {
    guard let (signed, unsigned) = Self.modes[mode] else {
      throw reporter.failure("bad-mode", "'\(mode)' is no machine mode of x86-64", at: place)
    }
    if case .pointer = types.resolved(type), signed == .long { return type }
    return types.basic(types.integer(type)?.isSigned ?? true ? signed : unsigned)
  }

  private static let modes: [String: (signed: BasicType, unsigned: BasicType)] = [
    "QI": (.signedChar, .unsignedChar), "byte": (.signedChar, .unsignedChar),
    "HI": (.short, .unsignedShort), "SI": (.int, .unsignedInt), "DI": (.long, .unsignedLong),
    "word": (.long, .unsignedLong), "pointer": (.long, .unsignedLong),
    "unwind_word": (.long, .unsignedLong), "libgcc_cmp_return": (.long, .unsignedLong),
    "libgcc_shift_count": (.long, .unsignedLong), "TI": (.int128, .unsignedInt128),
    "HF": (.float16, .float16), "SF": (.float, .float), "DF": (.double, .double),
    "XF": (.longDouble, .longDouble), "TF": (.float128, .float128),
    "SC": (.complexFloat, .complexFloat), "DC": (.complexDouble, .complexDouble),
    "XC": (.complexLongDouble, .complexLongDouble),
  ]
}
