// SPDX-License-Identifier: MIT

import CKtapImage

/// The fields of a section's entries, by which an image is printed as text and made of it again. The
/// fields of an entry cover all its bytes, so that the text says everything; a test makes sure of it.
struct EntryLayout: Sendable {
  struct Field: Sendable {
    var name: String
    /// Bytes from the start of the entry, and how many.
    var offset: Int
    var size: Int
    var meaning = Meaning.number
    /// What the text leaves out.
    var usual: UInt64 = 0

    /// It says what the entry is: the text always has it.
    var isKind: Bool {
      if case .words = meaning { return true }
      return false
    }
  }

  enum Meaning: Sendable {
    case number
    /// Bytes of the field as a two's complement number.
    case signed
    /// An index, or none.
    case optional
    /// Words for the numbers from 0 on; "" where a number has none.
    case words([String])
    /// Words for bits.
    case flags([(flag: UInt64, word: String)])
  }

  var fields: [Field]

  private init(_ fields: [(String, Int, Meaning)]) {
    var offset = 0
    self.fields = []
    for (name, size, meaning) in fields {
      var usual: UInt64 = 0
      if case .optional = meaning { usual = UInt64(imageNone) }
      self.fields.append(
        Field(name: name, offset: offset, size: size, meaning: meaning, usual: usual))
      offset += size
    }
  }

  /// Bytes of an entry that the fields cover.
  var size: Int { fields.reduce(0) { $0 + $1.size } }

  func field(_ name: String) -> Field? { fields.first { $0.name == name } }

  /// The header, which stands before the sections.
  static let header = EntryLayout([
    ("magic", 4, .number), ("version", 4, .number), ("size", 4, .number), ("crc32", 4, .number),
    ("target", 4, .flags(targets)), ("sections", 4, .number), ("script", 4, .optional),
    ("release", 4, .optional),
  ])

  private static let targets: [(flag: UInt64, word: String)] = [
    (UInt64(KTAP_IMAGE_TARGET_KERNEL), "kernel"), (UInt64(KTAP_IMAGE_TARGET_HOST), "host"),
    (UInt64(KTAP_IMAGE_TARGET_UNBOUND), "unbound"), (UInt64(KTAP_IMAGE_TARGET_ANY), "any"),
    (UInt64(KTAP_IMAGE_CHAR_UNSIGNED), "unsigned-char"),
  ]

  private static let typeFlags: [(flag: UInt64, word: String)] = [
    (UInt64(KTAP_TYPE_SIGNED), "signed"), (UInt64(KTAP_TYPE_CONST), "const"),
    (UInt64(KTAP_TYPE_INCOMPLETE), "incomplete"), (UInt64(KTAP_TYPE_FLEXIBLE), "flexible"),
    (UInt64(KTAP_TYPE_VARIADIC), "variadic"), (UInt64(KTAP_TYPE_CHAR), "char"),
  ]

  /// nil for code and bytes, which are printed in other ways.
  static func of(_ section: ImageSection) -> EntryLayout? { layouts[section] }

