// SPDX-License-Identifier: MIT

import ArgumentParser
import CDefParser
import Diagnostics
import StageIO
import TypeIR

@main struct CdefParse: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "cdef-parse",
    abstract: "C declarations to type IR, with every size, alignment and offset.",
    discussion: """
      Reads what a script needs (ktap.externs, from ktapc --externs) or plain C declarations; the \
      first bytes tell which. Writes ktap.types as JSON for ksym-resolve. No compiler is needed: \
      #include, #if and function-like macros go through the C preprocessor first.

      EXAMPLES
        ktapc --externs s.kp | cdef-parse -o s.types.json
        echo 'struct s { char c; long l; };' | cdef-parse --print=layout
        cc -E -dD header.h | cdef-parse --only task_struct --print=c
      """)

  @Argument(help: "C or ktap.externs; - or nothing for standard input.")
  var files: [String] = []

  @Option(name: .short, help: ArgumentHelp("Write here; - for standard output.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Only what these names need, separated by commas: of functions, variables, typedefs, tags, "
        + "constants.", valueName: "name,…"))
  var only: String?

  @Flag(help: "All enumerators and macros with a value, not only those that the script names.")
  var constants = false

  @Option(
    help: ArgumentHelp("Whether plain char is signed or unsigned.", valueName: "signed|unsigned"))
  var char = CharSign.signed

  @Option(
    name: .customLong("print"),
    help: ArgumentHelp(
      "json: the type IR. c: C that compiles to the same layout. layout: offsets, sizes and holes.",
      valueName: "json|c|layout"))
  var form = OutputForm.json

  @Flag(
    help: ArgumentHelp(
      "Write the output even where a missing ';' or ',' was reported and put in; the exit status "
        + "stays 1."))
  var keepGoing = false

  enum CharSign: String, ExpressibleByArgument, CaseIterable { case signed, unsigned }

  enum OutputForm: String, ExpressibleByArgument, CaseIterable { case json, c, layout }

  func validate() throws {
    if files.count(where: { $0 == "-" }) > 1 {
      throw ValidationError("'-' can stand for standard input only once")
    }
  }

  func execute() throws -> ExitStatus {
    let result = try parse()
    StageError.print(result.diagnostics)
    guard !result.hasErrors || keepGoing && result.isRepaired else { return .inputWrong }
    try StageOutput.write(text(of: result.document), to: output)
    return result.hasErrors ? .inputWrong : .fine
  }

  private func parse() throws -> CDefParser.Result {
    let options = CDefParser.Options(
      charIsSigned: char == .signed,
      only: only?.split(separator: ",").map(String.init) ?? [], keepsAllConstants: constants)
    let inputs = files.isEmpty ? ["-"] : files
    var texts: [CDefParser.File] = []
    for path in inputs {
      let bytes = try StageInput.read(path)
      let name = StageInput.name(of: path)
      if ExternsDocument.isLikely(bytes) {
        guard inputs.count == 1 else {
          throw ValidationError("'\(name)' is no C: externs are read alone")
        }
        return CDefParser.parse(try ExternsDocument.decode(bytes, name: name), options)
      }
      texts.append(CDefParser.File(name: name, text: bytes))
    }
    return CDefParser.parse(texts, options)
  }

  private func text(of document: TypesDocument) -> [UInt8] {
    switch form {
    case .json: document.encode()
    case .c: Array(CHeader.text(of: document).utf8)
    case .layout: Array(LayoutPrinter.print(document).utf8)
    }
  }
}
