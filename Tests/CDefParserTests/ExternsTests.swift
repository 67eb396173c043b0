// SPDX-License-Identifier: MIT

import CDefParser
import Diagnostics
import Testing
import TypeIR

/// What a script needs, and where in it errors are.
@Suite struct ExternsTests {
  private func externs(
    _ text: String, types: [String] = [], names: [ExternsDocument.Name] = []
  ) -> ExternsDocument {
    ExternsDocument(
      cdefs: [
        ExternsDocument.CDef(
          text: text, at: "s.kp:3:10",
          map: [ExternsDocument.MapEntry(offset: 0, line: 3, column: 12)])
      ],
      types: types.enumerated().map {
        ExternsDocument.TypeString(text: $0.element, at: "s.kp:\(20 + $0.offset):9")
      }, names: names, members: ["comm"])
  }

  private func places(_ result: CDefParser.Result) -> [String] {
    result.diagnostics.map { diagnostic in
      guard case .text(let place) = diagnostic.place else { return diagnostic.id }
      return "\(place) [\(diagnostic.id)]"
    }
  }

  /// The first program that anyone saw of this project, with its two mistakes.
  @Test func theSlidesProgramHasTwoSemicolonsMissing() {
    let text = """

          typedef long __kernel_time_t;
          typedef long __kernel_suseconds_t;
          struct timeval {
              __kernel_time_t tv_sec;
              __kernel_suseconds_t tv_usec
          }
          void do_gettimeofday(struct timeval *tv);

      """
    var lines: [ExternsDocument.MapEntry] = []
    var offset = 0
    for (line, content) in text.split(separator: "\n", omittingEmptySubsequences: false)
      .enumerated()
    {
      lines.append(
        ExternsDocument.MapEntry(offset: offset, line: line + 1, column: line == 0 ? 12 : 1))
      offset += content.utf8.count + 1
    }
    let externs = ExternsDocument(
      cdefs: [ExternsDocument.CDef(text: text, at: "slides.kp:1:10", map: lines)],
      types: [ExternsDocument.TypeString(text: "struct timeval", at: "slides.kp:11:14")],
      names: [ExternsDocument.Name(name: "do_gettimeofdat", use: .call, at: "slides.kp:12:7")])
    let result = CDefParser.parse(externs)
    #expect(
      places(result) == [
        "slides.kp:6:37 [missing-semicolon]", "slides.kp:7:6 [missing-semicolon]",
      ])
    #expect(
      result.diagnostics.map(\.message) == [
        "expected ';' after 'tv_usec'", "expected ';' after '}'",
      ])
    #expect(result.isRepaired)
    #expect(result.document.record("timeval")?.size == 16)
    #expect(
      result.document.declaration("do_gettimeofday") == "void do_gettimeofday(struct timeval *tv)")
    #expect(
      result.document.wants == [
        Want(name: "do_gettimeofdat", kind: .symbol, use: .call, at: "slides.kp:12:7")
      ])
  }

  @Test func typeStringsAreTypeNames() {
    let document = CDefParser.parse(
      externs(
        "struct s { int x; }; typedef struct s *handle;",
        types: [
          "struct s", "handle", "int[?]", "int (*)(struct task_struct *, ...)",
          "struct task_struct *",
          "pid_t", "char[4][2]", "void",
        ])
    ).document
    #expect(
      document.expressions.map { document.types.spelling($0.type) } == [
        "struct s", "handle", "int[]", "int (*)(struct task_struct *, ...)",
        "struct task_struct *", "pid_t", "char[4][2]", "void",
      ])
    #expect(document.expressions.map(\.at).first == "s.kp:20:9")
    #expect(
      document.wants == [
        Want(name: "struct task_struct", kind: .type, at: "s.kp:23:9"),
        Want(name: "pid_t", kind: .type, at: "s.kp:25:9"),
      ])
    #expect(document.members == ["comm"])
  }

  @Test func wrongTypeStringsPointIntoThem() {
    let result = CDefParser.parse(
      externs("", types: ["int x", "struct", "int[-1]", "long float", ""]))
    #expect(
      places(result) == [
        "s.kp:20:9 [unexpected-token]", "s.kp:21:9 [unexpected-token]",
        "s.kp:22:9 [negative-array]", "s.kp:23:9 [bad-specifiers]", "s.kp:24:9 [unexpected-token]",
      ])
    #expect(result.diagnostics[2].excerpt == SourceExcerpt(line: "int[-1]", column: 5, length: 2))
  }

  @Test func namesBecomeWantsUnlessTheScriptDefinesThem() {
    let names = [
      ExternsDocument.Name(name: "jiffies", use: .token, at: "s.kp:9:7"),
      ExternsDocument.Name(name: "GFP", use: .value, at: "s.kp:9:8"),
      ExternsDocument.Name(name: "RED", use: .value, at: "s.kp:9:9"),
      ExternsDocument.Name(name: "f", use: .call, at: "s.kp:9:10"),
    ]
    let document = CDefParser.parse(
      externs(
        "#define GFP (4 | 8)\nenum { RED = 7, BLUE }; int f(void); int unused(void);",
        names: names)
    ).document
    #expect(document.wants.map(\.name) == ["jiffies", "f"])
    #expect(document.wants.map(\.use) == [.token, .call])
    #expect(document.constants.map { "\($0.name) \($0.value.bits)" } == ["RED 7", "GFP 12"])
    #expect(document.symbols.map(\.name) == ["f", "unused"])
  }

  @Test func cdefsAreOneUnit() {
    var externs = externs("typedef int t; struct s;")
    externs.cdefs.append(
      ExternsDocument.CDef(text: "t f(struct s *);\nint a[-1];", at: "s.kp:7:10", map: []))
    let result = CDefParser.parse(externs)
    #expect(result.document.declaration("f") == "t f(struct s *)")
    #expect(places(result) == ["s.kp:8:7 [negative-array]"])
  }

  @Test func escapesMoveTheColumns() {
    // "int\ta[-1];" in quotes: the escape is two columns wide.
    let result = CDefParser.parse(
      ExternsDocument(cdefs: [
        ExternsDocument.CDef(
          text: "int\ta[-1];", at: "s.kp:1:10",
          map: [
            ExternsDocument.MapEntry(offset: 0, line: 1, column: 11),
            ExternsDocument.MapEntry(offset: 4, line: 1, column: 16),
          ])
      ]))
    #expect(places(result) == ["s.kp:1:18 [negative-array]"])
    #expect(result.diagnostics.first?.excerpt?.column == 7)
  }
}
