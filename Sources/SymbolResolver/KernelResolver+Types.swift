// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import TypeIR

// Types that the script names and does not declare, and tags that it shares with the kernel.

/// A type's name in a want: "struct tag", "union tag", "enum tag", or a typedef's identifier; with
/// "@file.c" behind it, the one of that source file.
struct WantedTypeName: Hashable {
  var keyword: TagKeyword?
  var name: String
  /// The end of the path of the source file that defines it.
  var file: String?

  init(keyword: TagKeyword?, name: String) {
    self.keyword = keyword
    self.name = name
  }

  init(_ text: String) {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let words = parts[0].split(separator: " ")
    if words.count == 2, let keyword = TagKeyword(rawValue: String(words[0])) {
      self.init(keyword: keyword, name: String(words[1]))
    } else {
      self.init(keyword: nil, name: String(parts[0]))
    }
    file = parts.count == 2 ? String(parts[1]) : nil
  }

  var text: String {
    (keyword.map { $0.rawValue + " " } ?? "") + name + (file.map { "@" + $0 } ?? "")
  }

  /// The kinds that define what goes by the name.
  var kinds: Set<BTFKind> {
    switch keyword {
    case .struct: [.structure]
    case .union: [.union]
    case .enum: [.enumeration, .enumeration64]
    case nil: [.typedef, .int, .float]
    }
  }
}

extension KernelResolver {
  /// Lets every entry that only names a type be the kernel's type of that name.
  mutating func resolveTypes() throws(SourceError) {
    let places = Dictionary(
      input.wants.filter { $0.kind == .type }.map { (WantedTypeName($0.name), $0.at) }
    ) { first, _ in first }
    var named: Set<WantedTypeName> = []
    for (index, entry) in input.types.entries.enumerated() {
      guard let name = Self.nameOnly(entry.type) else { continue }
      named.insert(name)
      try resolve(name, entry: TypeID(Int32(index + 1)), at: places[name])
    }
    for want in input.wants where want.kind == .type {
      let name = WantedTypeName(want.name)
      if !named.contains(name), !isDefinedByScript(name) { try bringIn(want, name) }
    }
    try importer.finish()
  }

  /// The name of an entry that says nothing but a name.
  private static func nameOnly(_ type: CType) -> WantedTypeName? {
    switch type {
    case .unresolved(let name): WantedTypeName(keyword: nil, name: name)
    case .forward(let keyword, let tag): WantedTypeName(keyword: keyword, name: tag)
    default: nil
    }
  }

  private func isDefinedByScript(_ name: WantedTypeName) -> Bool {
    input.types.entries.contains { entry in
      switch entry.type {
      case .record(let record): record.keyword == name.keyword && record.tag == name.name
      case .enumeration(let enumeration): name.keyword == .enum && enumeration.tag == name.name
      case .typedef(let typedef, _, _): name.keyword == nil && typedef == name.name
      default: false
      }
    }
  }

  /// A tag that the kernel does not have either stays as it is, unless a type string uses it.
  private mutating func resolve(
    _ name: WantedTypeName, entry: TypeID, at: String?
  ) throws(SourceError) {
    let isWanted = name.keyword == nil || at != nil
    guard let definition = try definition(name, at: at, mustExist: isWanted)
    else { return }
    importer.adopt(definition, as: entry)
  }

  /// A type wanted by name alone, as on the command line: it enters the document as an expression.
  private mutating func bringIn(_ want: Want, _ name: WantedTypeName) throws(SourceError) {
    guard let definition = try definition(name, at: want.at, mustExist: true) else { return }
    let id = importer.type(definition, .complete)
    expressions.append(TypeExpression(text: name.text, type: id, at: want.at))
  }

  /// The one definition of a name; reports if there is none or several.
  private mutating func definition(
    _ name: WantedTypeName, at: String?, mustExist: Bool
  ) throws(SourceError) -> KernelType? {
    let found = try sources.definitions(of: name)
    if let file = name.file, !found.isEmpty { return try definition(name, from: file, found, at) }
    if found.count <= 1 {
      if found.isEmpty && mustExist { reportUnknown(name, at: at) }
      return found.first
    }
    guard mustExist || name.keyword != nil else { return nil }
    reportAmbiguous(name, found, try sources.placedDefinitions(of: name), at: at)
    return nil
  }

  /// The definition of that file; reports if there is none.
  private mutating func definition(
    _ name: WantedTypeName, from file: String, _ found: [KernelType], _ at: String?
  ) throws(SourceError) -> KernelType? {
    let placed = try sources.placedDefinitions(of: name)
    let chosen = placed.filter { SymbolSelection.isPlace($0.place, in: file) }
    if let first = chosen.first, Set(chosen.map(\.type)).count == 1 { return first.type }
    guard !placed.isEmpty else {
      report(
        "no-debug-info",
        "which '\(name.text)' is meant, only the kernel's debug information tells", at: at,
        hints: [debugPackageHint])
      return nil
    }
    guard chosen.isEmpty else {
      reportAmbiguous(name, chosen.map(\.type), chosen, at: at)
      return nil
    }
    report(
      "unknown-type", "\(thisKernel) has no type '\(name.text)'", at: at,
      notes: placed.prefix(8).map { .init("\(outline($0.type)), \($0.place)", place: .none) })
    return nil
  }

