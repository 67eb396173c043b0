// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import TypeIR

/// Finds in the shared libraries of a process what a `ktap.types` document wants. Types come from
/// the script's C, and from the DWARF of the libraries that are named, where these have any: then
/// the two are compared.
///
/// Throws ``DiagnosticList`` for all that is wrong with the document, and `SourceError` where a
/// library cannot be read.
public struct HostResolver {
  private let input: TypesDocument
  private let names: ScriptNames
  private let libraries: [Library]
  private let carried: HostTypes
  private var importer: KernelTypeImporter
  private var symbols: [ResolvedSymbol] = []
  private var constants: [Constant]
  private var expressions: [TypeExpression]
  private var diagnostics: [Diagnostic] = []

  private struct Library {
    var path: String
    var soname: String
    /// What a process opens it by: its soname, or, where that does not lead to it, its path.
    var name: String
    var symbols: [String: ELFFile.Symbol]
  }

  /// `libraries` are searched after those that every process has.
  public static func resolve(
    _ document: TypesDocument, libraries: [String]
  ) throws -> Resolution {
    let own = LoadedObjects.paths()
    var search = LibrarySearch(loaded: own)
    var added: [String] = []
    for library in libraries { added += try search.files(of: library) }
    let asked = Set(libraries.compactMap(LoadedObjects.realPath))
    let elsewhere = LibrarySearch(loaded: own)
    var resolver = try HostResolver(
      document, (own + added).compactMap { try readIfPresent($0, elsewhere) },
      named: own.filter { asked.contains($0) } + added)
    return try resolver.run()
  }

  private init(
    _ document: TypesDocument, _ libraries: [Library], named: [String]
  ) throws(SourceError) {
    input = document
    self.libraries = libraries
    names = ScriptNames(document)
    (constants, expressions) = (document.constants, document.expressions)
    let wanted = document.wants.filter { $0.kind == .type }.map { WantedTypeName($0.name).name }
    let requests = names.requests()
    let unknown = requests.filter { request in
      request.declaration == nil && !libraries.contains { $0.symbols[request.linkName] != nil }
    }
    carried = try HostTypes(
      named, expecting: Set(requests.map(\.linkName)).union(wanted),
      enumerators: !unknown.isEmpty)
    importer = KernelTypeImporter(
      carried.types, into: document.types, usedMembers: document.members)
  }

  /// nil for a library whose file was removed or replaced after it was loaded. `search`: as another
  /// process would find it.
  private static func readIfPresent(
    _ path: String, _ search: LibrarySearch
  ) throws(SourceError) -> Library? {
    let file: ELFFile
    do throws(SourceError) {
      file = try ELFFile(path: path)
    } catch {
      guard error.cause == .unavailable else { throw error }
      return nil
    }
    let fileName = path.split(separator: "/").last.map(String.init) ?? path
    let soname = file.soname() ?? fileName
    return Library(
      path: path, soname: soname, name: search.finds(soname, at: path) ? soname : path,
      symbols: Dictionary(file.exportedSymbols().map { ($0.name, $0) }) { first, _ in first })
  }

  private mutating func run() throws -> Resolution {
    try resolveTypes()
    try layOutRecords()
    var comparison = TypeComparison(importer, charIsSigned: input.target.charIsSigned)
    for request in names.requests() {
      if let constant = names.constant(request.name) {
        if !constants.contains(constant) { constants.append(constant) }
      } else {
        try resolve(request, &comparison)
      }
    }
    try importer.finish()
    guard diagnostics.allSatisfy({ $0.severity != .error }) else {
      throw DiagnosticList(diagnostics)
    }
    let document = ResolvedDocument(
      target: input.target, targetKind: .host,
      kernel: KernelIdentity(release: nil, buildID: nil), types: importer.table, symbols: symbols,
      constants: constants, expressions: expressions)
    return Resolution(document: document, warnings: diagnostics)
  }

  // MARK: Types

