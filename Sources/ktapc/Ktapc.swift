// SPDX-License-Identifier: MIT

import ArgumentParser
import Diagnostics
import KtapCompiler
import KtapImage
import StageIO
import TypeIR

@main struct Ktapc: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "ktapc", abstract: "Compiles ktap scripts to byte code.",
    usage: """
      ktapc --externs (SCRIPT | -e CODE) [-o FILE]
             ktapc [--types FILE] (SCRIPT | -e CODE) [-o FILE]
             ktapc --dump tokens|ast|bytecode [--types FILE] (SCRIPT | -e CODE)
             ktapc --disasm IMAGE
             ktapc --asm TEXT
      """,
    discussion: """
      A script is compiled in two steps, because what C means to it depends on the kernel: first \
      --externs lists what it needs of C; when cdef-parse and ksym-resolve have found that, it is \
      compiled with their result. A script without any C needs no first step.

      Examples:
        ktapc -e 'print(6 * 7)' -o answer.ktbc
        ktapc --externs s.kp | cdef-parse | ksym-resolve -o s.resolved.json
        ktapc --types s.resolved.json s.kp -o s.ktbc
        ktapc --dump bytecode -e 'for (i = 1, 3) { print(i) }'
        ktapc --disasm s.ktbc -o s.txt
        ktapc --asm s.txt -o again.ktbc

      Exit status: 0 fine, 1 the input was wrong, 2 usage, 3 environment.
      """, version: stageVersion)

  enum Dump: String, ExpressibleByArgument, CaseIterable { case tokens, ast, bytecode }

  @Flag(help: "Write what the script needs of C (ktap.externs), for cdef-parse.")
  var externs = false

  @Flag(
    help: """
      With --externs: write it also where mistakes were found whose repair is obvious (typographic \
      quotes); the exit status is 1 all the same.
      """)
  var keepGoing = false

  @Option(
    help: ArgumentHelp("What ksym-resolve says about the script's C.", valueName: "file|-"))
  var types: String?

  @Option(
    name: .customShort("e"), help: ArgumentHelp("The script itself.", valueName: "code"))
  var code: String?

  @Option(
    name: .short, help: ArgumentHelp("Where the result goes (default: stdout).", valueName: "file"))
  var output: String?

  @Option(help: ArgumentHelp("Print a step of the compilation.", valueName: "tokens|ast|bytecode"))
  var dump: Dump?

  @Option(help: ArgumentHelp("Print an image in full.", valueName: "image"))
  var disasm: String?

  @Option(
    help: ArgumentHelp("Make an image of the text that --disasm prints.", valueName: "text|-"))
  var asm: String?

  @Argument(help: ArgumentHelp("The script; - or nothing for stdin.", valueName: "script"))
  var script: String?

  func validate() throws {
    let modes = [externs, dump != nil, disasm != nil, asm != nil].count { $0 }
    if modes > 1 {
      throw ValidationError("--externs, --dump, --disasm and --asm exclude each other")
    }
    let takesNoScript = disasm != nil || asm != nil
    if takesNoScript, script != nil || code != nil || types != nil {
      throw ValidationError(
        "\(disasm != nil ? "--disasm takes an image" : "--asm takes a text"), and no script")
    }
    if script != nil, code != nil { throw ValidationError("-e and a script at once") }
    if externs, types != nil {
      throw ValidationError("--externs comes before there are types; drop --types")
    }
    if keepGoing, !externs { throw ValidationError("--keep-going goes with --externs") }
    let scriptIsStdin = code == nil && !takesNoScript && (script ?? "-") == "-"
    if types == "-", scriptIsStdin {
      throw ValidationError("the script and --types cannot both come from stdin")
    }
  }

  func execute() throws -> ExitStatus {
    if let disasm {
      return try finish(disassembly(of: disasm))
    }
    if let asm {
      let image = try Assembler.assemble(StageInput.read(asm), name: StageInput.name(of: asm))
      return try finish(Outcome(result: image, diagnostics: []))
    }
    let source = try source()
    var compiler = Compiler(source)
    if externs { return try finish(listExterns(&compiler)) }
    switch dump {
    case .tokens: return try finish(bytes(compiler.tokenDump()))
    case .ast: return try finish(bytes(compiler.treeDump()))
    case .bytecode: return try finish(bytes(compiler.codeDump(resolved())))
    case nil: return try finish(compiler.image(resolved()))
    }
  }

  private func source() throws -> Script {
    if let code { return try Script(name: "<command line>", bytes: Array(code.utf8)) }
    return try Script(
      name: StageInput.name(of: script), bytes: StageInput.readText(script, expecting: "a script"))
  }

  private func resolved() throws -> ResolvedDocument? {
    guard let types else { return nil }
    return try ResolvedDocument.decode(StageInput.read(types), name: StageInput.name(of: types))
  }

  private func disassembly(of path: String) throws -> Outcome<[UInt8]> {
    let image = try ImageReader(StageInput.read(path), name: StageInput.name(of: path))
    return Outcome(result: Array(Disassembler.print(image).utf8), diagnostics: [])
  }

  private func listExterns(_ compiler: inout Compiler) -> Outcome<[UInt8]> {
    let outcome = compiler.externs()
    let isWritten = keepGoing || !outcome.hasErrors
    return Outcome(
      result: isWritten ? outcome.result.map { $0.encode() } : nil,
      diagnostics: outcome.diagnostics)
  }

  private func bytes(_ outcome: Outcome<String>) -> Outcome<[UInt8]> {
    Outcome(result: outcome.result.map { Array($0.utf8) }, diagnostics: outcome.diagnostics)
  }

  /// Tells what there is to tell, writes what there is to write.
  private func finish(_ outcome: Outcome<[UInt8]>) throws -> ExitStatus {
    StageError.print(outcome.diagnostics)
    if let result = outcome.result { try StageOutput.write(result, to: output) }
    return outcome.hasErrors ? .inputWrong : .fine
  }
}
