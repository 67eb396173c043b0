// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import KtapImage

/// Makes byte code of a bound syntax tree.
///
/// Requires bindings without errors; leaves the functions, globals and grants in the image.
struct CodeGenerator {
  let script: Script
  let bindings: Bindings
  let foreign: ForeignTable
  /// No document of types was given.
  let lacksTypes: Bool
  var image: ImageBuilder
  var sink: DiagnosticSink
  /// The functions being made, the innermost last.
  var open: [FunctionCode] = []
  private var finished: [FinishedFunction?]

  private struct FinishedFunction {
    var code: FunctionCode
    var captures: [(fromRegister: Bool, index: Int)]
  }
  /// Symbols that the code calls.
  var calledSymbols: Set<Int> = []
  var writesSymbols = false
  var makesCallbacks = false
  var variableTypes = VariableTypes()
  /// The line that was marked last, and its offsets.
  private var lastLine: (number: Int, range: Range<Int>) = (1, 0..<0)
  /// The numbers of the image's fields.
  var fieldIndexes: [FieldKey: Int] = [:]

  init(
    _ tree: SyntaxTree, _ bindings: Bindings, _ foreign: ForeignTable, lacksTypes: Bool,
    image: ImageBuilder, sink: DiagnosticSink
  ) {
    script = tree.script
    self.bindings = bindings
    self.foreign = foreign
    self.lacksTypes = lacksTypes
    self.image = image
    self.sink = sink
    finished = Array(repeating: nil, count: tree.functionCount)
  }

  /// Generates the whole script.
  mutating func generate(_ tree: SyntaxTree) {
    for name in bindings.globals {
      image.globals.append(ktap_image_global(name: image.intern(name)))
    }
    function(tree.main)
    // An image that is not going to be used is not made: its registers may not fit their fields.
    guard !sink.hasErrors else { return }
    for function in finished {
      if let function { add(function) }
    }
    addGrants()
  }

  /// The function that code is emitted into.
  var code: FunctionCode {
    get { open[open.count - 1] }
    _modify { yield &open[open.count - 1] }
  }

  mutating func report(
    _ id: String, _ message: String, _ range: SourceRange, hints: [String] = []
  ) {
    sink.add(script.diagnostic(id, message, range, hints: hints))
  }

  /// What is emitted from here on comes from the line of `range`.
  mutating func mark(_ range: SourceRange) {
    code.line = lineNumber(at: range.start)
  }

  /// What is marked is mostly in the line of what was marked before: to find a place in a long line takes
  /// time, since its column is counted.
  private mutating func lineNumber(at offset: Int) -> Int {
    if !lastLine.range.contains(offset) {
      let number = script.position(at: offset).line
      lastLine = (number, script.range(ofLine: number))
    }
    return lastLine.number
  }

  // MARK: - Functions

  mutating func function(_ body: FunctionBody) {
    open.append(FunctionCode(body))
    mark(body.range)
    let first = code.allocate(body.parameters.count)
    block(from: first) { generator in
      for (index, parameter) in body.parameters.enumerated() {
        generator.bind(parameter, to: first + index)
      }
      generator.statements(body.body)
      generator.code.line =
        generator.script.position(
          at: max(body.range.start, body.range.end - 1)
        ).line
    }
    code.emit(KTAP_OP_RETURN, b: 1)
    checkRegisters(body)
    let code = open.removeLast()
    finished[body.id] = FinishedFunction(code: code, captures: captures(of: body))
  }

  private mutating func checkRegisters(_ body: FunctionBody) {
    if body.parameters.count > Int(KTAP_MAX_REGISTERS) || code.isOutOfRegisters {
      report(
        "too-many-registers",
        "'\(body.name)' has too many variables and intermediate values at once (\(KTAP_MAX_REGISTERS) "
          + "are the limit)", firstLine(body.range),
        hints: ["put parts of it into functions of their own, or the variables into a table"])
    }
  }

  private func firstLine(_ range: SourceRange) -> SourceRange {
    SourceRange(range.start, min(range.end, range.start + 1))
  }

  private mutating func add(_ function: FinishedFunction) {
    let body = function.code.body
    image.addFunction(
      name: body.name, line: body.id == 0 ? 0 : script.position(at: body.range.start).line,
      params: body.parameters.count, isVariadic: body.isVariadic,
      registers: function.code.registerCount,
      captures: function.captures, code: function.code.code, lines: function.code.lines)
  }

  /// Where the captures of a function are found in the one that makes the closure, now the innermost.
  private func captures(of body: FunctionBody) -> [(fromRegister: Bool, index: Int)] {
    bindings.captures[body.id].map { source in
      switch source {
      case .local(let id): (true, code.registers[id] ?? 0)
      case .capture(let index): (false, index)
      }
    }
  }

  /// Gives a declared variable its register.
  mutating func bind(_ declaration: Declaration, to register: Int) {
    code.bind(declaration, to: register, isCaptured: bindings.isCaptured[declaration.id])
  }

  /// Generates a block whose variables start at register `base`, and takes them back at its end.
  mutating func block(from base: Int, _ body: (inout CodeGenerator) -> Void) {
    code.blocks.append(.init(base: base))
    body(&self)
    let isCaptured = code.blocks.removeLast().isCaptured
    // A function's own end closes everything.
    if isCaptured, !code.blocks.isEmpty { code.close(from: base) }
    code.release(to: base)
  }

  // MARK: - Grants

  private mutating func addGrants() {
    image.grants = calledSymbols.sorted().map {
      ktap_image_grant(kind: KTAP_GRANT_CALL.rawValue, symbol: UInt32($0))
    }
    if writesSymbols {
      image.grants.append(ktap_image_grant(kind: KTAP_GRANT_WRITE.rawValue, symbol: imageNone))
    }
    if makesCallbacks {
      image.grants.append(
        ktap_image_grant(kind: KTAP_GRANT_CALLBACK.rawValue, symbol: imageNone))
    }
  }
}
