// SPDX-License-Identifier: MIT

import CDefParser
import Testing
import TypeIR

/// gcc is the judge of what `typeof` and `sizeof` say of an expression.
@Suite struct ExpressionTests {
  private static let prelude = """
    struct s { char c; int a[3]; long b : 5; unsigned w : 3; struct { short in; }; };
    union u { int i; long l; };
    enum small { ONE = 1 }; enum large { BIG = 1L << 40 };
    typedef unsigned char byte;
    extern struct s object; extern const volatile int cv; extern float f; extern double d;
    extern _Complex float cf; extern long double ld; extern byte bytes[7]; extern int *pointer;
    int function(char); struct s *lookup(int);
    """

  /// The types, as gcc checks them: each expression's own is the one that is spelled beside it.
  static let typed = [
    "1 + 1.0", "1.0f + 1", "f * d", "ld - f", "cf + 1", "cf + d", "f + 1ull", "1 ? f : 2",
    "-f", "!f", "f < d", "1.0f", "1.0L", "1e3", "(_Float32)1 + 1.0f", "(_Float32x)1 + 1.0",
    "(_Float64)1 + 1.0", "1 ? (void *)0 : pointer", "0 ? pointer : (void *)0", "1 ? pointer : 0",
    "0 ? pointer : (void *)1", "1 ? object : object", "bytes", "&bytes", "*bytes", "bytes + 1",
    "&bytes[3] - bytes", "object.a", "object.w + 0", "object.b + 0", "object.in", "(&object)->c",
    "&object.a[1]", "function", "&function", "*function", "function(1)", "lookup(1)->a",
    "(*lookup)(2)", "cv", "cv + 1", "(byte)1 + (byte)1", "(char)1", "'a'", "L'a'", "u'a'", "U'a'",
    "\"abc\"", "*\"abc\"", "sizeof(int)", "ONE", "BIG", "(enum small)1", "(enum large)1 + 1",
    "1 ? 1 : 1ul", "1, 2l", "pointer = 0", "f += 1", "object.c++", "++object.c", "1u << 3ull",
    "(union u){ 1 }.l", "(int[]){ 1, 2 }[0]", "_Generic(f, float: 1l, default: 2)",
    "_Generic(object.a, int *: 'a', default: 2l)",
    "({ int x = 3; x; })", "({ __auto_type p = &object; p->a[0]; })",
    "({ struct t { long l; } t; t; }).l", "({ const char c = 1; c; })", "({ bytes; })",
    "({ for (;;) { break; } if (1) function(1); else { } 2l; })", "({ enum { A = 4 }; A; })",
    "({ typedef int byte; (byte)1; })", "(byte)1", "({ do { } while (0); again: f; })",
    "({ __label__ l; l: ; extern int q; q; })", "__extension__ ({ 1ull; })",
    "__builtin_choose_expr(1, f, 2)", "__builtin_choose_expr(0, f, 2)", "__builtin_expect(1, 1)",
    "__builtin_bswap16(1)", "__builtin_bswap32(1)", "__builtin_bswap64(1)", "__builtin_clzl(1)",
    "__builtin_ffs(1)", "__builtin_memcpy(&object, &object, 1)", "__builtin_strlen(\"a\")",
    "__builtin_types_compatible_p(int, byte)", "__builtin_constant_p(f)",
    "__builtin_offsetof(struct s, in)", "__builtin_object_size(pointer, 0)",
    "__builtin_mul_overflow(1, 2, pointer)", "__builtin_return_address(0)", "__alignof__(object)",
    // Strings: what a prefix says of all, how many elements a character has.
    "L\"abc\"", "U\"abc\"", "u\"abc\"", "u8\"abc\"", "*L\"\"", "\"a\" L\"b\" \"c\"", "\"a\\\nb\"",
    "\"\\x41\\101\\n\\e\\\\\\\"\"", "\"\\u00e9\\u20ac\\U0001D11E\"", "\"é€𝄞\"", "L\"é€𝄞\"",
    "u\"é€𝄞\"",
    "U\"é€𝄞\\u20ac\\xffff\"", "u\"\\u20ac\\U0001D11E\\x41\" \"𝄞\"", "u8\"é€𝄞\\u20ac\"",
    "*(8 ? (void *)((long)(cv) * 0l) : (int *)8)", "*(8 ? (void *)((long)(3) * 0l) : (int *)8)",
  ]

