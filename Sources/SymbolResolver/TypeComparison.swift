// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// A part of a declaration that is compared.
struct ComparedPart: Hashable {
  /// The id of the diagnostic that says that it differs.
  var id: String
  /// "parameter 2 ('buf')", "struct timespec64"; empty: the whole.
  var text: String

  /// A variable's type, or whatever else is not in parts.
  static let whole = ComparedPart(id: "variable-type-differs", text: "")

  fileprivate func returnType() -> ComparedPart {
    within(ComparedPart(id: "return-type-differs", text: prefix + "return type"))
  }

  fileprivate func parameter(_ number: Int, _ name: String?) -> ComparedPart {
    within(
      ComparedPart(
        id: "parameter-differs",
        text: prefix + "parameter \(number)" + (name.map { " ('\($0)')" } ?? "")))
  }

  /// The number of parameters.
  fileprivate func parameterCount() -> ComparedPart {
    within(ComparedPart(id: "parameter-count-differs", text: text))
  }

  fileprivate static func record(_ name: String) -> ComparedPart {
    ComparedPart(id: "struct-differs", text: name)
  }

  fileprivate static func enumeration(_ name: String) -> ComparedPart {
    ComparedPart(id: "enum-differs", text: name)
  }

  /// Of a parameter's own parameters, what differs is the parameter.
  private func within(_ part: ComparedPart) -> ComparedPart {
    text.isEmpty ? part : ComparedPart(id: id, text: part.text)
  }

  private var prefix: String { text.isEmpty ? "" : "\(text): " }
}

/// Where a declaration of the script's and the kernel's own part.
struct TypeDifference {
  var part: ComparedPart
  var kernel: String
  var yours: String

  var sides: String { "kernel: \(kernel); yours: \(yours)" }

  var text: String { (part.text.isEmpty ? "" : "\(part.text): ") + sides }
}

/// Compares types of a script with those of the kernel, by structure: sizes, signs, members and
/// where they are, targets of pointers. Names of typedefs do not matter, nor `const` (a kernel
/// function that does not change what it is given a pointer to is declared either way).
///
/// Works on a copy of the importer: what it brings in for the sake of comparing is not kept.
struct TypeComparison {
  private var importer: KernelTypeImporter
  private let charIsSigned: Bool
  /// Pairs that were found equal, or are being compared: a list's node contains its own pointer.
  private var assumed: Set<Pair> = []
  /// Records that pointers lead to, compared one after another rather than inside each other.
  private var waiting: [Waiting] = []
  /// What differs in name only, where the rest agrees.
  private(set) var names: [TypeDifference] = []

  private struct Pair: Hashable {
    var yours: TypeID
    var kernel: TypeID
  }

  private struct Waiting {
    var pair: Pair
    var part: ComparedPart
    /// The targets as declared, with their qualifiers and typedefs; nil where no pointer is.
    var targets: Pair?
  }

  /// Containers inside each other; documents and BTF are bounded well below.
  private static let greatestDepth = 1200

  init(_ importer: KernelTypeImporter, charIsSigned: Bool) {
    self.importer = importer
    self.charIsSigned = charIsSigned
  }

  private var table: TypeTable { importer.table }

  /// The first difference between a type of the table and one of the kernel's; nil: they agree.
  mutating func difference(
    _ yours: TypeID, _ kernel: KernelType, part: ComparedPart = .whole
  ) throws(SourceError) -> TypeDifference? {
    assumed = []
    names = []
    let kernel = importer.type(kernel, .complete)
    try importer.finish()
    waiting = [Waiting(pair: Pair(yours: yours, kernel: kernel), part: part)]
    while let next = waiting.popLast() {
      guard let inside = try compare(next.pair.yours, next.pair.kernel, next.part, 0) else {
        continue
      }
      // Of two structs that are not meant to be the same, the names say more than the members.
      guard let targets = next.targets, tag(next.pair.yours) != tag(next.pair.kernel) else {
        return inside
      }
      return TypeDifference(
        part: next.part, kernel: quoted(targets.kernel, "*"), yours: quoted(targets.yours, "*"))
    }
    return nil
  }

  private mutating func compare(
    _ yours: TypeID, _ kernel: TypeID, _ part: ComparedPart, _ depth: Int
  ) throws(SourceError) -> TypeDifference? {
    let pair = Pair(yours: table.unqualified(yours), kernel: table.unqualified(kernel))
    guard pair.yours != pair.kernel, assumed.insert(pair).inserted else { return nil }
    guard pair.yours != .void, pair.kernel != .void, depth < Self.greatestDepth else {
      return differ(yours, kernel, part)
    }
    switch (table[pair.yours], table[pair.kernel]) {
    case (.pointer(let yours), .pointer(let kernel)):
      return try compareTargets(yours, kernel, part, depth)
    case (.array, .array):
      let mine = dimensions(of: pair.yours)
      let its = dimensions(of: pair.kernel)
      guard mine.agree(with: its, isExact: importer.keepsDimensions(pair.kernel)) else {
        return differ(yours, kernel, part)
      }
      return try compare(mine.element, its.element, part, depth + 1)
    case (.function(let mine), .function(let its)):
      return try compareFunctions(mine, its, pair, part, depth)
    case (.record(let mine), .record(let its)):
      return try compareRecords(mine, its, depth)
    case (.enumeration(let mine), .enumeration(let its)):
      return compareEnumerations(mine, its) ?? compareIntegers(pair, yours, kernel, part)
    case (.forward, .record), (.record, .forward), (.forward, .forward):
      return tag(pair.yours) == tag(pair.kernel) ? nil : differ(yours, kernel, part)
    case (.float(_, let mine, _), .float(_, let its, _)):
      return mine == its ? nil : differ(yours, kernel, part)
    default: return compareIntegers(pair, yours, kernel, part)
    }
  }

