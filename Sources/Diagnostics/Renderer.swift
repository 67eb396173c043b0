// SPDX-License-Identifier: MIT

/// Turns diagnostics into text: `file:line:col: error: message [id]`, the source line, a caret.
public struct DiagnosticRenderer: Sendable {
  public var usesColour: Bool

  public init(usesColour: Bool = false) { self.usesColour = usesColour }

  /// The text of one diagnostic, ending in a line feed.
  public func render(_ diagnostic: Diagnostic) -> String {
    var text = header(
      diagnostic.place, diagnostic.severity, diagnostic.message + " [\(diagnostic.id)]")
    text += body(diagnostic.excerpt)
    for note in diagnostic.notes {
      text += header(note.place, .note, note.message)
      text += body(note.excerpt)
    }
    for hint in diagnostic.hints {
      text += "  \(paint("hint:", "36")) \(hint)\n"
    }
    return text
  }

  private func header(
    _ place: DiagnosticPlace, _ severity: Diagnostic.Severity, _ message: String
  ) -> String {
    let colour =
      switch severity {
      case .error: "1;31"
      case .warning: "1;35"
      case .note: "1;36"
      }
    return "\(prefix(place))\(paint(severity.rawValue + ":", colour)) \(message)\n"
  }

  private func prefix(_ place: DiagnosticPlace) -> String {
    switch place {
    case .text(let location): "\(location): "
    case .bytes(let file, let offset): "\(file): byte \(offset): "
    case .code(let file, let function, let pc): "\(file): \(function): pc \(pc): "
    case .file(let file): "\(file): "
    case .none: ""
    }
  }

  private func body(_ excerpt: SourceExcerpt?) -> String {
    guard let excerpt else { return "" }
    let line = Array(excerpt.line.utf8)
    let start = min(max(excerpt.column - 1, 0), line.count)
    // Tabs stay tabs and everything else one blank per character, so that the caret stands where
    // the terminal shows what it points at.
    let margin = String(decoding: line[..<start], as: UTF8.self).unicodeScalars
      .map { $0 == "\t" ? "\t" : " " }.joined()
    let end = min(start + max(excerpt.length, 1), line.count)
    let pointed = String(decoding: line[start..<end], as: UTF8.self).unicodeScalars.count
    let caret = "^" + String(repeating: "~", count: max(pointed - 1, 0))
    return "  \(printable(excerpt.line))\n  \(margin)\(paint(caret, "32"))\n"
  }

  /// Control characters would let a script drive the terminal that its errors are shown on.
  private func printable(_ line: String) -> String {
    String(
      String.UnicodeScalarView(
        line.unicodeScalars.map { $0.value < 32 && $0 != "\t" || $0.value == 127 ? "?" : $0 }))
  }

  private func paint(_ text: String, _ code: String) -> String {
    usesColour ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}