  @Test func everyExpressionHasTheTypeThatGccGivesIt() throws {
    var text = Self.prelude + "\n"
    for (number, expression) in Self.typed.enumerated() {
      text += "typedef __typeof__((\(expression))) *t\(number);\n"
    }
    let types = document(text).types
    // To gcc, statement expressions belong into functions.
    var check = Self.prelude + "\nvoid check(void)\n{\n" + text.dropFirst(Self.prelude.count)
    for (number, expression) in Self.typed.enumerated() {
      let found = types.entries.first { entry in
        guard case .typedef("t\(number)", _, _) = entry.type else { return false }
        return true
      }
      guard case .typedef(_, let type, _)? = found?.type
      else {
        Issue.record("no type for \(expression)")
        continue
      }
      // Local names mean nothing where gcc is asked.
      if expression.contains("struct t") || expression.contains("typedef") { continue }
      check += "_Static_assert(__builtin_types_compatible_p(__typeof__(t\(number)), "
      check += "__typeof__(\(types.spelling(type)))), \"\(number)\");\n"
    }
    let errors = try Tool.compilerErrors(check + "}\n")
    #expect(errors.isEmpty, "\(errors)")
  }

  /// C has no spelling for their types: those are compared by size and alignment.
  @Test func operatorsOnVectorsMakeVectors() throws {
    let expressions = [
      "ints == ints", "doubles < doubles", "doubles > 1.0", "1 + ints", "ints * 2",
      "2.0 * doubles", "-ints", "~shorts", "shorts >= shorts", "chars != chars", "ints << 1",
      "(ints & ints) | 1",
    ]
    var text = """
      extern __attribute__((vector_size(16))) int ints;
      extern __attribute__((vector_size(16))) double doubles;
      extern __attribute__((vector_size(8))) short shorts;
      extern __attribute__((vector_size(4))) char chars;

      """
    for (number, expression) in expressions.enumerated() {
      text += "struct s\(number) { char first; __typeof__(\(expression)) second; char third; };\n"
    }
    let disagreements = try LayoutOracle(document(text)).disagreements(with: text)
    #expect(disagreements == "", "\(disagreements)")
  }

  @Test func localNamesEndWithTheirBlock() {
    let document = document(
      """
      struct s { char c; };
      typedef __typeof__(({ struct s { long l; } x; int s; x.l; })) t;
      extern t v;
      char size[sizeof(struct s)];
      """)
    #expect(document.record("s")?.size == 1)
    #expect(document.symbol("s") == nil)
    #expect(document.symbol("x") == nil)
    #expect(document.declaration("size") == "char size[1]")
  }

  @Test func autoTypeIsTheInitializers() throws {
    let declared = """
      extern int x[3];
      static __auto_type a = 1ul;
      static const __auto_type b = 1.0f;
      static __auto_type c = x, d = 3;
      """
    let document = document(declared)
    #expect(document.declaration("a") == "unsigned long a")
    #expect(document.declaration("b") == "const float b")
    #expect(document.declaration("c") == "int *c")
    #expect(document.declaration("d") == "int d")
  }

  @Test func oldStyleDefinitionsHaveTheirPromotedParameters() throws {
    let document = document(
      """
      typedef struct { int n; } box;
      int first(a, b, c, d) char a; float b; box *c; { return a; }
      int second(a, b) int b; { return 0; }
      static long third() { return 3; }
      unknown_t fourth(other_t);
      """)
    #expect(document.declaration("first") == "int first(int a, double b, box *c, int d)")
    #expect(document.declaration("second") == "int second(int a, int b)")
    #expect(document.symbol("third")?.isInlineOnly == true)
    #expect(document.wants.filter { $0.kind == .type }.map(\.name) == ["unknown_t", "other_t"])
  }

  @Test func bodiesAndInitializersAreSkipped() {
    let document = document(
      """
      static int f(int n) { struct s { int x[n]; } y; return ({ goto l; l: 1; }) ? '}' : "}"[0]; }
      asm volatile (".section x" : : "i" (1));
      __asm__(".previous");
      extern const void begin, end;
      static int (*table[])(int) = { [0] = f, [1 ... 3] = f, }, last = { ({ 1; }) };
      struct t { char c[sizeof(({ long l; l; }))]; };
      """)
    #expect(document.record("s") == nil)
    #expect(document.record("t")?.size == 8)
    #expect(document.declaration("last") == "int last")
  }
}
