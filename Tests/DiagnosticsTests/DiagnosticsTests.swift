// SPDX-License-Identifier: MIT

import Diagnostics
import Testing

@Suite struct RendererTests {
  @Test func showsPlaceLineAndCaret() {
    let diagnostic = Diagnostic(
      "missing-semicolon", "expected ';'",
      place: .text(SourceLocation(file: "s.kp", line: 3, column: 6)),
      excerpt: SourceExcerpt(line: "\tint é x", column: 6, length: 2), hints: ["add one"])
    #expect(
      DiagnosticRenderer().render(diagnostic) == """
        s.kp:3:6: error: expected ';' [missing-semicolon]
          \tint é x
          \t    ^
          hint: add one

        """)
  }

  @Test func terminalEscapesAreNotPassedOn() {
    let diagnostic = Diagnostic(
      "x", "m", excerpt: SourceExcerpt(line: "a\u{1B}[31mb", column: 99))
    #expect(!DiagnosticRenderer().render(diagnostic).contains("\u{1B}"))
  }
}

@Suite struct NearestNameTests {
  @Test(arguments: [
    ("do_gettimeofdat", ["do_gettimeofday"]), ("pritn", ["print"]), ("xyz", []), ("", []),
  ])
  func suggestsCloseNames(name: String, expected: [String]) {
    let known = ["do_gettimeofday", "print", "printf", "getnstimeofday"]
    #expect(NearestName.suggestions(for: name, among: known).first == expected.first)
  }

  @Test func filterLosesNoSuggestion() {
    let known = ["do_gettimeofday", "do_gettimeofdat", "print", "printf", "prnit", "p", "tpirn"]
    for name in known {
      let filter = NearestName.Filter(name)
      let kept = known.filter { Array($0.utf8).withUnsafeBufferPointer(filter.mayBeNear) }
      #expect(
        NearestName.suggestions(for: name, among: kept)
          == NearestName.suggestions(for: name, among: known))
    }
    #expect(!Array("scanf_".utf8).withUnsafeBufferPointer(NearestName.Filter("printf").mayBeNear))
    #expect(
      !Array("printf_or_not".utf8).withUnsafeBufferPointer(NearestName.Filter("printf").mayBeNear))
  }
}
