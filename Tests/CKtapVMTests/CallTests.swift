// SPDX-License-Identifier: MIT

import CKtapImage
import CKtapVM
import CKtapVMTestCallees
import KtapLoader
import TestSupport
import Testing

/// Foreign calls: what arrives, and what comes back.
@Suite struct CallTests {
  /// What callees see in a run: scalars and an aggregate's bytes.
  private func seen(_ listing: String, in program: Program) throws -> (
    arguments: [UInt64], bytes: [UInt8]
  ) {
    try Callees.exclusively { callees in
      _ = try prints(listing, in: program)
      return (callees.arguments, callees.bytes)
    }
  }

  private static let scalarTypes: [(callee: String, type: CScalar)] = [
    ("s8", .named("signed char")), ("u8", .named("unsigned char")), ("s16", .named("short")),
    ("u16", .named("unsigned short")), ("s32", .named("int")), ("u32", .named("unsigned int")),
    ("s64", .named("long")), ("u64", .named("unsigned long")), ("_Bool", .named("_Bool")),
  ]

  /// 0 to 20 arguments of each width and sign; each wider than its parameter, so that it is cut.
  @Test(arguments: scalarTypes.map(\.callee)) func scalars(callee: String) throws {
    let type = Self.scalarTypes.first { $0.callee == callee }!.type
    var random = SeededGenerator(seed: 1)
    for count in 0...20 {
      var program = Program()
      let name = "seen_\(callee)_\(count)"
      program.callee(name, [String](repeating: type.name, count: count))
      let values = (0..<count).map { _ in random.next() >> random.next() % 64 }
      let call = "\(name)(\(values.map { "\($0)u" }.joined(separator: ", ")))"
      #expect(try seen(call, in: program).arguments == values.map(type.converted), "\(name)")
    }
  }

  @Test func pointers() throws {
    for count in 0...20 {
      var program = Program()
      let name = "seen_pointer_\(count)"
      program.callee(name, [String](repeating: "void *", count: count))
      let values = (0..<count).map { $0 % 3 == 0 ? 0 : UInt64($0) << 40 }
      var listing = ""
      for (index, value) in values.enumerated() {
        listing += value == 0 ? "r\(index) = nil\n" : "r\(index) = ffi.cast(<void *>, \(value))\n"
      }
      listing += "\(name)(\((0..<count).map { "r\($0)" }.joined(separator: ", ")))"
      #expect(try seen(listing, in: program).arguments == values, "\(name)")
    }
  }

