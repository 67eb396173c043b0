// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

/// Byte code as tests write it: one instruction a line, by its mnemonic in `opcodes.def`, with the
/// operands that are not ZERO in the order A B C D.
///
///     function add(2)               ; its two parameters are r0 and r1
///       add r2 r0 r1
///       return r2 2
///     function counter(0) captures r0 u1
///       getcap r0 u0
///
/// What stands before the first `function` is the main chunk; functions that do not end with a jump
/// or a return return nothing. `name:` is a label. Constants are `42`, `-1`, `7u` (unsigned), `0xff`,
/// `"text"` and `<struct pair>` (a C type). Every line of the listing is a line of the line table.
///
/// Two abbreviations keep listings about what they test; they use registers from r100 on:
///
///     r1 = VALUE                    ; loads a constant, nil, true, false, {}, a register, or a
///                                   ; function, builtin or symbol by its name
///     r1, r2 = NAME(VALUE, …)       ; calls a function, a builtin, a symbol, or what is in a register
///
extension Program {
  mutating func assemble(_ listing: String) throws {
    let lines = try Assembler.Line.all(in: listing)
    var functions = [Assembler.Function(name: "main", params: 0, captures: [], line: 0)]
    for line in lines {
      if let function = try Assembler.Function(heading: line) {
        functions.append(function)
      } else {
        functions[functions.count - 1].lines.append(line)
      }
    }
    let first = UInt32(image.functions.count)
    var indexes: [String: UInt32] = [:]
    for (index, function) in functions.enumerated() {
      indexes[function.name] = first + UInt32(index)
    }
    for function in functions {
      var assembler = Assembler(program: self, functions: indexes)
      try assembler.assemble(function)
      self = assembler.program
    }
  }
}

struct Assembler {
  struct Failure: Error, CustomStringConvertible {
    var line: Int
    var text: String
    var description: String { "listing line \(line): \(text)" }
  }

  /// One line without its comment.
  struct Line {
    var number: Int
    var text: Substring

    static func all(in listing: String) throws -> [Line] {
      listing.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
        let text = $1.prefix(upTo: $1.unquoted(";") ?? $1.endIndex).trimmed
        return text.isEmpty ? nil : Line(number: $0 + 1, text: text)
      }
    }

