// SPDX-License-Identifier: MIT

import KtapLoader
import Testing

/// Loops, calls, closures.
@Suite struct ControlTests {
  /// The indexes of a numeric loop, as many as `most`.
  private func loop(_ first: String, _ last: String, _ step: String, most: Int = 5) throws
    -> [OutputValue]
  {
    try prints(
      """
      r0 = \(first)
      r1 = \(last)
      r2 = \(step)
      r10 = 0
      r11 = \(most)
      forprep r0 done
      again:
      print(r3)
      addi r10 r10 1
      jge r10 r11 done
      forloop r0 again
      done:
      print("end")
      """
    ).dropLast().map { $0[0] }
  }

  @Test func numericLoops() throws {
    #expect(try loop("1", "3", "1") == [1, 2, 3])
    #expect(try loop("3", "1", "-1") == [3, 2, 1])
    #expect(try loop("1", "0", "1") == [])
    #expect(try loop("0", "1", "-1") == [])
    #expect(try loop("1", "1", "1") == [1])
    #expect(try loop("1", "6", "2") == [1, 3, 5])
    #expect(try loop("5", "5", "-7") == [5])
  }

  /// At the ends of the range the index must stop, not wrap around.
  @Test func numericLoopsEndAtTheEndsOfTheRange() throws {
    let (max, min) = ("9223372036854775807", "-9223372036854775808")
    #expect(try loop("9223372036854775806", max, "1") == [.int(.max - 1), .int(.max)])
    #expect(try loop("-9223372036854775807", min, "-1") == [.int(.min + 1), .int(.min)])
    #expect(try loop(max, max, max) == [.int(.max)])
    #expect(try loop(min, min, min) == [.int(.min)])
    #expect(try loop(min, max, max) == [.int(.min), -1, .int(.max - 1)])
    #expect(try loop(max, min, min) == [.int(.max), -1])
    #expect(try loop("0", max, max) == [0, .int(.max)])
    #expect(try loop(max, min, "1") == [])
  }

  @Test func numericLoopsOfUnsignedNumbers() throws {
    #expect(try loop("18446744073709551614u", "18446744073709551615u", "1").count == 2)
    #expect(try loop("1u", "3u", "1u").count == 3)
  }

  @Test(arguments: [("\"a\"", "1", "1"), ("1", "nil", "1"), ("1", "2", "{}"), ("1", "2", "0")])
  func loopsNeedNumbersAndAStep(first: String, last: String, step: String) throws {
    let error = try error(
      "r0 = \(first)\nr1 = \(last)\nr2 = \(step)\nforprep r0 done\nagain:\nforloop r0 again\ndone:")
    #expect(error.contains("for"), "\(error)")
  }

  /// The verifier cannot see that FORPREP ran: FORLOOP alone must not do harm.
  @Test(arguments: ["nil", "\"a\"", "{}", "print", "0", "1u"])
  func aLoopsEndWithoutItsBeginning(value: String) throws {
    let machine = Machine(instructions: 1000)
    let listing = "r0 = \(value)\nr1 = \(value)\nr2 = \(value)\nagain:\nforloop r0 again"
    _ = try run(listing, on: machine)
  }

  @Test func whileLoops() throws {
    let result = try prints(
      """
      r0 = 0
      r1 = 1000
      again:
      addi r0 r0 1
      jlt r0 r1 again
      print(r0)
      """)
    #expect(result == [[1000]])
  }

  @Test func iterationFollowsTheOrderOfInsertion() throws {
    let result = try prints(
      """
      r9 = {}
      r8 = "z"
      setfield r9 r8 b
      setfield r9 r8 a
      r7 = 1
      setindex r9 r7 r8
      r0, r1, r2 = pairs(r9)
      jmp test
      again:
      print(r3, r4)
      test:
      itercall r0 2
      iterloop r0 again
      """)
    #expect(result == [["b", "z"], ["a", "z"], [1, "z"]])
  }

  /// Assigning nil to the field being visited is allowed, to any other too.
  @Test func fieldsMayBeRemovedDuringIteration() throws {
    let result = try prints(
      """
      r9 = {}
      r5 = 1
      r6 = 100
      r7 = 1
      r20 = true
      forprep r5 filled
      fill:
      r21 = "k"
      r22 = r8
      concat r21 r21 2
      setindex r9 r21 r20
      forloop r5 fill
      filled:
      r10 = 0
      r0, r1, r2 = pairs(r9)
      jmp test
      again:
      addi r10 r10 1
      r11 = nil
      setindex r9 r3 r11
      test:
      itercall r0 2
      iterloop r0 again
      r0, r1, r2 = pairs(r9)
      r3 = next(r9)
      print(r10, r3)
      """)
    #expect(result == [[100, .nil]])
  }

  /// Any function may be an iterator.
  @Test func iteratorsAreFunctions() throws {
    let result = try prints(
      """
      r0 = countdown
      r1 = "state"
      r2 = 3
      jmp test
      again:
      print(r3, r4, r5)
      test:
      itercall r0 3
      iterloop r0 again
      function countdown(2)
        r5 = 0
        jeq r1 r5 end
        addi r2 r1 -1
        r3 = r0
        return r2 3
        end:
        return r0 1
      """)
    #expect(result == [[2, "state", .nil], [1, "state", .nil], [0, "state", .nil]])
  }

  @Test func callsFillUpAndCutDown() throws {
    let result = try prints(
      """
      r0, r1, r2 = two(1)
      print(r0, r1, r2)
      r0 = two(1, 2, 3)
      print(r0)
      two()
      function two(2)
        return r0 3
      """)
    #expect(result == [[1, .nil, .nil], [1]])
  }

