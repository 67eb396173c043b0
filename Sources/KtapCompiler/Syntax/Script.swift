// SPDX-License-Identifier: MIT

import Diagnostics

/// Bytes `start ..< end` of a script.
public struct SourceRange: Hashable, Sendable {
  public var start: Int
  public var end: Int

  public init(_ start: Int, _ end: Int) {
    self.start = start
    self.end = max(start, end)
  }

  /// From the start of this to the end of `other`.
  func through(_ other: SourceRange) -> SourceRange { SourceRange(start, other.end) }
}

/// A script's text, and where its lines are.
public struct Script: Sendable {
  /// As the person typed it, `<stdin>` or `<command line>`.
  public let name: String
  public let bytes: [UInt8]
  private let source: SourceText

  /// Larger scripts are refused: the image that they would make could not be loaded either.
  static let maximumSize = 64 << 20

  public init(name: String, bytes: [UInt8]) throws {
    var source = SourceText()
    guard bytes.count <= Self.maximumSize, source.add(bytes, file: name) != nil else {
      throw Diagnostic(
        "script-too-large",
        "the script has \(bytes.count) bytes; \(Self.maximumSize) are the limit",
        place: .file(name))
    }
    self.name = name
    self.bytes = bytes
    self.source = source
  }

  /// Line and column of a byte, both from 1; the column counts bytes.
  public func position(at offset: Int) -> (line: Int, column: Int) {
    let location = location(at: offset)
    return (location.line, location.column)
  }

  public func location(at offset: Int) -> SourceLocation { source.location(of: offset) }

  /// `path:line:col`, the form of positions in the documents that the stages exchange.
  func at(_ range: SourceRange) -> String { location(at: range.start).description }

  func text(_ range: SourceRange) -> String {
    String(decoding: bytes[range.start..<range.end], as: UTF8.self)
  }

  /// The text of a line, from 1, without its end; nil where there is no such line.
  func line(_ number: Int) -> String? {
    source.start(ofLine: number).flatMap { source.excerpt(of: $0..<$0) }?.line
  }

  /// The offsets of a line, from 1; nothing where there is no such line.
  func range(ofLine number: Int) -> Range<Int> {
    guard let start = source.start(ofLine: number) else { return 0..<0 }
    return start..<max(start, source.start(ofLine: number + 1) ?? bytes.count)
  }

  /// The line that `range` begins in; of a very long one, what is around the place.
  func excerpt(_ range: SourceRange) -> SourceExcerpt? {
    source.excerpt(of: range.start..<range.end)
  }

  func diagnostic(
    _ id: String, _ message: String, _ range: SourceRange,
    severity: Diagnostic.Severity = .error, hints: [String] = [], notes: [Diagnostic.Note] = []
  ) -> Diagnostic {
    Diagnostic(
      id, message, severity: severity, place: .text(location(at: range.start)),
      excerpt: excerpt(range), hints: hints, notes: notes)
  }

  func note(_ message: String, _ range: SourceRange) -> Diagnostic.Note {
    Diagnostic.Note(message, place: .text(location(at: range.start)), excerpt: excerpt(range))
  }
}

/// Collects what the passes have to say about a script.
struct DiagnosticSink {
  private var collected: [Diagnostic] = []
  /// Apart, so that they take no error's place.
  private var warnings: [Diagnostic] = []
  /// Errors after which nothing later can be trusted; the others were repaired (a curly quote).
  private(set) var hasUnrepairedErrors = false

  /// More errors than this say nothing new.
  static let maximum = 20

  /// In the order of the script: the lexer has been through all of it before the parser begins.
  var diagnostics: [Diagnostic] {
    let all = collected + warnings
    func place(_ index: Int) -> (line: Int, column: Int, index: Int) {
      guard case .text(let location) = all[index].place else { return (0, 0, index) }
      return (location.line, location.column, index)
    }
    return all.indices.sorted { place($0) < place($1) }.map { all[$0] }
  }

  var isFull: Bool { collected.count >= Self.maximum }
  var hasErrors: Bool { collected.contains { $0.severity == .error } }

  mutating func add(_ diagnostic: Diagnostic, isRepaired: Bool = false) {
    if diagnostic.severity == .warning {
      if warnings.count < Self.maximum { warnings.append(diagnostic) }
      return
    }
    if diagnostic.severity == .error, !isRepaired { hasUnrepairedErrors = true }
    // A second error at the same place is nearly always an echo of the first.
    guard !isFull, collected.last.map({ $0.place != diagnostic.place }) ?? true else { return }
    collected.append(diagnostic)
  }
}
