// SPDX-License-Identifier: MIT

import KtapLoader
import Testing

/// GETMEMBER and SETMEMBER: by its place where the forecast holds, else by its name, with the same result.
@Suite struct FieldTests {
  private static func program() -> Program {
    var program = Program()
    program.record("struct point", [.init("x", "int"), .init("y", "int")])
    program.record(
      "struct shape",
      [
        .init("at", "struct point"), .init("area", "unsigned long"), .init(nil, "struct point"),
        .init("open", "unsigned int", at: 192, bits: 1),
        .init("kind", "unsigned int", at: 193, bits: 7),
      ], size: 32, align: 8)
    program.record("struct other", [.init("name", "long"), .init("area", "short")])
    program.constant("struct shape")
    for type in ["struct shape", "const struct shape", "struct other"] { program.pointer(type) }
    for base in ["struct shape", "struct shape *", "const struct shape *"] {
      program.field(base, "at", "struct point", bitOffset: 0)
      program.field(base, "area", "unsigned long", bitOffset: 64)
      program.field(base, "y", "int", bitOffset: 160)
      program.field(base, "kind", "unsigned int", bitOffset: 193, bitSize: 7)
    }
    return program
  }

  private static let names = ["at", "area", "y", "kind"]

  /// What a listing prints, or the error that ends it.
  private func result(_ listing: String) throws -> String {
    let outcome = try run(listing, in: Self.program())
    return outcome.error ?? "\(outcome.prints)"
  }

  private static let values = [
    "ffi.new(<struct shape>)", "ffi.cast(<struct shape *>, r9)", "ffi.cast(<struct shape *>, 0)",
    "ffi.cast(<const struct shape *>, r9)", "ffi.cast(<struct other *>, r9)", "{}", "nil", "17",
    "ffi.cast(<struct shape *>, 64)", "\"text\"",
  ]

  /// Every field on every kind of value: an access by field is what the access by name is.
  @Test(arguments: values, 0..<12) func isWhatTheNameIs(value: String, field: Int) throws {
    let name = Self.names[field % 4]
    let before = """
      r9 = ffi.new(<struct shape>)
      r0 = 0x4647484950515253
      setfield r9 r0 area
      r0 = \(value)
      r1 = 99
      """
    // A reference is another address in each run.
    let read = name == "at" ? "r1 = type(r1)\n" : ""
    let after = "\n\(read)print(r1)\ngetfield r2 r9 y\ngetfield r3 r9 kind\nprint(r2, r3)"
    #expect(
      try result(before + "\ngetmember r1 r0 m\(field)" + after)
        == result(before + "\ngetfield r1 r0 \(name)" + after))
    #expect(
      try result(before + "\nsetmember r0 r1 m\(field)" + after)
        == result(before + "\nsetfield r0 r1 \(name)" + after))
  }
}
