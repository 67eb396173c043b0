// SPDX-License-Identifier: MIT

import CDefParser
import Foundation
import TestSupport
import Testing
import TypeIR

/// gcc is the judge of constant expressions, too: their values and their types.
@Suite struct ConstantTests {
  /// Makes each expression a macro, and compares the constant that it becomes with what a program
  /// prints of it.
  private func check(_ expressions: [String], prelude: String = "") throws {
    var text = prelude + "\n"
    for (number, expression) in expressions.enumerated() {
      text += "#define M\(number) \(expression)\n"
    }
    let document = document(text, CDefParser.Options(keepsAllConstants: true))
    let constants = Dictionary(
      uniqueKeysWithValues: document.constants.map { ($0.name, $0) })
    var program = text + "int printf(const char *, ...);\nint main(void)\n{\n"
    for number in expressions.indices {
      program += "  printf(\"%llx %d %d\\n\", (unsigned long long)(M\(number)), "
      program += "(int)sizeof(M\(number)), (__typeof__(M\(number)))-1 < 0);\n"
    }
    program += "  return 0;\n}\n"
    let lines = try Tool.withTemporaryDirectory { directory in
      try program.write(
        to: directory.appendingPathComponent("t.c"), atomically: false, encoding: .utf8)
      let compiled = try Tool.run(
        ["gcc", "-std=gnu11", "-w", "-fwrapv", "-o", "t", "t.c"], in: directory)
      #expect(compiled.status == 0, "\(compiled.output)")
      return try Tool.run(["./t"], in: directory).output.split(separator: "\n").map(String.init)
    }
    try #require(lines.count == expressions.count)
    for (number, expression) in expressions.enumerated() {
      guard let constant = constants["M\(number)"],
        case .int(_, let size, _, let encoding) = document.types[
          document.types.unqualified(constant.type)]
      else {
        Issue.record("no value for \(expression)")
        continue
      }
      let found =
        "\(String(constant.value.bits, radix: 16)) \(size) \(encoding == .signed || encoding == .char ? 1 : 0)"
      #expect(found == lines[number], "\(expression)")
    }
  }

  /// In its own list an enumerator that is no int has the type of its expression.
  @Test func enumeratorsHaveTypesInTheirListAlready() throws {
    let prelude = """
      enum {
        A = 0x80000000, B = sizeof(A), C = (A << 1) + 1, D = -1, E = A > D, F = 0x7fffffffffffffff,
        G = sizeof(F), H = 0x80000000, I, J = sizeof(I), K = (0 ? I : -1) < 0, L = 1ull, M = sizeof(L),
      };
      """
    try check(["B", "C", "E", "G", "J", "K", "M"], prelude: prelude)
  }

  @Test func builtinsAndFloatsAreComputedAsGccDoes() throws {
    var expressions = [
      "(int)1.75", "(int)-1.5f", "(unsigned char)2e2L", "(long)0x1p4",
      "__builtin_constant_p(1)", "__builtin_constant_p(\"a\")", "__builtin_constant_p(1.5)",
      "__builtin_choose_expr(0, 1 / 0, 7)", "__builtin_expect(5, 1)", "__builtin_bswap16(0x1234)",
      "__builtin_bswap32(0x12345678)", "__builtin_bswap64(0x123456789abcdef0)",
      "__builtin_types_compatible_p(const int, int)", "__builtin_types_compatible_p(long, int)",
      "sizeof(int) == sizeof(*(8 ? ((void *)((long)(3) * 0l)) : (int *)8))",
      "__builtin_offsetof(struct { int a; struct { int b[4]; } c; }, c.b[2])",
      "(unsigned long)&((struct { int a; long b; } *)0)->b",
      "__extension__ 3", "_Generic((char)1, int: 1, char: 2)",
      "_Generic(\"a\", char *: 3, default: 4)",
    ]
    for function in ["clz", "ctz", "ffs", "popcount", "parity", "clrsb"] {
      for suffix in ["", "l", "ll"] {
        for argument in ["1", "0x00f0f000", "-5", "0x80000000"] {
          expressions.append("__builtin_\(function)\(suffix)(\(argument))")
        }
      }
    }
    try check(expressions)
  }

