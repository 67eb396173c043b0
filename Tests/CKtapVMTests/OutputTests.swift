// SPDX-License-Identifier: MIT

import CKtapImage
import CKtapVM
import CKtapVMTestCallees
import KtapImage
import KtapLoader
import Testing

/// What print and printf send.
@Suite struct OutputTests {
  @Test func everyKindOfValue() throws {
    var program = Program()
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    program.variable("variable_pair", "struct pair")
    let outcome = try run(
      """
      r1 = {}
      r2 = ffi.cast(<short>, -3)
      r3 = variable_pair
      r4 = ffi.addressof(r3)
      r5 = ffi.cast(<void *>, 4096)
      print(nil, true, -5, 18446744073709551615u, "text", r1, print)
      print(r2, r3, r4, r5, <short>)
      print(r1)
      print()
      """, in: program)
    let address = ktap_test_address("variable_pair")
    let first = outcome.prints[0]
    #expect(first.prefix(5) == [.nil, true, -5, .uint(.max), "text"])
    guard case .table(let table) = first[5], case .function = first[6] else {
      throw Machine.Misbehaved(what: "\(first)")
    }
    let second = outcome.prints[1]
    #expect(second[0] == .cdata(type: program["short"], payload: UInt64(bitPattern: -3)))
    #expect(second[1] == .cdata(type: program["struct pair"], payload: address))
    #expect(second[3] == .cdata(type: program["void *"], payload: 4096))
    #expect(second[4] == .ctype(program["short"]))
    #expect(outcome.prints[2] == [.table(table)])
    #expect(outcome.prints[3] == [])
    guard case .cdata(let type, payload: address) = second[2] else {
      throw Machine.Misbehaved(what: "\(second)")
    }
    // The image has no such type.
    var image = program
    try image.assemble("r0 = 1")
    let reader = try ImageReader(image.image.build(), name: "t")
    #expect(Int(type) >= reader.types.count)
    #expect(reader.typeName(type) == "struct pair *")
  }

  @Test func printfSendsFormatAndValues() throws {
    let outcome = try run("printf(\"%d of %s\\n\", 5, \"six\")")
    #expect(outcome.records[0].kind == .printf)
    #expect(outcome.records[0].values == ["%d of %s\n", 5, "six"])
  }

  @Test(arguments: ["printf()", "printf(5)", "printf(nil, 5)"])
  func printfNeedsAFormat(listing: String) throws {
    #expect(try error(listing).contains("'printf'"))
  }

  /// Texts as long as a record and longer: everything arrives, or an error says that it cannot.
  @Test(arguments: [
    0, 1, 7, 8, 1000, 65_000, 65_400, 65_480, 65_488, 65_496, 65_504, 65_536, 200_000,
  ])
  func longTexts(length: Int) throws {
    var program = Program()
    let text = (0..<length).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    let constant = program.image.constant(
      KTAP_CONSTANT_STRING, UInt64(program.image.intern(text)))
    try program.assemble("builtin r0 print\nloadk r1 0\ncall r0 2 1\nprint(\"after\")")
    program.image.code[1].d = constant
    let outcome = try Machine().run(program.image.build())
    if let error = outcome.error {
      #expect(length > 60_000)
      #expect(error.contains("print"), "\(error)")
      #expect(outcome.prints == [])
    } else {
      var arrived: [UInt8] = []
      for values in outcome.prints.dropLast() {
        for case .text(let piece) in values { arrived += piece }
      }
      #expect(arrived == text)
      #expect(outcome.prints.last == ["after"])
    }
  }

  /// Many long texts in one print.
  @Test func manyTexts() throws {
    var listing =
      "r1 = \"0123456789abcdef\"\nr10 = 0\nr11 = 9\nagain:\nmove r2 r1\nconcat r1 r1 2\n"
    listing += "addi r10 r10 1\njlt r10 r11 again\n"
    listing += "r0, r2 = pcall(print, \((0..<30).map { _ in "r1" }.joined(separator: ", ")))\n"
    listing += "print(\"end\", r0)"
    let outcome = try run(listing)
    #expect(outcome.error == nil)
    let texts = outcome.prints.dropLast().joined().compactMap { value in
      if case .text(let bytes) = value { bytes.count } else { nil }
    }
    let all = 30 * (16 << 9)
    #expect(outcome.prints.last == ["end", true] ? texts.reduce(0, +) == all : texts.isEmpty)
  }

  @Test func theClockIsTheHosts() throws {
    #expect(try prints("r0 = gettimeofday_ns()\nprint(r0)") == [[1_700_000_000_123_456_789]])
    let outcome = try run("print(1)")
    #expect(outcome.records[0].nanoseconds == 1_000_000_007)
  }
}
