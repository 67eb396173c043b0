// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// The table in docs/ffi.md that compares this with others: each row names a test that is there, or a reason.
@Suite struct FeatureTableTests {
  /// The last two cells of each row that has a feature.
  static let rows: [(feature: String, isHere: Bool, why: String)] = {
    let text =
      (try? String(contentsOf: Tools.package.appendingPathComponent("docs/ffi.md"), encoding: .utf8))
      ?? ""
    let section = text.components(separatedBy: "## Beside other foreign function interfaces").last!
    return section.split(separator: "\n").filter { $0.hasPrefix("| ") }.compactMap { line in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 10, ["●", "–"].contains(cells[8]) else { return nil }
      return (cells[0], cells[8] == "●", cells[9])
    }
  }()

  /// Every file that a test may be in, by its name.
  private static let files: [String: URL] = {
    var files: [String: URL] = [:]
    for folder in ["Tests", "kmod/test", "pipeline/examples"] {
      let folder = Tools.package.appendingPathComponent(folder)
      for case let file as URL in FileManager.default.enumerator(
        at: folder, includingPropertiesForKeys: nil)!
      {
        files[file.lastPathComponent] = file
      }
    }
    return files
  }()

  @Test func theTableIsThere() {
    #expect(Self.rows.count > 60)
    #expect(Self.rows.contains { !$0.isHere })
  }

  @Test func eachRowHasATestOrAReason() throws {
    for row in Self.rows {
      let names = row.why.split(separator: "`").enumerated().filter { $0.offset % 2 == 0 }
        .map { String($0.element) }
      guard row.isHere, row.why.hasPrefix("`") else {
        // What has no test of its own says why, in words.
        #expect(row.why.count > 20, "\(row.feature)")
        continue
      }
      for name in names where !name.allSatisfy({ ", ".contains($0) }) {
        try Self.checkTest(name, row.feature)
      }
    }
  }

  /// `File.ext`, or `Suite.function` of SuiteTests.swift.
  private static func checkTest(_ name: String, _ feature: String) throws {
    if files[name] != nil { return }
    let parts = name.split(separator: ".")
    let suite = files["\(parts[0])Tests.swift"] ?? files["\(parts[0]).swift"]
    let file = try #require(suite, "\(feature): there is no \(name)")
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text.contains("func \(parts.last!)("), "\(feature): there is no \(name)")
  }
}
