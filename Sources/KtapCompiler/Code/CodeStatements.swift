// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

extension CodeGenerator {
  mutating func statements(_ list: [Statement]) {
    for statement in list { self.statement(statement) }
  }

  mutating func block(_ list: [Statement]) {
    block(from: code.free) { $0.statements(list) }
  }

  private mutating func statement(_ statement: Statement) {
    mark(statement.range)
    let free = code.free
    let isOutermostLoop = statement.isLoop && code.loops.isEmpty
    if isOutermostLoop { hoistCaptures(of: statement) }
    switch statement.kind {
    case .variables(let declarations, let values):
      // The variables stay where their values were put.
      return variables(declarations, values)
    case .assign(let targets, let values): assign(targets, values)
    case .compound(let operation, let target, let value): compound(operation, target, value)
    case .expression(let value): discard(value)
    case .function(let target, let body): functionStatement(target, body)
    case .conditional(let branches, let otherwise): conditional(branches, otherwise)
    case .whileLoop(let condition, let body): whileLoop(condition, body)
    case .doLoop(let body, let condition, let untilTrue): doLoop(body, condition, untilTrue)
    case .numericFor(let loop): numericFor(loop)
    case .cFor(let loop): cFor(loop)
    case .genericFor(let variables, let iterator, let body): genericFor(variables, iterator, body)
    case .breakLoop: leave(\.breaks)
    case .continueLoop: leave(\.continues)
    case .returnValues(let values): returnValues(values)
    case .block(let body): block(body)
    case .event: break
    }
    if isOutermostLoop { code.endHoisting() }
    code.release(to: free)
  }

  // MARK: - Variables and assignment

  private mutating func variables(_ declarations: [Declaration], _ values: [Expression]) {
    let types = values.map { cType($0) }
    let base = self.values(values, count: declarations.count)
    for (index, declaration) in declarations.enumerated() {
      bind(declaration, to: base + index)
      if index < types.count { variableTypes.assign(types[index], toLocal: declaration.id) }
    }
  }

  /// Where an assignment stores, its operands evaluated.
  enum Place {
    case register(Int)
    case capture(Int)
    case global(Int)
    case field(base: Int, name: Int)
    case member(base: Int, field: Int)
    case element(base: Int, key: Int)
    case symbol(Int)
    /// An error was reported.
    case nowhere
  }

  /// Evaluates what the target is made of. `copies` variables among its operands, where something else
  /// may be assigned to them before the store.
  private mutating func place(_ target: Expression, copies: Bool = false) -> Place {
    func operand(_ generator: inout CodeGenerator, _ expression: Expression) -> Int {
      copies ? generator.temporary(expression) : generator.operand(expression)
    }
    switch target.kind {
    case .name(let use):
      switch bindings.uses[use.id] {
      case .local(let id): return .register(code.registers[id] ?? 0)
      case .capture(let index): return .capture(index)
      case .global(let index): return .global(index)
      case .builtin, .library, .none: return .nowhere
      }
    case .member(let base, let name):
      return fieldPlace(of: base, Array(name.text.utf8), in: operand(&self, base))
    case .index(let base, let key):
      let baseRegister = operand(&self, base)
      if case .string(let literal) = key.kind {
        return fieldPlace(of: base, literal.bytes, in: baseRegister)
      }
      return .element(base: baseRegister, key: operand(&self, key))
    case .foreign(let name): return foreignPlace(name)
    default: return .nowhere
    }
  }

  private mutating func fieldPlace(
    of base: Expression, _ name: [UInt8], in register: Int
  ) -> Place {
    if let field = field(of: base, String(decoding: name, as: UTF8.self)) {
      return .member(base: register, field: field)
    }
    return .field(base: register, name: stringConstant(name))
  }

  private mutating func foreignPlace(_ name: ForeignName) -> Place {
    switch meaning(of: name) {
    case .symbol(let symbol)? where !symbol.isFunction:
      writesSymbols = true
      return .symbol(symbol.index)
    case .symbol?:
      report("bad-assignment", "'\(name.name)' is a function and cannot be assigned to", name.range)
    case .constant?:
      report("bad-assignment", "'\(name.name)' is a constant and cannot be assigned to", name.range)
    case nil: break
    }
    return .nowhere
  }

  private mutating func store(_ register: Int, to place: Place) {
    switch place {
    case .register(let target): code.move(to: target, from: register)
    case .capture(let index): code.emit(KTAP_OP_SETCAP, a: register, b: index)
    case .global(let index): code.emit(KTAP_OP_SETGLOBAL, a: register, d: index)
    case .field(let base, let name): code.emit(KTAP_OP_SETFIELD, a: base, b: register, d: name)
    case .member(let base, let field):
      code.emit(KTAP_OP_SETMEMBER, a: base, b: register, d: field)
    case .element(let base, let key): code.emit(KTAP_OP_SETINDEX, a: base, b: key, c: register)
    case .symbol(let index): code.emit(KTAP_OP_SETSYM, a: register, d: index)
    case .nowhere: break
    }
  }

