// SPDX-License-Identifier: MIT

import CDefParser
import Foundation
import Testing
import TypeIR

/// A translation unit of the kernel as kbuild preprocesses it: inline functions with their bodies,
/// statement expressions, attributes and all. What gcc says of its types comes from the DWARF that it
/// writes for the same unit, read by pahole.
@Suite struct KernelUnitTests {
  private static let headers = [
    "sched", "netdevice", "skbuff", "fs", "kprobes", "mm", "pci", "blkdev", "of", "bpf",
  ]

  @Test func aPreprocessedUnitIsRight() throws {
    let unit = try Unit(headers: Self.headers)
    #expect(unit.text.utf8.count >= 2_000_000)
    #expect(unit.count("typeof") > 1400)
    #expect(unit.count("({") > 1200)
    #expect(unit.count("__attribute__") > 15_000)
    let recorded = unit.dump.layouts()
    let parsed = NamedLayouts(document(unit.text).types)
    #expect(recorded.count > 2000)
    #expect(recorded.missing(in: parsed) == [BTFDump.typeWithoutC])
    #expect(parsed.missing(in: recorded) == [])
    #expect(recorded.different(in: parsed).map { "\($0): \($1)" } == [])
  }
}

/// Built by kbuild on the installed kernel headers.
private struct Unit {
  let text: String
  let dump: BTFDump

  init(headers: [String]) throws {
    (text, dump) = try Tool.withTemporaryDirectory { directory in
      try headers.map { "#include <linux/\($0).h>\n" }.joined().write(
        to: directory.appendingPathComponent("unit.c"), atomically: false, encoding: .utf8)
      try "obj-m := unit.o\n".write(
        to: directory.appendingPathComponent("Makefile"), atomically: false, encoding: .utf8)
      _ = try Tool.output(
        [
          "make", "-C", try Self.kernelBuild(), "M=\(directory.path)",
          "KCFLAGS=-g -fno-eliminate-unused-debug-types", "unit.i", "unit.o",
        ], in: directory)
      _ = try Tool.output(
        ["pahole", "-J", "--btf_encode_detached=unit.btf", "unit.o"], in: directory)
      let text = try String(
        contentsOf: directory.appendingPathComponent("unit.i"), encoding: .utf8)
      return (text, try Kernel.dump("unit.btf", in: directory))
    }
  }

  /// Of the newest cloud kernel (`make setup` installs its headers).
  private static func kernelBuild() throws -> String {
    let folders = try FileManager.default.contentsOfDirectory(atPath: "/lib/modules")
      .map { "/lib/modules/\($0)/build" }
      .filter { $0.contains("-cloud-amd64") && FileManager.default.fileExists(atPath: $0) }
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    return try #require(folders.last, "no headers of a cloud kernel: run 'make setup'")
  }

  func count(_ word: String) -> Int { text.components(separatedBy: word).count - 1 }
}
