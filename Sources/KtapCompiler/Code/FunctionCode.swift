// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

/// The code of one function while it is made.
///
/// Registers are a stack: variables at the bottom, in the order of their declaration, temporaries
/// above. What is evaluated leaves `free` where it was, but for its result.
struct FunctionCode {
  let body: FunctionBody
  private(set) var code: [Instruction] = []
  private(set) var lines: [(pc: Int, line: Int)] = []
  /// The first register that nothing uses.
  private(set) var free = 0
  /// The registers below belong to variables in scope.
  private var variableEnd = 0
  /// One more than the highest register ever used.
  private(set) var registerCount = 1
  /// Where the variables of this function are, by declaration.
  private(set) var registers: [Int: Int] = [:]
  /// Captured variables that the open loops have in registers: see ``CodeGenerator/hoistCaptures(of:)``.
  private(set) var hoisted: [Int: Int] = [:]
  /// The script's line of what is emitted next.
  var line = 1
  var blocks: [Block] = []
  var loops: [Loop] = []

  /// An open block, for what its end has to do.
  struct Block {
    /// Its first register.
    var base: Int
    /// A closure captures one of its variables.
    var isCaptured = false
  }

  /// Jumps that wait for the place where they go.
  struct Loop {
    /// The first register of its blocks.
    var base: Int
    /// How many blocks are open around it.
    var blockCount: Int
    var breaks: [Int] = []
    var continues: [Int] = []
  }

  init(_ body: FunctionBody) { self.body = body }

  var isOutOfRegisters: Bool { registerCount > Int(KTAP_MAX_REGISTERS) }

  /// Where the next instruction goes.
  var here: Int { code.count }

  // MARK: - Registers

  /// Takes the next `count` registers; the first of them.
  @discardableResult
  mutating func allocate(_ count: Int = 1) -> Int {
    free += count
    registerCount = max(registerCount, free)
    return free - count
  }

  /// Gives back all registers from `register` on.
  mutating func release(to register: Int) {
    free = register
    variableEnd = min(variableEnd, register)
  }

  /// No variable lives in the register, so that it may hold something else on the way to its value.
  func isTemporary(_ register: Int) -> Bool { register >= variableEnd }

  /// The variable lives in `register` from now on.
  mutating func bind(_ declaration: Declaration, to register: Int, isCaptured: Bool) {
    registers[declaration.id] = register
    variableEnd = max(variableEnd, register + 1)
    if isCaptured, !blocks.isEmpty { blocks[blocks.count - 1].isCaptured = true }
  }

  /// Loads a captured variable into a register where it stays.
  mutating func hoist(_ capture: Int) {
    let register = allocate()
    emit(KTAP_OP_GETCAP, a: register, b: capture)
    hoisted[capture] = register
    variableEnd = free
  }

  /// Captured variables are where they were again.
  mutating func endHoisting() { hoisted = [:] }

  // MARK: - Instructions

  @discardableResult
  mutating func emit(_ opcode: Opcode, a: Int = 0, b: Int = 0, c: Int = 0, d: Int = 0) -> Int {
    if lines.last?.line != line { lines.append((code.count, line)) }
    code.append(Instruction(opcode, a: a, b: b, c: c, d: d))
    return code.count - 1
  }

  mutating func move(to target: Int, from source: Int) {
    if target != source { emit(KTAP_OP_MOVE, a: target, b: source) }
  }

  /// Lets the jump at `pc` go to `target`, or to the next instruction.
  mutating func patch(_ pc: Int, to target: Int? = nil) {
    code[pc].d = UInt32(truncatingIfNeeded: target ?? here)
  }

  mutating func patch(_ jumps: [Int], to target: Int? = nil) {
    for jump in jumps { patch(jump, to: target) }
  }

  /// Variables from `base` on go out of scope, and closures keep those that they captured.
  mutating func close(from base: Int) { emit(KTAP_OP_CLOSE, a: base) }
}
