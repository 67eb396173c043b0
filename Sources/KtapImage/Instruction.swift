// SPDX-License-Identifier: MIT

import CKtapImage

/// One instruction: eight bytes, of the shapes in `opcodes.def`.
public typealias Instruction = ktap_instruction

/// An opcode's number; the constants are `KTAP_OP_MOVE` and so on.
public typealias Opcode = ktap_opcode

/// One of the four operands of an instruction, in the words of `opcodes.def`.
public enum OperandKind: UInt8, Sendable {
  case zero, out, `in`, base, imm, count, cap, const, consts, global, `func`, symbol, builtin, jump
  case field
}

/// An opcode's mnemonic and the meaning of each of its operands.
public struct OpcodeInfo: Sendable {
  public let mnemonic: String
  public let a, b, c, d: OperandKind

  /// The entry of `opcodes.def` for an opcode's number; nil for a number that is no opcode.
  public init?(_ opcode: UInt8) {
    guard let info = ktap_opcode_info(UInt32(opcode))?.pointee,
      let a = OperandKind(rawValue: info.a), let b = OperandKind(rawValue: info.b),
      let c = OperandKind(rawValue: info.c), let d = OperandKind(rawValue: info.d)
    else { return nil }
    mnemonic = String(cString: info.mnemonic)
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
  }
}

extension ktap_instruction {
  /// An instruction of any shape, valid or not; operands that are not given are zero.
  public init(_ opcode: Opcode, a: Int = 0, b: Int = 0, c: Int = 0, d: Int = 0) {
    self.init(
      op: UInt8(truncatingIfNeeded: opcode.rawValue), a: UInt8(truncatingIfNeeded: a),
      b: UInt8(truncatingIfNeeded: b), c: UInt8(truncatingIfNeeded: c),
      d: UInt32(truncatingIfNeeded: d))
  }

  /// `d` as the signed number that LOADI and ADDI take it for.
  public var immediate: Int { Int(Int32(bitPattern: d)) }

  public var opcode: Opcode { Opcode(rawValue: UInt32(op)) }
}

/// The functions that every script has (`builtins.def`).
public struct Builtin: Hashable, Sendable {
  /// The number that the BUILTIN instruction carries.
  public let number: Int
  /// "print", "ffi.new"
  public let name: String
  /// How many arguments it takes; no upper limit where `most` is nil.
  public let least: Int
  public let most: Int?

  public static let all: [Builtin] = (0..<UInt32(KTAP_BUILTIN_COUNT.rawValue)).compactMap {
    guard let info = ktap_builtin_info($0)?.pointee else { return nil }
    return Builtin(
      number: Int($0), name: String(cString: info.name), least: Int(info.least),
      most: info.most == UInt8(KTAP_ARGS_ANY) ? nil : Int(info.most))
  }

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  public static func named(_ name: String) -> Builtin? { byName[name] }
}
