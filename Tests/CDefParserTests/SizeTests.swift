// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// The parser is small: docs/cdef.md, "How large it is".
@Suite struct SizeTests {
  private static let sources = URL(fileURLWithPath: #filePath)
    .appendingPathComponent("../../../Sources/CDefParser").standardized

  /// Lines that are neither blank nor comment; `swift format` holds them to 100 columns.
  @Test(arguments: [("Parser", 4000), (".", 4700)])
  func linesAreCounted(directory: String, limit: Int) throws {
    let root = Self.sources.appendingPathComponent(directory)
    let files = try FileManager.default.subpathsOfDirectory(atPath: root.path)
      .filter { $0.hasSuffix(".swift") }
    let count = try files.reduce(0) { count, file in
      let text = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
      return count + text.split(separator: "\n").count(where: Self.isCode)
    }
    #expect(count > limit / 2, "the sources are where the test looks")
    #expect(count < limit)
  }

  private static func isCode(_ line: Substring) -> Bool {
    let text = line.drop(while: \.isWhitespace)
    return !text.isEmpty && !text.hasPrefix("//")
  }
}
