// SPDX-License-Identifier: MIT

import CDefParser
import DebugInfoFixtures
import Foundation
import TestSupport
import Testing
import TypeIR

/// The command itself: options, files, exit statuses, and what it prints where.
@Suite struct CommandTests {
  private let workshop: Workshop
  private let btf: String
  private let kallsyms: String

  init() throws {
    workshop = try Workshop()
    btf = try workshop.objectWithBTF(FixtureKernel.source)
    kallsyms = try workshop.write("kallsyms", FixtureKernel.standardSymbols)
  }

  private struct Outcome {
    var status: Int32
    var output: String
    var errors: String
  }

  private func resolve(_ arguments: String..., input: String = "") throws -> Outcome {
    try resolve(arguments, input: input)
  }

  private func resolve(_ arguments: [String], input: String = "") throws -> Outcome {
    let process = Process()
    process.executableURL = Self.executable
    process.arguments = arguments
    process.currentDirectoryURL = workshop.directory
    try workshop.write("stdin", input)
    process.standardInput = FileHandle(forReadingAtPath: workshop.path("stdin"))
    // Files, not pipes: nobody has to drain them meanwhile.
    for (name, stream) in [("stdout", \Process.standardOutput), ("stderr", \Process.standardError)]
    {
      try workshop.write(name, "")
      process[keyPath: stream] = FileHandle(forWritingAtPath: workshop.path(name))
    }
    try process.run()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus,
      output: try String(contentsOfFile: workshop.path("stdout"), encoding: .utf8),
      errors: try String(contentsOfFile: workshop.path("stderr"), encoding: .utf8))
  }

  /// Beside the tests.
  private static let executable =
    Bundle.allBundles
    .first { $0.bundlePath.hasSuffix(".xctest") }
    .map { $0.bundleURL.deletingLastPathComponent().appendingPathComponent("ksym-resolve") }
    ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appendingPathComponent("ksym-resolve")

  private func types(_ script: Script) throws -> String {
    String(decoding: try script.document().encode(), as: UTF8.self)
  }

  @Test func theDocumentGoesThroughPipesAndFiles() throws {
    let input = try types(Script(calls: ["strlen"]))
    try workshop.write("s.types.json", input)
    let options = ["--btf", btf, "--kallsyms", kallsyms, "--build-id", "ABCD"]
    let piped = try resolve(options, input: input)
    #expect(piped.status == 0, "\(piped.errors)")
    #expect(piped.errors.isEmpty)
    let filed = try resolve(
      "s.types.json", "-o", "s.resolved.json", "--btf", btf, "--kallsyms", kallsyms,
      "--build-id", "abcd")
    #expect(filed.status == 0)
    #expect(filed.output.isEmpty)
    let written = try String(contentsOfFile: workshop.path("s.resolved.json"), encoding: .utf8)
    #expect(written == piped.output)
    let document = try ResolvedDocument.decode(Array(written.utf8), name: "s.resolved.json")
    #expect(document.kernel.buildID == "abcd")
    #expect(document.symbols.map(\.name) == ["strlen"])
  }

  @Test func errorsShowTheScriptsLine() throws {
    try workshop.write("s.kp", "-- a comment\nffi.C.strlne(`jiffys`)\n")
    var document = TypesDocument()
    document.wants = [
      Want(name: "strlne", kind: .symbol, use: .call, at: "s.kp:2:7"),
      Want(name: "jiffys", kind: .symbol, use: .token, at: "s.kp:2:14"),
    ]
    let outcome = try resolve(
      "--btf", btf, "--kallsyms", kallsyms, "--build-id", "ab",
      input: String(decoding: document.encode(), as: UTF8.self))
    #expect(outcome.status == 1)
    #expect(outcome.output.isEmpty)
    #expect(
      outcome.errors == """
        s.kp:2:7: error: this kernel has no symbol 'strlne' [unknown-symbol]
          ffi.C.strlne(`jiffys`)
                ^~~~~~
          hint: did you mean 'strlen'?
        s.kp:2:14: error: this kernel has no symbol 'jiffys' [unknown-symbol]
          ffi.C.strlne(`jiffys`)
                       ^~~~~~~~
          hint: did you mean 'jiffies'?

        """)
  }

  @Test func wantsOfTheCommandLineNeedNoInput() throws {
    let outcome = try resolve(
      "--btf", btf, "--kallsyms", kallsyms, "--build-id", "ab", "--print", "c",
      "--want", "struct timespec64, strlen,pid_t,PIDTYPE_MAX")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("struct timespec64 {\n\ttime64_t tv_sec;\n\tlong tv_nsec;\n};"))
    #expect(outcome.output.contains("unsigned long strlen(const char *s);"))
    #expect(outcome.output.contains("typedef int pid_t;"))
    #expect(outcome.output.contains("PIDTYPE_MAX = 7,"))
    let wrong = try resolve("--btf", btf, "--kallsyms", kallsyms, "--want", "strlen,strnel")
    #expect(wrong.status == 1)
    #expect(wrong.errors.contains("--want:1:8: error"))
    #expect(wrong.errors.contains("         ^~~~~~\n"))
  }

  @Test func whatIsNoFileIsSaidToBeNone() throws {
    for (arguments, says) in [
      (["--btf", "/dev/zero"], "cannot read /dev/zero: it is a device, not a file [cannot-read]"),
      (["--vmlinux", "/"], "cannot read /: Is a directory [cannot-read]"),
      (["--btf", btf, "--kallsyms", kallsyms, "--module", "/"], "Is a directory [cannot-read]"),
    ] {
      let outcome = try resolve(arguments + ["--want", "strlen"])
      #expect(outcome.status == 3, "\(arguments)")
      #expect(outcome.errors.contains(says), "\(outcome.errors)")
    }
  }

  /// Reading behind the end of a file that is mapped is SIGBUS, wherever the cut is.
  @Test func aLibraryThatIsCutShortIsRefused() throws {
    try workshop.write(
      "lib.c", "char ktap_test_bytes[20000] = {1}; int ktap_test(void) { return 1; }")
    try workshop.run("gcc", "-shared", "-fPIC", "lib.c", "-o", "lib.so")
    let whole = try Data(contentsOf: URL(fileURLWithPath: workshop.path("lib.so")))
    for count in stride(from: 64, to: 20000, by: 1311) {
      let path = try workshop.write("cut.so", Array(whole.prefix(count)))
      let outcome = try resolve("--host", "--lib", path, "--want", "ktap_test")
      #expect(outcome.status == 1, "\(count): \(outcome.errors)")
      #expect(outcome.errors.contains("-elf]"), "\(outcome.errors)")
    }
  }

  /// No code of a library is executed: not by its constructors, nor by what damage makes of it.
  @Test func librariesAreNotLoaded() throws {
    try workshop.write(
      "lib.c",
      """
      #include <fcntl.h>
      __attribute__((constructor)) void begin(void) { open("constructed", O_CREAT | O_WRONLY, 0600); }
      int ktap_test_answer(void) { return 42; }
      """)
    try workshop.run("gcc", "-g", "-shared", "-fPIC", "lib.c", "-o", "lib.so")
    let right = try resolve(
      "--host", "--lib", "./lib.so", "--want", "ktap_test_answer", "--print", "c")
    #expect(right.output.contains("int ktap_test_answer(void);"))
    #expect(!FileManager.default.fileExists(atPath: workshop.path("constructed")))
    let good = try workshop.read("lib.so")
    var random = SeededGenerator(seed: 3)
    for _ in 0..<40 {
      var bad = good
      for _ in 0..<3 {
        bad[.random(in: 0..<bad.count, using: &random)] ^=
          1 << UInt8.random(in: 0...7, using: &random)
      }
      try workshop.write("bad.so", bad)
      let outcome = try resolve("--host", "--lib", "./bad.so", "--want", "ktap_test_answer")
      #expect([0, 1, 3].contains(outcome.status), "\(outcome.errors)")
      #expect(outcome.status == 0 || outcome.errors.contains("error: "))
    }
    #expect(!FileManager.default.fileExists(atPath: workshop.path("constructed")))
  }

  /// Raw BTF and lists of symbols come through pipes; nothing waits for a pipe twice.
  @Test func pipes() throws {
    try workshop.run("objcopy", "--dump-section", ".BTF=raw.btf", btf, "/dev/null")
    func through(_ options: String) throws -> String {
      let output = try workshop.run(
        "bash", "-c",
        "\(Self.executable.path) \(options) --build-id ab --want strlen --print c 2>&1 || true")
      return String(decoding: output, as: UTF8.self)
    }
    let types = try through("--btf <(cat raw.btf) --kallsyms \(kallsyms)")
    #expect(types.hasSuffix("unsigned long strlen(const char *s);\n"))
    #expect(try through("--btf \(btf) --kallsyms <(cat \(kallsyms))") == types)
    #expect(try through("--btf <(cat \(btf)) --kallsyms \(kallsyms)").contains("[not-btf]"))
    #expect(try through("--vmlinux <(cat \(btf))").contains("[not-elf]"))
    try workshop.run("mkfifo", "script.kp")
    // A place in a pipe is said without its line.
    var document = TypesDocument()
    document.wants = [Want(name: "strnel", kind: .symbol, use: .call, at: "script.kp:1:1")]
    let place = try resolve(
      ["--btf", btf, "--kallsyms", kallsyms],
      input: String(decoding: document.encode(), as: UTF8.self))
    #expect(place.errors.hasPrefix("script.kp:1:1: error: "))
  }

  @Test func linesThatEndAsOnOtherSystems() throws {
    let text = FixtureKernel.standardSymbols.replacingOccurrences(of: "\n", with: "\r\n")
    try workshop.write("System.map", text)
    let options = ["--btf", btf, "--build-id", "ab", "--want", "strlen,counter", "--print", "json"]
    let outcome = try resolve(options + ["--system-map", "System.map"])
    #expect(outcome.output == (try resolve(options + ["--system-map", kallsyms])).output)
  }

  /// What `--want` refuses is not shown elsewhere either.
  @Test func typesThatCannotBe() throws {
    var writer = BTFWriter()
    let int = writer.int("int", size: 4, .signed)
    let huge = writer.array(int, .max)
    writer.structure("small", size: 8, [.init("part", huge, at: 0)])
    writer.typedef("huger", writer.array(huge, .max))
    let file = try workshop.write("hostile.btf", writer.bytes())
    for (name, id) in [("struct small", "bad-btf"), ("huger", "type-too-large")] {
      let word = String(name.split(separator: " ").last ?? "")
      for option in [["--want", name], ["--explain", name], ["--list", word]] {
        let outcome = try resolve(["--btf", file, "--kallsyms", kallsyms] + option)
        #expect(outcome.status == 1, "\(option)")
        #expect(outcome.errors.contains("[\(id)]"), "\(option): \(outcome.errors)")
      }
    }
  }

  @Test func aTypeAloneNeedsNoSymbols() throws {
    let outcome = try resolve("--btf", btf, "--kallsyms", "/nowhere", "--want", "struct task")
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func listsByPattern() throws {
    let outcome = try resolve("--btf", btf, "--list", "ktime_*")
    #expect(
      outcome.output == """
        time64_t ktime_get_real_seconds(void);
        void ktime_get_real_ts64(struct timespec64 *ts);

        """)
    let none = try resolve("--btf", btf, "--list", "nothing*")
    #expect(none.status == 1)
    #expect(none.errors.contains("[no-match]"))
  }

  @Test func aKernelThatIsAnother() throws {
    _ = try workshop.objectWithBTF("struct other { int x; } it;")
    try workshop.run("cp", "object.o", "other.o")
    let kernel = try workshop.objectWithBTF(FixtureKernel.source)
    let outcome = try resolve(
      "--vmlinux", kernel, "--btf", workshop.path("other.o"), "--want", "struct task")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("[kernel-mismatch]"))
  }

  @Test(arguments: [
    ["--print", "yaml"], ["--host", "--btf", "x"], ["--lib", "x"], ["--build-id", "xyz"],
    ["--list", "x", "--want", "y"], ["--nothing"], ["a", "b"], ["--want", ","], ["--want", ""],
    ["--want", " , "],
  ])
  func wrongUsage(arguments: [String]) throws {
    let outcome = try resolve(arguments)
    #expect(outcome.status == 2)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains("Error: "))
  }

  @Test func environmentAndInputAreToldApart() throws {
    let missing = try resolve("--btf", "/nowhere/btf", "--want", "struct task")
    #expect(missing.status == 3)
    #expect(missing.errors.contains("/nowhere/btf"))
    let junk = try resolve(
      "--btf", workshop.write("junk", "no BTF at all, but long enough"), "--want", "struct x")
    #expect(junk.status == 1)
    #expect(junk.errors.contains("byte 0: error"))
    let input = try resolve("--btf", btf, input: "{\"format\":\"ktap.externs\",\"version\":1}")
    #expect(input.status == 1)
    #expect(input.errors.contains("run cdef-parse on it first"))
    let full = try resolve("--btf", btf, "--want", "struct task", "-o", "/dev/full")
    #expect(full.status == 3)
  }

  @Test func twiceGivesTheSameBytes() throws {
    let arguments = ["--btf", btf, "--want", "struct task,union value"]
    let first = try resolve(arguments)
    #expect(first.status == 0)
    #expect(try resolve(arguments).output == first.output)
  }

  @Test func aProcess() throws {
    let input = try types(Script(c: "int getpid(void);", calls: ["getpid"]))
    let outcome = try resolve("--host", input: input)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("host:libc.so.6"))
    #expect(outcome.output.contains("\"target_kind\":\"host\""))
  }
}