  @Test func openCallsPassOnWhatThereIs() throws {
    let result = try prints(
      """
      builtin r0 print
      r1 = "first"
      closure r2 three
      call r2 1 0
      call r0 0 1
      r5 = {}
      closure r6 three
      call r6 1 0
      setlist r5 r6 0 10
      r7 = 12
      getindex r8 r5 r7
      len r9 r5
      print(r8)
      builtin r0 print
      closure r1 passer
      call r1 1 0
      call r0 0 1
      builtin r0 print
      closure r1 none
      call r1 1 0
      call r0 0 1
      function three(0)
        r0 = 7
        r1 = 8
        r2 = 9
        return r0 4
      function passer(0)
        r0 = 6
        closure r1 three
        call r1 1 0
        return r0 0
      function none(0)
        return r0 1
      """)
    #expect(result == [["first", 7, 8, 9], [8], [6, 7, 8, 9], []])
  }

  @Test func foreignCallsTakeOpenArguments() throws {
    var program = Program()
    program.callee("variadic", returning: "long", ["int"], variadic: true)
    let result = try prints(
      """
      loadi r0 2
      closure r1 two
      call r1 1 0
      ccall r0 0 1 variadic
      print(r0)
      function two(0)
        loadi r0 40
        loadi r1 41
        return r0 3
      """, in: program)
    #expect(result == [[2]])
  }

  /// As many results as fit the stack, and no more.
  @Test func manyResultsAndArguments() throws {
    var listing = "builtin r0 print\nclosure r1 many\ncall r1 1 0\ncall r0 0 1\nfunction many(0)\n"
    for register in 0..<240 { listing += "loadi r\(register) \(register)\n" }
    listing += "return r0 241"
    #expect(try prints(listing) == [(0..<240).map { .int($0) }])
  }

  @Test func closuresShareTheVariablesTheyCapture() throws {
    let result = try prints(
      """
      r0 = 10
      closure r1 increment
      closure r2 read
      r3 = r1()
      r3 = r1()
      r4 = r2()
      print(r0, r3, r4)
      r0 = 50
      r4 = r2()
      print(r4)
      function increment(0) captures r0
        getcap r0 u0
        addi r0 r0 1
        setcap r0 u0
        return r0 2
      function read(0) captures r0
        getcap r0 u0
        return r0 2
      """)
    #expect(result == [[12, 12, 12], [50]])
  }

  /// CLOSE gives each turn of a loop a variable of its own.
  @Test func closeEndsSharing() throws {
    let result = try prints(
      """
      r9 = {}
      r0 = 1
      r1 = 3
      r2 = 1
      forprep r0 done
      again:
      move r4 r3
      closure r5 get
      closure r6 set
      setindex r9 r3 r5
      r7 = r3
      mul r8 r7 r7
      r6(r8)
      close r4
      forloop r0 again
      done:
      r4 = "another variable"
      r10 = 1
      r11 = 2
      r12 = 3
      getindex r10 r9 r10
      getindex r11 r9 r11
      getindex r12 r9 r12
      r10 = r10()
      r11 = r11()
      r12 = r12()
      print(r10, r11, r12)
      function get(0) captures r4
        getcap r0 u0
        return r0 2
      function set(1) captures r4
        setcap r0 u0
      """)
    #expect(result == [[1, 4, 9]])
  }

  /// What a closure captured lives on after its function has returned.
  @Test func capturesOutliveTheirFunction() throws {
    let result = try prints(
      """
      r0, r1 = counter()
      r2, r3 = counter()
      r4 = r0()
      r4 = r0()
      r5 = r1()
      r6 = r3()
      print(r4, r5, r6)
      function counter(0)
        r0 = 0
        closure r1 up
        closure r2 get
        return r1 3
      function up(0) captures r0
        getcap r0 u0
        addi r0 r0 1
        setcap r0 u0
        return r0 2
      function get(0) captures r0
        getcap r0 u0
        return r0 2
      """)
    #expect(result == [[2, 2, 0]])
  }

  /// An inner function's inner function reaches the outermost variable through a capture.
  @Test func capturesOfCaptures() throws {
    let result = try prints(
      """
      r0 = "outermost"
      r1 = middle()
      r1 = r1()
      r2 = r0
      print(r1, r2)
      function middle(0) captures r0
        closure r0 inner
        return r0 2
      function inner(0) captures u0
        getcap r0 u0
        r1 = "changed"
        setcap r1 u0
        return r0 2
      """)
    #expect(result == [["outermost", "changed"]])
  }

  @Test func globalsAreNilUntilSet() throws {
    let result = try prints(
      """
      getglobal r0 g
      print(r0)
      r0 = 5
      setglobal r0 g
      show()
      function show(0)
        getglobal r0 g
        print(r0)
      """)
    #expect(result == [[.nil], [5]])
  }

  @Test func recursion() throws {
    let result = try prints(
      """
      closure r0 fib
      setglobal r0 fib
      r1 = fib(15)
      print(r1)
      function fib(1)
        loadi r1 2
        jlt r0 r1 small
        getglobal r1 fib
        addi r2 r0 -1
        call r1 2 2
        getglobal r2 fib
        addi r3 r0 -2
        call r2 2 2
        add r0 r1 r2
        small:
        return r0 2
      """)
    #expect(result == [[610]])
  }

  /// Parameters without an argument are nil, whatever was there before.
  @Test func missingArgumentsAreNil() throws {
    let result = try prints(
      """
      dirty()
      clean()
      function dirty(0)
        r0 = "secret"
        r1 = "secret"
      function clean(2)
        print(r0, r1)
      """)
    #expect(result == [[.nil, .nil]])
  }
}
