// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// What resolving gives: the document, and what a person should know although nothing is wrong.
public struct Resolution: Sendable {
  public var document: ResolvedDocument
  public var warnings: [Diagnostic]

  public init(document: ResolvedDocument, warnings: [Diagnostic]) {
    self.document = document
    self.warnings = warnings
  }
}

extension DiagnosticPlace {
  /// The place that an `at` of a document names.
  init(at text: String) {
    self = SourceLocation(parsing: text).map { .text($0) } ?? .none
  }
}
