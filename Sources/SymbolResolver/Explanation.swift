// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import TypeIR

/// `--explain NAME`: all that is known about a name, for a person.
public struct Explanation {
  private let sources: KernelSources
  private let types: KernelTypes
  private let symbolTypes: SymbolTypes
  private let facts: KernelFacts?

  /// A block of lines for each thing of that name: functions and variables (a name or a selection),
  /// types ("struct tag", a typedef), enumerators. Throws `unknown-symbol` if there is none.
  public static func text(of name: String, _ sources: KernelSources) throws -> String {
    let explanation = try Explanation(sources)
    var blocks = try explanation.symbols(name)
    if blocks.isEmpty { blocks += try explanation.inlined(name) }
    blocks += try explanation.namedTypes(name)
    blocks += try explanation.enumerators(name)
    guard blocks.isEmpty else { return blocks.joined(separator: "\n") }
    throw try explanation.unknown(name)
  }

  private init(_ sources: KernelSources) throws(SourceError) {
    self.sources = sources
    types = try sources.types()
    symbolTypes = try SymbolTypes(sources)
    facts = try sources.allFacts()
  }

  // MARK: Functions and variables

  private func symbols(_ name: String) throws -> [String] {
    guard !name.contains(" ") else { return [] }
    let finder = try sources.finder()
    let selection = SymbolSelection(name)
    var found = finder.find(selection)
    if let facts { found = finder.withFiles(found, facts.table) }
    if let file = selection.file {
      // The symbol table has files of local symbols only, and no folders.
      found = try symbolTypes.withPlaces(found).filter { SymbolSelection.isFile($0.file, file) }
    }
    var blocks: [String] = []
    for symbol in found { blocks.append(try block(symbol)) }
    return blocks
  }

  private func block(_ symbol: FoundSymbol) throws -> String {
    var symbol = symbol
    var answer =
      symbol.kind == .function
      ? try symbolTypes.prototype(of: symbol, isChecked: true) : TypeAnswer.none
    if case .none = answer {
      if try symbolTypes.isDeclaredAsData(symbol) { symbol.kind = .variable }
      if symbol.kind == .variable { answer = try symbolTypes.variableType(of: symbol) }
    }
    var isAssembly = false
    if symbol.kind == .function, case .one(let type, .btf) = answer {
      isAssembly = try symbolTypes.saysNothing(type) && symbolTypes.isAssembly(symbol)
    }
    let known =
      facts?.facts(
        of: symbol, try symbolTypes.entry(of: symbol), try sources.dwarf(ofModule: symbol.module))
      ?? SymbolFacts()
    var lines = Lines("\(symbol.label): a \(symbol.kind == .function ? "function" : "variable")")
    if isAssembly {
      answer = .none
      lines.add("prototype", ["not known: it is written in assembly"])
    } else {
      lines.add(symbol.kind == .function ? "prototype" : "type", try typeLines(answer, symbol))
    }
    if let place = known.definedAt ?? symbol.file { lines.add("defined", [place]) }
    lines.add("address", [place(of: symbol, known)])
    lines.add("size", [size(of: symbol)])
    if known.isExported != nil { lines.add("exported", [exported(symbol)]) }
    if symbol.kind == .function {
      lines.add("may sleep", [sleep(symbol)])
      if let isNoReturn = known.isNoReturn {
        lines.add("returns", [isNoReturn ? "never" : "yes"])
      }
      lines.add("callable", [try callable(symbol, answer)])
    } else if symbol.isFreed {
      lines.add("readable", [try callable(symbol, .none)])
    }
    return lines.text
  }

  /// Functions that only DWARF knows, for they have no address.
  private func inlined(_ name: String) throws(SourceError) -> [String] {
    guard let dwarf = try sources.dwarf(), try dwarf.isInlinedEverywhere(name) else { return [] }
    let functions = try dwarf.entries(named: name).filter { $0.kind == .function }
    var seen: Set<String> = []
    var blocks: [String] = []
    for (entry, type) in zip(functions, try dwarf.types(of: functions)) {
      let place = dwarf.place(of: entry) ?? "a place that is not known"
      guard seen.insert(place).inserted else { continue }
      var lines = Lines("\(name): a function that is inlined everywhere")
      lines.add(
        "prototype", [KernelTypeImporter.declaration(of: name, type, in: types) + ";  (dwarf)"])
      lines.add("defined", [place])
      lines.add("callable", ["no: it has no address [inlined]"])
      blocks.append(lines.text)
    }
    return blocks
  }

  private func typeLines(_ answer: TypeAnswer, _ symbol: FoundSymbol) throws -> [String] {
    func declaration(_ type: KernelType) throws -> String {
      try KernelTypeImporter.soundDeclaration(of: symbol.name, type, in: types) + ";"
    }
    return switch answer {
    case .none: ["not known: the kernel carries no type for it"]
    case .one(let type, let source): ["\(try declaration(type))  (\(source.rawValue))"]
    case .contradiction(let btf, let dwarf):
      ["its BTF and its DWARF say different things:", try declaration(btf), try declaration(dwarf)]
    case .several(let several): ["one of these:"] + (try several.map(declaration))
    }
  }

  private func place(of symbol: FoundSymbol, _ facts: SymbolFacts) -> String {
    let section = facts.section.map { ", section \($0)" } ?? ""
    let offset = "0x" + String(symbol.address.offset, radix: 16)
    return switch symbol.address.base {
    case .stext: "_stext+\(offset)\(section)"
    case .percpu: "\(offset) in each processor's area\(section)"
    case .absolute: "\(offset), which does not move\(section)"
    case .module(let module): "in module '\(module)', bound by name"
    case .host(let object): "\(object)+\(offset)"
    }
  }

