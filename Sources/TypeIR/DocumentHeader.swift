// SPDX-License-Identifier: MIT

import Diagnostics

/// The kinds of document, and the stages that write and read them.
enum DocumentFormat: String, CaseIterable {
  case externs = "ktap.externs"
  case types = "ktap.types"
  case resolved = "ktap.resolved"

  /// The only version so far, of all three.
  static let version: UInt64 = 1

  /// What to do with a document of format `found` where this one is wanted.
  fileprivate func remedy(for found: DocumentFormat?) -> [String] {
    switch (self, found) {
    case (.types, .externs): ["run cdef-parse on it first"]
    case (.resolved, .externs): ["run cdef-parse on it first, then ksym-resolve"]
    case (.resolved, .types): ["run ksym-resolve on it first"]
    case (.externs, .types): ["it has been through cdef-parse already: ksym-resolve reads it"]
    case (.externs, .resolved), (.types, .resolved):
      ["it has been through ksym-resolve already: ktapc --types reads it"]
    default: []
    }
  }
}

extension JSONReader {
  /// Checks `format` and `version` before anything else is believed, wherever in the document's
  /// top level they stand. Leaves the reader at the beginning.
  func checkHeader(_ expected: DocumentFormat) throws(Diagnostic) {
    var reader = self
    reader.skipBlanks()
    guard reader.position < bytes.count else {
      throw error(
        "empty-input", "a '\(expected.rawValue)' document expected, but the input is empty",
        at: 0)
    }
    guard bytes[reader.position] == UInt8(ascii: "{") else {
      throw reader.error(
        "not-json", "a '\(expected.rawValue)' document expected, and this is no JSON object")
    }
    var format: String?
    var version: UInt64?
    var formatPlace = reader.position
    var versionPlace = reader.position
    var object = try reader.beginObject()
    while format == nil || version == nil, let key = try reader.nextKey(&object) {
      reader.skipBlanks()
      switch key {
      case "format":
        formatPlace = reader.position
        try reader.read(&format)
      case "version":
        versionPlace = reader.position
        try reader.read(&version)
      default: try reader.skipValue()
      }
    }
    guard let format else {
      throw error(
        "wrong-format", "a '\(expected.rawValue)' document expected, and this names no format",
        at: formatPlace)
    }
    guard format == expected.rawValue else {
      var diagnostic = error(
        "wrong-format", "a '\(expected.rawValue)' document expected, found '\(format)'",
        at: formatPlace)
      diagnostic.hints = expected.remedy(for: DocumentFormat(rawValue: format))
      throw diagnostic
    }
    guard version == DocumentFormat.version else {
      let found = version.map { "found version \($0)" } ?? "this names none"
      throw error(
        "wrong-version",
        "version \(DocumentFormat.version) of '\(format)' expected, \(found)", at: versionPlace)
    }
  }
}

extension JSONWriter {
  /// Begins a document: its object, with the two fields that every reader looks at first.
  mutating func beginDocument(_ format: DocumentFormat) {
    beginObject()
    field("format", format.rawValue)
    field("version", DocumentFormat.version)
  }
}

extension ExternsDocument {
  /// Whether the bytes are meant as JSON, and not as C: no C text begins with a brace.
  public static func isLikely(_ bytes: [UInt8]) -> Bool {
    bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "{")
  }
}
