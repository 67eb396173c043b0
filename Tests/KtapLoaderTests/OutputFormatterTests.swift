// SPDX-License-Identifier: MIT

import CKtapImage
import Testing

@testable import KtapLoader

private struct Names: ImageNames {
  func typeName(_ index: UInt32) -> String { index == 1 ? "int" : "struct timeval" }
  func scalarKind(_ index: UInt32) -> ScalarKind { index == 1 ? .signed : .aggregate }
  func functionName(_ index: UInt32) -> String { ["main", "f"][Int(index)] }
  func line(function: UInt32, pc: UInt32) -> Int? { Int(function) * 100 + Int(pc) }
  var script: String { "s.kp" }
}

@Suite struct OutputFormatterTests {
  private func text(_ record: OutputRecord, _ format: OutputFormat = .text) -> String {
    var formatter = OutputFormatter(names: Names(), format: format)
    return String(decoding: formatter.format(record), as: UTF8.self)
  }

  private let everything = OutputRecord(
    kind: .print, cpu: 1, nanoseconds: 5,
    values: [
      .nil, .bool(true), .int(-1), .uint(.max), .text(Array("a\"\n".utf8)), .table(16),
      .cdata(type: 1, payload: UInt64(bitPattern: -3)), .cdata(type: 2, payload: 0xff), .ctype(1),
    ])

  @Test func printSeparatesByTabs() {
    #expect(
      text(everything)
        == "nil\ttrue\t-1\t18446744073709551615\ta\"\n\ttable: 0x10\t-3\tstruct timeval: 0xff\tctype<int>\n"
    )
    #expect(text(OutputRecord(kind: .print, values: [])) == "\n")
  }

  @Test func jsonIsOneObjectALine() {
    #expect(
      text(everything, .json)
        == #"{"cpu":1,"kind":"print","text":"nil\ttrue\t-1\t18446744073709551615\ta\"\n\ttable: 0x10\t-3\tstruct timeval: 0xff\tctype<int>","time_ns":5,"values":[null,true,-1,"18446744073709551615","a\"\n",{"table":"0x10"},{"type":"int","value":"0xfffffffffffffffd"},{"type":"struct timeval","value":"0xff"},{"ctype":"int"}]}"#
        + "\n")
  }

  @Test func errorsPointIntoTheScript() throws {
    var formatter = OutputFormatter(names: Names(), format: .text)
    let message = OutputValue.text(Array("s.kp:7: divide 0".utf8))
    _ = formatter.format(
      OutputRecord(kind: .error, values: [message, .int(1), .int(4), .int(0), .int(9)]))
    let diagnostic = try #require(formatter.takeDiagnostics().first)
    #expect(diagnostic.place == .file("s.kp:7"))
    #expect(diagnostic.message == "divide 0")
    #expect(diagnostic.notes.map(\.message) == ["in f", "in main"])
    #expect(diagnostic.notes.map(\.place) == [.file("s.kp:104"), .file("s.kp:9")])
    #expect(formatter.takeDiagnostics().isEmpty)
  }

  @Test func exitIsRemembered() {
    var formatter = OutputFormatter(names: Names(), format: .text)
    #expect(formatter.exit == nil)
    _ = formatter.format(OutputRecord(kind: .exit, values: [.int(2), .uint(0), .uint(0)]))
    #expect(formatter.exit == KTAP_EXIT_INTERRUPTED)
  }
}

@Suite struct RecordParserTests {
  /// A record with one text value, as the VM lays it out.
  private func record(_ text: String) -> [UInt8] {
    let padded = Array(text.utf8) + [UInt8](repeating: 0, count: -text.utf8.count & 7)
    let size = 24 + 16 + padded.count
    func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian, Array.init)
    }
    return little(UInt32(size)) + little(UInt16(1)) + little(UInt16(1)) + little(UInt32(3))
      + little(UInt32(0)) + little(UInt64(99)) + little(KTAP_VALUE_TEXT.rawValue)
      + little(UInt32(text.utf8.count)) + little(UInt64(0)) + padded
  }

  private func parse(_ bytes: [UInt8]) throws -> [OutputRecord] {
    var parser = RecordParser()
    return try bytes.withUnsafeBytes { try parser.parse($0) }
  }

  @Test func readsSeveralRecords() throws {
    let expected = ["", "hello", "12345678"].map {
      OutputRecord(kind: .print, cpu: 3, nanoseconds: 99, values: [.text(Array($0.utf8))])
    }
    #expect(try parse(record("") + record("hello") + record("12345678")) == expected)
  }

  @Test func everyTruncationIsRefused() {
    let whole = record("hello")
    for length in 1..<whole.count {
      #expect(throws: (any Error).self) { try parse(Array(whole.prefix(length))) }
    }
  }

  @Test func everyByteChangedIsReadOrRefused() {
    let whole = record("hello") + record("x")
    for position in whole.indices {
      for value in [0, 1, 0x7f, 0x80, 0xff] as [UInt8] {
        var bytes = whole
        bytes[position] = value
        _ = try? parse(bytes)
      }
    }
  }
}

@Suite struct GrantsTests {
  @Test func linesAsTheDeviceTakesThem() throws {
    var grants = Grants()
    try grants.add("call=kmalloc,kfree")
    try grants.add("write")
    #expect(grants.bytes == Array("call=kmalloc\ncall=kfree\nwrite\n".utf8))
  }

  @Test(arguments: ["", "cal", "call=", "call=a,,b", "call=a b", "write=x", "call=a\nwrite"])
  func mistakesAreNamed(text: String) {
    var grants = Grants()
    #expect(throws: (any Error).self) { try grants.add(text) }
    #expect(grants.lines.isEmpty || text.hasPrefix("call=a"))
  }
}
