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
    selection = SymbolSelection(want.name, linkName: declaration?.linkName)
  }

  /// What the kernel or the object calls it.
  var linkName: String { selection.name }

  /// Which of the symbols of that name is meant.
  let selection: SymbolSelection

  /// Whether the script does more with it than to take its address as a number (`` `name` ``).
  var isReached: Bool { uses.contains { $0 != .token } }

  /// Whether nothing says that it is a function.
  var mayBeVariable: Bool {
    declaration.map { $0.kind == .variable } ?? !uses.contains(.call)
  }
}

/// `name`, `module:name` or `name@file.c`: which symbols of a name are meant. The module `vmlinux`
/// is the kernel proper, as it is in /sys/kernel/btf.
struct SymbolSelection: Hashable {
  var name: String
  var module: String?
  /// The end of the path of the source file that defines it.
  var file: String?

  /// What the kernel proper is called in the place of a module.
  static let kernel = "vmlinux"

  /// Whether all parts that there are say something.
  var isComplete: Bool { !name.isEmpty && module != "" && file != "" }

  init(_ text: String) {
    var rest = text[...]
    if let colon = rest.firstIndex(of: ":") {
      module = String(rest[..<colon])
      rest = rest[rest.index(after: colon)...]
    }
    if let sign = rest.firstIndex(of: "@") {
      file = String(rest[rest.index(after: sign)...])
      rest = rest[..<sign]
    }
    name = String(rest)
  }

  /// With the name that a declaration gives to the linker, which may select, too.
  init(_ text: String, linkName: String?) {
    self.init(text)
    guard let linkName else { return }
    let link = SymbolSelection(linkName)
    name = link.name
    module = module ?? link.module
    file = file ?? link.file
  }

  /// Whether `path` ends with all of `wanted`, folder by folder, or is its last part where the
  /// folder is not known.
  static func isFile(_ path: String?, _ wanted: String) -> Bool {
    guard let path else { return false }
    let (have, want) = (path.split(separator: "/"), wanted.split(separator: "/"))
    return zip(have.reversed(), want.reversed()).allSatisfy { $0 == $1 }
  }

  /// The same of a place with its line, "fs/aio.c:120".
  static func isPlace(_ place: String?, in wanted: String) -> Bool {
    guard let place else { return false }
    return isFile(String(place.prefix { $0 != ":" }), wanted)
  }

  /// As the script has it.
  var text: String {
    (module.map { $0 + ":" } ?? "") + name + (file.map { "@" + $0 } ?? "")
  }
}
