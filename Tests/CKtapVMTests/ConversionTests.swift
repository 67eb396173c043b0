// SPDX-License-Identifier: MIT

import CKtapImage
import CKtapVM
import CKtapVMTestCallees
import KtapLoader
import Testing

/// What becomes of a script value where a C type is asked for, and the other way round: each rule of
/// the table in docs/vm.md, kept and broken.
@Suite struct ConversionTests {
  private static let numbers: [(literal: String, bits: UInt64)] = [
    ("0", 0), ("1", 1), ("-1", ~0), ("127", 127), ("128", 128), ("255", 255), ("256", 256),
    ("-129", UInt64(bitPattern: -129)), ("65535", 65535), ("65536", 65536),
    ("2147483648", 1 << 31), ("4294967296", 1 << 32), ("4294967551", 1 << 32 | 255),
    ("-9223372036854775808", 1 << 63), ("18446744073709551615u", ~0),
    ("9223372036854775808u", 1 << 63),
  ]

  /// The number, or boolean, that a script gets when it reads these bits as this type.
  private static func read(_ scalar: CScalar, _ bits: UInt64) -> OutputValue {
    if scalar.isBool { return .bool(bits != 0) }
    return scalar.size == 8 && !scalar.isSigned ? .uint(bits) : .int(Int64(bitPattern: bits))
  }

  @Test(arguments: CScalar.all) func numbersToScalars(scalar: CScalar) throws {
    var program = Program()
    program.record("struct holder", [.init("before", "char"), .init("value", scalar.name)])
    let results = try prints(
      Self.numbers.map { number in
        """
        r1 = \(number.literal)
        r2 = ffi.new(<\(scalar)>, r1)
        r3 = ffi.cast(<\(scalar)>, r1)
        r4 = ffi.new(<struct holder>)
        setfield r4 r1 value
        getfield r5 r4 value
        getfield r6 r4 before
        print(r2, r3, r5, r6)
        """
      }.joined(separator: "\n"), in: program)
    for (number, result) in zip(Self.numbers, results) {
      let bits = scalar.converted(number.bits)
      let cdata = OutputValue.cdata(type: program[scalar.name], payload: bits)
      #expect(result == [cdata, cdata, Self.read(scalar, bits), 0], "\(number.literal)")
    }
  }

  /// Script booleans are 0 and 1; C's integers are the numbers that they are.
  @Test func booleansAndCNumbers() throws {
    let result = try prints(
      """
      r1 = ffi.new(<int>, true)
      r1 = tonumber(r1)
      r2 = ffi.new(<_Bool>, false)
      r3 = ffi.cast(<short>, -2)
      r3 = ffi.new(<unsigned long>, r3)
      r3 = tonumber(r3)
      r4 = ffi.cast(<unsigned char>, 255)
      addi r5 r4 1
      r6 = ffi.cast(<unsigned long>, -1)
      addi r6 r6 0
      r7 = ffi.cast(<_Bool>, 7)
      r7 = ffi.new(<int>, r7)
      r7 = tonumber(r7)
      print(r1, r3, r5, r6, r7)
      """)
    #expect(result == [[1, .uint(.max - 1), 256, .uint(.max), 1]])
  }

  private static func holder() -> Program {
    var program = Program()
    program.enumeration("enum color", base: "unsigned int", ["RED": 0, "GREEN": 7, "BLUE": 9])
    program.enumeration("enum level", base: "int", ["LOW": -1, "HIGH": 1])
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    program.record("struct other", [.init("first", "int"), .init("second", "long")])
    program.constant("struct pair")
    program.pointer("struct pair")
    program.pointer("const struct pair")
    program.pointer("struct other")
    program.pointer("unsigned int")
    program.pointer("long")
    program.constant("void")
    program.pointer("const void")
    program.array("char", 8)
    program.array("int", 4)
    program.pointer("char *")
    program.function(returning: "int", ["int", "int"])
    program.pointer("int (int, int)", name: "int (*)(int, int)")
    program.function(returning: "long", [])
    program.pointer("long ()", name: "long (*)()")
    program.record(
      "struct all",
      [
        .init("integer", "int"), .init("color", "enum color"), .init("level", "enum level"),
        .init("text", "const char *"), .init("bytes", "char *"), .init("any", "void *"),
        .init("anyconst", "const void *"), .init("numbers", "int *"),
        .init("unsigneds", "unsigned int *"), .init("pair", "struct pair *"),
        .init("constpair", "const struct pair *"), .init("function", "int (*)(int, int)"),
        .init("inner", "struct pair"), .init("name", "char[8]"), .init("array", "int[4]"),
        .init("pointers", "char **"),
      ])
    program.callee("adder", returning: "int", ["int", "int"])
    program.variable("variable_pair", "struct pair")
    program.variable("variable_array", "char[8]")
    return program
  }

