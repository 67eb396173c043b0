// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import KtapImage

/// Finds what each name means: a variable of the function, of one around it, a global, a builtin.
///
/// Requires a tree that parsed without unrepaired errors; leaves ``Bindings`` complete, or errors.
struct Binder {
  private let script: Script
  private var bindings: Bindings
  private var sink: DiagnosticSink

  /// A function being walked, and the variables that its open blocks have.
  private struct Frame {
    var id: Int
    var scopes: [[String: Int]] = [[:]]
    var captureIndexes: [CaptureSource: Int] = [:]
  }
  private var frames: [Frame] = []

  private var globalIndexes: [String: Int] = [:]
  private var firstGlobalUse: [(index: Int, range: SourceRange)] = []
  private var assignedGlobals: Set<Int> = []

  /// A variable, for what is remembered of the values that it is given.
  /// Variables that have been given string literals and nothing else.
  private var onlyStrings: [Variable: Bool] = [:]
  private var typeArguments: [(variable: Variable, range: SourceRange, function: String)] = []

  static func bind(_ tree: SyntaxTree, _ sink: inout DiagnosticSink) -> Bindings {
    var binder = Binder(tree, sink)
    binder.function(tree.main)
    binder.checkGlobals()
    binder.checkTypeArguments()
    sink = binder.sink
    return binder.bindings
  }

  private init(_ tree: SyntaxTree, _ sink: DiagnosticSink) {
    script = tree.script
    bindings = Bindings(tree)
    self.sink = sink
  }

  private mutating func report(
    _ id: String, _ message: String, _ range: SourceRange, hints: [String] = []
  ) {
    sink.add(script.diagnostic(id, message, range, hints: hints))
  }

  // MARK: - Scopes

  private mutating func function(_ body: FunctionBody) {
    frames.append(Frame(id: body.id))
    for parameter in body.parameters { declare(parameter) }
    statements(body.body)
    frames.removeLast()
    if bindings.captures[body.id].count > Int(KTAP_MAX_CAPTURES) {
      report(
        "too-many-captures",
        "the function uses more than \(KTAP_MAX_CAPTURES) variables of the functions around it",
        body.range, hints: ["keep them in a table"])
    }
  }

  private mutating func scope(_ body: (inout Binder) -> Void) {
    frames[frames.count - 1].scopes.append([:])
    body(&self)
    frames[frames.count - 1].scopes.removeLast()
  }

  private mutating func declare(_ declaration: Declaration) {
    let frame = frames.count - 1
    let scope = frames[frame].scopes.count - 1
    frames[frame].scopes[scope][declaration.name.text] = declaration.id
  }

  private func find(_ name: String, in frame: Int) -> Int? {
    for scope in frames[frame].scopes.reversed() {
      if let id = scope[name] { return id }
    }
    return nil
  }

  /// The capture of function `frame` that stands for variable `name` of a function around it.
  private mutating func capture(_ name: String, in frame: Int) -> Int? {
    // From the inside out to the function that has the variable, then back in, one capture each.
    guard let owner = (0..<frame).last(where: { find(name, in: $0) != nil }),
      let id = find(name, in: owner)
    else { return nil }
    bindings.isCaptured[id] = true
    var source = CaptureSource.local(id)
    for inner in owner + 1...frame { source = .capture(captureIndex(source, in: inner)) }
    guard case .capture(let index) = source else { return nil }
    return index
  }

  private mutating func captureIndex(_ source: CaptureSource, in frame: Int) -> Int {
    if let known = frames[frame].captureIndexes[source] { return known }
    let id = frames[frame].id
    let index = bindings.captures[id].count
    bindings.captures[id].append(source)
    frames[frame].captureIndexes[source] = index
    return index
  }

  // MARK: - Names

  /// Variables come first, then builtins, then globals.
  private mutating func resolve(_ use: NameUse, isAssigned: Bool) {
    let name = use.name.text
    let frame = frames.count - 1
    if let id = find(name, in: frame) {
      bindings.uses[use.id] = .local(id)
    } else if let index = capture(name, in: frame) {
      bindings.uses[use.id] = .capture(index)
    } else if Self.libraries.contains(name) {
      report(
        "library-value", "'\(name)' is a library, not a value", use.name.range,
        hints: ["write \(name).function(…); a variable of a block may have its name: var \(name)"])
    } else if let builtin = Builtin.named(name) {
      bindings.uses[use.id] = .builtin(builtin)
      if isAssigned {
        report(
          "builtin-assigned", "'\(name)' is a builtin function and cannot be assigned to",
          use.name.range, hints: ["a variable of a block may have its name: var \(name) = …"])
      }
    } else {
      bindings.uses[use.id] = .global(global(use.name, isAssigned: isAssigned))
    }
  }