  /// No type may be left that only has a name, but for tags behind pointers.
  private mutating func resolveTypes() throws(SourceError) {
    var seen: Set<WantedTypeName> = []
    for (index, entry) in input.types.entries.enumerated() {
      let name: WantedTypeName
      switch entry.type {
      case .unresolved(let typedef): name = WantedTypeName(keyword: nil, name: typedef)
      case .forward(let keyword, let tag): name = WantedTypeName(keyword: keyword, name: tag)
      default: continue
      }
      seen.insert(name)
      let definitions = try carried.types(named: name)
      if definitions.count == 1 {
        importer.adopt(definitions[0], as: TypeID(Int32(index + 1)))
      } else if name.keyword == nil {
        report(type: name, definitions.count, at: place(of: name))
      }
    }
    // On the command line, types are wanted that no C mentions.
    for want in input.wants where want.kind == .type && input.types.entries.isEmpty {
      let name = WantedTypeName(want.name)
      let definitions = try carried.types(named: name)
      guard definitions.count == 1 else {
        report(type: name, definitions.count, at: want.at)
        continue
      }
      let id = importer.type(definitions[0], .complete)
      expressions.append(TypeExpression(text: name.text, type: id, at: want.at))
    }
    try importer.finish()
  }

  private func place(of name: WantedTypeName) -> String? {
    input.wants.first { $0.kind == .type && WantedTypeName($0.name) == name }?.at
  }

  private mutating func report(type name: WantedTypeName, _ count: Int, at: String?) {
    guard count == 0 else {
      return report(
        "ambiguous-type", "a library has \(count) types called '\(name.text)'", at: at,
        hint: "declare the one that is meant in a cdef")
    }
    var typedefs: [String] = []
    for case .typedef(let name, _, _) in input.types.entries.map(\.type) { typedefs.append(name) }
    let near = NearestName.suggestions(for: name.name, among: typedefs).first
    report(
      "unknown-type", "the script declares no type '\(name.text)'", at: at,
      hint: near.map { "did you mean '\($0)'?" }
        ?? "in a process, types come from a cdef, or from the DWARF of a library: --lib FILE")
  }

  private mutating func layOutRecords() throws(SourceError) {
    do {
      try importer.layOutRecords()
    } catch {
      guard case .tooLarge(let member) = error else { return }
      report(
        "type-too-large", "a struct is larger than any object can be at member \(member + 1)",
        at: nil)
    }
  }

  // MARK: Symbols

  private mutating func resolve(
    _ request: SymbolRequest, _ comparison: inout TypeComparison
  ) throws(SourceError) {
    guard let (library, symbol) = find(request.linkName) else {
      if try !bringIn(enumerator: request), try !bringIn(typedef: request) {
        reportNotFound(request)
      }
      return
    }
    guard !symbol.isThreadLocal else {
      return report(
        "thread-local", "'\(request.name)' is one per thread, and has no address of its own",
        at: request.at)
    }
    let kind: SymbolKind = symbol.isFunction ? .function : .variable
    let type = try carried.type(of: symbol.name, kind, at: symbol.value, in: library.path)
    guard let declaration = request.declaration else {
      guard let type else { return reportUndeclared(request, kind) }
      let id = importer.type(type, .complete)
      importer.followPointer(kind == .function ? carried.types.target(of: type) : type)
      return append(request, kind, id, library, symbol, check: .undeclared)
    }
    guard declaration.kind == kind else {
      return report(
        "kind-differs",
        "'\(request.name)' is not declared as \(library.soname) has it: library: \(kind.words); "
          + "yours: \(declaration.kind.words)", at: declaration.at)
    }
    guard checkSize(request, declaration, symbol, library) else { return }
    if let type {
      guard try matches(request, declaration, type, library, &comparison) else { return }
    }
    append(
      request, kind, declaration.type, library, symbol,
      check: type == nil ? .unverified : .matches)
  }

  /// `ffi.C.NAME` of an enumerator of a library's; false if there is none.
  private mutating func bringIn(enumerator request: SymbolRequest) throws(SourceError) -> Bool {
    guard request.declaration == nil else { return false }
    let found = try carried.enumerators(named: request.name)
    guard let first = found.first else { return false }
    if request.uses.contains(.call) {
      report(
        "not-a-function", "'\(request.name)' is an enumerator, not a function", at: request.at)
    } else if found.contains(where: { $0.value != first.value }) {
      report(
        "ambiguous-enumerator",
        "a library has several enumerators '\(request.name)' of different values", at: request.at,
        hint: "write the value, or define it in a cdef")
    } else {
      let type = importer.type(first.type, .complete)
      constants.append(Constant(name: request.name, value: first.value, type: type))
    }
    return true
  }

