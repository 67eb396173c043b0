// SPDX-License-Identifier: MIT

import Diagnostics
import KtapImage

/// What is allowed, and is mostly a mistake: variables that nothing reads, code that is never reached,
/// conditions that are always the same, values that are dropped.
///
/// Requires a bound tree without errors; changes nothing.
struct Warnings {
  private let script: Script
  private let bindings: Bindings
  private var sink: DiagnosticSink

  /// What each `var` of the script declares, and the variables that something reads.
  private var variables: [[Declaration]] = []
  private var read: Set<Int> = []

  /// What a global or a variable was given, where that was a function, once.
  private var functions: [Variable: FunctionBody?] = [:]
  private var calls: [(variable: Variable, count: Int, range: SourceRange)] = []

  static func check(_ tree: SyntaxTree, _ bindings: Bindings, _ sink: inout DiagnosticSink) {
    var warnings = Warnings(script: tree.script, bindings: bindings, sink: sink)
    warnings.statements(tree.main.body)
    warnings.reportUnread()
    warnings.reportCalls()
    sink = warnings.sink
  }

  private init(script: Script, bindings: Bindings, sink: DiagnosticSink) {
    self.script = script
    self.bindings = bindings
    self.sink = sink
  }

  private mutating func warn(
    _ id: String, _ message: String, _ range: SourceRange, hints: [String] = []
  ) {
    sink.add(script.diagnostic(id, message, range, severity: .warning, hints: hints))
  }

  // MARK: - Variables and calls

  /// Of several results, some may be there for the others' sake.
  private mutating func reportUnread() {
    for declarations in variables where !declarations.contains(where: { isRead($0) }) {
      guard let variable = declarations.first else { continue }
      warn(
        "unused-variable", "nothing reads the variable '\(variable.name.text)'",
        variable.name.range,
        hints: ["a name that begins with _ says that this is meant"])
    }
  }

  private func isRead(_ variable: Declaration) -> Bool {
    read.contains(variable.id) || bindings.isCaptured[variable.id]
      || variable.name.text.hasPrefix("_")
  }

  private mutating func reportCalls() {
    for (variable, count, range) in calls {
      guard let function = functions[variable] ?? nil, !function.isVariadic,
        count > function.parameters.count
      else { continue }
      warn(
        "argument-count",
        "'\(function.name)' has \(function.parameters.count) parameters, and is given \(count) values",
        range)
    }
  }

  /// A variable's value is known as long as it is given one only.
  private mutating func give(_ variable: Variable, _ function: FunctionBody?) {
    if case .local(let id) = variable, bindings.isCaptured[id] {
      // A closure may assign to it.
      functions[variable] = .some(nil)
      return
    }
    functions[variable] = functions[variable] == nil ? .some(function) : .some(nil)
  }

  private func functionValue(_ values: [Expression], _ index: Int) -> FunctionBody? {
    guard index < values.count, case .function(let body) = values[index].kind else { return nil }
    return body
  }

  // MARK: - Statements

  private mutating func statements(_ list: [Statement]) {
    var isReported = false
    for (index, statement) in list.enumerated() {
      self.statement(statement)
      guard Self.leaves(statement), index + 1 < list.count, !isReported else { continue }
      isReported = true
      warn("unreachable-code", "this is never reached", list[index + 1].range)
    }
  }

  /// Nothing behind the statement in its block is executed.
  private static func leaves(_ statement: Statement) -> Bool {
    switch statement.kind {
    case .returnValues, .breakLoop, .continueLoop: return true
    case .block(let body): return body.last.map(leaves) ?? false
    case .conditional(let branches, let otherwise):
      guard let otherwise else { return false }
      return (branches.map(\.body) + [otherwise]).allSatisfy { $0.last.map(leaves) ?? false }
    default: return false
    }
  }

