// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import TypeIR

/// What the kernel's DWARF says of names: every name that is expected to be asked for is looked up in
/// one walk, when the first of them is.
final class DWARFSource {
  private let file: DWARFFile
  private let types: KernelTypes
  private var expected: Set<String>
  private var entries: [String: [DWARFEntry]] = [:]
  private var known: Set<String> = []
  private var enumeratorEntries: [String: [DWARFEntry]]?
  private var broughtTogether: [DWARFPlace: KernelType]?
  private var expectsEnumerators = false

  init(_ file: DWARFFile, _ types: KernelTypes, expecting names: Set<String>) {
    self.file = file
    self.types = types
    expected = names
  }

  /// nil for a file without DWARF.
  static func open(
    _ path: String, _ types: KernelTypes, expecting names: Set<String>, cache: IndexCache?
  ) throws(SourceError) -> DWARFSource? {
    do throws(SourceError) {
      return DWARFSource(try DWARFFile(path: path, cache: cache), types, expecting: names)
    } catch {
      guard error.diagnostic.id == "no-dwarf" else { throw error }
      return nil
    }
  }

  /// Lets the first walk look into enumerations, too.
  func expectEnumerators() { expectsEnumerators = true }

  /// The functions, variables and types called `name`; enumerators only where these are expected.
  func entries(named name: String) throws(SourceError) -> [DWARFEntry] {
    if !known.contains(name) {
      let names = expected.union([name]).subtracting(known)
      let found = try file.find(names, includingEnumerators: expectsEnumerators)
      for entry in found { entries[entry.name, default: []].append(entry) }
      known.formUnion(names)
    }
    return entries[name] ?? []
  }

  /// The function or variable of that name that the kernel was linked to have at `address`.
  func entry(
    named name: String, _ kind: SymbolKind, at address: UInt64
  ) throws(SourceError) -> DWARFEntry? {
    try entries(named: name).first {
      $0.kind == Self.kind(kind) && !$0.isDeclaration && !$0.flags.contains(.assembly)
        && file.address(of: $0) == address
    }
  }

  /// Whether the function of that name at `address` is written in assembly: nothing has its type.
  func isAssembly(_ name: String, at address: UInt64) throws(SourceError) -> Bool {
    try entries(named: name).contains {
      $0.kind == .function && $0.flags.contains(.assembly) && file.address(of: $0) == address
    }
  }

  /// The function or variable of that name, if there is just one that has a place.
  func onlyDefinition(
    of name: String, _ kind: SymbolKind
  ) throws(SourceError) -> DWARFEntry? {
    let found = try entries(named: name).filter {
      $0.kind == Self.kind(kind) && !$0.isDeclaration
        && $0.flags.intersection([.located, .assembly]) == .located
    }
    return found.count == 1 ? found[0] : nil
  }

  /// The declarations of a variable that has no definition.
  func declarations(of name: String) throws(SourceError) -> [DWARFEntry] {
    try entries(named: name).filter { $0.kind == .variable && $0.isDeclaration }
  }

  /// Whether there is a function of that name, and none of them has an address.
  func isInlinedEverywhere(_ name: String) throws(SourceError) -> Bool {
    let functions = try entries(named: name).filter { $0.kind == .function && !$0.isDeclaration }
    return !functions.isEmpty && functions.allSatisfy { file.address(of: $0) == nil }
  }

  private static func kind(_ kind: SymbolKind) -> DWARFKind {
    kind == .function ? .function : .variable
  }

  /// The prototype of a function, the type of a variable, or a type itself: of each.
  func types(of entries: [DWARFEntry]) throws(SourceError) -> [KernelType] {
    let brought = try file.types(of: entries, base: types.kernel)
    let graph = types.add(brought.btf, keepsDimensions: true)
    return zip(entries, brought.ids).map { entry, id in
      let type = types.type(graph, id)
      switch entry.kind {
      case .function, .variable: return types.target(of: type)
      default: return type
      }
    }
  }

  /// The same, brought with everything that is expected to be asked for: what several have in common
  /// is one type, where nothing is in the base that would stand for it.
  func typesInCommon(of entries: [DWARFEntry]) throws(SourceError) -> [KernelType] {
    if broughtTogether == nil { broughtTogether = try bringTogether() }
    let types = entries.compactMap { broughtTogether?[$0.place] }
    return types.count == entries.count ? types : try self.types(of: entries)
  }

  private func bringTogether() throws(SourceError) -> [DWARFPlace: KernelType] {
    var all: [DWARFEntry] = []
    for name in expected.sorted() {
      all += try entries(named: name).filter { !$0.isDeclaration && !$0.flags.contains(.assembly) }
    }
    var together: [DWARFPlace: KernelType] = [:]
    // What is wrong with one of them is said to who asks for that one.
    if let types = try? types(of: all) {
      for (entry, type) in zip(all, types) { together[entry.place] = type }
    }
    return together
  }

  /// "fs/read_write.c:450".
  func place(of entry: DWARFEntry) -> String? {
    file.source(of: entry).map { $0.line == 0 ? $0.file : "\($0.file):\($0.line)" }
  }

  /// What the compiler was told to compile: of several functions of one name, what tells them apart.
  func unitName(of entry: DWARFEntry) -> String? { file.unitName(of: entry) }

  /// A walk that looks into enumerations takes longer: one for all names, and only if it must be.
  private func enumeratorEntries(named name: String) throws(SourceError) -> [DWARFEntry] {
    if expectsEnumerators { return try entries(named: name).filter { $0.kind == .enumerator } }
    if enumeratorEntries == nil || !expected.contains(name) {
      expected.insert(name)
      let found = try file.find(expected, includingEnumerators: true)
      enumeratorEntries = Dictionary(
        grouping: found.filter { $0.kind == .enumerator }, by: \.name)
    }
    return enumeratorEntries?[name] ?? []
  }

  /// What an enumerator is worth, everywhere where there is one of that name, and where that is.
  func enumerators(named name: String) throws(SourceError) -> [NamedEnumerator] {
    let found = try enumeratorEntries(named: name)
    let types = try expectsEnumerators ? typesInCommon(of: found) : types(of: found)
    return zip(types, found).map { type, entry in
      let value = file.value(of: entry) ?? (0, false)
      return NamedEnumerator(
        type: type,
        value: value.isNegative
          ? IntegerValue(Int64(bitPattern: value.bits)) : IntegerValue(value.bits),
        place: place(of: entry))
    }
  }
}

/// An enumerator of a name that was asked for.
struct NamedEnumerator {
  var type: KernelType
  var value: IntegerValue
  /// "fs/aio.c:120", as far as it is known.
  var place: String?
}
