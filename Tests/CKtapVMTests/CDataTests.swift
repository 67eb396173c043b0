// SPDX-License-Identifier: MIT

import CKtapImage
import CKtapVM
import CKtapVMTestCallees
import KtapLoader
import Testing

/// Records, arrays, pointers: members, bounds, initialisers, arithmetic.
@Suite struct CDataTests {
  private static func program() -> Program {
    var program = Program()
    program.record("struct point", [.init("x", "int"), .init("y", "int")])
    program.record("struct line", [.init("from", "struct point"), .init("to", "struct point")])
    program.record(
      "union word", [.init("number", "unsigned int"), .init("halves", "unsigned short")])
    program.record(
      "struct deep",
      [
        .init("head", "char"), .init(nil, "union word"), .init(nil, "struct point"),
        .init("tail", "long"),
      ])
    program.array("int", 4)
    program.array("struct point", 3)
    program.array("int[4]", 2, name: "int[2][4]")
    program.flexibleArray("int")
    program.flexibleArray("struct point")
    program.record("struct packet", [.init("length", "int"), .init("data", "int[?]")], size: 4)
    program.constant("int")
    program.pointer("const int")
    program.record("struct fixed", [.init("open", "int"), .init("closed", "const int")])
    program.constant("struct point")
    program.pointer("struct point")
    program.pointer("const struct point")
    program.incomplete("struct secret")
    program.pointer("struct secret")
    program.pointer("long")
    program.array("const int", 2)
    program.variable("variable_pair", "struct point")
    program.variable("variable_const", "const int")
    program.variable("variable_int", "int")
    program.variable("variable_array", "int[4]")
    return program
  }

  private func prints(_ listing: String, on machine: Machine = Machine()) throws -> [[OutputValue]]
  {
    try CKtapVMTests.prints(listing, in: Self.program(), on: machine)
  }
  private func error(_ listing: String, on machine: Machine = Machine()) throws -> String {
    try CKtapVMTests.error(listing, in: Self.program(), on: machine)
  }

  // MARK: Members

  @Test func nestedMembersAreReferences() throws {
    let result = try prints(
      """
      r0 = ffi.new(<struct line>)
      getfield r1 r0 to
      r2 = 7
      setfield r1 r2 y
      getfield r3 r0 to
      getfield r3 r3 y
      getfield r4 r0 from
      r5 = ffi.new(<struct point>)
      r6 = 1
      setfield r5 r6 x
      setfield r0 r5 from
      setfield r5 r2 x
      getfield r7 r4 x
      print(r3, r7)
      """)
    #expect(result == [[7, 1]])
  }

  @Test func membersOfAnonymousMembers() throws {
    let result = try prints(
      """
      r0 = ffi.new(<struct deep>)
      r1 = 65537
      setfield r0 r1 number
      getfield r2 r0 halves
      r3 = 5
      setfield r0 r3 y
      r4 = ffi.offsetof(<struct deep>, "number")
      r5 = ffi.offsetof(<struct deep>, "y")
      r6 = ffi.offsetof(<struct deep>, "tail")
      getfield r7 r0 y
      getfield r8 r0 x
      print(r2, r4, r5, r6, r7, r8)
      """)
    #expect(result == [[1, 4, 12, 16, 5, 0]])
  }

  @Test(arguments: [
    ("r0 = ffi.new(<struct point>)\ngetfield r1 r0 z", "'struct point' has no member 'z'"),
    ("r0 = ffi.new(<struct point>)\nsetfield r0 r0 z", "'struct point' has no member 'z'"),
    ("r0 = ffi.cast(<struct secret *>, 64)\ngetfield r1 r0 x", "struct secret"),
    ("r0 = ffi.cast(<struct secret *>, 64)\nr1 = 0\ngetindex r1 r0 r1", "struct secret"),
    ("r0 = ffi.cast(<struct secret *>, 64)\nr1 = 1\nadd r1 r0 r1", "struct secret"),
    ("r0 = ffi.cast(<void *>, 64)\nr1 = 0\ngetindex r1 r0 r1", "void"),
    ("r0 = ffi.cast(<int *>, 64)\ngetfield r1 r0 x", "has no members"),
    ("r0 = ffi.cast(<int>, 64)\ngetfield r1 r0 x", "int"),
    ("r0 = ffi.new(<struct point>)\nr1 = 0\ngetindex r1 r0 r1", "struct point"),
    ("r0 = ffi.new(<int[4]>)\nr1 = {}\ngetindex r1 r0 r1", "table"),
    ("r0 = ffi.cast(<struct point *>, 0)\ngetfield r1 r0 x", "NULL"),
    ("r0 = ffi.new(<struct secret>)", "struct secret"),
    ("r0 = ffi.sizeof(<struct secret>)", "struct secret"),
    ("r0 = ffi.sizeof(<void>)", "void"),
    ("r0 = ffi.alignof(<void>)", "void"),
    ("r0 = ffi.offsetof(<struct point>, \"z\")", "'struct point' has no member 'z'"),
    ("r0 = ffi.offsetof(<int>, \"z\")", "int"),
  ])
  func mistakes(listing: String, text: String) throws {
    #expect(try error(listing).contains(text))
  }

