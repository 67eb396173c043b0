// SPDX-License-Identifier: MIT

import Diagnostics
import KtapCompiler
import KtapImage
import TypeIR

/// The image of a script, or what is wrong with it.
func compile(_ source: String, types: ResolvedDocument? = nil) throws -> Outcome<[UInt8]> {
  try compile(Array(source.utf8), types: types)
}

func compile(_ source: [UInt8], types: ResolvedDocument? = nil) throws -> Outcome<[UInt8]> {
  var compiler = Compiler(try Script(name: "t.kp", bytes: source))
  return compiler.image(types)
}

func externs(_ source: String) throws -> Outcome<ExternsDocument> {
  var compiler = Compiler(try Script(name: "t.kp", bytes: Array(source.utf8)))
  return compiler.externs()
}

/// The code of a script as the disassembler prints it, without the lines of the source.
func listing(_ source: String, types: ResolvedDocument? = nil) throws -> String {
  let outcome = try compile(source, types: types)
  guard let image = outcome.result else { throw DiagnosticList(outcome.diagnostics) }
  return Disassembler.printCode(try ImageReader(image, name: "t.ktbc"))
    .split(separator: "\n").filter { !$0.hasPrefix("  ;") }
    .map { $0.split(separator: " ").joined(separator: " ") }.joined(separator: "\n")
}

/// "line:col id" of each error.
func errors(_ diagnostics: [Diagnostic]) -> [String] {
  summary(diagnostics.filter { $0.severity == .error })
}

/// "line:col id" of each diagnostic.
func summary(_ diagnostics: [Diagnostic]) -> [String] {
  diagnostics.map { diagnostic in
    guard case .text(let location) = diagnostic.place else { return diagnostic.id }
    return "\(location.line):\(location.column) \(diagnostic.id)"
  }
}
