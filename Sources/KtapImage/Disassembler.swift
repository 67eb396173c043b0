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

  /// The whole image, as text that ``Assembler`` makes the same image of: what stands behind a `;` is for
  /// people.
  public static func print(_ image: ImageReader) -> String {
    var disassembler = Disassembler(image)
    disassembler.header()
    for section in ImageSection.allCases where section != .bytes { disassembler.print(section) }
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

  private mutating func line(_ entry: String, comment: String) {
    text += comment.isEmpty ? "  \(entry)\n" : "  \(pad(entry, 40)) ; \(comment)\n"
  }

  // MARK: - The frame

  private mutating func header() {
    let layout = EntryLayout.header
    text += "image:\n"
    for name in ["target", "script", "release"] {
      guard let field = layout.field(name) else { continue }
      let value = UInt64(
        name == "target"
          ? image.header.flags : name == "script" ? image.header.script : image.header.release)
      line("\(name)=\(field.text(value))", comment: name == "target" ? "" : quoted(UInt32(value)))
    }
  }

  // MARK: - Sections

  private mutating func print(_ section: ImageSection) {
    let count = Int(image.sections[section.rawValue].count)
    guard count > 0 || section == .strings else { return }
    switch section {
    case .strings: strings()
    case .code: code()
    case .buildID:
      text += "\n\(section.title):\n"
      line(image.buildID.map { byteHex($0) }.joined(), comment: "")
    default:
      text += "\n\(section.title):\n"
      for index in 0..<count {
        line("\(index) \(fields(section, index))", comment: comment(section, index))
      }
    }
  }

  private func fields(_ section: ImageSection, _ index: Int) -> String {
    let start = Int(image.sections[section.rawValue].offset) + index * section.entrySize
    return EntryLayout.of(section)?.text(image.bytes[start..<start + section.entrySize]) ?? ""
  }

  /// As text where the strings stand one behind the other, as they always do; else as they are.
  private mutating func strings() {
    var end: UInt64 = 0
    let isUsual =
      image.strings.allSatisfy { string in
        defer { end += UInt64(string.length) + 1 }
        return UInt64(string.offset) == end
          && image.stringBytes[checked: UInt32(clamping: end + UInt64(string.length))] == 0
      } && end == UInt64(image.stringBytes.count)
    guard !isUsual || image.strings.isEmpty && !image.stringBytes.isEmpty else {
      text += "\nstrings:\n"
      for index in image.strings.indices {
        line("\(index) \(quoted(UInt32(index)))", comment: "")
      }
      return
    }
    text += "\nstrings:\n"
    for index in image.strings.indices {
      line("\(index) \(fields(.strings, index))", comment: quoted(UInt32(index)))
    }
    text += "\nbytes:\n"
    for start in stride(from: 0, to: image.stringBytes.count, by: 32) {
      let end = min(start + 32, image.stringBytes.count)
      line(image.stringBytes[start..<end].map { byteHex($0) }.joined(), comment: "")
    }
  }

  // MARK: - What entries mean

  private func comment(_ section: ImageSection, _ index: Int) -> String {
    switch section {
    case .constants: return constant(UInt32(index))
    case .types: return typeComment(image.types[index])
    case .members: return memberComment(image.members[index])
    case .enumerators:
      let value = image.enumerators[index]
      return "\(optional(value.name)) = \(Int64(bitPattern: value.value))"
    case .params:
      let param = image.params[index]
      return "\(optional(param.name)): \(quotedType(param.type))"
    case .plans: return "for \(quotedType(image.plans[index].type))"
    case .steps: return stepComment(image.steps[index])
    case .symbols:
      let symbol = image.symbols[index]
      let module = symbol.module == imageNone ? "" : " in \(quoted(symbol.module))"
      return "\(quoted(symbol.name))\(module): \(quotedType(symbol.type))"
    case .globals: return quoted(image.globals[index].name)
    case .functions: return image.functionName(UInt32(index))
    case .grants:
      let symbol = image.grants[index].symbol
      return symbol == imageNone ? "" : symbolName(symbol)
    case .fields: return fieldComment(image.fields[index])
    default: return ""
    }
  }

  private func typeComment(_ type: ktap_image_type) -> String {
    let name = optional(type.name)
    return switch type.kind {
    case KTAP_TYPE_POINTER.rawValue: "\(name), to \(quotedType(type.ref))"
    case KTAP_TYPE_ARRAY.rawValue: "\(name), of \(quotedType(type.ref))"
    case KTAP_TYPE_FUNCTION.rawValue where type.plan == imageNone: "\(name), cannot be called"
    default: name
    }
  }

  private func memberComment(_ member: ktap_image_member) -> String {
    let place = place(bitOffset: member.bit_offset, bitSize: member.bit_size)
    return "\(optional(member.name)): \(quotedType(member.type)) \(place)"
  }

  private func place(bitOffset: UInt64, bitSize: UInt32) -> String {
    bitSize == 0 && bitOffset % 8 == 0 ? "at byte \(bitOffset / 8)" : "at bit \(bitOffset)"
  }

  /// "'struct timeval'.tv_usec, 8 bytes at byte 8: 'long'"
  private func fieldComment(_ field: ktap_image_field) -> String {
    let size =
      field.bit_size == 0
      ? "\(image.types[checked: field.type]?.size ?? 0) bytes" : "\(field.bit_size) bits"
    let place = place(bitOffset: field.bit_offset, bitSize: field.bit_size)
    return "\(quotedType(field.base)).\(optional(field.name)), \(size) \(place): "
      + quotedType(field.type)
  }

  private static let registers = ["rdi", "rsi", "rdx", "rcx", "r8", "r9"]

  private func stepComment(_ step: ktap_image_step) -> String {
    let slot = Int(step.slot)
    let place = slot < 6 ? Self.registers[slot] : "stack+\((slot - 6) * 8)"
    let end = UInt64(step.offset) + UInt64(step.size)
    return "argument \(step.param): bytes \(step.offset)..<\(end) -> \(place)"
  }

  // MARK: - Code

  /// All instructions in their order, with the functions and lines that they belong to.
  private mutating func code() {
    text += "\ncode:\n"
    var starts: [Int: [String]] = [:]
    for function in image.functions {
      let first = Int(function.first_instruction)
      starts[first, default: []].append("  ; function \(image.text(function.name))\n")
      for line in image.lines[first: function.first_line, count: function.line_count] {
        starts[first + Int(line.pc), default: []].append("  ; line \(line.line)\n")
      }
    }
    for (index, instruction) in image.code.enumerated() {
      text += (starts[index] ?? []).joined()
      line("  \(pad("\(index)", 4))", self.instruction(instruction))
    }
  }

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
    let values = [
      UInt32(instruction.a), UInt32(instruction.b), UInt32(instruction.c), instruction.d,
    ]
    // What is no instruction is shown by its numbers; so is one with an operand that it does not use.
    guard let info = OpcodeInfo(instruction.op),
      zip([info.a, info.b, info.c, info.d], values).allSatisfy({ $0 != .zero || $1 == 0 })
    else {
      return "op \(instruction.op) " + values.map { "\($0)" }.joined(separator: " ")
    }
    var operands = zip([info.a, info.b, info.c, info.d], values).compactMap { operand($0, $1) }
    if let comment = comment(info.d, instruction.d) { operands[operands.count - 1] += comment }
    return "\(pad(info.mnemonic, 10))\(operands.joined(separator: ", "))"
  }

  private func operand(_ kind: OperandKind, _ value: UInt32) -> String? {
    switch kind {
    case .imm: "\(Int32(bitPattern: value))"
    case .jump: "-> \(value)"
    default: kind.prefix.map { "\($0)\(value)" }
    }
  }

  /// What an index stands for.
  private func comment(_ kind: OperandKind, _ value: UInt32) -> String? {
    switch kind {
    case .const, .consts: "  ; \(constant(value))"
    case .global: "  ; \(image.globals[checked: value].map { image.text($0.name) } ?? "?")"
    case .func: "  ; \(image.functionName(value))"
    case .symbol: "  ; \(symbolName(value))"
    case .field: "  ; \(image.fields[checked: value].map(fieldComment) ?? "?")"
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

  private func byteHex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }
}
