// SPDX-License-Identifier: MIT

import Foundation
import Testing
import TypeIR

/// Compares the layouts of a document with those that gcc gives the same text: sizes, alignments
/// and offsets by `_Static_assert`, each bit-field by filling it with ones and looking where they are.
struct LayoutOracle {
  let table: TypeTable

  init(_ document: TypesDocument) { table = document.types }

  /// What gcc says otherwise; empty if it agrees in everything.
  func disagreements(with text: String) throws -> String {
    try Tool.withTemporaryDirectory { directory in
      let source = directory.appendingPathComponent("t.c")
      try (text + "\n" + assertions() + program()).write(
        to: source, atomically: false, encoding: .utf8)
      let compiled = try Tool.run(
        ["gcc", "-std=gnu11", "-w", "-Wno-packed-bitfield-compat", "-O0", "-o", "t", "t.c"],
        in: directory)
      guard compiled.status == 0 else { return String(compiled.output.prefix(4000)) }
      let run = try Tool.run(["./t"], in: directory)
      return run.status == 0 ? "" : run.output + "exit status \(run.status)"
    }
  }

  /// Every tagged record with its layout.
  private var records: [(name: String, record: Record)] {
    table.entries.compactMap { entry in
      // gcc's own __va_list_tag has no name that a program can use.
      guard case .record(let record) = entry.type, let tag = record.tag, record.size != nil,
        tag != "__va_list_tag"
      else { return nil }
      return ("\(record.keyword.rawValue) \(tag)", record)
    }
  }

  /// How many bit-fields the program looks at.
  var bitFieldCount: Int { records.reduce(0) { $0 + bitFields($1.record).count } }

  private func assertions() -> String {
    var text = ""
    for (name, record) in records {
      text += "_Static_assert(sizeof(\(name)) == \(record.size!), \"size of \(name)\");\n"
      text += "_Static_assert(_Alignof(\(name)) == \(record.align!), \"alignment of \(name)\");\n"
      for (path, offset) in byteMembers(record) {
        text += "_Static_assert(__builtin_offsetof(\(name), \(path)) == \(offset), "
        text += "\"\(name).\(path)\");\n"
      }
    }
    for (number, entry) in table.entries.enumerated() {
      let id = TypeID(Int32(number + 1))
      guard case .typedef(let name, _, _) = entry.type, let size = table.size(of: id),
        let align = table.align(of: id)
      else { continue }
      text += "_Static_assert(sizeof(\(name)) == \(size), \"size of \(name)\");\n"
      text += "_Static_assert(_Alignof(\(name)) == \(align), \"alignment of \(name)\");\n"
    }
    return text
  }

  /// Members that have an address, with their offsets in bytes; of anonymous ones, their members.
  private func byteMembers(_ record: Record, base: UInt64 = 0) -> [(String, UInt64)] {
    record.members.flatMap { member -> [(String, UInt64)] in
      guard member.bitSize == nil, let offset = member.bitOffset else { return [] }
      if let name = member.name { return [(name, base + offset / 8)] }
      guard case .record(let inner) = table[table.unqualified(member.type)] else { return [] }
      return byteMembers(inner, base: base + offset / 8)
    }
  }

  private func bitFields(_ record: Record, base: UInt64 = 0) -> [(String, UInt64, UInt32)] {
    record.members.flatMap { member -> [(String, UInt64, UInt32)] in
      guard let offset = member.bitOffset else { return [] }
      if let size = member.bitSize {
        return member.name.map { [($0, base + offset, size)] } ?? []
      }
      guard member.name == nil, case .record(let inner) = table[table.unqualified(member.type)]
      else { return [] }
      return bitFields(inner, base: base + offset)
    }
  }

