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
  /// Its BTF and its DWARF contradict each other.
  case contradiction(btf: KernelType, dwarf: KernelType)
}

/// Finds the types of symbols: in the BTF of the kernel and of modules, and where that does not say,
/// in the kernel's DWARF.
struct SymbolTypes {
  private let sources: KernelSources
  private let types: KernelTypes

  init(_ sources: KernelSources) throws(SourceError) {
    self.sources = sources
    types = try sources.types()
  }

  /// The prototype of a function. BTF tells names only: its answer counts if there are as many
  /// functions in it as there are addresses, and all of one prototype; else DWARF knows addresses.
  ///
  /// `isChecked`: what BTF says is held against DWARF, where that was named.
  func prototype(of symbol: FoundSymbol, isChecked: Bool) throws(SourceError) -> TypeAnswer {
    let answer = try prototypeInBTF(of: symbol)
    if case .one(let type, .btf) = answer {
      guard isChecked, sources.isDWARFNamed(ofModule: symbol.module),
        let other = try typeInDWARF(of: symbol),
        try differ(type, other)
      else { return answer }
      return .contradiction(btf: type, dwarf: other)
    }
    guard let type = try typeInDWARF(of: symbol) else { return answer }
    return .one(type, .dwarf)
  }

  private func prototypeInBTF(of symbol: FoundSymbol) throws(SourceError) -> TypeAnswer {
    guard let graph = try graph(of: symbol) else { return .none }
    let functions = types.types(named: symbol.name, [.function], graph: graph)
      .filter { $0.graph == graph }
    let different = differentPrototypes(functions)
    guard let only = different.first else { return .none }
    if different.count == 1, functions.count >= symbol.namesakes { return .one(only, .btf) }
    return .several(different)
  }

  /// The type of a variable: BTF has it of per-CPU ones, DWARF of what C defines. What is only
  /// declared (`jiffies`, which the linker script defines) is what all declarations say it is.
  func variableType(of symbol: FoundSymbol) throws(SourceError) -> TypeAnswer {
    let variables = try variablesInBTF(symbol)
    if variables.count == 1, symbol.namesakes == 1 { return .one(variables[0], .btf) }
    if let type = try typeInDWARF(of: symbol) { return .one(type, .dwarf) }
    guard variables.isEmpty else { return .several(variables) }
    return try declaredType(of: symbol)
  }

  private func variablesInBTF(_ symbol: FoundSymbol) throws(SourceError) -> [KernelType] {
    guard let graph = try graph(of: symbol) else { return [] }
    return types.types(named: symbol.name, [.variable], graph: graph)
      .filter { $0.graph == graph }.map { types.target(of: $0) }
  }

  // MARK: Enumerators

  /// Those that may be meant: of the kernel, or else of the modules whose files are named; of their
  /// BTF, which has hardly any that DWARF has not, or else of that. A file is DWARF's to know.
  func enumerators(_ selection: SymbolSelection) throws(SourceError) -> [NamedEnumerator] {
    let modules = selection.module.map { $0 == SymbolSelection.kernel ? [] : [$0] }
    if let file = selection.file {
      return try enumeratorsInDWARF(selection.name, modules).filter {
        SymbolSelection.isPlace($0.place, in: file)
      }
    }
    var found = types.enumerators(named: selection.name)
    for module in modules ?? sources.namedModules where found.isEmpty || modules == [module] {
      guard let graph = try sources.graph(ofModule: module) else { continue }
      found = types.enumerators(named: selection.name, graph: graph)
    }
    guard found.isEmpty else {
      return found.map { NamedEnumerator(type: $0.type, value: $0.value) }
    }
    return try enumeratorsInDWARF(selection.name, modules)
  }

  private func enumeratorsInDWARF(
    _ name: String, _ modules: [String]?
  ) throws(SourceError) -> [NamedEnumerator] {
    var found = try sources.dwarf()?.enumerators(named: name) ?? []
    for module in modules ?? sources.namedModules where found.isEmpty {
      found = try sources.dwarf(ofModule: module)?.enumerators(named: name) ?? []
    }
    return found
  }

