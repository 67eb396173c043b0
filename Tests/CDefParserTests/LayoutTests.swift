// SPDX-License-Identifier: MIT

import CDefParser
import Foundation
import Testing
import TypeIR

/// gcc is the judge of every size, alignment and offset.
@Suite struct LayoutTests {
  /// An attribute between a tag and the declarator is the declaration's, of a typedef the typedef's.
  @Test(arguments: [
    "struct s { char c; }; typedef struct s __attribute__((aligned(16))) t; t x;",
    "struct __attribute__((packed)) s { char c; int i; }; typedef struct s t[2];",
    "enum e { A }; typedef enum e __attribute__((aligned(8))) t; struct s { char c; t t; };",
  ])
  func textsAreLaidOutAsGccDoes(_ text: String) throws {
    #expect(try LayoutOracle(document(text)).disagreements(with: text) == "")
  }

  /// What gcc and clang lay out differently: gcc is right, since it builds the kernel.
  @Test(arguments: [
    "typedef long t __attribute__((aligned(2))); struct s { t a : 64; };",
    "typedef int t __attribute__((aligned(8))); struct s { int a : 21; t b : 1; };",
    "typedef short t __attribute__((aligned(16))); struct s { char a : 4; t : 9; char b : 3; };",
    """
    #pragma pack(2)
    struct s { char c; int a : 26 __attribute__((aligned(8))); };
    """,
  ])
  func whereGccAndClangDifferGccIsRight(_ text: String) throws {
    let document = document(text)
    #expect(try LayoutOracle(document).disagreements(with: text) == "")
    #expect(try LayoutOracle(document, compiler: "clang").disagreements(with: text) != "")
  }

  /// The first of the seeds: `make fuzz-layout` gives others.
  private static let seed =
    ProcessInfo.processInfo.environment["KTAP_LAYOUT_SEED"].flatMap(UInt64.init) ?? 1

  @Test(arguments: 0..<10)
  func randomDeclarationsAreLaidOutAsGccDoes(_ part: UInt64) throws {
    try check(RandomDeclarations(seed: Self.seed &+ part, count: 2000), compiler: "gcc")
  }

  @Test func randomDeclarationsAreLaidOutAsClangDoes() throws {
    try check(RandomDeclarations(seed: Self.seed, count: 2000, .common), compiler: "clang")
  }

  private func check(_ declarations: RandomDeclarations, compiler: String) throws {
    let oracle = LayoutOracle(document(declarations.text), compiler: compiler)
    #expect(oracle.shareOfRecordsWithBitFields >= 0.4)
    let disagreements = try oracle.disagreements(with: declarations.text)
    #expect(disagreements.isEmpty, "seed \(declarations.seed): \(disagreements)")
  }
}
