// SPDX-License-Identifier: MIT

import CDefParser
import TestSupport
import Testing
import TypeIR

/// Attributes that change a layout or a call, and those that gcc accepts without effect.
@Suite struct AttributeTests {
  /// Records of `ms_struct`: bit-fields of types of several sizes, packed, aligned, under pragmas.
  private static func microsoftRecords(seed: UInt64, count: Int) -> String {
    var random = SeededGenerator(seed: seed)
    let types = [("char", 8), ("short", 16), ("int", 32), ("unsigned", 32), ("long", 64)]
    var text = "enum plain { A, B = 1 << 30 };\n"
    for number in 0..<count {
      let pack = random.once(in: 3) ? random.pick([1, 2, 4, 8]) : 0
      if pack != 0 { text += "#pragma pack(push, \(pack))\n" }
      text += random.once(in: 6) ? "union" : "struct"
      text += " s\(number) {"
      for member in 0...random.below(7) {
        let (type, bits) = random.once(in: 8) ? ("enum plain", 32) : random.pick(types)
        let own = random.pick(
          ["", "", "", "", "__attribute__((packed))", "__attribute__((aligned(8)))"])
        switch random.below(8) {
        case 0: text += " \(type) : \(random.once(in: 2) ? 0 : 1 + random.below(bits));"
        case 1, 2: text += " \(type) m\(member) \(own);"
        default: text += " \(type) m\(member) : \(1 + random.below(bits)) \(own);"
        }
      }
      let kind = random.pick(
        ["ms_struct", "ms_struct, packed", "__ms_struct__, aligned(16)", "gcc_struct"])
      text += " } __attribute__((\(kind)));\n"
      if pack != 0 { text += "#pragma pack(pop)\n" }
    }
    return text
  }

  @Test func microsoftsBitFieldsAreLaidOutAsGccDoes() throws {
    let text = Self.microsoftRecords(seed: 20, count: 1500)
    #expect(try LayoutOracle(document(text)).disagreements(with: text) == "")
  }

  /// A record whose layout must wait keeps what it was asked for.
  @Test func anUnresolvedMemberDefersMicrosoftsLayout() throws {
    let document = document("struct s { unknown_t u; int a : 3; } __attribute__((ms_struct));")
    #expect(document.record("s")?.request.isMS == true)
    let again = try TypesDocument.decode(document.encode(), name: "x")
    #expect(again.record("s")?.request.isMS == true)
  }

  @Test func aTypesAlignmentInADeclaratorMayHaveToWait() throws {
    let document = document("struct s { unknown_t u; int *__attribute__((aligned(2))) p; };")
    let again = try TypesDocument.decode(document.encode(), name: "x")
    #expect(again.record("s")?.members.map(\.request.typeAlign) == [0, 2])
  }

  /// Members with attributes at every place of a declarator, and around it.
  private static let attributedMembers = [
    "int * A m", "int * A const m", "int * const A m", "int * A *m", "int ** A m", "int (A m)",
    "int (A m)[4]", "int (A *m)", "int (* A m)", "int (* A m)[2]", "int (A *m)[2]", "int * A m[2]",
    "int (A m[2])", "int (* A m)(void)", "int (A *m)(void)", "int * A (*m)(int)", "int * A m B",
    "int * A m, n, * A o", "int m, * A n, (A o)", "int ((A m))", "int * A (m)", "int (A (B m))",
    "int (A m) B", "B int (A m)", "B int * A m", "int * A B m", "int (A * B m)", "int * A * B m",
    "int A m, *n", "short (A m)", "char (A m)[3]", "low_long (A m)", "aligned_int (A m)",
    "typeof(int A) m", "typeof(int * A) m", "typeof(int (A *)) m", "_Atomic int (A m)",
    "int * A _Atomic m", "int [[gnu::aligned(8)]] m B", "[[gnu::aligned(8)]] int m",
    "int m [[gnu::aligned(8)]] B", "int *[[gnu::aligned(2)]] m", "int m[2] [[gnu::aligned(8)]] B",
    "int (A m) : 3", "int (A m) : 13 B", "aligned_int (A m) : 5", "char (A m) : 5",
    "long (A m) : 33", "typeof(int A) m : 3", "int (P m)", "int * P m", "long (P A m)",
    "int (V m)", "int * V m", "int *m V", "int (V *m)", "int (V m)[2]", "int m[2] V",
    "int (D m)", "int * D m", "int *m D", "int (D *m)",
  ]

