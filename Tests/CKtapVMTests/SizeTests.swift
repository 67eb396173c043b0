// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// What runs in the kernel stays small: the files of each part, as docs/vm.md lists them, have fewer lines
/// than it says.
@Suite struct SizeTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A row of the table: a part, its files (paths in kmod/), and the limit.
  private static func parts() throws -> [(name: String, files: [String], limit: Int)] {
    let text = try String(
      contentsOf: root.appendingPathComponent("docs/vm.md"), encoding: .utf8)
    let section = try #require(text.components(separatedBy: "\n## Size\n").dropFirst().first)
      .components(separatedBy: "\n## ")[0]
    return section.split(separator: "\n").compactMap { row in
      let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 3,
        let limit = Int(cells[2].replacingOccurrences(of: ",", with: ""))
      else { return nil }
      let files = cells[1].split(separator: "`").filter { !$0.contains(",") }.map(String.init)
      return (cells[0], files, limit)
    }
  }

  @Test func partsAreAsSmallAsTheirChapterSays() throws {
    let parts = try Self.parts()
    #expect(parts.map(\.limit) == [6000, 4000])
    #expect(Set(parts.flatMap(\.files)).count == parts.reduce(0) { $0 + $1.files.count })
    for part in parts {
      let lines = try part.files.reduce(0) { sum, file in
        let path = Self.root.appendingPathComponent("kmod").appendingPathComponent(file)
        return sum + (try Data(contentsOf: path).count { $0 == UInt8(ascii: "\n") })
      }
      #expect(lines > part.limit / 3 && lines < part.limit, "\(part.name): \(lines) lines")
    }
  }
}
