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
  /// Of identifiers and keywords.
  var name: NameID
  /// The spelling: offsets into the source text.
  var start: Int32
  var end: Int32
  /// Where a person sees it: the spelling, or the macro that it comes from.
  var place: Int32
  var placeEnd: Int32

  var keyword: Keyword? {
    kind == .keyword ? Keyword(rawValue: UInt8(truncatingIfNeeded: name.rawValue)) : nil
  }

  var spelling: Range<Int> { Int(start)..<Int(end) }

  var range: Range<Int> { Int(place)..<Int(placeEnd) }
}

/// Every keyword and its alternative spellings; a case's name is how C spells it. The first are the
/// words of C11 and C23, then GNU's.
enum Keyword: UInt8, CaseIterable {
  case alignas, alignof, auto, bool, char, const, double, `enum`, extern, float, `inline`, int
  case long, register, restrict, short, signed, sizeof, `static`, static_assert, `struct`, typedef
  case typeof, union, unsigned, void, volatile
  case _Alignas, _Alignof, _Atomic, _Bool, _Complex, _Generic, _Noreturn, _Static_assert
  case _Thread_local, _Float16, _Float32, _Float64, _Float128, _Float32x, _Float64x
  case __alignof, __alignof__, __asm, __asm__, asm, __attribute, __attribute__, __auto_type
  case __builtin_offsetof, __builtin_types_compatible_p, __builtin_va_list, __complex, __complex__
  case __const, __const__, __extension__, __float128, __inline, __inline__, __int128, __int128_t
  case __uint128_t, __restrict, __restrict__, __signed, __signed__, __thread, __typeof, __typeof__
  case __volatile, __volatile__
}
