// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// What the script's own C says of names.
struct ScriptNames {
  private let document: TypesDocument
  private let declarations: [String: SymbolDeclaration]

  init(_ document: TypesDocument) {
    self.document = document
    declarations = Dictionary(document.symbols.map { ($0.name, $0) }) { first, _ in first }
  }

  /// Each wanted symbol once, with all uses of it.
  func requests() -> [SymbolRequest] {
    var places: [String: Int] = [:]
    var requests: [SymbolRequest] = []
    for want in document.wants where want.kind == .symbol {
      if let place = places[want.name] {
        requests[place].uses.insert(want.use)
      } else {
        places[want.name] = requests.count
        requests.append(SymbolRequest(want, declarations[SymbolSelection(want.name).name]))
      }
    }
    return requests
  }

  /// A macro or an enumerator that the script's C defines, unless it declares a symbol of that name.
  func constant(_ name: String) -> Constant? {
    guard declarations[name] == nil else { return nil }
    if let constant = document.constants.first(where: { $0.name == name }) { return constant }
    for (index, entry) in document.types.entries.enumerated() {
      guard case .enumeration(let enumeration) = entry.type,
        let value = enumeration.values.first(where: { $0.name == name })
      else { continue }
      return Constant(name: name, value: value.value, type: TypeID(Int32(index + 1)))
    }
    return nil
  }

  /// "did you mean", if the script declares something like `name`.
  func hint(for name: String) -> String? {
    let known = document.symbols.map(\.name) + document.constants.map(\.name)
    guard let near = NearestName.suggestions(for: name, among: known).first else { return nil }
    return "did you mean '\(near)'\(declarations[near].map { ", declared at \($0.at)" } ?? "")?"
  }
}
