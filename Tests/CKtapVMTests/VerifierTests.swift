// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage
import Testing

/// Each rule of the verifier broken alone.
@Suite struct VerifierTests {
  @Test func theSampleIsAccepted() throws {
    let image = try Program.sample().image.build()
    #expect(Machine.refusal(of: image) == nil)
    let outcome = try Machine().run(image)
    #expect(outcome.error == nil)
  }

  /// A rule: what breaks it, and where in the image the verifier must point.
  struct Rule: CustomTestStringConvertible, Sendable {
    var name: String
    /// The section, and the index in it, of the entry that the message points into.
    var place: @Sendable (ImageBuilder) -> (ImageSection, Int)
    var damage: @Sendable (inout ImageBuilder) -> Void

    var testDescription: String { name }

    init(
      _ name: String, _ section: ImageSection, _ index: Int = 0,
      _ damage: @escaping @Sendable (inout ImageBuilder) -> Void
    ) {
      (self.name, self.damage) = (name, damage)
      place = { _ in (section, index) }
    }

    /// A rule about what a plan's function type says of it.
    init(
      _ name: String, functionOfPlan plan: UInt32,
      _ damage: @escaping @Sendable (inout ImageBuilder) -> Void
    ) {
      (self.name, self.damage) = (name, damage)
      place = { image in
        (
          .types,
          image.types.firstIndex {
            $0.kind == KTAP_TYPE_FUNCTION.rawValue && $0.plan == plan
          }!
        )
      }
    }

    /// A rule about the first type that a test finds.
    init(
      _ name: String, type isIt: @escaping @Sendable (ktap_image_type) -> Bool,
      _ damage: @escaping @Sendable (inout ktap_image_type) -> Void
    ) {
      self.name = name
      place = { (.types, $0.types.firstIndex(where: isIt)!) }
      self.damage = { image in damage(&image.types[image.types.firstIndex(where: isIt)!]) }
    }
  }

  private func check(_ rule: Rule) throws {
    var image = try Program.sample().image
    let (section, index) = rule.place(image)
    rule.damage(&image)
    let bytes = image.build()
    let refusal = try #require(Machine.refusal(of: bytes), "the verifier accepts it")
    #expect(!refusal.message.isEmpty)
    let start = try ImageReader(bytes, name: "t").sections[section.rawValue].offset
    let entry = Int(start) + index * section.entrySize
    guard case .byte(let offset) = refusal.place else {
      Issue.record("\(refusal)")
      return
    }
    #expect((entry..<entry + section.entrySize).contains(offset), "\(refusal), entry at \(entry)")
  }

  static let none = imageNone
  static let far: UInt32 = 10_000

  // MARK: Strings, constants, symbols, globals, grants

