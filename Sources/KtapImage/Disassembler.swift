// SPDX-License-Identifier: MIT

import CKtapImage

/// Prints images for people: every section, every field. Whatever the entries say, it prints; that they
/// make sense is the verifier's business.
public struct Disassembler {
  private let image: ImageReader
  /// The text of a line of the script, where it is at hand.
  private let sourceLine: (Int) -> String?
  private var text = ""

  /// `sourceLine` gives the text of a line of the script, from 1; without it, only numbers are shown.
  public init(_ image: ImageReader, sourceLine: @escaping (Int) -> String? = { _ in nil }) {
    self.image = image
    self.sourceLine = sourceLine
  }

  /// The whole image.
  public static func print(_ image: ImageReader) -> String {
    var disassembler = Disassembler(image)
    disassembler.header()
    disassembler.sectionTable()
    disassembler.strings()
    disassembler.constants()
    disassembler.types()
    disassembler.plans()
    disassembler.symbols()
    disassembler.globals()
    disassembler.grants()
    disassembler.functions()
    return disassembler.text
  }

  /// Only the functions.
  public static func printCode(
    _ image: ImageReader, sourceLine: @escaping (Int) -> String? = { _ in nil }
  ) -> String {
    var disassembler = Disassembler(image, sourceLine: sourceLine)
    disassembler.functions()
    return disassembler.text
  }

  private mutating func line(_ parts: String...) {
    text += parts.filter { !$0.isEmpty }.joined(separator: " ") + "\n"
  }

  private mutating func title(_ section: ImageSection) {
    text += "\n\(section.title):\n"
  }

  // MARK: - The frame

  private static let targets: [(flag: UInt32, name: String)] = [
    (UInt32(KTAP_IMAGE_TARGET_KERNEL), "kernel"), (UInt32(KTAP_IMAGE_TARGET_HOST), "host"),
    (UInt32(KTAP_IMAGE_TARGET_UNBOUND), "unbound kernel"), (UInt32(KTAP_IMAGE_TARGET_ANY), "any"),
    (UInt32(KTAP_IMAGE_CHAR_UNSIGNED), "char unsigned"),
  ]

  private mutating func header() {
    let header = image.header
    line("ktap image, version \(header.version)")
    line("  script: ", quoted(header.script))
    line("  size:   ", "\(header.total_size) bytes")
    line("  crc32:  ", hex(header.crc32))
    line("  target: ", flags(header.flags, Self.targets))
    line("  release:", quoted(header.release))
    let id = image.buildID.map { byteHex($0) }.joined()
    line("  build id:", id.isEmpty ? "none" : id)
  }

  private mutating func sectionTable() {
    text += "\nsections:\n"
    for section in ImageSection.allCases {
      let entry = image.sections[section.rawValue]
      line(
        "  \(pad(section.title, 12))", "at byte \(pad("\(entry.offset)", 8))",
        "\(entry.count) of \(section.entrySize) bytes")
    }
  }

  // MARK: - Tables

  private mutating func strings() {
    title(.strings)
    for index in image.strings.indices { line("  \(index)", quoted(UInt32(index))) }
  }

  private mutating func constants() {
    title(.constants)
    for index in image.constants.indices { line("  \(index)", constant(UInt32(index))) }
  }

  private static let typeKinds = [
    "void", "bool", "int", "float", "enum", "pointer", "array", "struct", "union", "function",
  ]
  private static let typeFlags: [(flag: UInt32, name: String)] = [
    (UInt32(KTAP_TYPE_SIGNED), "signed"), (UInt32(KTAP_TYPE_CONST), "const"),
    (UInt32(KTAP_TYPE_INCOMPLETE), "incomplete"), (UInt32(KTAP_TYPE_FLEXIBLE), "flexible"),
    (UInt32(KTAP_TYPE_VARIADIC), "variadic"), (UInt32(KTAP_TYPE_CHAR), "char"),
  ]

  private mutating func types() {
    title(.types)
    for (index, type) in image.types.enumerated() {
      let kind = Int(type.kind)
      let name = kind < Self.typeKinds.count ? Self.typeKinds[kind] : "kind \(type.kind)?"
      line(
        "  \(index)", name, quoted(type.name), "size \(type.size) align \(type.align)",
        flags(type.flags, Self.typeFlags), typeDetail(type))
      if kind == Int(KTAP_TYPE_STRUCT.rawValue) || kind == Int(KTAP_TYPE_UNION.rawValue) {
        for member in image.members[first: type.first, count: type.count] { self.member(member) }
      } else if kind == Int(KTAP_TYPE_ENUM.rawValue) {
        for value in image.enumerators[first: type.first, count: type.count] {
          line("      \(image.text(value.name)) = \(Int64(bitPattern: value.value))")
        }
      } else if kind == Int(KTAP_TYPE_FUNCTION.rawValue) {
        for param in image.params[first: type.first, count: type.count] {
          line("      \(optional(param.name)): type \(param.type)", quotedType(param.type))
        }
      }
    }
  }

