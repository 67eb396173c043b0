// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// `--want NAME,…`: names of symbols, and of types with their keyword.
enum WantList {
  /// What messages call the place.
  static let file = "--want"

  static func parse(_ text: String) -> [Want] {
    var wants: [Want] = []
    var column = 1
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let blanks = part.prefix { $0 == " " }.utf8.count
      let name = part.split(separator: " ").joined(separator: " ")
      if !name.isEmpty {
        let place = SourceLocation(file: file, line: 1, column: column + blanks)
        wants.append(Want(name: name, kind: kind(name), at: place.description))
      }
      column += part.utf8.count + 1
    }
    return wants
  }

  private static func kind(_ name: String) -> Want.Kind {
    name.contains(" ") ? .type : .symbol
  }
}
