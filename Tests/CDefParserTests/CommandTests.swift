// SPDX-License-Identifier: MIT

import Foundation
import Testing
import TypeIR

/// The command itself: what it reads, what it writes where, and its exit status.
@Suite struct CommandTests {
  private struct Outcome {
    var status: Int32
    var output: String
    var errors: String
  }

  /// Beside the tests.
  private static let directory =
    (Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
    ?? URL(fileURLWithPath: CommandLine.arguments[0]))
    .deletingLastPathComponent().path

  /// Runs a shell command that finds the `cdef-parse` beside the tests.
  private func run(_ command: String, files: [String: String] = [:]) throws -> Outcome {
    try Tool.withTemporaryDirectory { directory in
      for (name, text) in files {
        try text.write(
          to: directory.appendingPathComponent(name), atomically: false, encoding: .utf8)
      }
      let result = try Tool.run(
        ["sh", "-c", "PATH='\(Self.directory)':$PATH; { \(command); } 2>errors.txt"], in: directory)
      return Outcome(
        status: result.status, output: result.output,
        errors: try String(
          contentsOf: directory.appendingPathComponent("errors.txt"), encoding: .utf8))
    }
  }

  @Test func plainCBecomesTypes() throws {
    let outcome = try run("echo 'int f(void);' | cdef-parse -")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    let document = try TypesDocument.decode(Array(outcome.output.utf8), name: "x")
    #expect(document.symbols.map(\.at) == ["<stdin>:1:5"])
  }

  @Test func externsAreToldByTheirFirstByte() throws {
    let externs = ExternsDocument(types: [
      ExternsDocument.TypeString(text: "int *", at: "s.kp:1:1")
    ])
    let outcome = try run(
      "cdef-parse s.json -o out && cat out",
      files: ["s.json": String(decoding: externs.encode(), as: UTF8.self)])
    #expect(outcome.status == 0)
    let document = try TypesDocument.decode(Array(outcome.output.utf8), name: "x")
    #expect(document.expressions.map(\.text) == ["int *"])
  }

  @Test func namesToKeepMayHaveBlanksAroundThem() throws {
    let outcome = try run(
      "cdef-parse --only ' struct a , c,' --print=c a.h",
      files: [
        "a.h": """
        struct a { int x; }; struct b { int y; }; typedef long c;
        """
      ])
    #expect(outcome.status == 0 && outcome.errors == "")
    #expect(outcome.output.contains("struct a {") && outcome.output.contains("typedef long"))
    #expect(!outcome.output.contains("struct b"))
    #expect(try run("echo 'int x;' | cdef-parse --only ''").status == 2)
    #expect(try run("echo 'int x;' | cdef-parse --only ' ,'").status == 2)
  }

  @Test func aFileMayBeNamedLikeAnOption() throws {
    let outcome = try run("cdef-parse -DN=3 -- -a.h", files: ["-a.h": "int x[N];\n"])
    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
  }

