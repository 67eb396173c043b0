// SPDX-License-Identifier: MIT

extension SyntaxTree {
  /// Calls `visit` for every expression of the script, those around others first, in the order of the
  /// script.
  func forEachExpression(_ visit: (Expression) -> Void) {
    withoutActuallyEscaping(visit) { ExpressionWalk(visit: $0).statements(main.body) }
  }
}

extension Statement {
  /// Calls `visit` for every expression of the statement but those of functions in it.
  func forEachOwnExpression(_ visit: (Expression) -> Void) {
    withoutActuallyEscaping(visit) {
      ExpressionWalk(visit: $0, entersFunctions: false).statements([self])
    }
  }
}

private struct ExpressionWalk {
  let visit: (Expression) -> Void
  var entersFunctions = true

  func statements(_ list: [Statement]) {
    for statement in list { self.statement(statement) }
  }

  private func statement(_ statement: Statement) {
    switch statement.kind {
    case .variables(_, let values), .returnValues(let values): expressions(values)
    case .assign(let targets, let values): expressions(targets + values)
    case .compound(_, let target, let value): expressions([target, value])
    case .expression(let value): expression(value)
    case .function(let target, let body):
      expression(target)
      if entersFunctions { statements(body.body) }
    case .conditional(let branches, let otherwise):
      for branch in branches {
        expression(branch.condition)
        statements(branch.body)
      }
      statements(otherwise ?? [])
    case .whileLoop(let condition, let body):
      expression(condition)
      statements(body)
    case .doLoop(let body, let condition, _):
      statements(body)
      expression(condition)
    case .numericFor(let loop):
      expressions([loop.first, loop.last] + (loop.step.map { [$0] } ?? []))
      statements(loop.body)
    case .cFor(let loop):
      statements(loop.initial)
      if let condition = loop.condition { expression(condition) }
      statements(loop.step + loop.body)
    case .genericFor(_, let iterator, let body):
      expressions(iterator)
      statements(body)
    case .breakLoop, .continueLoop: break
    case .block(let body): statements(body)
    case .event(let event): statements(event.body.body)
    }
  }

  private func expressions(_ list: [Expression]) {
    for expression in list { self.expression(expression) }
  }

  private func expression(_ expression: Expression) {
    visit(expression)
    switch expression.kind {
    case .nil, .boolean, .integer, .string, .name, .ffi, .foreign, .ctype, .cdef, .varargs,
      .eventVariable, .invalid:
      break
    case .member(let operand, _), .unary(_, let operand), .parenthesized(let operand):
      self.expression(operand)
    case .index(let left, let right), .binary(_, let left, let right): expressions([left, right])
    case .call(let callee, let arguments), .methodCall(let callee, _, let arguments):
      expressions([callee] + arguments)
    case .concat(let parts), .keys(let parts): expressions(parts)
    case .conditional(let condition, let yes, let no): expressions([condition, yes, no])
    case .table(let items):
      for item in items {
        switch item {
        case .positional(let value), .named(_, let value): self.expression(value)
        case .keyed(let key, let value): expressions([key, value])
        }
      }
    case .function(let body):
      if entersFunctions { statements(body.body) }
    }
  }
}
