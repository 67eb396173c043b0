// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

extension CodeGenerator {
  // MARK: - Where values go

  /// Evaluates for its effects only.
  mutating func discard(_ expression: Expression) {
    switch expression.kind {
    case .call, .methodCall: several(expression, results: 0)
    case .cdef: break
    default: _ = operand(expression)
    }
  }

  /// A register with the value: a variable's own, or a new one.
  mutating func operand(_ expression: Expression) -> Int {
    switch expression.kind {
    case .name(let use):
      if let register = register(of: use) { return register }
    case .parenthesized(let inner): return operand(inner)
    default: break
    }
    return temporary(expression)
  }

  /// The register that a variable lives in.
  private func register(of use: NameUse) -> Int? {
    switch bindings.uses[use.id] {
    case .local(let id): code.registers[id] ?? 0
    case .capture(let index): code.hoisted[index]
    case .global, .builtin, .library, .none: nil
    }
  }

  /// A register with the value of an operand of what goes into `target`: a variable's own, the target
  /// where that is a temporary, or a new one. At most one operand may be put into the target.
  private mutating func operand(_ expression: Expression, for target: Int) -> Int {
    if case .name(let use) = expression.kind, let register = register(of: use) { return register }
    guard code.isTemporary(target) else { return operand(expression) }
    value(expression, into: target)
    return target
  }

  /// A new register with the value.
  mutating func temporary(_ expression: Expression) -> Int {
    if expression.isMultiple {
      let line = code.line
      defer { code.line = line }
      return several(expression, results: 1)
    }
    let register = code.allocate()
    value(expression, into: register)
    return register
  }

  /// Evaluates into exactly `count` new registers in a row, filled up with nil; returns the first.
  /// Values that are not wanted are still evaluated.
  mutating func values(_ list: [Expression], count: Int) -> Int {
    let base = code.free
    for (index, expression) in list.enumerated() {
      let isLast = index == list.count - 1
      if index >= count {
        let free = code.free
        discard(expression)
        code.release(to: free)
      } else if isLast, isOpen(expression) {
        several(expression, results: count - index)
      } else {
        _ = temporary(expression)
      }
    }
    let missing = base + count - code.free
    if missing > 0 {
      let first = code.allocate(missing)
      code.emit(KTAP_OP_LOADNIL, a: first, b: missing)
    }
    return base
  }

  /// Evaluates into new registers in a row. `count` is nil where the last of the list is a call all of
  /// whose results are wanted: the next instruction has to use them.
  mutating func openValues(_ list: [Expression]) -> (base: Int, count: Int?) {
    let base = code.free
    for (index, expression) in list.enumerated() {
      if index == list.count - 1, isOpen(expression) {
        several(expression, results: nil)
        return (base, nil)
      }
      _ = temporary(expression)
    }
    return (base, list.count)
  }

  /// Whether storing into the target is the last thing that the code of `expression` does, so that the
  /// target may be a variable that the expression uses.
  func writesTargetLast(_ expression: Expression) -> Bool {
    switch expression.kind {
    case .nil, .boolean, .integer, .string, .name, .ffi, .foreign, .ctype, .cdef, .member, .index,
      .call, .methodCall, .varargs, .keys, .eventVariable, .unary, .concat, .function, .invalid:
      true
    case .binary(let operation, _, _): operation != .logicalAnd && operation != .logicalOr
    case .conditional(_, let yes, let no): writesTargetLast(yes) && writesTargetLast(no)
    case .parenthesized(let inner): writesTargetLast(inner)
    case .table: false
    }
  }

  // MARK: - Values

  /// Evaluates into register `target`; every other register that it takes is given back.
  mutating func value(_ expression: Expression, into target: Int) {
    let free = code.free
    let line = code.line
    mark(expression.range)
    evaluate(expression, into: target)
    code.line = line
    code.release(to: free)
  }