  private func typeDetail(_ type: ktap_image_type) -> String {
    switch type.kind {
    case KTAP_TYPE_POINTER.rawValue: "to type \(type.ref)"
    case KTAP_TYPE_ARRAY.rawValue: "of \(type.length) of type \(type.ref)"
    case KTAP_TYPE_FUNCTION.rawValue:
      "returns type \(type.ref), "
        + (type.plan == imageNone ? "cannot be called" : "plan \(type.plan)")
    default: ""
    }
  }

  private mutating func member(_ member: ktap_image_member) {
    let place =
      member.bit_size == 0 && member.bit_offset % 8 == 0
      ? "at byte \(member.bit_offset / 8)" : "at bit \(member.bit_offset)"
    line(
      "      \(optional(member.name)): type \(member.type)", quotedType(member.type), place,
      member.bit_size == 0 ? "" : "bits \(member.bit_size)")
  }

  private static let returnKinds = ["nothing", "rax", "rax:rdx", "memory"]
  private static let stepKinds = ["scalar", "piece", "memory"]
  private static let registers = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"]

  private mutating func plans() {
    title(.plans)
    for (index, plan) in image.plans.enumerated() {
      line(
        "  \(index) for type \(plan.type)", quotedType(plan.type), "words \(plan.words)",
        "registers \(plan.registers_used)", "returns", name(Self.returnKinds, plan.return_kind))
      for step in image.steps[first: plan.first_step, count: plan.step_count] {
        let slot = Int(step.slot)
        let place = slot < 6 ? Self.registers[slot] : "stack+\((slot - 6) * 8)"
        line(
          "      argument \(step.param)", name(Self.stepKinds, UInt32(step.kind)),
          "bytes \(step.offset)..<\(UInt64(step.offset) + UInt64(step.size)) -> \(place)")
      }
    }
  }

  private static let bases = ["?", "_stext", "percpu", "absolute", "module", "host"]
  private static let symbolKinds = ["?", "function", "variable"]

  private mutating func symbols() {
    title(.symbols)
    for (index, symbol) in image.symbols.enumerated() {
      line(
        "  \(index)", name(Self.symbolKinds, symbol.kind), quoted(symbol.name),
        "\(name(Self.bases, symbol.base))+\(hex(symbol.offset))",
        symbol.module == imageNone ? "" : "in \(quoted(symbol.module))", "size \(symbol.size)",
        "type \(symbol.type)", quotedType(symbol.type),
        flags(symbol.flags, [(UInt32(KTAP_SYMBOL_UNVERIFIED), "unverified")]))
    }
  }

  private mutating func globals() {
    title(.globals)
    for (index, global) in image.globals.enumerated() { line("  \(index)", quoted(global.name)) }
  }

  private static let grantKinds = ["?", "call", "write", "callback"]

  private mutating func grants() {
    title(.grants)
    for (index, grant) in image.grants.enumerated() {
      line(
        "  \(index)", name(Self.grantKinds, grant.kind),
        grant.symbol == imageNone ? "" : symbolName(grant.symbol))
    }
  }

  // MARK: - Code

  private mutating func functions() {
    for (index, function) in image.functions.enumerated() {
      if !text.isEmpty { text += "\n" }
      line(
        "function \(index) \(image.text(function.name)), line \(function.line):",
        "\(function.param_count) parameters,",
        function.flags & UInt8(KTAP_FUNCTION_VARIADIC) == 0 ? "" : "variadic,",
        "\(function.register_count) registers")
      for capture in image.captures[
        first: function.first_capture, count: UInt32(function.capture_count)]
      {
        line("  captures \(capture.from_register == 0 ? "c" : "r")\(capture.index)")
      }
      code(of: function)
    }
  }

