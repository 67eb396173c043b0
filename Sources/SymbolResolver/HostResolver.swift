// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import TypeIR

/// Finds in the shared libraries of a process what a `ktap.types` document wants. Types come from
/// the script's C alone: a library carries none.
///
/// Throws ``DiagnosticList`` for all that is wrong with the document, and `SourceError` where a
/// library cannot be read.
public struct HostResolver {
  private let input: TypesDocument
  private let names: ScriptNames
  private let libraries: [Library]
  private var symbols: [ResolvedSymbol] = []
  private var constants: [Constant]
  private var diagnostics: [Diagnostic] = []

  private struct Library {
    var soname: String
    var symbols: [String: ELFFile.Symbol]
  }

  /// `libraries` are searched after those that every process has.
  public static func resolve(
    _ document: TypesDocument, libraries: [String]
  ) throws -> Resolution {
    for library in libraries { try LoadedObjects.load(library) }
    var resolver = HostResolver(document, try LoadedObjects.paths().compactMap(readIfPresent))
    return try resolver.run()
  }

  private init(_ document: TypesDocument, _ libraries: [Library]) {
    input = document
    self.libraries = libraries
    names = ScriptNames(document)
    constants = document.constants
  }

  /// nil for a library whose file was removed or replaced after it was loaded.
  private static func readIfPresent(_ path: String) throws(SourceError) -> Library? {
    let file: ELFFile
    do throws(SourceError) {
      file = try ELFFile(path: path)
    } catch {
      guard error.cause == .unavailable else { throw error }
      return nil
    }
    let fileName = path.split(separator: "/").last.map(String.init) ?? path
    return Library(
      soname: file.soname() ?? fileName,
      symbols: Dictionary(file.exportedSymbols().map { ($0.name, $0) }) { first, _ in first })
  }

  private mutating func run() throws(DiagnosticList) -> Resolution {
    checkTypes()
    for request in names.requests() {
      if let constant = names.constant(request.name) {
        if !constants.contains(constant) { constants.append(constant) }
      } else {
        resolve(request)
      }
    }
    guard diagnostics.isEmpty else { throw DiagnosticList(diagnostics) }
    let document = ResolvedDocument(
      target: input.target, targetKind: .host,
      kernel: KernelIdentity(release: nil, buildID: nil), types: input.types, symbols: symbols,
      constants: constants, expressions: input.expressions)
    return Resolution(document: document, warnings: [])
  }

  /// No type may be left that only has a name, but for tags behind pointers.
  private mutating func checkTypes() {
    var typedefs: [String] = []
    for case .typedef(let name, _, _) in input.types.entries.map(\.type) { typedefs.append(name) }
    for case .unresolved(let name) in input.types.entries.map(\.type) {
      let near = NearestName.suggestions(for: name, among: typedefs).first
      report(
        "unknown-type", "the script declares no type '\(name)'",
        at: input.wants.first { $0.kind == .type && $0.name == name }?.at,
        hint: near.map { "did you mean '\($0)'?" }
          ?? "in a process, unlike in a kernel, every type must be declared in a cdef")
    }
  }

  private mutating func resolve(_ request: SymbolRequest) {
    guard let (library, symbol) = find(request.linkName) else { return reportNotFound(request) }
    guard let declaration = request.declaration else {
      return report(
        "undeclared-symbol", "'\(request.name)' is not declared", at: request.at,
        hint:
          "in a process, unlike in a kernel, every \(symbol.isFunction ? "function" : "variable")"
          + " must be declared in a cdef: libraries carry no types")
    }
    guard !symbol.isThreadLocal else {
      return report(
        "thread-local", "'\(request.name)' is one per thread, and has no address of its own",
        at: request.at)
    }
    let kind: SymbolKind = symbol.isFunction ? .function : .variable
    guard declaration.kind == kind else {
      return report(
        "kind-differs",
        "'\(request.name)' is not declared as \(library.soname) has it: library: \(kind.words); "
          + "yours: \(declaration.kind.words)", at: declaration.at)
    }
    guard checkSize(request, declaration, symbol, library) else { return }
    symbols.append(
      ResolvedSymbol(
        name: request.name, kind: kind, type: declaration.type, at: request.at,
        linkName: declaration.linkName,
        address: SymbolAddress(base: .host(library.soname), offset: symbol.value),
        size: symbol.size == 0 ? nil : symbol.size, source: .host, check: .unverified))
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
