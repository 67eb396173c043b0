// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import TypeIR

/// Turns the types of a resolved document into those of an image: only what the given roots reach,
/// each structure once.
///
/// The document may come from anywhere: nothing here recurses over it, and what makes no sense is an
/// error.
struct TypeLowering {
  /// Void first; then in the order in which the roots reach them.
  private(set) var types: [LoweredType]
  /// The type of each root.
  private(set) var roots: [Int]

  /// More types than this do not fit an image anyway.
  static let maximumTypes = 1 << 16

  init(_ document: ResolvedDocument, roots: [TypeID]) throws(Diagnostic) {
    // Twice: which incomplete types are completed elsewhere shows only when all have been reached.
    var discovery = TypeDiscovery(document)
    try discovery.run(roots)
    let completions = discovery.completions
    if !completions.isEmpty {
      discovery = TypeDiscovery(document, completions: completions)
      try discovery.run(roots)
    }
    let (types, classes) = Self.merged(try discovery.finished())
    self.types = types
    self.roots = try roots.map { id throws(Diagnostic) in classes[try discovery.index(of: id)] }
  }

  /// Merges structurally equal types: equal labels, and equal children.
  private static func merged(_ types: [LoweredType]) -> (types: [LoweredType], classes: [Int]) {
    let classes = Partition.coarsest(labels: types.map(\.label), children: types.map(\.children))
    var result: [LoweredType] = []
    for (index, type) in types.enumerated() where classes[index] == result.count {
      var merged = type
      merged.mapChildren { classes[$0] }
      result.append(merged)
    }
    return (result, classes)
  }
}

/// Reaches every type that the roots need.
private struct TypeDiscovery {
  private struct Key: Hashable {
    var id: TypeID
    var isConst: Bool
  }

  private let document: ResolvedDocument
  /// Incomplete types of the document and the definition to use instead.
  private let redirections: [TypeID: TypeID]
  private var types = [LoweredType(kind: .void, baseName: "void")]
  private var keys = [Key(id: .void, isConst: false)]
  private var indexes = [Key(id: .void, isConst: false): 0]

  init(_ document: ResolvedDocument, completions: [TypeID: TypeID] = [:]) {
    self.document = document
    redirections = completions
  }

  private func bad(_ message: String) -> Diagnostic {
    Diagnostic(
      "bad-types", message,
      hints: ["the types come from ksym-resolve; make them anew from the script"])
  }

  mutating func run(_ roots: [TypeID]) throws(Diagnostic) {
    for root in roots { _ = try reach(root) }
    var next = 1
    while next < keys.count {
      types[next] = try lowered(keys[next])
      next += 1
    }
  }

  /// The index of a type that ``run(_:)`` reached.
  func index(of id: TypeID) throws(Diagnostic) -> Int {
    guard let index = indexes[try stripped(id)] else { throw bad("type \(id.rawValue) is missing") }
    return index
  }

  private mutating func reach(_ id: TypeID, isConst: Bool = false) throws(Diagnostic) -> Int {
    let key = try stripped(id, isConst: isConst)
    if let known = indexes[key] { return known }
    guard keys.count < TypeLowering.maximumTypes else {
      throw bad("the script uses more than \(TypeLowering.maximumTypes) types")
    }
    indexes[key] = keys.count
    keys.append(key)
    types.append(LoweredType(kind: .void))
    return keys.count - 1
  }

  /// Without typedefs and qualifiers. A const array is an array of const elements (C11 6.7.3p9).
  private func stripped(_ id: TypeID, isConst: Bool = false) throws(Diagnostic) -> Key {
    var key = Key(id: id, isConst: isConst)
    for _ in 0...document.types.count {
      guard document.types.contains(key.id) else {
        throw bad("there is no type \(key.id.rawValue)")
      }
      if key.id == .void { return key }
      switch document.types[key.id] {
      case .typedef(_, let type, _), .volatile(let type), .restrict(let type), .atomic(let type):
        key.id = type
      case .const(let type):
        key.id = type
        key.isConst = true
      default:
        key.id = redirections[key.id] ?? key.id
        return key
      }
    }
    throw bad("type \(id.rawValue) is a typedef of itself")
  }

  // MARK: - One type

