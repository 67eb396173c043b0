// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import TypeIR

// Wanted symbols: where they are, what they are, and whether the script says the same of them.

extension KernelResolver {
  /// Finds each wanted name once. A name means the script's own constant, then a function or
  /// variable of the kernel, then an enumerator of the kernel.
  mutating func resolveSymbols(_ target: Target) throws(SourceError) {
    var comparison = TypeComparison(importer, charIsSigned: target.charIsSigned)
    for request in names.requests() {
      if let constant = names.constant(request.name) {
        if !constants.contains(constant) { constants.append(constant) }
      } else {
        try resolve(request, &comparison)
      }
    }
  }

  /// On a command line, a name may be a type's as well; in a script, the use tells that it is none.
  private mutating func bringIn(typedef request: SymbolRequest) -> Bool {
    guard request.uses == [nil], let typedef = types.types(named: request.name, [.typedef]).first
    else { return false }
    let id = importer.type(typedef, .complete)
    expressions.append(TypeExpression(text: request.name, type: id, at: request.at))
    return true
  }

  private mutating func resolve(
    _ request: SymbolRequest, _ comparison: inout TypeComparison
  ) throws(SourceError) {
    guard request.selection.isComplete else {
      return report(
        "bad-name", "'\(request.name)' is no name of a symbol", at: request.at,
        hints: ["NAME, MODULE:NAME and NAME@FILE are; vmlinux:NAME is the kernel's own"])
    }
    let finder = try sources.finder()
    guard let found = try find(request, finder) else { return }
    switch found.count {
    case 0:
      if request.declaration == nil, try resolveEnumerator(request) || bringIn(typedef: request) {
        return
      }
      try reportNotFound(request, finder)
    case 1:
      if let reason = Callability.refusal(of: found[0], request) {
        report(reason.id, reason.message, at: request.at, hints: reason.hints)
      } else if found[0].kind == .function {
        try resolveFunction(request, found[0], &comparison)
      } else {
        try resolveVariable(request, found[0], &comparison)
      }
    default: reportAmbiguous(request, found)
    }
  }

  /// Every symbol that may be meant; nil if an error has been reported.
  private mutating func find(
    _ request: SymbolRequest, _ finder: SymbolFinder
  ) throws(SourceError) -> [FoundSymbol]? {
    var found = finder.find(request.selection)
    guard found.count > 1 || (!found.isEmpty && request.selection.file != nil) else { return found }
    if let table = try sources.symbolTable() { found = finder.withFiles(found, table) }
    found = try symbolTypes.withPlaces(found)
    guard let file = request.selection.file else { return found }
    let tellsFiles = try sources.dwarf() != nil
    guard tellsFiles || found.contains(where: { $0.file != nil }) else {
      report(
        "no-debug-info",
        "which '\(request.linkName)' is from \(file), only the kernel's debug information tells",
        at: request.at, hints: [debugPackageHint])
      return nil
    }
    let chosen = found.filter { SymbolSelection.isFile($0.file, file) }
    guard chosen.isEmpty else { return chosen }
    report(
      "unknown-symbol", "\(thisKernel) has no '\(request.linkName)' from \(file)", at: request.at,
      notes: found.prefix(8).map { .init($0.label, place: .none) })
    return nil
  }

  /// What brings debug information.
  var debugPackageHint: String {
    "on Debian it is in the package \(DebugFiles.package(release: identity.release)); "
      + "or name the file: --vmlinux FILE"
  }

  // MARK: Functions

