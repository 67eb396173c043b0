// SPDX-License-Identifier: MIT

import CDefParser
import Testing
import TypeIR

@Suite struct DeclarationTests {
  /// A declaration of `x`, and how the IR spells it.
  @Test(arguments: [
    ("int x;", "int x"), ("int unsigned long x;", "unsigned long x"),
    ("long long unsigned int x;", "unsigned long long x"), ("signed x;", "int x"),
    ("short int x;", "short x"), ("unsigned x;", "unsigned int x"),
    ("char signed x;", "signed char x"),
    ("long double x;", "long double x"), ("_Bool x;", "_Bool x"), ("bool x;", "_Bool x"),
    ("double _Complex x;", "_Complex double x"), ("unsigned __int128 x;", "unsigned __int128 x"),
    ("__signed__ char x;", "signed char x"), ("int const volatile x;", "const volatile int x"),
    ("const char *const x;", "const char *const x"), ("int *restrict *x;", "int *restrict *x"),
    ("int x[3][4];", "int x[3][4]"), ("int *x[3];", "int *x[3]"), ("int (*x)[3];", "int (*x)[3]"),
    ("int (x);", "int x"), ("int ((*(x)));", "int *x"), ("int x(void);", "int x(void)"),
    ("int x();", "int x(void)"), ("int (*x)(int, char *);", "int (*x)(int, char *)"),
    ("int (*(*x)(void))[3];", "int (*(*x)(void))[3]"),
    ("int x(int a[3], int f(void));", "int x(int *a, int (*f)(void))"),
    ("int x(const int a, int *const p);", "int x(int a, int *p)"),
    ("int x(int n, int a[n][3]);", "int x(int n, int (*a)[3])"),
    ("int x(char a[restrict static 4]);", "int x(char *a)"),
    ("int x(const char *, ...);", "int x(const char *, ...)"),
    ("void (*x(int, void (*)(int)))(int);", "void (*x(int, void (*)(int)))(int)"),
    ("typedef int t; const t x;", "const t x"), ("typedef int t; t t1, *x;", "t *x"),
    ("typedef char t[4]; int x(t a);", "int x(char *a)"),
    ("typedef const char t[4]; int x(t a);", "int x(const char *a)"),
    ("typedef int f(void); f x;", "f x"), ("typedef int f(void); int x(f g);", "int x(f *g)"),
    ("struct s { int a; } x;", "struct s x"), ("struct s *x;", "struct s *x"),
    ("enum e { A } x;", "enum e x"), ("extern int x, y;", "int x"),
    ("_Atomic int x;", "_Atomic(int) x"), ("_Atomic(int) x;", "_Atomic(int) x"),
    ("int a; typeof(a) *x;", "int *x"), ("typeof(int *) x;", "int *x"),
    ("const int a; typeof_unqual(a) x;", "int x"),
    ("extern int a[5]; typeof(a[0] + 1ul) x;", "unsigned long x"),
    ("__extension__ long long x;", "long long x"), ("extern __thread int x;", "int x"),
    ("_Noreturn void x(void);", "void x(void)"), ("int x __attribute__((unused));", "int x"),
    ("[[maybe_unused]] int x;", "int x"), ("int x asm(\"y\");", "int x"),
    ("__builtin_va_list x;", "struct __va_list_tag x[1]"),
    ("typedef unsigned t __attribute__((mode(DI))); t x;", "t x"),
    ("asmlinkage long x(void __user *p, size_t n);", "long x(void *p, size_t n)"),
    ("static inline int x(int a) { return a; }", "int x(int a)"),
    ("int x = 3, y = { 4 };", "int x"), ("char x[] = \"abc\";", "char x[]"),
    ("foo_t x;", "foo_t x"), ("int x(foo_t);", "int x(foo_t)"),
    ("foo_t (*x)(bar_t *b);", "foo_t (*x)(bar_t *b)"), ("int x[sizeof(int[?])];", "?"),
  ])
  func declaratorsMeanWhatTheyShould(_ text: String, _ expected: String) {
    if expected == "?" {  // `[?]` has no size.
      #expect(!errors(text).isEmpty)
    } else {
      #expect(document(text).declaration("x") == expected)
    }
  }

