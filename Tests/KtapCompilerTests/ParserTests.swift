// SPDX-License-Identifier: MIT

import Diagnostics
import TestSupport
import Testing

@testable import KtapCompiler

private func tree(_ source: String) throws -> String {
  var compiler = Compiler(try Script(name: "t.kp", bytes: Array(source.utf8)))
  let outcome = compiler.treeDump()
  #expect(summary(outcome.diagnostics) == [])
  return outcome.result ?? ""
}

@Suite struct ParserTests {
  /// C's precedence: each line groups as the one with all its parentheses.
  @Test(arguments: [
    ("a || b && c", "a || (b && c)"), ("a | b ^ c & d", "a | (b ^ (c & d))"),
    ("a & b == c", "a & (b == c)"), ("a == b < c", "a == (b < c)"),
    ("a < b << c", "a < (b << c)"), ("a << b .. c", "a << (b .. c)"),
    ("a .. b + c", "a .. (b + c)"),
    ("a + b * c", "a + (b * c)"), ("a - b - c", "(a - b) - c"), ("-a.b", "-(a.b)"),
    ("!a == b", "(!a) == b"), ("~a & b", "(~a) & b"), ("not a or b and c", "(!a) || (b && c)"),
    ("a ? b : c ? d : e", "a ? b : (c ? d : e)"), ("a || b ? c : d", "(a || b) ? c : d"),
  ])
  func groupsAsC(flat: String, grouped: String) throws {
    func shape(_ source: String) throws -> [String] {
      // Parentheses leave a node of their own, and everything below it deeper.
      var depths: [Int] = []
      return try tree("x = " + source).split(separator: "\n").compactMap { line in
        let depth = line.prefix { $0 == " " }.count / 2
        while let last = depths.last, last >= depth { depths.removeLast() }
        if line.drop(while: { $0 == " " }) == "()" {
          depths.append(depth)
          return nil
        }
        return String(repeating: ".", count: depth - depths.count) + line.drop { $0 == " " }
      }
    }
    #expect(try shape(flat) == shape(grouped))
  }