  /// On a command line, a name may be a type's as well; in a script, the use tells that it is none.
  private mutating func bringIn(typedef request: SymbolRequest) throws(SourceError) -> Bool {
    guard request.uses == [nil], request.declaration == nil,
      let typedef = try carried.types(named: WantedTypeName(keyword: nil, name: request.name)).first
    else { return false }
    let id = importer.type(typedef, .complete)
    expressions.append(TypeExpression(text: request.name, type: id, at: request.at))
    return true
  }

  private mutating func append(
    _ request: SymbolRequest, _ kind: SymbolKind, _ type: TypeID, _ library: Library,
    _ symbol: ELFFile.Symbol, check: SymbolCheck
  ) {
    symbols.append(
      ResolvedSymbol(
        name: request.name, kind: kind, type: type, at: request.at,
        linkName: request.declaration?.linkName,
        address: SymbolAddress(base: .host(library.name), offset: symbol.value),
        size: symbol.size == 0 ? nil : symbol.size, source: .host, check: check))
  }

  private mutating func reportUndeclared(_ request: SymbolRequest, _ kind: SymbolKind) {
    report(
      "undeclared-symbol", "'\(request.name)' is not declared", at: request.at,
      hint: "a \(kind == .function ? "function" : "variable") of a library without debug "
        + "information (-g, --lib FILE) must be declared in a cdef")
  }

  /// Compares a declaration with the library's own; reports what differs.
  private mutating func matches(
    _ request: SymbolRequest, _ declaration: SymbolDeclaration, _ type: KernelType,
    _ library: Library, _ comparison: inout TypeComparison
  ) throws(SourceError) -> Bool {
    guard let difference = try comparison.difference(declaration.type, type) else {
      for difference in comparison.names {
        diagnostics.append(
          Diagnostic(
            "member-name-differs",
            "\(difference.part.text): library: \(difference.kernel); yours: \(difference.yours)",
            severity: .warning, place: DiagnosticPlace(at: declaration.at)))
      }
      return true
    }
    let its = KernelTypeImporter.declaration(of: request.name, type, in: carried.types)
    diagnostics.append(
      Diagnostic(
        difference.part.id,
        "'\(request.name)' is not declared as \(library.soname) has it: "
          + (difference.part.text.isEmpty ? "" : "\(difference.part.text): ")
          + "library: \(difference.kernel); yours: \(difference.yours)",
        place: DiagnosticPlace(at: declaration.at),
        notes: [
          .init("library: \(its)", place: .none),
          .init(
            "yours:   \(importer.table.declaration(of: request.name, declaration.type))",
            place: .none),
        ]))
    return false
  }

  /// A variable's size is known: the declaration must not be larger.
  private mutating func checkSize(
    _ request: SymbolRequest, _ declaration: SymbolDeclaration, _ symbol: ELFFile.Symbol,
    _ library: Library
  ) -> Bool {
    guard !symbol.isFunction, symbol.size > 0, let size = input.types.size(of: declaration.type),
      size > symbol.size
    else { return true }
    report(
      "size-exceeds-symbol",
      "'\(request.name)' is declared with \(size) bytes, but has \(symbol.size) in "
        + library.soname, at: declaration.at)
    return false
  }

  /// The first library that has it, as the dynamic linker would find it.
  private func find(_ name: String) -> (Library, ELFFile.Symbol)? {
    for library in libraries {
      if let symbol = library.symbols[name] { return (library, symbol) }
    }
    return nil
  }

  private mutating func reportNotFound(_ request: SymbolRequest) {
    let near = NearestName.suggestions(
      for: request.linkName, among: libraries.lazy.flatMap(\.symbols.keys))
    let nearHint = near.first.map { "did you mean '\($0)'?" }
    report(
      "unknown-symbol", "no library of the process has a symbol '\(request.linkName)'",
      at: request.at,
      hint: names.hint(for: request.name) ?? nearHint
        ?? "name the library that has it: --lib FILE")
  }

  private mutating func report(_ id: String, _ message: String, at: String?, hint: String? = nil) {
    diagnostics.append(
      Diagnostic(
        id, message, place: at.map { DiagnosticPlace(at: $0) } ?? .none,
        hints: hint.map { [$0] } ?? []))
  }
}

extension SymbolKind {
  /// As messages have it.
  var words: String {
    switch self {
    case .function: "a function"
    case .variable: "a variable"
    }
  }
}
