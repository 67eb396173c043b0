// SPDX-License-Identifier: MIT

import CKtapImage
import TypeIR

/// Lowered types as C spells them: `TypeIR` knows how, so they are written down as it has them.
struct TypeNames {
  private let types: [LoweredType]
  private var table = TypeTable()

  init(_ types: [LoweredType]) {
    self.types = types
    // Two entries for each type but void: the bare one, and the const one on top of it.
    for type in types.dropFirst() {
      let bare = table.append(bare(type))
      table.append(.const(type.kind == .void ? .void : bare))
    }
  }

  func name(of index: Int) -> String { table.spelling(id(index)) }

  private func id(_ index: Int) -> TypeID {
    guard index > 0 else { return .void }
    return TypeID(Int32(types[index].has(KTAP_TYPE_CONST) ? 2 * index : 2 * index - 1))
  }

  private func bare(_ type: LoweredType) -> CType {
    switch type.kind {
    case .pointer: .pointer(id(type.reference))
    case .array:
      .array(
        element: id(type.reference),
        length: type.has(KTAP_TYPE_FLEXIBLE) ? .flexible : .count(type.length))
    case .function:
      .function(
        FunctionType(
          returnType: id(type.reference),
          parameters: type.parameters.map { Parameter(name: nil, type: id($0.type)) },
          isVariadic: type.has(KTAP_TYPE_VARIADIC)))
    // Only the name of the others is asked for.
    case .void, .bool, .int, .float, .enumeration, .structure, .union:
      .unresolved(name: type.baseName)
    }
  }
}
