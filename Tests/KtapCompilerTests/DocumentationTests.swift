// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
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

  /// The scripts that both hosts run with the same output: Tests/Programs, and in a process the golden cases
  /// that use C.
  private func scripts(_ folder: String, _ suffix: String) throws -> [[UInt8]] {
    let folder = Self.root.appendingPathComponent("Tests/\(folder)")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .filter { $0.hasSuffix(suffix) }
      .map { Array(try Data(contentsOf: folder.appendingPathComponent($0))) }
  }

  /// Each word, operator and mark of the language stands in a program that both hosts run. Events are
  /// refused, and kernel symbols are no matter of both.
  @Test func everyTokenIsRun() throws {
    var seen: Set<TokenKind> = []
    for bytes in try scripts("Programs", ".kp") {
      var sink = DiagnosticSink()
      let list = Lexer.tokenize(try Script(name: "s.kp", bytes: bytes), &sink)
      seen.formUnion(list.tokens.map(\.kind))
    }
    let elsewhere: Set<TokenKind> = [
      .eventDescription, .eventVariable, .kernelSymbol, .keywordProfile, .keywordTick,
      .keywordTrace, .keywordTraceEnd,
    ]
    let missing = Set(TokenKind.allCases).subtracting(elsewhere).subtracting(seen)
    #expect(missing.isEmpty, "\(missing.map(\.rawValue).sorted())")
  }

  /// So does each builtin function; those about C in a golden case, or in the guest's tests.
  @Test func everyBuiltinIsRun() throws {
    let programs = try text(scripts("Programs", ".kp"))
    let others = try text(scripts("PipelineTests/Cases", ".case") + scripts("GuestTests", ".sh"))
    for builtin in Builtin.all {
      let isOfC = ["ffi.", "callback:", "dump", "per_cpu", "rcu", "symbol_of", "user_string"]
        .contains { builtin.name.hasPrefix($0) }
      // A method goes by its own name.
      let call = (builtin.name.split(separator: ":").last ?? "") + "("
      #expect((isOfC ? others : programs).range(of: call) != nil, "\(call)")
    }
  }

  private func text(_ scripts: [[UInt8]]) -> String {
    String(decoding: Array(scripts.joined(separator: [UInt8(ascii: "\n")])), as: UTF8.self)
  }

  @Test func everyKeywordAndBuiltinIsListed() throws {
    let chapter = try chapter("language.md")
    for word in TokenKind.keywords.keys { #expect(chapter.contains(word), "\(word)") }
    for builtin in Builtin.all { #expect(chapter.contains("`\(builtin.name)("), "\(builtin.name)") }
  }
}
