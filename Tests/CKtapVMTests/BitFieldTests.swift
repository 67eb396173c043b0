// SPDX-License-Identifier: MIT

import CKtapImage
import CKtapVMTestCallees
import KtapLoader
import TestSupport
import Testing

/// Bit-fields of every width of every type, at every offset that eight in a row have, plain and
/// packed, against what the C compiler reads and writes.
@Suite struct BitFieldTests {
  private static let kinds = [
    "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned int", "long",
    "unsigned long", "_Bool",
  ]

  /// Where the compiler puts field `index`: the bits that change when it is all ones.
  private static func bitOffset(of index: UInt32, in record: oracle_bit_fields) -> Int {
    var bytes = [UInt8](repeating: 0, count: Int(record.size))
    bytes.withUnsafeMutableBytes { record.set($0.baseAddress, index, ~0) }
    let first = bytes.firstIndex { $0 != 0 }!
    return first * 8 + bytes[first].trailingZeroBitCount
  }

  private static func program(for record: oracle_bit_fields) -> Program {
    var program = Program()
    let type = kinds[Int(record.kind)]
    program.record(
      "struct fields",
      (0..<UInt32(ORACLE_FIELDS)).map { index in
        .init("f\(index)", type, at: bitOffset(of: index, in: record), bits: Int(record.width))
      }, size: Int(record.size), align: Int(record.align))
    program.array("unsigned char", UInt64(record.size), name: "bytes")
    program.record("union view", [.init("fields", "struct fields"), .init("bytes", "bytes")])
    return program
  }

  /// Writes `values` to the fields in turn, beginning with `background` in every byte; gives what
  /// each field reads as afterwards, and the bytes.
  private static func expected(
    _ record: oracle_bit_fields, _ values: [UInt64], background: UInt8
  ) -> (fields: [OutputValue], bytes: [UInt8]) {
    var bytes = [UInt8](repeating: background, count: Int(record.size))
    let fields: [OutputValue] = bytes.withUnsafeMutableBytes { buffer in
      for (index, value) in values.enumerated() {
        record.set(buffer.baseAddress, UInt32(index), value)
      }
      return values.indices.map { index in
        let bits = record.get(buffer.baseAddress, UInt32(index))
        // Only 64 bits of an unsigned type need an unsigned number (C11 6.3.1.1p2).
        if record.kind == 8 { return .bool(bits != 0) }
        if record.kind == 7, record.width == 64 { return .uint(bits) }
        return .int(Int64(bitPattern: bits))
      }
    }
    return (fields, bytes)
  }

  private static func listing(_ record: oracle_bit_fields, _ values: [UInt64], background: UInt8)
    -> String
  {
    var listing = "r0 = ffi.new(<union view>)\ngetfield r1 r0 bytes\ngetfield r2 r0 fields\n"
    listing += "fill(r1, \(record.size - 1), \(background))\n"
    for (index, value) in values.enumerated() {
      listing += "r3 = \(value)u\nsetfield r2 r3 f\(index)\n"
    }
    for index in values.indices { listing += "getfield r\(10 + index) r2 f\(index)\n" }
    listing += "print(\(values.indices.map { "r\(10 + $0)" }.joined(separator: ", ")))\n"
    return listing + "dump(r1, \(record.size - 1))\n" + loops
  }

  private static let loops = """
    function fill(3)
      loadi r3 0
      move r4 r1
      loadi r5 1
      forprep r3 done
      again:
      setindex r0 r6 r2
      forloop r3 again
      done:
    function dump(2)
      loadi r3 0
      move r4 r1
      loadi r5 1
      forprep r3 done
      again:
      getindex r7 r0 r6
      print(r7)
      forloop r3 again
      done:
    """

  private static func check(_ record: oracle_bit_fields, _ random: inout SeededGenerator) throws {
    let program = program(for: record)
    for background: UInt8 in [0x00, 0xff, 0xa5] {
      let values = (0..<Int(ORACLE_FIELDS)).map { _ in random.next() }
      let expected = expected(record, values, background: background)
      let result = try prints(listing(record, values, background: background), in: program)
      let name = "\(kinds[Int(record.kind)]) : \(record.width), packed: \(record.packed)"
      #expect(result.first == expected.fields, "\(name)")
      #expect(result.dropFirst().map { $0[0] } == expected.bytes.map { .int(Int64($0)) }, "\(name)")
    }
  }

  @Test(arguments: 0..<UInt32(ORACLE_KINDS)) func everyWidth(kind: UInt32) throws {
    var random = SeededGenerator(seed: UInt64(kind))
    let all = UnsafeBufferPointer(
      start: oracle_bit_fields_first(), count: Int(oracle_bit_field_record_count))
    let records = all.filter { $0.kind == kind }
    #expect(records.count >= 2)
    for record in records { try Self.check(record, &random) }
  }

  /// Through a foreign pointer the record is read and written by the host's services.
  @Test func inForeignMemory() throws {
    var program = Program()
    program.record(
      "struct fields",
      [.init("low", "int", at: 3, bits: 7), .init("high", "unsigned int", at: 13, bits: 21)],
      size: 8, align: 8)
    program.pointer("struct fields")
    program.variable("variable_ulong", "unsigned long")
    let result = try prints(
      """
      r0 = 0
      setsym r0 variable_ulong
      r0 = ffi.cast(<struct fields *>, \(ktap_test_address("variable_ulong")))
      r1 = -3
      setfield r0 r1 low
      r1 = 2097151
      setfield r0 r1 high
      getfield r2 r0 low
      getfield r3 r0 high
      r4 = variable_ulong
      r5 = 9223372036854775808u
      setsym r5 variable_ulong
      print(r2, r3, r4)
      """, in: program)
    let low: UInt64 = (UInt64(bitPattern: -3) & 0x7f) << 3
    #expect(result == [[-3, 2_097_151, .uint(low | 2_097_151 << 13)]])
  }

  @Test func offsetofSaysWhereTheBitsAre() throws {
    var program = Program()
    program.record(
      "struct fields",
      [.init("byte", "char"), .init("low", "int", at: 11, bits: 7)], size: 4, align: 4)
    let result = try prints(
      """
      r0, r1, r2 = ffi.offsetof(<struct fields>, "low")
      print(r0, r1, r2)
      r0, r1, r2 = ffi.offsetof(<struct fields>, "byte")
      print(r0, r1, r2)
      """, in: program)
    #expect(result == [[1, 3, 7], [0, .nil, .nil]])
  }
}