  private mutating func code(of function: ktap_image_function) {
    var lines = image.lines[first: function.first_line, count: function.line_count]
    for (pc, instruction) in image.instructions(of: function).enumerated() {
      while let next = lines.first, Int(next.pc) <= pc {
        lines = lines.dropFirst()
        let source = sourceLine(Int(next.line)).map { ": " + $0 } ?? ""
        line("  ; line \(next.line)\(source)")
      }
      line("  \(pad("\(pc)", 4))", self.instruction(instruction))
    }
  }

  private func instruction(_ instruction: Instruction) -> String {
    guard let info = OpcodeInfo(instruction.op) else {
      return "op \(instruction.op)? \(instruction.a) \(instruction.b) \(instruction.c) "
        + "\(instruction.d)"
    }
    var operands = [
      operand(info.a, UInt32(instruction.a)), operand(info.b, UInt32(instruction.b)),
      operand(info.c, UInt32(instruction.c)), operand(info.d, instruction.d),
    ].compactMap { $0 }
    if let comment = comment(info.d, instruction.d) { operands[operands.count - 1] += comment }
    return "\(pad(info.mnemonic, 10))\(operands.joined(separator: ", "))"
  }

  /// An operand that is not used is shown only where it is not zero, as it must be.
  private func operand(_ kind: OperandKind, _ value: UInt32) -> String? {
    switch kind {
    case .zero: value == 0 ? nil : "unused \(value)"
    case .out, .in, .base: "r\(value)"
    case .imm: "\(Int32(bitPattern: value))"
    case .count: "\(value)"
    case .cap: "c\(value)"
    case .const, .consts: "k\(value)"
    case .global: "g\(value)"
    case .func: "f\(value)"
    case .symbol: "s\(value)"
    case .builtin: "b\(value)"
    case .jump: "-> \(value)"
    }
  }

  /// What an index stands for.
  private func comment(_ kind: OperandKind, _ value: UInt32) -> String? {
    switch kind {
    case .const, .consts: "  ; \(constant(value))"
    case .global: "  ; \(image.globals[checked: value].map { image.text($0.name) } ?? "?")"
    case .func: "  ; \(image.functionName(value))"
    case .symbol: "  ; \(symbolName(value))"
    case .builtin:
      "  ; \(Int(value) < Builtin.all.count ? Builtin.all[Int(value)].name : "?")"
    default: nil
    }
  }

  // MARK: - Words

  private func constant(_ index: UInt32) -> String {
    guard let constant = image.constants[checked: index] else { return "<constant \(index)?>" }
    switch constant.kind {
    case KTAP_CONSTANT_INT.rawValue: return "\(Int64(bitPattern: constant.value))"
    case KTAP_CONSTANT_UINT.rawValue: return "\(constant.value)u"
    case KTAP_CONSTANT_STRING.rawValue:
      return UInt32(exactly: constant.value).map { quoted($0) } ?? "<string?>"
    case KTAP_CONSTANT_CTYPE.rawValue:
      return "ctype \(constant.value) "
        + (UInt32(exactly: constant.value).map { quotedType($0) } ?? "?")
    default: return "<kind \(constant.kind)?> \(constant.value)"
    }
  }

  private func symbolName(_ index: UInt32) -> String {
    image.symbols[checked: index].map { image.text($0.name) } ?? "<symbol \(index)?>"
  }

  private func quotedType(_ index: UInt32) -> String { "'\(image.typeName(index))'" }

  private func optional(_ string: UInt32) -> String {
    string == imageNone ? "(anonymous)" : image.text(string)
  }

  private func quoted(_ string: UInt32) -> String {
    if string == imageNone { return "none" }
    guard let bytes = image.stringContents(string) else { return "<string \(string)?>" }
    return "\"" + bytes.map(Self.escaped).joined() + "\""
  }

  private static func escaped(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "\n"): "\\n"
    case UInt8(ascii: "\t"): "\\t"
    case UInt8(ascii: "\\"): "\\\\"
    case UInt8(ascii: "\""): "\\\""
    case 0x20..<0x7f: String(UnicodeScalar(byte))
    default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }

  private func flags(_ value: UInt32, _ known: [(flag: UInt32, name: String)]) -> String {
    var names = known.filter { value & $0.flag != 0 }.map(\.name)
    let rest = known.reduce(value) { $0 & ~$1.flag }
    if rest != 0 { names.append("flags \(hex(rest))?") }
    return names.joined(separator: ", ")
  }

  private func name(_ names: [String], _ value: UInt32) -> String {
    Int(value) < names.count ? names[Int(value)] : "\(value)?"
  }

  private func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }

  private func byteHex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }
}
