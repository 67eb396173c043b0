// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import KtapCompiler
import KtapImage
import Testing
import TypeIR

/// A kernel in small: what ksym-resolve would say about a few functions, variables and types.
private func smallKernel() -> ResolvedDocument {
  var types = TypeTable()
  let int = types.append(.int(name: "int", size: 4, align: 4, encoding: .signed))
  let char = types.append(.int(name: "char", size: 1, align: 1, encoding: .char))
  let text = types.append(.pointer(types.append(.const(char))))
  let double = types.append(.float(name: "double", size: 8, align: 8))
  let ulong = types.append(.int(name: "unsigned long", size: 8, align: 8, encoding: .unsigned))
  let jiffies = types.append(.volatile(ulong))
  func function(_ returned: TypeID, _ parameters: [TypeID], variadic: Bool = false) -> TypeID {
    types.append(
      .function(
        FunctionType(
          returnType: returned, parameters: parameters.map { Parameter(name: nil, type: $0) },
          isVariadic: variadic)))
  }
  func symbol(_ name: String, _ kind: SymbolKind, _ type: TypeID, _ offset: UInt64)
    -> ResolvedSymbol
  {
    ResolvedSymbol(
      name: name, kind: kind, type: type, at: "t.kp:1:1",
      address: SymbolAddress(base: .stext, offset: offset), size: kind == .variable ? 8 : nil,
      source: .btf, check: .matches)
  }
  let symbols = [
    symbol("strlen", .function, function(ulong, [text]), 0x100),
    symbol("_printk", .function, function(int, [text], variadic: true), 0x200),
    symbol("scale", .function, function(double, [double]), 0x300),
    symbol("jiffies", .variable, jiffies, 0x400),
  ]
  return ResolvedDocument(
    targetKind: .kernel, kernel: KernelIdentity(release: "6.1.0", buildID: "00ff10"), types: types,
    symbols: symbols,
    constants: [
      Constant(name: "GFP_KERNEL", value: IntegerValue(0xcc0 as Int64), type: int),
      Constant(name: "ALL", value: IntegerValue(UInt64.max), type: ulong),
    ],
    expressions: [
      TypeExpression(text: "int", type: int, at: "t.kp:1:1"),
      TypeExpression(text: "const char *", type: text, at: "t.kp:1:1"),
    ])
}

@Suite struct CodeTests {
  @Test func loopsAndConditions() throws {
    try expect(
      "for (i = 1, 3) { if (i != 2 && g) { g = -i } }\ng = 1",
      """
      function 0 main, line 0: 0 parameters, 5 registers
      0 loadi r0, 1
      1 loadi r1, 3
      2 loadi r2, 1
      3 forprep r0, -> 10
      4 jeqi r3, 2, 0, -> 9
      5 getglobal r4, g0 ; g
      6 jf r4, -> 9
      7 neg r4, r3
      8 setglobal r4, g0 ; g
      9 forloop r0, -> 4
      10 loadi r0, 1
      11 setglobal r0, g0 ; g
      12 return r0, 1
      """)
  }

  /// Numbers on either side of an operator need no register.
  @Test func immediates() throws {
    try expect(
      "x = 3\ny = x * 2 + 7 % x\nif (300 >= x && 40000 > y && 3 != y) { x = 5 & x >> 3 }",
      """
      function 0 main, line 0: 0 parameters, 3 registers
      0 loadi r0, 3
      1 setglobal r0, g0 ; x
      2 getglobal r0, g0 ; x
      3 muli r0, r0, 2
      4 loadi r1, 7
      5 getglobal r2, g0 ; x
      6 mod r1, r1, r2
      7 add r0, r0, r1
      8 setglobal r0, g1 ; y
      9 getglobal r0, g0 ; x
      10 jgti r0, 44, 1, -> 20
      11 loadi r0, 40000
      12 getglobal r1, g1 ; y
      13 jle r0, r1, -> 20
      14 getglobal r0, g1 ; y
      15 jeqi r0, 3, 0, -> 20
      16 getglobal r0, g0 ; x
      17 shri r0, r0, 3
      18 andi r0, r0, 5
      19 setglobal r0, g0 ; x
      20 return r0, 1
      """)
  }

