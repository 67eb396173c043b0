// SPDX-License-Identifier: MIT

import CKtapHost
import CKtapImage
import CKtapVM
import CKtapVMTestCallees
import KtapLoader
import Testing

/// The services of a host: what the VM makes of their failures, and ktap-load's own.
@Suite struct HostTests {
  private static let endless = "again:\nr0 = 1\njmp again"

  /// At whichever safe point the host wants it: the program ends, and no pcall catches that.
  @Test(arguments: [1, 2, 7] as [UInt64]) func stopping(point: UInt64) throws {
    var machine = Machine()
    machine.host.stop_at = point
    for listing in [
      Self.endless, "again:\nr0 = pcall(f)\njmp again\nfunction f(0)\n" + Self.endless,
    ] {
      let outcome = try run(listing, on: machine)
      #expect(outcome.exit == KTAP_EXIT_INTERRUPTED)
      #expect(outcome.host.safe_points == point)
    }
  }

  /// Every kind of loop comes past safe points.
  @Test(arguments: [
    "again:\nr0 = f()\njmp again\nfunction f(0)", "r0 = 1\nagain:\njt r0 again",
    "r0 = false\nagain:\njf r0 again", "r0 = 1\nagain:\njeq r0 r0 again",
    "r0 = 1\nr1 = 2\nagain:\njne r0 r1 again", "r0 = 1\nr1 = 2\nagain:\njlt r0 r1 again",
    "r0 = 1\nagain:\njle r0 r0 again", "r0 = 1\nagain:\njge r0 r0 again",
    "r0 = 1\nr1 = 2\nagain:\njgt r1 r0 again",
    "r0 = 1\nr1 = 9223372036854775807\nr2 = 1\nforprep r0 end\nagain:\nforloop r0 again\nend:",
    "r3 = 1\nagain:\niterloop r0 again",
    "r0 = f\nr3 = 1\nagain:\nitercall r0 1\niterloop r0 again\n"
      + "function f(2)\nr0 = 1\nreturn r0 2",
    "closure r0 f\nsetglobal r0 f\nagain:\nr0, r1 = pcall(f)\njmp again\nfunction f(0)\n"
      + "getglobal r0 f\ncall r0 1 2\naddi r0 r0 1\nreturn r0 2",
  ])
  func everyLoopStops(listing: String) throws {
    var machine = Machine()
    machine.host.stop_at = 3
    #expect(try run(listing, on: machine).exit == KTAP_EXIT_INTERRUPTED)
  }

  /// An activation's budget is a limit on what it executes, and no pcall is a way around it.
  @Test(arguments: [1, 5_000, 100_000] as [UInt64]) func instructionBudget(limit: UInt64) throws {
    for listing in [
      Self.endless, "again:\nr0 = pcall(f)\njmp again\nfunction f(0)\n" + Self.endless,
    ] {
      let outcome = try run(listing, on: Machine(instructions: limit))
      #expect(outcome.exit == KTAP_EXIT_ERROR)
      #expect(outcome.error?.contains("\(limit) instructions") == true)
      guard case .uint(let executed) = outcome.records.last?.values[1] else {
        throw Machine.Misbehaved(what: "\(outcome.records)")
      }
      #expect(executed >= limit && executed <= limit + 20_000)
    }
  }

  /// A record that the host does not take ends the program.
  @Test func refusedRecords() throws {
    var machine = Machine()
    machine.host.reject_emit_at = 3
    let outcome = try run("again:\nprint(1)\njmp again", on: machine)
    #expect(outcome.exit == KTAP_EXIT_INTERRUPTED)
    #expect(outcome.prints == [[1], [1]])
  }

  /// Reads and writes of foreign memory may fail at any time; then nothing is half done.
  @Test func failingReadsAndWrites() throws {
    var program = Program()
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    program.variable("variable_pair", "struct pair")
    let listing = """
      r0 = variable_pair
      getfield r1 r0 first
      getfield r2 r0 second
      setfield r0 r1 second
      r3 = ffi.new(<struct pair>, r1, r2)
      setsym r3 variable_pair
      r4 = ffi.new(<struct pair>, r0)
      """
    let clean = try run(listing, in: program)
    #expect(clean.error == nil)
    for failure in 1...clean.host.reads {
      var machine = Machine()
      machine.host.fail_read_at = failure
      #expect(try error(listing, in: program, on: machine).contains("cannot read"))
    }
    for failure in 1...clean.host.writes {
      var machine = Machine()
      machine.host.fail_write_at = failure
      #expect(try error(listing, in: program, on: machine).contains("cannot write"))
    }
  }

  @Test func symbolsThatAreNotThere() throws {
    var program = Program()
    program.callee("no_such_callee")
    try program.assemble("no_such_callee()")
    let refused = #expect(throws: Machine.Refused.self) {
      try Machine().run(program.image.build())
    }
    #expect(refused?.refusal.message.contains("no callee 'no_such_callee'") == true)
  }

  // MARK: The host of ktap-load

  private func runInProcess(_ program: Program, _ listing: String) throws -> [OutputRecord] {
    var program = program
    try program.assemble(listing)
    var records: [OutputRecord] = []
    ktap_test_lock()
    defer { ktap_test_unlock() }
    try HostProgram.run(image: program.image.build(), imageName: "t.ktbc", memory: 1 << 20) {
      bytes in
      var parser = RecordParser()
      records += (try? parser.parse(bytes)) ?? []
      return true
    }
    return records
  }

  @Test func symbolsOfSharedLibraries() throws {
    var program = Program()
    program.callee("strlen", returning: "unsigned long", ["const char *"])
    program.callee(
      "snprintf", returning: "int", ["char *", "unsigned long", "const char *"], variadic: true)
    program.flexibleArray("char")
    program.callee("no_such_function_anywhere")
    program.image.symbols.removeLast()
    let records = try runInProcess(
      program,
      """
      r0 = strlen("twelve bytes")
      r1 = ffi.new(<char[?]>, 64)
      r2 = snprintf(r1, 64, "%d %s %lx %s %d %d", 5, "six", 7, "eight", 9, 10)
      r1 = ffi.string(r1)
      print(r0, r1, r2)
      """)
    #expect(records.first?.values == [.uint(12), "5 six 7 eight 9 10", 18])
  }

  @Test func faultsInSharedLibraries() throws {
    var program = Program()
    program.callee("strlen", returning: "unsigned long", ["const char *"])
    let records = try runInProcess(
      program,
      """
      r0 = ffi.cast(<const char *>, 8)
      r1, r2 = pcall(strlen, r0)
      r3 = strlen("abc")
      print(r1, r2, r3)
      """)
    guard let values = records.first?.values, case .text(let bytes) = values[1] else {
      throw Machine.Misbehaved(what: "\(records)")
    }
    let message = String(decoding: bytes, as: UTF8.self)
    #expect(values[0] == false && values[2] == .uint(3))
    #expect(
      message.contains("NULL pointer access at 0x8") && message.contains("'strlen'"), "\(message)")
  }

  @Test func anUnknownSymbolIsNamed() throws {
    var program = Program()
    program.callee("no_such_function_anywhere")
    let error = #expect(throws: TargetError.self) {
      try runInProcess(program, "no_such_function_anywhere()")
    }
    #expect("\(String(describing: error))".contains("no_such_function_anywhere"))
  }
}