  private mutating func resolveFunction(
    _ request: SymbolRequest, _ found: FoundSymbol, _ comparison: inout TypeComparison
  ) throws(SourceError) {
    let answer = try symbolTypes.prototype(of: found, isChecked: request.isReached)
    if let declaration = request.declaration, declaration.kind == .variable {
      guard case .none = answer else {
        return reportKind(request, declaration, kernel: .function)
      }
      // A mark that the linker set (`extern char _stext[];`), not a function.
      return try resolveVariable(request, found, &comparison)
    }
    switch answer {
    case .none:
      // Who declares a function is told there that it is none.
      if try symbolTypes.isDeclaredAsData(found) {
        return try resolveVariable(request, found, &comparison)
      }
      try takeAtItsWord(request, found)
    case .several(let prototypes): reportAmbiguous(request, found, prototypes)
    case .contradiction(let btf, let dwarf): reportContradiction(request, btf, dwarf)
    case .one(let prototype, let source):
      try resolveFunction(request, found, prototype, source, &comparison)
    }
  }

  private mutating func resolveFunction(
    _ request: SymbolRequest, _ found: FoundSymbol, _ prototype: KernelType,
    _ source: SymbolSource, _ comparison: inout TypeComparison
  ) throws(SourceError) {
    if let declaration = request.declaration {
      if symbolTypes.saysNothing(prototype),
        try comparison.difference(declaration.type, prototype) != nil
      {
        return try takeAtItsWord(request, found, declaration, isAssembly: true)
      }
      guard try matches(request, declaration, prototype, &comparison) else { return }
      guard canPass(declaration.type, request) else { return }
      try append(request, found, type: declaration.type, source: source, check: .matches)
    } else if symbolTypes.saysNothing(prototype), sources.isDWARFNamed(ofModule: found.module),
      try symbolTypes.isAssembly(found)
    {
      report(
        "undeclared-function",
        "'\(found.name)' is written in assembly: nothing in \(thisKernel) tells what it takes",
        at: request.at, hints: ["declare it in a cdef, as the kernel's headers do"])
    } else {
      let type = importer.type(prototype, .complete)
      importer.followPointer(types.target(of: prototype))
      try importer.finish()
      guard canPass(type, request) else { return }
      try append(request, found, type: type, source: source, check: .undeclared)
    }
  }

  /// Whether calls can pass what the prototype asks for; reports if not.
  private mutating func canPass(_ type: TypeID, _ request: SymbolRequest) -> Bool {
    guard case .function(let function) = importer.table[importer.table.unqualified(type)],
      let reason = Callability.refusal(ofPrototype: function, request, importer.table)
    else { return true }
    report(reason.id, reason.message, at: request.at, hints: reason.hints)
    return false
  }

  private mutating func reportDeclarations(_ request: SymbolRequest, _ declared: [KernelType]) {
    report(
      "ambiguous-declaration",
      "variable '\(request.linkName)' of \(thisKernel) is declared with several types, and C defines "
        + "it nowhere", at: request.at,
      notes: declared.map {
        .init(KernelTypeImporter.declaration(of: request.linkName, $0, in: types), place: .none)
      })
  }

  private mutating func reportContradiction(
    _ request: SymbolRequest, _ btf: KernelType, _ dwarf: KernelType
  ) {
    func declaration(_ type: KernelType) -> String {
      KernelTypeImporter.declaration(of: request.linkName, type, in: types)
    }
    report(
      "contradiction",
      "the BTF and the DWARF of \(thisKernel) contradict each other about '\(request.linkName)'",
      at: request.at,
      notes: [
        .init("BTF:   " + declaration(btf), place: .none),
        .init("DWARF: " + declaration(dwarf), place: .none),
      ])
  }

  private mutating func reportAmbiguous(
    _ request: SymbolRequest, _ found: FoundSymbol, _ prototypes: [KernelType]
  ) {
    report(
      "ambiguous-prototype",
      "\(thisKernel) has several functions '\(found.name)', and nothing tells the type of the one at "
        + found.label, at: request.at, hints: [debugPackageHint],
      notes: prototypes.map {
        .init(KernelTypeImporter.declaration(of: found.name, $0, in: types), place: .none)
      })
  }