  private func size(of symbol: FoundSymbol) -> String {
    if let size = facts?.entry(of: symbol)?.size, size > 0 { return "\(size) bytes" }
    return symbol.gap.map { "\($0) bytes at most (up to the next symbol)" } ?? "not known"
  }

  private func exported(_ symbol: FoundSymbol) -> String {
    switch facts?.exportSection(of: symbol) {
    case nil: "no"
    case "__ksymtab_gpl": "yes, to GPL modules"
    case _?: "yes"
    }
  }

  private func sleep(_ symbol: FoundSymbol) -> String {
    guard let facts else {
      return "not known: the kernel's ELF file is not here (\(debugPackage))"
    }
    return switch facts.sleepOutcome(of: symbol) {
    case .sleeps(let chain): "yes: " + chain.joined(separator: " → ")
    case .doesNot: "no: nothing that it calls does"
    case .notKnown: "not known to: nothing that it calls directly does, but it calls by pointers"
    case nil: "not known: its code is not in the file"
    }
  }

  private func callable(_ symbol: FoundSymbol, _ answer: TypeAnswer) throws -> String {
    let request = SymbolRequest(
      Want(name: symbol.name, kind: .symbol, use: .call, at: ""), nil)
    if let refusal = Callability.refusal(of: symbol, request) {
      return "no: \(refusal.message) [\(refusal.id)]"
    }
    switch answer {
    case .none: return "if a cdef declares it [undeclared-function]"
    case .several: return "no: which of these it is, is not known [ambiguous-prototype]"
    case .contradiction: return "no: what it takes is not known [contradiction]"
    case .one(let type, _):
      let refusal = try refusal(ofPrototype: type, request)
      return refusal.map { "no: \($0.message) [\($0.id)]" } ?? "yes"
    }
  }

  private func refusal(
    ofPrototype type: KernelType, _ request: SymbolRequest
  ) throws -> Callability.Refusal? {
    var importer = KernelTypeImporter(types, into: TypeTable(), usedMembers: [])
    let id = importer.type(type, .complete)
    try importer.finish()
    guard case .function(let function) = importer.table[importer.table.unqualified(id)] else {
      return nil
    }
    return Callability.refusal(ofPrototype: function, request, importer.table)
  }

  private var debugPackage: String {
    "package \(DebugFiles.package(release: (try? sources.identity())?.release))"
  }

  // MARK: Types and enumerators

  private func namedTypes(_ name: String) throws -> [String] {
    let wanted = WantedTypeName(name)
    var found = try sources.definitions(of: wanted)
    // DWARF is asked only where there is something to tell apart.
    let placed =
      found.count > 1 || wanted.file != nil && !found.isEmpty
      ? try sources.placedDefinitions(of: wanted) : []
    if let file = wanted.file {
      found = placed.filter { SymbolSelection.isPlace($0.place, in: file) }.map(\.type)
    }
    return try found.map { type in
      var lines = Lines("\(name): a type")
      lines.add("size", [types.size(of: type).map { "\($0) bytes" } ?? "none"])
      lines.add(
        "is", [try KernelTypeImporter.soundDeclaration(of: "", meaning(of: type), in: types)])
      lines.add("defined", placed.filter { $0.type == type }.map(\.place))
      if hasMembers(type) { lines.add("members", ["see --want '\(name)' --print=c"]) }
      return lines.text
    }
  }

  /// Whether a header says more of it than its name; so it does of most typedefs.
  private func hasMembers(_ type: KernelType) -> Bool {
    switch types[types.unqualified(type)].kind {
    case .structure, .union, .enumeration, .enumeration64: true
    default: false
    }
  }

  /// What a typedef stands for; of others, themselves.
  private func meaning(of type: KernelType) -> KernelType {
    types[type].kind == .typedef ? types.target(of: type) : type
  }

  private func enumerators(_ name: String) throws(SourceError) -> [String] {
    try symbolTypes.enumerators(SymbolSelection(name)).map { found in
      var lines = Lines("\(name): an enumerator")
      lines.add("value", [found.value.text])
      lines.add("of", ["enum \(types.name(of: found.type) ?? "{…}")"])
      if let place = found.place { lines.add("defined", [place]) }
      return lines.text
    }
  }

  /// What `--want` says of a name that is nothing.
  private func unknown(_ name: String) throws -> Diagnostic {
    var document = TypesDocument()
    document.wants = [Want(name: name, kind: name.contains(" ") ? .type : .symbol, at: "")]
    do {
      _ = try KernelResolver.resolve(document, sources)
    } catch let errors as DiagnosticList {
      if var error = errors.diagnostics.first(where: { $0.severity == .error }) {
        error.place = .none
        return error
      }
    }
    return Diagnostic("unknown-symbol", "nothing is known of '\(name)'")
  }

  /// "  NAME   VALUE" under a heading.
  private struct Lines {
    private(set) var text: String
    private static let width = 12

    init(_ heading: String) { text = heading + "\n" }

    mutating func add(_ name: String, _ values: [String]) {
      for (number, value) in values.enumerated() {
        let label = number == 0 ? name : ""
        text += "  " + label + String(repeating: " ", count: max(1, Self.width - label.count))
        text += value + "\n"
      }
    }
  }
}
