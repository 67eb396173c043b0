// SPDX-License-Identifier: MIT

import CDefParser
import Testing
import TypeIR

@Suite struct PrinterTests {
  /// What `--print=c` writes has, to gcc and to the parser, the layout of the original.
  @Test func printedCHasTheSameLayout() throws {
    var generator = DeclarationGenerator(seed: 77)
    var text = DeclarationGenerator.prelude
    for _ in 0..<300 { text += generator.declaration() }
    let original = document(text)
    let printed = CHeader.text(of: original)
    let disagreements = try LayoutOracle(original).disagreements(with: printed)
    #expect(disagreements.isEmpty, "\(disagreements)")
    let again = document(printed)
    for case .record(let record) in original.types.entries.map(\.type) {
      guard let tag = record.tag else { continue }
      #expect(again.record(tag)?.size == record.size, "\(tag)")
      #expect(again.record(tag)?.align == record.align, "\(tag)")
    }
  }

  @Test func printedCDeclaresEverySymbol() {
    let text = """
      struct a; union u { struct a *p; };
      typedef struct { int x; } *handle;
      enum { BIG = 18446744073709551615UL, SMALL = 0 } how;
      enum { LOW = -9223372036854775807L - 1 } low;
      void (*signal(int, void (*)(int)))(int) __asm__("signal2");
      handle get(union u, struct a *, int, ...);
      extern const volatile unsigned long table[3][4];

      """
    let original = document(text)
    let printed = CHeader.text(of: original)
    let again = document(printed)
    #expect(again.symbols.map(\.name) == original.symbols.map(\.name))
    for name in ["signal", "get", "table"] {
      #expect(again.declaration(name) == original.declaration(name))
    }
    #expect(again.symbol("signal")?.linkName == "signal2")
    #expect(again.record("u")?.size == 8)
  }

  @Test func theLayoutIsPrintedWithItsHoles() {
    let text = LayoutPrinter.print(
      document("struct s { char c; long l; int a : 3, b : 7; union { int i; char d[5]; }; };"))
    #expect(
      text == """
        struct s {
            char c;                                      /* 0 1 */
            /* hole: 7 bytes */
            long l;                                      /* 8 8 */
            int a:3;                                     /* 16:0 */
            int b:7;                                     /* 16:3 */
            /* hole: 22 bits */
            union {
                int i;                                   /* 20 4 */
                char d[5];                               /* 20 5 */
            };                                           /* 20 8 */
            /* padding: 4 bytes */
        };  /* size: 32, align: 8, members: 5 */

        """)
  }
}