  /// The kernel has the function and no type for it: what the script declares is all there is.
  private mutating func takeAtItsWord(
    _ request: SymbolRequest, _ found: FoundSymbol
  ) throws(SourceError) {
    let owner = found.module.map { "module '\($0)'" } ?? thisKernel
    guard let declaration = request.declaration else {
      return report(
        "undeclared-function", "\(owner) carries no type information for '\(found.name)'",
        at: request.at, hints: ["declare it in a cdef, exactly as its source does"])
    }
    try takeAtItsWord(request, found, declaration, isAssembly: false)
  }

  private mutating func takeAtItsWord(
    _ request: SymbolRequest, _ found: FoundSymbol, _ declaration: SymbolDeclaration,
    isAssembly: Bool
  ) throws(SourceError) {
    let owner = found.module.map { "module '\($0)'" } ?? thisKernel
    try append(request, found, type: declaration.type, source: .symtab, check: .unverified)
    report(
      "unverified",
      (isAssembly
        ? "\(owner) lists 'void \(found.name)(void)', as it does functions written in assembly"
        : "\(owner) carries no type information for '\(found.name)'")
        + ": your declaration is taken at its word", severity: .warning, at: declaration.at)
  }

  /// Compares a declaration; reports what differs.
  private mutating func matches(
    _ request: SymbolRequest, _ declaration: SymbolDeclaration, _ kernel: KernelType,
    _ comparison: inout TypeComparison
  ) throws(SourceError) -> Bool {
    guard let difference = try comparison.difference(declaration.type, kernel) else {
      for difference in comparison.names {
        reportedTypes.insert(difference.part.text)
        report(
          "member-name-differs", "\(difference.part.text): \(difference.sides)", severity: .warning,
          at: declaration.at)
      }
      return true
    }
    reportedTypes.insert(difference.part.text)
    report(
      difference.part.id,
      "'\(request.name)' is not declared as \(thisKernel) has it: \(difference.text)",
      at: declaration.at,
      notes: [
        .init(
          "kernel: " + KernelTypeImporter.declaration(of: request.name, kernel, in: types),
          place: .none),
        .init(
          "yours:  " + importer.table.declaration(of: request.name, declaration.type), place: .none),
      ])
    return false
  }

  // MARK: Variables

  private mutating func resolveVariable(
    _ request: SymbolRequest, _ found: FoundSymbol, _ comparison: inout TypeComparison
  ) throws(SourceError) {
    if let declaration = request.declaration, declaration.kind == .function {
      return reportKind(request, declaration, kernel: .variable)
    }
    switch try symbolTypes.variableType(of: found) {
    case .none: try resolveUntypedVariable(request, found)
    case .several(let types): reportDeclarations(request, types)
    case .contradiction(let btf, let dwarf): reportContradiction(request, btf, dwarf)
    case .one(let type, let source):
      if found.kind == .function, request.uses.contains(.call) {
        return report(
          "not-a-function", "'\(found.name)' is a mark in the kernel's text, not a function",
          at: request.at)
      }
      try resolveVariable(request, found, type, source, &comparison)
    }
  }

  private mutating func resolveUntypedVariable(
    _ request: SymbolRequest, _ found: FoundSymbol
  ) throws(SourceError) {
    guard let declaration = request.declaration else {
      return report(
        "undeclared-variable",
        "\(thisKernel) tells the address of variable '\(found.name)', but not its type",
        at: request.at,
        hints: ["declare it in a cdef: extern TYPE \(found.name);", debugPackageHint])
    }
    guard fits(request, declaration, found) else { return }
    try append(request, found, type: declaration.type, source: .symtab, check: .unverified)
  }

