// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// The types of the libraries that were asked for, as far as these carry DWARF, or debug files of
/// them are installed.
final class HostTypes {
  /// Empty but for what the libraries bring.
  let types: KernelTypes
  /// As the dynamic linker has them.
  private let paths: [String]
  /// nil in it: there is none.
  private var known: [String: DWARFSource?] = [:]
  private let names: Set<String>
  private let mayBeEnumerators: Bool

  /// `names`: what will be asked for; `enumerators`: some of them may be no symbols, so that
  /// enumerations have to be looked into.
  init(
    _ paths: [String], expecting names: Set<String>, enumerators: Bool
  ) throws(SourceError) {
    types = KernelTypes(try BTF.empty(name: "the libraries"))
    (self.paths, self.names, mayBeEnumerators) = (paths, names, enumerators)
  }

  /// The type of what a library has at `address`; nil where nothing tells it.
  func type(
    of name: String, _ kind: SymbolKind, at address: UInt64, in path: String
  ) throws(SourceError) -> KernelType? {
    guard paths.contains(path), let dwarf = try dwarf(path),
      let entry = try dwarf.entry(named: name, kind, at: address)
    else { return nil }
    return try dwarf.typesInCommon(of: [entry]).first
  }

  /// The types of that name, of the first library that has one.
  func types(named name: WantedTypeName) throws(SourceError) -> [KernelType] {
    for path in paths {
      guard let dwarf = try dwarf(path) else { continue }
      let found = try dwarf.entries(named: name.name).filter {
        name.dwarfKinds.contains($0.kind) && !$0.isDeclaration
      }
      if !found.isEmpty { return try dwarf.typesInCommon(of: found) }
    }
    return []
  }

  /// The enumerators of that name, of the first library that has one.
  func enumerators(named name: String) throws(SourceError) -> [NamedEnumerator] {
    for path in paths {
      if let found = try dwarf(path)?.enumerators(named: name), !found.isEmpty { return found }
    }
    return []
  }

  private func dwarf(_ path: String) throws(SourceError) -> DWARFSource? {
    if let known = known[path] { return known }
    let source = try openDWARF(path)
    known.updateValue(source, forKey: path)
    return source
  }

  private func openDWARF(_ path: String) throws(SourceError) -> DWARFSource? {
    for path in [path] + DebugFiles.paths(of: try ELFFile(path: path)) {
      if let source = try DWARFSource.open(path, types, expecting: names, cache: nil) {
        if mayBeEnumerators { source.expectEnumerators() }
        return source
      }
    }
    return nil
  }
}

extension WantedTypeName {
  /// The kinds that define what goes by the name.
  var dwarfKinds: Set<DWARFKind> {
    switch keyword {
    case .struct: [.structure]
    case .union: [.union]
    case .enum: [.enumeration]
    case nil: [.typedef]
    }
  }
}
