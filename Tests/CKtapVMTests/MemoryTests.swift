// SPDX-License-Identifier: MIT

import CKtapImage
import CKtapVM
import KtapLoader
import Testing

/// The arena: constant memory, a full arena as an error, and allocations that fail anywhere.
@Suite struct MemoryTests {
  /// What a loop makes each turn and drops.
  static let garbage: [(name: String, turn: String)] = [
    ("strings", "r5 = \"number \"\nmove r6 r4\nconcat r7 r5 2"),
    ("tables", "r5 = {}\nsetindex r5 r4 r4\nsetfield r5 r5 itself"),
    ("lists", "r5 = {}\nmove r6 r4\nmove r7 r4\nsetlist r5 r6 2 0"),
    ("cdata", "r5 = ffi.new(<struct pair>)\nsetfield r5 r4 second"),
    ("closures", "closure r6 keep\nclosure r7 keep\nr7(r6)\nclose r4"),
    ("cells", "r5 = {}\nclosure r6 keep\nsetindex r5 r4 r6\nclose r4"),
    ("captures of records", "r5 = ffi.new(<struct pair>)\nr6 = ffi.addressof(r5)\nr5 = nil"),
    ("errors", "r5 = \"number \"\nmove r6 r4\nconcat r5 r5 2\nr5, r6 = pcall(error, r5)"),
  ]

  private func loop(turns: Int, _ turn: String, memory: Int) throws -> Outcome {
    var program = Program()
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    return try run(
      """
      r1 = 1
      r2 = \(turns)
      r3 = 1
      forprep r1 done
      again:
      \(turn)
      forloop r1 again
      done:
      print("done")
      function keep(1) captures r4
        getcap r1 u0
        setcap r1 u0
      """, in: program, on: Machine(memory: memory))
  }

  @Test(arguments: garbage.map(\.name)) func garbageTakesConstantMemory(name: String) throws {
    let turn = Self.garbage.first { $0.name == name }!.turn
    let outcome = try loop(turns: Machine.turns(20_000), turn, memory: 256 << 10)
    #expect(outcome.error == nil)
    #expect(outcome.prints == [["done"]])
    #expect(outcome.host.usage.collections > 0)
  }

  @Test func aMillionTurnsInOneMebibyte() throws {
    let turn = Self.garbage.first { $0.name == "strings" }!.turn
    let outcome = try loop(turns: Machine.turns(1_000_000), turn, memory: 1 << 20)
    #expect(outcome.error == nil)
    #expect(outcome.host.usage.highest <= 1 << 20)
  }

  /// Cycles are garbage, too.
  @Test func cyclesAreCollected() throws {
    let outcome = try loop(
      turns: Machine.turns(20_000), "r5 = {}\nr6 = {}\nsetfield r5 r6 other\nsetfield r6 r5 other",
      memory: 256 << 10)
    #expect(outcome.error == nil)
  }

  /// A list that holds on to all before it is not garbage, however deep it is.
  @Test func longChainsAreKept() throws {
    let length = Machine.turns(20_000)
    let outcome = try run(
      """
      r0 = nil
      r1 = 1
      r2 = \(length)
      r3 = 1
      forprep r1 made
      make:
      r5 = {}
      setfield r5 r0 next
      setfield r5 r4 value
      move r0 r5
      r6 = "garbage "
      move r7 r4
      concat r6 r6 2
      forloop r1 make
      made:
      r1 = 0
      r9 = nil
      walk:
      jeq r0 r9 end
      getfield r5 r0 value
      add r1 r1 r5
      getfield r0 r0 next
      jmp walk
      end:
      print(r1)
      """, on: Machine(memory: 16 << 20))
    #expect(outcome.error == nil)
    #expect(outcome.prints == [[.int(Int64(length * (length + 1) / 2))]])
  }

  /// What lives through collections keeps its contents: tables, strings, cdata, captured variables; also where
  /// they are done in steps, between which the program runs on.
  @Test(arguments: [false, true]) func whatIsReachableIsKept(inSteps: Bool) throws {
    var machine = Machine(memory: 256 << 10)
    if inSteps { machine.host.limits.collect_always = KTAP_COLLECT_STEPS.rawValue }
    var program = Program()
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    program.pointer("long")
    let outcome = try run(
      """
      r0 = {}
      setglobal r0 kept
      r10 = make()
      setfield r0 r10 closure
      r10 = ffi.new(<struct pair>)
      r11 = 77
      setfield r10 r11 second
      r10 = ffi.addressof(r10)
      setfield r0 r10 pointer
      r10 = "key"
      r11 = 5
      concat r10 r10 2
      setindex r0 r10 r10
      r10 = nil
      r0 = nil
      r1 = 1
      r2 = \(Machine.turns(30_000))
      r3 = 1
      forprep r1 done
      again:
      r5 = {}
      r6 = "garbage "
      move r7 r4
      concat r6 r6 2
      r8 = ffi.new(<struct pair>)
      forloop r1 again
      done:
      getglobal r0 kept
      getfield r1 r0 closure
      r1 = r1()
      getfield r2 r0 pointer
      getfield r2 r2 second
      r3 = "key5"
      getindex r3 r0 r3
      print(r1, r2, r3)
      function make(0)
        r0 = "captured "
        r1 = 8
        concat r0 r0 2
        closure r1 get
        return r1 2
      function get(0) captures r0
        getcap r0 u0
        return r0 2
      """, in: program, on: machine)
    #expect(outcome.error == nil)
    #expect(outcome.prints == [["captured 8", 77, "key5"]])
    #expect(outcome.host.usage.collections > 5)
  }