  static let tableRules = [
    Rule("string not behind the one before", .strings, 1) { $0.strings[1].offset += 1 },
    Rule("string beyond the bytes", .strings, 3) { $0.strings[3].length = 1 << 19 },
    Rule("string too long", .strings, 0) { $0.strings[0].length = 1 << 20 + 1 },
    Rule("constant of unknown kind", .constants, 1) { $0.constants[1].kind = 9 },
    Rule("constant with reserved bits", .constants, 1) { $0.constants[1].reserved = 1 },
    Rule("constant without string", .constants, 1) {
      $0.constants[1] = ktap_image_constant(
        kind: KTAP_CONSTANT_STRING.rawValue, reserved: 0, value: UInt64(far))
    },
    Rule("constant without type", .constants, 1) {
      $0.constants[1] = ktap_image_constant(
        kind: KTAP_CONSTANT_CTYPE.rawValue, reserved: 0, value: 1 << 32)
    },
    Rule("symbol without name", .symbols) { $0.symbols[0].name = none },
    Rule("symbol of unknown kind", .symbols) { $0.symbols[0].kind = 3 },
    Rule("symbol with unknown base", .symbols) { $0.symbols[0].base = 6 },
    Rule("symbol of another target", .symbols) { $0.symbols[0].base = KTAP_BASE_STEXT.rawValue },
    Rule("symbol without module string", .symbols) { $0.symbols[0].module = far },
    Rule("symbol of the host with an offset", .symbols) { $0.symbols[0].offset = 8 },
    Rule("symbol without type", .symbols) { $0.symbols[0].type = far },
    Rule("function symbol that is no function", .symbols) { $0.symbols[0].type = 1 },
    Rule("variable that is a function", .symbols, 5) { $0.symbols[5].type = $0.symbols[0].type },
    Rule("variable of type void", .symbols, 5) { $0.symbols[5].type = 0 },
    Rule("variable smaller than its type", .symbols, 6) { $0.symbols[6].size = 8 },
    Rule("symbol with unknown flags", .symbols) { $0.symbols[0].flags = 2 },
    Rule("global without name", .globals) { $0.globals[0].name = none },
    Rule("field of no type", .fields) { $0.fields[0].base = far },
    Rule("field of a number", .fields) { $0.fields[0].base = $0.fields[0].type },
    Rule("field of void", .fields) { $0.fields[0].base = 0 },
    Rule("field of an incomplete record", .fields) { image in
      image.fields[0].base = UInt32(image.types.firstIndex(where: isIncomplete)!)
    },
    Rule("field of a pointer to no record", .fields, 1) { image in
      image.types[Int(image.fields[1].base)].ref = image.fields[1].type
    },
    Rule("field without name", .fields) { $0.fields[0].name = none },
    Rule("field without type", .fields) { $0.fields[0].type = far },
    Rule("field of type void", .fields) { $0.fields[0].type = 0 },
    Rule("field beyond its record", .fields) { $0.fields[0].bit_offset = 72 },
    Rule("field far beyond its record", .fields) { $0.fields[0].bit_offset = ~7 },
    Rule("field within a byte", .fields) { $0.fields[0].bit_offset = 4 },
    Rule("field of bits beyond its record", .fields, 2) { $0.fields[2].bit_offset = 62 },
    Rule("field of more bits than its type", .fields, 2) { $0.fields[2].bit_size = 33 },
    Rule("grant of unknown kind", .grants) { $0.grants[0].kind = 0 },
    Rule("grant of a call without symbol", .grants) { $0.grants[0].symbol = none },
    Rule("grant of a call of a variable", .grants) { $0.grants[0].symbol = 5 },
    Rule("grant of writing with a symbol", .grants, 1) { $0.grants[1].symbol = 0 },
    Rule("grants out of order", .grants, 1) { $0.grants.swapAt(0, 1) },
    Rule("grant twice", .grants, 1) { $0.grants[1] = $0.grants[0] },
  ]

  @Test(arguments: tableRules) func tables(rule: Rule) throws { try check(rule) }

  // MARK: Types

  private static func isKind(_ kind: ktap_type_kind, minimum count: UInt32 = 0)
    -> @Sendable (ktap_image_type) -> Bool
  {
    { $0.kind == kind.rawValue && $0.count >= count }
  }
  private static let isFlexible: @Sendable (ktap_image_type) -> Bool = {
    $0.flags & UInt32(KTAP_TYPE_FLEXIBLE) != 0
  }
  private static let isIncomplete: @Sendable (ktap_image_type) -> Bool = {
    $0.flags & UInt32(KTAP_TYPE_INCOMPLETE) != 0
  }
  private static let isLong: @Sendable (ktap_image_type) -> Bool = {
    $0.kind == KTAP_TYPE_INT.rawValue && $0.size == 8
  }

