// SPDX-License-Identifier: MIT

import CKtapImage

// Microsoft's calling convention for x86-64, as gcc's `ms_abi` has it: what firmware is called with.

/// Where the arguments and the result of an `ms_abi` function go.
struct MicrosoftClassification {
  let types: [LoweredType]

  /// Slots of the first four positions: rcx rdx r8 r9. Each has a word of stack as well, its home, and
  /// the positions behind them go on there.
  private static let registers = [3, 2, 4, 5]

  /// The plan of a function type.
  func plan(_ function: LoweredType) throws(NotCallable) -> CallPlan {
    try CallPlan.check(function)
    guard !function.has(KTAP_TYPE_VARIADIC) else {
      throw NotCallable("it is variadic in Microsoft's calling convention")
    }
    var plan = CallPlan(registersUsed: CallPlan.registers, convention: KTAP_CONVENTION_MICROSOFT)
    plan.returnKind = try returnKind(types[function.reference])
    var position = plan.returnKind == KTAP_RETURN_MEMORY ? 1 : 0
    for (index, parameter) in function.parameters.enumerated() {
      let type = types[parameter.type]
      plan.steps.append(
        CallPlan.Step(
          kind: try passing("parameter \(index + 1)", type), parameter: index,
          slot: slot(position), offset: 0, size: Int(type.size)))
      position += 1
    }
    plan.stackWords = max(Self.registers.count, position)
    try placeCopies(&plan)
    return plan
  }

  private func slot(_ position: Int) -> Int {
    position < Self.registers.count ? Self.registers[position] : CallPlan.registers + position
  }

  private func returnKind(_ type: LoweredType) throws(NotCallable) -> ktap_return_kind {
    if type.kind == .void { return KTAP_RETURN_VOID }
    return switch try passing("its result", type) {
    case KTAP_STEP_SCALAR: KTAP_RETURN_SCALAR
    case KTAP_STEP_PIECE: KTAP_RETURN_REGISTERS
    default: KTAP_RETURN_MEMORY
    }
  }

  /// Aggregates of 1, 2, 4 or 8 bytes as integers, whatever is in them; others by the address of a copy.
  private func passing(_ what: String, _ type: LoweredType) throws(NotCallable) -> ktap_step_kind {
    switch type.kind {
    case .bool, .pointer: return KTAP_STEP_SCALAR
    case .int, .enumeration:
      if 1...8 ~= type.size { return KTAP_STEP_SCALAR }
    case .structure, .union:
      if [1, 2, 4, 8].contains(type.size) { return KTAP_STEP_PIECE }
      if type.size > 0, type.align <= 8 { return KTAP_STEP_COPY }
    case .float: throw NotCallable("\(what) is floating point")
    case .void, .array, .function: break
    }
    throw NotCallable("\(what) is of a type that Microsoft's calling convention is not known for")
  }

  /// The copies lie behind the words that are passed.
  private func placeCopies(_ plan: inout CallPlan) throws(NotCallable) {
    var end = UInt64(CallPlan.registers + plan.stackWords)
    for index in plan.steps.indices where plan.steps[index].kind == KTAP_STEP_COPY {
      plan.steps[index].copy = Int(truncatingIfNeeded: end)
      end += (UInt64(plan.steps[index].size) + 7) / 8
    }
    guard end <= UInt64(KTAP_PLAN_MAX_WORDS) else {
      throw NotCallable("its arguments take more than the 2 KiB that a call may use")
    }
  }
}
