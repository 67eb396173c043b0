// SPDX-License-Identifier: MIT

import TypeIR

/// What a type is, behind typedefs and qualifiers.
enum Shape: UInt8 { case void, array, flexibleArray, function, other }

/// The type table while it grows. Types that are spelled alike are one entry.
struct TypeBuilder {
  /// What one word or sign makes of a type.
  private enum Derivation: Int, CaseIterable {
    case pointer, const, volatile, restrict, atomic, flexibleArray
  }

  private struct Sequence: Hashable {
    var isVector: Bool
    var element: TypeID
    var count: UInt64
  }

  var table = TypeTable()
  /// What is behind the typedefs, qualifiers and `_Atomic` of each type; by the type's number.
  private var underlying: [TypeID] = [.void]
  /// Of such types, what declarations ask most.
  private var shapes: [Shape] = [.void]
  let charIsSigned: Bool
  private var basicIDs = [TypeID?](repeating: nil, count: BasicType.allCases.count)
  /// By type, the number of the basic type that it is, from 1.
  private var basicNumbers = NumberMap()
  private var derived = [NumberMap](repeating: NumberMap(), count: Derivation.allCases.count)
  private var sequences: [Sequence: TypeID] = [:]
  private var unresolved: [NameID: TypeID] = [:]
  private var vaList: TypeID?

  init(charIsSigned: Bool) { self.charIsSigned = charIsSigned }

  mutating func append(_ type: CType) -> TypeID {
    let id = table.append(type)
    switch type {
    case .typedef(_, let target, _), .const(let target), .volatile(let target),
      .restrict(let target), .atomic(let target):
      underlying.append(underlying(target))
    default: underlying.append(id)
    }
    let shape: Shape =
      switch type {
      case .array(_, .flexible): .flexibleArray
      case .array: .array
      case .function: .function
      default: underlying(id) == id ? .other : shape(underlying(id))
      }
    shapes.append(shape)
    return id
  }

  mutating func basic(_ basic: BasicType) -> TypeID {
    if let id = basicIDs[Int(basic.rawValue)] { return id }
    let id = append(basic.type)
    basicIDs[Int(basic.rawValue)] = id
    basicNumbers[id.rawValue] = Int32(basic.rawValue) + 1
    return id
  }

  private mutating func derive(
    _ derivation: Derivation, _ target: TypeID, _ type: (TypeID) -> CType
  ) -> TypeID {
    let known = derived[derivation.rawValue][target.rawValue]
    if known != 0 { return TypeID(known) }
    let id = append(type(target))
    derived[derivation.rawValue][target.rawValue] = id.rawValue
    return id
  }

  private mutating func derive(_ sequence: Sequence, _ type: CType) -> TypeID {
    if let id = sequences[sequence] { return id }
    let id = append(type)
    sequences[sequence] = id
    return id
  }

  mutating func pointer(to target: TypeID) -> TypeID { derive(.pointer, target, CType.pointer) }

  mutating func atomic(_ target: TypeID) -> TypeID { derive(.atomic, target, CType.atomic) }

  mutating func array(of element: TypeID, _ length: ArrayLength) -> TypeID {
    guard case .count(let count) = length else {
      return derive(.flexibleArray, element) { .array(element: $0, length: .flexible) }
    }
    return derive(
      Sequence(isVector: false, element: element, count: count),
      .array(element: element, length: length))
  }

  mutating func vector(of element: TypeID, count: UInt64) -> TypeID {
    derive(
      Sequence(isVector: true, element: element, count: count),
      .vector(element: element, count: count))
  }

  /// The type with the qualifiers added, `const` outermost.
  mutating func qualified(_ type: TypeID, _ qualifiers: Qualifiers) -> TypeID {
    guard !qualifiers.isEmpty else { return type }
    var type = type
    if qualifiers.contains(.atomic) { type = atomic(type) }
    if qualifiers.contains(.restrict) { type = derive(.restrict, type, CType.restrict) }
    if qualifiers.contains(.volatile) { type = derive(.volatile, type, CType.volatile) }
    if qualifiers.contains(.const), !isConst(type) { type = derive(.const, type, CType.const) }
    return type
  }

  mutating func unresolved(_ name: NameID, _ spelling: String) -> TypeID {
    if let id = unresolved[name] { return id }
    let id = append(.unresolved(name: spelling))
    unresolved[name] = id
    return id
  }

  /// `__builtin_va_list`: psABI 3.5.7, figure 3.34.
  mutating func vaListType() -> TypeID {
    if let vaList { return vaList }
    let unsigned = basic(.unsignedInt)
    let pointer = pointer(to: .void)
    var record = Record(
      keyword: .struct, tag: "__va_list_tag", size: nil, align: nil,
      members: [
        Member(name: "gp_offset", type: unsigned, bitOffset: nil),
        Member(name: "fp_offset", type: unsigned, bitOffset: nil),
        Member(name: "overflow_arg_area", type: pointer, bitOffset: nil),
        Member(name: "reg_save_area", type: pointer, bitOffset: nil),
      ])
    try? table.layOut(&record)
    let id = array(of: append(.record(record)), .count(1))
    vaList = id
    return id
  }