  private mutating func load(_ place: Place, into target: Int) {
    switch place {
    case .register(let source): code.move(to: target, from: source)
    case .capture(let index): code.emit(KTAP_OP_GETCAP, a: target, b: index)
    case .global(let index): code.emit(KTAP_OP_GETGLOBAL, a: target, d: index)
    case .field(let base, let name): code.emit(KTAP_OP_GETFIELD, a: target, b: base, d: name)
    case .member(let base, let field):
      code.emit(KTAP_OP_GETMEMBER, a: target, b: base, d: field)
    case .element(let base, let key): code.emit(KTAP_OP_GETINDEX, a: target, b: base, c: key)
    case .symbol(let index): code.emit(KTAP_OP_GETSYM, a: target, d: index)
    case .nowhere: break
    }
  }

  private mutating func assign(_ targets: [Expression], _ values: [Expression]) {
    for (target, value) in zip(targets, values) { note(cType(value), for: target) }
    if targets.count == 1, values.count == 1 {
      return assign(targets[0], values[0])
    }
    // Only a variable among the targets can change what another target is made of.
    let copies = targets.contains(where: isLocal)
    let places = targets.map { place($0, copies: copies) }
    if targets.count == values.count { return assign(places, eachFrom: values) }
    let base = self.values(values, count: targets.count)
    for (index, place) in places.enumerated().reversed() { store(base + index, to: place) }
  }

  /// All values are evaluated before the first store; small ones need no register on their way.
  private mutating func assign(_ places: [Place], eachFrom values: [Expression]) {
    let registers = zip(places, values).map { place, value in
      smallValue(value, for: place) == nil ? temporary(value) : nil
    }
    for (index, place) in places.enumerated().reversed() {
      if let register = registers[index] {
        store(register, to: place)
      } else {
        _ = storeSmall(values[index], to: place)
      }
    }
  }

  /// A literal that an instruction which stores an element has in itself.
  private func smallValue(_ value: Expression, for place: Place) -> (kind: ktap_small, number: Int)?
  {
    guard case .element = place else { return nil }
    return smallValue(value)
  }

  /// Stores a literal without a register for it; false where it needs one.
  private mutating func storeSmall(_ value: Expression, to place: Place) -> Bool {
    guard case .element(let base, let key) = place, let small = smallValue(value) else {
      return false
    }
    setSmall(base, key, small)
    return true
  }

  private func isLocal(_ target: Expression) -> Bool {
    guard case .name(let use) = target.kind, case .local = bindings.uses[use.id] else {
      return false
    }
    return true
  }

  private mutating func assign(_ target: Expression, _ value: Expression) {
    let place = place(target)
    if case .register(let register) = place, writesTargetLast(value) {
      self.value(value, into: register)
    } else if !storeSmall(value, to: place) {
      let register = operand(value)
      mark(target.range)
      store(register, to: place)
    }
  }

  private mutating func compound(
    _ operation: BinaryOperator, _ target: Expression, _ value: Expression
  ) {
    let place = place(target)
    if case .register(let register) = place, operation != .concat {
      return arithmetic(operation, into: register, register, value)
    }
    let result = code.allocate()
    load(place, into: result)
    if operation == .concat {
      _ = temporary(value)
      code.emit(KTAP_OP_CONCAT, a: result, b: result, c: 2)
    } else {
      arithmetic(operation, into: result, result, value)
    }
    store(result, to: place)
  }

  private mutating func functionStatement(_ target: Expression, _ body: FunctionBody) {
    let place = place(target)
    let register = code.allocate()
    closure(body, into: register)
    store(register, to: place)
  }

  // MARK: - Choices

  private mutating func conditional(
    _ branches: [Statement.Branch], _ otherwise: [Statement]?
  ) {
    var ends: [Int] = []
    for (index, branch) in branches.enumerated() {
      let skips = jump(branch.condition, if: false)
      block(branch.body)
      let isLast = index == branches.count - 1 && otherwise == nil
      if !isLast { ends.append(code.emit(KTAP_OP_JMP)) }
      code.patch(skips)
    }
    if let otherwise { block(otherwise) }
    code.patch(ends)
  }

  // MARK: - Loops

  /// Registers that captured variables may take in a loop, and how many have to be left behind them.
  private static let mostHoisted = 8
  private static let leastLeft = 128

  /// Loads the captured variables that an outermost loop uses, and nothing ever assigns to, before it:
  /// each then costs one instruction instead of one with every use.
  private mutating func hoistCaptures(of loop: Statement) {
    guard !bindings.captures[code.body.id].isEmpty,
      code.free + Self.mostHoisted + Self.leastLeft <= Int(KTAP_MAX_REGISTERS)
    else { return }
    var captures: [Int] = []
    loop.forEachOwnExpression { expression in
      guard captures.count < Self.mostHoisted, case .name(let use) = expression.kind,
        case .capture(let index) = bindings.uses[use.id], !captures.contains(index),
        let variable = captured(index), !bindings.isAssigned[variable]
      else { return }
      captures.append(index)
    }
    for capture in captures { code.hoist(capture) }
  }

