// SPDX-License-Identifier: MIT

import TypeIR

/// One wanted symbol, with all that the script says of it.
struct SymbolRequest {
  /// As the script has it; may be `module:name`.
  var name: String
  var at: String
  var declaration: SymbolDeclaration?
  /// How the script uses the name; nil among them where a header wants it.
  var uses: Set<NameUse?>

  init(_ want: Want, _ declaration: SymbolDeclaration?) {
    name = want.name
    at = want.at
    self.declaration = declaration
    uses = [want.use]
  }

  /// What the kernel or the object calls it.
  var linkName: String { declaration?.linkName ?? name }

  /// Whether the script does more with it than to take its address as a number (`` `name` ``).
  var isReached: Bool { uses.contains { $0 != .token } }

  /// Whether nothing says that it is a function.
  var mayBeVariable: Bool {
    declaration.map { $0.kind == .variable } ?? !uses.contains(.call)
  }
}