  // MARK: Questions

  /// The type behind typedefs, qualifiers and `_Atomic`.
  func underlying(_ id: TypeID) -> TypeID { underlying[Int(id.rawValue)] }

  func shape(_ id: TypeID) -> Shape { shapes[Int(id.rawValue)] }

  /// The same; nil for void.
  func resolved(_ id: TypeID) -> CType? {
    let id = underlying(id)
    return id == .void ? nil : table[id]
  }

  func basicType(_ id: TypeID) -> BasicType? {
    let number = basicNumbers[id.rawValue]
    return number == 0 ? nil : BasicType(rawValue: UInt8(number - 1))
  }

  /// The element or target of an array or pointer.
  func pointerTarget(_ type: TypeID) -> TypeID? {
    switch resolved(type) {
    case .pointer(let target): target
    case .array(let element, _): element
    default: nil
    }
  }

  /// Without the outermost qualifiers, and those; through typedefs if asked.
  func unqualified(
    _ id: TypeID, throughTypedefs: Bool = false
  ) -> (type: TypeID, qualifiers: Qualifiers) {
    var (id, qualifiers) = (id, Qualifiers())
    while id != .void {
      switch table[id] {
      case .const(let inner): (id, qualifiers) = (inner, qualifiers.union(.const))
      case .volatile(let inner): (id, qualifiers) = (inner, qualifiers.union(.volatile))
      case .restrict(let inner): (id, qualifiers) = (inner, qualifiers.union(.restrict))
      case .atomic(let inner): (id, qualifiers) = (inner, qualifiers.union(.atomic))
      case .typedef(_, let inner, _) where throughTypedefs: id = inner
      default: return (id, qualifiers)
      }
    }
    return (id, qualifiers)
  }

  /// The type that is in an array, however many dimensions it has, behind its typedefs and
  /// qualifiers; of what is no array, itself.
  func innermostElement(_ id: TypeID) -> TypeID {
    var id = underlying(id)
    while shape(id) == .array || shape(id) == .flexibleArray,
      case .array(let element, _) = table[id]
    {
      id = underlying(element)
    }
    return id
  }

  func isVoid(_ id: TypeID) -> Bool { underlying(id) == .void }

  func isConst(_ id: TypeID) -> Bool {
    guard id != .void, case .const = table[id] else { return false }
    return true
  }

  /// nil unless it is an integer or enumerated type.
  func integer(_ id: TypeID) -> IntegerType? {
    let id = underlying(id)
    guard id != .void else { return nil }
    if basicType(id) == .int { return IntegerType(size: 4, isSigned: true, rank: 1) }
    switch table[id] {
    case .enumeration(let enumeration):
      return IntegerType(
        size: enumeration.size, isSigned: enumeration.isSigned, rank: enumeration.size > 4 ? 2 : 1)
    case .int(_, let size, _, let encoding):
      return IntegerType(
        size: size, isSigned: encoding == .signed || encoding == .char && charIsSigned,
        isBool: encoding == .bool, rank: rank(id, size))
    default: return nil
    }
  }

  private func rank(_ id: TypeID, _ size: UInt64) -> Int {
    switch basicType(id) {
    case .long, .unsignedLong: 2
    case .longLong, .unsignedLongLong: 3
    case .int128, .unsignedInt128: 4
    default: size < 4 ? 0 : size == 4 ? 1 : size == 8 ? 2 : 4
    }
  }

  /// A type whose size is not known yet, but will be once what it is made of has been resolved.
  func isPending(_ id: TypeID) -> Bool { pendingName(id) != nil }

  /// The name of what has to be resolved; empty if it has none, nil if nothing has to be.
  func pendingName(_ id: TypeID) -> String? {
    switch resolved(id) {
    case .array(let element, _): pendingName(element)
    case .unresolved(let name), .forward(_, let name): name
    case .record(let record): record.size == nil ? record.tag ?? "" : nil
    default: nil
    }
  }
}

/// Type qualifiers (C11 6.7.3).
struct Qualifiers: OptionSet {
  let rawValue: UInt8

  static let const = Qualifiers(rawValue: 1)
  static let volatile = Qualifiers(rawValue: 2)
  static let restrict = Qualifiers(rawValue: 4)
  static let atomic = Qualifiers(rawValue: 8)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The qualifier that a keyword is; nil if it is none.
  init?(_ keyword: Keyword) {
    switch keyword {
    case .const: self = .const
    case .volatile: self = .volatile
    case .restrict: self = .restrict
    case .atomic: self = .atomic
    default: return nil
    }
  }
}