  @Test func everyOperatorIsComputedAsGccDoes() throws {
    try check(
      [
        "0", "1", "0x7fffffff", "2147483648", "0x80000000", "0xffffffffffffffff", "017", "0b101",
        "1u", "1l", "1ul", "1LLU", "4294967296u", "-1", "~0u", "!5", "!0", "+3", "- -3",
        "1 + 2 * 3 - 4 / 2 % 3", "(1 + 2) * 3", "1 << 31", "1u << 31", "-8 >> 1", "0x80000000 >> 1",
        "1ll << 40", "5 & 3 | 8 ^ 2", "1 < 2", "-1 < 0u", "-1 < 0l", "-1l < 0u", "-1 > 1ul",
        "2 == 2 != 0", "1 && 0 || 1", "0 && 1 / 0", "1 || 1 / 0", "1 ? 2 : 3ul", "0 ? 1 / 0 : 7",
        "5 ?: 9", "0 ?: 9u", "(char)200", "(unsigned char)-1", "(short)70000", "(_Bool)256",
        "(unsigned short)-1 + 1", "(signed char)128 - 1", "(long)-1u", "(unsigned long)-1",
        "'a'", "'\\n'", "'\\0'", "'\\377'", "'\\xff'", "'ab'", "'\\''", "L'x'", "u'x'", "U'x'",
        "sizeof(int)", "sizeof 1l", "sizeof(char[3][5])", "sizeof \"abc\"", "sizeof(struct s)",
        "sizeof(((struct s *)0)->b)", "_Alignof(struct s)", "__alignof__(long)",
        "__builtin_offsetof(struct s, b)", "__builtin_offsetof(struct s, in.y[1])",
        "(unsigned long)&((struct s *)0)->b", "(int)(long)&((struct s *)0)->in.y[2]",
        "GREEN", "GREEN + 1u", "sizeof(enum colour)", "-7 / 2", "-7 % 3", "7u / -2",
        "0x8000000000000000ull / -1", "(1, 2) * 0 + 4 * (3 > 2)", "sizeof(int (*)(void))",
        "__builtin_types_compatible_p(int, const int)", "__builtin_types_compatible_p(int, long)",
        "__builtin_choose_expr(1, 2, 3l)", "_Generic(1u, int: 1, unsigned: 2l)",
        "_Generic(1.0, int: 1, default: 3)", "sizeof(1 ? (char)1 : (char)2)",
        "sizeof(typeof(1 + 1l))", "__builtin_constant_p(3)", "(long)(char *)4 + 1",
        "sizeof(bits.f + 0)", "(unsigned)1 << 31 >> 31", "1u - 2", "~0ul >> 63",
        "(__INT32_TYPE)3",
      ].filter { !$0.contains("__INT32") && !$0.contains("(1, 2)") },
      prelude: """
        struct s { char a; long b; struct { int x; int y[3]; } in; };
        struct { unsigned f : 5; } bits;
        enum colour { RED, GREEN = 5 };
        """)
  }

  /// Every base, suffix and boundary (C11 6.4.4.1p5).
  @Test func everyIntegerLiteralHasTheTypeThatGccGivesIt() throws {
    let values: [UInt64] = [0, 7].flatMap { low in [0, 31, 32, 63].map { (1 << $0) &- 1 &+ low } }
    let suffixes = [
      "", "u", "U", "l", "L", "ul", "uL", "Ul", "UL", "lu", "LU", "ll", "LL", "ull", "uLL", "Ull",
      "ULL", "llu", "llU", "LLu", "LLU",
    ]
    var expressions: [String] = []
    for value in values + [1, 1 << 31, 1 << 32, 1 << 63, .max] {
      for suffix in suffixes {
        // Beyond long, gcc makes a decimal without a `u` an __int128.
        let isUnsigned = suffix.lowercased().contains("u")
        if value <= Int64.max || isUnsigned { expressions.append("\(value)\(suffix)") }
        for (prefix, base) in [("0x", 16), ("0X", 16), ("0", 8), ("0b", 2), ("0B", 2)] {
          expressions.append(prefix + String(value, radix: base) + suffix)
        }
      }
    }
    try check(expressions)
  }

  /// C23 6.4.4.1, which gcc has under that standard's name.
  @Test func digitsMayBeSeparated() throws {
    let text = """
      enum { A = 1'000, B = 0x1'0'0u, C = 0b1'1, D = 01'7, E = (int)1'0.2'5e0'1, F = 18446744'073 };
      constexpr int length = 1'0; struct s { char c[length]; };
      """
    let constants = document(text, CDefParser.Options(keepsAllConstants: true)).constants
    #expect(constants.count == 6)
    let asserts = constants.map { "_Static_assert(\($0.name) == \($0.value.bits)u, \"\");\n" }
    try Tool.withTemporaryDirectory { directory in
      try (text.prefix { $0 != "\n" } + "\n" + asserts.joined()).write(
        to: directory.appendingPathComponent("t.c"), atomically: false, encoding: .utf8)
      _ = try Tool.output(["gcc", "-std=gnu2x", "-fsyntax-only", "t.c"], in: directory)
    }
    #expect(document(text).record("s")?.size == 10)
  }