  @Test func closuresCapture() throws {
    try expect(
      "function f(a) { return function () { a += 1; return a } }",
      """
      function 0 main, line 0: 0 parameters, 1 registers
      0 closure r0, f1 ; f
      1 setglobal r0, g0 ; f
      2 return r0, 1
      function 1 f, line 1: 1 parameters, 2 registers
      0 closure r1, f2 ; (anonymous)
      1 return r1, 2
      2 return r0, 1
      function 2 (anonymous), line 1: 0 parameters, 1 registers
      captures r0
      0 getcap r0, c0
      1 addi r0, r0, 1
      2 setcap r0, c0
      3 getcap r0, c0
      4 return r0, 2
      5 return r0, 1
      """)
  }

  /// What a loop uses and nothing assigns to is loaded before the outermost loop, once.
  @Test func loopsLoadCapturesOnce() throws {
    let text = try listing(
      """
      var a, b = {}, 1
      function f(n) {
          while (n > 0) { for (i = 1, 2) { a[i] = n; b += i }; n-- }
          return a
      }
      b = 2
      """)
    let body = text[try #require(text.firstRange(of: "function 1 ")).lowerBound...]
    #expect(body.ranges(of: "getcap r1, c0").count == 2, "\(body)")
    #expect(body.contains("\n0 getcap r1, c0\n1 jlei r0, 0"), "\(body)")
    #expect(body.contains("setindex r1, r5, r0\n"), "\(body)")
    // Each turn reads anew what changes.
    #expect(body.ranges(of: ", c1\n").count == 2, "\(body)")
  }

  @Test func foreignNames() throws {
    try expect(
      """
      `jiffies` = ffi.C.strlen("x") + ffi.C.GFP_KERNEL
      print(ffi.C._printk("%d", g()), `strlen`)
      function g() { }
      """,
      """
      function 0 main, line 0: 0 parameters, 3 registers
      0 loadk r0, k0 ; "x"
      1 ccall r0, 1, 0, s1 ; strlen
      2 loadi r1, 3264
      3 add r0, r0, r1
      4 setsym r0, s0 ; jiffies
      5 builtin r0, b0 ; print
      6 loadk r1, k1 ; "%d"
      7 getglobal r2, g0 ; g
      8 call r2, 1, 0
      9 ccall r1, 0, 1, s2 ; _printk
      10 getsym r2, s1 ; strlen
      11 call r0, 3, 1
      12 closure r0, f1 ; g
      13 setglobal r0, g0 ; g
      14 return r0, 1
      function 1 g, line 3: 0 parameters, 1 registers
      0 return r0, 1
      """)
  }

  private func expect(_ source: String, _ expected: String) throws {
    let found = try listing(source, types: smallKernel())
    #expect(found == expected)
  }

  /// Long chains take one register, not one for each operand.
  @Test func chainsReuseRegisters() throws {
    let sum = "x = 1\nx = x" + String(repeating: " * x", count: 400)
    let outcome = try compile(sum)
    let reader = try ImageReader(try #require(outcome.result), name: "t")
    #expect(reader.functions[0].register_count <= 3)
  }

  @Test func imagesSayWhatTheyAreFor() throws {
    var kernel = smallKernel()
    kernel.target.charIsSigned = false
    let bytes = try #require(try compile("ffi.C.strlen(`jiffies`)", types: kernel).result)
    let image = try ImageReader(bytes, name: "t")
    #expect(
      image.header.flags == UInt32(KTAP_IMAGE_TARGET_KERNEL) | UInt32(KTAP_IMAGE_CHAR_UNSIGNED))
    #expect(Array(image.buildID) == [0x00, 0xff, 0x10])
    #expect(image.text(image.header.release) == "6.1.0")
    #expect(image.symbols.map { image.text($0.name) } == ["strlen", "jiffies"])
    #expect(image.grants.map(\.kind) == [KTAP_GRANT_CALL.rawValue])
    #expect(image.constants.count == 0)

    kernel.kernel.buildID = nil
    let unbound = try #require(try compile("print(`jiffies`)", types: kernel).result)
    #expect(
      try ImageReader(unbound, name: "t").header.flags & UInt32(KTAP_IMAGE_TARGET_UNBOUND) != 0)
    let pure = try #require(try compile("print(1)").result)
    #expect(try ImageReader(pure, name: "t").header.flags == UInt32(KTAP_IMAGE_TARGET_ANY))
  }