  private static let make = """
    r1 = "text"
    r2 = ffi.new(<int[4]>)
    r3 = ffi.new(<struct pair>)
    r4 = ffi.new(<struct other>)
    r5 = ffi.cast(<void *>, 64)
    r6 = ffi.cast(<const char *>, 64)
    r7 = ffi.cast(<int *>, 64)
    r8 = ffi.cast(<unsigned int *>, 64)
    r9 = ffi.cast(<long *>, 64)
    r10 = ffi.cast(<const void *>, 64)
    r11 = ffi.cast(<const struct pair *>, r3)
    r12 = ffi.new(<char[8]>)
    r13 = adder
    r14 = ffi.cast(<long (*)()>, 64)
    r15 = {}
    r16 = ffi.cast(<struct pair *>, 64)
    r17 = variable_pair
    r20 = ffi.new(<struct all>)

    """

  /// What a member takes.
  @Test(arguments: [
    ("5", "integer"), ("true", "integer"), ("\"GREEN\"", "color"), ("3", "color"),
    ("\"LOW\"", "level"), ("nil", "text"), ("r1", "text"), ("r12", "text"), ("r6", "text"),
    ("r5", "text"), ("nil", "bytes"), ("r12", "bytes"), ("r5", "bytes"), ("r2", "any"),
    ("r3", "any"), ("r7", "any"), ("r16", "any"), ("r1", "anyconst"), ("r10", "anyconst"),
    ("r11", "anyconst"), ("r2", "numbers"), ("r7", "numbers"), ("r8", "numbers"),
    ("r2", "unsigneds"), ("r3", "pair"), ("r16", "pair"), ("r17", "pair"), ("r11", "constpair"),
    ("r3", "constpair"), ("r5", "pair"), ("r13", "function"), ("nil", "function"),
    ("r3", "inner"), ("r17", "inner"), ("r15", "inner"), ("\"12345678\"", "name"),
    ("r12", "name"), ("r2", "array"), ("r15", "array"),
  ])
  func accepted(value: String, member: String) throws {
    let outcome = try run(
      Self.make + "r21 = \(value)\nsetfield r20 r21 \(member)\nprint(\"fine\")",
      in: Self.holder())
    #expect(outcome.error == nil)
    #expect(outcome.prints == [["fine"]])
  }

  /// And what it does not: an error that names both types, without any change.
  @Test(arguments: [
    ("\"5\"", "integer", "string", "int"), ("nil", "integer", "nil", "int"),
    ("r15", "integer", "table", "int"), ("r5", "integer", "void *", "int"),
    ("r3", "integer", "struct pair", "int"), ("\"PINK\"", "color", "string", "enum color"),
    ("\"RED\"", "level", "string", "enum level"), ("r1", "bytes", "string", "char *"),
    ("r6", "bytes", "const char *", "char *"), ("r1", "any", "string", "void *"),
    ("r10", "any", "const void *", "void *"), ("r11", "any", "const struct pair *", "void *"),
    ("5", "any", "number", "void *"), ("0", "text", "number", "const char *"),
    ("r9", "numbers", "long *", "int *"), ("r12", "numbers", "char[8]", "int *"),
    ("r4", "pair", "struct other", "struct pair *"),
    ("r11", "pair", "const struct pair *", "struct pair *"),
    ("r7", "pair", "int *", "struct pair *"),
    ("r14", "function", "long (*)()", "int (*)(int, int)"),
    ("r4", "inner", "struct other", "struct pair"),
    ("5", "inner", "number", "struct pair"), ("r12", "array", "char[8]", "int[4]"),
    ("\"abc\"", "array", "string", "int[4]"),
    ("print", "function", "function", "int (*)(int, int)"),
    ("r12", "pointers", "char[8]", "char **"),
  ])
  func refused(value: String, member: String, from: String, to: String) throws {
    let error = try error(
      Self.make + "r21 = \(value)\nsetfield r20 r21 \(member)", in: Self.holder())
    #expect(error.hasPrefix("t.kp:20: "), "\(error)")
    #expect(error.contains("cannot convert '\(from)' to '\(to)'"), "\(error)")
  }

