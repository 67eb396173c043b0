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

  /// gcc's manual, "Attribute Syntax": inside a declarator, an attribute is about the type made so far,
  /// which may be less aligned by it, too.
  @Test func anAlignmentInsideADeclaratorIsThatOfTheTypeMadeSoFar() throws {
    let declarators = [
      "* ATTRIBUTE m", "* ATTRIBUTE const m", "* const ATTRIBUTE m", "* ATTRIBUTE *m",
      "** ATTRIBUTE m", "(ATTRIBUTE m)", "(ATTRIBUTE m)[4]", "(ATTRIBUTE *m)", "(* ATTRIBUTE m)",
      "(* ATTRIBUTE m)(void)", "(ATTRIBUTE *m)(void)", "* ATTRIBUTE (*m)(int)",
      "* ATTRIBUTE m __attribute__((aligned(4)))", "* ATTRIBUTE m, n, * ATTRIBUTE o",
      "m, * ATTRIBUTE n, (ATTRIBUTE o)", "((ATTRIBUTE m))", "* ATTRIBUTE (m)",
    ]
    var text = ""
    for (number, declarator) in declarators.enumerated() {
      for align in [1, 2, 8, 32] where align != 32 || !declarator.contains("[4]") {
        let attributed = declarator.replacing(
          "ATTRIBUTE", with: "__attribute__((aligned(\(align))))")
        text += "struct s\(number)_\(align) { char c; int \(attributed); char d; };\n"
      }
    }
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