  @Test func mixedWidths() throws {
    let names = [
      "signed char", "unsigned short", "int", "unsigned long", "_Bool", "void *", "unsigned char",
      "short", "unsigned int", "long", "_Bool", "unsigned char",
    ]
    var program = Program()
    program.callee("seen_mixed", names)
    let call = "seen_mixed(-1, -1, -1, -1, -1, nil, -1, -1, -1, -1, false, 256)"
    #expect(
      try seen(call, in: program).arguments
        == [~0, 0xffff, ~0, ~0, 1, 0, 0xff, ~0, 0xffff_ffff, ~0, 0, 0])
  }

  // MARK: Aggregates

  private static func bytesProgram(_ size: Int) -> Program {
    var program = Program()
    program.array("unsigned char", UInt64(size))
    program.record("struct bytes", [.init("bytes", "unsigned char[\(size)]")])
    program.callee("take_\(size)", ["struct bytes"], alias: "take")
    let long = "unsigned long"
    program.callee(
      "late_\(size)", [long, long, long, long, long, "struct bytes", long], alias: "late")
    program.callee("give_\(size)", returning: "struct bytes", ["unsigned char"], alias: "give")
    return program
  }

  private static let filled = """
    r0 = ffi.new(<struct bytes>)
    getfield r1 r0 bytes
    r2 = 0
    r5 = SIZE
    again:
    addi r3 r2 101
    setindex r1 r2 r3
    addi r2 r2 1
    jlt r2 r5 again

    """

  /// 1 to 40 bytes by value: in one register, in two, on the stack; and where only one register is
  /// left, so that the aggregate goes to the stack whole and what follows takes the register.
  @Test func aggregateArguments() throws {
    for size in 1...40 {
      let program = Self.bytesProgram(size)
      let expected = (0..<size).map { UInt8(101 + $0) }
      let filled = Self.filled.replacing("SIZE", with: "\(size)")
      #expect(try seen(filled + "take(r0)", in: program).bytes == expected, "take_\(size)")
      let late = try seen(filled + "late(1, 2, 3, 4, 5, r0, 6)", in: program)
      #expect(late.bytes == expected, "late_\(size)")
      #expect(late.arguments == [1, 2, 3, 4, 5, 6], "late_\(size)")
    }
  }

  /// By value means a copy, and a foreign aggregate goes as well as an own one.
  @Test func foreignAggregateArguments() throws {
    var program = Program()
    program.array("unsigned char", 16)
    program.record("struct bytes", [.init("bytes", "unsigned char[16]")])
    program.callee("take_16", ["struct bytes"])
    program.variable("variable_array", "struct bytes")
    try Callees.exclusively { callees in
      let array = callees.variable("variable_array", as: UInt8.self)
      for index in 0..<16 { array[index] = UInt8(30 + index) }
      let seen = try seen("r0 = variable_array\ntake_16(r0)", in: program)
      #expect(seen.bytes == Array(30..<46))
    }
  }

  @Test func aggregateResults() throws {
    for size in 1...40 {
      let result = try prints(
        """
        r0 = give(250)
        getfield r1 r0 bytes
        r2 = 0
        r5 = \(size)
        again:
        getindex r3 r1 r2
        print(r3)
        addi r2 r2 1
        jlt r2 r5 again
        r4 = ffi.sizeof(r0)
        print(r4)
        """, in: Self.bytesProgram(size))
      let expected = (0..<size).map { OutputValue.int(Int64(UInt8(truncatingIfNeeded: 250 + $0))) }
      #expect(result.map { $0[0] } == expected + [.int(Int64(size))], "give_\(size)")
    }
  }

  /// An aggregate aligned to 16 leaves a word of the stack unused.
  @Test func alignedAggregates() throws {
    var program = Program()
    program.record(
      "struct wide",
      [
        .init("low", "unsigned long"), .init("high", "unsigned long"),
        .init("more", "unsigned long"),
      ], size: 32, align: 16)
    program.callee("take_wide", ["unsigned char", "struct wide", "unsigned char"])
    program.callee("give_wide", returning: "struct wide", ["unsigned long"])
    let seen = try seen("r0 = give_wide(40)\ntake_wide(7, r0, 8)", in: program)
    #expect(seen.arguments == [7, 8])
    #expect(seen.bytes.indices.filter { seen.bytes[$0] != 0 } == [0, 8, 16])
    #expect([0, 8, 16].map { seen.bytes[$0] } == [40, 41, 42])
  }

  @Test func integersOf128Bits() throws {
    var program = Program()
    program.add("__int128") {
      $0.kind = KTAP_TYPE_INT.rawValue
      $0.flags = UInt32(KTAP_TYPE_SIGNED)
      ($0.size, $0.align) = (16, 16)
    }
    let long = "unsigned long"
    program.callee("take_sixteen", [long, long, long, long, long, "__int128"])
    let seen = try seen("take_sixteen(1, 2, 3, 4, 5, -2)", in: program)
    #expect(seen.arguments == [1, 2, 3, 4, 5, 0])
    #expect(seen.bytes == [0xfe] + [UInt8](repeating: 0xff, count: 15))
  }

  // MARK: Results

  /// The upper bits of rax are not the callee's to clear (psABI 3.2.3).
  @Test func narrowResultsIgnoreUpperBits() throws {
    for scalar in CScalar.all {
      var program = Program()
      program.callee("give_dirty", returning: scalar.name)
      let bits = scalar.isBool ? 1 : scalar.converted(0xdead_beef_cafe_ba80)
      let expected: OutputValue =
        scalar.isBool
        ? true : scalar.name == "unsigned long" ? .uint(bits) : .int(Int64(bitPattern: bits))
      #expect(try prints("r0 = give_dirty()\nprint(r0)", in: program) == [[expected]], "\(scalar)")
    }
  }

  @Test func pointerAndVoidResults() throws {
    var program = Program()
    program.callee("give_dirty", returning: "void *", alias: "pointer")
    program.callee("give_zero", returning: "char *", alias: "null")
    program.callee("give_zero", alias: "nothing")
    let result = try prints(
      """
      r0 = pointer()
      r1 = null()
      r2 = nothing()
      r3 = nil
      jeq r1 r3 isnull
      r3 = "not NULL"
      isnull:
      print(r0, r2, r3)
      """, in: program)
    #expect(
      result == [[.cdata(type: program["void *"], payload: 0xdead_beef_cafe_ba80), .nil, .nil]])
  }

  // MARK: Variadic functions and pointers to functions

  /// Numbers as 64 bits, C's narrower ones promoted, pointers and strings as addresses.
  @Test func variadicArguments() throws {
    var program = Program()
    program.callee("variadic", returning: "long", ["int"], variadic: true)
    let seen = try seen(
      """
      r0 = ffi.cast(<signed char>, -3)
      r1 = ffi.cast(<unsigned short>, 65535)
      r2 = ffi.cast(<void *>, 4096)
      variadic(9, r0, r1, r2, -1, 18446744073709551615u, true, nil, 7, 8)
      """, in: program)
    #expect(seen.arguments == [UInt64(bitPattern: -3), 65535, 4096, ~0, ~0, 1, 0, 7, 8])
  }

  @Test func manyVariadicArguments() throws {
    var program = Program()
    program.callee("variadic", returning: "long", ["int"], variadic: true)
    for count in [0, 4, 5, 6, 20] {
      let arguments = ([count] + (0..<count).map { $0 * 11 }).map(String.init)
      let call = "variadic(\(arguments.joined(separator: ", ")))"
      #expect(try seen(call, in: program).arguments == (0..<count).map { UInt64($0 * 11) })
    }
  }

  @Test func aggregatesAreNotVariadicArguments() throws {
    var program = Program()
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    program.callee("variadic", returning: "long", ["int"], variadic: true)
    let error = try error("r0 = ffi.new(<struct pair>)\nvariadic(1, r0)", in: program)
    #expect(error.contains("#2") && error.contains("'variadic'"), "\(error)")
    #expect(error.contains("struct pair"), "\(error)")
  }

  private static func adders() -> Program {
    var program = Program()
    program.function(returning: "int", ["int", "int"])
    program.pointer("int (int, int)", name: "int (*)(int, int)")
    program.callee("give_adder", returning: "int (*)(int, int)")
    program.callee("adder", returning: "int", ["int", "int"])
    return program
  }

  @Test func functionPointers() throws {
    let result = try prints(
      """
      r0 = give_adder()
      r1 = r0(20, 22)
      r2 = adder
      r3 = r2(2, 3)
      r4, r5 = pcall(r0, 1, 1)
      jeq r0 r2 same
      r2 = "another address"
      same:
      print(r1, r3, r4, r5)
      """, in: Self.adders())
    #expect(result == [[42, 5, true, 2]])
  }

  @Test func pointersThatMayNotBeCalled() throws {
    var program = Program()
    program.function(returning: "int", ["int", "int"])
    program.pointer("int (int, int)", name: "int (*)(int, int)")
    program.callee("give_adder", returning: "int (*)(int, int)")
    var machine = Machine()
    machine.host.grants = 0
    let call = "r0 = give_adder()\nr1 = r0(20, 22)"
    #expect(try error(call, in: program, on: machine).contains("--allow call"))
    machine = Machine()
    machine.host.refuse_calls = 1
    #expect(try error(call, in: program, on: machine).contains("the test says so"))
    let null = "r0 = ffi.cast(<int (*)(int, int)>, 0)\nr1 = r0(20, 22)"
    #expect(try error(null, in: program).contains("NULL"))
  }

  // MARK: Wrong calls

  @Test func wrongCountsAndTypesAreErrors() throws {
    var program = Self.adders()
    program.callee("variadic", returning: "long", ["int"], variadic: true)
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    program.pointer("struct pair")
    program.callee("seen_pointer_1", ["struct pair *"])
    program.callee("take_16", ["struct pair"])
    for (call, text) in [
      ("adder(1)", "wrong number of arguments to 'adder' (2 expected, got 1)"),
      ("adder(1, 2, 3)", "wrong number of arguments to 'adder' (2 expected, got 3)"),
      ("variadic()", "wrong number of arguments to 'variadic' (at least 1 expected, got 0)"),
      ("adder(1, \"2\")", "bad argument #2 to 'adder' (cannot convert 'string' to 'int')"),
      (
        "seen_pointer_1(5)",
        "bad argument #1 to 'seen_pointer_1' (cannot convert 'number' to 'struct pair *')"
      ),
      ("take_16(nil)", "bad argument #1 to 'take_16' (cannot convert 'nil' to 'struct pair')"),
      (
        "take_16(r0)",
        "bad argument #1 to 'take_16' (cannot convert 'struct pair *' to 'struct pair')"
      ),
    ] {
      let outcome = try run("r0 = ffi.cast(<struct pair *>, 64)\n" + call, in: program)
      #expect(outcome.error == "t.kp:2: \(text)")
      #expect(outcome.host.calls == 0)
    }
  }

  // MARK: Memory handed over

  @Test func calleesWriteToOwnedMemory() throws {
    var program = Program()
    program.flexibleArray("char")
    program.callee("copy_name", returning: "unsigned long", ["char *", "unsigned long"])
    let outcome = try run(
      """
      r0 = ffi.new(<char[?]>, 32)
      r1 = copy_name(r0, 32)
      r0 = ffi.string(r0)
      print(r0, r1)
      """, in: program)
    #expect(outcome.prints == [["callee", .uint(7)]])
    // What the host is told of the memory behind the first argument.
    #expect(outcome.host.owned == 32)
  }

  @Test func stringsArriveWithTheirZero() throws {
    var program = Program()
    program.callee("seen_pointer_1", ["const char *"])
    let outcome = try run("seen_pointer_1(\"12345\")", in: program)
    #expect(outcome.error == nil)
    #expect(outcome.host.owned == 6)
  }

  @Test func foreignMemoryIsNotOwned() throws {
    var program = Program()
    program.callee("seen_pointer_1", ["void *"])
    let address = ktap_test_address("variable_int")
    let outcome = try run("r0 = ffi.cast(<void *>, \(address))\nseen_pointer_1(r0)", in: program)
    #expect(outcome.host.owned == 0)
  }

  /// Results made in a loop are garbage like all else.
  @Test func callsInConstantMemory() throws {
    let outcome = try run(
      """
      r0 = 0
      r1 = 20000
      again:
      r2 = give(1)
      late(1, 2, 3, 4, 5, r2, 6)
      addi r0 r0 1
      jlt r0 r1 again
      print(r0)
      """, in: Self.bytesProgram(33), on: Machine(memory: 256 << 10))
    #expect(outcome.prints == [[20000]])
    #expect(outcome.host.calls == 40000)
  }
}

