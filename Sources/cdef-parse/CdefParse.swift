// SPDX-License-Identifier: MIT

import ArgumentParser
import CDefParser
import Diagnostics
import Glibc
import StageIO
import TypeIR

@main struct CdefParse: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "cdef-parse",
    abstract: "C declarations to type IR, with every size, alignment and offset.",
    discussion: """
      Reads what a script needs (ktap.externs, from ktapc --externs) or plain C declarations; the \
      first bytes tell which. Writes ktap.types as JSON for ksym-resolve. Declarations and constants \
      need no compiler; for #include, #if and function-like macros, cc -E is run.

      EXAMPLES
        ktapc --externs s.kp | cdef-parse -o s.types.json
        echo 'struct s { char c; long l; };' | cdef-parse --print=layout
        echo '#include <time.h>' | cdef-parse --only timespec,clock_gettime --print=c
      """, version: stageVersion)

  @Argument(help: "C or ktap.externs; - or nothing for standard input.")
  var files: [String] = []

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Write here; - for standard output.", valueName: "file")
  )
  var output: String?

  @Option(
    name: .customShort("I", allowingJoined: true),
    help: ArgumentHelp("Where #include looks first.", valueName: "dir"))
  var include: [String] = []

  @Option(
    name: .customShort("D", allowingJoined: true),
    help: ArgumentHelp("A macro for the C preprocessor.", valueName: "name[=value]"))
  var define: [String] = []

  @Option(
    name: .customLong("include"),
    help: ArgumentHelp("A header to include before everything else.", valueName: "header"))
  var header: [String] = []

  @Flag(
    name: .customLong("kernel-headers"),
    help: ArgumentHelp(
      "Include the headers of the running kernel, or of the newest that is installed; "
        + "--kernel-headers=DIR: those of the tree DIR."))
  var includesKernelHeaders = false

  /// What stands after `--kernel-headers=`.
  @Option(name: .customLong(headersOption), help: .private)
  var kernelHeaders: String?

  @Option(
    help: ArgumentHelp(
      "The compiler whose preprocessor is run for #include, #if and function-like macros.",
      valueName: "command"))
  var cc = "cc"

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
    name: .customLong("fms-extensions", withSingleDash: true),
    help: "A struct or union with a tag and no name is a member whose members count, as with gcc's."
  )
  var msExtensions = false

  @Flag(
    help: ArgumentHelp(
      "Write the output even where a missing ';' or ',' was reported and put in; the exit status "
        + "stays 1."))
  var keepGoing = false

  enum CharSign: String, ExpressibleByArgument, CaseIterable { case signed, unsigned }

  enum OutputForm: String, ExpressibleByArgument, CaseIterable { case json, c, layout }

  private static let headersOption = "kernel-headers-of"

  /// The options whose values may be arguments of their own.
  private static let optionsWithValues: Set<String> = [
    "-D", "-I", "-o", "--cc", "--char", "--include", "--only", "--output", "--print",
  ]

  /// `-DX=1` is `-D X=1`; the directory of `--kernel-headers` may be left out. Values are left alone,
  /// and what follows `--`.
  static func normalized(_ arguments: [String]) -> [String] {
    let directory = "--kernel-headers="
    var result: [String] = []
    for (index, argument) in arguments.enumerated() {
      if argument == "--" { return result + arguments[index...] }
      if index > 0, optionsWithValues.contains(arguments[index - 1]) {
        result.append(argument)
      } else if argument.hasPrefix(directory) {
        result.append("--\(headersOption)=\(argument.dropFirst(directory.count))")
      } else if argument.hasPrefix("-D"), argument.utf8.count > 2 {
        result += ["-D", String(argument.dropFirst(2))]
      } else {
        result.append(argument)
      }
    }
    return result
  }

  func validate() throws {
    if files.count(where: { $0 == "-" }) > 1 {
      throw ValidationError("'-' can stand for standard input only once")
    }
    if includesKernelHeaders, let tree = files.first(where: { Self.mode(of: $0) == S_IFDIR }) {
      throw ValidationError(
        "'\(tree)' is a directory; if its headers are meant, say --kernel-headers=\(tree)")
    }
    if only != nil, names.isEmpty {
      throw ValidationError("'--only' without a name would keep nothing; leave it out to keep all")
    }
  }

  func execute() throws -> ExitStatus {
    let result = try parse()
    StageError.print(result.diagnostics)
    guard !result.hasErrors || keepGoing && result.isRepaired else { return .inputWrong }
    try StageOutput.write(to: output) { write(result.document, to: $0) }
    // The process ends here. To free a whole kernel's types one by one would be work for nothing.
    _ = Unmanaged.passRetained(Leaked(result))
    return result.hasErrors ? .inputWrong : .fine
  }

  private final class Leaked {
    let result: CDefParser.Result

    init(_ result: CDefParser.Result) { self.result = result }
  }

  /// What `--only` lists.
  private var names: [String] {
    (only ?? "").split(separator: ",").map { name in
      String(name.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }.filter { !$0.isEmpty }
  }

  private func parse() throws -> CDefParser.Result {
    let options = CDefParser.Options(
      charIsSigned: char == .signed,
      only: names, keepsAllConstants: constants,
      acceptsMSExtensions: msExtensions)
    let inputs = files.isEmpty ? ["-"] : files
    var texts: [CDefParser.File] = []
    for path in inputs {
      let bytes = try StageInput.readText(path, expecting: "C or externs")
      let name = StageInput.name(of: path)
      if ExternsDocument.isLikely(bytes) {
        guard inputs.count == 1 else {
          throw ValidationError("'\(name)' is no C: externs are read alone")
        }
        return try parse(try ExternsDocument.decode(bytes, name: name), options)
      }
      texts.append(CDefParser.File(name: name, text: bytes))
    }
    return try parse(texts, from: inputs, options)
  }

  /// What kind of file it is, as stat(2) says; 0 for none.
  private static func mode(of path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
  }

  /// Without the C preprocessor, if that will do.
  private func parse(
    _ externs: ExternsDocument, _ options: CDefParser.Options
  ) throws -> CDefParser.Result {
    let result = CDefParser.parse(externs, options)
    let names = Set(externs.names.map(\.name))
    guard let preprocessor = try preprocessor(for: result, names, options) else { return result }
    let text = try preprocessor.run(
      "-", text: CDefParser.preprocessorInput(externs), reason: reason(result))
    return CDefParser.parse(externs, preprocessed: text, options)
  }

  private func parse(
    _ texts: [CDefParser.File], from paths: [String], _ options: CDefParser.Options
  ) throws -> CDefParser.Result {
    let result = CDefParser.parse(texts, options)
    guard let preprocessor = try preprocessor(for: result, [], options) else { return result }
    let preprocessed = try zip(texts, paths).map { file, path in
      // A pipe can be read once; a file knows what its #include "…" are beside of.
      let isFile = path != "-" && Self.mode(of: path) == S_IFREG
      let text = isFile ? nil : CDefParser.preprocessorInput(file)
      return CDefParser.File(
        name: file.name, text: try preprocessor.run(path, text: text, reason: reason(result)))
    }
    return CDefParser.parse(preprocessed, options)
  }

  private func reason(_ result: CDefParser.Result) -> Diagnostic? {
    result.diagnostics.first { $0.id == CDefParser.needsPreprocessor }
  }

  /// nil where neither the text nor the command line asks for it.
  private func preprocessor(
    for result: CDefParser.Result, _ names: Set<String>, _ options: CDefParser.Options
  ) throws -> CPreprocessor? {
    let needsKernel = includesKernelHeaders || kernelHeaders != nil
    let isAskedFor = !(include + define + header).isEmpty || needsKernel
    guard reason(result) != nil || isAskedFor else { return nil }
    let kernel = needsKernel ? try KernelHeaders.find(kernelHeaders) : nil
    return CPreprocessor(
      command: cc, includeDirectories: include, definitions: define, headers: header,
      kernelHeaders: kernel, constants: constants ? nil : names.union(options.only))
  }

  private func write(
    _ document: TypesDocument, to sink: (UnsafeBufferPointer<UInt8>) -> Void
  ) {
    switch form {
    case .json: document.encode(to: sink)
    case .c: Array(CHeader.text(of: document).utf8).withUnsafeBufferPointer(sink)
    case .layout: Array(LayoutPrinter.print(document).utf8).withUnsafeBufferPointer(sink)
    }
  }
}