  @Test func parsesEveryStatement() throws {
    #expect(
      try tree(
        """
        var a, b = 1, f()
        t.x[1], `sym` = a
        a += 2; b--
        if (a) { f() } elseif (b) { } else if (c) { } else { return }
        while (a) { break }
        do { continue } while (a)
        repeat { } until (b)
        for (i = 1, 10, 2) { }
        for (k, v in pairs(t)) { }
        for (var i = 0; i < 3; i++) { }
        function t.f(x) { return x, 1 }
        """
      ).split(separator: "\n").filter { !$0.hasPrefix(" ") } == [
        "var a, b", "assign", "assign +=", "assign -=", "if", "while", "do while", "repeat until",
        "for i from, to, step", "for k, v in", "for", "define",
      ])
  }

  /// A parenthesis on a new line begins a statement; other operators go on with the last one.
  @Test func linesNeedNoSemicolons() throws {
    #expect(try tree("a = b\n(f)()") == tree("a = b; (f)()"))
    #expect(try tree("a = b\n+ c\n.d") == tree("a = b + c.d"))
    #expect(try tree("function f() { return\n}\n") == tree("function f() { return; }"))
  }

  @Test(arguments: [
    ("x = 1 +\n", ["1:8 unexpected-symbol"]),
    ("if (x = 1) { }", ["1:7 assignment-in-condition"]),
    ("if x { }", ["1:4 missing-parenthesis"]),
    ("if (x) print(1)", ["1:8 missing-brace"]),
    ("while (true) {\nprint(1)", ["2:9 missing-brace"]),
    ("print(1\nprint(2)\n", ["2:1 missing-parenthesis"]),
    ("x = t[1\ny = 2\nz = = 3\n", ["2:1 missing-bracket", "3:5 unexpected-symbol"]),
    ("x = { 1, 2\nf()\ny = )\n", ["2:1 missing-brace", "3:5 unexpected-symbol"]),
    ("}\nx = 1\n}", ["1:1 unexpected-symbol", "3:1 unexpected-symbol"]),
    ("local x = 1\nx = = 2", ["1:7 expression-statement", "2:5 unexpected-symbol"]),
    (
      "f\n1\n\"s\"",
      [
        "1:1 expression-statement", "2:1 expression-statement",
        "3:1 expression-statement",
      ]
    ),
    ("f(1) = 2\nf()++\n1 = 2", ["1:1 bad-assignment", "2:1 bad-assignment", "3:1 bad-assignment"]),
    (
      "break\nwhile (1) { f = function () { continue } }",
      ["1:1 outside-loop", "2:31 outside-loop"]
    ),
    ("for (i = 1) { }", ["1:11 missing-limit"]), ("for (i in) { }", ["1:10 unexpected-symbol"]),
    ("for i = 1, 2 { }", ["1:5 missing-parenthesis"]),
    ("for (i = 1; i < 2) { }", ["1:18 missing-semicolon"]),
    ("var 1 = 2\nvar if = 3", ["1:5 expected-name", "2:5 expected-name"]),
    ("x = a ? b", ["1:10 missing-colon"]), ("x, y 1", ["1:6 missing-equal"]),
    ("f \"s\"", ["1:3 missing-parenthesis"]),
    ("function f(..., a) { }", ["1:15 missing-parenthesis"]), ("x = ...", ["1:5 varargs-outside"]),
    ("function f(...) { return function () { return ... } }", ["1:47 varargs-outside"]),
    ("t = {}\nt:m", ["2:4 missing-parenthesis"]), ("t:m() = 1", ["1:1 bad-assignment"]),
    ("x = c'ab'\ny = c''", ["1:5 bad-character", "2:5 bad-character"]),
    ("trace x { }\ntick-1s { }", ["1:1 events-not-supported"]),
    ("trace { }", ["1:1 expected-event"]), ("tick { }", ["1:1 bad-interval"]),
    ("profile-1parsec { }", ["1:1 bad-interval"]),
    ("if (1) { trace x { } }", ["1:10 event-inside"]),
    (
      "trace x:y /pid() == 1/ { print($arg1, z) }",
      ["1:1 events-not-supported", "1:39 undefined-name"]
    ),
    ("print($x)", ["1:7 event-variable"]),
    (
      "w = 9223372036854775808\nv = -9223372036854775808\nu = -9223372036854775809",
      ["1:5 integer-too-large", "3:6 integer-too-large"]
    ),
    (
      "var ffi = 1\nfunction f(ffi) { }\nfunction ffi.x() { }\nfunction ffi() { }",
      ["1:5 reserved-name", "2:12 reserved-name", "3:10 reserved-name", "4:10 reserved-name"]
    ),
    ("var c_int = 1\nfunction f(c_bool) { }", ["1:5 reserved-name", "2:12 reserved-name"]),
    ("ffi = 1", ["1:1 ffi-value"]), ("x = ffi.C", ["1:10 ffi-value"]),
    ("x = ffi.new", ["1:5 ffi-value"]), ("x = ffi.cdef", ["1:5 ffi-value"]),
    ("ffi.nwe(\"int\")", ["1:1 unknown-ffi-function"]),
    (
      "ffi.cdef(s)\nffi.cdef(\"a\" .. \"b\")\nffi.cdef()",
      ["1:10 cdef-not-literal", "2:10 cdef-not-literal", "3:1 argument-count"]
    ),
    ("x = ffi.new(\"a\" .. \"b\")", ["1:13 type-not-literal"]),
    ("x = ffi.C[n]", ["1:11 name-not-literal"]),
    (
      #"ffi.cdef("\xff"); ffi.new("\x80"); x = ffi.C["\xfe"]"#,
      ["1:10 not-utf8", "1:27 not-utf8", "1:46 not-utf8"]
    ),
  ])
  func reportsMistakes(source: String, expected: [String]) throws {
    #expect(summary(try compile(source).diagnostics) == expected)
  }

  @Test(arguments: [
    ("if (x ~= 4) { }", "unequal is written !="),
    ("if (x) then { }", "blocks stand in braces: { … }"),
    ("local x = 1", "a variable is made with var"), ("x = “a”", "use plain quotes: \"…\""),
    ("ffi.nwe(\"int\")", "did you mean 'ffi.new'?"), ("pritn(1)", "did you mean 'print'?"),
    ("total = 1\nprint(totl)", "did you mean 'total'?"),
    ("x = NULL", "the value is called nil"),
  ])
  func hints(source: String, hint: String) throws {
    #expect(try compile(source).diagnostics.first?.hints.contains(hint) == true)
  }

  /// Nesting is refused before it could overflow a stack, in every pass.
  /// (Prefix, unit, repetitions: the whole text as an argument would be printed by every run.)
  @Test(arguments: [
    ("", "(", 20_000), ("", "{", 100_000), ("", "x = {", 20_000), ("", "f(", 100_000),
    ("", "if (1) {", 20_000), ("", "- ", 100_000), ("", "x = function () {", 20_000),
    ("x = a", ".b", 20_000), ("x = 1", " + 1", 20_000), ("x = 1", " ? 1 : 1", 20_000),
    ("x = f", "()", 20_000),
  ])
  func deepNestingIsAnError(prefix: String, unit: String, count: Int) throws {
    let source = prefix + String(repeating: unit, count: count)
    let outcome = try compile("x = 1 " + source)
    #expect(outcome.result == nil)
    #expect(outcome.diagnostics.count <= DiagnosticSink.maximum)
  }

  /// As deep as it may be, a script goes through all passes.
  @Test func greatestNestingCompiles() throws {
    let blocks = 140
    let script =
      "x = 1\n" + String(repeating: "if (x) { ", count: blocks)
      + "x = 1" + String(repeating: " + x", count: Parser.maximumHeight - 2)
      + String(repeating: "}", count: blocks)
    #expect(try compile(script).result != nil)
    let calls = 45
    let closures =
      "x = " + String(repeating: "(function () { return ", count: calls) + "1"
      + String(repeating: " + 1 })()", count: calls)
    #expect(try compile(closures).result != nil)
  }
}

