// SPDX-License-Identifier: MIT

import Diagnostics
import KtapCompiler
import Testing
import TypeIR

@Suite struct ExternsTests {
  private func document(_ source: String) throws -> ExternsDocument {
    let outcome = try externs(source)
    #expect(outcome.diagnostics == [])
    return try #require(outcome.result)
  }

  /// The example of the format's description.
  @Test func listsWhatAScriptNeeds() throws {
    let document = try document(
      #"""
      ffi.cdef("struct timeval { long tv_sec; };\n\tint f(void);")
      var tv = ffi.new("struct timeval")
      ffi.C.gettimeofday(tv, nil)
      print(tv.tv_sec, `jiffies`, ffi.C.HZ, `init_task`.comm)
      """#)
    #expect(
      document.cdefs == [
        .init(
          text: "struct timeval { long tv_sec; };\n\tint f(void);", at: "t.kp:1:10",
          map: [
            .init(offset: 0, line: 1, column: 11), .init(offset: 33, line: 1, column: 45),
            .init(offset: 34, line: 1, column: 47),
          ])
      ])
    #expect(document.types == [.init(text: "struct timeval", at: "t.kp:2:18")])
    #expect(
      document.names == [
        .init(name: "gettimeofday", use: .call, at: "t.kp:3:7"),
        .init(name: "jiffies", use: .token, at: "t.kp:4:18"),
        .init(name: "HZ", use: .value, at: "t.kp:4:35"),
        .init(name: "init_task", use: .token, at: "t.kp:4:39"),
      ])
    #expect(document.members == ["comm", "tv_sec"])
  }

  @Test func longStringsAreMappedLineByLine() throws {
    let document = try document("ffi.cdef([[\nint a;\n  int b;\n]])")
    #expect(document.cdefs[0].text == "int a;\n  int b;\n")
    #expect(
      document.cdefs[0].map == [
        .init(offset: 0, line: 2, column: 1), .init(offset: 7, line: 3, column: 1),
      ])
  }

  @Test func membersAreAllNamesThatMayBeMembers() throws {
    let document = try document(
      """
      var t = { a = 1, ["b"] = 2, [c] = 3, .d = 4 }
      c = t.e.f["g"]
      t.h, t["i"] = ffi.offsetof("struct s", "j"), #t.k
      function t.l() { }
      """)
    #expect(document.members == ["a", "b", "d", "e", "f", "g", "h", "i", "j", "k", "l"])
  }

  @Test func eachTypeAndUseIsListedOnce() throws {
    let document = try document(
      """
      for (i = 1, 3) { ffi.new("int[?]", i); print(ffi.sizeof("int[?]"), ffi.sizeof("int")) }
      ffi.C.f(); ffi.C.f(); print(ffi.C.f); `f`(); ffi.C["f"]()
      """)
    #expect(document.types.map(\.text) == ["int[?]", "int"])
    #expect(document.names.map(\.use) == [.call, .value, .token])
  }

  @Test func functionsOfFunctionsAreFoundAnywhere() throws {
    let document = try document(
      """
      function f(a) { if (a) { return { x = function () { return `one` } } } }
      while (ffi.C.two()) { do { f(ffi.C.three) } while (-`four` .. "s" == (f ? `five` : `six`)) }
      """)
    #expect(document.names.map(\.name) == ["one", "two", "three", "four", "five", "six"])
  }

  /// Later stages can go on past a typographic quote; past nothing else.
  @Test func onlyRepairedMistakesLeaveAResult() throws {
    let repaired = try externs("x = ffi.new(“struct s”)")
    #expect(summary(repaired.diagnostics) == ["1:13 curly-quote"])
    #expect(repaired.result?.types.map(\.text) == ["struct s"])
    #expect(try externs("x = ").result == nil)
    #expect(try externs("x = “a” print(y)").result == nil)
  }
}