  static let typeRules = [
    Rule("type 0 is not void", .types) { $0.types[0] = $0.types[1] },
    Rule("type 0 is const", .types) { $0.types[0].flags = UInt32(KTAP_TYPE_CONST) },
    Rule("type of unknown kind", type: isLong) { $0.kind = 10 },
    Rule("type without name", type: isLong) { $0.name = none },
    Rule("unknown type flag", type: isLong) { $0.flags |= 64 },
    Rule("variadic integer", type: isLong) { $0.flags |= UInt32(KTAP_TYPE_VARIADIC) },
    Rule("integer that refers", type: isLong) { $0.ref = 1 },
    Rule("integer with a length", type: isLong) { $0.length = 1 },
    Rule("integer with members", type: isLong) { $0.count = 1 },
    Rule("integer with a plan", type: isLong) { $0.plan = 0 },
    Rule("integer of 3 bytes", type: isLong) { $0.size = 3 },
    Rule("integer of no bytes", type: isLong) { $0.size = 0 },
    Rule("integer aligned to 3", type: isLong) { $0.align = 3 },
    Rule("integer without alignment", type: isLong) { $0.align = 0 },
    Rule("character of 8 bytes", type: isLong) { $0.flags |= UInt32(KTAP_TYPE_CHAR) },
    Rule("boolean of 2 bytes", type: isKind(KTAP_TYPE_BOOL)) { $0.size = 2 },
    Rule("pointer of 4 bytes", type: isKind(KTAP_TYPE_POINTER)) { $0.size = 4 },
    Rule("pointer to nothing", type: isKind(KTAP_TYPE_POINTER)) { $0.ref = far },
    Rule("array of another size", type: isKind(KTAP_TYPE_ARRAY)) { $0.size += 4 },
    Rule("array whose size overflows", type: isKind(KTAP_TYPE_ARRAY)) { $0.length = 1 << 62 },
    Rule("array of void", type: isKind(KTAP_TYPE_ARRAY)) { $0.ref = 0 },
    Rule("array less aligned than its elements", type: isKind(KTAP_TYPE_ARRAY)) { $0.align = 2 },
    Rule("flexible array with a length", type: isFlexible) { $0.length = 4 },
    Rule("flexible array with a size", type: isFlexible) { $0.size = 16 },
    Rule("incomplete struct with a size", type: isIncomplete) { $0.size = 8 },
    Rule("incomplete struct with members", type: isIncomplete) { $0.count = 1 },
    Rule("struct with members beyond the table", type: isKind(KTAP_TYPE_STRUCT, minimum: 2)) {
      $0.count = far
    },
    Rule("struct with members from beyond", type: isKind(KTAP_TYPE_STRUCT, minimum: 2)) {
      $0.first = none
    },
    Rule("struct of no multiple of its alignment", type: isKind(KTAP_TYPE_STRUCT, minimum: 2)) {
      $0.size += 1
    },
    Rule("struct of an enormous size", type: isKind(KTAP_TYPE_STRUCT, minimum: 2)) {
      $0.size = 1 << 63
    },
    Rule("enum of 3 bytes", type: isKind(KTAP_TYPE_ENUM)) { $0.size = 3 },
    Rule("enum with enumerators beyond the table", type: isKind(KTAP_TYPE_ENUM)) { $0.first = 1 },
    Rule("function with a size", type: isKind(KTAP_TYPE_FUNCTION)) { $0.size = 8 },
    Rule("const function", type: isKind(KTAP_TYPE_FUNCTION)) {
      $0.flags |= UInt32(KTAP_TYPE_CONST)
    },
    Rule("function with parameters beyond the table", type: isKind(KTAP_TYPE_FUNCTION)) {
      $0.count = far
    },
    Rule("function with the plan of another", type: isKind(KTAP_TYPE_FUNCTION)) { $0.plan = 1 },
    Rule("function with no such plan", type: isKind(KTAP_TYPE_FUNCTION)) { $0.plan = far },
    Rule("function that returns nothing there is", type: isKind(KTAP_TYPE_FUNCTION)) {
      $0.ref = far
    },
    Rule("member without type", .members, 0) { $0.members[0].type = far },
    Rule("member of type void", .members, 0) { $0.members[0].type = 0 },
    Rule("member with no such name", .members, 0) { $0.members[0].name = far },
    Rule("scalar member without name", .members, 0) { $0.members[0].name = none },
    Rule("member with reserved bits", .members, 0) { $0.members[0].reserved = 1 },
    Rule("member within a byte", .members, 0) { $0.members[0].bit_offset = 4 },
    Rule("member beyond its record", .members, 1) { $0.members[1].bit_offset = 72 },
    Rule("member far beyond its record", .members, 1) { $0.members[1].bit_offset = ~7 },
    Rule("bit-field wider than its type", .members, 2) { $0.members[2].bit_size = 33 },
    Rule("bit-field beyond its record", .members, 2) { $0.members[2].bit_offset = 62 },
    Rule("bit-field far beyond its record", .members, 2) { $0.members[2].bit_offset = ~0 },
    Rule("bit-field of a pointer", .members, 2) {
      $0.members[2].type = UInt32(
        $0.types.firstIndex { $0.kind == KTAP_TYPE_POINTER.rawValue }!)
    },
    Rule("enumerator without name", .enumerators, 1) { $0.enumerators[1].name = none },
    Rule("enumerator with reserved bits", .enumerators, 1) { $0.enumerators[1].reserved = 1 },
    Rule("parameter with no such name", .params, 0) { $0.params[0].name = far },
    Rule("parameter without type", .params, 0) { $0.params[0].type = far },
    Rule("parameter of type void", .params, 0) { $0.params[0].type = 0 },
  ]

  @Test(arguments: typeRules) func types(rule: Rule) throws { try check(rule) }