  private mutating func statement(_ statement: Statement) {
    switch statement.kind {
    case .variables(let declarations, let values):
      expressions(values)
      variables.append(declarations)
      for (index, declaration) in declarations.enumerated() {
        give(.local(declaration.id), functionValue(values, index))
      }
    case .assign(let targets, let values):
      expressions(values)
      for (index, target) in targets.enumerated() {
        self.target(target, functionValue(values, index))
      }
    case .compound(_, let target, let value):
      self.target(target, nil)
      expression(value)
    case .expression(let value): expression(value)
    case .function(let target, let body):
      self.target(target, body)
      statements(body.body)
    case .conditional(let branches, let otherwise):
      for branch in branches {
        condition(branch.condition, ofLoop: false)
        statements(branch.body)
      }
      statements(otherwise ?? [])
    case .whileLoop(let condition, let body):
      self.condition(condition, ofLoop: true)
      statements(body)
    case .doLoop(let body, let condition, _):
      statements(body)
      self.condition(condition, ofLoop: true)
    case .numericFor(let loop):
      expressions([loop.first, loop.last] + (loop.step.map { [$0] } ?? []))
      statements(loop.body)
    case .cFor(let loop):
      statements(loop.initial)
      if let condition = loop.condition { self.condition(condition, ofLoop: true) }
      statements(loop.step + loop.body)
    case .genericFor(_, let iterator, let body):
      expressions(iterator)
      statements(body)
    case .breakLoop, .continueLoop: break
    case .returnValues(let values): expressions(values)
    case .block(let body): statements(body)
    case .event(let event): statements(event.body.body)
    }
  }

  /// To be assigned to is not to be read; what a field or an element belongs to is.
  private mutating func target(_ target: Expression, _ function: FunctionBody?) {
    if let variable = bindings.variable(target) {
      give(variable, function)
    } else if case .name = target.kind {
      return
    } else {
      expression(target)
    }
  }

  // MARK: - Conditions

  /// `while (true)` is how a loop without end is written; the number 0, which is true, may be C's.
  private mutating func condition(_ condition: Expression, ofLoop: Bool) {
    expression(condition)
    guard let truth = Self.truth(condition) else { return }
    if case .integer(let bits, _) = condition.kind, bits == 0 {
      return warn(
        "constant-condition", "this is always true: 0 is not false in this language",
        condition.range, hints: ["write false"])
    }
    if !ofLoop {
      warn("constant-condition", "this is always \(truth)", condition.range)
    }
  }

  private static func truth(_ expression: Expression) -> Bool? {
    switch expression.kind {
    case .nil: false
    case .boolean(let value): value
    case .integer, .string, .table, .function: true
    case .parenthesized(let inner): truth(inner)
    case .unary(.not, let inner): truth(inner).map { !$0 }
    default: nil
    }
  }

  // MARK: - Expressions

  private mutating func expressions(_ list: [Expression]) {
    for expression in list { self.expression(expression) }
  }

  private mutating func expression(_ expression: Expression) {
    switch expression.kind {
    case .nil, .boolean, .integer, .string, .ffi, .foreign, .ctype, .cdef, .varargs, .eventVariable,
      .invalid:
      break
    case .name(let use):
      if case .local(let id) = bindings.uses[use.id] { read.insert(id) }
    case .member(let base, _), .unary(_, let base), .parenthesized(let base): self.expression(base)
    case .index(let left, let right), .binary(_, let left, let right): expressions([left, right])
    case .call(let callee, let arguments): call(callee, arguments)
    case .methodCall(let object, _, let arguments): expressions([object] + arguments)
    case .keys(let parts), .concat(let parts): expressions(parts)
    case .conditional(let condition, let yes, let no):
      self.condition(condition, ofLoop: false)
      expressions([yes, no])
    case .table(let items):
      for item in items {
        switch item {
        case .positional(let value), .named(_, let value): self.expression(value)
        case .keyed(let key, let value): expressions([key, value])
        }
      }
    case .function(let body): statements(body.body)
    }
  }

  private mutating func call(_ callee: Expression, _ arguments: [Expression]) {
    expressions([callee] + arguments)
    if let variable = bindings.variable(callee) {
      let isOpen = arguments.last?.isMultiple ?? false
      calls.append((variable, isOpen ? arguments.count - 1 : arguments.count, callee.range))
    }
    guard let builtin = bindings.builtin(callee),
      builtin.name == "printf" || builtin.name == "string.format",
      case .string(let format)? = arguments.first?.kind
    else { return }
    for problem in FormatCheck.problems(format.bytes, Array(arguments.dropFirst())) {
      warn("format", "\(builtin.name): \(problem)", format.range)
    }
  }
}
