// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import StageIO

/// Adds the source lines that diagnostics point into, where the files can still be read: the
/// documents carry places, not the script's text.
struct SourceExcerpts {
  /// What `<command line>` stands for.
  let commandLine: String

  func added(to diagnostics: [Diagnostic]) -> [Diagnostic] {
    var files: [String: [UInt8]] = [:]
    return diagnostics.map { diagnostic in
      var diagnostic = diagnostic
      if diagnostic.excerpt == nil {
        diagnostic.excerpt = excerpt(at: diagnostic.place, &files)
      }
      return diagnostic
    }
  }

  private func excerpt(
    at place: DiagnosticPlace, _ files: inout [String: [UInt8]]
  ) -> SourceExcerpt? {
    guard case .text(let location) = place else { return nil }
    let bytes: [UInt8]
    if location.file == WantList.file {
      bytes = Array(commandLine.utf8)
    } else if location.file.hasPrefix("<") || isPipe(location.file) {
      return nil
    } else {
      bytes = files[location.file] ?? (try? StageInput.read(location.file)) ?? []
      files[location.file] = bytes
    }
    let lines = bytes.split(
      separator: UInt8(ascii: "\n"), maxSplits: max(location.line, 1),
      omittingEmptySubsequences: false)
    guard location.line > 0, location.line <= lines.count else { return nil }
    let line = lines[location.line - 1]
    guard location.column > 0, location.column <= line.count else { return nil }
    return SourceExcerpt(
      line: String(decoding: line, as: UTF8.self), column: location.column,
      length: wordLength(line.dropFirst(location.column - 1)))
  }

  /// Bytes of the word that the text begins with, or of the kernel-symbol token (`` `name` ``).
  private func wordLength(_ text: ArraySlice<UInt8>) -> Int {
    let quote = UInt8(ascii: "`")
    guard text.first == quote else { return max(1, text.prefix(while: isWordByte).count) }
    let name = text.dropFirst().prefix(while: isWordByte)
    return name.endIndex < text.endIndex && text[name.endIndex] == quote ? name.count + 2 : 1
  }

  private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
