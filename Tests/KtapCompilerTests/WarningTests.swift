// SPDX-License-Identifier: MIT

import Diagnostics
import KtapCompiler
import Testing

@Suite struct WarningTests {
  @Test(arguments: [
    ("var x = 1", ["1:5 unused-variable"]), ("var x = 1\nx = 2", ["1:5 unused-variable"]),
    ("var x = 1\nx++", ["1:5 unused-variable"]), ("var _x = 1", []),
    ("var a, b = f()\nfunction f() { }", ["1:5 unused-variable"]),
    ("var a, b = pcall(print)\nprint(a)", []),
    ("var x = 1\nprint(x)", []), ("var x = 1\nf = function () { x = 2 }", []),
    ("var t = {}\nt.x = 1", []), ("function f(a) { }\nfor (k, v in pairs({})) { }", []),
    ("function f() { return 1\nprint(2) }", ["2:1 unreachable-code"]),
    ("while (true) { break; print(1); print(2) }", ["1:23 unreachable-code"]),
    (
      "function f(a) { if (a) { return 1 } else { return 2 } print(a) }", ["1:55 unreachable-code"]
    ),
    ("function f(a) { if (a) { return 1 } print(a) }", []),
    ("if (0) { }", ["1:5 constant-condition"]), ("while (0) { }", ["1:8 constant-condition"]),
    ("if (true) { }", ["1:5 constant-condition"]), ("x = !nil ? 1 : 2", ["1:5 constant-condition"]),
    ("while (true) { break }\ndo { } while (false)\nwhile (1) { break }", []),
    ("function f(a) { }\nf(1, 2)", ["2:1 argument-count"]), ("function f(a) { }\nf()\nf(1)", []),
    ("function f(a, ...) { }\nf(1, 2)", []), ("f = function () { }\nf = nil\nf(1)", []),
    ("var f = function (a) { return a }\nprint(f(1, 2))", ["2:7 argument-count"]),
    ("var f = function () { }\ng = function () { f = print }\nf(1)", []),
    ("function f() { }\nf(print())", []),
    ("printf(\"%d %s\\n\", 1, 2)", []), ("printf(\"%d\\n\")", ["1:8 format"]),
    ("printf(\"%d\\n\", 1, 2)", ["1:8 format"]), ("printf(\"%q\\n\", 1)", ["1:8 format"]),
    ("printf(\"%d\\n\", \"s\")", ["1:8 format"]), ("printf(\"50%\")", ["1:8 format"]),
    ("printf(\"%*d %%\\n\", 4, 1)", []), ("printf(\"%d %d\\n\", pcall(print))", []),
    ("print(string.format(\"%d\"))", ["1:21 format"]),
  ])
  func warnsOf(source: String, expected: [String]) throws {
    let outcome = try compile(source)
    #expect(outcome.result != nil)
    #expect(outcome.diagnostics.allSatisfy { $0.severity == .warning })
    #expect(summary(outcome.diagnostics) == expected)
  }

  /// However many there are, errors have their places.
  @Test func warningsTakeNoErrorsPlace() throws {
    let many = (0..<100).map { "var x\($0) = 1\n" }.joined()
    #expect(try compile(many).diagnostics.count == 20)
    let outcome = try compile(many + "ffi.C.strlen(\"a\")")
    #expect(errors(outcome.diagnostics) == ["101:7 types-needed"])
    #expect(outcome.diagnostics.count == 21)
  }
}
