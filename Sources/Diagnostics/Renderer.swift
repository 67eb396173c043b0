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
      text += "  \(paint("hint:", "36")) \(printable(hint))\n"
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
    let label = paint(severity.rawValue + ":", colour)
    return "\(printable(prefix(place)))\(label) \(printable(message))\n"
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
    guard let excerpt = excerpt.map(clipped) else { return "" }
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

  /// Bytes of a source line that are shown in front of what is pointed at, and from there on.
  private static let (before, after) = (80, 160)

  /// What stands around the place that is pointed at: with a line of a hundred kilobytes, each of its
  /// thousand errors would be as long.
  private func clipped(_ excerpt: SourceExcerpt) -> SourceExcerpt {
    let line = excerpt.line.utf8
    guard line.count > Self.before + Self.after else { return excerpt }
    let column = min(max(excerpt.column - 1, 0), line.count)
    let from = Self.boundary(in: line, at: column > Self.before ? column - Self.before : 0)
    let to = Self.boundary(in: line, at: min(column + Self.after, line.count))
    let text =
      String(
        line[
          line.index(line.startIndex, offsetBy: from)..<line.index(line.startIndex, offsetBy: to)])
      ?? ""
    let (head, tail) = (from > 0 ? "..." : "", to < line.count ? "..." : "")
    return SourceExcerpt(
      line: head + text + tail, column: column - from + head.utf8.count + 1,
      length: min(excerpt.length, to - column))
  }

  /// The place of the character that the byte at `offset` is in.
  private static func boundary(in line: String.UTF8View, at offset: Int) -> Int {
    var offset = offset
    while offset > 0, offset < line.count,
      line[line.index(line.startIndex, offsetBy: offset)] & 0xC0 == 0x80
    { offset -= 1 }
    return offset
  }

  /// Control characters would let a script, or a name in a file, drive the terminal that errors are
  /// shown on. 0x80 to 0x9F are control characters, too (ECMA-48 5.3).
  private func printable(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 32 || $0 >= 127 }) else { return text }
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.map {
          $0.properties.generalCategory == .control && $0 != "\t" ? "?" : $0
        }))
  }

  private func paint(_ text: String, _ code: String) -> String {
    usesColour ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}