  // MARK: Sizes

  @Test func sizes() throws {
    let result = try prints(
      """
      r0 = ffi.sizeof(<struct line>)
      r1 = ffi.sizeof(<int[?]>, 10)
      r2 = ffi.new(<int[?]>, 5)
      r2 = ffi.sizeof(r2)
      r3 = ffi.new(<struct packet>, 3)
      r3 = ffi.sizeof(r3)
      r4 = ffi.sizeof(<struct packet>)
      r5 = ffi.alignof(<struct deep>)
      r6 = ffi.cast(<struct point *>, 64)
      r6 = ffi.sizeof(r6)
      r7 = ffi.sizeof(<int[2][4]>)
      print(r0, r1, r2, r3, r4, r5, r6, r7)
      """)
    #expect(result == [[16, 40, 20, 16, 4, 8, 8, 32]])
  }

  @Test func typeof() throws {
    let result = try prints(
      """
      r0 = ffi.new(<struct point>)
      r0 = ffi.typeof(r0)
      r1 = <struct point>
      jeq r0 r1 same
      r1 = "another"
      same:
      r2 = ffi.typeof(<int>)
      r3 = ffi.new(r0)
      getfield r3 r3 x
      print(r1, r2, r3)
      """)
    #expect(result == [[.ctype(Self.program()["struct point"]), .ctype(Self.program()["int"]), 0]])
  }

  // MARK: Initialisers

  private static let dump = """

    function ints(2)
      loadi r3 0
      addi r4 r1 -1
      loadi r5 1
      r20 = ""
      forprep r3 done
      again:
      getindex r21 r0 r6
      r22 = " "
      concat r20 r20 3
      forloop r3 again
      done:
      return r20 2
    """

  /// The integers that an object made with an initialiser consists of.
  @Test(arguments: [
    ("<int[4]>", "", "0 0 0 0 "), ("<int[4]>", ", 1", "1 1 1 1 "),
    ("<int[4]>", ", 1, 2", "1 2 0 0 "),
    ("<int[4]>", ", r1", "9 9 9 9 "), ("<int[4]>", ", r2", "1 2 3 0 "),
    ("<int[4]>", ", r11", "1 2 3 4 "),
    ("<struct line>", ", r3", "1 2 3 4 "), ("<struct line>", ", r4", "0 0 0 2 "),
    ("<struct line>", ", r5", "5 6 0 0 "), ("<struct line>", ", r5, r6", "5 6 7 0 "),
    ("<struct point[3]>", ", r5", "5 6 5 6 5 6 "),
    ("<struct point[3]>", ", r5, r6", "5 6 7 0 0 0 "),
    ("<int[2][4]>", ", r2, r11", "1 2 3 0 1 2 3 4 "),
  ])
  func initialisers(type: String, arguments: String, integers: String) throws {
    let count = integers.split(separator: " ").count
    let result = try prints(
      """
      r1 = {}
      r30 = 9
      setlist r1 r30 1 0
      r2 = {}
      r30 = 1
      r31 = 2
      r32 = 3
      r33 = 4
      setlist r2 r30 3 0
      r11 = {}
      setlist r11 r30 4 0
      r5 = ffi.new(<struct point>, 5, 6)
      r6 = {}
      r34 = 7
      setfield r6 r34 x
      r3 = {}
      r40 = {}
      setlist r40 r30 2 0
      r41 = {}
      setlist r41 r32 2 0
      setlist r3 r40 2 0
      r4 = {}
      r42 = {}
      setfield r42 r31 y
      setfield r4 r42 to
      r10 = ffi.new(\(type)\(arguments))
      r10 = ffi.cast(<int *>, r10)
      r12 = ints(r10, \(count))
      print(r12)
      """ + Self.dump)
    #expect(result == [[.text(integers)]])
  }