  @Test func onlyWhatIsUsedIsInTheImage() throws {
    let bytes = try #require(try compile("print(ffi.sizeof(\"int\"))", types: smallKernel()).result)
    let image = try ImageReader(bytes, name: "t")
    #expect(image.types.map { image.text($0.name) } == ["void", "int"])
    #expect(image.symbols.isEmpty)
  }

  @Test(arguments: [
    ("ffi.C.strlen()", "1:7 argument-count"), ("ffi.C.strlen(1, 2)", "1:7 argument-count"),
    ("ffi.C._printk()", "1:7 argument-count"), ("ffi.C.scale(1)", "1:7 not-callable"),
    ("x = ffi.C.strlne", "1:11 unresolved-name"), ("x = ffi.new(\"long\")", "1:13 unresolved-type"),
    ("ffi.C.GFP_KERNEL = 1", "1:7 bad-assignment"), ("`strlen` = 1", "1:1 bad-assignment"),
  ])
  func checksAgainstTheTypes(source: String, expected: String) throws {
    #expect(summary(try compile(source, types: smallKernel()).diagnostics) == [expected])
  }

  @Test(arguments: [
    "ffi.C._printk(\"x\", 1, 2, 3)", "ffi.C.strlen(g())\nfunction g() { }",
    "ffi.C._printk(g())\nfunction g() { }",
  ])
  func acceptsWhatMayBeRight(source: String) throws {
    #expect(summary(try compile(source, types: smallKernel()).diagnostics) == [])
  }

  @Test func scriptsWithCNeedTypes() throws {
    let diagnostics = try compile("print(`jiffies`)").diagnostics
    #expect(summary(diagnostics) == ["1:7 types-needed"])
    #expect(diagnostics.first?.hints.first?.contains("ksym-resolve") == true)
  }

  @Test func tooManyVariables() throws {
    let source = (0..<300).map { "var v\($0) = \($0)\n" }.joined()
    #expect(errors(try compile(source).diagnostics) == ["1:1 too-many-registers"])
    let inner = source + "function f() { return v299 }"
    #expect(try compile(inner).result == nil)
    let parameters = (0..<300).map { "p\($0)" }.joined(separator: ", ")
    let diagnostics = try compile("function f(\(parameters)) { return p299 }").diagnostics
    #expect(summary(diagnostics) == ["1:1 too-many-registers"])
  }
}

@Suite struct DisassemblerTests {
  @Test func printsEverySection() throws {
    let bytes = try #require(
      try compile(
        "x = ffi.C.strlen(\"a\\n\\x01\")\nprint(`jiffies`, ffi.typeof(\"const char *\"))",
        types: smallKernel()
      ).result)
    let text = Disassembler.print(try ImageReader(bytes, name: "t"))
    for part in [
      "target=kernel", "build id:\n  00ff10", "\"a\\n\\x01\"", "; const char *, to 'const char'",
      "argument 0: bytes 0..<8 -> rdi", "base=_stext offset=256", "kind=call symbol=", "; strlen",
      "; function main", "; ctype",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    #expect(try Assembler.assemble(Array(text.utf8), name: "t") == bytes)
  }

  /// Nothing in an image makes it crash: each byte damaged, with the checksum put right.
  @Test func survivesDamage() throws {
    let bytes = try #require(
      try compile("print(ffi.C.strlen(\"a\"), { 1, x = 2 })", types: smallKernel()).result)
    for offset in bytes.indices {
      for value: UInt8 in [0, 1, 0x7f, 0xff] {
        var damaged = bytes
        damaged[offset] = value
        ImageBuilder.seal(&damaged)
        if let reader = try? ImageReader(damaged, name: "t") { _ = Disassembler.print(reader) }
      }
    }
  }
}

