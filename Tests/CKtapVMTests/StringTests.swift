// SPDX-License-Identifier: MIT

import KtapLoader
import Testing

@Suite struct StringTests {
  @Test func concatenation() throws {
    let result = try prints(
      """
      r1 = "a"
      r2 = 12
      r3 = -3
      r4 = 18446744073709551615u
      r5 = ""
      r6 = "x\\0y"
      concat r7 r1 6
      len r8 r7
      concat r9 r2 2
      r10 = "only"
      r11 = ""
      concat r12 r10 2
      print(r7, r8, r9, r12)
      """)
    #expect(
      result == [["a12-318446744073709551615x\0y", 28, "12-3", "only"]])
  }

  @Test func strings() throws {
    let result = try prints(
      """
      r1 = ""
      len r2 r1
      r3 = "\u{e9}"
      len r4 r3
      r5 = len("abc")
      print(r2, r4, r5)
      """)
    #expect(result == [[0, 2, 3]])
  }

  /// Equal strings are the same, however they came about and whatever was collected between.
  @Test func stringsAreInterned() throws {
    let result = try prints(
      """
      r0 = {}
      r1 = 1
      r2 = 3000
      r3 = 1
      forprep r1 done
      again:
      r5 = "key"
      move r6 r4
      concat r7 r5 2
      setindex r0 r7 r4
      forloop r1 again
      done:
      r9 = 0
      r1 = 1
      r2 = 3000
      forprep r1 checked
      check:
      r5 = "k"
      r6 = "ey"
      move r7 r4
      concat r8 r5 3
      getindex r8 r0 r8
      jne r8 r4 next
      addi r9 r9 1
      next:
      forloop r1 check
      checked:
      print(r9)
      """)
    #expect(result == [[3000]])
  }

  /// Strings that begin alike, and ones that a weak hash would throw together.
  @Test func longStringsAreTheSameOnlyIfAllBytesAre() throws {
    let result = try prints(
      """
      r1 = "0123456789"
      move r2 r1
      loadi r10 0
      loadi r11 12
      double:
      concat r1 r1 2
      move r2 r1
      addi r10 r10 1
      jlt r10 r11 double
      r3 = "a"
      r4 = r1
      r5 = "b"
      r6 = r1
      concat r7 r3 2
      concat r8 r5 2
      move r3 r1
      r4 = "a"
      concat r9 r3 2
      r20 = {}
      setindex r20 r7 r11
      getindex r21 r20 r8
      getindex r22 r20 r9
      getindex r23 r20 r7
      len r24 r7
      print(r21, r22, r23, r24)
      """)
    #expect(result == [[.nil, .nil, 12, 40961]])
  }

  /// A mebibyte is a string, more is an error, and no harm done.
  @Test func lengthIsLimited() throws {
    let result = try run(
      """
      r1 = "x"
      r10 = 0
      r11 = 20
      again:
      move r2 r1
      concat r1 r1 2
      addi r10 r10 1
      jlt r10 r11 again
      len r12 r1
      print(r12)
      r3, r4 = pcall(double, r1)
      print(r3, r4)
      function double(1)
        move r1 r0
        concat r0 r0 2
        return r0 2
      """, on: Machine(memory: 16 << 20))
    #expect(result.prints[0] == [1_048_576])
    #expect(result.prints[1][0] == false)
    guard case .text(let bytes) = result.prints[1][1] else { throw Machine.Misbehaved(what: "?") }
    #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("t.kp:15: "))
  }

  @Test func tostring() throws {
    var program = Program()
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    let outcome = try run(
      """
      r1 = tostring(nil)
      r2 = tostring(true)
      r3 = tostring(-9223372036854775808)
      r4 = tostring(18446744073709551615u)
      r5 = tostring("as it is")
      r6 = tostring(<struct pair>)
      print(r1, r2, r3, r4, r5, r6)
      r1 = {}
      r1 = tostring(r1)
      r2 = tostring(print)
      r3 = ffi.new(<struct pair>)
      r3 = tostring(r3)
      r4 = ffi.cast(<void *>, 4096)
      r4 = tostring(r4)
      r5 = ffi.cast(<unsigned char>, 300)
      r5 = tostring(r5)
      print(r1, r2, r3, r4, r5)
      """, in: program)
    #expect(
      outcome.prints[0] == [
        "nil", "true", "-9223372036854775808", "18446744073709551615", "as it is",
        "ctype<struct pair>",
      ])
    let texts = outcome.prints[1].map { value in
      if case .text(let bytes) = value {
        String(decoding: bytes, as: UTF8.self)
      } else {
        "\(value)"
      }
    }
    #expect(texts[0].wholeMatch(of: /table: 0x[0-9a-f]+/) != nil, "\(texts)")
    #expect(texts[1].hasPrefix("function: "), "\(texts)")
    #expect(texts[2].wholeMatch(of: /struct pair: 0x[0-9a-f]+/) != nil, "\(texts)")
    #expect(texts[3] == "void *: 0x1000")
    #expect(texts[4] == "44")
  }

  @Test(
    arguments: [
      ("12", 12), ("-12", -12), ("0x1f", 31), ("0XFF", 255), ("  7  ", 7),
      ("-9223372036854775808", .int(.min)), ("9223372036854775807", .int(.max)),
      ("18446744073709551615", .uint(.max)), ("0xffffffffffffffff", .uint(.max)), ("", .nil),
      ("-", .nil), ("0x", .nil), ("12a", .nil), ("1 2", .nil), ("a", .nil), ("+", .nil),
      ("18446744073709551616", .nil), ("99999999999999999999999", .nil), ("1\\0", .nil),
    ] as [(String, OutputValue)])
  func tonumber(text: String, number: OutputValue) throws {
    let result = try prints("r1 = tonumber(\"\(text)\")\nprint(r1)")
    #expect(result == [[number]], "'\(text)'")
  }

  @Test func tonumberOfOtherThings() throws {
    let result = try prints(
      """
      r1 = tonumber(5u)
      r2 = tonumber(nil)
      r3 = tonumber({})
      r4 = ffi.cast(<short>, 65535)
      r4 = tonumber(r4)
      print(r1, r2, r3, r4)
      """)
    #expect(result == [[.uint(5), .nil, .nil, -1]])
  }

  @Test func types() throws {
    let result = try prints(
      """
      r1 = type(nil)
      r2 = type(false)
      r3 = type(5)
      r4 = type(5u)
      r5 = type("")
      r6 = type({})
      r7 = type(print)
      r8 = type(f)
      r9 = type(<int>)
      r10 = ffi.cast(<void *>, 0)
      r10 = type(r10)
      print(r1, r2, r3, r4, r5, r6, r7, r8, r9, r10)
      function f(0)
      """)
    #expect(
      result == [
        [
          "nil", "boolean", "number", "number", "string", "table", "function", "function", "ctype",
          "cdata",
        ]
      ])
  }
}