  @Test(arguments: [
    ("<int[4]>", "1, 2, 3, 4, 5", "too many"), ("<struct point>", "1, 2, 3", "too many"),
    ("<int>", "1, 2", "too many"), ("<struct point>", "\"x\"", "cannot convert"),
    ("<int[?]>", "", "number of elements"), ("<int[?]>", "-1", "less than 0"),
    ("<union word>", "1, 2", "too many"), ("<int[?]>", "2, 1, 2, 3", "too many"),
    ("<struct point>", "r1", "'struct point' has no member 'nowhere'"),
    ("<struct point>", "r2", "too many"), ("<int[4]>", "r1", "string"),
  ])
  func wrongInitialisers(type: String, arguments: String, text: String) throws {
    let error = try error(
      """
      r1 = {}
      setfield r1 r1 nowhere
      r2 = {}
      r3 = 1
      r4 = 2
      r5 = 3
      setlist r2 r3 3 0
      r10 = ffi.new(\(type), \(arguments))
      """)
    #expect(error.contains(text), "\(error)")
  }

  @Test func newMemoryIsZero() throws {
    let result = try prints(
      """
      r0 = 0
      r9 = 500
      again:
      r1 = ffi.new(<int[?]>, 16)
      r2 = ints(r1, 16)
      r3 = "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
      jne r2 r3 bad
      r4 = -1
      r5 = 15
      setindex r1 r5 r4
      addi r0 r0 1
      jlt r0 r9 again
      bad:
      print(r0)
      """ + Self.dump, on: Machine(memory: 256 << 10))
    #expect(result == [[500]])
  }

  // MARK: Indexing and bounds

  @Test(arguments: [
    ("<int[4]>", "4"), ("<int[4]>", "-1"), ("<int[4]>", "9223372036854775807"),
    ("<int[4]>", "-9223372036854775808"), ("<int[4]>", "18446744073709551615u"),
    ("<int[4]>", "4611686018427387904"), ("<struct point[3]>", "3"), ("<int[2][4]>", "2"),
  ])
  func ownedArraysHaveBounds(type: String, index: String) throws {
    for access in ["getindex r2 r0 r1", "setindex r0 r1 r9"] {
      let error = try error("r0 = ffi.new(\(type))\nr1 = \(index)\nr9 = 5\n\(access)")
      #expect(error.hasPrefix("t.kp:4: ") && error.contains("out of bounds"), "\(error)")
    }
  }

  /// An element or a pointer into owned memory is bounded by that memory, however it was come by.
  @Test(arguments: [
    ("getindex r1 r0 r8", "4", false), ("getindex r1 r0 r8", "3", true),
    ("r1 = ffi.cast(<int *>, r0)", "8", false), ("r1 = ffi.cast(<int *>, r0)", "7", true),
    ("r1 = ffi.cast(<int *>, r0)", "-1", false),
    ("r1 = ffi.cast(<int *>, r0)\nr7 = 4\nadd r1 r1 r7", "-4", true),
    ("r1 = ffi.cast(<int *>, r0)\nr7 = 4\nadd r1 r1 r7", "-5", false),
    ("r1 = ffi.cast(<int *>, r0)\nr7 = 4\nadd r1 r1 r7", "4", false),
    ("r1 = ffi.cast(<long *>, r0)", "3", true), ("r1 = ffi.cast(<long *>, r0)", "4", false),
    ("r1 = ffi.addressof(r0)", "0", true), ("r1 = ffi.addressof(r0)", "1", false),
  ])
  func pointersIntoOwnedMemoryHaveBounds(listing: String, index: String, fits: Bool) throws {
    let outcome = try run(
      "r0 = ffi.new(<int[2][4]>)\nr8 = 1\n\(listing)\nr2 = \(index)\ngetindex r3 r1 r2\nprint(\"read\")",
      in: Self.program())
    #expect(outcome.prints.isEmpty == !fits)
    #expect((outcome.error == nil) == fits, "\(outcome.error ?? "")")
  }