  private mutating func lowered(_ key: Key) throws(Diagnostic) -> LoweredType {
    var type =
      key.id == .void
      ? LoweredType(kind: .void, baseName: "void") : try lowered(key.id, isConst: key.isConst)
    if key.isConst, type.kind != .array, type.kind != .function {
      type.flags |= KTAP_TYPE_CONST
    }
    try check(type)
    return type
  }

  /// Bounds that keep later arithmetic from overflowing; real types are far below them.
  private func check(_ type: LoweredType) throws(Diagnostic) {
    guard type.size < 1 << 48, type.length < 1 << 48, type.align <= 1 << 28,
      type.align & (type.align &- 1) == 0, type.members.allSatisfy({ $0.bitOffset < 1 << 51 })
    else { throw bad("\(type.baseName) has an impossible size, alignment or offset") }
  }

  private mutating func lowered(_ id: TypeID, isConst: Bool) throws(Diagnostic) -> LoweredType {
    switch document.types[id] {
    case .int(let name, let size, let align, let encoding):
      return integer(name, size, align, encoding)
    case .float(let name, let size, let align):
      return LoweredType(
        kind: .float(name == "long double" ? .x87 : .sse), baseName: name, size: size, align: align)
    case .complex(let name, let size, let align):
      return LoweredType(
        kind: .float(size > 16 ? .complexX87 : .sse), baseName: name, size: size, align: align)
    case .vector(_, let count): return try vector(id, count)
    case .pointer(let target):
      return LoweredType(
        kind: .pointer, size: document.target.pointerSize, align: document.target.pointerSize,
        reference: try reach(target))
    case .array(let element, let length):
      var type = LoweredType(kind: .array, reference: try reach(element, isConst: isConst))
      switch length {
      case .count(let count): type.length = count
      case .flexible: type.flags = KTAP_TYPE_FLEXIBLE
      }
      return type
    case .record(let record): return try lowered(record)
    case .enumeration(let enumeration): return lowered(enumeration)
    case .forward(let keyword, let tag):
      let kind: LoweredType.Kind =
        switch keyword {
        case .struct: .structure
        case .union: .union
        case .enum: .enumeration
        }
      return LoweredType(
        kind: kind, flags: KTAP_TYPE_INCOMPLETE, baseName: "\(keyword.rawValue) \(tag)")
    case .function(let function): return try lowered(function)
    case .unresolved(let name): throw bad("type '\(name)' is not resolved")
    case .typedef, .const, .volatile, .restrict, .atomic:
      throw bad("type \(id.rawValue) is qualified twice")
    }
  }

  private func integer(
    _ name: String, _ size: UInt64, _ align: UInt64, _ encoding: IntEncoding
  ) -> LoweredType {
    let name = IntegerName.canonical(name)
    var type = LoweredType(
      kind: encoding == .bool ? .bool : .int, baseName: name, size: size, align: align)
    let isSigned = encoding == .signed || encoding == .char && document.target.charIsSigned
    if isSigned { type.flags |= KTAP_TYPE_SIGNED }
    if IntegerName.isCharacter(name) { type.flags |= KTAP_TYPE_CHAR }
    return type
  }

  /// Copied as a whole; aligned like its size (GNU C, "Vector Extensions").
  private func vector(_ id: TypeID, _ count: UInt64) throws(Diagnostic) -> LoweredType {
    guard case .vector(let element, _) = document.types[id] else {
      throw bad("type \(id.rawValue) is no vector")
    }
    var size: UInt64 = 0
    switch document.types[try stripped(element).id] {
    case .int(_, let bytes, _, _), .float(_, let bytes, _):
      let (product, overflowed) = bytes.multipliedReportingOverflow(by: count)
      if !overflowed { size = product }
    default: break
    }
    guard size > 0, size & (size - 1) == 0 else { throw bad("type \(id.rawValue): bad vector") }
    return LoweredType(
      kind: .float(.sse), baseName: "vector of \(size) bytes", size: size, align: size)
  }

  private mutating func lowered(_ record: Record) throws(Diagnostic) -> LoweredType {
    let kind: LoweredType.Kind = record.keyword == .union ? .union : .structure
    let name = "\(record.keyword.rawValue) \(record.tag ?? "{…}")"
    guard let size = record.size, let align = record.align else {
      return LoweredType(kind: kind, flags: KTAP_TYPE_INCOMPLETE, baseName: name)
    }
    var type = LoweredType(kind: kind, baseName: name, size: size, align: align)
    for member in record.members {
      guard let offset = member.bitOffset else {
        throw bad("member '\(member.name ?? "")' of \(name) has no offset")
      }
      type.members.append(
        .init(
          name: member.name, type: try reach(member.type), bitOffset: offset,
          bitSize: member.bitSize ?? 0))
    }
    return type
  }

