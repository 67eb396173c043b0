// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import Glibc

/// Lists what a kernel has, a line of C each: what its BTF tells, and of functions and variables that
/// only its list of symbols has, what its DWARF tells.
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
      lines[name] = Set(btf.types(named: name, kinds).map { line(KernelType($0), name, types) })
    }
    for (name, line) in try symbolLines(glob, sources) { lines[name, default: []].insert(line) }
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
    var lines = zip(owners, zip(entries, found)).map { number, known in
      let text = KernelTypeImporter.declaration(of: symbols[number].name, known.1, in: types)
      return (symbols[number].name, (known.0.kind == .variable ? "extern " : "") + text + ";\n")
    }
    let typed = Set(owners)
    for (number, symbol) in symbols.enumerated() where !typed.contains(number) {
      let kind = symbol.kind == .function ? "function" : "variable"
      lines.append((symbol.name, "\(symbol.name); /* a \(kind) whose type is not known */\n"))
    }
    return lines
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

  private static func line(_ id: KernelType, _ name: String, _ types: KernelTypes) -> String {
    let type = types[id]
    func declaration(_ target: KernelType) -> String {
      KernelTypeImporter.declaration(of: name, target, in: types)
    }
    return switch type.kind {
    case .function: "\(declaration(types.target(of: id)));\n"
    case .variable: "extern \(declaration(types.target(of: id)));\n"
    case .typedef: "typedef \(declaration(types.target(of: id)));\n"
    default:
      "\(KernelTypeImporter.declaration(of: "", id, in: types)); /* \(type.sizeOrType) bytes */\n"
    }
  }
}
