// SPDX-License-Identifier: MIT

/// A place in a text: line and column from 1; the column counts bytes.
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
  public var file: String
  public var line: Int
  public var column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  /// Reads back `path:line:col`; nil if `text` is not of that form.
  public init?(parsing text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 3, let line = Int(parts[parts.count - 2]),
      let column = Int(parts[parts.count - 1])
    else { return nil }
    self.init(file: parts.dropLast(2).joined(separator: ":"), line: line, column: column)
  }

  public var description: String { "\(file):\(line):\(column)" }
}

/// What an error, warning or note is about.
public enum DiagnosticPlace: Hashable, Sendable {
  case text(SourceLocation)
  /// Byte `offset` of a binary file.
  case bytes(file: String, offset: Int)
  /// Instruction `pc` of `function` in an image.
  case code(file: String, function: String, pc: Int)
  case file(String)
  case none
}

/// The source line that a diagnostic points into.
public struct SourceExcerpt: Hashable, Sendable {
  /// Without its line ending.
  public var line: String
  /// First byte pointed at, from 1.
  public var column: Int
  /// Bytes underlined; at least 1.
  public var length: Int

  public init(line: String, column: Int, length: Int = 1) {
    self.line = line
    self.column = column
    self.length = length
  }
}

/// Something to tell a person. Libraries return them; only commands print them.
public struct Diagnostic: Error, Hashable, Sendable {
  public enum Severity: String, Hashable, Sendable { case error, warning, note }

  public var severity: Severity
  /// Stable, for tests and searches: "missing-semicolon".
  public var id: String
  public var message: String
  public var place: DiagnosticPlace
  public var excerpt: SourceExcerpt?
  /// What to do next; one line each.
  public var hints: [String]
  /// Other places that matter ("first declared here").
  public var notes: [Note]

  public struct Note: Hashable, Sendable {
    public var message: String
    public var place: DiagnosticPlace
    public var excerpt: SourceExcerpt?

    public init(_ message: String, place: DiagnosticPlace, excerpt: SourceExcerpt? = nil) {
      self.message = message
      self.place = place
      self.excerpt = excerpt
    }
  }

  public init(
    _ id: String, _ message: String, severity: Severity = .error, place: DiagnosticPlace = .none,
    excerpt: SourceExcerpt? = nil, hints: [String] = [], notes: [Note] = []
  ) {
    self.severity = severity
    self.id = id
    self.message = message
    self.place = place
    self.excerpt = excerpt
    self.hints = hints
    self.notes = notes
  }
}

/// Several diagnostics, at least one of them an error.
public struct DiagnosticList: Error, Sendable {
  public var diagnostics: [Diagnostic]

  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }
}
