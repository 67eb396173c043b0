// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// What a kernel says the type of a symbol is.
enum TypeAnswer {
  /// It carries none.
  case none
  case one(KernelType, SymbolSource)
  /// One of these, and nothing tells which.
  case several([KernelType])
}

/// Finds the types of symbols: in the BTF of the kernel and of modules.
struct SymbolTypes {
  private let sources: KernelSources
  private let types: KernelTypes

  init(_ sources: KernelSources) throws(SourceError) {
    self.sources = sources
    types = try sources.types()
  }

  /// The prototype of a function. BTF tells names only: its answer counts if there are as many
  /// functions in it as there are addresses, and all of one prototype.
  func prototype(of symbol: FoundSymbol) throws(SourceError) -> TypeAnswer {
    guard let graph = try graph(of: symbol) else { return .none }
    let functions = types.types(named: symbol.name, [.function], graph: graph)
      .filter { $0.graph == graph }
    let different = differentPrototypes(functions)
    guard let only = different.first else { return .none }
    if different.count == 1, functions.count >= symbol.namesakes { return .one(only, .btf) }
    return .several(different)
  }

  /// The type of a variable: BTF has it of per-CPU ones.
  func variableType(of symbol: FoundSymbol) throws(SourceError) -> TypeAnswer {
    guard let graph = try graph(of: symbol) else { return .none }
    let variables = types.types(named: symbol.name, [.variable], graph: graph)
      .filter { $0.graph == graph }.map { types.target(of: $0) }
    guard let only = variables.first else { return .none }
    return variables.count == 1 ? .one(only, .btf) : .several(variables)
  }

  /// Whether the kernel's BTF has a function of that name, wherever it may be.
  func hasFunction(named name: String) -> Bool {
    !types.types(named: name, [.function]).isEmpty
  }

  /// The prototypes that differ in more than the names of parameters.
  private func differentPrototypes(_ functions: [KernelType]) -> [KernelType] {
    var seen: Set<[KernelType]> = []
    return functions.map { types.target(of: $0) }.filter { prototype in
      let parameters = types.parameters(of: prototype).map(\.type)
      return seen.insert([types.target(of: prototype)] + parameters).inserted
    }
  }

  /// The graph with the symbol's own types; nil for a module that carries none.
  private func graph(of symbol: FoundSymbol) throws(SourceError) -> UInt16? {
    guard let module = symbol.module else { return 0 }
    return try sources.graph(ofModule: module)
  }
}
