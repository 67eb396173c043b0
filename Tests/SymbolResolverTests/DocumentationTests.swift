// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// docs/resolve.md has an entry for every message, and for no others.
@Suite struct DocumentationTests {
  @Test func everyMessageIsExplained() throws {
    let used = try Set(
      ["DebugInfo", "SymbolResolver", "ksym-resolve"].flatMap { module in
        try sources(of: module).flatMap(ids)
      })
    try #require(used.count > 20)
    let text = try String(
      contentsOf: repository.appendingPathComponent("docs/resolve.md"), encoding: .utf8)
    let explained = Set(text.matches(of: /\n\| `([a-z-]+)` \|/).map { String($0.1) })
      .filter {
        $0.contains("-")
          || ["contradiction", "inlined", "noinstr", "unbound", "unverified"].contains($0)
      }
    #expect(used.subtracting(explained).sorted() == [])
    #expect(explained.subtracting(used).sorted() == [])
  }

  /// What finds an address by name stays small enough to be read at one go.
  @Test func theFinderIsOneShortFile() throws {
    let path = "Sources/SymbolResolver/SymbolFinder.swift"
    let text = try String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)
    #expect(text.contains("func find(_ selection: SymbolSelection)"))
    #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count < 400)
  }

  private func sources(of module: String) throws -> [String] {
    let folder = repository.appendingPathComponent("Sources/\(module)")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .map { try String(contentsOf: $0, encoding: .utf8) }
  }

  /// The first argument of what makes diagnostics.
  private func ids(_ source: String) -> [String] {
    source.matches(of: /(?:report|Diagnostic|malformed|id:)\(?\s*"([a-z-]+)"/).map { String($0.1) }
  }
}
