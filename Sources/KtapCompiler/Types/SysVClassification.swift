// SPDX-License-Identifier: MIT

import CKtapImage

// The System V application binary interface, AMD64 Architecture Processor Supplement, section 3.2.3,
// as gcc implements it: where an argument goes.

/// Where the arguments and the result of a function go: an image's call plan before it has an index.
struct CallPlan: Equatable, Sendable {
  struct Step: Equatable, Sendable {
    var kind: ktap_step_kind
    var parameter: Int
    /// 0 … 5: rdi rsi rdx rcx r8 r9; from 6 on: the stack.
    var slot: Int
    /// Bytes of the argument.
    var offset: Int
    var size: Int
    /// The first slot of a copy that is passed by its address.
    var copy = 0
  }

  var steps: [Step] = []
  var registersUsed = 0
  /// 64-bit words on the stack.
  var stackWords = 0
  var returnKind: ktap_return_kind = KTAP_RETURN_VOID
  var convention: ktap_convention = KTAP_CONVENTION_SYSV

  static let registers = 6

  static func check(_ function: LoweredType) throws(NotCallable) {
    guard function.parameters.count <= Int(KTAP_PLAN_MAX_PARAMS) else {
      throw NotCallable("it has more than \(KTAP_PLAN_MAX_PARAMS) parameters")
    }
  }
}

/// Why a function cannot be called.
struct NotCallable: Error, Equatable {
  var reason: String

  init(_ reason: String) { self.reason = reason }
}

struct SysVClassification {
  let types: [LoweredType]

  /// The class of an eightbyte (3.2.3, "Classes").
  private enum Class { case none, integer, sse, x87, x87Up, memory }

  /// How a value is passed.
  private enum Passing {
    case memory
    /// One class for each eightbyte; all in general registers.
    case registers([Class])
  }

  /// The plan of a function type.
  func plan(_ function: LoweredType) throws(NotCallable) -> CallPlan {
    try CallPlan.check(function)
    var plan = CallPlan()
    try planReturn(types[function.reference], &plan)
    for (index, parameter) in function.parameters.enumerated() {
      do throws(NotCallable) {
        try place(types[parameter.type], parameter: index, &plan)
      } catch {
        throw NotCallable("parameter \(index + 1) \(error.reason)")
      }
    }
    guard CallPlan.registers + plan.stackWords <= Int(KTAP_PLAN_MAX_WORDS) else {
      throw NotCallable("its arguments take more stack than the 2 KiB that a call may use")
    }
    return plan
  }

  // MARK: - Results

  /// "Returning of Values": in rax and rdx, or in memory whose address is a hidden first argument.
  private func planReturn(_ type: LoweredType, _ plan: inout CallPlan) throws(NotCallable) {
    if type.kind == .void || type.isAggregate && type.size == 0 { return }
    do throws(NotCallable) {
      switch try passing(type) {
      case .memory:
        // A long double by itself is not returned in memory but in st(0).
        if isX87(type) { throw NotCallable("is returned in a floating-point register") }
        plan.returnKind = KTAP_RETURN_MEMORY
        plan.registersUsed = 1
      case .registers(let classes):
        plan.returnKind =
          type.isAggregate || classes.count > 1 ? KTAP_RETURN_REGISTERS : KTAP_RETURN_SCALAR
      }
    } catch {
      throw NotCallable("its result \(error.reason)")
    }
  }

  // MARK: - Arguments

  /// "Passing": all eightbytes in registers, or the whole argument on the stack.
  private func place(
    _ type: LoweredType, parameter: Int, _ plan: inout CallPlan
  ) throws(NotCallable) {
    let passing = try passing(type)
    if case .registers(let classes) = passing {
      let needed = classes.count { $0 == .integer }
      if plan.registersUsed + needed <= CallPlan.registers {
        for (eightbyte, kind) in classes.enumerated() where kind == .integer {
          plan.steps.append(
            step(type, parameter, eightbyte: eightbyte, slot: plan.registersUsed))
          plan.registersUsed += 1
        }
        return
      }
    }
    try placeOnStack(type, parameter: parameter, &plan)
  }

  /// The stack grows by whole words; what is aligned to more than one starts at its alignment. gcc
  /// would align the frame itself for more than 16 bytes, which the trampoline does not.
  private func placeOnStack(
    _ type: LoweredType, parameter: Int, _ plan: inout CallPlan
  ) throws(NotCallable) {
    guard type.align <= 16 else {
      throw NotCallable("is passed on the stack and aligned to \(type.align) bytes")
    }
    guard type.size <= UInt64(KTAP_PLAN_MAX_WORDS) * 8 else {
      throw NotCallable("takes more stack than the 2 KiB that a call may use")
    }
    let size = Int(type.size)
    if type.align == 16 { plan.stackWords += plan.stackWords & 1 }
    let slot = CallPlan.registers + plan.stackWords
    plan.stackWords += (size + 7) / 8
    if type.isAggregate {
      plan.steps.append(
        .init(kind: KTAP_STEP_MEMORY, parameter: parameter, slot: slot, offset: 0, size: size))
    } else {
      for eightbyte in 0..<(size + 7) / 8 {
        plan.steps.append(step(type, parameter, eightbyte: eightbyte, slot: slot + eightbyte))
      }
    }
  }