  private mutating func resolveVariable(
    _ request: SymbolRequest, _ found: FoundSymbol, _ type: KernelType, _ source: SymbolSource,
    _ comparison: inout TypeComparison
  ) throws(SourceError) {
    if let declaration = request.declaration {
      guard try matches(request, declaration, type, &comparison) else { return }
      try append(
        request, found, type: declaration.type, size: types.size(of: type), source: source,
        check: .matches)
    } else {
      let id = importer.type(type, .complete)
      importer.followPointer(type)
      try append(
        request, found, type: id, size: types.size(of: type), source: source, check: .undeclared)
    }
  }

  /// A declared variable must end before the next symbol begins: more is surely wrong.
  private mutating func fits(
    _ request: SymbolRequest, _ declaration: SymbolDeclaration, _ found: FoundSymbol
  ) -> Bool {
    guard let gap = found.gap, let size = importer.table.size(of: declaration.type), size > gap
    else { return true }
    report(
      "size-exceeds-gap",
      "'\(request.name)' is declared with \(size) bytes, but \(thisKernel) has only \(gap) between "
        + "it and the next symbol", at: declaration.at)
    return false
  }

  // MARK: Enumerators

  /// `ffi.C.NAME` of an enumerator of the kernel's; false if there is none.
  private mutating func resolveEnumerator(_ request: SymbolRequest) throws(SourceError) -> Bool {
    var found = try symbolTypes.enumerators(request.selection)
    guard let first = found.first else { return false }
    if request.uses.contains(.call) {
      report(
        "not-a-function", "'\(request.name)' is an enumerator, not a function", at: request.at)
      return true
    }
    guard found.allSatisfy({ $0.value == first.value }) else {
      // With their places, if DWARF is here.
      let name = request.selection.name
      if let placed = try sources.dwarf()?.enumerators(named: name), !placed.isEmpty,
        request.selection.file == nil
      {
        found = placed
      }
      reportAmbiguous(request, found)
      return true
    }
    constants.append(
      Constant(
        name: request.name, value: first.value, type: importer.type(first.type, .complete)))
    return true
  }

  private mutating func reportAmbiguous(_ request: SymbolRequest, _ found: [NamedEnumerator]) {
    let selections = Set(found.compactMap(\.place).map { $0.prefix { $0 != ":" } }).sorted()
      .map { "\(request.selection.name)@\($0)" }
    report(
      "ambiguous-enumerator",
      "\(thisKernel) has several enumerators '\(request.name)' of different values",
      at: request.at,
      hints: selections.isEmpty ? [] : ["name one of them: " + selections.joined(separator: ", ")],
      notes: found.prefix(16).map {
        let place = $0.place.map { ", \($0)" } ?? ""
        return .init(
          "\($0.value.text) in enum \(types.name(of: $0.type) ?? "{…}")\(place)", place: .none)
      })
  }

  // MARK: Results

  private mutating func append(
    _ request: SymbolRequest, _ found: FoundSymbol, type: TypeID, size: UInt64? = nil,
    source: SymbolSource, check: SymbolCheck
  ) throws(SourceError) {
    symbols.append(
      ResolvedSymbol(
        name: request.name, kind: request.declaration?.kind ?? kind(of: type, found), type: type,
        at: request.at,
        linkName: found.name == request.name ? nil : found.name, address: found.address,
        size: size ?? found.gap, module: found.module, source: source, check: check,
        facts: try sources.facts()?.facts(
          of: found, symbolTypes.entry(of: found), sources.dwarf(ofModule: found.module))
          ?? SymbolFacts()))
  }

  /// A mark in the text (`_text`) that C declares as data is a variable.
  private func kind(of type: TypeID, _ found: FoundSymbol) -> SymbolKind {
    guard found.kind == .function, type != .void else { return found.kind }
    if case .function = importer.table[importer.table.unqualified(type)] { return .function }
    // Not filled in yet, for all else.
    return importer.origin(of: type).map { types[types.unqualified($0)].kind } == .functionPrototype
      ? .function : .variable
  }

