// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

// Conditions become jumps; only where their value is wanted, `true` or `false` is loaded.
extension CodeGenerator {
  /// Jumps if the truth of the condition is `flag`, and goes on with the next instruction otherwise.
  /// Returns the jumps, which the caller patches.
  mutating func jump(_ condition: Expression, if flag: Bool) -> [Int] {
    let free = code.free
    defer { code.release(to: free) }
    switch condition.kind {
    case .parenthesized(let inner): return jump(inner, if: flag)
    case .unary(.not, let inner): return jump(inner, if: !flag)
    case .boolean(let value): return value == flag ? [code.emit(KTAP_OP_JMP)] : []
    case .nil: return flag ? [] : [code.emit(KTAP_OP_JMP)]
    case .integer, .string: return flag ? [code.emit(KTAP_OP_JMP)] : []
    case .binary(.logicalAnd, let left, let right): return jump(left, right, ends: false, if: flag)
    case .binary(.logicalOr, let left, let right): return jump(left, right, ends: true, if: flag)
    case .binary(var operation, var left, var right) where operation.isComparison:
      if smallNumber(left) != nil {
        swap(&left, &right)
        operation = operation.mirrored
      }
      let left = operand(left)
      if let number = smallNumber(right) {
        mark(condition.range)
        return [
          code.emit(
            Self.smallJumpOpcode(operation, if: flag), a: left, b: number & 0xff,
            c: number >> 8 & 0xff)
        ]
      }
      let right = operand(right)
      mark(condition.range)
      return [code.emit(Self.jumpOpcode(operation, if: flag), a: left, b: right)]
    case .index(let base, let key) where !key.isString:
      let base = operand(base)
      let key = operand(key)
      mark(condition.range)
      return [code.emit(flag ? KTAP_OP_JTINDEX : KTAP_OP_JFINDEX, a: base, b: key)]
    default:
      let register = operand(condition)
      return [code.emit(flag ? KTAP_OP_JT : KTAP_OP_JF, a: register)]
    }
  }

  /// `left && right` (`ends` is false) or `left || right` (`ends` is true): the truth of left is that of
  /// the whole where it equals `ends`.
  private mutating func jump(
    _ left: Expression, _ right: Expression, ends: Bool, if flag: Bool
  ) -> [Int] {
    if flag == ends { return jump(left, if: flag) + jump(right, if: flag) }
    let skips = jump(left, if: ends)
    let jumps = jump(right, if: flag)
    code.patch(skips)
    return jumps
  }

  /// Integers are totally ordered, so that the opposite of every comparison is one.
  private static func jumpOpcode(_ operation: BinaryOperator, if flag: Bool) -> Opcode {
    switch operation {
    case .equal: flag ? KTAP_OP_JEQ : KTAP_OP_JNE
    case .notEqual: flag ? KTAP_OP_JNE : KTAP_OP_JEQ
    case .less: flag ? KTAP_OP_JLT : KTAP_OP_JGE
    case .lessEqual: flag ? KTAP_OP_JLE : KTAP_OP_JGT
    case .greater: flag ? KTAP_OP_JGT : KTAP_OP_JLE
    default: flag ? KTAP_OP_JGE : KTAP_OP_JLT
    }
  }

  /// The same with a number for the right operand.
  private static func smallJumpOpcode(_ operation: BinaryOperator, if flag: Bool) -> Opcode {
    switch jumpOpcode(operation, if: flag) {
    case KTAP_OP_JEQ: KTAP_OP_JEQI
    case KTAP_OP_JNE: KTAP_OP_JNEI
    case KTAP_OP_JLT: KTAP_OP_JLTI
    case KTAP_OP_JLE: KTAP_OP_JLEI
    case KTAP_OP_JGE: KTAP_OP_JGEI
    default: KTAP_OP_JGTI
    }
  }

  /// A literal number that a comparison takes without a register: signed, of 16 bits.
  private func smallNumber(_ expression: Expression) -> Int? {
    guard case .integer(let bits, isUnsigned: false) = expression.kind else { return nil }
    return Int16(exactly: Int64(bitPattern: bits)).map { Int($0) }
  }

  /// Whether the value is made by jumps and therefore a boolean.
  func isCondition(_ expression: Expression) -> Bool {
    switch expression.kind {
    case .parenthesized(let inner), .unary(.not, let inner): isCondition(inner)
    case .binary(let operation, _, _): operation.isComparison
    default: false
    }
  }

  /// The truth of a condition as a value.
  mutating func truth(_ condition: Expression, into target: Int) {
    let jumps = jump(condition, if: true)
    code.emit(KTAP_OP_LOADBOOL, a: target, b: 0)
    let end = code.emit(KTAP_OP_JMP)
    code.patch(jumps)
    code.emit(KTAP_OP_LOADBOOL, a: target, b: 1)
    code.patch(end)
  }
}