  private func step(
    _ type: LoweredType, _ parameter: Int, eightbyte: Int, slot: Int
  ) -> CallPlan.Step {
    let size = Int(type.size)
    let isScalar = !type.isAggregate && size <= 8
    return CallPlan.Step(
      kind: isScalar ? KTAP_STEP_SCALAR : KTAP_STEP_PIECE, parameter: parameter, slot: slot,
      offset: eightbyte * 8, size: min(8, size - eightbyte * 8))
  }

  // MARK: - Classes

  private func isX87(_ type: LoweredType) -> Bool {
    if type.kind == .float(.x87) || type.kind == .float(.complexX87) { return true }
    // An aggregate that is nothing but a long double has its class.
    guard type.isAggregate, type.size == 16,
      let classes = try? eightbyteClasses(type)
    else { return false }
    return classes == [.x87, .x87Up]
  }

  private func passing(_ type: LoweredType) throws(NotCallable) -> Passing {
    switch type.kind {
    case .bool, .pointer: return .registers([.integer])
    case .int, .enumeration:
      guard type.size > 0 else { throw NotCallable("is \(type.baseName), which is not defined") }
      return .registers(Array(repeating: .integer, count: type.size > 8 ? 2 : 1))
    case .float: throw NotCallable("is floating point, which scripts do not compute with")
    case .structure, .union: return try aggregatePassing(type)
    case .void, .array, .function: throw NotCallable("has a type that is not passed by value")
    }
  }

  /// Rules 1 and 5 for aggregates: more than two eightbytes go to memory (vectors apart, which a script
  /// cannot pass), the others by the classes of their eightbytes.
  private func aggregatePassing(_ type: LoweredType) throws(NotCallable) -> Passing {
    guard !type.has(KTAP_TYPE_INCOMPLETE) else {
      throw NotCallable("is \(type.baseName), which is not defined")
    }
    // GNU C's struct without members: nothing is passed (gcc's classify_argument, "zero sized").
    guard type.size > 0 else { return .registers([]) }
    guard type.size <= 16 else { return .memory }
    let classes = try eightbyteClasses(type)
    if classes.contains(.memory) { return .memory }
    // "If the class is X87, X87UP or COMPLEX_X87, it is passed in memory."
    if classes.contains(.x87) || classes.contains(.x87Up) { return .memory }
    if classes.contains(.sse) {
      throw NotCallable("is floating point, which scripts do not compute with")
    }
    if !classes.contains(.integer) {
      throw NotCallable("is \(type.baseName), which is all padding")
    }
    return .registers(classes)
  }

  /// No real type of 16 bytes has as many fields, in all its unions; bounds the recursion.
  private static let maximumFields = 1000

  private func eightbyteClasses(_ type: LoweredType) throws(NotCallable) -> [Class] {
    var classes = [Class](repeating: .none, count: Int((type.size + 7) / 8))
    var budget = Self.maximumFields
    try classify(type, at: 0, &classes, &budget)
    return classes
  }

  /// Rule 4: each field is classified and merged into the eightbytes that it lies in.
  private func classify(
    _ type: LoweredType, at bit: UInt64, _ classes: inout [Class], _ budget: inout Int
  ) throws(NotCallable) {
    budget -= 1
    guard budget > 0 else { throw NotCallable("has too many fields") }
    switch type.kind {
    case .structure, .union:
      for member in type.members {
        let offset = bit + member.bitOffset
        if member.bitSize > 0 {
          merge(.integer, from: offset, bits: UInt64(member.bitSize), &classes)
        } else {
          try classify(types[member.type], at: offset, &classes, &budget)
        }
      }
    case .array:
      let element = types[type.reference]
      guard element.size > 0 else { return }
      for index in 0..<min(type.length, 16) {
        try classify(element, at: bit + index * element.size * 8, &classes, &budget)
      }
    default:
      scalar(type, at: bit, &classes)
    }
  }

  private func scalar(_ type: LoweredType, at bit: UInt64, _ classes: inout [Class]) {
    guard type.size > 0 else { return }
    // Rule 1: an unaligned field sends the whole to memory.
    if type.align > 0, bit % (type.align * 8) != 0 {
      classes = classes.map { _ in .memory }
      return
    }
    switch type.kind {
    case .float(.x87):
      merge(.x87, from: bit, bits: 64, &classes)
      merge(.x87Up, from: bit + 64, bits: 64, &classes)
    case .float(.complexX87): classes = classes.map { _ in .memory }
    case .float(.sse): merge(.sse, from: bit, bits: type.size * 8, &classes)
    default: merge(.integer, from: bit, bits: type.size * 8, &classes)
    }
  }

  /// The merging rules (a) to (f) of rule 4.
  private func merge(_ new: Class, from bit: UInt64, bits: UInt64, _ classes: inout [Class]) {
    guard bits > 0 else { return }
    let first = Int(min(bit / 64, UInt64(classes.count)))
    let last = Int(min((bit + bits - 1) / 64, UInt64(classes.count)))
    for index in first...last where index < classes.count {
      classes[index] =
        switch (classes[index], new) {
        case (let old, new) where old == new: old
        case (.none, let only), (let only, .none): only
        case (.memory, _), (_, .memory): .memory
        case (.integer, _), (_, .integer): .integer
        case (.x87, _), (.x87Up, _), (_, .x87), (_, .x87Up): .memory
        default: .sse
        }
    }
  }
}
