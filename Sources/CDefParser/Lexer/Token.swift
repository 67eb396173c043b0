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
  static let spellings: [(spelling: String, keyword: Keyword)] = [
    ("_Alignas", .alignas), ("alignas", .alignas),
    ("_Alignof", .alignof), ("alignof", .alignof), ("__alignof", .alignof),
    ("__alignof__", .alignof),
    ("asm", .asm), ("__asm", .asm), ("__asm__", .asm),
    ("_Atomic", .atomic),
    ("__attribute__", .attribute), ("__attribute", .attribute),
    ("auto", .auto), ("__auto_type", .autoType),
    ("_Bool", .bool), ("char", .char),
    ("_Complex", .complex), ("__complex", .complex), ("__complex__", .complex),
    ("const", .const), ("__const", .const), ("__const__", .const),
    ("double", .double), ("enum", .enum), ("__extension__", .extensionMark), ("extern", .extern),
    ("float", .float), ("_Float16", .float16), ("_Float32", .float32), ("_Float64", .float64),
    ("_Float128", .float128), ("__float128", .float128), ("_Float32x", .float32x),
    ("_Float64x", .float64x),
    ("_Generic", .generic),
    ("inline", .inline), ("__inline", .inline), ("__inline__", .inline),
    ("int", .int), ("__int128", .int128), ("__int128_t", .signedInt128),
    ("__uint128_t", .unsignedInt128),
    ("long", .long), ("_Noreturn", .noreturn), ("__builtin_offsetof", .offsetof),
    ("register", .register),
    ("restrict", .restrict), ("__restrict", .restrict), ("__restrict__", .restrict),
    ("short", .short),
    ("signed", .signed), ("__signed", .signed), ("__signed__", .signed),
    ("sizeof", .sizeof), ("static", .static),
    ("_Static_assert", .staticAssert), ("static_assert", .staticAssert),
    ("struct", .struct), ("_Thread_local", .threadLocal), ("__thread", .threadLocal),
    ("typedef", .typedef),
    ("typeof", .typeof), ("__typeof", .typeof), ("__typeof__", .typeof),
    ("typeof_unqual", .typeofUnqualified), ("__typeof_unqual__", .typeofUnqualified),
    ("__builtin_types_compatible_p", .typesCompatible),
    ("union", .union), ("unsigned", .unsigned), ("__builtin_va_list", .vaList), ("void", .void),
    ("volatile", .volatile), ("__volatile", .volatile), ("__volatile__", .volatile),
  ]
}