  private mutating func reportAmbiguous(
    _ name: WantedTypeName, _ found: [KernelType], _ placed: [(type: KernelType, place: String)],
    at: String?
  ) {
    let places = Dictionary(grouping: placed, by: \.type).mapValues { $0.map(\.place) }
    var selections: Set<String> = []
    for place in placed.map(\.place) {
      var one = name
      one.file = String(place.prefix { $0 != ":" })
      selections.insert("'\(one.text)'")
    }
    let hints =
      selections.isEmpty
      ? [] : ["--want and --explain take " + selections.sorted().joined(separator: ", ")]
    report(
      "ambiguous-type", "\(thisKernel) has \(found.count) types called '\(name.text)'", at: at,
      hints: ["declare the one that is meant in a cdef"] + hints,
      notes: found.map { definition in
        let place = places[definition].map { ", " + $0.joined(separator: ", ") } ?? ""
        return Diagnostic.Note(
          "type \(definition.id.rawValue): \(outline(definition))\(place)", place: .none)
      })
  }

  /// What tells one definition from another: size and first members.
  private func outline(_ definition: KernelType) -> String {
    let type = types[definition]
    guard type.kind == .structure || type.kind == .union else {
      return KernelTypeImporter.declaration(of: "", definition, in: types)
    }
    let members = types.members(of: definition).prefix(4).map { $0.name ?? "{…}" }
    let more = type.count > members.count ? ", …" : ""
    return "\(type.sizeOrType) bytes: \(members.joined(separator: ", "))\(more)"
  }

  private mutating func reportUnknown(_ name: WantedTypeName, at: String?) {
    let own = NearestName.suggestions(
      for: name.name, among: ownNames(like: name))
    let near = own + typeNamesNear(name)
    let keyword = name.keyword.map { $0.rawValue + " " } ?? ""
    var hints = near.first.map { ["did you mean '\(keyword)\($0)'?"] } ?? []
    if near.count > 1 {
      let others = near.dropFirst().prefix(2).map { "'\(keyword)\($0)'" }
      hints[0] = "did you mean '\(keyword)\(near[0])', or \(others.joined(separator: ", or "))?"
    }
    report(
      "unknown-type", "\(thisKernel) has no type '\(name.text)', and the script declares none",
      at: at, hints: hints.isEmpty ? ["declare it in a cdef"] : hints)
  }

  /// What the script itself calls types of the same sort.
  private func ownNames(like name: WantedTypeName) -> [String] {
    input.types.entries.compactMap { entry in
      switch entry.type {
      case .record(let record) where record.keyword == name.keyword: record.tag
      case .enumeration(let enumeration) where name.keyword == .enum: enumeration.tag
      case .typedef(let typedef, _, _) where name.keyword == nil: typedef
      default: nil
      }
    }
  }

  private func typeNamesNear(_ name: WantedTypeName) -> [String] {
    let filter = NearestName.Filter(name.name)
    let candidates = types.kernel.names(of: name.kinds) { filter.mayBeNear($0) }
    return NearestName.suggestions(for: name.name, among: candidates)
  }

  // MARK: Shared tags

  /// A struct of the script that is as the kernel's own stands for it. One that differs is a type
  /// of its own, which may be meant (C has no name spaces) or not: a warning, unless an error about
  /// it follows. An enum may have fewer enumerators than the kernel's: it is only compared.
  mutating func compareTags(_ target: Target) throws(SourceError) {
    var comparison: TypeComparison?
    for (index, entry) in input.types.entries.enumerated() {
      guard let (name, isRecord) = Self.definedTag(entry.type) else { continue }
      let definitions = types.types(named: name.name, name.kinds)
      guard definitions.count == 1 else { continue }
      let id = TypeID(Int32(index + 1))
      var compare = comparison ?? TypeComparison(importer, charIsSigned: target.charIsSigned)
      let difference = try compare.difference(id, definitions[0]) ?? compare.names.first
      comparison = compare
      if let difference {
        differingTags.append((name.text, difference))
      } else if isRecord {
        importer.identify(definitions[0], with: id)
      }
    }
  }

  private static func definedTag(_ type: CType) -> (name: WantedTypeName, isRecord: Bool)? {
    switch type {
    case .record(let record):
      record.tag.map { (WantedTypeName("\(record.keyword.rawValue) \($0)"), true) }
    case .enumeration(let enumeration):
      enumeration.tag.map { (WantedTypeName("enum \($0)"), false) }
    default: nil
    }
  }

  mutating func warnOfDifferingTags() {
    for (name, difference) in differingTags where !reportedTypes.contains(name) {
      report(
        "type-differs", "your \(name) is not the kernel's: \(difference.text)", severity: .warning,
        at: input.expressions.first { $0.text.hasPrefix(name) }?.at)
    }
  }
}
