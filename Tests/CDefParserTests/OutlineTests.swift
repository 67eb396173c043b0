// SPDX-License-Identifier: MIT

import CDefParser
import Testing
import TypeIR

/// `--only` parses no more than it must: what it makes must be what parsing everything makes.
@Suite struct OutlineTests {
  /// Declarations in which it is hard to see, without parsing, what they declare and need.
  private static let text = """
    typedef unsigned int u32;
    typedef u32 (name_in_parentheses);
    typedef u32 (array_in_parentheses)[4];
    typedef int (*handler_t)(u32, struct device *);
    typedef struct pair pair_t, *pair_pointer;
    struct pair { u32 first, second; } __packed;
    struct __attribute__((aligned(sizeof(struct pair)))) wide { pair_t pair; };
    #define EXTRA (BASE + 1)
    #define BASE 7
    enum __attribute__((packed)) length { LENGTH = 3, MORE = LENGTH + EXTRA };
    struct wide *make_wide(handler_t), *(*made[LENGTH])(name_in_parentheses);
    static inline int body(u32 value) { struct hidden { int x; } y; return value == MORE; }
    u32 (*resolver(void))(array_in_parentheses, ...);
    struct outer {
      struct inner { enum color { RED, GREEN } color; } inner;
      union { char bytes[sizeof(struct wide)]; u32 : 3; handler_t handler; };
    # 100 "other.h"
      struct later *later;
    };
    #pragma pack(push, 1)
    struct squeezed { char c; long l; enum length length; };
    #pragma pack(pop)
    struct later { typeof(((struct outer *)0)->inner) copy; struct squeezed squeezed[2]; };
    static const u32 table[] = { [RED] = 1, [GREEN] = 2 };
    extern u32 visible __asm__("real_name");
    _Static_assert(sizeof(u32) == 4, "u32");
    u32 last(enum color color) __attribute__((const));

    """

  /// It cannot be told what a condition inside a declaration cuts out of it, so all is parsed.
  private static let everything = text + "int end\n#ifdef NEVER\n#endif\n;\n"

  @Test(arguments: [
    "u32", "name_in_parentheses", "array_in_parentheses", "handler_t", "pair", "pair_t",
    "pair_pointer", "struct wide", "make_wide", "made", "length", "LENGTH", "MORE", "EXTRA", "body",
    "resolver", "outer", "inner", "color", "GREEN", "squeezed", "later", "table", "visible", "last",
  ])
  func partsAreWhatTheyAreInTheWhole(name: String) {
    let options = CDefParser.Options(only: [name])
    let part = document(Self.text, options)
    let whole = document(Self.everything, options)
    #expect(part.symbols.map(\.at) == whole.symbols.map(\.at))
    #expect(part.symbols.map(\.linkName) == whole.symbols.map(\.linkName))
    #expect(part.constants.map(\.value) == whole.constants.map(\.value))
    #expect(part.wants == whole.wants)
    #expect(lines(part) == lines(whole))
  }

  /// The types' numbers depend on what was parsed, and so does their order in C.
  private func lines(_ document: TypesDocument) -> [Substring] {
    CHeader.text(of: document).split(separator: "\n").sorted()
  }

  @Test func whatIsNotNeededIsNotParsed() {
    let text = "struct a { int x; };\nstruct wrong { int int; };\nstruct b { struct a a; };\n"
    #expect(document(text, CDefParser.Options(only: ["b"])).record("a") != nil)
    #expect(parse(text, CDefParser.Options(only: ["wrong"])).hasErrors)
  }

  /// A body ends its declaration, whatever the function returns: what follows is not needed.
  @Test(arguments: [
    "int f(void) { return 0; }", "struct s f(void) { struct s v; return v; }",
    "static inline struct s f(struct s a) { return a; }", "enum e { A } f(void) { return A; }",
    "struct s __attribute__((pure)) f(void) { }", "struct { int x; } f(void) { }",
    "struct s (*f(void))(int) { return 0; }", "struct s f(a) struct s a; { }",
    "struct __attribute__((packed)) t { int x; } f(void) { }", "struct s __printf(1, 2) f() { }",
  ])
  func bodiesEndDeclarations(function: String) {
    let text = "struct s { int x; };\n\(function)\nint int wrong;\n"
    #expect(!parse(text, CDefParser.Options(only: ["f"])).hasErrors)
  }

  @Test(arguments: [
    "struct b { struct a a; int 1x; };", "int f(int a) int a; {", "} int x;", "int (x",
    "#define", "#define 1 2", "#define \"", "#define /* name */\nint 1x;",
  ])
  func mistakesAreReportedAsEver(text: String) {
    let text = "struct a { int x; };\nlong\n" + text
    let only = parse(text, CDefParser.Options(only: ["b"])).diagnostics
    #expect(only.first?.id == parse(text).diagnostics.first?.id)
  }
}