  // MARK: DWARF

  /// The entry of the symbol itself: of that name, at that address; of a module, whose addresses are
  /// not known until it is loaded, the only one of that name.
  func entry(of symbol: FoundSymbol) throws(SourceError) -> DWARFEntry? {
    if let module = symbol.module {
      guard symbol.namesakes == 1 else { return nil }
      return try sources.dwarf(ofModule: module)?.onlyDefinition(of: symbol.name, symbol.kind)
    }
    guard let dwarf = try sources.dwarf(),
      let address = try sources.linkAddress(of: symbol)
    else { return nil }
    return try dwarf.entry(named: symbol.name, symbol.kind, at: address)
  }

  /// `void f(void)` is what a function written in assembly looks like in BTF, whatever it takes: the
  /// assembler's debug information has a name for it, and nothing else.
  func saysNothing(_ prototype: KernelType) -> Bool {
    types.target(of: prototype) == .void && types.parameters(of: prototype).isEmpty
  }

  /// Whether the kernel's debug information, where it is here, says so.
  func isAssembly(_ symbol: FoundSymbol) throws(SourceError) -> Bool {
    guard symbol.module == nil,
      let dwarf = try sources.dwarf(), let address = try sources.linkAddress(of: symbol)
    else { return false }
    return try dwarf.isAssembly(symbol.name, at: address)
  }

  /// Whether C declares as data what the symbol list has for a function: a mark that the linker
  /// script sets in the text (`extern char _text[];`).
  func isDeclaredAsData(_ symbol: FoundSymbol) throws(SourceError) -> Bool {
    guard symbol.module == nil, let dwarf = try sources.dwarf() else { return false }
    return try !dwarf.declarations(of: symbol.name).isEmpty
  }

  /// Each of `found` with the whole path of its source file and its line, where DWARF has them.
  func withPlaces(_ found: [FoundSymbol]) throws(SourceError) -> [FoundSymbol] {
    var placed: [FoundSymbol] = []
    for symbol in found {
      var symbol = symbol
      if let dwarf = try sources.dwarf(ofModule: symbol.module), let entry = try entry(of: symbol) {
        symbol.file = dwarf.unitName(of: entry) ?? symbol.file
        symbol.definedAt = dwarf.place(of: entry)
      }
      placed.append(symbol)
    }
    return placed
  }

  private func typeInDWARF(of symbol: FoundSymbol) throws(SourceError) -> KernelType? {
    guard let entry = try entry(of: symbol) else { return nil }
    return try sources.dwarf(ofModule: symbol.module)?.types(of: [entry]).first
  }

  private func declaredType(of symbol: FoundSymbol) throws(SourceError) -> TypeAnswer {
    guard symbol.module == nil, let dwarf = try sources.dwarf() else { return .none }
    let declarations = try dwarf.declarations(of: symbol.name)
    guard !declarations.isEmpty else { return .none }
    var different: [KernelType] = []
    // `extern const void __nosave_begin;` says that there is an address, and no more.
    for type in try dwarf.types(of: declarations) where types.unqualified(type) != .void {
      var isNew = true
      for known in different where isNew { isNew = try differ(type, known) }
      if isNew { different.append(type) }
    }
    return switch different.count {
    case 0: .none
    case 1: .one(different[0], .dwarfDeclaration)
    default: .several(different)
    }
  }

  /// Whether two types are different in more than names.
  private func differ(_ one: KernelType, _ other: KernelType) throws(SourceError) -> Bool {
    guard one != other else { return false }
    var importer = KernelTypeImporter(types, into: TypeTable(), usedMembers: [])
    let id = importer.type(one, .complete)
    try importer.finish()
    var comparison = TypeComparison(importer, charIsSigned: types.charIsSigned)
    return try comparison.difference(id, other) != nil
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