  private func lowered(_ enumeration: Enumeration) -> LoweredType {
    LoweredType(
      kind: .enumeration, flags: enumeration.isSigned ? KTAP_TYPE_SIGNED : 0,
      baseName: "enum \(enumeration.tag ?? "{…}")", size: enumeration.size,
      align: enumeration.size,
      enumerators: enumeration.values.map { .init(name: $0.name, bits: $0.value.bits) })
  }

  /// Qualifiers of what a function returns mean nothing (C11 6.7.6.3p5 and DR 423).
  private mutating func lowered(_ function: FunctionType) throws(Diagnostic) -> LoweredType {
    let returned = try reach(try stripped(function.returnType).id)
    var type = LoweredType(kind: .function, reference: returned)
    if function.isVariadic { type.flags |= KTAP_TYPE_VARIADIC }
    type.isMicrosoftConvention = function.convention == .ms
    for parameter in function.parameters {
      let bare = try stripped(parameter.type).id
      type.parameters.append(.init(name: parameter.name, type: try reach(bare)))
    }
    return type
  }

  // MARK: - What needs all types

  /// Sizes of arrays, from the inside out.
  func finished() throws(Diagnostic) -> [LoweredType] {
    var types = types
    for index in types.indices where types[index].kind == .array {
      var chain = [index]
      while types[types[chain[chain.count - 1]].reference].kind == .array,
        chain.count <= types.count
      {
        chain.append(types[chain[chain.count - 1]].reference)
      }
      guard chain.count <= types.count else { throw bad("an array is its own element") }
      for array in chain.reversed() {
        let element = types[types[array].reference]
        let (size, overflowed) = element.size.multipliedReportingOverflow(by: types[array].length)
        guard !overflowed, size < 1 << 48 else { throw bad("an array of \(size) bytes") }
        types[array].size = size
        types[array].align = element.align
      }
    }
    return types
  }

  /// Definitions for the incomplete types among those reached (C11 6.2.7p1): of the same origin, or
  /// else of the other; none where several could be meant.
  var completions: [TypeID: TypeID] {
    var complete: [String: Set<TypeID>] = [:]
    var incomplete: Set<TypeID> = []
    for (key, type) in zip(keys, types) where type.isAggregate || type.kind == .enumeration {
      if type.has(KTAP_TYPE_INCOMPLETE) {
        incomplete.insert(key.id)
      } else if !type.baseName.hasSuffix("{…}") {
        complete[type.baseName, default: []].insert(key.id)
      }
    }
    var completions: [TypeID: TypeID] = [:]
    for id in incomplete {
      guard case .forward(let keyword, let tag) = document.types[id],
        let candidates = complete["\(keyword.rawValue) \(tag)"]
      else { continue }
      let near = candidates.filter { origin($0) == origin(id) }
      let chosen = near.isEmpty ? candidates : near
      if chosen.count == 1 { completions[id] = chosen.first }
    }
    return completions
  }

  private func origin(_ id: TypeID) -> TypeOrigin? {
    document.types.entries[Int(id.rawValue) - 1].origin
  }
}

/// The many spellings of C's integer types.
enum IntegerName {
  /// "long unsigned int" is "unsigned long": BTF and DWARF spell it as the compiler that made them did.
  static func canonical(_ name: String) -> String {
    var words = name.split(separator: " ").map(String.init)
    let known: Set = ["signed", "unsigned", "int", "short", "long", "char", "__int128"]
    guard words.allSatisfy(known.contains), !words.isEmpty else { return name }
    let isUnsigned = words.contains("unsigned")
    let isSignedCharacter = words.contains("signed") && words.contains("char")
    words.removeAll { $0 == "signed" || $0 == "unsigned" }
    if words.count > 1 { words.removeAll { $0 == "int" } }
    if words.isEmpty { words = ["int"] }
    let sign = isUnsigned ? ["unsigned"] : isSignedCharacter ? ["signed"] : []
    return (sign + words).joined(separator: " ")
  }

  static func isCharacter(_ canonical: String) -> Bool {
    canonical == "char" || canonical == "signed char" || canonical == "unsigned char"
  }
}
