// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import Glibc
import TypeIR

/// Lists what a kernel and the modules whose files are named have, a line of C each: what their BTF
/// tells, and of functions and variables that only their symbols tell of, what their DWARF has.
public enum KernelListing {
  private static let kinds: Set<BTFKind> = [
    .function, .variable, .structure, .union, .enumeration, .enumeration64, .typedef,
  ]

  /// Functions with their prototypes, variables with their types, types with their sizes, whose
  /// names match the shell pattern `glob`; sorted by name. Throws `no-match` if there are none.
  public static func text(matching glob: String, _ sources: KernelSources) throws -> String {
    let types = try sources.types()
    let btf = types.kernel
    var lines: [String: Set<String>] = [:]
    for name in Set(btf.names(of: kinds, where: { matches($0, glob) })) {
      lines[name] = Set(
        try btf.types(named: name, kinds).map { try line(KernelType($0), name, types) })
    }
    for (name, line) in try symbolLines(glob, sources) { lines[name, default: []].insert(line) }
    for module in sources.namedModules {
      for (name, line) in try moduleLines(module, glob, sources) {
        lines[name, default: []].insert(line)
      }
    }
    guard !lines.isEmpty else {
      throw Diagnostic(
        "no-match", "no function, variable or type of \(btf.name) matches '\(glob)'",
        hints: glob.contains(where: { "*?[".contains($0) })
          ? [] : ["'\(glob)*' and '*\(glob)*' match names that begin with it or contain it"])
    }
    return lines.keys.sorted().flatMap { lines[$0, default: []].sorted() }.joined()
  }

  /// Of the symbols that BTF does not have.
  private static func symbolLines(
    _ glob: String, _ sources: KernelSources
  ) throws -> [(name: String, line: String)] {
    let types = try sources.types()
    guard let finder = try finder(sources) else { return [] }
    let symbols = finder.symbols { matches($0, glob) }.filter {
      types.types(named: $0.name, [$0.kind == .function ? .function : .variable]).isEmpty
    }
    guard !symbols.isEmpty else { return [] }
    sources.expect(symbols.map(\.name))
    let dwarf = try sources.dwarf()
    var entries: [DWARFEntry] = []
    var owners: [Int] = []
    for (number, symbol) in symbols.enumerated() {
      guard let address = try sources.linkAddress(of: symbol), let dwarf else { continue }
      let own = try dwarf.entry(named: symbol.name, symbol.kind, at: address)
      for entry in try own.map({ [$0] }) ?? dwarf.declarations(of: symbol.name) {
        entries.append(entry)
        owners.append(number)
      }
    }
    // All at once: their types have most of what they need in common.
    let found = try dwarf?.types(of: entries) ?? []
    var lines = try zip(owners, zip(entries, found)).map { number, known in
      let text = try KernelTypeImporter.soundDeclaration(
        of: symbols[number].name, known.1, in: types)
      return (symbols[number].name, (known.0.kind == .variable ? "extern " : "") + text + ";\n")
    }
    let typed = Set(owners)
    for (number, symbol) in symbols.enumerated() where !typed.contains(number) {
      lines.append(untyped(symbol.name, symbol.kind))
    }
    return lines
  }

  // MARK: Modules

  /// Each with the name of the module behind it.
  private static func moduleLines(
    _ module: String, _ glob: String, _ sources: KernelSources
  ) throws -> [(name: String, line: String)] {
    let types = try sources.types()
    var lines: [(name: String, line: String)] = []
    var named: Set<String> = []
    if let graph = try sources.graph(ofModule: module) {
      named = Set(types.ownNames(ofGraph: graph, kinds) { matches($0, glob) })
      for name in named {
        for type in types.types(named: name, kinds, graph: graph) where type.graph == graph {
          lines.append((name, try line(type, name, types)))
        }
      }
    }
    lines += try moduleSymbolLines(module, glob, sources) { named.contains($0) }
    return lines.map { ($0.name, "\($0.line.dropLast()) /* module \(module) */\n") }
  }

  private static func moduleSymbolLines(
    _ module: String, _ glob: String, _ sources: KernelSources, isKnown: (String) -> Bool
  ) throws -> [(name: String, line: String)] {
    let types = try sources.types()
    let symbols = try sources.symbols(ofNamedModule: module).filter {
      !isKnown($0.name) && fnmatch(glob, $0.name, 0) == 0
    }
    sources.expect(symbols.map(\.name))
    let dwarf = try sources.dwarf(ofModule: module)
    var lines: [(name: String, line: String)] = []
    for symbol in symbols {
      let kind: SymbolKind = symbol.isFunction ? .function : .variable
      guard let entry = try dwarf?.onlyDefinition(of: symbol.name, kind),
        let type = try dwarf?.types(of: [entry]).first
      else {
        lines.append(untyped(symbol.name, kind))
        continue
      }
      let text = try KernelTypeImporter.soundDeclaration(of: symbol.name, type, in: types)
      lines.append((symbol.name, (kind == .variable ? "extern " : "") + text + ";\n"))
    }
    return lines
  }

  private static func untyped(_ name: String, _ kind: SymbolKind) -> (name: String, line: String) {
    let words = kind == .function ? "function" : "variable"
    return (name, "\(name); /* a \(words) whose type is not known */\n")
  }

  /// nil where the addresses may not be seen: types are there nevertheless.
  private static func finder(_ sources: KernelSources) throws(SourceError) -> SymbolFinder? {
    do throws(SourceError) {
      return try sources.finder()
    } catch {
      guard error.cause == .unavailable || error.diagnostic.id == "kernel-mismatch" else {
        throw error
      }
      return nil
    }
  }

  /// fnmatch(3).
  private static func matches(_ name: UnsafeBufferPointer<UInt8>, _ glob: String) -> Bool {
    guard let start = name.baseAddress else { return false }
    return fnmatch(glob, UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self), 0) == 0
  }

  private static func line(
    _ id: KernelType, _ name: String, _ types: KernelTypes
  ) throws -> String {
    let type = types[id]
    func declaration(_ target: KernelType) throws -> String {
      try KernelTypeImporter.soundDeclaration(of: name, target, in: types)
    }
    return switch type.kind {
    case .function: try "\(declaration(types.target(of: id)));\n"
    case .variable: try "extern \(declaration(types.target(of: id)));\n"
    case .typedef: try "typedef \(declaration(types.target(of: id)));\n"
    default:
      try
        "\(KernelTypeImporter.soundDeclaration(of: "", id, in: types)); /* \(type.sizeOrType) bytes */\n"
    }
  }
}