  /// A loop: what is generated in `body` may hold `break`, which comes to its end.
  private mutating func loop(_ body: (inout CodeGenerator) -> Void) {
    code.loops.append(.init(base: code.free, blockCount: code.blocks.count))
    body(&self)
    code.patch(code.loops.removeLast().breaks)
  }

  /// The next instruction is where `continue` goes in the innermost loop.
  private mutating func continueHere() {
    let loop = code.loops.count - 1
    code.patch(code.loops[loop].continues)
    code.loops[loop].continues = []
  }

  /// `break` and `continue` leave the blocks between them and their loop.
  private mutating func leave(_ jumps: WritableKeyPath<FunctionCode.Loop, [Int]>) {
    let loop = code.loops[code.loops.count - 1]
    if code.blocks[loop.blockCount...].contains(where: \.isCaptured) { code.close(from: loop.base) }
    let jump = code.emit(KTAP_OP_JMP)
    code.loops[code.loops.count - 1][keyPath: jumps].append(jump)
  }

  private mutating func whileLoop(_ condition: Expression, _ body: [Statement]) {
    loop { generator in
      let start = generator.code.here
      let exits = generator.jump(condition, if: false)
      generator.block(body)
      generator.continueHere()
      generator.code.emit(KTAP_OP_JMP, d: start)
      generator.code.patch(exits)
    }
  }

  /// The condition stands in the body's block: it sees the variables there.
  private mutating func doLoop(_ body: [Statement], _ condition: Expression, _ untilTrue: Bool) {
    loop { generator in
      let start = generator.code.here
      let base = generator.code.free
      generator.block(from: base) { generator in
        generator.statements(body)
        generator.continueHere()
        guard generator.code.blocks[generator.code.blocks.count - 1].isCaptured else {
          return generator.code.patch(generator.jump(condition, if: !untilTrue), to: start)
        }
        let exits = generator.jump(condition, if: untilTrue)
        generator.code.close(from: base)
        generator.code.emit(KTAP_OP_JMP, d: start)
        generator.code.patch(exits)
      }
    }
  }

  /// Four registers in a row: index, limit, step, and the script's variable, which is new in each turn.
  private mutating func numericFor(_ loop: Statement.NumericFor) {
    let base = code.allocate(4)
    value(loop.first, into: base)
    value(loop.last, into: base + 1)
    if let step = loop.step {
      value(step, into: base + 2)
    } else {
      code.emit(KTAP_OP_LOADI, a: base + 2, d: 1)
    }
    let prepare = code.emit(KTAP_OP_FORPREP, a: base)
    let start = code.here
    code.release(to: base + 3)
    self.loop { generator in
      generator.loopBody([loop.variable], loop.body)
      generator.continueHere()
      generator.code.emit(KTAP_OP_FORLOOP, a: base, d: start)
      generator.code.patch(prepare)
    }
  }

  /// A block whose first variables are the loop's own.
  private mutating func loopBody(_ variables: [Declaration], _ body: [Statement]) {
    block(from: code.free) { generator in
      let first = generator.code.allocate(variables.count)
      for (index, variable) in variables.enumerated() {
        generator.bind(variable, to: first + index)
      }
      generator.statements(body)
    }
  }

  private mutating func cFor(_ loop: Statement.CFor) {
    block(from: code.free) { generator in
      generator.statements(loop.initial)
      generator.loop { generator in
        let start = generator.code.here
        let exits = loop.condition.map { generator.jump($0, if: false) } ?? []
        generator.block(loop.body)
        generator.continueHere()
        generator.statements(loop.step)
        generator.code.emit(KTAP_OP_JMP, d: start)
        generator.code.patch(exits)
      }
    }
  }

  /// Registers in a row: iterator function, state, control, and the script's variables.
  private mutating func genericFor(
    _ variables: [Declaration], _ iterator: [Expression], _ body: [Statement]
  ) {
    let base = values(iterator, count: 3)
    loop { generator in
      let enter = generator.code.emit(KTAP_OP_JMP)
      let start = generator.code.here
      generator.loopBody(variables, body)
      generator.continueHere()
      generator.code.patch(enter)
      if let range = iterator.first?.range { generator.mark(range) }
      generator.code.emit(KTAP_OP_ITERCALL, a: base, c: variables.count)
      generator.code.emit(KTAP_OP_ITERLOOP, a: base, d: start)
    }
  }

  private mutating func returnValues(_ values: [Expression]) {
    if values.isEmpty {
      code.emit(KTAP_OP_RETURN, b: 1)
      return
    }
    if values.count == 1, !isOpen(values[0]) {
      code.emit(KTAP_OP_RETURN, a: operand(values[0]), b: 2)
      return
    }
    let (base, count) = openValues(values)
    code.emit(KTAP_OP_RETURN, a: base, b: count.map { $0 + 1 } ?? 0)
  }
}
