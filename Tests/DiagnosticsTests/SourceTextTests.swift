// SPDX-License-Identifier: MIT

import Diagnostics
import Testing

@Suite struct SourceTextTests {
  private let text = "int a;\r\n  int b;\n"

  /// Of the second line's `b`.
  private let b = 14

  @Test func aFileCountsItsLines() throws {
    var source = SourceText()
    let added = source.add(Array(text.utf8), file: "a.h")
    let range = try #require(added)
    #expect(source.location(of: range.lowerBound).description == "a.h:1:1")
    #expect(source.location(of: b).description == "a.h:2:7")
    #expect(
      source.excerpt(of: b..<b + 1) == SourceExcerpt(line: "  int b;", column: 7, length: 1))
    // Without the carriage return.
    #expect(source.excerpt(of: 4..<5)?.line == "int a;")
  }

  @Test func aSecondFileBeginsAtItsFirstLine() throws {
    var source = SourceText()
    _ = source.add(Array(text.utf8), file: "a.h")
    let added = source.add(Array("char c;".utf8), file: "b.h")
    let second = try #require(added)
    #expect(source.location(of: second.lowerBound + 5).description == "b.h:1:6")
  }

  @Test func aLineMarkerNamesLineAndFile() throws {
    var source = SourceText()
    let first = "# 40 \"x.h\"\n"
    _ = source.add(Array((first + text).utf8), file: "a.h")
    source.addLineMarker(after: first.utf8.count, line: 40, file: "x.h")
    let b = first.utf8.count + self.b
    #expect(source.location(of: b).description == "x.h:41:7")
    #expect(source.isFrom("x.h", at: b))
    #expect(source.isFrom("a.h", at: 0))
  }

  @Test func anEmbeddedTextGoesOnWhereItsMapSays() throws {
    var source = SourceText()
    let start = SourceLocation(file: "s.kp", line: 3, column: 12)
    let added = source.add(
      Array("int\ta; int b;".utf8), from: start,
      [
        SourceText.MapEntry(offset: 0, line: 3, column: 12),
        SourceText.MapEntry(offset: 4, line: 3, column: 17),
      ])
    let range = try #require(added)
    #expect(source.location(of: range.lowerBound + 2).description == "s.kp:3:14")
    #expect(source.location(of: range.lowerBound + 4).description == "s.kp:3:17")
  }

  @Test func ofAVeryLongLineWhatIsAroundIsShown() throws {
    var source = SourceText()
    let line = String(repeating: "x", count: 1000) + "!" + String(repeating: "y", count: 1000)
    _ = source.add(Array(line.utf8), file: "a.h")
    let excerpt = try #require(source.excerpt(of: 1000..<1001))
    #expect(excerpt.line.utf8.count < 300)
    #expect(Array(excerpt.line.utf8)[excerpt.column - 1] == UInt8(ascii: "!"))
    #expect(source.location(of: 1000).description == "a.h:1:1001")
  }
}