  private func program() -> String {
    var text = """
      int printf(const char *, ...);
      static int check(const char *name, const unsigned char *bytes, unsigned long size,
                       unsigned long first, unsigned long count)
      {
        for (unsigned long bit = 0; bit < size * 8; bit++) {
          int expected = bit >= first && bit < first + count;
          if ((bytes[bit / 8] >> bit % 8 & 1) != expected) {
            printf("%s: bit %lu\\n", name, bit);
            return 1;
          }
        }
        return 0;
      }
      #define CHECK(type, field, first, count) do { \\
        type object; \\
        __builtin_memset(&object, 0, sizeof object); \\
        object.field = -1; \\
        bad |= check(#type "." #field, (unsigned char *)&object, sizeof object, first, count); \\
      } while (0)

      """
    var calls = ""
    for (number, entry) in records.enumerated() {
      // A function each: one of them all would take gcc long.
      var body = ""
      for (path, offset, size) in bitFields(entry.record) {
        body += "  CHECK(\(entry.name), \(path), \(offset), \(size));\n"
      }
      if body.isEmpty { continue }
      text += "static int check\(number)(void)\n{\n  int bad = 0;\n\(body)  return bad;\n}\n"
      calls += "  bad |= check\(number)();\n"
    }
    return text + "int main(void)\n{\n  int bad = 0;\n\(calls)  return bad;\n}\n"
  }
}

/// Random declarations of everything that has an influence on layout.
struct DeclarationGenerator {
  private var random: SeededGenerator
  private var count = 0
  private var memberCount = 0
  private var tags: [String] = []

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

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
    let isPragma = random.oneIn(8)
    if isPragma { text += "#pragma pack(push, \(random.pick([1, 2, 4, 8, 16])))\n" }
    let tag = "s\(count)"
    let keyword = random.oneIn(5) ? "union" : "struct"
    text += "\(keyword) \(recordBody(tag: tag, depth: 0));\n"
    tags.append("\(keyword) \(tag)")
    if isPragma { text += "#pragma pack(pop)\n" }
    return text
  }

  private mutating func recordBody(tag: String, depth: Int) -> String {
    let leading = random.oneIn(12) ? "__attribute__((packed)) " : ""
    var text = "\(leading)\(tag) {\n"
    for _ in 0...random.below(7) {
      memberCount += 1
      text += "  \(member("m\(memberCount)", depth: depth))\n"
    }
    text += "}"
    if random.oneIn(6) { text += " __attribute__((packed))" }
    if random.oneIn(10) {
      text += " __attribute__((aligned(\(random.pick([1, 2, 4, 8, 16, 32])))))"
    }
    return text
  }

  private mutating func member(_ name: String, depth: Int) -> String {
    switch random.below(12) {
    case 0..<5: return bitField(name)
    case 5 where depth < 3:
      let keyword = random.oneIn(3) ? "union" : "struct"
      let suffix = random.oneIn(2) ? "" : " \(name)\(array())"
      return "\(keyword) \(recordBody(tag: "", depth: depth + 1))\(suffix);"
    case 6 where !tags.isEmpty: return "\(random.pick(tags)) \(name)\(array())\(attributes());"
    case 7: return "void *\(name)\(array())\(attributes());"
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
    ("aligned_int", 32), ("low_long", 64), ("high_short", 16), ("vu", 32), ("byte_t", 8),
  ]

  private mutating func bitField(_ name: String) -> String {
    let (type, bits) = random.pick(Self.bitFieldTypes)
    if random.oneIn(10) { return "\(type) : 0;" }
    var width = 1 + random.below(bits)
    if random.oneIn(4) { width = min(bits, random.pick([1, 8, 16, 32, 64])) }
    if random.oneIn(8) { return "\(type) : \(width);" }
    return "\(type) \(name) : \(width)\(attributes());"
  }

  private mutating func array() -> String {
    switch random.below(6) {
    case 0: "[\(random.below(5))]"
    case 1: "[\(1 + random.below(3))][\(1 + random.below(3))]"
    default: ""
    }
  }

  private mutating func leading() -> String {
    random.oneIn(12) ? "__attribute__((aligned(\(random.pick([2, 4, 8, 16]))))) " : ""
  }

  private mutating func attributes() -> String {
    var text = ""
    if random.oneIn(8) { text += " __attribute__((packed))" }
    if random.oneIn(10) { text += " __attribute__((aligned(\(random.pick([1, 2, 4, 8, 16])))))" }
    return text
  }
}
