// SPDX-License-Identifier: MIT

import TestSupport

/// A text of random declarations, which the seed repeats.
struct RandomDeclarations {
  let seed: UInt64
  let text: String

  init(
    seed: UInt64, count: Int, _ dialect: DeclarationGenerator.Dialect = .gcc
  ) {
    self.seed = seed
    var generator = DeclarationGenerator(seed: seed, dialect)
    text = (0..<count).reduce(into: DeclarationGenerator.prelude) { text, _ in
      text += generator.declaration()
    }
  }
}

/// Random declarations of everything that has an influence on layout.
struct DeclarationGenerator {
  enum Dialect {
    case gcc
    /// Without what clang lays out in another way, which ``LayoutTests`` has examples of: bit-fields of a
    /// type whose alignment a typedef changes, aligned ones under `#pragma pack`, and attributes inside
    /// declarators.
    case common
  }

  private var random: SeededGenerator
  private let dialect: Dialect
  private var count = 0
  private var memberCount = 0
  private var tags: [String] = []

  init(seed: UInt64, _ dialect: Dialect = .gcc) {
    random = SeededGenerator(seed: seed)
    self.dialect = dialect
  }

  static let prelude = """
    typedef int aligned_int __attribute__((aligned(8)));
    typedef long low_long __attribute__((aligned(2)));
    typedef short high_short __attribute__((aligned(16)));
    typedef unsigned char byte_t;
    typedef volatile unsigned int vu;
    enum plain { PLAIN_A, PLAIN_B = 7 };
    enum negative { NEGATIVE_A = -1, NEGATIVE_B };
    enum wide { WIDE_A = 0x100000000 };
    enum __attribute__((packed)) small { SMALL_A, SMALL_B };
    typedef int (*function_t)(int);
    typedef int four __attribute__((vector_size(16)));

    """

  mutating func declaration() -> String {
    count += 1
    var text = ""
    let isPragma = random.once(in: 8)
    if isPragma { text += "#pragma pack(push, \(random.pick([1, 2, 4, 8, 16])))\n" }
    let tag = "s\(count)"
    let keyword = random.once(in: 5) ? "union" : "struct"
    text += "\(keyword) \(recordBody(tag: tag, depth: 0));\n"
    tags.append("\(keyword) \(tag)")
    if isPragma { text += "#pragma pack(pop)\n" }
    return text
  }

  private mutating func recordBody(tag: String, depth: Int) -> String {
    let leading = random.once(in: 12) ? "__attribute__((packed)) " : ""
    var text = "\(leading)\(tag) {\n"
    for _ in 0...random.below(7) {
      memberCount += 1
      text += "  \(member("m\(memberCount)", depth: depth))\n"
    }
    text += "}"
    if random.once(in: 6) { text += " __attribute__((packed))" }
    if random.once(in: 10) {
      text += " __attribute__((aligned(\(random.pick([1, 2, 4, 8, 16, 32])))))"
    }
    return text
  }

  private mutating func member(_ name: String, depth: Int) -> String {
    switch random.below(12) {
    case 0..<5: return bitField(name)
    case 5 where depth < 3:
      let keyword = random.once(in: 3) ? "union" : "struct"
      let suffix = random.once(in: 2) ? "" : " \(name)\(array())"
      return "\(keyword) \(recordBody(tag: "", depth: depth + 1))\(suffix);"
    case 6 where !tags.isEmpty: return "\(random.pick(tags)) \(name)\(array())\(attributes());"
    case 7 where dialect == .common: return "void *\(name)\(array())\(attributes());"
    case 7: return "\(leading())\(random.pick(Self.pointees)) \(declarator(name))\(attributes());"
    case 8: return "\(leading())\(random.pick(Self.oddTypes)) \(name)\(attributes());"
    default: return "\(leading())\(random.pick(Self.scalars)) \(name)\(array())\(attributes());"
    }
  }

  private static let scalars = [
    "char", "signed char", "short", "unsigned short", "int", "unsigned", "long", "unsigned long",
    "long long", "_Bool", "float", "double", "long double", "__int128", "byte_t", "function_t",
    "enum plain", "enum small", "enum wide", "vu", "_Complex float", "four", "_Float128",
  ]

  /// Whose alignment does not divide their size: no arrays of them.
  private static let oddTypes = ["aligned_int", "high_short", "low_long", "_Alignas(16) char"]

  private static let bitFieldTypes: [(String, Int)] = [
    ("char", 8), ("unsigned char", 8), ("short", 16), ("unsigned short", 16), ("int", 32),
    ("unsigned", 32), ("long", 64), ("unsigned long", 64), ("long long", 64), ("_Bool", 1),
    ("enum plain", 32), ("enum negative", 32), ("enum wide", 64), ("enum small", 8),
    ("vu", 32), ("byte_t", 8),
  ]

  private static let alignedBitFieldTypes = [
    ("aligned_int", 32), ("low_long", 64), ("high_short", 16),
  ]

  private mutating func bitField(_ name: String) -> String {
    let types = Self.bitFieldTypes + (dialect == .gcc ? Self.alignedBitFieldTypes : [])
    let (type, bits) = random.pick(types)
    if random.once(in: 10) { return "\(type) : 0;" }
    var width = 1 + random.below(bits)
    if random.once(in: 4) { width = min(bits, random.pick([1, 8, 16, 32, 64])) }
    if random.once(in: 8) { return "\(type) : \(width);" }
    return "\(type) \(name) : \(width)\(attributes(aligned: dialect == .gcc));"
  }

  private static let pointees = ["char", "short", "int", "long", "struct { short a; }", "low_long"]

  /// Attributes at every place of it. No arrays: what is aligned to more than its size has none.
  private mutating func declarator(_ name: String, depth: Int = 0) -> String {
    let own = random.once(in: 2) ? attribute() : ""
    switch random.below(5) {
    case 0: return "*\(own) const \(name)"
    case 1 where depth < 4: return "*\(own) \(declarator(name, depth: depth + 1))"
    case 2 where depth < 4: return "(\(own) \(declarator(name, depth: depth + 1)))"
    case 3: return "(*\(own) \(name))(void)"
    default: return "(\(own) \(name))"
    }
  }

  private mutating func attribute() -> String {
    "__attribute__((\(random.pick(["packed", "aligned(1)", "aligned(2)", "aligned(8)", "aligned(16)"]))))"
  }

  private mutating func array() -> String {
    switch random.below(6) {
    case 0: "[\(random.below(5))]"
    case 1: "[\(1 + random.below(3))][\(1 + random.below(3))]"
    default: ""
    }
  }

  private mutating func leading() -> String {
    random.once(in: 12) ? "__attribute__((aligned(\(random.pick([2, 4, 8, 16]))))) " : ""
  }

  private mutating func attributes(aligned: Bool = true) -> String {
    var text = ""
    if random.once(in: 8) { text += " __attribute__((packed))" }
    if aligned, random.once(in: 10) {
      text += " __attribute__((aligned(\(random.pick([1, 2, 4, 8, 16])))))"
    }
    return text
  }
}
