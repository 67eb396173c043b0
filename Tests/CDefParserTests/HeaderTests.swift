// SPDX-License-Identifier: MIT

import CDefParser
import Diagnostics
import Foundation
import Testing
import TypeIR

/// Real headers, as the C preprocessor leaves them: no error, and gcc's layout for all they define.
@Suite struct HeaderTests {
  @Test(arguments: [
    "sys/time.h", "sys/stat.h", "sys/socket.h", "sys/ucontext.h", "netinet/in.h", "netinet/tcp.h",
    "linux/netfilter/nf_tables.h", "rdma/ib_user_verbs.h",
  ])
  func headersAreLaidOutAsGccDoes(_ header: String) throws {
    #expect(try SystemHeader(header).result() == .right)
  }

  /// Every header in /usr/include and /usr/include/linux that gcc accepts by itself. `make headers`
  /// prints the list.
  @Test func everyHeaderThatGccAcceptsIsRight() async throws {
    let headers = try SystemHeader.all()
    let results = try await withThrowingTaskGroup(
      of: (SystemHeader, SystemHeader.Result).self
    ) { group in
      for header in headers { group.addTask { (header, try header.result()) } }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    let accepted = results.filter { $0.value != .notC }
    #expect(accepted.count >= 600)
    for (header, result) in accepted { #expect(result == .right, "\(header)") }
    if let path = ProcessInfo.processInfo.environment["KTAP_HEADERS_REPORT"] {
      let lines = headers.map { "\($0.name): \(results[$0]!.description)\n" }.joined()
      let summary =
        "\(headers.count) headers, gcc accepts \(accepted.count) of them by itself; right: "
        + "\(accepted.count { $0.value == .right })\n"
      try (lines + summary).write(toFile: path, atomically: true, encoding: .utf8)
    }
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