  @Test func aStringThatDoesNotFitIsAnError() throws {
    let error = try error(
      Self.make + "r21 = \"123456789\"\nsetfield r20 r21 name", in: Self.holder())
    #expect(error.contains("9 bytes") && error.contains("'char[8]'"), "\(error)")
  }

  @Test func aStringEndsWithAZeroWhereThereIsRoom() throws {
    let result = try prints(
      """
      r0 = ffi.new(<char[8]>, "1234567")
      r1 = ffi.new(<char[8]>, "12345678")
      r9 = "x"
      r2 = ffi.new(<char[8]>, "abcdefgh")
      r3 = ffi.new(<struct all>)
      setfield r3 r9 name
      setfield r3 r2 name
      setfield r3 r9 name
      getfield r3 r3 name
      r4 = ffi.string(r0)
      r5 = ffi.string(r1)
      r6 = ffi.string(r3)
      r7 = 2
      getindex r7 r3 r7
      print(r4, r5, r6, r7)
      """, in: Self.holder())
    #expect(result == [["1234567", "12345678", "x", 99]])
  }

  /// What reading gives: numbers, booleans, pointers as cdata, references into the record.
  @Test func reading() throws {
    let result = try prints(
      """
      r0 = ffi.new(<struct all>)
      r1 = "BLUE"
      setfield r0 r1 color
      r1 = "LOW"
      setfield r0 r1 level
      getfield r1 r0 color
      getfield r2 r0 level
      getfield r3 r0 text
      getfield r4 r0 inner
      r4 = type(r4)
      r5 = nil
      r6 = "NULL is nil"
      jeq r3 r5 same
      r6 = "NULL is not nil"
      same:
      getfield r7 r0 any
      r8 = "NULL is NULL"
      jeq r3 r7 equal
      r8 = "NULL is not NULL"
      equal:
      print(r1, r2, r3, r4, r6, r8)
      """, in: Self.holder())
    #expect(
      result == [
        [
          9, -1, .cdata(type: Self.holder()["const char *"], payload: 0), "cdata", "NULL is nil",
          "NULL is NULL",
        ]
      ])
  }

  @Test(
    arguments: [
      ("<void *>", "1234", 1234), ("<void *>", "-1", ~0), ("<char *>", "r9", 64),
      ("<unsigned long>", "r9", 64), ("<unsigned char>", "r9", 64), ("<int *>", "nil", 0),
      ("<long (*)()>", "r9", 64), ("<_Bool>", "r9", 1),
    ] as [(String, String, UInt64)])
  func casts(type: String, value: String, payload: UInt64) throws {
    let result = try prints(
      "r9 = ffi.cast(<long *>, 64)\nr1 = ffi.cast(\(type), \(value))\nprint(r1)",
      in: Self.holder())
    guard case .cdata(_, payload: payload) = result[0][0] else {
      throw Machine.Misbehaved(what: "\(result)")
    }
  }

  @Test(arguments: [
    ("<void *>", "{}"), ("<int>", "\"5\""), ("<struct pair>", "5"), ("<int>", "nil"),
    ("<int>", "print"), ("<void>", "5"), ("<int *>", "true"), ("<enum color>", "\"PINK\""),
  ])
  func badCasts(type: String, value: String) throws {
    #expect(try error("r1 = ffi.cast(\(type), \(value))", in: Self.holder()).contains("'ffi.cast'"))
  }

  /// A 128-bit integer takes a number and extends it by its sign.
  @Test func wideIntegers() throws {
    var program = Program()
    program.add("__int128") {
      $0.kind = KTAP_TYPE_INT.rawValue
      $0.flags = UInt32(KTAP_TYPE_SIGNED)
      ($0.size, $0.align) = (16, 16)
    }
    program.record("struct wide", [.init("value", "__int128")])
    program.array("long", 2)
    program.pointer("long[2]")
    let result = try prints(
      """
      r0 = ffi.new(<struct wide>)
      r9 = -5
      setfield r0 r9 value
      show(r0)
      r9 = 18446744073709551611u
      setfield r0 r9 value
      show(r0)
      function show(1)
        r1 = ffi.cast(<long[2] *>, r0)
        r2 = 0
        r3 = 1
        getindex r1 r1 r2
        getindex r4 r1 r2
        getindex r5 r1 r3
        print(r4, r5)
      """, in: program)
    #expect(result == [[-5, -1], [-5, 0]])
  }
}