  private mutating func reportKind(
    _ request: SymbolRequest, _ declaration: SymbolDeclaration, kernel: SymbolKind
  ) {
    report(
      "kind-differs",
      "'\(request.name)' is not declared as \(thisKernel) has it: kernel: \(kernel.words); "
        + "yours: \(declaration.kind.words)", at: declaration.at)
  }

  private mutating func reportAmbiguous(_ request: SymbolRequest, _ found: [FoundSymbol]) {
    let selections = Set(found.compactMap(\.selection)).sorted()
    var hints =
      selections.isEmpty ? [] : ["name one of them: " + selections.joined(separator: ", ")]
    if found.contains(where: { $0.selection == nil }) { hints.append(debugPackageHint) }
    report(
      "ambiguous-symbol",
      "\(thisKernel) has \(found.count) symbols called '\(request.linkName)'", at: request.at,
      hints: hints, notes: found.prefix(16).map { .init($0.label, place: .none) })
  }

  // MARK: Not found

  private mutating func reportNotFound(
    _ request: SymbolRequest, _ finder: SymbolFinder
  ) throws(SourceError) {
    let clones = finder.clones(of: request.linkName)
    if let clone = clones.first {
      return report(
        "function-clone",
        "\(thisKernel) has '\(request.linkName)' only as '\(clone)', which the compiler made with "
          + "other arguments", at: request.at)
    }
    if finder.isUndefinedWeak(request.linkName) {
      return report(
        "weak-undefined",
        "'\(request.linkName)' is weak in \(thisKernel), and nothing defines it", at: request.at)
    }
    let isInlined = try sources.dwarf()?.isInlinedEverywhere(request.linkName) ?? false
    if isInlined || symbolTypes.hasFunction(named: request.linkName)
      || request.declaration?.isInlineOnly == true
    {
      return report(
        "inlined",
        "'\(request.linkName)' is inlined everywhere in \(thisKernel): it has no address",
        at: request.at)
    }
    if let module = request.selection.module, !finder.knows(module: module) {
      return reportNotLoaded([module], request)
    }
    let owners = try sources.moduleOwners(of: request.linkName)
    guard owners.isEmpty else { return reportNotLoaded(owners, request) }
    report(
      "unknown-symbol", "\(thisKernel) has no symbol '\(request.linkName)'", at: request.at,
      hints: nearMatches(request, finder))
  }

  private mutating func reportNotLoaded(_ modules: [String], _ request: SymbolRequest) {
    let names = modules.prefix(4).map { "'\($0)'" }.joined(separator: " or ")
    report(
      "module-not-loaded",
      "'\(request.linkName)' is in module \(names), which is not loaded", at: request.at,
      hints: ["load it: modprobe \(modules[0])", "or name its file: --module FILE"])
  }

  /// What the script declares itself comes first: it is the likelier slip.
  private func nearMatches(_ request: SymbolRequest, _ finder: SymbolFinder) -> [String] {
    if let hint = names.hint(for: request.name) { return [hint] }
    if request.mayBeVariable, !finder.listsVariables, tagKeyword(of: request) == nil {
      return [
        "\(finder.symbols.name) lists no variables (CONFIG_KALLSYMS_ALL is off)",
        "the kernel's System.map does: --system-map FILE",
      ]
    }
    if let keyword = tagKeyword(of: request) {
      return ["did you mean the type '\(keyword) \(request.name)'?"]
    }
    let near = finder.namesNear(request.linkName).map { "'\($0)'" }
    return near.isEmpty ? [] : ["did you mean \(near.joined(separator: ", or "))?"]
  }

  /// The keyword that was left out, where the kernel has a type of that tag.
  private func tagKeyword(of request: SymbolRequest) -> String? {
    guard !request.uses.contains(.call) else { return nil }
    let keywords: [TagKeyword] = [.struct, .union, .enum]
    return keywords.first {
      let name = WantedTypeName(keyword: $0, name: request.name)
      return !types.types(named: name.name, name.kinds).isEmpty
    }?.rawValue
  }
}