  @Test func redeclarationsThatAgreeAreOneSymbol() {
    let text = """
      extern int a[]; extern int a[4];
      int f(); int f(int x); int f(int);
      typedef int t; typedef int t; typedef t u; extern t v; extern u v; extern int v;
      struct s { int a; }; struct s { int a; };
      enum e { A, B }; enum e { A, B };
      struct later; struct later *p; struct later { int x; }; extern struct later *p;
      int g(int (*)[]); int g(int (*)[3]);
      """
    let document = document(text)
    #expect(document.symbols.map(\.name) == ["a", "f", "v", "p", "g"])
    #expect(document.declaration("a") == "int a[4]")
    #expect(document.declaration("f") == "int f(int x)")
    #expect(document.record("later")?.size == 4)
  }

  @Test func bodiesSayWhetherThereIsASymbol() {
    let text = """
      static inline int only(void) { return '}'; }
      static int hidden(void) { /* } */ return 0; }
      int defined(void) { return "}"[0]; }
      inline int both(void) { return 0; } extern int both(void);
      """
    let document = document(text)
    #expect(document.symbols.map(\.isInlineOnly) == [true, true, false, false])
    #expect(document.wants.map(\.name) == ["defined", "both"])
  }

  @Test func whatTheKernelMustKnowIsWanted() {
    let text = """
      pid_t getpid(void);
      struct opaque *make(void);
      extern struct task_struct init_task;
      struct s { struct list_head list; struct pointed *p; u32 number[3]; };
      """
    let document = document(text)
    #expect(
      document.wants.filter { $0.kind == .type }.map { "\($0.name) \($0.at)" } == [
        "pid_t t.h:1:1", "struct task_struct t.h:3:15", "struct list_head t.h:4:19",
        "u32 t.h:4:54",
      ])
    let record = document.record("s")
    #expect(record?.size == nil)
    #expect(record?.members.allSatisfy { $0.bitOffset == nil } == true)
  }

  @Test func aPendingLayoutKeepsWhatItWillHeed() {
    let text = """
      #pragma pack(push, 2)
      struct s { u32 a; char b : 3; long : 0; int c __attribute__((aligned(8))); }
        __attribute__((packed, aligned(16)));
      #pragma pack(pop)
      """
    var document = document(text)
    let record = document.record("s")
    #expect(record?.request == LayoutRequest(isPacked: true, align: 16, maximumAlign: 2))
    #expect(record?.members.map(\.bitSize) == [nil, 3, 0, nil])
    // Once the type is known, it is as if it had been known from the start.
    let known = parse("typedef unsigned u32;\n" + text).document.record("s")
    for index in document.types.entries.indices {
      if case .unresolved = document.types.entries[index].type {
        document.types.entries[index].type = .int(
          name: "u32", size: 4, align: 4, encoding: .unsigned)
      }
    }
    #expect(throws: Never.self) { try document.types.layOutRecords() }
    let completed = document.record("s")
    #expect(completed?.size == known?.size)
    #expect(completed?.members.map(\.bitOffset) == known?.members.map(\.bitOffset))
    #expect(completed?.request == LayoutRequest.none)
  }

  @Test func onlyKeepsWhatIsReached() {
    let text = """
      struct a { int x; }; struct b { struct a *p; }; struct c { int y; };
      typedef struct b b_t; int f(b_t *); int g(struct c *);
      """
    let only = document(text, CDefParser.Options(only: ["f"]))
    #expect(only.symbols.map(\.name) == ["f"])
    #expect(only.record("a") != nil && only.record("c") == nil)
    #expect(document(text, CDefParser.Options(only: ["struct c"])).record("c") != nil)
    let missing = parse(text, CDefParser.Options(only: ["ff"])).diagnostics
    #expect(missing.map(\.id) == ["unknown-name"])
  }

  @Test func sameInputSameBytes() {
    let text = RobustnessTests.sample
    #expect(document(text).encode() == document(text).encode())
  }

  @Test func charHasTheSignThatIsAskedFor() {
    let text = "enum { A = (char)200 }; struct s { char c; };"
    let unsigned = document(
      text, CDefParser.Options(charIsSigned: false, keepsAllConstants: true))
    #expect(unsigned.constants.first?.value == IntegerValue(UInt64(200)))
    #expect(!unsigned.target.charIsSigned)
    let signed = document(text, CDefParser.Options(keepsAllConstants: true))
    #expect(signed.constants.first?.value == IntegerValue(Int64(-56)))
  }
}