    func fail(_ text: String) -> Failure {
      Failure(line: number, text: "\(text) in '\(self.text)'")
    }
  }

  struct Function {
    var name: String
    var params: Int
    var captures: [(fromRegister: Bool, index: Int)]
    var line: Int
    var lines: [Line] = []

    init(name: String, params: Int, captures: [(fromRegister: Bool, index: Int)], line: Int) {
      (self.name, self.params, self.captures, self.line) = (name, params, captures, line)
    }

    /// nil if the line is not the head of a function.
    init?(heading line: Line) throws {
      guard line.text.hasPrefix("function ") else { return nil }
      let words = line.text.split(separator: " ").dropFirst()
      let parts = words.first!.split(whereSeparator: { "()".contains($0) })
      guard parts.count == 2, let params = Int(parts[1]) else { throw line.fail("bad heading") }
      let captures = try words.dropFirst(2).map { word in
        guard let index = Int(word.dropFirst()) else { throw line.fail("bad capture") }
        return (fromRegister: word.hasPrefix("r"), index: index)
      }
      self.init(name: String(parts[0]), params: params, captures: captures, line: line.number)
    }
  }

  private(set) var program: Program
  private let functions: [String: UInt32]
  private var code: [Instruction] = []
  private var lines: [(pc: Int, line: Int)] = []
  private var labels: [Substring: Int] = [:]
  private var jumps: [(pc: Int, label: Substring, line: Line)] = []

  /// The abbreviations' registers begin here.
  private static let temporaries = 100

  init(program: Program, functions: [String: UInt32]) {
    (self.program, self.functions) = (program, functions)
  }

  mutating func assemble(_ function: Function) throws {
    for line in function.lines {
      let before = code.count
      try assemble(line)
      if code.count > before { lines.append((before, line.number)) }
    }
    if code.last.map({ $0.opcode != KTAP_OP_RETURN && $0.opcode != KTAP_OP_JMP }) ?? true
      || labels.values.contains(code.count)
    {
      code.append(Instruction(KTAP_OP_RETURN, a: 0, b: 1))
    }
    for jump in jumps {
      guard let target = labels[jump.label] else { throw jump.line.fail("no such label") }
      code[jump.pc].d = UInt32(target)
    }
    program.image.addFunction(
      name: function.name, line: function.line, params: function.params,
      registers: max(code.map(\.registersUsed).max() ?? 1, function.params, 1),
      captures: function.captures, code: code, lines: lines.isEmpty ? [(0, 1)] : lines)
  }

  private mutating func assemble(_ line: Line) throws {
    let text = line.text
    if text.hasSuffix(":") {
      labels[text.dropLast()] = code.count
    } else if let equals = text.unquoted("=") {
      let to = try text.prefix(upTo: equals).split(separator: ",").map {
        try register($0.trimmed, line)
      }
      try assign(to, text.suffix(from: equals).dropFirst().trimmed, line)
    } else if text.hasSuffix(")") {
      try call(text, results: [], line)
    } else {
      try instruction(line)
    }
  }

  // MARK: Instructions as they are

  private mutating func instruction(_ line: Line) throws {
    var words = line.text.words
    let mnemonic = words.removeFirst()
    guard let (opcode, info) = Self.opcodes[String(mnemonic)] else {
      throw line.fail("no such instruction")
    }
    let pc = code.count
    var result = Instruction(opcode)
    for (kind, operand) in [(info.a, \Instruction.a), (info.b, \.b), (info.c, \.c)]
    where kind != .zero {
      guard !words.isEmpty else { throw line.fail("too few operands") }
      result[keyPath: operand] = UInt8(try small(words.removeFirst(), kind, line))
    }
    if info.d != .zero {
      guard !words.isEmpty else { throw line.fail("too few operands") }
      result.d = try large(words.removeFirst(), info.d, pc, line)
    }
    guard words.isEmpty else { throw line.fail("too many operands") }
    code.append(result)
  }

  private static let opcodes: [String: (Opcode, OpcodeInfo)] = Dictionary(
    uniqueKeysWithValues: (0..<UInt8(KTAP_OP_COUNT.rawValue)).map {
      let info = OpcodeInfo($0)!
      return (info.mnemonic, (Opcode(rawValue: UInt32($0)), info))
    })

  private func small(_ word: Substring, _ kind: OperandKind, _ line: Line) throws -> Int {
    switch kind {
    case .count: if let number = Int(word) { return number }
    case .cap: if word.hasPrefix("u"), let number = Int(word.dropFirst()) { return number }
    default: return try register(word, line)
    }
    throw line.fail("bad operand '\(word)'")
  }

  private mutating func large(
    _ word: Substring, _ kind: OperandKind, _ pc: Int, _ line: Line
  ) throws -> UInt32 {
    let name = String(word)
    switch kind {
    case .imm: if let number = Int(word) { return UInt32(truncatingIfNeeded: number) }
    case .const: if let constant = try constant(word, line) { return constant }
    case .consts: return program.image.constant(word.hasPrefix("\"") ? try text(word, line) : name)
    case .global: return program.global(name)
    case .func: if let function = functions[name] { return function }
    case .symbol: if let symbol = program.symbols[name] { return symbol }
    case .field: if word.hasPrefix("m"), let number = UInt32(word.dropFirst()) { return number }
    case .builtin: if let builtin = Builtin.named(name) { return UInt32(builtin.number) }
    default:
      jumps.append((pc, word, line))
      return 0
    }
    throw line.fail("bad operand '\(word)'")
  }

  // MARK: Abbreviations

  private mutating func assign(_ to: [Int], _ value: Substring, _ line: Line) throws {
    if value.hasSuffix(")") {
      try call(value, results: to, line)
    } else {
      try load(value, to[0], line)
    }
  }

  private mutating func call(_ text: Substring, results: [Int], _ line: Line) throws {
    guard let open = text.firstIndex(of: "(") else { throw line.fail("no '('") }
    let name = text.prefix(upTo: open)
    let arguments = text.suffix(from: open).dropFirst().dropLast().arguments
    if let symbol = program.symbols[String(name)] {
      for (index, argument) in arguments.enumerated() {
        try load(argument, Self.temporaries + index, line)
      }
      code.append(
        Instruction(KTAP_OP_CCALL, a: Self.temporaries, b: arguments.count, d: Int(symbol)))
    } else {
      try load(name, Self.temporaries, line)
      for (index, argument) in arguments.enumerated() {
        try load(argument, Self.temporaries + 1 + index, line)
      }
      code.append(
        Instruction(
          KTAP_OP_CALL, a: Self.temporaries, b: arguments.count + 1, c: results.count + 1))
    }
    for (index, register) in results.enumerated() {
      code.append(Instruction(KTAP_OP_MOVE, a: register, b: Self.temporaries + index))
    }
  }

  private mutating func load(_ value: Substring, _ to: Int, _ line: Line) throws {
    let name = String(value)
    switch name {
    case "nil": code.append(Instruction(KTAP_OP_LOADNIL, a: to, b: 1))
    case "true", "false":
      code.append(Instruction(KTAP_OP_LOADBOOL, a: to, b: name == "true" ? 1 : 0))
    case "{}": code.append(Instruction(KTAP_OP_NEWTABLE, a: to))
    default:
      if let constant = try constant(value, line) {
        code.append(Instruction(KTAP_OP_LOADK, a: to, d: Int(constant)))
      } else if let function = functions[name] {
        code.append(Instruction(KTAP_OP_CLOSURE, a: to, d: Int(function)))
      } else if let builtin = Builtin.named(name) {
        code.append(Instruction(KTAP_OP_BUILTIN, a: to, d: builtin.number))
      } else if let symbol = program.symbols[name] {
        code.append(Instruction(KTAP_OP_GETSYM, a: to, d: Int(symbol)))
      } else {
        code.append(Instruction(KTAP_OP_MOVE, a: to, b: try register(value, line)))
      }
    }
  }

  // MARK: Words

  private func register(_ word: Substring, _ line: Line) throws -> Int {
    guard word.hasPrefix("r"), let number = Int(word.dropFirst()) else {
      throw line.fail("'\(word)' is no register")
    }
    return number
  }

  /// The index of the constant that a word stands for; nil if it stands for none.
  private mutating func constant(_ word: Substring, _ line: Line) throws -> UInt32? {
    if word.hasPrefix("\"") { return program.image.constant(try text(word, line)) }
    if word.hasPrefix("<") {
      guard let type = program.types[String(word.dropFirst().dropLast())] else {
        throw line.fail("no such type")
      }
      return program.image.constant(KTAP_CONSTANT_CTYPE, UInt64(type))
    }
    if word.hasSuffix("u"), let number = UInt64(word.dropLast()) {
      return program.image.constant(KTAP_CONSTANT_UINT, number)
    }
    if word.hasPrefix("0x"), let number = UInt64(word.dropFirst(2), radix: 16) {
      return program.image.constant(Int64(bitPattern: number))
    }
    return Int64(word).map { program.image.constant($0) }
  }

  /// A string literal's bytes; escapes are \n \0 \" \\.
  private func text(_ word: Substring, _ line: Line) throws -> String {
    guard word.count >= 2, word.hasSuffix("\"") else { throw line.fail("unended string") }
    var result = ""
    var isEscape = false
    for character in word.dropFirst().dropLast() {
      if isEscape {
        result.append(character == "n" ? "\n" : character == "0" ? "\0" : character)
        isEscape = false
      } else if character == "\\" {
        isEscape = true
      } else {
        result.append(character)
      }
    }
    return result
  }
}

