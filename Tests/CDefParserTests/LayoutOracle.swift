// SPDX-License-Identifier: MIT

import Foundation
import Testing
import TypeIR

/// Compares the layouts of a document with those that a compiler gives the same text: sizes, alignments,
/// offsets and constants by `_Static_assert`, each bit-field by filling it with ones and looking where
/// they are.
struct LayoutOracle {
  let table: TypeTable
  /// `gcc` or `clang`.
  let compiler: String

  init(_ document: TypesDocument, compiler: String = "gcc") {
    table = document.types
    self.compiler = compiler
  }

  /// clang has that type by gcc's older name only.
  private static let clangOptions = ["-D_Float128=__float128", "-ferror-limit=0"]

  /// What the compiler says otherwise; empty if it agrees in everything. `runs`: bit-fields are looked
  /// at too.
  func disagreements(with text: String, runs: Bool = true) throws -> String {
    try Tool.withTemporaryDirectory { directory in
      let source = directory.appendingPathComponent("t.c")
      try (text + "\n" + assertions() + (runs ? program() : "")).write(
        to: source, atomically: false, encoding: .utf8)
      let compiled = try Tool.run(
        [compiler, "-std=gnu11", "-w", "-O0"] + (compiler == "clang" ? Self.clangOptions : [])
          + (runs ? ["-o", "t"] : ["-fsyntax-only"]) + ["t.c"],
        in: directory)
      guard compiled.status == 0 else {
        return compiled.output.isEmpty
          ? "\(compiler) failed" : String(compiled.output.prefix(40000))
      }
      guard runs else { return "" }
      let run = try Tool.run(["./t"], in: directory)
      return run.status == 0 ? "" : run.output + "exit status \(run.status)"
    }
  }

  /// How many bit-fields the program looks at.
  var bitFieldCount: Int { records.reduce(0) { $0 + $1.places.count { $0.bitSize != nil } } }

  /// Of the records that have a name.
  var shareOfRecordsWithBitFields: Double {
    let records = records
    let count = records.count { $0.places.contains { $0.bitSize != nil } }
    return Double(count) / Double(max(1, records.count))
  }

  // MARK: What is to be judged

  /// A record and the C that names it.
  private struct NamedRecord {
    var spelling: String
    var record: Record
    var places: [Place]
  }

  /// A member that C can name: `a`, `b.c`, `d[0].e`.
  private struct Place {
    var path: String
    /// From the start of the record.
    var bitOffset: UInt64
    /// nil unless a bit-field.
    var bitSize: UInt32?
    /// Whether an object has it: an array of no elements has none.
    var exists: Bool
  }

  /// Every record with a layout, and a tag or a typedef to name it.
  private var records: [NamedRecord] {
    table.entries.compactMap { entry in
      let named: (String, Record)? =
        switch entry.type {
        // gcc's own __va_list_tag has no name that a program can use.
        case .record(let record) where record.tag != nil && record.tag != "__va_list_tag":
          ("\(record.keyword.rawValue) \(record.tag!)", record)
        case .typedef(let name, let type, _): anonymousRecord(type).map { (name, $0) }
        default: nil
        }
      guard let (spelling, record) = named, record.size != nil else { return nil }
      return NamedRecord(
        spelling: spelling, record: record, places: places(record, path: "", base: 0, exists: true))
    }
  }

  private func anonymousRecord(_ type: TypeID) -> Record? {
    guard type != .void, case .record(let record) = table[type], record.tag == nil else {
      return nil
    }
    return record
  }

  private func places(
    _ record: Record, path: String, base: UInt64, exists: Bool
  ) -> [Place] {
    record.members.flatMap { member -> [Place] in
      guard let offset = member.bitOffset else { return [] }
      let own = Place(
        path: path + (member.name ?? ""), bitOffset: base + offset, bitSize: member.bitSize,
        exists: exists)
      var result = member.name == nil ? [] : [own]
      var suffix = ""
      var isReached = exists
      var type = member.type
      while type != .void {
        switch table[type] {
        case .array(let element, let length):
          suffix += "[0]"
          if length == .count(0) || length == .flexible { isReached = false }
          type = element
          continue
        case .const(let inner), .volatile(let inner):
          type = inner
          continue
        case .record(let inner) where inner.tag == nil:
          result += places(
            inner, path: member.name == nil ? path : own.path + suffix + ".", base: own.bitOffset,
            exists: isReached)
        default: break
        }
        break
      }
      return result
    }
  }

  // MARK: What the compiler can tell

  private func assertions() -> String {
    var text = ""
    for named in records {
      let name = named.spelling
      // A typedef has a size and alignment of its own: below.
      if named.record.tag != nil {
        text += assertion("sizeof(\(name))", named.record.size!)
        text += assertion("_Alignof(\(name))", named.record.align!)
      }
      for place in named.places where place.bitSize == nil {
        text += assertion("__builtin_offsetof(\(name), \(place.path))", place.bitOffset / 8)
      }
    }
    for (index, entry) in table.entries.enumerated() {
      let id = TypeID(Int32(index + 1))
      switch entry.type {
      case .typedef(let name, _, _):
        guard let size = table.size(of: id), let align = table.align(of: id) else { continue }
        text += assertion("sizeof(\(name))", size) + assertion("_Alignof(\(name))", align)
      case .enumeration(let enumeration):
        if let tag = enumeration.tag { text += assertion("sizeof(enum \(tag))", enumeration.size) }
        for enumerator in enumeration.values {
          text += assertion("(unsigned long long)\(enumerator.name)", enumerator.value.bits)
        }
      default: continue
      }
    }
    return text
  }

  private func assertion(_ expression: String, _ value: UInt64) -> String {
    "_Static_assert(\(expression) == \(value)u, \"\(expression) is not \(value)\");\n"
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
    for (number, named) in records.enumerated() {
      // A function each: one of them all would take gcc long.
      var body = ""
      for place in named.places where place.exists {
        guard let size = place.bitSize else { continue }
        body += "  CHECK(\(named.spelling), \(place.path), \(place.bitOffset), \(size));\n"
      }
      if body.isEmpty { continue }
      text += "static int check\(number)(void)\n{\n  int bad = 0;\n\(body)  return bad;\n}\n"
      calls += "  bad |= check\(number)();\n"
    }
    return text + "int main(void)\n{\n  int bad = 0;\n\(calls)  return bad;\n}\n"
  }
}