  @Test func severalFilesAreOneUnit() throws {
    let outcome = try run(
      "cdef-parse a.h b.h --print=c", files: ["a.h": "typedef int t;", "b.h": "t f(void);"])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("t f(void);"))
  }

  @Test func anErrorLeavesNoFile() throws {
    let outcome = try run(
      "cdef-parse bad.h -o out; echo $?; ls", files: ["bad.h": "int a[-1];"])
    #expect(outcome.output == "1\nbad.h\nerrors.txt\noutput.txt\n")
    #expect(outcome.errors.hasPrefix("bad.h:1:7: error: "))
    #expect(outcome.errors.contains("[negative-array]\n  int a[-1];\n        ^~\n"))
  }

  @Test func whatWasRepairedIsWrittenOnlyOnRequest() throws {
    let text = ["t.h": "struct s { int a }\nint f(struct s *);"]
    let without = try run("cdef-parse t.h", files: text)
    #expect(without.status == 1 && without.output == "")
    let with = try run("cdef-parse --keep-going t.h", files: text)
    #expect(with.status == 1)
    #expect(with.errors == without.errors)
    let document = try TypesDocument.decode(Array(with.output.utf8), name: "x")
    #expect(document.record("s")?.size == 4)
    #expect(document.symbol("f") != nil)
    let broken = try run("cdef-parse --keep-going t.h", files: ["t.h": "int x\nint a[-1];"])
    #expect(broken.status == 1 && broken.output == "")
  }

  @Test func directivesRunTheCPreprocessor() throws {
    let files = [
      "t.h": "#include \"n.h\"\n#if N > 2 && defined(D)\nint a[TWICE(N)];\n#endif",
      "n.h": "#define N 3\n#define TWICE(x) ((x) * 2)\n",
    ]
    let outcome = try run("cdef-parse -DD=1 t.h --print=c", files: files)
    #expect(outcome.errors == "")
    #expect(outcome.output.contains("int a[6];"))
    let missing = try run("cdef-parse t.h", files: ["t.h": "#include \"none.h\"\n"])
    #expect(missing.status == 1)
    #expect(missing.errors.contains("[preprocessor-failed]"))
    let none = try run("cdef-parse --cc /nonexistent/cc t.h", files: files)
    #expect(none.status == 3)
    #expect(none.errors.hasPrefix("t.h:1:2: error: "))
    #expect(none.errors.contains("[no-preprocessor]"))
  }

  @Test func aDocumentOfAnotherStageIsRefused() throws {
    let outcome = try run(
      "cdef-parse t.json",
      files: ["t.json": String(decoding: TypesDocument().encode(), as: UTF8.self)])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("[wrong-format]"))
  }

  @Test func surroundingsAndUsageHaveTheirStatus() throws {
    #expect(try run("cdef-parse none.h").status == 3)
    #expect(try run("echo 'int x;' | cdef-parse -o /dev/full").status == 3)
    #expect(try run("cdef-parse --char=both").status == 2)
    #expect(try run("cdef-parse - -").status == 2)
    #expect(try run("cdef-parse --help").status == 0)
  }

  @Test func macrosThatCallMacrosHaveValues() throws {
    let text = """
      #define SHIFT(n) (1u << (n))
      #define READ SHIFT(2)
      #define BOTH (READ | SHIFT(0))
      #define TEXT SHIFT
      """
    let outcome = try run(
      "cdef-parse t.h --constants", files: ["t.h": text + "\n#include <stddef.h>\n"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let document = try TypesDocument.decode(Array(outcome.output.utf8), name: "x")
    let values = document.constants.filter { ["READ", "BOTH", "TEXT"].contains($0.name) }
    #expect(values.map { "\($0.name) \($0.value.bits)" } == ["READ 4", "BOTH 5"])
  }

  @Test func theKernelsHeadersAreFoundWithTheirFlags() throws {
    let externs = ExternsDocument(
      cdefs: [
        ExternsDocument.CDef(
          text: "#include <linux/time64.h>\n#include <linux/gfp.h>\n#include <linux/mm.h>",
          at: "s.kp:1:1", map: [])
      ],
      types: [ExternsDocument.TypeString(text: "struct timespec64", at: "s.kp:4:1")],
      names: ["GFP_KERNEL", "PAGE_SIZE", "NSEC_PER_SEC"].map {
        ExternsDocument.Name(name: $0, use: .value, at: "s.kp:5:1")
      })
    let outcome = try run(
      "cdef-parse --kernel-headers s.json",
      files: ["s.json": String(decoding: externs.encode(), as: UTF8.self)])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let document = try TypesDocument.decode(Array(outcome.output.utf8), name: "x")
    #expect(document.record("timespec64")?.size == 16)
    #expect(
      document.constants.map { "\($0.name) \($0.value.bits)" }.sorted()
        == ["GFP_KERNEL 3264", "NSEC_PER_SEC 1000000000", "PAGE_SIZE 4096"])
  }

  @Test func missingHeadersAndCompilersAreTheMachines() throws {
    let headers = try run("echo 'int x;' | cdef-parse --kernel-headers=/nonexistent")
    #expect(headers.status == 3)
    #expect(headers.errors.contains("[no-kernel-headers]"))
    #expect(headers.errors.contains("apt install linux-headers-"))
    let compiler = try run("echo '#include <a.h>' | cdef-parse --cc=/nonexistent/cc")
    #expect(compiler.status == 3)
    #expect(compiler.errors.contains("[no-preprocessor]"))
  }

  @Test func whatOnlyThePreprocessorKnowsRunsIt() throws {
    let text = "int a[__SIZEOF_POINTER__];\n__SIZE_TYPE__ b;\nin\\\nt c[1\\\n0];\n"
    let outcome = try run("cdef-parse t.h --print=c", files: ["t.h": text])
    #expect(outcome.errors == "")
    for line in ["int a[8];", "unsigned long b;", "int c[10];"] {
      #expect(outcome.output.contains(line))
    }
  }

  /// What can be read once is not read again for the preprocessor; places stay what they were.
  @Test func aPipeIsReadOnce() throws {
    let outcome = try run(
      "mkfifo p; printf '#include \"n.h\"\\nint x[-N];\\n' > p & timeout 60 cdef-parse -I. p",
      files: ["n.h": "#define N 1\n"])
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("p:2:7: error: "), "\(outcome.errors)")
    let input = try run(
      "cdef-parse -I. /dev/stdin --print=c < t.h",
      files: ["t.h": "#include \"n.h\"\nint x[N];\n", "n.h": "#define N 1\n"])
    #expect(input.output.contains("int x[1];"), "\(input.errors)")
  }

  @Test func anIllFormedMacroIsNoConstantAndNoError() throws {
    let text = """
      #include <stddef.h>
      #define SHIFT(n) (1u << (n))
      #define OPEN SHIFT(
      #define OPENED SHIFT((1)
      #define CLOSED SHIFT(1))
      #define MANY SHIFT(1, 2)
      #define READ SHIFT(2)
      """
    let outcome = try run("cdef-parse t.h --constants", files: ["t.h": text])
    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
    let document = try TypesDocument.decode(Array(outcome.output.utf8), name: "x")
    let names = ["OPEN", "OPENED", "CLOSED", "MANY", "READ"]
    #expect(document.constants.map(\.name).filter(names.contains) == ["READ"])
  }

  @Test func whatEndsThePreprocessorIsSaid() throws {
    let killer = ["cc.sh": "#!/bin/sh\nkill -9 $$\n", "t.h": "#include <stddef.h>\n"]
    let killed = try run("chmod +x cc.sh; cdef-parse --cc ./cc.sh t.h", files: killer)
    #expect(killed.status == 3)
    #expect(killed.errors.contains("Killed [preprocessor-killed]"))
    let missing = try run("cdef-parse --cc nonexistent -I. t.h", files: ["t.h": "int x;\n"])
    #expect(missing.status == 3)
    #expect(missing.errors.contains("--include and --kernel-headers need a C preprocessor"))
    #expect(missing.errors.contains("'nonexistent' cannot be run"))
  }

  @Test func aTreeOfHeadersIsNamedAfterAnEqualsSign() throws {
    let outcome = try run("cdef-parse --kernel-headers . t.h", files: ["t.h": "int x;"])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("--kernel-headers=."))
    #expect(try run("cdef-parse --help").output.contains("--kernel-headers=DIR"))
    let old = try run("cdef-parse -o -DX=1 t.h", files: ["t.h": "int x;"])
    #expect(old.status == 2)
    let separate = try run(
      "cdef-parse -D -- t.h; cdef-parse -- --kernel-headers=. -DX",
      files: ["--kernel-headers=.": "int x;", "-DX": "int y[-1];"])
    #expect(separate.errors.contains("-DX:1:7: error: "), "\(separate.errors)")
  }

  @Test func taggedAnonymousMembersAreAnOption() throws {
    let text = "struct a { int x; }; typedef struct a t; struct s { struct a; t; long y; };"
    let standard = try run("cdef-parse t.h", files: ["t.h": text])
    #expect(standard.status == 1)
    let extended = try run(
      "cdef-parse -fms-extensions --print=layout t.h",
      files: [
        "t.h": "struct a { int x; }; struct b { int z; }; typedef struct b t; "
          + "struct s { struct a; t; long y; };"
      ])
    #expect(extended.status == 0, "\(extended.errors)")
    #expect(extended.output.contains("size: 16"))
  }
}
