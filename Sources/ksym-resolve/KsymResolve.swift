// SPDX-License-Identifier: MIT

import ArgumentParser
import DebugInfo
import Diagnostics
import StageIO
import SymbolResolver
import TypeIR

@main struct KsymResolve: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "ksym-resolve",
    abstract:
      "Finds in a kernel what a script's C wants: symbols, their types, and whether they agree.",
    discussion: """
      Reads a ktap.types document (cdef-parse writes it) and writes a ktap.resolved document (ktapc \
      reads it): each wanted function and variable with its address, each declaration checked \
      against the kernel's own, each type that was named and not declared filled in.

      Without options it asks the running kernel: /sys/kernel/btf/vmlinux for types and \
      /proc/kallsyms for addresses (which only root sees). Each is read only when it is needed.

      EXAMPLES
        In the pipe, and by files:
          ktapc --externs s.kp | cdef-parse | ksym-resolve | ktapc --types - s.kp | ktap-load
          ksym-resolve s.types.json -o s.resolved.json
        What does the kernel have? (no input is read)
          ksym-resolve --want 'struct timespec64,vfs_read' --print=c
          ksym-resolve --list 'ktime_get_real*'
          ksym-resolve --explain vfs_read
        Another kernel than the running one:
          ksym-resolve --vmlinux vmlinux --system-map System.map s.types.json
        The C library of a process instead of a kernel:
          ksym-resolve --host s.types.json
          ksym-resolve --host --lib libz.so.1 s.types.json

      EXIT STATUS
        0 fine; 1 the input was wrong (an unknown symbol, a declaration that the kernel \
      contradicts); 2 usage; 3 environment (no BTF, no permission).
      """, version: stageVersion)

  enum OutputForm: String, ExpressibleByArgument, CaseIterable { case json, c }

  @Argument(
    help: ArgumentHelp("The types document; '-' or nothing: standard input.", valueName: "file"))
  var input: String?

  @Option(
    name: [.customShort("o"), .long], help: ArgumentHelp("Where to write.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp("Types: raw BTF, or an ELF file with a .BTF section.", valueName: "file"))
  var btf: String?

  @Option(
    help: ArgumentHelp(
      "Types and build id: an uncompressed kernel, with a .BTF section.", valueName: "elf"))
  var vmlinux: String?

  @Option(help: ArgumentHelp("Symbols: a copy of /proc/kallsyms.", valueName: "file"))
  var kallsyms: String?

  @Option(help: ArgumentHelp("Symbols: the kernel's System.map.", valueName: "file"))
  var systemMap: String?

  @Option(
    help: ArgumentHelp(
      "Symbols and types (BTF, DWARF) of a kernel module, loaded or not. Repeatable.",
      valueName: "elf"))
  var module: [String] = []

  @Option(
    help: ArgumentHelp("The kernel's build id, where no source carries it.", valueName: "hex"))
  var buildID: String?

  @Flag(help: "Resolve against the shared libraries of a process instead of a kernel.")
  var host = false

  @Option(
    help: ArgumentHelp(
      "With --host: one more shared library, with types if it has DWARF. Repeatable.",
      valueName: "so"))
  var lib: [String] = []

  @Option(
    help: ArgumentHelp(
      "Want these symbols and types, too; without FILE, only these.", valueName: "name,…"))
  var want: String?

  @Option(
    help: ArgumentHelp(
      "List the functions, variables and types whose names match; read no input.",
      valueName: "glob"))
  var list: String?

  @Option(
    help: ArgumentHelp(
      "Say all that is known about a name; read no input.", valueName: "name"))
  var explain: String?

  @Flag(help: "Neither use nor write the index of debug information in the user's cache directory.")
  var noCache = false

  @Option(help: "What to write: the document, or its types and symbols as C.")
  var print: OutputForm = .json

  func validate() throws {
    if host && (btf ?? vmlinux ?? kallsyms ?? systemMap ?? buildID ?? list) != nil {
      throw ValidationError("--host asks no kernel: it goes with --lib, --want and --print only.")
    }
    if host && !module.isEmpty { throw ValidationError("--module goes without --host.") }
    if !host && !lib.isEmpty { throw ValidationError("--lib goes with --host.") }
    if explain != nil && (host || want != nil || input != nil || list != nil) {
      throw ValidationError("--explain reads no input and goes without --want, --list and --host.")
    }
    if let want, WantList.parse(want).isEmpty {
      throw ValidationError("--want takes names: 'struct timespec64,vfs_read'.")
    }
    if list != nil && (want != nil || input != nil) {
      throw ValidationError("--list reads no input and goes without --want.")
    }
    if let buildID, !BuildID.isValid(buildID) {
      throw ValidationError("--build-id takes an even number of hexadecimal digits.")
    }
  }

  func execute() throws -> ExitStatus {
    do {
      try StageOutput.write(try result(), to: output)
      return .fine
    } catch let error as SourceError {
      switch error.cause {
      case .unavailable: throw EnvironmentError(error.diagnostic)
      case .malformed: throw error.diagnostic
      }
    } catch let error as DiagnosticList {
      throw DiagnosticList(excerpts.added(to: error.diagnostics))
    }
  }

  /// The bytes to write.
  private func result() throws -> [UInt8] {
    let sources = KernelSources(sourceOptions)
    if let explain { return Array(try Explanation.text(of: explain, sources).utf8) }
    if let list { return Array(try KernelListing.text(matching: list, sources).utf8) }
    var document = try readDocument()
    if let want {
      document.wants += WantList.parse(want)
    }
    let resolution =
      host
      ? try HostResolver.resolve(document, libraries: lib)
      : try KernelResolver.resolve(document, sources)
    StageError.print(excerpts.added(to: resolution.warnings))
    switch print {
    case .json: return resolution.document.encode()
    case .c: return Array(CHeader.text(of: resolution.document).utf8)
    }
  }

  private var sourceOptions: KernelSourceOptions {
    KernelSourceOptions(
      btf: btf, vmlinux: vmlinux, kallsyms: kallsyms, systemMap: systemMap, modules: module,
      cache: noCache ? nil : Progress.cache(),
      buildID: buildID?.lowercased())
  }

  private func readDocument() throws -> TypesDocument {
    if input == nil && want != nil { return TypesDocument() }
    return try TypesDocument.decode(StageInput.read(input), name: StageInput.name(of: input))
  }

  private var excerpts: SourceExcerpts { SourceExcerpts(commandLine: want ?? "") }
}
