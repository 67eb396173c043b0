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
    let named = Diagnostic(
      "x", "no 'é\u{1B}[2J'", place: .file("a\u{9B}2J"), hints: ["did you mean '\n\u{7F}'?"])
    #expect(
      DiagnosticRenderer().render(named)
        == "a?2J: error: no 'é?[2J' [x]\n  hint: did you mean '??'?\n")
  }

  /// Of a long line, what stands around the place: the caret is below it, whole characters remain.
  @Test(arguments: [0, 1, 39, 40, 41, 42, 500, 9900, 9960, 10_000])
  func longLinesAreClipped(charactersBefore: Int) throws {
    let around = [charactersBefore, 10_000 - charactersBefore].map {
      String(repeating: "é", count: $0)
    }
    let excerpt = SourceExcerpt(
      line: around[0] + "!" + around[1], column: around[0].utf8.count + 1, length: 30_000)
    let text = DiagnosticRenderer().render(Diagnostic("x", "m", excerpt: excerpt))
    let lines = text.split(separator: "\n").map(Array.init)
    try #require(lines.count == 3)
    #expect(lines.allSatisfy { $0.count < 200 })
    let caret = try #require(lines[2].firstIndex(of: "^"))
    #expect(lines[1][caret] == "!")
    #expect(lines[2].count <= lines[1].count)
    #expect(lines[1].starts(with: "  ...") == (charactersBefore > 40))
    #expect(lines[1].suffix(3).elementsEqual("...") == (charactersBefore < 9921))
    #expect(lines[1].allSatisfy { "é!. ".contains($0) })
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

  /// An edit adds one mark at most and takes away one at most.
  @Test func lettersOfEditedNames() {
    var random = SystemRandomNumberGenerator()
    let letters = Array("abcdefghijklmnopqrstuvwxyzABCXYZ_.0123456789[]$".utf8)
    for _ in 0..<2000 {
      var name = (0..<Int.random(in: 0...20, using: &random)).map { _ in letters.randomElement()! }
      let before = LetterSet(name)
      let edits = Int.random(in: 0...4, using: &random)
      for _ in 0..<edits {
        let place = name.isEmpty ? 0 : Int.random(in: 0..<name.count, using: &random)
        switch Int.random(in: 0...3, using: &random) {
        case 0: name.insert(letters.randomElement()!, at: place)
        case 1 where !name.isEmpty: name.remove(at: place)
        case 2 where !name.isEmpty: name[place] = letters.randomElement()!
        case 3 where place + 1 < name.count: name.swapAt(place, place + 1)
        default: break
        }
      }
      let after = LetterSet(name)
      #expect(before.missing(in: after) <= edits && after.missing(in: before) <= edits)
    }
    #expect(LetterSet("abc".utf8).missing(in: LetterSet("ab".utf8)) == 1)
    #expect(LetterSet("aab".utf8).missing(in: LetterSet("ab".utf8)) == 1)
    #expect(LetterSet("struct_page".utf8).missing(in: LetterSet("no_such".utf8)) > 4)
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