  /// A full arena is an error that names the limit, and dropping things makes room again.
  @Test func aFullArenaIsAnErrorThatCanBeCaught() throws {
    let outcome = try run(
      """
      r0, r1 = pcall(fill)
      print(r0, r1)
      r0 = nil
      setglobal r0 all
      r0, r1 = pcall(some)
      print(r0, r1)
      r0 = fill()
      function fill(0)
        r0 = {}
        setglobal r0 all
        r1 = 0
        again:
        addi r1 r1 1
        r2 = {}
        setindex r0 r1 r2
        jmp again
      function some(0)
        r0 = {}
        r1 = 0
        r9 = 100
        again:
        addi r1 r1 1
        r2 = {}
        setindex r0 r1 r2
        jlt r1 r9 again
        len r3 r0
        return r3 2
      """, on: Machine(memory: 512 << 10))
    #expect(outcome.prints.count == 2)
    #expect(outcome.prints[0][0] == false)
    guard case .text(let bytes) = outcome.prints[0][1] else {
      throw Machine.Misbehaved(what: "\(outcome.prints)")
    }
    let message = String(decoding: bytes, as: UTF8.self)
    #expect(message.contains("512 KiB") && message.contains("--memory"), "\(message)")
    #expect(outcome.prints[1] == [true, 100])
    #expect(outcome.error?.contains("512 KiB") == true)
  }

  /// One object larger than the arena, or than what an address can say, is refused at once.
  @Test(arguments: [
    "1000000", "1073741824", "4294967296", "4611686018427387904", "9223372036854775807",
  ])
  func largeObjects(count: String) throws {
    var program = Program()
    program.flexibleArray("long")
    let outcome = try run(
      """
      r0, r1 = pcall(ffi.new, <long[?]>, \(count))
      print(r0)
      r0 = ffi.new(<long[?]>, 10)
      print("still alive")
      """, in: program)
    #expect(outcome.prints == [[false], ["still alive"]])
  }

  /// From an arena in which not even a program fits to one in which it runs: each size must end in
  /// a refusal, an error, or success, so that every allocation fails once.
  @Test func everyAllocationMayFail() throws {
    var program = try Program.sample()
    program.flexibleArray("char")
    try program.assemble(Self.manyKinds)
    // The new main chunk is the last one's first function: swap it with the sample's.
    let image = program.withMain(program.image.functions.count - 4).image.build()
    var (refused, failed, succeeded) = (0, 0, 0)
    for memory in stride(from: 1 << 10, through: 200 << 10, by: 256) {
      do {
        let outcome = try Machine(memory: memory).run(image)
        if outcome.exit == KTAP_EXIT_OK { succeeded += 1 } else { failed += 1 }
        #expect(
          outcome.error.map { $0.contains("memory") || $0.contains("stack overflow") } ?? true,
          "\(outcome.error ?? "")")
      } catch let refusal as Machine.Refused {
        refused += 1
        #expect(refusal.refusal.message.contains("memory"), "\(refusal)")
        #expect(succeeded == 0)
      }
    }
    #expect(refused > 0 && failed > 0 && succeeded > 0, "\(refused) \(failed) \(succeeded)")
  }

  /// Makes and keeps something of every kind, in amounts that need room again and again.
  private static let manyKinds = """
    r0 = {}
    r1 = 1
    r2 = 40
    r3 = 1
    forprep r1 done
    again:
    r5 = "text "
    move r6 r4
    concat r7 r5 2
    setindex r0 r7 r4
    r5 = {}
    r6 = r4
    r7 = r4
    setlist r5 r6 2 0
    setindex r0 r4 r5
    r8 = ffi.new(<char[?]>, 300)
    setindex r0 r8 r4
    closure r9 keeper
    setindex r5 r4 r9
    r10 = tostring(r8)
    setindex r0 r10 r10
    r10 = ffi.string(r8, 20)
    r11, r12 = pcall(thrower, r4)
    forloop r1 again
    done:
    r13 = collectible()
    print(r4)
    function keeper(0) captures r4
      getcap r0 u0
      return r0 2
    function thrower(1)
      error({})
    function collectible(0)
      r0 = "a long string that is doubled and doubled"
      r2 = 0
      r3 = 6
      again:
      move r1 r0
      concat r0 r0 2
      addi r2 r2 1
      jlt r2 r3 again
      return r0 2
    """

  @Test func usageIsReported() throws {
    let outcome = try run("r0 = {}\nprint(r0)")
    let usage = outcome.host.usage
    #expect(usage.bytes > 0 && usage.bytes <= usage.highest && usage.highest <= 1 << 20)
    #expect(outcome.records.last?.values[2] == .uint(usage.highest))
  }

  /// What jumps back pays for the instructions between.
  @Test func instructionsAreCounted() throws {
    let turn = "addi r5 r4 1"
    let executed = try [1000, 3000].map { turns in
      let outcome = try loop(turns: turns, turn, memory: 1 << 20)
      guard case .uint(let executed) = outcome.records.last?.values[1] else { return 0 as UInt64 }
      return executed
    }
    #expect(executed[1] - executed[0] == 4000)
  }
}

extension Program {
  /// The same program with another function as its main chunk.
  func withMain(_ index: Int) -> Program {
    var copy = self
    copy.image.functions.swapAt(0, index)
    for at in copy.image.code.indices
    where copy.image.code[at].opcode.rawValue == KTAP_OP_CLOSURE.rawValue {
      if copy.image.code[at].d == 0 {
        copy.image.code[at].d = UInt32(index)
      } else if copy.image.code[at].d == UInt32(index) {
        copy.image.code[at].d = 0
      }
    }
    return copy
  }
}
