// SPDX-License-Identifier: MIT

import CDefParser
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
  let header = CDefParser.File(name: "t.h", text: Array(CHeader.text(of: document).utf8))
  _ = CDefParser.parse([header])
}