/// Faults in callees come back as errors, as often as one likes.
@Suite struct FaultTests {
  private static func program() -> Program {
    var program = Program()
    program.callee("read_at", returning: "long", ["void *"])
    program.callee("write_at", ["void *", "long"])
    for name in ["jump_null", "divide", "undefined", "non_canonical", "untidy"] {
      program.callee("fault_\(name)")
    }
    program.callee("give_first", returning: "long", ["long"])
    return program
  }

  static let faults: [(call: String, text: String)] = [
    ("read_at, nil", "NULL pointer access at 0x0"),
    ("write_at, nil, 5", "NULL pointer access at 0x0"),
    ("fault_jump_null", "NULL pointer access at 0x0"),
    ("fault_untidy", "NULL pointer access at 0x0"),
    ("fault_divide", "division error"),
    ("fault_undefined", "invalid instruction"),
    ("fault_non_canonical", "general protection fault"),
  ]

  @Test(arguments: faults) func faultsAreErrors(call: String, text: String) throws {
    let name = String(call.prefix { $0 != "," })
    let arguments = call.dropFirst(name.count + 2)
    let error = try error("\n\(name)(\(arguments))", in: Self.program())
    #expect(error.hasPrefix("t.kp:2: \(text)"), "\(error)")
    #expect(error.contains("'\(name)'"), "\(error)")
  }

  @Test func faultsSayWhatWasTouched() throws {
    var program = Self.program()
    program.pointer("void *")
    let read = "r0 = ffi.cast(<void *>, 81985529216486895)\nr1 = read_at(r0)"
    #expect(try error(read, in: program).contains("general protection fault"))
    let write = "r0 = ffi.cast(<void *>, 65536)\nwrite_at(r0, 1)"
    #expect(try error(write, in: program).contains("invalid write at 0x10000"))
  }

  /// Each fault a thousand times, with other calls between: nothing is left behind.
  @Test(arguments: faults.map(\.call)) func aThousandFaults(call: String) throws {
    let result = try prints(
      """
      r0 = 0
      r1 = 1000
      r5 = 0
      again:
      r2, r3 = pcall(\(call))
      jt r2 wrong
      r4 = give_first(r0)
      jne r4 r0 wrong
      addi r0 r0 1
      jlt r0 r1 again
      wrong:
      print(r0)
      """, in: Self.program())
    #expect(result == [[1000]])
  }
}