  private func dimensions(of array: TypeID) -> Dimensions {
    var found = Dimensions(lengths: [], element: array)
    while found.element != .void,
      case .array(let element, let length) = table[table.unqualified(found.element)]
    {
      found.lengths.append(length)
      found.element = element
    }
    return found
  }

  private func compareIntegers(
    _ pair: Pair, _ yours: TypeID, _ kernel: TypeID, _ part: ComparedPart
  ) -> TypeDifference? {
    guard let mine = integer(pair.yours), let its = integer(pair.kernel),
      mine.isCompatible(with: its)
    else { return differ(yours, kernel, part) }
    return nil
  }

  private struct Integer {
    var size: UInt64
    var isSigned: Bool
    var isBool = false
    var isEnumeration = false

    /// C11 6.7.2.2p4: an enumeration is compatible with some integer type. Which, is the compiler's
    /// choice and depends on its values: people write `int` for all of them.
    func isCompatible(with other: Integer) -> Bool {
      size == other.size && isBool == other.isBool
        && (isSigned == other.isSigned || isEnumeration || other.isEnumeration)
    }
  }

  private func integer(_ id: TypeID) -> Integer? {
    guard id != .void else { return nil }
    return switch table[id] {
    case .int(_, let size, _, let encoding):
      Integer(
        size: size, isSigned: encoding == .char ? charIsSigned : encoding == .signed,
        isBool: encoding == .bool)
    case .enumeration(let enumeration):
      Integer(size: enumeration.size, isSigned: enumeration.isSigned, isEnumeration: true)
    default: nil
    }
  }

  /// C11 6.3.2.3p1: `void *` goes with a pointer to any object.
  private mutating func compareTargets(
    _ yours: TypeID, _ kernel: TypeID, _ part: ComparedPart, _ depth: Int
  ) throws(SourceError) -> TypeDifference? {
    let pair = Pair(yours: table.unqualified(yours), kernel: table.unqualified(kernel))
    if pair.yours == .void || pair.kernel == .void { return nil }
    // The kernel's record is still a mention, and the script's may be one.
    if case .record = table[pair.yours], case .forward = table[pair.kernel],
      let source = importer.origin(of: pair.kernel)
    {
      _ = importer.type(source, .complete)
      try importer.finish()
    }
    if case .record = table[pair.yours], case .record = table[pair.kernel] {
      if !assumed.contains(pair) {
        let targets = Pair(yours: yours, kernel: kernel)
        waiting.append(Waiting(pair: pair, part: part, targets: targets))
      }
      return nil
    }
    let before = names.count
    guard let inside = try compare(yours, kernel, part, depth + 1) else { return nil }
    names.removeSubrange(before...)
    // What is pointed at is shown as the pointer; a prototype shows its own parts.
    guard inside.part == part else { return inside }
    return TypeDifference(part: part, kernel: quoted(kernel, "*"), yours: quoted(yours, "*"))
  }

  private mutating func compareFunctions(
    _ mine: FunctionType, _ its: FunctionType, _ pair: Pair, _ part: ComparedPart, _ depth: Int
  ) throws(SourceError) -> TypeDifference? {
    guard mine.parameters.count == its.parameters.count, mine.isVariadic == its.isVariadic else {
      return TypeDifference(
        part: part.parameterCount(), kernel: count(its), yours: count(mine))
    }
    if let difference = try compare(
      mine.returnType, its.returnType, part.returnType(), depth + 1)
    {
      return difference
    }
    for (number, (my, its)) in zip(mine.parameters, its.parameters).enumerated() {
      if let difference = try compare(
        my.type, its.type, part.parameter(number + 1, its.name ?? my.name), depth + 1)
      {
        return difference
      }
    }
    return nil
  }

  private func count(_ function: FunctionType) -> String {
    let count = function.parameters.count
    return "\(count) parameter\(count == 1 ? "" : "s")" + (function.isVariadic ? ", ..." : "")
  }

  // MARK: Records