  /// A type that contains itself has no size; the verifier must neither accept nor follow it.
  @Test func typesContainNoCycles() throws {
    var program = Program()
    program.record("struct a", [.init("x", "long")])
    program.record("struct b", [.init("a", "struct a")])
    try program.assemble("r0 = 1")
    program.image.members[0].type = program["struct b"]
    #expect(Machine.refusal(of: program.image.build()) != nil)
    program.image.members[0].type = program["struct a"]
    #expect(Machine.refusal(of: program.image.build()) != nil)
  }

  @Test func arraysContainNoCycles() throws {
    var program = Program()
    program.array("long", 1, name: "A")
    program.array("A", 1, name: "B")
    try program.assemble("r0 = 1")
    program.image.types[Int(program["A"])].ref = program["B"]
    #expect(Machine.refusal(of: program.image.build()) != nil)
  }

  /// Types nested by value: to some depth, not without bound.
  @Test func nestingIsBounded() throws {
    func nested(_ depth: Int) throws -> [UInt8] {
      var program = Program()
      program.record("struct 0", [.init("x", "long")])
      for level in 1..<depth {
        program.record("struct \(level)", [.init("x", "struct \(level - 1)")])
      }
      try program.assemble("r0 = 1")
      return program.image.build()
    }
    #expect(try Machine.refusal(of: nested(16)) == nil)
    #expect(try Machine.refusal(of: nested(200)) != nil)
  }

  // MARK: Call plans

  static let planRules = [
    Rule("plan of no function", functionOfPlan: 1) { $0.plans[1].type = 1 },
    Rule("plan of no type", functionOfPlan: 1) { $0.plans[1].type = far },
    Rule("plan of another function", functionOfPlan: 1) { $0.plans[1].type = $0.plans[0].type },
    Rule("plan with too few words", .plans, 1) { $0.plans[1].words = 5 },
    Rule("plan with too many words", .plans, 1) { $0.plans[1].words = 263 },
    Rule("plan with reserved bits", .plans, 1) { $0.plans[1].reserved = 1 },
    Rule("plan of no known convention", .plans, 1) { $0.plans[1].convention = 2 },
    Rule("plan with no such return", .plans, 1) { $0.plans[1].return_kind = 4 },
    Rule("plan that returns what is void", .plans, 0) {
      $0.plans[0].return_kind = KTAP_RETURN_SCALAR.rawValue
    },
    Rule("plan that returns in registers what is void", .plans, 0) {
      $0.plans[0].return_kind = KTAP_RETURN_REGISTERS.rawValue
    },
    Rule("plan that returns 32 bytes in registers", .plans, 3) {
      $0.plans[3].return_kind = KTAP_RETURN_REGISTERS.rawValue
    },
    Rule("plan that uses more registers than it says", .plans, 0) {
      $0.plans[0].registers_used = 1
    },
    Rule("plan with seven registers", .plans, 0) { $0.plans[0].registers_used = 7 },
    Rule("plan with the steps of another", .plans, 1) { $0.plans[1].first_step = 0 },
    Rule("plan with steps beyond the table", .plans, 1) { $0.plans[1].step_count = far },
    Rule("step of unknown kind", .steps, 0) { $0.steps[0].kind = 4 },
    Rule("step beyond the words", .steps, 0) { $0.steps[0].slot = 6 },
    Rule("step far beyond the words", .steps, 0) { $0.steps[0].slot = 0xffff },
    Rule("slot used twice", .steps, 1) { $0.steps[1].slot = 0 },
    Rule("step with a copy that it does not make", .steps, 0) { $0.steps[0].copy = 6 },
    Rule("copy in the System V convention", .steps, 4) {
      $0.steps[4].kind = UInt16(KTAP_STEP_COPY.rawValue)
    },
    Rule("scalar from its middle", .steps, 0) { $0.steps[0].offset = 1 },
    Rule("scalar of another size", .steps, 0) { $0.steps[0].size = 8 },
    Rule("scalar in pieces", .steps, 0) { $0.steps[0].kind = UInt16(KTAP_STEP_PIECE.rawValue) },
    Rule("piece beyond its aggregate", .steps, 3) { $0.steps[3].offset = 16 },
    Rule("piece larger than a slot", .steps, 2) { $0.steps[2].size = 9 },
    Rule("piece of no bytes", .steps, 2) { $0.steps[2].size = 0 },
    Rule("piece out of order", .steps, 3) { $0.steps.swapAt(2, 3) },
    Rule("aggregate as a scalar", .steps, 2) {
      $0.steps[2].kind = UInt16(KTAP_STEP_SCALAR.rawValue)
    },
    Rule("aggregate of 32 bytes in pieces", .steps, 4) {
      $0.steps[4].kind = UInt16(KTAP_STEP_PIECE.rawValue)
    },
    Rule("aggregate in memory cut short", .steps, 4) { $0.steps[4].size = 40 },
    Rule("aggregate in memory beyond the words", .steps, 4) { $0.steps[4].slot = 7 },
    Rule("aggregate in memory over registers", .steps, 4) { $0.steps[4].slot = 0 },
  ]