  private mutating func global(_ name: Name, isAssigned: Bool) -> Int {
    let index: Int
    if let known = globalIndexes[name.text] {
      index = known
    } else {
      index = bindings.globals.count
      bindings.globals.append(name.text)
      globalIndexes[name.text] = index
    }
    if isAssigned {
      assignedGlobals.insert(index)
    } else {
      firstGlobalUse.append((index, name.range))
    }
    return index
  }

  /// A global that nothing assigns to can only be a mistake.
  private mutating func checkGlobals() {
    var reported: Set<Int> = []
    for (index, range) in firstGlobalUse
    where !assignedGlobals.contains(index) && reported.insert(index).inserted {
      let name = bindings.globals[index]
      let known =
        Builtin.all.map(\.name) + assignedGlobals.sorted().map { bindings.globals[$0] }
        + declaredNames.sorted()
      var hints = NearestName.suggestions(for: name, among: known).prefix(1)
        .map { "did you mean '\($0)'?" }
      if hints.isEmpty { hints = Self.foreignNameHints[name].map { [$0] } ?? [] }
      report("undefined-name", "'\(name)' is not defined", range, hints: hints)
    }
  }

  private var declaredNames: Set<String> = []
  private var refusedEvents = false

  private static let foreignNameHints = [
    "NULL": "the value is called nil", "null": "the value is called nil",
    "sizeof": "write ffi.sizeof(\"type\")", "cdef": "write ffi.cdef([[ … ]])",
    "local": "a variable is made with var", "end": "blocks stand in braces: { … }",
    "C": "write ffi.C.name",
  ]

  // MARK: - Types given by name

  private mutating func remember(_ variable: Variable, isGiven value: Expression?) {
    var isString = false
    if case .string? = value?.kind { isString = true }
    onlyStrings[variable] = (onlyStrings[variable] ?? true) && isString
  }

  /// `var t = "int"; ffi.new(t)`: a ctype in a variable is fine, a string is not.
  private mutating func checkTypeArguments() {
    for (variable, range, function) in typeArguments where onlyStrings[variable] == true {
      report(
        "type-not-literal", "the type given to \(function) must be a string literal", range,
        hints: ["keep a type in a variable with ffi.typeof(\"…\")"])
    }
  }

  // MARK: - Statements

  private mutating func statements(_ list: [Statement]) {
    for statement in list { self.statement(statement) }
  }

  private mutating func block(_ list: [Statement]) {
    scope { $0.statements(list) }
  }

  private mutating func statement(_ statement: Statement) {
    switch statement.kind {
    case .variables(let declarations, let values): variables(declarations, values)
    case .assign(let targets, let values): assign(targets, values)
    case .compound(_, let target, let value):
      expression(target)
      self.target(target, isGiven: nil)
      expression(value)
    case .expression(let value): expression(value)
    case .function(let target, let body):
      self.target(target, isGiven: nil)
      function(body)
    case .conditional(let branches, let otherwise):
      for branch in branches {
        expression(branch.condition)
        block(branch.body)
      }
      if let otherwise { block(otherwise) }
    case .whileLoop(let condition, let body):
      expression(condition)
      block(body)
    case .doLoop(let body, let condition, _):
      // The condition sees the variables of the body.
      scope {
        $0.statements(body)
        $0.expression(condition)
      }
    case .numericFor(let loop): numericFor(loop)
    case .cFor(let loop): cFor(loop)
    case .genericFor(let variables, let iterator, let body):
      expressions(iterator)
      scope {
        for variable in variables { $0.introduce(variable, isGiven: nil) }
        $0.statements(body)
      }
    case .breakLoop, .continueLoop: break
    case .returnValues(let values): expressions(values)
    case .block(let body): block(body)
    case .event(let event): self.event(event)
    }
  }

  /// A block for an event is checked as what it will be, a function; then it is refused, once.
  private mutating func event(_ event: Statement.Event) {
    function(event.body)
    guard !refusedEvents else { return }
    refusedEvents = true
    report(
      "events-not-supported",
      "'\(event.word.text)' blocks are not supported: scripts run from top to bottom",
      event.word.range)
  }

  private mutating func introduce(_ declaration: Declaration, isGiven value: Expression?) {
    declare(declaration)
    declaredNames.insert(declaration.name.text)
    remember(.local(declaration.id), isGiven: value)
  }

  private mutating func variables(_ declarations: [Declaration], _ values: [Expression]) {
    expressions(values)
    for (index, declaration) in declarations.enumerated() {
      introduce(declaration, isGiven: index < values.count ? values[index] : nil)
    }
  }