extension Program {
  /// The index of a global.
  mutating func global(_ name: String) -> UInt32 {
    let string = image.intern(name)
    if let index = image.globals.firstIndex(where: { $0.name == string }) { return UInt32(index) }
    image.globals.append(ktap_image_global(name: string))
    return UInt32(image.globals.count - 1)
  }
}

extension Instruction {
  /// How many registers a function must have for this instruction: those that it names and the run
  /// that it works on.
  fileprivate var registersUsed: Int {
    let info = OpcodeInfo(op)!
    let named = [(info.a, a), (info.b, b), (info.c, c)].compactMap { kind, operand in
      [.out, .in, .base].contains(kind) ? Int(operand) : nil
    }
    return 1 + max(named.max() ?? 0, lastOfRun)
  }

  private var lastOfRun: Int {
    let (a, b, c) = (Int(a), Int(b), Int(c))
    switch opcode {
    case KTAP_OP_LOADNIL, KTAP_OP_CCALL: return a + b - 1
    case KTAP_OP_CONCAT, KTAP_OP_SETLIST: return b + c - 1
    case KTAP_OP_CALL: return a + max(b - 1, c - 2)
    case KTAP_OP_RETURN: return a + b - 2
    case KTAP_OP_FORPREP, KTAP_OP_FORLOOP, KTAP_OP_ITERLOOP: return a + 3
    case KTAP_OP_ITERCALL: return a + 2 + c
    default: return 0
    }
  }
}

extension Substring {
  fileprivate var trimmed: Substring {
    let head = drop { $0 == " " || $0 == "\t" }
    guard let last = head.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return head }
    return head[...last]
  }

  /// The first place of a character outside string literals and C types.
  fileprivate func unquoted(_ wanted: Character) -> Index? {
    var quote: Character?
    var isEscaped = false
    for index in indices {
      let character = self[index]
      if let end = quote {
        if character == end, !isEscaped { quote = nil }
        isEscaped = character == "\\" && !isEscaped
      } else if character == wanted {
        return index
      } else if character == "\"" || character == "<" {
        quote = character == "<" ? ">" : "\""
      }
    }
    return nil
  }

  /// The pieces between unquoted separators, without blanks around them and without empty ones.
  private func pieces(_ separator: Character) -> [Substring] {
    var result: [Substring] = []
    var rest = self
    while let index = rest.unquoted(separator) {
      result.append(rest.prefix(upTo: index).trimmed)
      rest = rest.suffix(from: index).dropFirst()
    }
    result.append(rest.trimmed)
    return result.filter { !$0.isEmpty }
  }

  fileprivate var words: [Substring] { pieces(" ") }
  fileprivate var arguments: [Substring] { pieces(",") }
}