  private static let layouts: [ImageSection: EntryLayout] = [
    .strings: EntryLayout([("offset", 4, .number), ("length", 4, .number)]),
    .constants: EntryLayout([
      ("kind", 4, .words(["", "int", "uint", "string", "ctype"])), ("reserved", 4, .number),
      ("value", 8, .signed),
    ]),
    .types: EntryLayout([
      (
        "kind", 4,
        .words([
          "void", "bool", "int", "float", "enum", "pointer", "array", "struct", "union", "function",
        ])
      ), ("flags", 4, .flags(typeFlags)), ("name", 4, .optional), ("ref", 4, .number),
      ("size", 8, .number), ("length", 8, .number), ("align", 4, .number), ("first", 4, .number),
      ("count", 4, .number), ("plan", 4, .optional),
    ]),
    .members: EntryLayout([
      ("name", 4, .optional), ("type", 4, .number), ("bit_offset", 8, .number),
      ("bit_size", 4, .number), ("reserved", 4, .number),
    ]),
    .enumerators: EntryLayout([
      ("name", 4, .optional), ("reserved", 4, .number), ("value", 8, .signed),
    ]),
    .params: EntryLayout([("name", 4, .optional), ("type", 4, .number)]),
    .plans: EntryLayout([
      ("type", 4, .number), ("first_step", 4, .number), ("step_count", 4, .number),
      ("words", 4, .number), ("registers_used", 4, .number),
      ("returns", 4, .words(["nothing", "rax", "rax-rdx", "memory"])),
      ("convention", 4, .words(["sysv", "microsoft"])), ("reserved", 4, .number),
    ]),
    .steps: EntryLayout([
      ("kind", 2, .words(["scalar", "piece", "memory", "copy"])), ("param", 2, .number),
      ("slot", 2, .number), ("copy", 2, .number), ("offset", 4, .number), ("size", 4, .number),
    ]),
    .symbols: EntryLayout([
      ("name", 4, .optional), ("module", 4, .optional),
      ("kind", 4, .words(["", "function", "variable"])),
      ("base", 4, .words(["", "_stext", "percpu", "absolute", "module", "host"])),
      ("offset", 8, .number), ("size", 8, .number), ("type", 4, .number),
      ("flags", 4, .flags([(UInt64(KTAP_SYMBOL_UNVERIFIED), "unverified")])),
    ]),
    .globals: EntryLayout([("name", 4, .optional)]),
    .functions: EntryLayout([
      ("name", 4, .optional), ("line", 4, .number), ("first_instruction", 4, .number),
      ("instructions", 4, .number), ("first_line", 4, .number), ("lines", 4, .number),
      ("first_capture", 4, .number), ("captures", 1, .number),
      ("flags", 1, .flags([(UInt64(KTAP_FUNCTION_VARIADIC), "variadic")])),
      ("params", 1, .number), ("registers", 1, .number),
    ]),
    .captures: EntryLayout([
      ("from", 1, .words(["capture", "register"])), ("index", 1, .number),
      ("reserved", 2, .number),
    ]),
    .lines: EntryLayout([("pc", 4, .number), ("line", 4, .number)]),
    .grants: EntryLayout([
      ("kind", 4, .words(["", "call", "write", "callback"])), ("symbol", 4, .optional),
    ]),
    .fields: EntryLayout([
      ("base", 4, .number), ("name", 4, .optional), ("type", 4, .number), ("bit_size", 4, .number),
      ("bit_offset", 8, .number),
    ]),
  ]
}

extension EntryLayout {
  /// The entry as text: the fields that are not as usual.
  func text(_ entry: some RandomAccessCollection<UInt8>) -> String {
    let bytes = Array(entry)
    return fields.compactMap { field -> String? in
      let value = bytes[field.offset..<field.offset + field.size].reversed()
        .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return value == field.usual && !field.isKind ? nil : "\(field.name)=\(field.text(value))"
    }.joined(separator: " ")
  }
}

extension EntryLayout.Field {
  func text(_ value: UInt64) -> String {
    switch meaning {
    case .number: return "\(value)"
    case .signed: return "\(Int64(bitPattern: value))"
    case .optional: return value == UInt64(imageNone) ? "none" : "\(value)"
    case .words(let words):
      let word = value < UInt64(words.count) ? words[Int(value)] : ""
      return word.isEmpty ? "\(value)" : word
    case .flags(let flags):
      let words = flags.filter { value & $0.flag != 0 }.map(\.word)
      let rest = flags.reduce(value) { $0 & ~$1.flag }
      let number = rest == 0 && !words.isEmpty ? [] : ["0x" + String(rest, radix: 16)]
      return (words + number).joined(separator: "|")
    }
  }

  /// The value that a text stands for; nil for none, or one that does not fit.
  func value(_ text: String) -> UInt64? {
    if case .flags(let flags) = meaning,
      text.contains("|") || flags.contains(where: { $0.word == text })
    {
      var value: UInt64 = 0
      for part in text.split(separator: "|", omittingEmptySubsequences: false) {
        let flag = flags.first { $0.word == part }?.flag
        guard let bits = flag ?? Assembler.number(String(part)) else { return nil }
        value |= bits
      }
      return fitting(value)
    }
    if case .words(let words) = meaning, !text.isEmpty, let index = words.firstIndex(of: text) {
      return UInt64(index)
    }
    if text == "none" { return UInt64(imageNone) }
    return Assembler.number(text).flatMap { fitting($0) }
  }

  /// Negative numbers fit where their sign does.
  private func fitting(_ value: UInt64) -> UInt64? {
    if size == 8 { return value }
    let bits = UInt64(8 * size)
    let isNegative = Int64(bitPattern: value) < 0 && Int64(bitPattern: value) >= -(1 << (bits - 1))
    return value >> bits == 0 ? value : isNegative ? value & (1 << bits - 1) : nil
  }
}
