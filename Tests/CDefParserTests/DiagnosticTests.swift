// SPDX-License-Identifier: MIT

import CDefParser
import Diagnostics
import Foundation
import Testing

/// Bad declarations: each error's line, column and id. The wording is free.
@Suite struct DiagnosticTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var text: String
    var errors: [String]

    init(_ text: String, _ errors: String...) {
      self.text = text
      self.errors = errors
    }

    var testDescription: String { text }
  }

  private static let cases: [Case] = [
    // Semicolons: each is named, and the rest is judged as if it were there.
    Case("int x", "1:6 [missing-semicolon]"),
    Case("int x\nint y;", "1:6 [missing-semicolon]"),
    Case("typedef int t\nt x;", "1:14 [missing-semicolon]"),
    Case("void f(int)\nvoid g(int);", "1:12 [missing-semicolon]"),
    Case("struct s { int a }", "1:17 [missing-semicolon]", "1:19 [missing-semicolon]"),
    Case(
      "struct s { int a }\nvoid f(struct s *);", "1:17 [missing-semicolon]",
      "1:19 [missing-semicolon]"),
    Case("struct s { int a;\n int b\n int c; };", "2:7 [missing-semicolon]"),
    Case("struct s { struct { int a; }\n int b; };", "1:29 [missing-semicolon]"),
    Case("struct s { int a; }\ntypedef int t;", "1:20 [missing-semicolon]"),
    Case("struct s { int a; }\nextern int t;", "1:20 [missing-semicolon]"),
    Case("struct s { int a; }\nstatic struct s x;", "1:20 [missing-semicolon]"),
    Case("struct s { int a; }\nfoo_t bar(int);", "1:20 [missing-semicolon]"),
    Case("struct s { int a; }\nfoo_t *bar(int);", "1:20 [missing-semicolon]"),
    Case("enum e { A }\nint x;", "1:13 [missing-semicolon]"),
    Case("union u { int a; } int x;", "1:19 [missing-semicolon]"),
    Case("struct s { int a; int b:3\n};", "1:26 [missing-semicolon]"),
    Case("struct s { int a[3]\n};", "1:20 [missing-semicolon]"),
    Case("struct s { int (*f)(void)\n};", "1:26 [missing-semicolon]"),
    Case("_Static_assert(1)\nint x;", "1:18 [missing-semicolon]"),
    Case("enum { A\n B };", "1:9 [missing-comma]"),
    Case("int x y;", "1:7 [unexpected-token]"),
    // Braces and brackets.
    Case("struct s { int a;", "1:18 [missing-brace]"),
    Case("struct s { int a;\nextern int f(void);", "2:1 [missing-brace]"),
    Case("struct s { int a;\ntypedef int t;\nt u;", "2:1 [missing-brace]"),
    Case("enum e { A,", "1:12 [missing-brace]"),
    Case("enum e { A; };", "1:11 [missing-brace]"),
    Case("int a[3;", "1:8 [missing-bracket]"),
    Case("int f(int a;", "1:12 [missing-bracket]"),
    Case("int (*f(void);", "1:14 [missing-bracket]"),
    Case("};", "1:1 [extra-brace]"),
    Case("int f(void) { if (1) {", "1:23 [missing-bracket]"),
    // Types.
    Case("unsinged int x;", "1:1 [unknown-type]"),
    Case("foo(int a);", "1:1 [missing-type]"),
    Case("x;", "1:1 [missing-type]"),
    Case("extern x;", "1:8 [missing-type]"),
    Case("int f(void); f x;", "1:14 [missing-type]"),
    Case("int f(void); int g(f x);", "1:20 [unknown-type]"),
    Case("int float x;", "1:1 [bad-specifiers]"),
    Case("long long long x;", "1:11 [bad-specifiers]"),
    Case("short long x;", "1:1 [bad-specifiers]"),
    Case("unsigned double x;", "1:1 [bad-specifiers]"),
    Case("signed unsigned x;", "1:1 [bad-specifiers]"),
    Case("int struct s x;", "1:5 [two-types]"),
    Case("typedef int t; t int x;", "1:18 [two-types]"),
    Case("typedef extern int t;", "1:9 [bad-specifiers]"),
    Case("struct s { static int a; };", "1:12 [misplaced-storage-class]"),
    Case("int f(extern int a);", "1:7 [misplaced-storage-class]"),
    Case("void x;", "1:6 [bad-type]"),
    Case("struct s { void x; };", "1:17 [bad-type]"),
    Case("struct s { int f(void); };", "1:16 [bad-type]"),
    Case("void a[3];", "1:7 [bad-type]"),
    Case("int a[3](void);", "1:6 [bad-type]"),
    Case("int f(void)[3];", "1:6 [bad-type]"),
    Case("int f(void)(void);", "1:6 [bad-type]"),
    Case("int a[][];", "1:6 [bad-type]"),
    Case("int f(int, void);", "1:12 [void-parameter]"),
    Case("struct s { struct s a; };", "1:21 [incomplete-type]"),
    Case("struct s { struct s a[2]; };", "1:21 [incomplete-type]"),
    Case("struct s { struct s { int a; } b; };", "1:19 [redefined]"),
    Case("struct; ", "1:7 [unexpected-token]"),
    Case("enum 3;", "1:6 [unexpected-token]"),
    Case("typedef __auto_type t;", "1:1 [unknown-type]"),
    // Names.
    Case("int;", "1:4 [missing-name]"),
    Case("typedef struct s;", "1:17 [missing-name]"),
    Case("int int;", "1:5 [bad-specifiers]"),
    Case("int *;", "1:6 [missing-name]"),
    Case("int *if_, *long;", "1:12 [keyword-as-name]"),
    Case("struct s { int; };", "1:15 [missing-name]"),
    Case("struct s { int a, a; };", "1:19 [duplicate-member]"),
    Case("struct s { int a; struct { int a; }; };", "1:19 [duplicate-member]"),
    // Redeclaration.
    Case("int x; long x;", "1:13 [redeclared]"),
    Case("int f(int); int f(long);", "1:17 [redeclared]"),
    Case("int f(int); int f(int, ...);", "1:17 [redeclared]"),
    Case("typedef int t; typedef long t;", "1:29 [redeclared]"),
    Case("typedef int t; int t;", "1:20 [redeclared]"),
    Case("int x; int x(void);", "1:12 [redeclared]"),
    Case("enum e { A }; int A;", "1:19 [redeclared]"),
    Case("enum e { A }; enum f { A };", "1:24 [redeclared]"),
    Case("enum { A, A };", "1:11 [redeclared]"),
    Case("extern int a[2]; extern int a[3];", "1:29 [redeclared]"),
    Case("struct s { int a; }; struct s { long a; };", "1:29 [redefined]"),
    Case("struct s { int a; }; union s x;", "1:28 [wrong-tag-kind]"),
    Case("int f(void) {} int f(void) {}", "1:20 [redefined]"),
    // Constants.
    Case("int a[n];", "1:7 [unknown-name]"),
    Case("int a[-1];", "1:7 [negative-array]"),
    Case("int a[1.5];", "1:7 [not-constant]"),
    Case("int a[1 / 0];", "1:9 [division-by-zero]"),
    Case("int a[1 % (2 - 2)];", "1:9 [division-by-zero]"),
    Case("int a[0x];", "1:7 [bad-number]"),
    Case("int a[08];", "1:7 [bad-number]"),
    Case("int a[1lul];", "1:7 [bad-number]"),
    Case("int a[1.0df > 0];", "1:7 [bad-number]"),
    Case("int a[sizeof 1e5DL];", "1:14 [bad-number]"),
    Case("int a[1.0dF > 0];", "1:7 [bad-number]"),
    Case("int a[99999999999999999999];", "1:7 [bad-number]"),
    Case("int a[''];", "1:7 [bad-character]"),
    Case("int a[sizeof(foo_t)];", "1:14 [unknown-name]"),
    Case("foo_t x; int a[sizeof(x)];", "1:22 [unknown-size]"),
    Case("struct s; int a[sizeof(struct s)];", "1:23 [unknown-size]"),
    Case("int a[]; int b[sizeof(a)];", "1:22 [incomplete-type]"),
    Case("char a[1UL << 62][1UL << 62];", "1:18 [type-too-large]"),
    Case("int a[sizeof(int];", "1:17 [unexpected-token]"),
    Case("int a[1 +];", "1:10 [unexpected-token]"),
    Case("int a[(1];", "1:9 [missing-bracket]"),
    Case("int a[1 ? 2];", "1:12 [unexpected-token]"),
    Case("struct s { int a; }; int x[__builtin_offsetof(struct s, b)];", "1:57 [unknown-member]"),
    Case("int x[__builtin_offsetof(int, b)];", "1:31 [unknown-member]"),
    Case("int x[_Generic(1, long: 2)];", "1:7 [no-association]"),
    Case("int x[*3];", "1:7 [bad-operand]"),
    Case("_Static_assert(sizeof(int) == 8, \"int\");", "1:1 [static-assert-failed]"),
    // Bit-fields and flexible members.
    Case("struct s { int a : 33; };", "1:20 [bad-bit-field]"),
    Case("struct s { int a : -1; };", "1:20 [bad-bit-field]"),
    Case("struct s { int a : 0; };", "1:16 [bad-bit-field]"),
    Case("struct s { float a : 3; };", "1:18 [bad-bit-field]"),
    Case("struct s { _Bool a : 2; };", "1:22 [bad-bit-field]"),
    Case("struct s { foo_t a : 2; };", "1:18 [unknown-size]"),
    Case("struct s { int a[]; int b; };", "1:16 [flexible-not-last]"),
    // Enumerations.
    Case("enum : float { A };", "1:8 [bad-enum]"),
    Case("enum : char { A = 200 };", "1:15 [enum-too-large]"),
    Case("enum { A = 18446744073709551615U, B = -1 };", "1:8 [enum-too-large]"),
    Case("enum { A = 0xffffffffffffffff, B };", "1:32 [enum-too-large]"),
    Case("enum { 3 };", "1:8 [unexpected-token]"),
    // Attributes and pragmas.
    Case("int x __attribute__((aligned(3)));", "1:30 [bad-alignment]"),
    Case("int x __attribute__((aligned(1UL << 40)));", "1:30 [bad-alignment]"),
    Case("int x __attribute__((aligned(4));", "1:33 [unexpected-token]"),
    Case("typedef int t __attribute__((vector_size(6)));", "1:13 [bad-vector]"),
    Case("typedef int t __attribute__((mode(ZZ)));", "1:13 [bad-mode]"),
    Case("typedef int t __attribute__((aligned(16))); t a[2];", "1:48 [bad-type]"),
    Case("#pragma pack(3)\nint x;", "1:9 [bad-pragma]"),
    Case("#pragma pack push\nint x;", "1:9 [bad-pragma]"),
    // Characters and directives.
    Case("int “x”;", "1:5 [stray-character]", "1:9 [stray-character]"),
    Case("int x @;", "1:7 [stray-character]"),
    Case("int \u{1}x;", "1:5 [stray-character]"),
    Case("/* int x;", "1:1 [unterminated-comment]"),
    Case("char x[sizeof \"abc];", "1:15 [unterminated-literal]"),
    Case("char x[sizeof \"abc];\nint y;", "1:15 [unterminated-literal]"),
    Case("char *s = \"abc;\nint y[-1];", "1:11 [unterminated-literal]"),
    Case("int x = 'a;\nint y;", "1:9 [unterminated-literal]"),
    Case("enum { A = 'a, B };", "1:12 [unterminated-literal]"),
    // What follows from an error is none.
    Case("int f(int a; int b);", "1:12 [unexpected-token]"),
    Case("int f(int a; int b; int c);\nint g(void);", "1:12 [unexpected-token]"),
    Case("struct s { foo bar baz; };\nint x[sizeof(struct s)];", "1:20 [unexpected-token]"),
    Case("struct s { float f : 2; };\nstruct s { int a; };\nstruct s x;", "1:18 [bad-bit-field]"),
    Case("int a[-1];\nint b[sizeof(a)];\nlong a;", "1:7 [negative-array]"),
    Case("enum { A = B, C };\nint x[C];\nint y[B];", "1:12 [unknown-name]"),
    Case("typedef int t[-1];\nint x[sizeof(t)];", "1:15 [negative-array]"),
    Case("int x, y[-1];\nlong x;", "1:10 [negative-array]"),
    Case("struct s;\nstruct s { int a : 99; };\nunion u { struct s s; };", "2:20 [bad-bit-field]"),
    Case("int x[({ 1; 2]; })];", "1:14 [unexpected-token]"),
    Case("int x[({ 1; })];", "1:7 [not-constant]"),
    Case("typeof(({ nothing; })) x;", "1:11 [unknown-name]"),
    Case("static __auto_type x;", "1:1 [unknown-type]"),
    Case("struct s { __auto_type x; };", "1:12 [unknown-type]"),
    Case("int f(a, b) int a; long a; { }", "1:25 [redeclared]"),
    Case("#include <linux/time.h>\nint x;", "1:2 [needs-preprocessor]"),
    Case("int y;\n#if FOO > 1\nint x;\n#endif", "2:2 [needs-preprocessor]"),
    Case("#ifdef __GNUC__\nint x;\n#endif", "1:2 [needs-preprocessor]"),
    Case("#if 0\n#elif FOO\n#endif", "2:2 [needs-preprocessor]"),
    Case("#ifdef FOO\nint x;", "1:2 [missing-endif]"),
    Case("#endif", "1:2 [stray-conditional]"),
    Case("#else\nint x;", "1:2 [stray-conditional]"),
    Case("#if 1\n#else\n#else\n#endif", "3:2 [stray-conditional]"),
    Case("#define F(x) x\nint a[F(3)];", "2:7 [needs-preprocessor]", "2:7 [unknown-name]"),
    Case("#define\nint x;", "1:8 [missing-name]"),
    Case("#error no\nint x;", "1:2 [error-directive]"),
    Case("#inclde <a.h>\nint x;", "1:2 [unknown-directive]"),
    // Several errors in one run.
    Case(
      "int a[-1];\nstruct s { int b; int b; float c : 2; };\nlong long long d;\nint e;",
      "1:7 [negative-array]", "2:23 [duplicate-member]", "2:32 [bad-bit-field]",
      "3:11 [bad-specifiers]"),
    // Only a C preprocessor knows.
    Case("int a[__SIZEOF_LONG__];", "1:7 [needs-preprocessor]"),
    Case("__SIZE_TYPE__ x;", "1:1 [needs-preprocessor]"),
    Case("in\\\nt x;", "1:3 [needs-preprocessor]", "2:3 [unexpected-token]"),
    Case("int a[1\\\r\n0];", "1:8 [needs-preprocessor]", "2:1 [missing-bracket]"),
    Case("int a[1'0'];", "1:10 [unterminated-literal]"),
    Case("int a[1''0];", "1:8 [missing-bracket]"),
    Case("#pragma pack(2.0)\nint x;", "1:9 [bad-pragma]"),
    Case("_Pragma(\"pack(3)\") int x;", "1:10 [bad-pragma]"),
    Case("_Pragma(pack) int x;", "1:1 [missing-type]"),
  ]

  @Test(arguments: cases)
  func everyErrorHasItsPlaceAndId(_ bad: Case) {
    #expect(errors(bad.text) == bad.errors)
    #expect(!parse(bad.text).diagnostics.contains { $0.message.contains("syntax error") })
  }

  /// docs/cdef.md, "How it is tested".
  @Test func theNumberOfCasesIsTheOneInTheDocumentation() throws {
    let chapter = try String(
      contentsOf: URL(fileURLWithPath: #filePath).appendingPathComponent("../../../docs/cdef.md")
        .standardized, encoding: .utf8)
    let number = try #require(chapter.firstMatch(of: #/([0-9]+) bad\s+declarations/#)?.1)
    #expect(Int(number) == Self.cases.count)
  }

  /// It is an error of the command line, whatever the text.
  @Test func aNameToKeepThatNothingDeclaresHasNoPlace() {
    let result = parse("int value;\nint *pointer;", CDefParser.Options(only: ["vaule"]))
    #expect(result.diagnostics.map(\.place) == [.none])
    #expect(result.diagnostics.first?.hints == ["did you mean 'value'?"])
  }

  @Test func aMissingSemicolonIsRepaired() {
    let result = parse("struct s { int a }\nvoid f(struct s *)")
    #expect(result.isRepaired)
    #expect(result.document.record("s")?.size == 4)
    #expect(result.document.declaration("f") == "void f(struct s *)")
    #expect(!parse("struct s { int a }; int b[-1];").isRepaired)
  }

  @Test func bothPlacesOfAConflictAreShown() {
    let diagnostic = parse("int f(int);\nint f(long);").diagnostics.first
    #expect(
      diagnostic?.notes.first?.place == .text(SourceLocation(file: "t.h", line: 1, column: 5)))
    #expect(diagnostic?.notes.first?.excerpt?.line == "int f(int);")
  }

  @Test func theNearestNameIsOffered() {
    #expect(parse("unsinged int x;").diagnostics.first?.hints == ["did you mean 'unsigned'?"])
    #expect(
      parse("enum { LENGTH = 3 }; int x[LENGHT];").diagnostics.first?.hints
        == ["did you mean 'LENGTH'?"])
  }

  @Test func typographicQuotesAreExplained() {
    #expect(parse("int “x”;").diagnostics.first?.hints == ["write straight quotes: \" or '"])
  }

  @Test func errorsHaveALimit() {
    let text = String(repeating: "int a[-1];\n", count: 50)
    let diagnostics = parse(text).diagnostics
    #expect(diagnostics.count == 21)
    #expect(diagnostics.last?.id == "too-many-errors")
  }

  @Test func nestingHasALimit() {
    for (open, close) in [("(", ")"), ("struct { ", "int a; }; "), ("int (*f)(", ") ")] {
      let count = 5000
      let text =
        "int x" + String(repeating: open, count: count) + String(repeating: close, count: count)
      #expect(parse(text + ";").hasErrors)
      #expect(parse(String(repeating: open, count: count)).hasErrors)
    }
    #expect(
      errors("int a[" + String(repeating: "(", count: 300) + "1") == ["1:262 [nesting-too-deep]"])
  }

  @Test func macrosThatGrowWithoutEndAreStopped() {
    var text = "#define M0 int\n"
    for level in 1...40 { text += "#define M\(level) M\(level - 1) M\(level - 1)\n" }
    let diagnostics = parse(text + "M40 x;").diagnostics
    #expect(diagnostics.contains { $0.id == "bad-specifiers" || $0.id == "macro-too-large" })
  }

  @Test func lineMarkersMoveThePlace() {
    let diagnostic = parse("# 40 \"other.h\" 1\nint a[-1];\n").diagnostics.first
    #expect(diagnostic?.place == .text(SourceLocation(file: "other.h", line: 40, column: 7)))
    #expect(diagnostic?.excerpt?.line == "int a[-1];")
  }
}
