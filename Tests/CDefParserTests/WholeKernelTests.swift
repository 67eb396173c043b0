// SPDX-License-Identifier: MIT

import CDefParser
import Testing
import TypeIR

/// Every type of a whole kernel, as the C that bpftool makes of its BTF. gcc, compiling the same text,
/// is one judge; the BTF itself, as bpftool prints it entry by entry, is the other.
@Suite struct WholeKernelTests {
  /// gcc's own, which is there without any text.
  private static let builtin = ["struct __va_list_tag"]

  @Test func everyTypeOfDebian12sKernelIsRight() throws {
    let kernel = try Kernel.installed()
    let document = document(kernel.header)
    let disagreements = try LayoutOracle(document).disagreements(with: kernel.header)
    #expect(disagreements.isEmpty, "\(disagreements)")
    #expect(try differences(kernel, document) == [])
  }

  /// From this kernel on, bpftool's C does not say all that the BTF does: enumerations of one byte have
  /// four there. gcc judges that C; the BTF judges it with their size put in.
  @Test func everyTypeOfDebian13sKernelIsRight() throws {
    let kernel = try Kernel.debian13()
    let options = CDefParser.Options(charIsSigned: false)
    let disagreements = try LayoutOracle(document(kernel.header, options))
      .disagreements(with: kernel.header)
    #expect(disagreements.isEmpty, "\(disagreements)")
    let whole = document(try kernel.headerWithSmallEnumerations(), options)
    // A transparent union: its BTF has a size, and no members.
    #expect(
      try differences(kernel, whole) == ["typedef release_pages_arg: size 8, and size 0"])
  }

  /// Between what the BTF has and what was parsed, of which nothing may be missing.
  private func differences(
    _ kernel: Kernel, _ document: TypesDocument
  ) throws -> [String] {
    let recorded = kernel.dump.layouts()
    let parsed = NamedLayouts(document.types)
    #expect(recorded.count > 10_000)
    #expect(recorded.missing(in: parsed) == [BTFDump.typeWithoutC])
    #expect(parsed.missing(in: recorded) == Self.builtin)
    return recorded.different(in: parsed).map { "\($0): \($1)" }
  }

  /// A judge that accepts everything would be none.
  @Test(arguments: [
    "struct s { int a; };", "struct s { char c; int a : 8; };", "struct s { int a : 7; };",
    "union s { long l; };", "enum e { A = 2 };", "enum __attribute__((packed)) e { A };",
    "typedef short t;", "struct n { struct { short s; char c; } m; };",
    "struct n { struct { char c : 3; } m[2]; };",
  ])
  func theJudgesObject(_ wrong: String) throws {
    let right = """
      struct s { char c; int a : 7; };
      enum e { A };
      typedef long t;
      struct n { struct { char c; } m[2]; };

      """
    let rightLayouts = NamedLayouts(document(right).types)
    let wrongLayouts = NamedLayouts(document(wrong).types)
    #expect(
      !wrongLayouts.missing(in: rightLayouts).isEmpty
        || !wrongLayouts.different(in: rightLayouts).isEmpty)
    #expect(try LayoutOracle(document(right)).disagreements(with: right) == "")
    #expect(try LayoutOracle(document(wrong)).disagreements(with: right) != "")
  }
}