  /// Member by member, in the order of their places.
  private mutating func compareRecords(
    _ mine: Record, _ its: Record, _ depth: Int
  ) throws(SourceError) -> TypeDifference? {
    let part = ComparedPart.record("\(its.keyword.rawValue) \(its.tag ?? mine.tag ?? "{…}")")
    guard mine.keyword == its.keyword else {
      return TypeDifference(
        part: part, kernel: its.keyword.rawValue, yours: mine.keyword.rawValue)
    }
    for (my, its) in zip(mine.members, its.members) {
      let differ = TypeDifference(part: part, kernel: describe(its), yours: describe(my))
      guard my.bitOffset == its.bitOffset, my.bitSize == its.bitSize else { return differ }
      if let inside = try compare(my.type, its.type, part, depth + 1) {
        return inside.part == part ? differ : inside
      }
      if my.name != its.name {
        names.append(
          TypeDifference(part: part, kernel: describe(its), yours: describe(my)))
      }
    }
    if mine.members.count != its.members.count {
      let number = min(mine.members.count, its.members.count)
      return TypeDifference(
        part: part,
        kernel: number < its.members.count ? describe(its.members[number]) : "no more members",
        yours: number < mine.members.count ? describe(mine.members[number]) : "no more members")
    }
    guard mine.size == its.size else {
      return TypeDifference(part: part, kernel: bytes(its.size), yours: bytes(mine.size))
    }
    return nil
  }

  /// "`tv_nsec` long at bits 64".
  private func describe(_ member: Member) -> String {
    let name = member.name.map { "`\($0)` " } ?? ""
    let width = member.bitSize.map { ":\($0)" } ?? ""
    let place = member.bitOffset.map { " at bits \($0)" } ?? ""
    return "\(name)\(table.spelling(member.type))\(width)\(place)"
  }

  private func bytes(_ size: UInt64?) -> String {
    size.map { "\($0) bytes" } ?? "an unknown number of bytes"
  }

  /// Enumerators that both have must be worth the same.
  private func compareEnumerations(
    _ mine: Enumeration, _ its: Enumeration
  ) -> TypeDifference? {
    let values = Dictionary(its.values.map { ($0.name, $0.value) }) { first, _ in first }
    for my in mine.values {
      if let value = values[my.name], value != my.value {
        return TypeDifference(
          part: .enumeration("enum \(its.tag ?? mine.tag ?? "{…}")"),
          kernel: "\(my.name) = \(value.text)",
          yours: "\(my.name) = \(my.value.text)")
      }
    }
    return nil
  }

  private func tag(_ id: TypeID) -> String? {
    switch table[id] {
    case .record(let record): record.tag.map { "\(record.keyword.rawValue) \($0)" }
    case .forward(let keyword, let tag): "\(keyword.rawValue) \(tag)"
    default: nil
    }
  }

  // MARK: Showing

  private func differ(_ yours: TypeID, _ kernel: TypeID, _ part: ComparedPart) -> TypeDifference {
    TypeDifference(part: part, kernel: quoted(kernel), yours: quoted(yours))
  }

  /// The type as C has it; behind a typedef, also what the integer is like.
  private func quoted(_ id: TypeID, _ declarator: String = "") -> String {
    let text = "`\(table.declaration(of: parenthesized(declarator, id), id))`"
    guard declarator.isEmpty, id != .void, case .typedef = table[id],
      let integer = integer(table.unqualified(id))
    else { return text }
    return "\(text) (\(integer.isSigned ? "signed" : "unsigned"), \(integer.size) bytes)"
  }

  /// `*` binds less than `[]` and `()`: `int (*)[3]`.
  private func parenthesized(_ declarator: String, _ id: TypeID) -> String {
    guard declarator == "*", id != .void else { return declarator }
    switch table[id] {
    case .array, .function: return "(*)"
    default: return declarator
    }
  }
}

/// An array with all its dimensions, the outermost first, and what it is of in the end.
private struct Dimensions {
  var lengths: [ArrayLength]
  var element: TypeID

  /// Unless the kernel's are `isExact`, one length stands for all of them: the number of elements decides.
  func agree(with kernel: Dimensions, isExact: Bool) -> Bool {
    if lengths.count == kernel.lengths.count {
      return zip(lengths, kernel.lengths).allSatisfy { $0.isSame(as: $1) }
    }
    guard !isExact, kernel.lengths.count == 1, let total else { return false }
    return total.isSame(as: kernel.lengths[0])
  }

  /// nil: more elements than 64 bits count.
  private var total: ArrayLength? {
    var product: UInt64 = 1
    for length in lengths {
      guard case .count(let count) = length else { return .flexible }
      let (next, overflows) = product.multipliedReportingOverflow(by: count)
      if overflows { return nil }
      product = next
    }
    return .count(product)
  }
}

extension ArrayLength {
  /// `[]` and `[0]` are the same at the end of a record, and BTF does not tell them apart.
  fileprivate func isSame(as other: ArrayLength) -> Bool {
    switch (self, other) {
    case (.count(0), .flexible), (.flexible, .count(0)): true
    default: self == other
    }
  }
}

extension IntegerValue {
  /// In decimal.
  var text: String { isNegative ? "\(Int64(bitPattern: bits))" : "\(bits)" }
}
