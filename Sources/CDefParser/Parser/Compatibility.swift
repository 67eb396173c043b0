// SPDX-License-Identifier: MIT

import TypeIR

/// Compatible types (C11 6.2.7): what two declarations of one thing may say.
extension Parser {
  func areCompatible(_ left: TypeID, _ right: TypeID) -> Bool {
    areCompatible(left, right, depth: 0)
  }

  private func areCompatible(_ left: TypeID, _ right: TypeID, depth: Int) -> Bool {
    if left == right { return true }
    // Deeper than anything can be declared; a cycle of records has ended at its tags.
    guard depth < 2 * Self.nestingLimit else { return true }
    let (a, qualifiersOfA) = types.unqualified(left, throughTypedefs: true)
    let (b, qualifiersOfB) = types.unqualified(right, throughTypedefs: true)
    guard qualifiersOfA == qualifiersOfB else { return false }
    if a == b { return true }
    guard a != .void, b != .void else { return false }
    switch (types.table[a], types.table[b]) {
    case (.pointer(let x), .pointer(let y)): return areCompatible(x, y, depth: depth + 1)
    case (.array(let x, let m), .array(let y, let n)):
      return (m == n || m == .flexible || n == .flexible) && areCompatible(x, y, depth: depth + 1)
    case (.vector(let x, let m), .vector(let y, let n)):
      return m == n && areCompatible(x, y, depth: depth + 1)
    case (.function(let x), .function(let y)):
      return areCompatible(
        x, y, isUnprototyped: unprototyped.contains(a) || unprototyped.contains(b), depth)
    case (.enumeration, .int), (.int, .enumeration):
      // An enumeration is compatible with the integer type that it is represented by.
      guard let x = types.integer(a), let y = types.integer(b) else { return false }
      return x.size == y.size && x.isSigned == y.isSigned && !x.isBool && !y.isBool
    default: return false
    }
  }

  private func areCompatible(
    _ left: FunctionType, _ right: FunctionType, isUnprototyped: Bool, _ depth: Int
  ) -> Bool {
    guard left.convention == right.convention,
      areCompatible(left.returnType, right.returnType, depth: depth + 1)
    else { return false }
    if isUnprototyped { return true }
    return left.isVariadic == right.isVariadic && left.parameters.count == right.parameters.count
      && zip(left.parameters, right.parameters).allSatisfy {
        areCompatible($0.type, $1.type, depth: depth + 1)
      }
  }

  /// Whether two definitions of a tag say the same (C23 6.2.7): members of the same names, places
  /// and types.
  func haveSameContent(_ left: CType, _ right: CType) -> Bool {
    switch (left, right) {
    case (.record(let a), .record(let b)):
      return a.size == b.size && a.align == b.align && a.request == b.request
        && a.members.count == b.members.count
        && zip(a.members, b.members).allSatisfy { x, y in
          x.name == y.name && x.bitOffset == y.bitOffset && x.bitSize == y.bitSize
            && x.request == y.request && haveSameMemberType(x.type, y.type)
        }
    case (.enumeration(let a), .enumeration(let b)): return a == b
    default: return false
    }
  }

  private func haveSameMemberType(_ left: TypeID, _ right: TypeID) -> Bool {
    if areCompatible(left, right) { return true }
    // Anonymous records are never one type, but may say the same.
    guard left != .void, right != .void, case .record(let a) = types.table[left], a.tag == nil,
      case .record(let b) = types.table[right], b.tag == nil
    else { return false }
    return haveSameContent(.record(a), .record(b))
  }
}
