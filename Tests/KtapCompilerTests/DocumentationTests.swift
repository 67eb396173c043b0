// SPDX-License-Identifier: MIT

import CKtapImage
import Foundation
import KtapImage
import Testing

@testable import KtapCompiler

/// What the chapters list is what there is.
@Suite struct DocumentationTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private func chapter(_ name: String) throws -> String {
    try String(contentsOf: Self.root.appendingPathComponent("docs/\(name)"), encoding: .utf8)
  }

  @Test func everyOpcodeIsDescribed() throws {
    let chapter = try chapter("image.md")
    for opcode in 0..<UInt8(KTAP_OP_COUNT.rawValue) {
      let info = try #require(OpcodeInfo(opcode))
      let operands = [("a", info.a), ("b", info.b), ("c", info.c), ("d", info.d)]
        .filter { $0.1 != .zero }.map { "\($0.0): \(word($0.1))" }
      let row = "| `\(info.mnemonic)` | \(operands.joined(separator: ", ")) |"
      #expect(chapter.contains(row), "\(row)")
    }
  }

  private func word(_ kind: OperandKind) -> String {
    switch kind {
    case .cap: "capture"
    case .const: "constant"
    case .consts: "string"
    case .func: "function"
    default: "\(kind)"
    }
  }

  /// Every id of a diagnostic in the compiler's sources stands in the language's chapter.
  @Test func everyMessageIsListed() throws {
    let chapter = try chapter("language.md")
    let sources = Self.root.appendingPathComponent("Sources/KtapCompiler")
    let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
    var ids: Set<String> = []
    while let file = files?.nextObject() as? URL {
      guard file.pathExtension == "swift" else { continue }
      let text = try String(contentsOf: file, encoding: .utf8)
      // Ids are the only strings of lower-case words joined by hyphens.
      for match in text.matches(of: /"([a-z]+(-[a-z]+)+)"/) { ids.insert(String(match.1)) }
    }
    #expect(ids.count > 40)
    for id in ids.sorted() { #expect(chapter.contains("`\(id)`"), "\(id)") }
  }

  /// The tutorial's programs print what their comments say (values two blanks apart), up to the one that
  /// needs a kernel.
  @Test func theTutorialIsRight() throws {
    let chapter = try chapter("language.md")
    let tutorial = try #require(
      chapter.split(separator: "## Tutorial").dropFirst().first?
        .split(separator: "**Talking to the kernel.**").first)
    let blocks = tutorial.split(separator: "```\n", omittingEmptySubsequences: false)
      .enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    #expect(blocks.count >= 5)
    for block in blocks {
      var compiler = Compiler(try Script(name: "s.kp", bytes: Array(block.utf8)))
      let outcome = compiler.image(nil)
      let image = try #require(outcome.result, "\(outcome.diagnostics)\n\(block)")
      #expect(outcome.diagnostics.isEmpty, "\(outcome.diagnostics)")
      var seen = try BareHost.run(image).lines[...]
      for line in block.split(separator: "\n") {
        guard let said = line.firstRange(of: "    # ") else { continue }
        let expected = line[said.upperBound...].split(separator: "  ").map {
          String($0.drop { $0 == " " })
        }.joined(separator: "\t")
        let index = try #require(
          seen.firstIndex(of: expected), "'\(expected)' is not printed by\n\(block)")
        seen = seen[(index + 1)...]
      }
    }
  }

  @Test func everyKeywordAndBuiltinIsListed() throws {
    let chapter = try chapter("language.md")
    for word in TokenKind.keywords.keys { #expect(chapter.contains(word), "\(word)") }
    for builtin in Builtin.all { #expect(chapter.contains("`\(builtin.name)("), "\(builtin.name)") }
  }
}
