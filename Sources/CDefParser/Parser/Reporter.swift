// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// An error that the reporter has been told of; whoever catches it recovers.
struct ParseFailure: Error {}

/// Collects what is wrong with a translation unit, each thing once and with its place.
final class Reporter {
  /// After so many errors the rest says little.
  static let limit = 20

  var source: SourceText
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var errorCount = 0
  /// Whether every error so far was repaired by inserting what was missing.
  private(set) var isRepaired = true
  /// While something is only tried, its errors are counted and not kept.
  private var isQuiet = false
  /// How often a production has given up, for what is reported and for what follows from it.
  private(set) var failureCount = 0
  /// A literal that does not end: what is missing in it or after it is no error of its own.
  var unterminatedLiteral = -2..<(-1)

  init(source: SourceText) { self.source = source }

  /// No more should be parsed.
  var isExhausted: Bool { errorCount >= Self.limit }

  /// Reports an error at `range` of the source, or about all of it. `isRepaired`: the parser goes on as if the text had
  /// been right, and what it makes of it is sound.
  func error(
    _ id: String, _ message: String, at range: Range<Int>?, isRepaired: Bool = false,
    hints: [String] = [], notes: [(message: String, range: Range<Int>)] = []
  ) {
    guard !isQuiet, !isExhausted, !unterminatedLiteral.contains(range?.lowerBound ?? -3) else {
      return
    }
    let place = range.map { DiagnosticPlace.text(source.location(of: $0.lowerBound)) } ?? .none
    errorCount += 1
    if !isRepaired { self.isRepaired = false }
    diagnostics.append(
      Diagnostic(
        id, message, place: place, excerpt: range.flatMap { source.excerpt(of: $0) }, hints: hints,
        notes: notes.map { note in
          Diagnostic.Note(
            note.message, place: .text(source.location(of: note.range.lowerBound)),
            excerpt: source.excerpt(of: note.range))
        }))
    if isExhausted {
      diagnostics.append(
        Diagnostic(
          "too-many-errors", "\(Self.limit) errors: the rest is not looked at", place: place))
    }
  }

  /// Reports like ``error`` and returns what to throw.
  func failure(
    _ id: String, _ message: String, at range: Range<Int>, hints: [String] = [],
    notes: [(message: String, range: Range<Int>)] = []
  ) -> ParseFailure {
    error(id, message, at: range, hints: hints, notes: notes)
    return consequence()
  }

  /// What to throw where the reason has been reported already.
  func consequence() -> ParseFailure {
    if !isQuiet { failureCount += 1 }
    return ParseFailure()
  }

  /// Runs something whose failure is no error.
  func quietly<Result>(_ body: () throws(ParseFailure) -> Result) -> Result? {
    let wasQuiet = isQuiet
    isQuiet = true
    defer { isQuiet = wasQuiet }
    return try? body()
  }
}
