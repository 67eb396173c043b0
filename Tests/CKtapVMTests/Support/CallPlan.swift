// SPDX-License-Identifier: MIT

import CKtapImage

/// The System V x86-64 classification of a function without floating point: every aggregate of at
/// most 16 bytes is of class INTEGER, every larger one of class MEMORY. Written for the tests, and
/// apart from the compiler's, so that each is a check on the other.
struct CallPlan {
  private(set) var steps: [ktap_image_step] = []
  private(set) var registers = 0
  private(set) var words = 6
  let returnKind: ktap_return_kind
  private var params = 0

  init(returning type: ktap_image_type) {
    if type.kind == KTAP_TYPE_VOID.rawValue {
      returnKind = KTAP_RETURN_VOID
    } else if !Self.isInPieces(type) {
      returnKind = KTAP_RETURN_SCALAR
    } else if type.size <= 16 {
      returnKind = KTAP_RETURN_REGISTERS
    } else {
      returnKind = KTAP_RETURN_MEMORY
      registers = 1
    }
  }

  private static func isInPieces(_ type: ktap_image_type) -> Bool {
    switch ktap_type_kind(type.kind) {
    case KTAP_TYPE_STRUCT, KTAP_TYPE_UNION: true
    case KTAP_TYPE_INT: type.size == 16
    default: false
    }
  }

  mutating func add(_ type: ktap_image_type) {
    let size = Int(type.size)
    let eightbytes = (size + 7) / 8
    let inPieces = Self.isInPieces(type)
    // An argument goes into registers whole or not at all (3.2.3, "Passing").
    if eightbytes <= 2, registers + eightbytes <= 6 {
      for piece in 0..<eightbytes {
        let kind = inPieces ? KTAP_STEP_PIECE : KTAP_STEP_SCALAR
        addStep(
          kind, slot: registers, offset: piece * 8, size: min(size - piece * 8, inPieces ? 8 : size)
        )
        registers += 1
      }
    } else {
      if type.align > 8 { words += words % 2 }
      addStep(inPieces ? KTAP_STEP_MEMORY : KTAP_STEP_SCALAR, slot: words, offset: 0, size: size)
      words += eightbytes
    }
    params += 1
  }

  private mutating func addStep(_ kind: ktap_step_kind, slot: Int, offset: Int, size: Int) {
    steps.append(
      ktap_image_step(
        kind: UInt16(kind.rawValue), param: UInt16(params), slot: UInt16(slot), copy: 0,
        offset: UInt32(offset), size: UInt32(size)))
  }
}
