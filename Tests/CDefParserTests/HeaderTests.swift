// SPDX-License-Identifier: MIT

import CDefParser
import Diagnostics
import Foundation
import Testing
import TypeIR

/// Real headers, as the C preprocessor leaves them: no error, and gcc's layout for all they define.
@Suite struct HeaderTests {
  @Test(arguments: [
    "sys/time.h", "sys/stat.h", "stdio.h", "stdlib.h", "math.h", "complex.h", "pthread.h",
    "signal.h", "netinet/in.h", "linux/stat.h", "linux/bpf.h", "linux/fuse.h", "linux/io_uring.h",
    "linux/perf_event.h", "linux/kvm.h", "linux/videodev2.h", "linux/nl80211.h", "elf.h",
  ])
  func headersAreLaidOutAsGccDoes(_ header: String) throws {
    let text = try Tool.withTemporaryDirectory { directory in
      try "#include <\(header)>\n".write(
        to: directory.appendingPathComponent("t.c"), atomically: false, encoding: .utf8)
      let result = try Tool.run(["gcc", "-E", "-dD", "-o", "t.i", "t.c"], in: directory)
      #expect(result.status == 0, "\(result.output)")
      return try String(
        contentsOf: directory.appendingPathComponent("t.i"), encoding: .utf8)
    }
    let document = document(text, CDefParser.Options(keepsAllConstants: true))
    #expect(!document.types.entries.isEmpty)
    let disagreements = try LayoutOracle(document).disagreements(with: "#include <\(header)>\n")
    #expect(disagreements.isEmpty, "\(disagreements)")
  }

  @Test func whatAScriptIncludesStaysOutUnlessItIsNeeded() throws {
    let externs = ExternsDocument(
      cdefs: [
        ExternsDocument.CDef(
          text: "#include <sys/time.h>\nstruct mine { struct timeval tv; int a[-1]; };",
          at: "s.kp:1:10",
          map: [
            ExternsDocument.MapEntry(offset: 0, line: 1, column: 12),
            ExternsDocument.MapEntry(offset: 22, line: 2, column: 1),
          ])
      ],
      names: [ExternsDocument.Name(name: "gettimeofday", use: .call, at: "s.kp:9:1")])
    let preprocessed = try Tool.withTemporaryDirectory { directory in
      let input = directory.appendingPathComponent("t.c")
      try Data(CDefParser.preprocessorInput(externs)).write(to: input)
      _ = try Tool.run(["gcc", "-E", "-dD", "-o", "t.i", "t.c"], in: directory)
      return [UInt8](try Data(contentsOf: directory.appendingPathComponent("t.i")))
    }
    let bad = CDefParser.parse(externs, preprocessed: preprocessed)
    #expect(
      bad.diagnostics.map(\.place) == [
        .text(SourceLocation(file: "s.kp", line: 2, column: 40))
      ])
    let good = CDefParser.parse(
      externs,
      preprocessed: Array(
        String(decoding: preprocessed, as: UTF8.self).replacing("[-1]", with: "[1]").utf8))
    #expect(!good.hasErrors)
    #expect(good.document.symbols.map(\.name) == ["gettimeofday"])
    #expect(good.document.record("mine")?.size == 24)
    #expect(good.document.record("itimerval") == nil)
  }
}