@Suite struct BinderTests {
  @Test(arguments: [
    ("print(x)", ["1:7 undefined-name"]),
    ("print(x); x = 1", []),
    ("{ var x = 1 }\nprint(x)", ["2:7 undefined-name"]),
    ("var x = x", ["1:9 undefined-name"]),
    ("function f(a) { return a + b }", ["1:28 undefined-name"]),
    ("for (i = 1, 2) { }\nprint(i)", ["2:7 undefined-name"]),
    ("repeat { var x = 1 } until (x == 1)", []),
    ("print = 1", ["1:1 builtin-assigned"]), ("var print = 1\nprint = 2", []),
    ("function len() { }", ["1:10 builtin-assigned"]),
    (
      "len()\nlen(1, 2)\nnext(1)\nlen(f())\nfunction f() { }",
      ["1:1 argument-count", "2:1 argument-count"]
    ),
    ("var len = 1\nlen()", []),
    ("var t = \"int\"\nffi.new(t)", ["2:9 type-not-literal"]),
    ("t = \"int\"\nffi.new(t)", ["2:9 type-not-literal"]),
    ("var t = \"int\"\nt = f()\nfunction f() { }\nffi.new(t)", []),
  ])
  func checksNames(source: String, expected: [String]) throws {
    #expect(errors(try compile(source).diagnostics) == expected)
  }
}

@Suite struct DamageTests {
  private static let script = #"""
    #!/usr/bin/ktap
    ffi.cdef([[ int f(struct s *p); ]])
    var t, u = { 1, x = "a\n\x41", [2] = `jiffies` }, ffi.new("struct s")
    function fib(n) { if (n < 2) { return n } else { return fib(n - 1) + fib(n - 2) } }
    for (k, v in pairs(t)) { print(k .. "=", v, 0xffu, k == 1 ? v : -v) }
    for (i = 1, 10) { var c = function () { i += 1; return i }; if (c() > 3 && !u) { break } }
    while (ffi.C.f(u) != 0) { t.x[1], t = #t, ffi.C["g"] }
    """#

  /// No script whatever crashes the compiler, nor makes it say nothing about why there is no image.
  private func survives(_ source: [UInt8]) throws {
    let outcome = try compile(source)
    #expect((outcome.result == nil) == outcome.hasErrors)
    #expect(outcome.diagnostics.count <= DiagnosticSink.maximum)
    var compiler = Compiler(try Script(name: "t.kp", bytes: source))
    _ = compiler.externs()
  }

  @Test func everyTruncation() throws {
    let bytes = Array(Self.script.utf8)
    for length in bytes.indices { try survives(Array(bytes[..<length])) }
  }

  @Test func everyByteDamaged() throws {
    let bytes = Array(Self.script.utf8)
    for offset in bytes.indices {
      for value: UInt8 in [0, 0x0a, 0x22, 0x28, 0x7d, 0xff] {
        var damaged = bytes
        damaged[offset] = value
        try survives(damaged)
      }
    }
  }

  @Test func randomPiecesOfScripts() throws {
    let pieces = [
      "x", "f", "ffi", ".", "C", "new", "cdef", "(", ")", "[", "]", "{", "}", ",", ";", "=", "==",
      "+",
      "-", "--", "#", "..", "...", "!", "&&", "?", ":", "\"int\"", "[[a]]", "1", "`s`", "if",
      "else",
      "elseif", "while", "do", "repeat", "until", "for", "in", "function", "return", "break",
      "continue", "var", "nil", "\n", "+=", "++",
    ]
    var random = SeededGenerator(seed: 1)
    for _ in 0..<3000 {
      let count = Int.random(in: 1...40, using: &random)
      let source = (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }
      try survives(Array(source.joined(separator: " ").utf8))
    }
  }

  @Test func sameScriptSameBytes() throws {
    let source = "t = { a = 1, b = 2 }\nfor (k, v in pairs(t)) { print(k, v) }"
    #expect(try compile(source).result == compile(source).result)
  }
}
