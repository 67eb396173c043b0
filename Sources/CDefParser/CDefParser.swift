// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// C declarations to type IR.
public enum CDefParser {
  public struct Options: Sendable {
    /// Whether plain `char` is signed.
    public var charIsSigned: Bool
    /// Keep only what these names need: of functions, variables, typedefs, tags ("task_struct" or
    /// "struct task_struct") and constants. Empty: everything that is declared.
    public var only: [String]
    /// Put every macro and enumerator with a value into the document, not only those wanted.
    public var keepsAllConstants: Bool

    public init(charIsSigned: Bool = true, only: [String] = [], keepsAllConstants: Bool = false) {
      self.charIsSigned = charIsSigned
      self.only = only
      self.keepsAllConstants = keepsAllConstants
    }
  }

  /// A text of C and what messages call it.
  public struct File: Sendable {
    public var name: String
    public var text: [UInt8]

    public init(name: String, text: [UInt8]) {
      self.name = name
      self.text = text
    }
  }

  public struct Result: Sendable {
    /// Sound if there is no error, or ``isRepaired``.
    public var document: TypesDocument
    /// In the order of the text.
    public var diagnostics: [Diagnostic]
    /// Every error was a missing semicolon or comma, and the document is what it would be had they
    /// been there.
    public var isRepaired: Bool

    public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
  }

  /// Parses what a script needs: its cdefs as one translation unit, then its type strings.
  public static func parse(_ externs: ExternsDocument, _ options: Options = Options()) -> Result {
    var source = SourceText()
    var cdefs: [Range<Int>] = []
    var strings: [Range<Int>] = []
    for cdef in externs.cdefs {
      guard let range = source.add(cdef) else { return tooLarge(cdef.at) }
      cdefs.append(range)
    }
    for string in externs.types {
      guard let range = source.add(string) else { return tooLarge(string.at) }
      strings.append(range)
    }
    return parse(source, texts: cdefs, options) { unit in
      unit.parse(typeStrings: Array(zip(externs.types, strings)))
      return unit.document(for: externs)
    }
  }

  /// Parses C files as one translation unit.
  public static func parse(_ files: [File], _ options: Options = Options()) -> Result {
    var source = SourceText()
    var ranges: [Range<Int>] = []
    for file in files {
      guard let range = source.addFile(file.text, name: file.name) else {
        return tooLarge(file.name)
      }
      ranges.append(range)
    }
    return parse(source, texts: ranges, options) { unit in unit.document(for: nil) }
  }

  private static func parse(
    _ source: SourceText, texts: [Range<Int>], _ options: Options,
    _ finish: (inout TranslationUnit) -> TypesDocument
  ) -> Result {
    let reporter = Reporter(source: source)
    // The reporter's copy shares these bytes and only adds line markers beside them.
    return source.bytes.withUnsafeBufferPointer { text in
      var unit = TranslationUnit(text, reporter, options)
      for range in texts where !reporter.isExhausted { unit.parse(range) }
      var document = finish(&unit)
      document.target.charIsSigned = options.charIsSigned
      if reporter.errorCount == 0 {
        do throws(Diagnostic) {
          try document.validate(name: source.location(of: 0).file)
        } catch {
          return Result(document: document, diagnostics: [error], isRepaired: false)
        }
      }
      return Result(
        document: document, diagnostics: reporter.diagnostics,
        isRepaired: reporter.errorCount > 0 && reporter.isRepaired)
    }
  }

  private static func tooLarge(_ name: String) -> Result {
    Result(
      document: TypesDocument(),
      diagnostics: [
        Diagnostic("input-too-large", "more than 2 GiB of C", place: .file(name))
      ], isRepaired: false)
  }
}
