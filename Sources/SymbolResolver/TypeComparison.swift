// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// Where a declaration of the script's and the kernel's own part.
struct TypeDifference {
  /// What differs: "parameter 2 ('buf')", "struct timespec64"; empty: the whole.
  var what: String
  var kernel: String
  var yours: String

  var sides: String { "kernel: \(kernel); yours: \(yours)" }

  var text: String { (what.isEmpty ? "" : "\(what): ") + sides }
}

/// Compares types of a script with those of the kernel, by structure: sizes, signs, members and
/// where they are, targets of pointers. Names of typedefs do not matter, nor `const` (a kernel
/// function that does not change what it is given a pointer to is declared either way).
///
/// Works on a copy of the importer: what it brings in for the sake of comparing is not kept.
struct TypeComparison {
  private var importer: BTFImporter
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
    var what: String
    /// The targets as declared, with their qualifiers and typedefs; nil where no pointer is.
    var targets: Pair?
  }

  /// Containers inside each other; documents and BTF are bounded well below.
  private static let greatestDepth = 1200

  init(_ importer: BTFImporter, charIsSigned: Bool) {
    self.importer = importer
    self.charIsSigned = charIsSigned
  }

  private var table: TypeTable { importer.table }

  /// The first difference between a type of the table and one of the BTF; nil: they agree.
  mutating func difference(
    _ yours: TypeID, _ kernel: BTFTypeID, what: String = ""
  ) throws(SourceError) -> TypeDifference? {
    assumed = []
    names = []
    let kernel = importer.type(kernel, .complete)
    try importer.finish()
    waiting = [Waiting(pair: Pair(yours: yours, kernel: kernel), what: what)]
    while let next = waiting.popLast() {
      guard let inside = try compare(next.pair.yours, next.pair.kernel, next.what, 0) else {
        continue
      }
      // Of two structs that are not meant to be the same, the names say more than the members.
      guard let targets = next.targets, tag(next.pair.yours) != tag(next.pair.kernel) else {
        return inside
      }
      return TypeDifference(
        what: next.what, kernel: quoted(targets.kernel, "*"), yours: quoted(targets.yours, "*"))
    }
    return nil
  }

  private mutating func compare(
    _ yours: TypeID, _ kernel: TypeID, _ what: String, _ depth: Int
  ) throws(SourceError) -> TypeDifference? {
    let pair = Pair(yours: table.unqualified(yours), kernel: table.unqualified(kernel))
    guard pair.yours != pair.kernel, assumed.insert(pair).inserted else { return nil }
    guard pair.yours != .void, pair.kernel != .void, depth < Self.greatestDepth else {
      return differ(yours, kernel, what)
    }
    switch (table[pair.yours], table[pair.kernel]) {
    case (.pointer(let yours), .pointer(let kernel)):
      return try compareTargets(yours, kernel, what, depth)
    case (.array(let mine, let myLength), .array(let its, let itsLength)):
      guard myLength.isSame(as: itsLength) else { return differ(yours, kernel, what) }
      return try compare(mine, its, what, depth + 1)
    case (.function(let mine), .function(let its)):
      return try compareFunctions(mine, its, pair, what, depth)
    case (.record(let mine), .record(let its)):
      return try compareRecords(mine, its, depth)
    case (.enumeration(let mine), .enumeration(let its)):
      return compareEnumerations(mine, its) ?? compareIntegers(pair, yours, kernel, what)
    case (.forward, .record), (.record, .forward), (.forward, .forward):
      return tag(pair.yours) == tag(pair.kernel) ? nil : differ(yours, kernel, what)
    case (.float(_, let mine, _), .float(_, let its, _)):
      return mine == its ? nil : differ(yours, kernel, what)
    default: return compareIntegers(pair, yours, kernel, what)
    }
  }

  private func compareIntegers(
    _ pair: Pair, _ yours: TypeID, _ kernel: TypeID, _ what: String
  ) -> TypeDifference? {
    guard let mine = integer(pair.yours), let its = integer(pair.kernel),
      mine.isCompatible(with: its)
    else { return differ(yours, kernel, what) }
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
    _ yours: TypeID, _ kernel: TypeID, _ what: String, _ depth: Int
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
        waiting.append(Waiting(pair: pair, what: what, targets: targets))
      }
      return nil
    }
    let before = names.count
    guard let inside = try compare(yours, kernel, what, depth + 1) else { return nil }
    names.removeSubrange(before...)
    // What is pointed at is shown as the pointer; a prototype shows its own parts.
    guard inside.what == what else { return inside }
    return TypeDifference(what: what, kernel: quoted(kernel, "*"), yours: quoted(yours, "*"))
  }

  private mutating func compareFunctions(
    _ mine: FunctionType, _ its: FunctionType, _ pair: Pair, _ what: String, _ depth: Int
  ) throws(SourceError) -> TypeDifference? {
    let prefix = what.isEmpty ? "" : "\(what): "
    guard mine.parameters.count == its.parameters.count, mine.isVariadic == its.isVariadic else {
      return TypeDifference(
        what: what.isEmpty ? "" : what, kernel: count(its), yours: count(mine))
    }
    if let difference = try compare(
      mine.returnType, its.returnType, prefix + "return type", depth + 1)
    {
      return difference
    }
    for (number, (my, its)) in zip(mine.parameters, its.parameters).enumerated() {
      let name = (its.name ?? my.name).map { " ('\($0)')" } ?? ""
      if let difference = try compare(
        my.type, its.type, "\(prefix)parameter \(number + 1)\(name)", depth + 1)
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
    let what = "\(its.keyword.rawValue) \(its.tag ?? mine.tag ?? "{…}")"
    guard mine.keyword == its.keyword else {
      return TypeDifference(
        what: what, kernel: its.keyword.rawValue, yours: mine.keyword.rawValue)
    }
    for (my, its) in zip(mine.members, its.members) {
      let differ = TypeDifference(what: what, kernel: describe(its), yours: describe(my))
      guard my.bitOffset == its.bitOffset, my.bitSize == its.bitSize else { return differ }
      if let inside = try compare(my.type, its.type, what, depth + 1) {
        return inside.what == what ? differ : inside
      }
      if my.name != its.name {
        names.append(
          TypeDifference(what: what, kernel: describe(its), yours: describe(my)))
      }
    }
    if mine.members.count != its.members.count {
      let number = min(mine.members.count, its.members.count)
      return TypeDifference(
        what: what,
        kernel: number < its.members.count ? describe(its.members[number]) : "no more members",
        yours: number < mine.members.count ? describe(mine.members[number]) : "no more members")
    }
    guard mine.size == its.size else {
      return TypeDifference(what: what, kernel: bytes(its.size), yours: bytes(mine.size))
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
          what: "enum \(its.tag ?? mine.tag ?? "{…}")", kernel: "\(my.name) = \(value.text)",
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

  private func differ(_ yours: TypeID, _ kernel: TypeID, _ what: String) -> TypeDifference {
    TypeDifference(what: what, kernel: quoted(kernel), yours: quoted(yours))
  }

  /// The type as C has it; behind a typedef, also what the integer is like.
  private func quoted(_ id: TypeID, _ declarator: String = "") -> String {
    let text = "`\(table.declaration(of: declarator, id))`"
    guard declarator.isEmpty, id != .void, case .typedef = table[id],
      let integer = integer(table.unqualified(id))
    else { return text }
    return "\(text) (\(integer.isSigned ? "signed" : "unsigned"), \(integer.size) bytes)"
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