  /// A cast to something larger does not make owned memory larger.
  @Test func castsDoNotWidenOwnedMemory() throws {
    let error = try error(
      """
      r0 = ffi.new(<int[4]>)
      r1 = ffi.cast(<struct point *>, r0)
      r2 = 1
      getindex r2 r1 r2
      getfield r3 r2 y
      r0 = ffi.new(<struct point>)
      r1 = ffi.cast(<long *>, r0)
      r2 = 0
      getindex r2 r1 r2
      r1 = ffi.addressof(r0)
      r2 = 1
      add r1 r1 r2
      getfield r3 r1 x
      """)
    #expect(error.hasPrefix("t.kp:13: "), "\(error)")
  }

  @Test func flexibleArraysEndWithTheirObject() throws {
    let listing = """
      r0 = ffi.new(<struct packet>, 3)
      getfield r1 r0 data
      r2 = %
      r3 = 8
      setindex r1 r2 r3
      getindex r4 r1 r2
      print(r4)
      """
    #expect(try prints(listing.replacing("%", with: "2")) == [[8]])
    #expect(try error(listing.replacing("%", with: "3")).contains("out of bounds"))
    #expect(try error(listing.replacing("%", with: "-1")).contains("out of bounds"))
  }

  // MARK: Pointers

  @Test func pointerArithmetic() throws {
    let result = try prints(
      """
      r0 = ffi.cast(<int *>, 4096)
      r1 = 3
      add r2 r0 r1
      add r3 r1 r0
      sub r4 r0 r1
      sub r5 r2 r4
      sub r6 r4 r2
      r7 = ffi.cast(<void *>, 4096)
      add r7 r7 r1
      addi r8 r0 -1
      r9 = ffi.cast(<struct point *>, 4096)
      add r9 r9 r1
      print(r2, r3, r4, r5, r6, r7, r8, r9)
      """)
    let program = Self.program()
    let int = program["int *"]
    #expect(
      result == [
        [
          .cdata(type: int, payload: 4108), .cdata(type: int, payload: 4108),
          .cdata(type: int, payload: 4084), 6, -6, .cdata(type: program["void *"], payload: 4099),
          .cdata(type: int, payload: 4092), .cdata(type: program["struct point *"], payload: 4120),
        ]
      ])
  }

  @Test(arguments: [
    "add r2 r0 r0", "mul r2 r0 r8", "and r2 r0 r8", "sub r2 r8 r0", "sub r2 r0 r1", "neg r2 r0",
    "bnot r2 r0", "add r2 r0 r9", "jlt r0 r8 end", "len r2 r0",
  ])
  func noSuchArithmetic(instruction: String) throws {
    let error = try error(
      """
      r0 = ffi.cast(<int *>, 4096)
      r1 = ffi.cast(<struct point *>, 4096)
      r8 = 2
      r9 = "2"
      \(instruction)
      end:
      """)
    #expect(error.hasPrefix("t.kp:5: "), "\(error)")
  }

  @Test func pointersCompareByAddress() throws {
    let result = try prints(
      """
      r0 = ffi.cast(<int *>, 4096)
      r1 = ffi.cast(<int *>, 8192)
      r2 = ffi.cast(<void *>, 4096)
      r3 = ffi.cast(<int *>, -1)
      r10 = "less"
      jlt r0 r1 one
      r10 = "not less"
      one:
      r11 = "equal"
      jeq r0 r2 two
      r11 = "not equal"
      two:
      r12 = "below"
      jlt r1 r3 three
      r12 = "not below"
      three:
      r13 = nil
      jeq r0 r13 four
      r13 = "not NULL"
      four:
      r14 = ffi.cast(<int *>, 0)
      r15 = nil
      jeq r15 r14 five
      r15 = "not NULL"
      five:
      print(r10, r11, r12, r13, r15)
      """)
    #expect(result == [["less", "equal", "below", "not NULL", .nil]])
  }

  @Test func addressesOfMembers() throws {
    let result = try prints(
      """
      r0 = ffi.new(<struct line>, 0)
      getfield r1 r0 to
      r2 = ffi.addressof(r1)
      r3 = ffi.addressof(r0)
      r2 = ffi.cast(<long>, r2)
      r3 = ffi.cast(<long>, r3)
      sub r4 r2 r3
      print(r4)
      """.replacing(", 0)", with: ")"))
    #expect(result == [[8]])
  }

  @Test(arguments: ["5", "nil", "\"x\"", "r0"]) func notEverythingHasAnAddress(value: String) throws
  {
    #expect(
      try error("r0 = ffi.cast(<int>, 5)\nr1 = ffi.addressof(\(value))").contains("'ffi.addressof'")
    )
  }

  // MARK: const

  @Test(arguments: [
    "r0 = ffi.cast(<const int *>, r9)\nr1 = 0\nsetindex r0 r1 r8",
    "r0 = ffi.cast(<const struct point *>, r7)\nsetfield r0 r8 x",
    "r0 = ffi.new(<struct fixed>)\nsetfield r0 r8 closed",
    "r0 = ffi.new(<const struct point>)\nsetfield r0 r8 x",
    "r0 = ffi.new(<const int[2]>)\nr1 = 0\nsetindex r0 r1 r8",
    "setsym r8 variable_const",
  ])
  func constIsNotWritten(listing: String) throws {
    let error = try error(
      "r9 = ffi.new(<int[4]>)\nr8 = 5\nr7 = ffi.new(<struct point>)\n" + listing)
    #expect(error.contains("const"), "\(error)")
  }

  @Test func constMayBeInitialised() throws {
    let result = try prints(
      """
      r0 = ffi.new(<struct fixed>, 1, 2)
      getfield r1 r0 closed
      r2 = ffi.new(<const int[2]>, 3, 4)
      r3 = 1
      getindex r3 r2 r3
      print(r1, r3)
      """)
    #expect(result == [[2, 4]])
  }

  // MARK: ffi.string

  @Test func stringsFromMemory() throws {
    var program = Self.program()
    program.array("char", 8)
    program.flexibleArray("char")
    program.variable("variable_text", "const char *")
    let result = try CKtapVMTests.prints(
      """
      r0 = ffi.new(<char[8]>, "abc")
      r1 = ffi.string(r0)
      r2 = ffi.string(r0, 5)
      r3 = ffi.string(r0, 0)
      r4 = variable_text
      r5 = ffi.string(r4)
      r6 = ffi.string(r4, 4)
      r7 = 5
      add r7 r4 r7
      r7 = ffi.string(r7)
      r8 = ffi.new(<char[?]>, 3, "xyz")
      r8 = ffi.string(r8)
      r9 = ffi.string("already")
      print(r1, r2, r3, r5, r6, r7, r8, r9)
      """, in: program)
    #expect(
      result == [
        ["abc", "abc\0\0", "", "text of a variable", "text", "of a variable", "xyz", "already"]
      ])
  }

  @Test(arguments: [
    ("ffi.string(r0, 9)", "beyond"), ("ffi.string(r0, -1)", "less than 0"),
    ("ffi.string(r0, 9223372036854775807)", "string"), ("ffi.string(r1)", "NULL"),
    ("ffi.string(r2)", "0x10000"), ("ffi.string(r3)", "int"), ("ffi.string(5)", "number"),
    ("ffi.string(r0, {})", "table"), ("ffi.string(r2, 2000000)", "string"),
  ])
  func stringsThatCannotBeRead(call: String, text: String) throws {
    var program = Self.program()
    program.array("char", 8)
    let error = try CKtapVMTests.error(
      """
      r0 = ffi.new(<char[8]>)
      r1 = ffi.cast(<char *>, 0)
      r2 = ffi.cast(<char *>, 65536)
      r3 = ffi.new(<int[4]>)
      r4 = \(call)
      """, in: program)
    #expect(error.hasPrefix("t.kp:5: ") && error.contains(text), "\(error)")
  }

  // MARK: Foreign memory

  @Test(arguments: [
    ("65536", "0x10000"), ("0", "0x0"), ("-8", "0xfffffffffffffff8"),
    ("-9223372036854775808", "0x8000000000000000"),
  ])
  func wildPointersAreErrors(address: String, text: String) throws {
    for (access, verb) in [("getindex r2 r0 r1", "read"), ("setindex r0 r1 r1", "write")] {
      let error = try error("r0 = ffi.cast(<long *>, \(address))\nr1 = 0\n\(access)")
      #expect(error.contains("cannot \(verb) 8 bytes at \(text)"), "\(error)")
    }
    let error = try error("r0 = ffi.cast(<struct point *>, \(address))\ngetfield r1 r0 x")
    #expect(error.hasPrefix("t.kp:2: "), "\(error)")
  }

  @Test func variablesOfTheProcess() throws {
    try Callees.exclusively { callees in
      let int = callees.variable("variable_int", as: Int32.self)
      let pair = callees.variable("variable_pair", as: callee_pair.self)
      int.pointee = -5
      pair.pointee = callee_pair(first: -1, second: 2)
      let result = try prints(
        """
        r0 = variable_int
        r1 = variable_pair
        getfield r2 r1 x
        r3 = 77
        setsym r3 variable_int
        r4 = variable_int
        setfield r1 r3 x
        r5 = variable_const
        r6 = ffi.new(<struct point>, 8, 9)
        setsym r6 variable_pair
        r7 = variable_pair
        getfield r7 r7 y
        print(r0, r2, r4, r7)
        """)
      #expect(result == [[-5, -1, 77, 9]])
      #expect(int.pointee == 77)
      #expect(pair.pointee.first == 8)
    }
  }

  /// Without the grant nothing foreign changes; what the script owns does.
  @Test(arguments: [
    "setsym r8 variable_int", "r0 = variable_pair\nsetfield r0 r8 x",
    "r0 = variable_array\nr1 = 0\nsetindex r0 r1 r8",
    "r0 = ffi.cast(<int *>, \(ktap_test_address("variable_int")))\nr1 = 0\nsetindex r0 r1 r8",
  ])
  func writingNeedsAGrant(listing: String) throws {
    var machine = Machine()
    machine.host.grants = 0
    let outcome = try run(
      "r8 = 5\nr9 = ffi.new(<struct point>)\nsetfield r9 r8 x\nprint(\"own\")\n" + listing,
      in: Self.program(), on: machine)
    #expect(outcome.prints == [["own"]])
    #expect(outcome.error?.contains("needs a grant: run with --allow write") == true)
    #expect(outcome.host.writes == 0)
  }

  /// Neither by a cast nor by arithmetic does a script reach what the VM keeps in its arena, nor the
  /// image; a read finds nothing but the script's own bytes.
  @Test(arguments: [-64, -16, 16, 24, 4096, -4096]) func theArenaIsOutOfReach(distance: Int) throws
  {
    for access in ["setindex r2 r3 r3", "getindex r4 r2 r3"] {
      let error = try error(
        """
        r0 = ffi.new(<long *>)
        r0 = ffi.new(<int[4]>)
        r1 = ffi.cast(<long>, r0)
        addi r1 r1 \(distance)
        r2 = ffi.cast(<long *>, r1)
        r3 = 0
        \(access)
        """)
      #expect(error.hasPrefix("t.kp:7: "), "\(error)")
    }
  }

  @Test func stringsAreNotWritten() throws {
    let error = try error(
      """
      r0 = "constant"
      r1 = ffi.cast(<const char *>, r0)
      r1 = ffi.cast(<char *>, r1)
      r2 = 0
      getindex r3 r1 r2
      print(r3)
      setindex r1 r2 r2
      """)
    #expect(error.hasPrefix("t.kp:7: "), "\(error)")
  }

  /// A pointer that outlived its object, because only memory held it, is refused or harmless.
  @Test func stalePointersAreHarmless() throws {
    let outcome = try run(
      """
      r0 = ffi.new(<int[4]>)
      r1 = ffi.cast(<long>, r0)
      r1 = tonumber(r1)
      r0 = nil
      r2 = 1
      r3 = 20000
      r4 = 1
      forprep r2 done
      again:
      r6 = {}
      r7 = "garbage "
      move r8 r5
      concat r7 r7 2
      r9, r10 = pcall(touch, r1)
      forloop r2 again
      done:
      print("alive")
      function touch(1)
        r1 = ffi.cast(<int *>, r0)
        r2 = 0
        r3 = -1
        setindex r1 r2 r3
      """, in: Self.program(), on: Machine(memory: 256 << 10))
    #expect(outcome.error == nil)
    #expect(outcome.prints == [["alive"]])
  }
}