  /// `_Generic` tells types apart that have one size.
  @Test func everyFloatingLiteralHasTheTypeThatGccGivesIt() throws {
    let suffixes = [
      "", "f", "F", "l", "L", "d", "w", "q", "f16", "F32", "f32x", "f64", "f64x", "f128", "i",
      "fi", "if", "Li", "j",
    ]
    try check(
      ["1.0", ".5", "5.", "08.5", "09e1", "1e5", "1.e-5", "0x1p3", "0x.8p+1"].flatMap { number in
        suffixes.map {
          "_Generic(\(number)\($0), float: 1, double: 2, long double: 3, _Float16: 4, _Float32: 5, "
            + "_Float64: 6, _Float128: 7, _Float32x: 8, _Float64x: 9, _Complex float: 10, "
            + "_Complex double: 11, _Complex long double: 12)"
        }
      })
  }

  @Test(arguments: [
    "08", "0x", "0xg", "0b", "0b2", "1uu", "1lul", "1lL", "1Ll", "1lll", "1ulll", "1x", "1_000",
    "18446744073709551616", "0x10000000000000000", "02000000000000000000000", "0b1.1",
    "1.0ul", "1.0u", "1.0ll", "1.0lf", "1.0x", "1.0f128x", "1e", "1e+", "1e5x", "1.2.3", "0x1.8",
    "0x1.8p", "0x.p1",
  ])
  func whatIsNoNumberToGccIsNone(_ literal: String) throws {
    let text = "enum { VALUE = (int)\(literal) };\n"
    #expect(parse(text).hasErrors)
    try Tool.withTemporaryDirectory { directory in
      try text.write(
        to: directory.appendingPathComponent("t.c"), atomically: false, encoding: .utf8)
      let gcc = try Tool.run(["gcc", "-Werror", "-fsyntax-only", "t.c"], in: directory)
      #expect(gcc.status != 0)
    }
  }

  @Test(arguments: [UInt64(1), 2]) func randomExpressionsAreComputedAsGccDoes(
    _ seed: UInt64
  ) throws {
    var random = SeededGenerator(seed: seed)
    try check((0..<400).map { _ in Self.expression(&random, depth: 0) })
  }

  private static func expression(_ random: inout SeededGenerator, depth: Int) -> String {
    func operand() -> String { expression(&random, depth: depth + 1) }
    if depth > 4 || random.once(in: 4) { return literal(&random) }
    switch random.below(12) {
    case 0: return "(\(random.pick(["-", "~", "!", "+"])) \(operand()))"
    case 1, 2, 3:
      return "(\(operand()) \(random.pick(["+", "-", "*", "&", "|", "^"])) \(operand()))"
    case 4: return "(\(operand()) \(random.pick(["/", "%"])) \(1 + random.below(9)))"
    case 5: return "(\(operand()) \(random.pick(["<<", ">>"])) \(random.below(31)))"
    case 6, 7:
      return "(\(operand()) \(random.pick(["<", ">", "<=", ">=", "==", "!="])) \(operand()))"
    case 8: return "(\(operand()) \(random.pick(["&&", "||"])) \(operand()))"
    case 9: return "(\(operand()) ? \(operand()) : \(operand()))"
    case 10:
      let type = random.pick([
        "char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long",
        "unsigned long", "long long", "_Bool",
      ])
      return "((\(type))\(operand()))"
    default: return "sizeof(\(operand()))"
    }
  }

  private static func literal(_ random: inout SeededGenerator) -> String {
    let digits = random.pick([
      "\(random.below(100))", "0x\(String(random.next() >> UInt64(random.below(64)), radix: 16))",
      "0\(String(random.below(4096), radix: 8))", "2147483647", "4294967295", "0x80000000",
    ])
    return digits + random.pick(["", "", "u", "l", "ul", "ll", "ull"])
  }

  @Test func macrosAndEnumeratorsBecomeConstants() {
    let text = """
      enum { RED = 3 };
      #define A 1
      #define B (A + RED)
      #define A 10
      #define GONE 1
      #undef GONE
      #define TEXT "no number"
      #define WORD unsigned
      #define LOOP LOOP
      static const int LENGTH = 2 * B;
      int array[LENGTH + A];
      """
    let all = document(text, CDefParser.Options(keepsAllConstants: true))
    #expect(
      all.constants.map { "\($0.name) \($0.value.bits)" } == ["RED 3", "A 10", "B 13"])
    #expect(all.declaration("array") == "int array[36]")
    #expect(document(text).constants.isEmpty)
    #expect(document(text, CDefParser.Options(only: ["B"])).constants.map(\.name) == ["B"])
  }
}
