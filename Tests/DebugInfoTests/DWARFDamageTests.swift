// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import TestSupport
import Testing

/// Damaged files end in an error or in an answer; never in a crash, and never in a loop.
@Suite struct DWARFDamageTests {
  private let workshop: Workshop

  init() throws { workshop = try Workshop() }

  private func bytes(_ options: [String]) throws -> [UInt8] {
    try workshop.write("source.c", DWARFTests.source)
    // Small: without what a C library brings.
    try workshop.compile(options + ["-w", "-nostdlib", "source.c", "-o", "file"])
    return try workshop.read("file")
  }

  /// Looks at everything that a caller may look at; the error that this ended in.
  @discardableResult
  private func readEverything(_ bytes: [UInt8]) throws -> String? {
    let path = try workshop.write("damaged", bytes)
    do throws(SourceError) {
      let file = try DWARFFile(path: path)
      let found = try file.find(
        ["call", "root", "hidden", "node", "inner", "color", "word", "GREEN", "declared", "stop"],
        includingEnumerators: true)
      for entry in found {
        _ = (
          file.address(of: entry), file.source(of: entry)?.line,
          file.unitName(of: entry), file.value(of: entry)?.bits
        )
      }
      let types = try file.types(of: found, base: nil)
      for id in types.btf.allTypes { _ = types.btf.size(of: id) }
      return nil
    } catch {
      return error.diagnostic.message
    }
  }

  @Test(arguments: [
    ["-gdwarf-5", "-shared", "-fPIC"], ["-gdwarf-4", "-shared", "-fPIC"], ["-gdwarf-5", "-c"],
    ["-gdwarf-5", "-gz", "-shared", "-fPIC"],
    ["-gdwarf-4", "-fdebug-types-section", "-shared", "-fPIC"],
  ])
  func aByteAnywhereInTheFile(_ options: [String]) throws {
    let good = try bytes(options)
    let error = try readEverything(good)
    #expect(error == nil)
    var random = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      var bad = good
      bad[.random(in: 0..<bad.count, using: &random)] = .random(in: 0...255, using: &random)
      try readEverything(bad)
    }
    for count in stride(from: 0, to: good.count, by: max(1, good.count / 50)) {
      try readEverything(Array(good[..<count]))
    }
  }

  /// Where it hurts: the sections themselves.
  @Test(arguments: [".debug_info", ".debug_abbrev", ".debug_str", ".debug_line"])
  func aByteOfASection(_ name: String) throws {
    let good = try bytes(["-gdwarf-5", "-shared", "-fPIC"])
    let file = try ELFFile(path: workshop.path("file"))
    let section = try #require(try file.section(named: name))
    var random = SeededGenerator(seed: 11)
    let error = try readEverything(good)
    #expect(error == nil)
    var errors = 0
    for _ in 0..<1000 {
      var bad = good
      let place = section.offset + .random(in: 0..<section.bytes.bytes.count, using: &random)
      bad[place] = .random(in: 0...255, using: &random)
      if try readEverything(bad) != nil { errors += 1 }
    }
    if name == ".debug_info" || name == ".debug_abbrev" { #expect((1..<1000).contains(errors)) }
  }
}
