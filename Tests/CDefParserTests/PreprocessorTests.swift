// SPDX-License-Identifier: MIT

import CDefParser
import Testing
import TypeIR

@Suite struct PreprocessorTests {
  private func names(_ text: String) -> [String] { document(text).symbols.map(\.name) }

  @Test func conditionalsOnMacrosAreObeyed() {
    #expect(
      names(
        """
        #ifndef GUARD_H
        #define GUARD_H
        int a;
        #ifdef MISSING
        # ifdef GUARD_H
        int "unbalanced;
        # else
        int b;
        # endif
        #elif 1
        int c;
        #else
        int d;
        #endif
        #if 0
        int e; /* #endif */ // #endif
        #elifdef GUARD_H
        int f;
        #elifndef MISSING
        int g;
        #else
        int h;
        #endif
        #ifdef __cplusplus
        extern "C" {
        #endif
        #endif
        int z;
        """) == ["a", "c", "f", "z"])
  }

  @Test func longChainsOfConditionsAreNoRecursion() {
    let text = "#if 0\n" + String(repeating: "#elif 0\n", count: 20_000) + "#else\nint x;\n#endif"
    #expect(names(text) == ["x"])
  }

  @Test func macrosAreExpandedWhereTheyAreUsed() {
    let text = """
      #define WORD unsigned /* a comment
         over two lines */ long
      #define NAME \\
        name
      #define SELF SELF
      #define PING PONG
      #define PONG PING
      #define f(x) x
      WORD NAME; int SELF, PING, f;
      """
    #expect(names(text) == ["name", "SELF", "PING", "f"])
    #expect(document(text).declaration("name") == "unsigned long name")
  }

  @Test func pragmaPackNests() {
    let text = """
      struct a { char c; long l; };
      #pragma pack(push, 1)
      struct b { char c; long l; };
      #pragma pack(2)
      struct c { char c; long l; };
      #pragma pack(push, outer, 4)
      struct d { char c; long l; };
      #pragma pack(pop, outer)
      struct e { char c; long l; };
      #pragma pack(pop)
      struct f { char c; long l; };
      #pragma pack(8)
      #pragma pack()
      struct g { char c; long l; };
      #pragma GCC diagnostic push
      """
    let document = document(text)
    #expect(
      ["a", "b", "c", "d", "e", "f", "g"].map { document.record($0)?.size } == [
        16, 9, 10, 12, 10, 16, 16,
      ])
  }

  /// Any integer that C can write; `_Pragma` is the same thing inside a line.
  @Test func pragmasMayBeOperators() throws {
    let text = """
      _Pragma("pack(push, 1)") struct a { char c; long l; }; _Pragma("pack(pop)")
      #define PACKED _Pragma("pack(push, 0x2u)")
      PACKED struct b { char c; long l; };
      _Pragma("GCC diagnostic push") struct c { char c; short s; long l; };
      #pragma pack(04)
      struct d { char c; long l; };
      """
    #expect(try LayoutOracle(document(text)).disagreements(with: text) == "")
    #expect(document(text).record("b")?.size == 10)
  }

  @Test func aByteOrderMarkIsNoPartOfTheText() {
    #expect(names("\u{FEFF}int a;") == ["a"])
    #expect(errors("\u{FEFF}int a[-1];") == ["1:7 [negative-array]"])
  }

  @Test func anErrorInAMacroPointsAtItsUse() {
    #expect(errors("#define BAD -1\nint a[BAD];") == ["2:7 [negative-array]"])
  }

  @Test func blanksAndCommentsAreNothing() {
    #expect(
      names("int/**/a;// b\r\nint \\\r\nc;/* \n */ int\\\n*d,\u{c}e;") == ["a", "c", "d", "e"])
  }

  @Test func digraphsAreBrackets() {
    #expect(document("struct s <% int a<:2:>; %>;").record("s")?.size == 8)
  }
}