  private mutating func assign(_ targets: [Expression], _ values: [Expression]) {
    expressions(values)
    for (index, target) in targets.enumerated() {
      self.target(target, isGiven: index < values.count ? values[index] : nil)
    }
  }

  private mutating func target(_ target: Expression, isGiven value: Expression?) {
    if case .name(let use) = target.kind {
      resolve(use, isAssigned: true)
      if let variable = bindings.variable(target) { remember(variable, isGiven: value) }
      switch bindings.uses[use.id] {
      case .local(let id): bindings.isAssigned[id] = true
      case .capture:
        // An assignment from another function counts against the variable as well.
        guard let owner = ownerOfCaptured(use.name.text) else { break }
        bindings.isAssigned[owner] = true
        onlyStrings[.local(owner)] = false
      case .global, .builtin, .library, .none: break
      }
    } else {
      expression(target)
    }
  }

  private func ownerOfCaptured(_ name: String) -> Int? {
    frames.indices.dropLast().reversed().lazy.compactMap { find(name, in: $0) }.first
  }

  private mutating func numericFor(_ loop: Statement.NumericFor) {
    expression(loop.first)
    expression(loop.last)
    if let step = loop.step { expression(step) }
    scope {
      $0.introduce(loop.variable, isGiven: nil)
      $0.statements(loop.body)
    }
  }

  private mutating func cFor(_ loop: Statement.CFor) {
    scope {
      $0.statements(loop.initial)
      if let condition = loop.condition { $0.expression(condition) }
      $0.statements(loop.step)
      $0.block(loop.body)
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
    case .name(let use): resolve(use, isAssigned: false)
    case .member(let base, let name): member(base, name)
    case .methodCall(let object, _, let arguments): expressions([object] + arguments)
    case .keys(let parts): expressions(parts)
    case .index(let base, let key): expressions([base, key])
    case .call(let callee, let arguments): call(callee, arguments)
    case .unary(_, let operand): self.expression(operand)
    case .binary(_, let left, let right): expressions([left, right])
    case .concat(let parts): expressions(parts)
    case .conditional(let condition, let yes, let no): expressions([condition, yes, no])
    case .table(let items):
      for item in items { tableItem(item) }
    case .function(let body): function(body)
    case .parenthesized(let inner): self.expression(inner)
    }
  }

  /// `string.len`: `string` and `table` are libraries, unless a variable has their name.
  private mutating func member(_ base: Expression, _ name: Name) {
    guard case .name(let use) = base.kind, isLibrary(use.name.text) else {
      return expression(base)
    }
    let library = use.name.text
    guard let builtin = Builtin.named("\(library).\(name.text)") else {
      let known = Builtin.all.map(\.name).filter { $0.hasPrefix(library + ".") }
      let near = NearestName.suggestions(for: "\(library).\(name.text)", among: known)
      return report(
        "undefined-name", "there is no '\(library).\(name.text)'", name.range,
        hints: near.first.map { ["did you mean '\($0)'?"] } ?? [])
    }
    bindings.uses[use.id] = .library(builtin)
  }

  private func isLibrary(_ name: String) -> Bool {
    Self.libraries.contains(name) && !frames.indices.contains { find(name, in: $0) != nil }
  }

  private static let libraries: Set = ["string", "table"]

  private mutating func tableItem(_ item: TableItem) {
    switch item {
    case .positional(let value), .named(_, let value): expression(value)
    case .keyed(let key, let value): expressions([key, value])
    }
  }

  private mutating func call(_ callee: Expression, _ arguments: [Expression]) {
    expression(callee)
    expressions(arguments)
    guard let builtin = bindings.builtin(callee) else { return }
    checkCount(of: arguments, builtin, callee.range)
    if builtin.takesType, let first = arguments.first, let variable = bindings.variable(first) {
      typeArguments.append((variable, first.range, builtin.name))
    }
  }

  /// The number of arguments is known unless the last may give several values.
  private mutating func checkCount(
    of arguments: [Expression], _ builtin: Builtin, _ range: SourceRange
  ) {
    let isOpen = arguments.last?.isMultiple ?? false
    let known = isOpen ? arguments.count - 1 : arguments.count
    let isTooMany = builtin.most.map { known > $0 } ?? false
    guard isTooMany || !isOpen && known < builtin.least else { return }
    let expected =
      switch builtin.most {
      case nil: "at least \(builtin.least)"
      case builtin.least?: "\(builtin.least)"
      case let most?: "\(builtin.least) to \(most)"
      }
    report(
      "argument-count",
      "wrong number of arguments to '\(builtin.name)' (\(expected) expected, got \(known))", range)
  }
}
