// SPDX-License-Identifier: MIT

import CKtapVM
import KtapLoader
import Testing

/// Errors: their text and place, tracebacks, pcall.
@Suite struct ErrorTests {
  @Test func anUncaughtErrorHasATraceback() throws {
    let outcome = try run(
      """
      r0 = 1
      outer()
      function outer(0)
        r0 = 5
        inner(r0)
        r0 = 6
      function inner(1)
        r1 = {}
        add r2 r0 r1
      """)
    #expect(outcome.exit == KTAP_EXIT_ERROR)
    #expect(outcome.error == "t.kp:9: attempt to perform arithmetic on a table value")
    // function and pc: inner's ADD, outer's CALL, main's CALL.
    #expect(outcome.traceback == [[2, 1], [1, 3], [0, 2]])
  }

  /// The record tells what led to it; what was printed before is not lost.
  @Test func recordsComeInOrder() throws {
    let outcome = try run("print(\"before\")\nr0 = error(\"oh\")\nprint(\"after\")")
    #expect(outcome.records.map(\.kind) == [.print, .error, .exit])
  }

  @Test func messagesNameWhatIsWrong() throws {
    #expect(try error("getglobal r0 counter\naddi r1 r0 1").contains("global 'counter'"))
    #expect(
      try error("r0 = {}\ngetfield r1 r0 inner\ngetfield r1 r1 x").contains("field 'inner'"))
    #expect(try error("r0 = {}\ngetfield r1 r0 method\ncall r1 1 1").contains("field 'method'"))
    #expect(try error("getglobal r3 f\nmove r1 r3\ncall r1 1 1").contains("global 'f'"))
  }

  @Test func errorAddsThePlace() throws {
    #expect(try error("r0 = error(\"it broke\")") == "t.kp:1: it broke")
  }

  @Test func assertions() throws {
    #expect(try prints("r0 = assert(5, \"no\")\nprint(r0)") == [[5]])
    #expect(try error("r0 = assert(nil, \"said so\")").contains("said so"))
    #expect(try error("r0 = assert(false)").contains("assertion failed"))
  }

  @Test func pcallReturnsAllResults() throws {
    let result = try prints(
      """
      builtin r0 print
      builtin r1 pcall
      closure r2 three
      loadi r3 7
      call r1 3 0
      call r0 0 1
      r0 = pcall(three, 8)
      print(r0)
      r0, r1, r2, r3, r4, r5 = pcall(three, 9)
      print(r0, r1, r2, r3, r4, r5)
      pcall(three, 9)
      function three(1)
        r1 = "two"
        r2 = "three"
        return r0 4
      """)
    #expect(
      result == [
        [true, 7, "two", "three"], [true], [true, 9, "two", "three", .nil, .nil],
      ])
  }

  @Test func pcallCatches() throws {
    let result = try prints(
      """
      r0, r1 = pcall(bad, 3)
      print(r0, r1)
      r0, r1, r2 = pcall(error, "direct")
      print(r0, r1, r2)
      r0, r1 = pcall(5)
      print(r0)
      r0, r1 = pcall(pcall, bad, 4)
      print(r0, r1)
      r0, r1, r2 = pcall(pcall, pcall, bad, 4)
      print(r0, r1, r2)
      r0, r1 = pcall(tostring)
      print(r0)
      function bad(1)
        r1 = nil
        add r0 r0 r1
        return r0 2
      """)
    #expect(
      result[0] == [false, "t.kp:15: attempt to perform arithmetic on a nil value"])
    #expect(result[1][0] == false && result[1][2] == .nil)
    #expect(result[2] == [false])
    #expect(result[3] == [true, false])
    #expect(result[4] == [true, true, false])
    #expect(result[5] == [false])
  }

  /// error() takes any value, and pcall gives it back unchanged.
  @Test func errorsMayBeAnyValue() throws {
    let result = try prints(
      """
      r9 = {}
      r0, r1 = pcall(raise, r9)
      r2 = "same"
      jeq r1 r9 yes
      r2 = "another"
      yes:
      print(r0, r2)
      r0, r1 = pcall(raise, 42)
      print(r0, r1)
      r0, r1 = pcall(raise, nil)
      print(r0, r1)
      function raise(1)
        error(r0)
      """)
    #expect(result[0] == [false, "same"])
    #expect(result[1] == [false, 42])
    #expect(result[2][0] == false)
  }

  @Test func anUncaughtErrorThatIsNoTextIsDescribed() throws {
    #expect(try error("error({})").contains("table"))
    #expect(try error("error(42)").contains("42"))
    #expect(try !error("error(nil)").isEmpty)
    #expect(try !error("error()").isEmpty)
  }

  /// What an error passes on its way out is closed: captured variables keep their values.
  @Test func errorsCloseTheVariablesOfTheFramesThatTheyLeave() throws {
    let result = try prints(
      """
      r0 = {}
      setglobal r0 kept
      r1, r2 = pcall(make)
      overwrite()
      getglobal r0 kept
      getfield r0 r0 get
      r0 = r0()
      print(r0)
      function make(0)
        r0 = "captured"
        closure r1 get
        getglobal r2 kept
        setfield r2 r1 get
        error("leave")
      function get(0) captures r0
        getcap r0 u0
        return r0 2
      function overwrite(0)
        r0 = "overwritten"
        r1 = "overwritten"
        r2 = "overwritten"
        r3 = "overwritten"
      """)
    #expect(result == [["captured"]])
  }

  /// The stack's end is an error like any other, and the stack is usable again behind it.
  @Test func stackOverflow() throws {
    let outcome = try run(
      """
      closure r0 forever
      setglobal r0 forever
      r1 = 1
      again:
      r0, r2 = pcall(forever, 0)
      addi r1 r1 1
      r3 = 4
      jlt r1 r3 again
      print(r0, r2)
      getglobal r0 forever
      r1 = 1
      r0 = r0(r1)
      function forever(1)
        getglobal r1 forever
        addi r2 r0 1
        call r1 2 2
        addi r1 r1 1
        return r1 2
      """)
    #expect(outcome.prints.count == 1)
    #expect(outcome.prints[0][0] == false)
    #expect("\(outcome.prints[0][1])" != "")
    #expect(outcome.error?.contains("stack overflow") == true)
    #expect(outcome.traceback.count > 10)
  }

  /// A tree of calls that all fail returns from none and jumps nowhere: errors pay for themselves.
  @Test func errorsCountAsInstructions() throws {
    var machine = Machine(instructions: 100_000)
    machine.host.limits.call_depth = 100
    let outcome = try run(
      """
      r0 = pcall(f)
      function f(0)
        r1 = pcall(f)
        r1 = pcall(f)
        error("e")
      """, on: machine)
    #expect(outcome.error?.contains("exceed max limit") == true)
  }

  @Test func callDepthIsLimited() throws {
    func deepest(limit: UInt32) throws -> [OutputValue] {
      var machine = Machine()
      machine.host.limits.call_depth = limit
      return try run(
        """
        r0 = 0
        closure r1 deeper
        setglobal r1 deeper
        setglobal r0 depth
        r0, r1 = pcall(deeper)
        getglobal r2 depth
        print(r0, r2)
        function deeper(0)
          getglobal r0 depth
          addi r0 r0 1
          setglobal r0 depth
          getglobal r0 deeper
          call r0 1 2
          addi r0 r0 0
          return r0 2
        """, on: machine
      ).prints[0]
    }
    for limit: UInt32 in [5, 50, 150] {
      let result = try deepest(limit: limit)
      guard case .int(let depth) = result[1] else { throw Machine.Misbehaved(what: "\(result)") }
      #expect(result[0] == false)
      #expect(abs(depth - Int64(limit)) <= 2, "\(depth) calls with a limit of \(limit)")
    }
  }

  /// pcall within pcall uses up the stack as calls do, and is no way around its limit.
  @Test func pcallNesting() throws {
    let outcome = try run(
      """
      closure r0 nest
      setglobal r0 nest
      r0, r1, r2 = pcall(nest)
      print(r0, r1)
      function nest(0)
        getglobal r1 nest
        builtin r0 pcall
        call r0 2 0
        return r0 0
      """)
    #expect(outcome.error == nil)
    #expect(outcome.prints.count == 1)
    #expect(outcome.prints[0][0] == true)
  }

  /// A chain of pcalls that call pcall leaves no frame behind.
  @Test func pcallInALoop() throws {
    let result = try prints(
      """
      r0 = 0
      r1 = 20000
      again:
      r2, r3 = pcall(error, "x")
      r2, r3 = pcall(pcall, error, "x")
      r2, r3 = pcall(fine)
      addi r0 r0 1
      jlt r0 r1 again
      print(r0, r3)
      function fine(0)
        r0 = "fine"
        return r0 2
      """)
    #expect(result == [[20000, "fine"]])
  }

  @Test(arguments: [
    ("r0 = tostring()", "tostring"), ("r0 = tostring(1, 2)", "tostring"),
    ("r0 = ffi.new()", "ffi.new"), ("r0 = ffi.sizeof(5)", "ffi.sizeof"),
    ("r0 = pairs(5)", "pairs"), ("r0 = len()", "len"), ("r0 = next(nil)", "next"),
    ("r0 = ffi.new(\"int\")", "ffi.new"), ("r0 = ffi.offsetof(<int>, 5)", "ffi.offsetof"),
    ("r0 = gettimeofday_ns(1)", "gettimeofday_ns"),
  ])
  func argumentErrorsNameTheFunction(listing: String, function: String) throws {
    let error = try error(listing)
    #expect(error.hasPrefix("t.kp:1: "), "\(error)")
    #expect(error.contains("'\(function)'"), "\(error)")
  }

  /// A function without a line table (line_count 0) still has errors, without a line.
  @Test func withoutLines() throws {
    var program = Program()
    try program.assemble("r0 = nil\naddi r0 r0 1")
    program.image.lines = []
    program.image.functions[0].line_count = 0
    let outcome = try Machine().run(program.image.build())
    #expect(outcome.error == "t.kp: attempt to perform arithmetic on a nil value")
  }
}