  /// gcc's manual, "Attribute Syntax": inside a declarator, an attribute is about the type made so far,
  /// whose alignment a packed record or member does not heed.
  @Test(arguments: [
    ("struct", "", ""), ("struct", "packed", ""), ("union", "", ""), ("union", "packed", ""),
    ("struct", "", "packed"), ("struct", "packed, aligned(4)", ""), ("struct", "ms_struct", ""),
    ("struct", "ms_struct, packed", ""), ("struct", "pack 1", ""), ("struct", "pack 2", ""),
  ])
  func anAttributeInsideADeclaratorIsAboutTheTypeMadeSoFar(
    _ keyword: String, _ attributes: String, _ own: String
  ) throws {
    let isPragma = attributes.hasPrefix("pack ")
    var text = DeclarationGenerator.prelude
    if isPragma { text += "#pragma pack(\(attributes.dropFirst(5)))\n" }
    for (number, member) in Self.attributedMembers.enumerated() {
      for (align, other) in [(1, 2), (2, 1), (8, 2), (16, 4), (4, 16)] {
        // An array's elements cannot be aligned to more than their size.
        if align > 2, member.contains("char (A m)[") || align > 4, member.contains("[") { continue }
        let attribute = { (name: String) in "__attribute__((\(name)))" }
        let meanings = [
          "A": "aligned(\(align))", "B": "aligned(\(other))", "P": "packed",
          "V": "vector_size(16)", "D": "mode(DI)",
        ]
        let attributed = member.replacing(#/\b[ABPVD]\b/#) { attribute(meanings[String($0.0)]!) }
        text += """
          \(keyword) \(attribute(isPragma ? "" : attributes)) s\(number)_\(align) {
            char c : 3; short s : 5; \(attributed) \(attribute(own)); char d;
          };

          """
      }
    }
    #expect(try LayoutOracle(document(text)).disagreements(with: text) == "")
  }

  /// What such attributes make of types and of what is asked of them.
  @Test func attributesInsideDeclaratorsAndTypeNamesMakeTypes() throws {
    let text = """
      typedef int (__attribute__((aligned(16))) raised), *__attribute__((aligned(2))) lowered;
      typedef int (__attribute__((aligned(2))) both) __attribute__((aligned(16)));
      struct s { char c; lowered p; raised r; both b; lowered a[2]; };
      enum {
        A = _Alignof(int __attribute__((aligned(16)))), B = _Alignof(int *__attribute__((aligned(2)))),
        C = _Alignof(typeof(int __attribute__((aligned(32))))), D = sizeof(int __attribute__((mode(DI))))
      };
      typedef int *pointer __attribute__((vector_size(16)));
      struct vectors { char c; typeof(*(pointer)0) v; };
      int *a __attribute__((mode(DI)));
      extern int *a;
      """
    #expect(try LayoutOracle(document(text)).disagreements(with: text) == "")
  }

  /// gcc has `#pragma ms_struct` on Darwin only: here it means nothing to it, nor to us.
  @Test func thePragmaForMicrosoftsLayoutMeansNothing() throws {
    let text = "#pragma ms_struct on\nstruct s { char a : 4; int b : 5; };\n"
    #expect(try LayoutOracle(document(text)).disagreements(with: text) == "")
  }

  /// What the 32-bit conventions are on x86-64: gcc takes a function with one for the same as one
  /// without, and a redeclaration for compatible; of the two that it has, each is itself.
  @Test(arguments: [
    ("regparm(3)", true), ("fastcall", true), ("stdcall", true), ("cdecl", true),
    ("thiscall", true), ("sysv_abi", true), ("ms_abi", false),
    ("unheard_of(1, \"x\")", true),
  ])
  func callingConventionsMeanWhatTheyMeanToGcc(_ attribute: String, _ isSame: Bool) throws {
    let text = "int f(int, long);\nint __attribute__((\(attribute))) f(int, long);\n"
    #expect(errors(text).isEmpty == isSame)
    #expect(try Tool.compilerErrors(text).isEmpty == isSame)
    #expect(
      document("int __attribute__((\(attribute))) g(int);").symbols.map(\.name) == ["g"])
  }

  /// Which of several functions in a declaration a convention is about: gcc takes each for a
  /// redeclaration of the other that says it by typedefs, and neither without the attribute.
  @Test(arguments: [
    ("MS int f(int)", "function f"), ("int MS f(int)", "function f"),
    ("int f(int) MS", "function f"), ("MS fn f", "function f"), ("MS pf f", "pointer f"),
    ("MS int (*f)(int)", "pointer f"), ("int MS (*f)(int)", "pointer f"),
    ("int (MS *f)(int)", "pointer f"), ("int (* MS f)(int)", "pointer f"),
    ("int (*f)(int) MS", "pointer f"), ("int (MS *const f)(int)", "const pointer f"),
    ("MS int (*const f)(int)", "const pointer f"), ("int (MS *f[3])(int)", "array f"),
    ("MS void *f(int)", "object f"), ("void *MS f(int)", "object f"),
    ("void f(MS int (*g)(int))", "parameter f"), ("void f(int (*g)(int) MS)", "parameter f"),
    ("void f(int (MS *)(int))", "parameter f"), ("MS int (*f(long))(int)", "inner f"),
    ("int (*(MS f)(long))(int)", "inner f"), ("int (MS *f(long))(int)", "outer f"),
  ])
  func aConventionIsAboutOneFunction(_ declaration: String, _ meaning: String) throws {
    let types = """
      typedef int fn(int); typedef fn *pf;
      typedef MS int function(int); typedef function *pointer; typedef pointer array[3];
      typedef MS void *object(int); typedef void parameter(pointer);
      typedef MS pf inner(long); typedef pointer outer(long);

      """
    for (first, isSame) in [(declaration, true), (declaration.replacing("MS ", with: ""), false)] {
      let text = (types + "extern \(first.replacing(" MS", with: isSame ? " MS" : ""));\n")
        .appending("extern \(meaning);\n").replacing("MS", with: "__attribute__((ms_abi))")
      #expect(errors(text).isEmpty == isSame, "\(text)")
      #expect(try Tool.compilerErrors(text).isEmpty == isSame, "\(text)")
    }
  }

  /// `designated_init` speaks of initialisers: gcc takes it on a struct alone, where it changes nothing.
  @Test func designatedInitialisersChangeNoLayout() throws {
    let text = "struct s { char a; long b : 3; int c; } __attribute__((designated_init));\n"
    #expect(errors(text).isEmpty)
    #expect(try LayoutOracle(document(text)).disagreements(with: text) == "")
  }

  @Test func transparentUnionsAreMarked() throws {
    let document = document(
      "typedef union { int *a; float *b; } __attribute__((transparent_union)) t; int f(t);")
    let unions = document.types.entries.compactMap { entry -> Record? in
      guard case .record(let record) = entry.type else { return nil }
      return record
    }
    #expect(unions.map(\.isTransparent) == [true])
  }
}
