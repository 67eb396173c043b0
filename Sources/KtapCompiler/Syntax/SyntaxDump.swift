// SPDX-License-Identifier: MIT

/// The syntax tree as text: one node a line, its children indented below it.
struct SyntaxDump {
  private var text = ""
  private var depth = 0

  static func print(_ tree: SyntaxTree) -> String {
    var dump = SyntaxDump()
    dump.statements(tree.main.body)
    return dump.text
  }

  private mutating func node(_ title: String, _ children: (inout SyntaxDump) -> Void = { _ in }) {
    text += String(repeating: "  ", count: depth) + title + "\n"
    depth += 1
    children(&self)
    depth -= 1
  }

  private mutating func statements(_ list: [Statement]) {
    for statement in list { self.statement(statement) }
  }

  private mutating func block(_ title: String, _ list: [Statement]) {
    node(title) { $0.statements(list) }
  }

  private mutating func expressions(_ list: [Expression]) {
    for expression in list { self.expression(expression) }
  }

  private func names(_ declarations: [Declaration]) -> String {
    declarations.map(\.name.text).joined(separator: ", ")
  }

  private mutating func statement(_ statement: Statement) {
    switch statement.kind {
    case .variables(let declarations, let values):
      node("var \(names(declarations))") { $0.expressions(values) }
    case .assign(let targets, let values):
      node("assign") {
        $0.node("targets") { $0.expressions(targets) }
        $0.node("values") { $0.expressions(values) }
      }
    case .compound(let operation, let target, let value):
      node("assign \(operation.rawValue)=") { $0.expressions([target, value]) }
    case .expression(let value): node("do") { $0.expression(value) }
    case .function(let target, let body):
      node("define") {
        $0.expression(target)
        $0.function(body)
      }
    case .conditional(let branches, let otherwise): conditional(branches, otherwise)
    case .whileLoop(let condition, let body):
      node("while") {
        $0.expression(condition)
        $0.block("body", body)
      }
    case .doLoop(let body, let condition, let untilTrue):
      node(untilTrue ? "repeat until" : "do while") {
        $0.block("body", body)
        $0.expression(condition)
      }
    case .numericFor(let loop):
      node("for \(loop.variable.name.text) from, to\(loop.step == nil ? "" : ", step")") {
        $0.expressions([loop.first, loop.last] + (loop.step.map { [$0] } ?? []))
        $0.block("body", loop.body)
      }
    case .cFor(let loop): cFor(loop)
    case .genericFor(let variables, let iterator, let body):
      node("for \(names(variables)) in") {
        $0.expressions(iterator)
        $0.block("body", body)
      }
    case .breakLoop: node("break")
    case .continueLoop: node("continue")
    case .returnValues(let values): node("return") { $0.expressions(values) }
    case .block(let body): block("block", body)
    case .event(let event):
      node("event \(event.word.text) \(event.description.debugDescription)") {
        $0.statements(event.body.body)
      }
    }
  }

  private mutating func conditional(
    _ branches: [Statement.Branch], _ otherwise: [Statement]?
  ) {
    node("if") { dump in
      for branch in branches {
        dump.expression(branch.condition)
        dump.block("then", branch.body)
      }
      if let otherwise { dump.block("else", otherwise) }
    }
  }

  private mutating func cFor(_ loop: Statement.CFor) {
    node("for") { dump in
      dump.block("initially", loop.initial)
      if let condition = loop.condition { dump.node("while") { $0.expression(condition) } }
      dump.block("step", loop.step)
      dump.block("body", loop.body)
    }
  }

  private mutating func function(_ body: FunctionBody) {
    node("function \(body.name)(\(names(body.parameters)))") { $0.statements(body.body) }
  }

  private mutating func expression(_ expression: Expression) {
    switch expression.kind {
    case .nil: node("nil")
    case .boolean(let value): node("\(value)")
    case .integer(let bits, let isUnsigned):
      node(isUnsigned ? "\(bits)u" : "\(Int64(bitPattern: bits))")
    case .string(let literal): node("string \(literal.text.debugDescription)")
    case .name(let use): node("name \(use.name.text)")
    case .ffi(let builtin): node(builtin.name)
    case .foreign(let name): node(name.isToken ? "`\(name.name)`" : "ffi.C.\(name.name)")
    case .ctype(let literal): node("type \(literal.text.debugDescription)")
    case .cdef(let literal): node("ffi.cdef \(literal.text.debugDescription)")
    case .member(let base, let name): node("member \(name.text)") { $0.expression(base) }
    case .index(let base, let key): node("index") { $0.expressions([base, key]) }
    case .call(let callee, let arguments): node("call") { $0.expressions([callee] + arguments) }
    case .methodCall(let object, let name, let arguments):
      node("call method \(name.text)") { $0.expressions([object] + arguments) }
    case .varargs: node("...")
    case .eventVariable: node("event variable")
    case .keys(let parts): node("keys") { $0.expressions(parts) }
    case .unary(let operation, let operand): node(operation.rawValue) { $0.expression(operand) }
    case .binary(let operation, let left, let right):
      node(operation.rawValue) { $0.expressions([left, right]) }
    case .concat(let parts): node("..") { $0.expressions(parts) }
    case .conditional(let condition, let yes, let no):
      node("?:") { $0.expressions([condition, yes, no]) }
    case .table(let items): node("table") { $0.tableItems(items) }
    case .function(let body): function(body)
    case .parenthesized(let inner): node("()") { $0.expression(inner) }
    case .invalid: node("error")
    }
  }

  private mutating func tableItems(_ items: [TableItem]) {
    for item in items {
      switch item {
      case .positional(let value): expression(value)
      case .named(let name, let value): node("\(name.text) =") { $0.expression(value) }
      case .keyed(let key, let value): node("[] =") { $0.expressions([key, value]) }
      }
    }
  }
}

extension TokenList {
  /// One token a line: its place, what it is, and how the script writes it.
  func dump(_ script: Script) -> String {
    tokens.map { token in
      let (line, column) = script.position(at: token.range.start)
      switch token.kind {
      case .name, .integer, .kernelSymbol:
        return "\(line):\(column) \(token.kind.rawValue) \(script.text(token.range))\n"
      case .string:
        return "\(line):\(column) string \(strings[token.value].text.debugDescription)\n"
      default: return "\(line):\(column) \(token.kind.rawValue)\n"
      }
    }.joined()
  }
}