  private mutating func evaluate(_ expression: Expression, into target: Int) {
    if let constant = ConstantInteger(expression) {
      return integer(constant.bits, constant.isUnsigned, into: target)
    }
    switch expression.kind {
    case .nil, .cdef, .eventVariable, .invalid: code.emit(KTAP_OP_LOADNIL, a: target, b: 1)
    case .boolean(let value): code.emit(KTAP_OP_LOADBOOL, a: target, b: value ? 1 : 0)
    case .integer(let bits, let isUnsigned): integer(bits, isUnsigned, into: target)
    case .string(let literal): code.emit(KTAP_OP_LOADK, a: target, d: stringConstant(literal.bytes))
    case .name(let use): name(use, into: target)
    case .ffi(let builtin):
      if builtin.number == Int(KTAP_BUILTIN_FFI_CALLBACK.rawValue) { makesCallbacks = true }
      code.emit(KTAP_OP_BUILTIN, a: target, d: builtin.number)
    case .foreign(let name): foreign(name, into: target)
    case .ctype(let literal): ctype(literal, into: target)
    case .member(let base, let name):
      if let builtin = bindings.builtin(expression) {
        code.emit(KTAP_OP_BUILTIN, a: target, d: builtin.number)
        return
      }
      member(base, Array(name.text.utf8), into: target)
    case .index(let base, let key): index(base, key, into: target)
    case .call, .methodCall, .varargs:
      // A temporary on top may as well be the first register of the call.
      if target == code.free - 1, code.isTemporary(target) { code.release(to: target) }
      let result = several(expression, results: 1)
      code.move(to: target, from: result)
    case .unary(let operation, let inner): unary(operation, inner, expression, into: target)
    case .binary(.logicalAnd, let left, let right):
      logical(left, right, endsIf: false, into: target)
    case .binary(.logicalOr, let left, let right): logical(left, right, endsIf: true, into: target)
    case .binary(let operation, _, _) where operation.isComparison: truth(expression, into: target)
    case .binary(let operation, var left, var right):
      // `2 * x` is `x * 2`, which needs no register for the number.
      if operation.isCommutative, case .integer = left.kind { swap(&left, &right) }
      let left = operand(left, for: target)
      mark(expression.range)
      arithmetic(operation, into: target, left, right)
    case .concat(let parts): join(parts, KTAP_OP_CONCAT, into: target)
    case .keys(let parts): join(parts, KTAP_OP_KEY, into: target)
    case .conditional(let condition, let yes, let no):
      conditional(condition, yes, no, into: target)
    case .table(let items): table(items, into: target)
    case .function(let body): closure(body, into: target)
    case .parenthesized(let inner): evaluate(inner, into: target)
    }
  }

  mutating func stringConstant(_ bytes: [UInt8]) -> Int {
    Int(image.constant(KTAP_CONSTANT_STRING, UInt64(image.intern(bytes))))
  }

  mutating func integer(_ bits: UInt64, _ isUnsigned: Bool, into target: Int) {
    if !isUnsigned, let small = Int32(exactly: Int64(bitPattern: bits)) {
      code.emit(KTAP_OP_LOADI, a: target, d: Int(small))
    } else {
      let kind = isUnsigned ? KTAP_CONSTANT_UINT : KTAP_CONSTANT_INT
      code.emit(KTAP_OP_LOADK, a: target, d: Int(image.constant(kind, bits)))
    }
  }

  /// A literal that SETSMALL has in itself.
  func smallValue(_ expression: Expression) -> (kind: ktap_small, number: Int)? {
    if case .boolean(let value) = expression.kind {
      return (value ? KTAP_SMALL_TRUE : KTAP_SMALL_FALSE, 0)
    }
    guard let constant = ConstantInteger(expression), !constant.isUnsigned,
      let number = Int32(exactly: Int64(bitPattern: constant.bits))
    else { return nil }
    return (KTAP_SMALL_INT, Int(number))
  }

  mutating func setSmall(_ base: Int, _ key: Int, _ value: (kind: ktap_small, number: Int)) {
    code.emit(KTAP_OP_SETSMALL, a: base, b: key, c: Int(value.kind.rawValue), d: value.number)
  }

  private mutating func name(_ use: NameUse, into target: Int) {
    if let register = register(of: use) { return code.move(to: target, from: register) }
    switch bindings.uses[use.id] {
    case .capture(let index): code.emit(KTAP_OP_GETCAP, a: target, b: index)
    case .global(let index): code.emit(KTAP_OP_GETGLOBAL, a: target, d: index)
    case .builtin(let builtin), .library(let builtin):
      code.emit(KTAP_OP_BUILTIN, a: target, d: builtin.number)
    case .local, .none: break
    }
  }

  private mutating func index(_ base: Expression, _ key: Expression, into target: Int) {
    if case .string(let literal) = key.kind { return member(base, literal.bytes, into: target) }
    let base = operand(base, for: target)
    let key = operand(key)
    code.emit(KTAP_OP_GETINDEX, a: target, b: base, c: key)
  }

  private mutating func member(_ base: Expression, _ name: [UInt8], into target: Int) {
    let field = field(of: base, String(decoding: name, as: UTF8.self))
    let base = operand(base, for: target)
    if let field {
      code.emit(KTAP_OP_GETMEMBER, a: target, b: base, d: field)
    } else {
      code.emit(KTAP_OP_GETFIELD, a: target, b: base, d: stringConstant(name))
    }
  }

  mutating func closure(_ body: FunctionBody, into target: Int) {
    function(body)
    code.emit(KTAP_OP_CLOSURE, a: target, d: body.id)
  }

  // MARK: - Operators

  private mutating func unary(
    _ operation: UnaryOperator, _ inner: Expression, _ whole: Expression, into target: Int
  ) {
    let opcode: Opcode
    switch operation {
    case .negate: opcode = KTAP_OP_NEG
    case .complement: opcode = KTAP_OP_BNOT
    case .length: opcode = KTAP_OP_LEN
    case .not:
      if isCondition(inner) { return truth(whole, into: target) }
      opcode = KTAP_OP_NOT
    }
    let source = operand(inner, for: target)
    code.emit(opcode, a: target, b: source)
  }

