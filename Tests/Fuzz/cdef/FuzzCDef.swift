// SPDX-License-Identifier: MIT

import CDefParser
import Diagnostics
import Fuzzing
import TypeIR

/// The bytes go the way that `cdef-parse` sends a file. What comes out without an error must be
/// writable, readable and printable.
@main enum FuzzCDef {
  static func main() {
    fuzz { bytes, count in
      let text = Array(UnsafeBufferPointer(start: bytes, count: count))
      if ExternsDocument.isLikely(text) {
        if let externs = try? ExternsDocument.decode(text, name: "fuzz") { parse(externs) }
      } else {
        parse(text)
      }
      return 0
    }
  }
}

private func parse(_ externs: ExternsDocument) {
  check(CDefParser.parse(externs))
  let preprocessed = CDefParser.preprocessorInput(externs)
  check(CDefParser.parse(externs, preprocessed: preprocessed))
}

private func parse(_ text: [UInt8]) {
  // The last byte decides about options, so that a text means the same whatever is cut off before it.
  let choice = text.last ?? 0
  let options = CDefParser.Options(
    charIsSigned: choice & 1 == 0, only: choice & 6 == 6 ? ["s", "f", "N"] : [],
    keepsAllConstants: choice & 8 != 0)
  check(CDefParser.parse([CDefParser.File(name: "t.h", text: text)], options))
}

private func check(_ result: CDefParser.Result) {
  for diagnostic in result.diagnostics { precondition(!diagnostic.id.isEmpty) }
  guard !result.hasErrors else { return }
  let document = result.document
  let encoded = document.encode()
  do {
    let decoded = try TypesDocument.decode(encoded, name: "fuzz")
    precondition(decoded.encode() == encoded, "a document read back is another")
  } catch {
    fatalError("a document cannot be read back: \(error.message)")
  }
  _ = LayoutPrinter.print(document)
  checkHeader(of: document)
}

/// The C that is written for a document says the same sizes and offsets.
private func checkHeader(of document: TypesDocument) {
  let text = CHeader.text(of: document)
  let options = CDefParser.Options(charIsSigned: document.target.charIsSigned)
  let result = CDefParser.parse([CDefParser.File(name: "t.h", text: Array(text.utf8))], options)
  if let error = result.diagnostics.first(where: { $0.severity == .error }) {
    fatalError("the C of a document is wrong: \(DiagnosticRenderer().render(error))")
  }
  let again = result.document.types
  let originals = taggedRecords(document.types)
  for (name, record) in taggedRecords(again) {
    guard let original = originals[name] else { continue }
    precondition(record.size == original.size && record.align == original.align, name)
  }
}

private func taggedRecords(_ table: TypeTable) -> [String: Record] {
  var records: [String: Record] = [:]
  for entry in table.entries {
    if case .record(let record) = entry.type, let tag = record.tag {
      records["\(record.keyword.rawValue) \(tag)"] = record
    }
  }
  return records
}
