// SPDX-License-Identifier: MIT

import CKtapVMTestCallees
import KtapLoader
import Testing

/// Arithmetic and comparison against what the C compiler says.
@Suite struct OperatorTests {
  /// Numbers at which something changes.
  private static let interesting: [OutputValue] =
    [0, 1, -1, 2, -2, 63, 64, 65, 1 << 31, -(1 << 31), 1 << 32, .max, .min, .max - 1, .min + 1]
    .map { .int($0) }
    + [0, 1, 2, 1 << 31, 1 << 63, (1 << 63) - 1, .max, .max - 1].map { .uint($0) }

  private static func literal(_ value: OutputValue) -> String {
    switch value {
    case .int(let number): "\(number)"
    case .uint(let number): "\(number)u"
    default: fatalError("not a number")
    }
  }

  private static func oracleNumber(_ value: OutputValue) -> oracle_number {
    switch value {
    case .int(let number):
      oracle_number(bits: UInt64(bitPattern: number), is_unsigned: false)
    case .uint(let number): oracle_number(bits: number, is_unsigned: true)
    default: fatalError("not a number")
    }
  }

  private static func value(_ number: oracle_number) -> OutputValue {
    number.is_unsigned ? .uint(number.bits) : .int(Int64(bitPattern: number.bits))
  }

  /// All pairs of interesting numbers, those that divide by zero excepted.
  private static func pairs(dividing: Bool) -> [(OutputValue, OutputValue)] {
    interesting.flatMap { left in
      interesting.compactMap { right in
        dividing && oracleNumber(right).bits == 0 ? nil : (left, right)
      }
    }
  }

  @Test(arguments: [
    ("add", ORACLE_ADD.rawValue), ("sub", ORACLE_SUB.rawValue), ("mul", ORACLE_MUL.rawValue),
    ("div", ORACLE_DIV.rawValue), ("mod", ORACLE_MOD.rawValue), ("and", ORACLE_AND.rawValue),
    ("or", ORACLE_OR.rawValue), ("xor", ORACLE_XOR.rawValue),
  ])
  func arithmetic(mnemonic: String, operation: UInt32) throws {
    let pairs = Self.pairs(dividing: mnemonic == "div" || mnemonic == "mod")
    let listing = pairs.map { left, right in
      """
      r1 = \(Self.literal(left))
      r2 = \(Self.literal(right))
      \(mnemonic) r3 r1 r2
      print(r3)
      """
    }
    let results = try prints(listing.joined(separator: "\n"))
    #expect(results.count == pairs.count)
    for ((left, right), result) in zip(pairs, results) {
      let expected = oracle_apply(
        oracle_operator(operation), Self.oracleNumber(left), Self.oracleNumber(right))
      #expect(result == [Self.value(expected)], "\(left) \(mnemonic) \(right)")
    }
  }

  @Test(arguments: [
    ("jeq", ORACLE_EQ.rawValue), ("jne", ORACLE_NE.rawValue), ("jlt", ORACLE_LT.rawValue),
    ("jle", ORACLE_LE.rawValue), ("jge", ORACLE_GE.rawValue), ("jgt", ORACLE_GT.rawValue),
  ])
  func comparisons(mnemonic: String, operation: UInt32) throws {
    let pairs = Self.pairs(dividing: false)
    let listing = pairs.enumerated().map { index, pair in
      """
      r1 = \(Self.literal(pair.0))
      r2 = \(Self.literal(pair.1))
      r3 = 1
      \(mnemonic) r1 r2 taken\(index)
      r3 = 0
      taken\(index):
      print(r3)
      """
    }
    let results = try prints(listing.joined(separator: "\n"))
    for ((left, right), result) in zip(pairs, results) {
      let expected = oracle_apply(
        oracle_operator(operation), Self.oracleNumber(left), Self.oracleNumber(right))
      #expect(result == [.int(Int64(expected.bits))], "\(left) \(mnemonic) \(right)")
    }
  }

  /// Only the low six bits of the count matter; right shifts are arithmetic where the left side is
  /// signed, whatever the right side is.
  @Test func shifts() throws {
    let counts: [Int64] = [0, 1, 31, 32, 62, 63, 64, 65, -1, -64, .min, .max]
    for left in Self.interesting {
      let results = try prints(
        counts.map { count in
          """
          r1 = \(Self.literal(left))
          r2 = \(count)
          shl r3 r1 r2
          shr r4 r1 r2
          print(r3, r4)
          """
        }.joined(separator: "\n"))
      for (count, result) in zip(counts, results) {
        let distance = UInt64(bitPattern: count) & 63
        let expected: [OutputValue] =
          switch left {
          case .int(let number): [.int(number << Int64(distance)), .int(number >> Int64(distance))]
          case .uint(let number): [.uint(number << distance), .uint(number >> distance)]
          default: []
          }
        #expect(result == expected, "\(left) by \(count)")
      }
    }
  }

  @Test func unaryOperators() throws {
    for value in Self.interesting {
      let result = try prints(
        "r1 = \(Self.literal(value))\nneg r2 r1\nbnot r3 r1\nnot r4 r1\nprint(r2, r3, r4)")
      let expected: [OutputValue] =
        switch value {
        case .int(let number): [.int(0 &- number), .int(~number), false]
        case .uint(let number): [.uint(0 &- number), .uint(~number), false]
        default: []
        }
      #expect(result == [expected])
    }
  }

