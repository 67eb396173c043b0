// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics

/// Makes an image of the text that ``Disassembler/print(_:)`` writes: docs/image.md, "As text". It checks
/// that the text can be understood, and nothing else, so that tests can write what a verifier must refuse.
public struct Assembler {
  private let name: String
  private var sections: [ImageSection: [UInt8]] = [:]
  private var header: [String: UInt64] = [:]
  private var section: ImageSection?
  /// The line being read, its number, and where it is read.
  private var line: [UInt8] = []
  private var number = 0
  private var position = 0

  /// - Throws: ``Diagnostic``: the first line that cannot be understood.
  public static func assemble(_ text: [UInt8], name: String) throws(Diagnostic) -> [UInt8] {
    var assembler = Assembler(name: name)
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      assembler.number += 1
      assembler.line = Array(line)
      assembler.position = 0
      try assembler.readLine()
    }
    return try assembler.image()
  }

  private init(name: String) { self.name = name }

  private func error(
    _ id: String, _ message: String, at start: Int? = nil, hints: [String] = []
  ) -> Diagnostic {
    let start = start ?? position
    return Diagnostic(
      id, message, place: .text(SourceLocation(file: name, line: number, column: start + 1)),
      excerpt: SourceExcerpt(
        line: String(decoding: line, as: UTF8.self), column: start + 1,
        length: max(1, position - start)),
      hints: hints)
  }

  // MARK: - Words

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
  }

  private mutating func skipBlanks() {
    while position < line.count, Self.isBlank(line[position]) { position += 1 }
  }

  /// Nothing but a comment is left.
  private mutating func isAtEnd() -> Bool {
    skipBlanks()
    return position >= line.count || line[position] == UInt8(ascii: ";")
  }

  /// The bytes up to the next blank or comma.
  private mutating func word() -> String {
    skipBlanks()
    let start = position
    while position < line.count, !Self.isBlank(line[position]), line[position] != UInt8(ascii: ","),
      line[position] != UInt8(ascii: ";")
    {
      position += 1
    }
    return String(decoding: line[start..<position], as: UTF8.self)
  }

  /// Decimal, negative, or hexadecimal.
  static func number(_ text: String) -> UInt64? {
    if text.hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16) }
    return UInt64(text) ?? Int64(text).map { UInt64(bitPattern: $0) }
  }

  // MARK: - Lines

  private static let titles = Dictionary(
    uniqueKeysWithValues: ImageSection.allCases.map { ($0.title, $0) })

  private mutating func readLine() throws(Diagnostic) {
    if isAtEnd() { return }
    if try readTitle() { return }
    let start = position
    let first = word()
    // An entry's number is for the reader.
    if UInt64(first) == nil || section == .buildID || section == .bytes { position = start }
    switch section {
    case nil: try readFields(.header) { $0.header[$1.name] = $2 }
    case .code: try readInstruction()
    case .bytes, .buildID: try readBytes()
    case .strings where !isAtEnd() && line[position] == UInt8(ascii: "\""): try readString()
    case let section?: try readEntry(section)
    }
    guard isAtEnd() else { throw error("asm-syntax", "more than an entry stands on the line") }
  }

  /// "types:"; "image:" begins the header's fields.
  private mutating func readTitle() throws(Diagnostic) -> Bool {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
      !line[..<colon].contains(UInt8(ascii: ";")), !line[..<colon].contains(UInt8(ascii: "\""))
    else { return false }
    let title = String(decoding: line[position..<colon], as: UTF8.self)
    let start = position
    position = colon + 1
    guard isAtEnd() else { throw error("asm-syntax", "a section's title stands alone") }
    if title == "image" {
      section = nil
    } else if let known = Self.titles[title] {
      section = known
    } else {
      throw error(
        "asm-section", "there is no section '\(title)'", at: start,
        hints: ["sections: " + ImageSection.allCases.map(\.title).joined(separator: ", ")])
    }
    return true
  }

  private mutating func readFields(
    _ layout: EntryLayout, _ store: (inout Assembler, EntryLayout.Field, UInt64) -> Void
  ) throws(Diagnostic) {
    while !isAtEnd() {
      let start = position
      let parts = word().split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let field = layout.field(String(parts[0])) else {
        throw error(
          "asm-field", "there is no field '\(parts[0])' here", at: start,
          hints: ["fields: " + layout.fields.map { $0.name + "=" }.joined(separator: " ")])
      }
      guard let value = field.value(String(parts[1])) else {
        throw error("asm-value", "'\(parts[1])' is no value of '\(field.name)'", at: start)
      }
      store(&self, field, value)
    }
  }

  private mutating func readEntry(_ section: ImageSection) throws(Diagnostic) {
    guard let layout = EntryLayout.of(section) else { return }
    var entry = [UInt8](repeating: 0, count: section.entrySize)
    func put(_ field: EntryLayout.Field, _ value: UInt64) {
      for byte in 0..<field.size {
        entry[field.offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))
      }
    }
    for field in layout.fields { put(field, field.usual) }
    try readFields(layout) { _, field, value in put(field, value) }
    sections[section, default: []] += entry
  }

  /// Hexadecimal digits, in pairs.
  private mutating func readBytes() throws(Diagnostic) {
    guard let section else { return }
    let start = position
    let digits = Array(word().utf8)
    let values = digits.compactMap { Self.number("0x" + String(UnicodeScalar($0))) }
    guard digits.count % 2 == 0, values.count == digits.count else {
      throw error("asm-value", "bytes are pairs of hexadecimal digits", at: start)
    }
    sections[section, default: []] += stride(from: 0, to: values.count, by: 2).map {
      UInt8(values[$0] << 4 | values[$0 + 1])
    }
  }

  // MARK: - Strings

  /// A string's text: its bytes are put behind those of the strings before.
  private mutating func readString() throws(Diagnostic) {
    let start = position
    position += 1
    var bytes: [UInt8] = []
    while position < line.count, line[position] != UInt8(ascii: "\"") {
      bytes.append(try character())
    }
    guard position < line.count else {
      throw error("asm-value", "the string has no end", at: start)
    }
    position += 1
    let offset = sections[.bytes]?.count ?? 0
    sections[.bytes, default: []] += bytes + [0]
    for value in [offset, bytes.count] {
      sections[.strings, default: []] += (0..<4).map {
        UInt8(truncatingIfNeeded: value >> (8 * $0))
      }
    }
  }

  /// A byte, or `\n`, `\t`, `\\`, `\"`, `\xHH`.
  private mutating func character() throws(Diagnostic) -> UInt8 {
    let byte = line[position]
    position += 1
    guard byte == UInt8(ascii: "\\") else { return byte }
    let start = position - 1
    guard position < line.count else { throw error("asm-value", "the string has no end") }
    position += 1
    switch line[position - 1] {
    case UInt8(ascii: "n"): return UInt8(ascii: "\n")
    case UInt8(ascii: "t"): return UInt8(ascii: "\t")
    case UInt8(ascii: "\\"): return UInt8(ascii: "\\")
    case UInt8(ascii: "\""): return UInt8(ascii: "\"")
    case UInt8(ascii: "x") where position + 2 <= line.count:
      let digits = String(decoding: line[position..<position + 2], as: UTF8.self)
      position += 2
      if let value = UInt8(digits, radix: 16) { return value }
    default: break
    }
    throw error("asm-value", "unknown escape", at: start)
  }

  // MARK: - Instructions

  private static let opcodes: [String: UInt8] = {
    var opcodes: [String: UInt8] = [:]
    for opcode in 0..<UInt8(KTAP_OP_COUNT.rawValue) {
      if let info = OpcodeInfo(opcode) { opcodes[info.mnemonic] = opcode }
    }
    return opcodes
  }()

  private mutating func readInstruction() throws(Diagnostic) {
    let start = position
    let mnemonic = word()
    var instruction: Instruction
    if mnemonic == "op" {
      var values: [UInt64] = []
      for limit in [UInt64(UInt8.max), 255, 255, 255, UInt64(UInt32.max)] {
        values.append(try operand(prefix: "", limit: limit))
      }
      instruction = Instruction(
        op: UInt8(values[0]), a: UInt8(values[1]), b: UInt8(values[2]), c: UInt8(values[3]),
        d: UInt32(values[4]))
    } else {
      guard let opcode = Self.opcodes[mnemonic], let info = OpcodeInfo(opcode) else {
        let near = NearestName.suggestions(for: mnemonic, among: Self.opcodes.keys.sorted())
        throw error(
          "asm-instruction", "there is no instruction '\(mnemonic)'", at: start,
          hints: near.first.map { ["did you mean '\($0)'?"] } ?? [])
      }
      instruction = Instruction(Opcode(rawValue: UInt32(opcode)))
      instruction.a = UInt8(try operand(info.a, limit: 255))
      instruction.b = UInt8(try operand(info.b, limit: 255))
      instruction.c = UInt8(try operand(info.c, limit: 255))
      instruction.d = UInt32(try operand(info.d, limit: UInt64(UInt32.max)))
    }
    sections[.code, default: []] += withUnsafeBytes(of: instruction) { Array($0) }
  }

  private mutating func operand(_ kind: OperandKind, limit: UInt64) throws(Diagnostic) -> UInt64 {
    guard let prefix = kind.prefix else { return 0 }
    if kind == .jump {
      let arrow = position
      guard nextOperand() == "->" else {
        throw error("asm-operand", "'->' was expected", at: arrow)
      }
    }
    guard kind == .imm else { return try operand(prefix: prefix, limit: limit) }
    let start = position
    let text = nextOperand()
    guard let value = Int32(text) else {
      throw error("asm-operand", "'\(text)' is no 32-bit number", at: start)
    }
    return UInt64(UInt32(bitPattern: value))
  }

  private mutating func nextOperand() -> String {
    skipBlanks()
    if position < line.count, line[position] == UInt8(ascii: ",") { position += 1 }
    return word()
  }

  /// A letter and a number: "r3", "k0".
  private mutating func operand(prefix: String, limit: UInt64) throws(Diagnostic) -> UInt64 {
    let start = position
    let text = nextOperand()
    guard text.hasPrefix(prefix), let value = UInt64(text.dropFirst(prefix.count)), value <= limit
    else {
      throw error(
        "asm-operand",
        "'\(text)' is no operand here: \(prefix.isEmpty ? "a number" : prefix + "N") up to \(limit)",
        at: start)
    }
    return value
  }

  // MARK: - The image

  private func image() throws(Diagnostic) -> [UInt8] {
    var image = [UInt8](repeating: 0, count: ImageLayout.headerSize)
    var table: [ktap_image_section] = []
    for section in ImageSection.allCases {
      image += repeatElement(0, count: ImageLayout.aligned(image.count) - image.count)
      let bytes = sections[section] ?? []
      guard image.count + bytes.count <= Int(UInt32.max) else {
        throw Diagnostic("image-too-large", "the image is beyond 4 GiB", place: .file(name))
      }
      table.append(
        ktap_image_section(
          offset: UInt32(image.count), count: UInt32(bytes.count / section.entrySize)))
      image += bytes
    }
    func field(_ name: String, _ usual: UInt32) -> UInt32 {
      header[name].map { UInt32(truncatingIfNeeded: $0) } ?? usual
    }
    let front = ktap_image_header(
      magic: field("magic", KTAP_IMAGE_MAGIC), version: field("version", KTAP_IMAGE_VERSION),
      total_size: field("size", UInt32(image.count)), crc32: field("crc32", 0),
      flags: field("target", 0), section_count: field("sections", UInt32(table.count)),
      script: field("script", imageNone), release: field("release", imageNone))
    let head = withUnsafeBytes(of: front) { Array($0) } + table.withUnsafeBytes { Array($0) }
    image.replaceSubrange(..<head.count, with: head)
    if header["crc32"] == nil { ImageBuilder.seal(&image) }
    return image
  }
}

extension OperandKind {
  /// What stands before an operand's number in the text; nil for an unused one.
  var prefix: String? {
    switch self {
    case .zero: nil
    case .out, .in, .base: "r"
    case .imm, .count, .jump: ""
    case .cap: "c"
    case .const, .consts: "k"
    case .global: "g"
    case .func: "f"
    case .symbol: "s"
    case .builtin: "b"
    case .field: "m"
    }
  }
}