/// Scripts beyond all measure: an error that names the limit, or an image.
@Suite struct LimitTests {
  private func ids(_ source: String) throws -> [String] {
    try compile(source).diagnostics.filter { $0.severity == .error }.map(\.id)
  }

  @Test func oneHundredThousandLocals() throws {
    let source = (0..<100_000).map { "var a\($0) = \($0)\n" }.joined()
    #expect(try ids(source) == ["too-many-registers"])
  }

  @Test func oneHundredThousandGlobals() throws {
    let source = (0..<100_000).map { "a\($0) = \($0)\n" }.joined()
    #expect(try compile(source).result != nil)
  }

  @Test func oneHundredThousandFunctionsAndBranches() throws {
    #expect(try compile(String(repeating: "f = function () { }\n", count: 100_000)).result != nil)
    let chain = "x = 1\nif (x) { }" + String(repeating: " elseif (x) { }", count: 20_000)
    #expect(try compile(chain).result != nil)
  }

  @Test func longLists() throws {
    let numbers = String(repeating: "1, ", count: 100_000)
    #expect(try compile("x = { \(numbers) }").result != nil)
    #expect(try ids("print(\(numbers) 1)") == ["too-many-registers"])
    #expect(try ids("x = {}\nx[\(numbers) 1] = 2") == ["too-many-registers"])
    #expect(
      try ids("function f(a\(String(repeating: ", a", count: 300))) { }") == ["too-many-registers"])
  }

  @Test func stringsOfOneMegabyte() throws {
    let limit = Int(KTAP_STRING_MAX)
    let fits = try #require(
      try compile("x = \"" + String(repeating: "a", count: limit) + "\"").result)
    #expect(fits.count > limit)
    #expect(
      try ids("x = \"" + String(repeating: "a", count: limit + 1) + "\"") == ["image-too-large"])
  }

  @Test func twoMegabytesOfStatements() throws {
    let line = "if (x > 1) { x = x * 2 + 1; print(x, \"s\") }\n"
    let outcome = try compile("x = 1\n" + String(repeating: line, count: (2 << 20) / line.count))
    #expect(outcome.result != nil)
  }

  /// Ten megabytes, most of which give no code: a script may be long.
  @Test func tenMegabytes() throws {
    let line = "# " + String(repeating: "words of a comment ", count: 50) + "\nx = x + 1\n"
    let outcome = try compile("x = 1\n" + String(repeating: line, count: (10 << 20) / line.count))
    #expect(outcome.result != nil)
    // And as many that are one error each: no more than the first of them are told.
    let broken = try compile(String(repeating: "x = = y; var 1\n", count: (10 << 20) / 16))
    #expect(broken.result == nil)
    #expect(broken.diagnostics.count < 1000)
  }
}

/// What is known before the script runs is not worked out when it runs: as the VM would.
@Suite struct FoldingTests {
  @Test(arguments: [
    ("print(2 + 3 * 4 - 1)", "loadi r1, 13"), ("print(-(5))", "loadi r1, -5"),
    ("print(~0 & 0xff)", "loadi r1, 255"), ("print(-7 / 2, -7 % 2)", "loadi r1, -3"),
    ("print(-1 >> 1)", "loadi r1, -1"), ("print(1 << 65)", "loadi r1, 2"),
    ("print(-1 / 1u)", "loadk r1, k0 ; 18446744073709551615u"),
    ("x = 1\nprint(x + (3 - 1))", "addi r1, r1, 2"),
  ])
  func folds(source: String, line: String) throws {
    let text = try listing(source)
    #expect(text.contains(line), "\(text)")
  }

  @Test(arguments: ["print(1 / 0)", "print(1 % 0)", "print(1 + \"a\")", "print(1 + nil)"])
  func leavesErrorsToTheirTime(source: String) throws {
    let text = try listing(source)
    #expect(text.contains("div") || text.contains("mod") || text.contains("add"), "\(text)")
  }
}