  @Test func immediatesAreSigned() throws {
    let result = try prints(
      """
      loadi r1 -2147483648
      loadi r2 2147483647
      addi r3 r1 -1
      r4 = 9223372036854775807
      addi r4 r4 1
      r5 = 0u
      addi r5 r5 -1
      print(r1, r2, r3, r4, r5)
      """)
    #expect(
      result == [
        [-2_147_483_648, 2_147_483_647, -2_147_483_649, .int(.min), .uint(.max)]
      ])
  }

  @Test(arguments: ["div", "mod"]) func divisionByZero(mnemonic: String) throws {
    for (left, right) in [("1", "0"), ("1u", "0"), ("1", "0u"), ("-9223372036854775808", "0")] {
      let error = try error("r1 = \(left)\nr2 = \(right)\n\(mnemonic) r3 r1 r2")
      #expect(error == "t.kp:3: divide 0")
    }
  }

  /// Everything but nil and false is true.
  @Test func truth() throws {
    let values = [
      ("nil", false), ("false", false), ("true", true), ("0", true), ("\"\"", true), ("{}", true),
      ("print", true), ("<int>", true),
    ]
    for (value, isTrue) in values {
      let result = try prints(
        """
        r1 = \(value)
        not r2 r1
        r3 = "jf falls"
        jf r1 one
        r3 = "jf runs on"
        one:
        r4 = "jt jumps"
        jt r1 two
        r4 = "jt runs on"
        two:
        print(r2, r3, r4)
        """)
      let expected: [OutputValue] = [
        .bool(!isTrue), isTrue ? "jf runs on" : "jf falls", isTrue ? "jt jumps" : "jt runs on",
      ]
      #expect(result == [expected], "\(value)")
    }
  }

  /// Equality of other things is identity; nothing is equal to a thing of another kind.
  @Test func equality() throws {
    let result = try prints(
      """
      r1 = {}
      r2 = {}
      r3 = r1
      r4 = "a"
      r5 = "b"
      concat r6 r4 2
      r7 = "ab"
      r8 = nil
      r9 = false
      r10 = 0
      r11 = "0"
      r20 = same(r1, r2)
      r21 = same(r1, r3)
      r22 = same(r6, r7)
      r23 = same(r8, r9)
      r24 = same(r9, r10)
      r25 = same(r10, r11)
      r26 = same(print, print)
      r27 = same(<int>, <int>)
      r28 = same(<int>, <long>)
      r29 = same(nil, nil)
      print(r20, r21, r22, r23, r24, r25, r26, r27, r28, r29)
      function same(2)
        jeq r0 r1 equal
        jne r0 r1 unequal
        r0 = "neither"
        return r0 2
        equal:
        r0 = true
        return r0 2
        unequal:
        r0 = false
        return r0 2
      """)
    #expect(
      result == [[false, true, true, false, false, false, true, true, false, true]])
  }

  @Test func stringsAreOrderedByTheirBytes() throws {
    let words = ["", "\\0", "a", "a\\0", "aa", "ab", "b"]
    for (i, left) in words.enumerated() {
      for (j, right) in words.enumerated() {
        let result = try prints(
          """
          r1 = "\(left)"
          r2 = "\(right)"
          r3 = true
          jlt r1 r2 less
          r3 = false
          less:
          r4 = true
          jge r1 r2 notless
          r4 = false
          notless:
          print(r3, r4)
          """)
        #expect(result == [[.bool(i < j), .bool(i >= j)]], "'\(left)' '\(right)'")
      }
    }
  }

  @Test(arguments: [
    ("add r3 r1 r2", "nil", "1", "attempt to perform arithmetic on a nil value"),
    ("add r3 r1 r2", "1", "\"1\"", "attempt to perform arithmetic on a string value"),
    ("and r3 r1 r2", "1", "{}", "attempt to perform arithmetic on a table value"),
    ("shl r3 r1 r2", "true", "1", "attempt to perform arithmetic on a boolean value"),
    ("neg r3 r1", "print", "1", "attempt to perform arithmetic on a function value"),
    ("bnot r3 r1", "<int>", "1", "attempt to perform arithmetic on a ctype value"),
    ("len r3 r1", "5", "1", "attempt to get the length of a number value"),
    ("concat r3 r1 2", "\"a\"", "nil", "attempt to concatenate a nil value"),
    ("jlt r1 r2 0", "1", "\"1\"", "attempt to compare number with string"),
    ("jle r1 r2 0", "{}", "{}", "attempt to compare table with table"),
    ("getindex r3 r1 r2", "nil", "1", "attempt to index a nil value"),
    ("setindex r1 r2 r2", "5", "1", "attempt to index a number value"),
    ("call r1 1 1", "5", "1", "attempt to call a number value"),
  ])
  func wrongOperands(instruction: String, left: String, right: String, message: String) throws {
    let text = instruction.replacing(" 0", with: " again", maxReplacements: 1)
    let error = try error("r1 = \(left)\nr2 = \(right)\nagain:\n\(text)")
    #expect(error.hasPrefix("t.kp:4: "), "\(error)")
    #expect(error.contains(message), "\(error)")
  }
}
