// SPDX-License-Identifier: MIT

/// What a token is (C11 6.4).
enum TokenKind: UInt8 {
  case end, identifier, keyword, number, character, string
  case leftParen, rightParen, leftBracket, rightBracket, leftBrace, rightBrace
  case semicolon, comma, colon, question, dot, arrow, ellipsis, hash
  case plus, minus, star, slash, percent, ampersand, pipe, caret, tilde, exclamation
  case less, greater, lessEqual, greaterEqual, equalEqual, exclamationEqual
  case lessLess, greaterGreater, ampersandAmpersand, pipePipe, plusPlus, minusMinus
  /// `=` and the compound assignments.
  case assignment
}

struct Token {
  var kind: TokenKind
  /// First on its line.
  var isAtLineStart: Bool
  /// The `#pragma pack` that is in force here, in bytes; 0 for none.
  var pack: UInt8
  /// Of keywords.
  var keyword: Keyword?
  /// Of identifiers and keywords.
  var name: NameID
  /// In the source text.
  var spelling: Range<Int>
  /// Where a person sees it: the spelling, or the macro that it comes from.
  var range: Range<Int>
}

/// The words that no identifier can be (C11 6.4.1, C23, and GNU's).
enum Keyword: UInt8 {
  case alignas, alignof, asm, atomic, attribute, auto, autoType, char, complex, const, double
  case `enum`, extensionMark, extern, float, generic, `inline`, int, int128, long, noreturn
  case offsetof, register, restrict, short, signed, sizeof, `static`, staticAssert, `struct`
  case threadLocal, typedef, typeof, typeofUnqualified, typesCompatible, union, unsigned, vaList
  case void, volatile
  /// `_Bool`. C23's `bool` is no keyword here: kernel headers define it.
  case bool
  case float16, float32, float64, float128, float32x, float64x, signedInt128, unsignedInt128

  /// Every spelling; GNU has words with underscores for most.
  static let spellings = words.flatMap { keyword, spellings in
    spellings.split(separator: " ").map { (spelling: String($0), keyword: keyword) }
  }

  private static let words: [(keyword: Keyword, spellings: String)] = [
    (.alignas, "_Alignas alignas"), (.alignof, "_Alignof alignof __alignof __alignof__"),
    (.asm, "asm __asm __asm__"), (.atomic, "_Atomic"), (.attribute, "__attribute__ __attribute"),
    (.auto, "auto"), (.autoType, "__auto_type"), (.bool, "_Bool"), (.char, "char"),
    (.complex, "_Complex __complex __complex__"), (.const, "const __const __const__ constexpr"),
    (.double, "double"), (.enum, "enum"), (.extensionMark, "__extension__"), (.extern, "extern"),
    (.float, "float"), (.float16, "_Float16"), (.float32, "_Float32"), (.float64, "_Float64"),
    (.float128, "_Float128 __float128"), (.float32x, "_Float32x"), (.float64x, "_Float64x"),
    (.generic, "_Generic"), (.inline, "inline __inline __inline__"), (.int, "int"),
    (.int128, "__int128"), (.signedInt128, "__int128_t"), (.unsignedInt128, "__uint128_t"),
    (.long, "long"), (.noreturn, "_Noreturn"), (.offsetof, "__builtin_offsetof"),
    (.register, "register"), (.restrict, "restrict __restrict __restrict__"), (.short, "short"),
    (.signed, "signed __signed __signed__"), (.sizeof, "sizeof"), (.static, "static"),
    (.staticAssert, "_Static_assert static_assert"), (.struct, "struct"),
    (.threadLocal, "_Thread_local __thread thread_local"), (.typedef, "typedef"),
    (.typeof, "typeof __typeof __typeof__"),
    (.typeofUnqualified, "typeof_unqual __typeof_unqual__"),
    (.typesCompatible, "__builtin_types_compatible_p"), (.union, "union"), (.unsigned, "unsigned"),
    (.vaList, "__builtin_va_list"), (.void, "void"),
    (.volatile, "volatile __volatile __volatile__"),
  ]
}
