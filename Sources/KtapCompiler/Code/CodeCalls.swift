// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import KtapImage

extension CodeGenerator {
  /// What may give any number of values. Foreign functions give exactly one.
  func isOpen(_ expression: Expression) -> Bool {
    guard case .call(let callee, _) = expression.kind else { return expression.isMultiple }
    return foreignFunction(callee) == nil
  }

  /// Evaluates what may give several values into new registers from the one returned on: `results` of
  /// them, or all there are where it is nil.
  @discardableResult
  mutating func several(_ expression: Expression, results: Int?) -> Int {
    switch expression.kind {
    case .call(let callee, let arguments):
      return call(callee, arguments, results: results, expression.range)
    case .methodCall(let object, let name, let arguments):
      return methodCall(object, name, arguments, results: results, expression.range)
    default:
      // The first register must exist also where nothing is put there.
      let base = code.allocate()
      mark(expression.range)
      code.emit(KTAP_OP_VARARG, a: base, c: results.map { $0 + 1 } ?? 0)
      code.release(to: base)
      code.allocate(results ?? 0)
      return base
    }
  }

  /// `object:name(…)`: the object is evaluated once, and is the first argument.
  private mutating func methodCall(
    _ object: Expression, _ name: Name, _ arguments: [Expression], results: Int?,
    _ range: SourceRange
  ) -> Int {
    let base = code.allocate()
    let selfRegister = temporary(object)
    mark(name.range)
    code.emit(
      KTAP_OP_GETFIELD, a: base, b: selfRegister, d: Int(image.constant(name.text)))
    let (_, count) = openValues(arguments)
    return finishCall(base, count.map { $0 + 1 }, results: results, range)
  }

  /// Calls what is in `base` with the `count` values behind it, or all there are.
  private mutating func finishCall(
    _ base: Int, _ count: Int?, results: Int?, _ range: SourceRange
  ) -> Int {
    mark(range)
    code.emit(KTAP_OP_CALL, a: base, b: count.map { $0 + 1 } ?? 0, c: results.map { $0 + 1 } ?? 0)
    code.release(to: base)
    code.allocate(results ?? 0)
    return base
  }

  /// The function of a callee that is called by its plan.
  func foreignFunction(_ callee: Expression) -> (ForeignTable.Symbol, ForeignName)? {
    guard case .foreign(let name) = callee.kind,
      case .symbol(let symbol)? = foreign.meaning(of: name.name), symbol.isFunction
    else { return nil }
    return (symbol, name)
  }

  /// Calls, with the results in the new registers from the one returned on: `results` of them, or all
  /// there are where it is nil.
  @discardableResult
  mutating func call(
    _ callee: Expression, _ arguments: [Expression], results: Int?, _ range: SourceRange
  ) -> Int {
    noteCallbacks(callee, arguments)
    if let (symbol, name) = foreignFunction(callee) {
      return foreignCall(symbol, name, arguments, results: results ?? 1, range)
    }
    let base = temporary(callee)
    if let name = perCPUVariable(callee, arguments) {
      perCPUPointer(name)
      _ = temporary(arguments[1])
      return finishCall(base, 2, results: results, range)
    }
    let (_, count) = openValues(arguments)
    return finishCall(base, count, results: results, range)
  }

  /// The variable of ``per_cpu(`variable`, processor)``, which is passed by its address.
  private func perCPUVariable(_ callee: Expression, _ arguments: [Expression]) -> ForeignName? {
    guard let builtin = bindings.builtin(callee),
      UInt32(builtin.number) == KTAP_BUILTIN_PER_CPU.rawValue, arguments.count == 2,
      case .foreign(let name) = arguments[0].kind
    else { return nil }
    return name
  }

  /// The address that a per-CPU variable has in every processor's area, in a new register.
  private mutating func perCPUPointer(_ name: ForeignName) {
    let target = code.allocate()
    switch meaning(of: name) {
    case .symbol(let symbol)? where symbol.isPerCPU:
      code.emit(KTAP_OP_SYMADDR, a: target, d: symbol.index)
    case nil: break
    default: report("not-per-cpu", "'\(name.name)' is no per-CPU variable", name.range)
    }
  }

  private mutating func foreignCall(
    _ symbol: ForeignTable.Symbol, _ name: ForeignName, _ arguments: [Expression], results: Int,
    _ range: SourceRange
  ) -> Int {
    if let reason = symbol.notCallable {
      report("not-callable", "'\(name.name)' cannot be called: \(reason.reason)", name.range)
    }
    checkCount(of: arguments, symbol, name)
    calledSymbols.insert(symbol.index)
    // The result needs a register also where there are no arguments.
    let base = code.allocate()
    code.release(to: base)
    let (_, count) = openValues(arguments)
    mark(range)
    code.emit(KTAP_OP_CCALL, a: base, b: count ?? 0, c: count == nil ? 1 : 0, d: symbol.index)
    code.release(to: base)
    code.allocate(results)
    if results > 1 { code.emit(KTAP_OP_LOADNIL, a: base + 1, b: results - 1) }
    return base
  }

  private mutating func checkCount(
    of arguments: [Expression], _ symbol: ForeignTable.Symbol, _ name: ForeignName
  ) {
    let endsOpen = arguments.last.map(isOpen) ?? false
    let known = endsOpen ? arguments.count - 1 : arguments.count
    let expected = symbol.parameterCount
    guard known > expected && !symbol.isVariadic || known < expected && !endsOpen else { return }
    report(
      "argument-count",
      "wrong number of arguments to '\(name.name)' (\(symbol.isVariadic ? "at least " : "")"
        + "\(expected) expected, got \(known))", name.range)
  }

  // MARK: - Foreign values

  /// What a foreign name is; nil, and an error, where nothing says it.
  mutating func meaning(of name: ForeignName) -> ForeignTable.Meaning? {
    if let meaning = foreign.meaning(of: name.name) { return meaning }
    missingTypes(
      "unresolved-name", "nothing is known about '\(name.name)'", name.range,
      among: foreign.names, like: name.name)
    return nil
  }

  mutating func foreign(_ name: ForeignName, into target: Int) {
    switch meaning(of: name) {
    case .symbol(let symbol)?: code.emit(KTAP_OP_GETSYM, a: target, d: symbol.index)
    case .constant(let value, let isUnsigned)?: integer(value.bits, isUnsigned, into: target)
    case nil: break
    }
  }

  mutating func ctype(_ literal: StringLiteral, into target: Int) {
    guard let type = foreign.type(literal.text) else {
      return missingTypes(
        "unresolved-type", "nothing is known about the type '\(literal.text)'", literal.range)
    }
    code.emit(
      KTAP_OP_LOADK, a: target, d: Int(image.constant(KTAP_CONSTANT_CTYPE, UInt64(type))))
  }

  /// Either no types were given at all, or those of another script.
  private mutating func missingTypes(
    _ id: String, _ message: String, _ range: SourceRange, among known: [String] = [],
    like name: String = ""
  ) {
    if lacksTypes {
      report(
        "types-needed", "the script uses C, and what C means is not given", range,
        hints: [
          "ktapc --externs \(script.name) | cdef-parse | ksym-resolve | ktapc --types - \(script.name)"
        ])
    } else {
      let near = NearestName.suggestions(for: name, among: known).first
      report(
        id, message, range,
        hints: near.map { ["did you mean '\($0)'?"] }
          ?? ["the document given with --types was made from another script, or by hand"])
    }
  }
}