  @Test(arguments: planRules) func plans(rule: Rule) throws { try check(rule) }

  /// The sample with its function that takes 32 bytes turned into one of Microsoft's convention.
  static func microsoft(
    _ damage: (inout ktap_image_plan, inout ktap_image_step) -> Void = { _, _ in }
  ) throws -> [UInt8] {
    var image = try Program.sample().image
    let index = try #require(
      image.plans.firstIndex { $0.first_step <= 4 && 4 < $0.first_step + $0.step_count })
    image.plans[index].convention = KTAP_CONVENTION_MICROSOFT.rawValue
    image.plans[index].registers_used = 6
    image.steps[4].kind = UInt16(KTAP_STEP_COPY.rawValue)
    image.steps[4].slot = 4
    image.steps[4].copy = UInt16(image.plans[index].words)
    damage(&image.plans[index], &image.steps[4])
    return image.build()
  }

  @Test func copiesLieBehindTheWords() throws {
    #expect(Machine.refusal(of: try Self.microsoft()) == nil)
    let last = UInt16(KTAP_PLAN_MAX_WORDS) - 4
    #expect(Machine.refusal(of: try Self.microsoft { $1.copy = last }) == nil)
    for copy in [0, last + 1, UInt16.max] {
      #expect(Machine.refusal(of: try Self.microsoft { $1.copy = copy }) != nil)
    }
    #expect(Machine.refusal(of: try Self.microsoft { $1.copy = UInt16($0.words) - 1 }) != nil)
    #expect(Machine.refusal(of: try Self.microsoft { $1.size = 40 }) != nil)
    #expect(Machine.refusal(of: try Self.microsoft { $1.offset = 8 }) != nil)
    #expect(Machine.refusal(of: try Self.microsoft { $1.slot = UInt16($0.words) }) != nil)
  }

  @Test func microsoftsConventionHasNoVariadicFunctions() throws {
    var image = try Program.sample().image
    let plan = try #require(
      image.plans.firstIndex {
        image.types[Int($0.type)].flags & UInt32(KTAP_TYPE_VARIADIC) != 0
      })
    image.plans[plan].convention = KTAP_CONVENTION_MICROSOFT.rawValue
    let refusal = try #require(Machine.refusal(of: image.build()))
    #expect("\(refusal)".contains("variadic"))
  }

  /// A parameter without a step would leave a register to chance.
  @Test func everyScalarParameterIsPassed() throws {
    var image = try Program.sample().image
    image.steps.remove(at: 1)
    image.plans[0].step_count -= 1
    for plan in 1..<image.plans.count { image.plans[plan].first_step -= 1 }
    #expect(Machine.refusal(of: image.build()) != nil)
  }

  // MARK: Functions

  static let functionRules = [
    Rule("function without name", .functions, 1) { $0.functions[1].name = none },
    Rule("function without registers", .functions, 2) { $0.functions[2].register_count = 0 },
    Rule("function with 251 registers", .functions, 2) { $0.functions[2].register_count = 251 },
    Rule("function with more parameters than registers", .functions, 2) {
      $0.functions[2].param_count = 9
    },
    Rule("function without code", .functions, 2) { $0.functions[2].instruction_count = 0 },
    Rule("function with code beyond the table", .functions, 2) {
      $0.functions[2].instruction_count = far
    },
    Rule("function with the code of another", .functions, 2) {
      $0.functions[2].first_instruction = 0
    },
    Rule("function with lines beyond the table", .functions, 2) {
      $0.functions[2].line_count = far
    },
    Rule("function with the lines of another", .functions, 2) { $0.functions[2].first_line = 0 },
    Rule("function with captures beyond the table", .functions, 2) {
      $0.functions[2].first_capture = far
    },
    Rule("main chunk with parameters", .functions, 0) { $0.functions[0].param_count = 1 },
    Rule("capture with unknown bits", .captures, 0) { $0.captures[0].reserved = 1 },
    Rule("capture from nowhere", .captures, 0) { $0.captures[0].from_register = 2 },
    Rule("lines out of order", .lines, 2) { $0.lines[2].pc = 0 },
    Rule("first line not of pc 0", .lines, 0) { $0.lines[0].pc = 1 },
    Rule("line behind the code", .lines, 2) {
      $0.lines[2].pc = 10_000
    },
    Rule("line 0", .lines, 0) { $0.lines[0].line = 0 },
  ]

  @Test(arguments: functionRules) func functions(rule: Rule) throws { try check(rule) }

  @Test func theMainChunkCapturesNothing() throws {
    var image = try Program.sample().image
    image.functions[0].capture_count = image.functions[1].capture_count
    image.functions[0].first_capture = image.functions[1].first_capture
    image.functions[1].capture_count = 0
    #expect(Machine.refusal(of: image.build()) != nil)
  }

  @Test func thereIsAMainChunk() throws {
    var image = try Program.sample().image
    image.functions = []
    (image.code, image.lines, image.captures) = ([], [], [])
    #expect(Machine.refusal(of: image.build()) != nil)
  }

  // MARK: Code

  /// An instruction that must not be there, in a main chunk of 4 registers.
  struct BadInstruction: CustomTestStringConvertible, Sendable {
    var name: String
    var opcode: UInt32
    var a = 0, b = 0, c = 0, d = 0

    init(_ name: String, _ opcode: Opcode, a: Int = 0, b: Int = 0, c: Int = 0, d: Int = 0) {
      (self.name, self.opcode) = (name, opcode.rawValue)
      (self.a, self.b, self.c, self.d) = (a, b, c, d)
    }

    var testDescription: String { name }
    var instruction: Instruction { Instruction(Opcode(rawValue: opcode), a: a, b: b, c: c, d: d) }
  }

  static let badInstructions = [
    BadInstruction("unknown opcode", Opcode(rawValue: KTAP_OP_COUNT.rawValue)),
    BadInstruction("opcode 255", Opcode(rawValue: 255)),
    BadInstruction("run of nils of no length", KTAP_OP_LOADNIL, a: 0, b: 0),
    BadInstruction("run of nils beyond the registers", KTAP_OP_LOADNIL, a: 3, b: 2),
    BadInstruction("boolean 2", KTAP_OP_LOADBOOL, a: 0, b: 2),
    BadInstruction("concatenation of one", KTAP_OP_CONCAT, a: 0, b: 0, c: 1),
    BadInstruction("concatenation beyond the registers", KTAP_OP_CONCAT, a: 0, b: 3, c: 2),
    BadInstruction("list beyond the registers", KTAP_OP_SETLIST, a: 0, b: 3, c: 2),
    BadInstruction("list to a top that is not there", KTAP_OP_SETLIST, a: 0, b: 1, c: 0),
    BadInstruction("call with arguments beyond the registers", KTAP_OP_CALL, a: 2, b: 3, c: 1),
    BadInstruction("call with results beyond the registers", KTAP_OP_CALL, a: 2, b: 1, c: 4),
    BadInstruction("call to a top that is not there", KTAP_OP_CALL, a: 0, b: 0, c: 1),
    BadInstruction("open call that nothing takes", KTAP_OP_CALL, a: 0, b: 1, c: 0),
    BadInstruction("return beyond the registers", KTAP_OP_RETURN, a: 3, b: 3),
    BadInstruction("return to a top that is not there", KTAP_OP_RETURN, a: 0, b: 0),
    BadInstruction("foreign call of a variable", KTAP_OP_CCALL, a: 0, b: 0, d: 5),
    BadInstruction("foreign call beyond the registers", KTAP_OP_CCALL, a: 3, b: 2, d: 0),
    BadInstruction("foreign call to a top that is not there", KTAP_OP_CCALL, a: 0, c: 1, d: 0),
    BadInstruction("foreign call with c = 2", KTAP_OP_CCALL, a: 0, b: 1, c: 2, d: 0),
    BadInstruction("assignment to a function", KTAP_OP_SETSYM, a: 0, d: 0),
    BadInstruction("closure with captures beyond the registers", KTAP_OP_CLOSURE, a: 0, d: 2),
    BadInstruction("loop beyond the registers", KTAP_OP_FORPREP, a: 1, d: 3),
    BadInstruction("loop's end beyond the registers", KTAP_OP_FORLOOP, a: 1, d: 0),
    BadInstruction("loop that begins backwards", KTAP_OP_FORPREP, a: 0, d: 0),
    BadInstruction("loop that ends forwards", KTAP_OP_FORLOOP, a: 0, d: 2),
    BadInstruction("iteration that ends forwards", KTAP_OP_ITERLOOP, a: 0, d: 2),
    BadInstruction("iteration beyond the registers", KTAP_OP_ITERCALL, a: 0, c: 2),
    BadInstruction("iteration without variables", KTAP_OP_ITERCALL, a: 0, c: 0),
    BadInstruction("iteration's end beyond the registers", KTAP_OP_ITERLOOP, a: 1, d: 0),
    BadInstruction("small value of no kind", KTAP_OP_SETSMALL, a: 0, b: 0, c: 1),
    BadInstruction("small value of another kind", KTAP_OP_SETSMALL, a: 0, b: 0, c: 5),
    BadInstruction("false with a number", KTAP_OP_SETSMALL, a: 0, b: 0, c: 3, d: 1),
    BadInstruction("true with a number", KTAP_OP_SETSMALL, a: 0, b: 0, c: 4, d: 1),
    BadInstruction("field that is no string", KTAP_OP_GETFIELD, a: 0, b: 0, d: 0),
    BadInstruction("field set that is no string", KTAP_OP_SETFIELD, a: 0, b: 0, d: 0),
  ]

  private func refusal(with instruction: Instruction) throws -> Refusal? {
    var image = try Program.sample().image
    image.code[1] = instruction
    image.functions[0].register_count = 4
    // What follows must not be affected by what stands at pc 1.
    let main = image.functions[0]
    for pc in 2..<Int(main.instruction_count) - 1 { image.code[pc] = Instruction(KTAP_OP_MOVE) }
    image.code[Int(main.instruction_count) - 1] = Instruction(KTAP_OP_RETURN, b: 1)
    return Machine.refusal(of: image.build())
  }

  @Test func theFrameOfTheseTestsIsAccepted() throws {
    #expect(try refusal(with: Instruction(KTAP_OP_MOVE)) == nil)
  }

  @Test(arguments: badInstructions) func instructions(bad: BadInstruction) throws {
    let refusal = try #require(try refusal(with: bad.instruction))
    #expect(refusal.place == .pc(function: 0, pc: 1), "\(refusal)")
  }

  /// For each operand of each opcode: out of range where it is an index, not zero where unused.
  @Test func everyOperandOfEveryOpcode() throws {
    for opcode in 0..<UInt8(KTAP_OP_COUNT.rawValue) {
      let info = OpcodeInfo(opcode)!
      let operands: [(OperandKind, WritableKeyPath<Instruction, UInt8>)] = [
        (info.a, \.a), (info.b, \.b), (info.c, \.c),
      ]
      for (kind, operand) in operands where kind != .count {
        var instruction = Instruction(Opcode(rawValue: UInt32(opcode)))
        instruction[keyPath: operand] = kind == .zero ? 1 : 4
        try expectRefused(instruction, info, kind)
      }
      guard info.d != .imm else { continue }
      for value: UInt32 in info.d == .zero ? [1, 1 << 31] : [Self.far, 1 << 31, ~0] {
        var instruction = Instruction(Opcode(rawValue: UInt32(opcode)))
        instruction.d = value
        try expectRefused(instruction, info, info.d)
      }
    }
  }

  private func expectRefused(
    _ instruction: Instruction, _ info: OpcodeInfo, _ kind: OperandKind
  ) throws {
    let refusal = try refusal(with: instruction)
    #expect(refusal?.place == .pc(function: 0, pc: 1), "\(info.mnemonic) \(kind) \(instruction)")
  }

  @Test func executionDoesNotRunOffTheEnd() throws {
    var image = try Program.sample().image
    let last = Int(image.functions[0].instruction_count) - 1
    image.code[last] = Instruction(KTAP_OP_MOVE)
    image.code[last - 1] = Instruction(KTAP_OP_MOVE)
    #expect(Machine.refusal(of: image.build())?.place == .pc(function: 0, pc: last))
  }

  /// What an open call leaves is for the next instruction, and a jump there would find nothing.
  @Test func nothingJumpsBetweenAnOpenCallAndItsUse() throws {
    var program = Program()
    try program.assemble(
      """
      jt r0 use
      builtin r0 print
      call r0 1 0
      use:
      return r0 0
      """)
    #expect(Machine.refusal(of: program.image.build())?.place == .pc(function: 0, pc: 3))
  }

  @Test func anOpenCallsValuesBelongToItsUser() throws {
    var program = Program()
    try program.assemble(
      """
      builtin r0 print
      call r0 1 0
      return r1 0
      """)
    #expect(Machine.refusal(of: program.image.build())?.place == .pc(function: 0, pc: 2))
  }

  @Test func callsNeedAPlan() throws {
    var program = Program()
    program.callee("give_zero", returning: "long")
    try program.assemble("r0 = give_zero()")
    program.image.types[Int(program["long ()"])].plan = imageNone
    program.image.plans = []
    #expect(Machine.refusal(of: program.image.build())?.place == .pc(function: 0, pc: 0))
  }

  // MARK: Header and section table

  @Test(arguments: [
    ("magic", 0), ("version", 4), ("total size", 8), ("flags", 16), ("section count", 20),
    ("script", 24), ("release", 28), ("first section", 32), ("first section's count", 36),
    ("last section", 32 + 16 * 8),
  ])
  func header(name: String, offset: Int) throws {
    let image = try Program.sample().image.build()
    for change: UInt8 in [1, 0x80] {
      var damaged = image
      damaged[offset + 3] ^= change
      ImageBuilder.seal(&damaged)
      #expect(Machine.refusal(of: damaged) != nil, "\(name)")
    }
  }

  /// What to do about it is said: the image is sound, and another ktapc's.
  @Test func anotherVersionIsSaid() throws {
    var image = try Program.sample().image.build()
    image[4] = UInt8(KTAP_IMAGE_VERSION - 1)
    ImageBuilder.seal(&image)
    let refusal = Machine.refusal(of: image)
    #expect(refusal?.place == .byte(4))
    #expect(refusal?.message.contains("compile the script again") == true)
  }

  @Test func aFalseChecksumIsSaid() throws {
    var image = try Program.sample().image.build()
    image[12] ^= 1
    let refusal = Machine.refusal(of: image)
    #expect(refusal?.place == .byte(12))
    #expect(refusal?.message.contains("checksum") == true)
  }

  @Test(arguments: [0, 3, 5, 6, 7] as [UInt32]) func exactlyOneTarget(flags: UInt32) throws {
    var image = try Program.sample().image
    image.flags = flags
    #expect(Machine.refusal(of: image.build())?.place == .byte(16))
  }

  @Test func onlyAKernelsImageHasABuildID() throws {
    var image = try Program.sample().image
    image.buildID = [1, 2, 3]
    #expect(Machine.refusal(of: image.build()) != nil)
    var program = Program()
    try program.assemble("r0 = 1")
    program.image.flags = UInt32(KTAP_IMAGE_TARGET_KERNEL)
    #expect(Machine.refusal(of: program.image.build()) != nil)
    program.image.buildID = [UInt8](repeating: 7, count: 20)
    #expect(Machine.refusal(of: program.image.build()) == nil)
  }

  @Test func paddingIsZero() throws {
    var program = Program()
    try program.assemble("r0 = 1")
    if program.image.bytes.count % 8 == 0 { _ = program.image.intern("x") }
    var image = program.image.build()
    let bytes = try ImageReader(image, name: "t").sections[ImageSection.bytes.rawValue]
    let padding = Int(bytes.offset + bytes.count)
    #expect(Machine.refusal(of: image) == nil)
    image[padding] = 1
    ImageBuilder.seal(&image)
    #expect(Machine.refusal(of: image)?.place == .byte(padding))
  }

  @Test func stringsEndWithAZero() throws {
    var image = try Program.sample().image
    let end = Int(image.strings[0].length)
    image.bytes[end] = 65
    #expect(Machine.refusal(of: image.build()) != nil)
    image.bytes[end] = 0
    image.bytes += [0]
    #expect(Machine.refusal(of: image.build()) != nil)
  }

  @Test func codeLinesAndCapturesAllBelongToAFunction() throws {
    let image = try Program.sample().image
    var more = image
    more.code.append(Instruction(KTAP_OP_MOVE))
    #expect(Machine.refusal(of: more.build()) != nil)
    more = image
    more.lines.append(ktap_image_line(pc: 0, line: 1))
    #expect(Machine.refusal(of: more.build()) != nil)
    more = image
    more.captures.append(ktap_image_capture(from_register: 1, index: 0, reserved: 0))
    #expect(Machine.refusal(of: more.build()) != nil)
    more = image
    more.steps.append(more.steps[0])
    #expect(Machine.refusal(of: more.build()) != nil)
  }
}
