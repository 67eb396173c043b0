// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// C declarations to type IR.
public enum CDefParser {
  public struct Options: Sendable {
    /// Whether plain `char` is signed.
    public var charIsSigned: Bool
    /// Keep only what these names need: of functions, variables, typedefs, tags ("task_struct" or
    /// "struct task_struct") and constants. Empty: everything that is declared. Of C files, only
    /// what these need is parsed, where that can be told: errors elsewhere go unseen.
    public var only: [String]
    /// Put every macro and enumerator with a value into the document, not only those wanted.
    public var keepsAllConstants: Bool
    /// `-fms-extensions`: the members of a tagged struct or union without a name are the record's.
    public var acceptsMSExtensions: Bool

    public init(
      charIsSigned: Bool = true, only: [String] = [], keepsAllConstants: Bool = false,
      acceptsMSExtensions: Bool = false
    ) {
      self.charIsSigned = charIsSigned
      self.only = only
      self.keepsAllConstants = keepsAllConstants
      self.acceptsMSExtensions = acceptsMSExtensions
    }
  }

  /// A text of C and what messages call it.
  public struct File: Sendable {
    public var name: String
    public var text: [UInt8]

    /// A byte order mark is no part of the text.
    public init(name: String, text: [UInt8]) {
      self.name = name
      self.text = text.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(text.dropFirst(3)) : text
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

  /// The id of the errors that a C preprocessor would cure: what it makes of the text can be parsed.
  public static let needsPreprocessor = Preprocessor.needed

  /// Parses what a script needs: its cdefs as one translation unit, then its type strings.
  /// `preprocessed` is what a C preprocessor has made of ``preprocessorInput(_:)``; of what it
  /// included, only what the script wants is kept.
  public static func parse(
    _ externs: ExternsDocument, preprocessed: [UInt8]? = nil, _ options: Options = Options()
  ) -> Result {
    var source = SourceText()
    var cdefs: [Range<Int>] = []
    var strings: [Range<Int>] = []
    if let preprocessed {
      let name = scriptName(externs)
      guard let range = source.add(preprocessed, file: name) else { return tooLarge(name) }
      cdefs.append(range)
    } else {
      for cdef in externs.cdefs {
        let at = place(cdef.at)
        let map = cdef.map.map {
          SourceText.MapEntry(offset: $0.offset, line: $0.line, column: $0.column)
        }
        guard let range = source.add(Array(cdef.text.utf8), from: at, map) else {
          return tooLarge(cdef.at)
        }
        cdefs.append(range)
      }
    }
    for string in externs.types {
      guard let range = source.add(Array(string.text.utf8), at: place(string.at)) else {
        return tooLarge(string.at)
      }
      strings.append(range)
    }
    let ownFile = preprocessed == nil ? nil : scriptName(externs)
    return parse(source, texts: cdefs, options) { unit in
      unit.ownFile = ownFile
      unit.parse(typeStrings: Array(zip(externs.types, strings)))
      return unit.document(for: externs)
    }
  }

  /// Parses C files as one translation unit.
  public static func parse(_ files: [File], _ options: Options = Options()) -> Result {
    var source = SourceText()
    var ranges: [Range<Int>] = []
    for file in files {
      guard let range = source.add(file.text, file: file.name) else { return tooLarge(file.name) }
      ranges.append(range)
    }
    if !options.only.isEmpty {
      let result = parse(source, texts: ranges, options, isSelective: true) { unit in
        unit.document(for: nil)
      }
      // An error may come of what was passed over, and hints know more where nothing is.
      if !result.hasErrors { return result }
    }
    return parse(source, texts: ranges, options) { unit in unit.document(for: nil) }
  }

  private static func parse(
    _ source: SourceText, texts: [Range<Int>], _ options: Options, isSelective: Bool = false,
    _ finish: (inout TranslationUnit) -> TypesDocument
  ) -> Result {
    let reporter = Reporter(source: source)
    // The reporter's copy shares these bytes and only adds line markers beside them.
    return source.bytes.withUnsafeBufferPointer { text in
      var unit = TranslationUnit(text, reporter, options)
      if isSelective { unit.passOverUnneeded(texts, text) }
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

  /// The script's cdefs as one C file, whose line directives and blanks make its lines and columns
  /// the script's.
  public static func preprocessorInput(_ externs: ExternsDocument) -> [UInt8] {
    var text: [UInt8] = []
    for cdef in externs.cdefs {
      let at = place(cdef.at)
      let first = cdef.map.first
      text += Array("#line \(first?.line ?? at.line) \"\(quoted(at.file))\"\n".utf8)
      text += [UInt8](repeating: 0x20, count: (first?.column ?? at.column) - 1)
      text += Array(cdef.text.utf8) + [0x0A]
    }
    return text
  }

  /// The text, which knows what messages call it: for what can be read only once.
  public static func preprocessorInput(_ file: File) -> [UInt8] {
    Array("#line 1 \"\(quoted(file.name))\"\n".utf8) + file.text
  }

  private static func place(_ at: String) -> SourceLocation {
    SourceLocation(parsing: at) ?? SourceLocation(file: at, line: 1, column: 1)
  }

  private static func quoted(_ name: String) -> String {
    name.reduce(into: "") { result, character in
      if character == "\\" || character == "\"" { result.append("\\") }
      result.append(character)
    }
  }

  private static func scriptName(_ externs: ExternsDocument) -> String {
    externs.cdefs.first.flatMap { SourceLocation(parsing: $0.at)?.file } ?? "<stdin>"
  }

  private static func tooLarge(_ name: String) -> Result {
    Result(
      document: TypesDocument(),
      diagnostics: [Diagnostic("input-too-large", "more than 2 GiB of C", place: .file(name))],
      isRepaired: false)
  }
}