  private static let opcodes: [BinaryOperator: Opcode] = [
    .add: KTAP_OP_ADD, .subtract: KTAP_OP_SUB, .multiply: KTAP_OP_MUL, .divide: KTAP_OP_DIV,
    .remainder: KTAP_OP_MOD, .and: KTAP_OP_AND, .or: KTAP_OP_OR, .xor: KTAP_OP_XOR,
    .shiftLeft: KTAP_OP_SHL, .shiftRight: KTAP_OP_SHR,
  ]

  /// `target = left operation right`, where left is in a register already.
  mutating func arithmetic(
    _ operation: BinaryOperator, into target: Int, _ left: Int, _ right: Expression
  ) {
    if let (opcode, number) = immediate(operation, right) {
      code.emit(opcode, a: target, b: left, d: number)
      return
    }
    let right = operand(right)
    if let opcode = Self.opcodes[operation] { code.emit(opcode, a: target, b: left, c: right) }
  }

  /// The opcode that takes the right operand as a number of 32 bits, and that number.
  private func immediate(
    _ operation: BinaryOperator, _ right: Expression
  ) -> (opcode: Opcode, number: Int)? {
    guard let constant = ConstantInteger(right), !constant.isUnsigned,
      let number = Int32(exactly: Int64(bitPattern: constant.bits)), number != Int32.min
    else { return nil }
    return switch operation {
    case .add: (KTAP_OP_ADDI, Int(number))
    case .subtract: (KTAP_OP_ADDI, -Int(number))
    case .multiply: (KTAP_OP_MULI, Int(number))
    case .divide: (KTAP_OP_DIVI, Int(number))
    case .remainder: (KTAP_OP_MODI, Int(number))
    case .and: (KTAP_OP_ANDI, Int(number))
    case .shiftLeft: (KTAP_OP_SHLI, Int(number))
    case .shiftRight: (KTAP_OP_SHRI, Int(number))
    default: nil
    }
  }

  /// Long chains are done in parts: an operation takes at most this many operands.
  private static let concatOperands = 64

  /// One value of several, in registers in a row.
  private mutating func join(_ parts: [Expression], _ opcode: Opcode, into target: Int) {
    let base = code.free
    for (index, part) in parts.enumerated() {
      _ = temporary(part)
      let count = code.free - base
      if index == parts.count - 1 {
        code.emit(opcode, a: target, b: base, c: count)
      } else if count == Self.concatOperands, opcode == KTAP_OP_CONCAT {
        code.emit(KTAP_OP_CONCAT, a: base, b: base, c: count)
        code.release(to: base + 1)
      }
    }
  }

  /// `left && right` ends with a left that is false, `left || right` with one that is true. The target is
  /// written early: see ``writesTargetLast(_:)``.
  private mutating func logical(
    _ left: Expression, _ right: Expression, endsIf: Bool, into target: Int
  ) {
    value(left, into: target)
    let end = code.emit(endsIf ? KTAP_OP_JT : KTAP_OP_JF, a: target)
    value(right, into: target)
    code.patch(end)
  }

  private mutating func conditional(
    _ condition: Expression, _ yes: Expression, _ no: Expression, into target: Int
  ) {
    let skips = jump(condition, if: false)
    value(yes, into: target)
    let end = code.emit(KTAP_OP_JMP)
    code.patch(skips)
    value(no, into: target)
    code.patch(end)
  }

  // MARK: - Tables

  /// How many positional values are collected before they are stored at once.
  private static let listBatch = 50

  /// The target holds the table while its values are evaluated.
  private mutating func table(_ items: [TableItem], into target: Int) {
    code.emit(KTAP_OP_NEWTABLE, a: target, d: items.count)
    let base = code.free
    var stored = 0
    for (index, item) in items.enumerated() {
      switch item {
      case .positional(let value):
        if index == items.count - 1, isOpen(value) {
          several(value, results: nil)
          code.emit(KTAP_OP_SETLIST, a: target, b: base, c: 0, d: stored)
          code.release(to: base)
          return
        }
        _ = temporary(value)
        if code.free - base == Self.listBatch { storeList(into: target, from: base, &stored) }
      case .named(let name, let value):
        keep { generator in
          let register = generator.operand(value)
          generator.mark(name.range)
          let key = Int(generator.image.constant(name.text))
          generator.code.emit(KTAP_OP_SETFIELD, a: target, b: register, d: key)
        }
      case .keyed(let key, let value):
        keep { generator in
          let keyRegister = generator.operand(key)
          if let small = generator.smallValue(value) {
            return generator.setSmall(target, keyRegister, small)
          }
          let register = generator.operand(value)
          generator.code.emit(KTAP_OP_SETINDEX, a: target, b: keyRegister, c: register)
        }
      }
    }
    storeList(into: target, from: base, &stored)
  }

  private mutating func storeList(into target: Int, from base: Int, _ stored: inout Int) {
    let count = code.free - base
    guard count > 0 else { return }
    code.emit(KTAP_OP_SETLIST, a: target, b: base, c: count, d: stored)
    stored += count
    code.release(to: base)
  }

  private mutating func keep(_ body: (inout CodeGenerator) -> Void) {
    let free = code.free
    body(&self)
    code.release(to: free)
  }
}
