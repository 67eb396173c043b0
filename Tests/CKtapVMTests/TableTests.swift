// SPDX-License-Identifier: MIT

import KtapLoader
import TestSupport
import Testing

/// Tables against a model: a dictionary and the order in which its keys were added.
@Suite struct TableTests {
  /// What a table should be.
  private struct Model {
    private(set) var values: [OutputValue: OutputValue] = [:]
    private(set) var order: [OutputValue] = []

    mutating func set(_ key: OutputValue, _ value: OutputValue) {
      if value == .nil {
        if values.removeValue(forKey: key) != nil { order.removeAll { $0 == key } }
      } else if values.updateValue(value, forKey: key) == nil {
        order.append(key)
      }
    }
  }

  private static func literal(_ value: OutputValue) -> String {
    switch value {
    case .nil: "nil"
    case .bool(let truth): "\(truth)"
    case .int(let number): "\(number)"
    case .text(let bytes): "\"\(String(decoding: bytes, as: UTF8.self))\""
    default: fatalError("not in these tests")
    }
  }

  /// Keys of one run: small numbers in and out of order, negative and large ones, strings, booleans.
  private static func randomKey(_ random: inout SeededGenerator, spread: Int64) -> OutputValue {
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<5: .int(Int64.random(in: 1...spread, using: &random))
    case 5: .int(Int64.random(in: -spread...0, using: &random))
    case 6: .int(Int64.random(in: .min ... .max, using: &random))
    case 7: .bool(Bool.random(using: &random))
    default: .text("k\(Int64.random(in: 0...spread, using: &random))")
    }
  }

  private static let dump = """
    function dump(1)
      r5, r6, r7 = pairs(r0)
      jmp test
      again:
      print(r8, r9)
      test:
      itercall r5 2
      iterloop r5 again
      print("end")
    """

  /// Random assignments, look-ups and iterations.
  @Test(
    arguments: [(1, 6), (2, 6), (3, 40), (4, 40), (5, 300), (6, 300), (7, 5000)]
      as [(UInt64, Int64)])
  func behavesAsItsModel(seed: UInt64, spread: Int64) throws {
    var random = SeededGenerator(seed: seed)
    var model = Model()
    var listing = "r0 = {}\n"
    var expected: [[OutputValue]] = []
    for step in 1...1500 {
      let key = Self.randomKey(&random, spread: spread)
      listing += "r1 = \(Self.literal(key))\n"
      switch Int.random(in: 0..<8, using: &random) {
      case 0, 1:
        listing += "getindex r2 r0 r1\nprint(r2)\n"
        expected.append([model.values[key] ?? .nil])
      case 2:
        let (opcode, isTrue) =
          Bool.random(using: &random) ? ("jtindex", false) : ("jfindex", true)
        listing += """
          r2 = \(!isTrue)
          \(opcode) r0 r1 at\(step)
          r2 = \(isTrue)
          at\(step):
          print(r2)

          """
        expected.append([.bool(![nil, .bool(false)].contains(model.values[key]))])
      case 3, 4:
        let (operands, value) =
          [("0 -\(step)", .int(-Int64(step))), ("3 0", .bool(false)), ("4 0", .bool(true))]
          .randomElement(using: &random)! as (String, OutputValue)
        listing += "setsmall r0 r1 \(operands)\n"
        model.set(key, value)
      default:
        let isRemoval = Int.random(in: 0..<3, using: &random) == 0
        let value: OutputValue = isRemoval ? .nil : .int(Int64(step))
        listing += "r2 = \(Self.literal(value))\nsetindex r0 r1 r2\n"
        model.set(key, value)
      }
      if step % 500 == 0 {
        listing += "dump(r0)\n"
        expected += model.order.map { [$0, model.values[$0]!] } + [["end"]]
      }
    }
    let result = try prints(listing + Self.dump)
    #expect(result == expected)
  }

  /// In order, from the front and from the back, and with a gap that is filled later.
  @Test(arguments: [1, 5, 8, 9, 100, 1000] as [Int64]) func listsGrowAndShrink(count: Int64) throws
  {
    let result = try prints(
      """
      r0 = {}
      r1 = 1
      r2 = \(count)
      r3 = 1
      forprep r1 filled
      fill:
      mul r5 r4 r4
      setindex r0 r4 r5
      forloop r1 fill
      filled:
      len r10 r0
      r5 = nil
      r1 = \(count)
      setindex r0 r1 r5
      getindex r12 r0 r1
      len r11 r0
      setindex r0 r1 r1
      len r13 r0
      getindex r14 r0 r1
      print(r10, r11, r12, r13, r14)
      """)
    #expect(result == [[.int(count), .int(count - 1), .nil, .int(count), .int(count)]])
  }

  /// A number is one key, signed or not; -1 and 2^64-1 are two.
  @Test func numbersAreKeysByTheirValue() throws {
    let result = try prints(
      """
      r0 = {}
      r1 = 5
      r2 = 5u
      r3 = "five"
      setindex r0 r1 r3
      getindex r4 r0 r2
      r5 = "5"
      getindex r6 r0 r5
      print(r4, r6)
      """)
    #expect(result == [["five", .nil]])
  }

  @Test func anythingButNilIsAKey() throws {
    let result = try prints(
      """
      r0 = {}
      r1 = {}
      r2 = {}
      closure r3 f
      closure r4 f
      setindex r0 r1 r1
      r9 = 1
      setindex r0 r1 r9
      r9 = 2
      setindex r0 r3 r9
      r9 = 3
      r8 = print
      setindex r0 r8 r9
      r9 = 4
      r8 = <int>
      setindex r0 r8 r9
      r9 = 5
      r8 = false
      setindex r0 r8 r9
      getindex r10 r0 r1
      getindex r11 r0 r2
      getindex r12 r0 r3
      getindex r13 r0 r4
      r8 = print
      getindex r14 r0 r8
      r8 = <int>
      getindex r15 r0 r8
      r8 = <long>
      getindex r16 r0 r8
      r8 = false
      getindex r17 r0 r8
      r8 = nil
      getindex r18 r0 r8
      print(r10, r11, r12, r13, r14, r15, r16, r17, r18)
      function f(0) captures r0
      """)
    #expect(result == [[1, .nil, 2, .nil, 3, 4, .nil, 5, .nil]])
  }

  @Test func nilIsNoKeyToAssignTo() throws {
    let error = try error("r0 = {}\nr1 = nil\nr2 = 1\nsetindex r0 r1 r2")
    #expect(error.hasPrefix("t.kp:4: ") && error.contains("nil"), "\(error)")
  }

  @Test func fieldsAreStringKeys() throws {
    let result = try prints(
      """
      r0 = {}
      r1 = 7
      setfield r0 r1 name
      r2 = "name"
      getindex r3 r0 r2
      getfield r4 r0 name
      getfield r5 r0 other
      print(r3, r4, r5)
      """)
    #expect(result == [[7, 7, .nil]])
  }

  @Test func setlistNumbersItsValues() throws {
    let result = try prints(
      """
      newtable r0 100
      r1 = "a"
      r2 = nil
      r3 = "c"
      setlist r0 r1 3 0
      setlist r0 r3 1 3
      setlist r0 r1 1 1000000
      r5 = 1
      getindex r5 r0 r5
      r6 = 2
      getindex r6 r0 r6
      r7 = 3
      getindex r7 r0 r7
      r8 = 4
      getindex r8 r0 r8
      r9 = 1000001
      getindex r9 r0 r9
      print(r5, r6, r7, r8, r9)
      """)
    #expect(result == [["a", .nil, "c", "c", "a"]])
  }

  @Test func nextFollowsTheOrder() throws {
    let result = try prints(
      """
      r0 = {}
      r1, r2 = next(r0)
      print(r1, r2)
      r9 = 1
      setfield r0 r9 a
      setfield r0 r9 b
      setfield r0 r9 c
      r9 = nil
      setfield r0 r9 b
      r1, r2 = next(r0, "a")
      print(r1, r2)
      r1, r2 = next(r0, "c")
      print(r1, r2)
      r1, r2 = next(r0, nil)
      print(r1, r2)
      """)
    #expect(result == [[.nil, .nil], ["c", 1], [.nil, .nil], ["a", 1]])
  }

  /// The key that a loop stands at may be gone, as long as nothing was added since.
  @Test func nextGoesOnBehindARemovedKey() throws {
    let result = try prints(
      """
      r0 = {}
      r9 = 1
      setfield r0 r9 a
      setfield r0 r9 b
      setfield r0 r9 c
      r9 = nil
      setfield r0 r9 a
      setfield r0 r9 b
      r1, r2 = next(r0, "a")
      print(r1, r2)
      r1, r2 = next(r0, "b")
      print(r1, r2)
      """)
    #expect(result == [["c", 1], ["c", 1]])
  }

  @Test func nextOfWhatWasNeverAKeyIsAnError() throws {
    let error = try error("r0 = {}\nr1 = 1\nsetfield r0 r1 a\nr1 = next(r0, \"nowhere\")")
    #expect(error.hasPrefix("t.kp:4: "), "\(error)")
  }

  /// Removing and adding other keys for ever takes no more room than the keys that are there.
  @Test func churnTakesNoRoom() throws {
    let outcome = try run(
      """
      r0 = {}
      r1 = 1
      r2 = 200000
      r3 = 1
      forprep r1 done
      again:
      setindex r0 r4 r4
      r5 = nil
      addi r6 r4 -10
      setindex r0 r6 r5
      forloop r1 again
      done:
      r7, r8 = next(r0)
      print(r7, r8)
      """, on: Machine(memory: 256 << 10))
    #expect(outcome.error == nil)
    #expect(outcome.prints == [[199_991, 199_991]])
  }
}
