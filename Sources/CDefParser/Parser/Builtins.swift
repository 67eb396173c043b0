// SPDX-License-Identifier: MIT

import TypeIR

/// The built-in functions of gcc ("Other Built-in Functions" of its manual) that headers use where a
/// type or a constant is wanted.
extension Parser {
  private static let prefix = "__builtin_"

  /// A call of one; nil if the name is none.
  mutating func builtinCall(_ name: Token) throws(ParseFailure) -> Operand? {
    let spelled = string(name.name)
    guard token.kind == .leftParen, spelled.hasPrefix(Self.prefix) else { return nil }
    let builtin = String(spelled.dropFirst(Self.prefix.utf8.count))
    switch builtin {
    case "constant_p":
      let operand = try arguments([true])[0]
      let isConstant =
        operand.value != nil || operand.floatingValue != nil || operand.isStringLiteral
      return Operand(types.basic(.int), isConstant ? 1 : 0)
    case "expect": return cast(try arguments([true, true])[0], to: types.basic(.long))
    case "choose_expr": return try chooseExpression()
    case "va_arg": return try variadicArgument()
    default: break
    }
    if let function = BitFunction(builtin) {
      let argument = cast(try arguments([true])[0], to: types.basic(function.argument))
      return Operand(
        types.basic(function.result), argument.value.flatMap { function.value(of: $0) })
    }
    guard let type = resultType(of: builtin) else { return nil }
    try skipBalanced()
    return Operand(type)
  }

  /// `(` assignment-expression { `,` assignment-expression } `)`, as many as there are flags that
  /// say whether they are evaluated.
  private mutating func arguments(_ areEvaluated: [Bool]) throws(ParseFailure) -> [Operand] {
    try expect(.leftParen, "(", "before the arguments")
    var operands: [Operand] = []
    for isEvaluated in areEvaluated {
      if !operands.isEmpty { try expect(.comma, ",", "after an argument") }
      operands.append(try assignmentExpression(isEvaluated: isEvaluated))
    }
    try expect(.rightParen, ")", "after an argument")
    return operands
  }

  /// `(` constant-expression `,` assignment-expression `,` assignment-expression `)`
  private mutating func chooseExpression() throws(ParseFailure) -> Operand {
    advance()
    let isFirst = try constantExpression().bits != 0
    try expect(.comma, ",", "after an argument")
    let first = try assignmentExpression(isEvaluated: isFirst)
    try expect(.comma, ",", "after an argument")
    let second = try assignmentExpression(isEvaluated: !isFirst)
    try expect(.rightParen, ")", "after an argument")
    return isFirst ? first : second
  }

  /// `(` assignment-expression `,` type-name `)`
  private mutating func variadicArgument() throws(ParseFailure) -> Operand {
    advance()
    _ = try assignmentExpression()
    try expect(.comma, ",", "after an argument")
    let type = try typeName().type
    try expect(.rightParen, ")", "after a type name")
    return Operand(type)
  }

  /// What those return that have no value here; nil for what gcc does not have, or no header uses.
  private mutating func resultType(of builtin: String) -> TypeID? {
    switch builtin {
    case "unreachable", "trap", "prefetch", "va_start", "va_end", "va_copy", "free": .void
    case "alloca", "assume_aligned", "extract_return_addr", "frame_address", "malloc", "memchr",
      "memcpy", "memmove", "mempcpy", "memset", "return_address":
      types.pointer(to: .void)
    case "strcat", "strchr", "strcpy", "strncpy", "strrchr", "strstr":
      types.pointer(to: types.basic(.char))
    case "memcmp", "strcmp", "strncmp", "printf", "abs", "isnan", "isinf": types.basic(.int)
    case "object_size", "dynamic_object_size", "strlen": types.basic(.unsignedLong)
    case "add_overflow", "sub_overflow", "mul_overflow", "add_overflow_p", "sub_overflow_p",
      "mul_overflow_p":
      types.basic(.bool)
    case "expect_with_probability": types.basic(.long)
    case "huge_val", "inf", "nan": types.basic(.double)
    case "huge_valf", "inff", "nanf": types.basic(.float)
    case "huge_vall", "infl", "nanl": types.basic(.longDouble)
    default: nil
    }
  }
}

/// A function of the bits of its argument.
private struct BitFunction {
  private let operation: String
  let argument: BasicType
  let result: BasicType

  private static let swapped: [String: BasicType] = [
    "bswap16": .unsignedShort, "bswap32": .unsignedInt, "bswap64": .unsignedLong,
  ]

  /// From its name without the prefix: `clz`, `clzl`, `clzll`, `bswap32`.
  init?(_ name: String) {
    if let type = Self.swapped[name] {
      (operation, argument, result) = ("bswap", type, type)
      return
    }
    let stem =
      name.hasSuffix("ll") ? name.dropLast(2) : name.hasSuffix("l") ? name.dropLast() : name[...]
    guard ["clrsb", "clz", "ctz", "ffs", "parity", "popcount"].contains(stem) else { return nil }
    (operation, result) = (String(stem), .int)
    argument = stem.utf8.count == name.utf8.count ? .unsignedInt : .unsignedLong
  }

  /// nil where gcc leaves it undefined.
  func value(of bits: UInt64) -> UInt64? {
    let unused = argument == .unsignedLong ? 0 : argument == .unsignedInt ? 32 : 48
    switch operation {
    case "bswap": return bits.byteSwapped >> UInt64(unused)
    case "clz": return bits == 0 ? nil : UInt64(bits.leadingZeroBitCount - unused)
    case "ctz": return bits == 0 ? nil : UInt64(bits.trailingZeroBitCount)
    case "ffs": return bits == 0 ? 0 : UInt64(bits.trailingZeroBitCount + 1)
    case "parity": return UInt64(bits.nonzeroBitCount & 1)
    case "popcount": return UInt64(bits.nonzeroBitCount)
    default:  // clrsb: the copies of the sign bit after it.
      let value = Int64(bitPattern: bits << UInt64(unused)) >> Int64(unused)
      return UInt64((value < 0 ? ~value : value).leadingZeroBitCount - unused - 1)
    }
  }
}
