// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Foundation
import TestSupport
import Testing

@testable import DebugInfo

/// What is kept about a symbol table, and about a BTF: right or made again, whatever happens to it.
@Suite struct IndexTests {
  private let workshop: Workshop
  private let cache: IndexCache

  init() throws {
    workshop = try Workshop()
    cache = IndexCache(directory: workshop.path("cache"))
    let functions = (0..<60).map { "int function_\($0)(int x) { return x + \($0); }" }
    try workshop.write(
      "source.c",
      (functions + ["int _stext[9], counter; static int hidden = 3;"])
        .joined(separator: "\n"))
    try workshop.compile([
      "-O1", "-w", "-shared", "-fPIC", "-Wl,--build-id", "source.c", "-o", "lib.so",
    ])
  }

  private func indexFile() throws -> URL {
    let files = try FileManager.default.contentsOfDirectory(atPath: cache.directory)
    try #require(files.count == 1)
    return URL(fileURLWithPath: "\(cache.directory)/\(files[0])")
  }

  /// Calls `body` with the index damaged in one place; what it says must be what it says without.
  private func withDamage<Answer: Equatable>(
    _ rounds: Int, seed: UInt64, _ body: (IndexCache?) throws -> Answer
  ) throws {
    let right = try body(nil)
    #expect(try body(cache) == right)
    let url = try indexFile()
    let good = try Data(contentsOf: url)
    #expect(try body(cache) == right)
    var random = SeededGenerator(seed: seed)
    for round in 0..<rounds {
      var bad = good
      if round % 10 == 0 {
        bad = bad.prefix(.random(in: 0..<bad.count, using: &random))
      } else {
        bad[.random(in: 0..<bad.count, using: &random)] ^=
          1 << UInt8.random(in: 0...7, using: &random)
      }
      try bad.write(to: url)
      #expect(try body(cache) == right)
      #expect(try Data(contentsOf: url) == good)
    }
  }

  private struct Symbols: Equatable {
    var found: [[ELFSymbol]]
    var gaps: [UInt64?]
    var marks: [UInt8]
  }

  @Test func symbols() throws {
    let names = (0..<64).map { "function_\($0)" } + ["counter", "hidden", "_stext", "", "printf"]
    try withDamage(500, seed: 1) { cache in
      var table = try ELFSymbolTable(ELFFile(path: workshop.path("lib.so")), cache: cache)
      let marks = (0..<table.count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      if let cache, table.lacksIndex {
        table.keepIndex(marks: marks, in: cache)
        table = try ELFSymbolTable(ELFFile(path: workshop.path("lib.so")), cache: cache)
        #expect(!table.lacksIndex)
      }
      let symbols = KernelSymbols(table)
      let found = names.map { table.symbols(named: $0) }
      return Symbols(
        found: found, gaps: found.joined().map { symbols.gap(above: $0.value) },
        marks: found.joined().map { table.mark(of: $0) ?? marks[$0.number] })
    }
  }

  /// Large enough to be worth a file, by its names: these are checked faster than types.
  private static func largeBTF() -> BTFWriter {
    var writer = Samples.everyKind
    for number in 0..<70 {
      writer.structure(longName(number), size: 8, [.init("member", 1, at: 0)])
    }
    return writer
  }

  private static func longName(_ number: Int) -> String {
    "record_\(number)_" + String(repeating: "x", count: 4000)
  }

  @Test func types() throws {
    let bytes = FileBytes(name: "kernel.btf", copying: Self.largeBTF().bytes())
    #expect(bytes.bytes.count > BTFIndex.smallest)
    let names = (0..<50).map(Self.longName) + ["node", "visit", "no_such_type"]
    try withDamage(60, seed: 2) { cache in
      let btf = try BTF(bytes, cache: cache)
      return names.map { btf.types(named: $0, Set(BTFKind.allCases)).map(\.rawValue) }
        + [[UInt32(readEverything(btf))]]
    }
  }

  /// One that only looks like the one that was checked is checked itself.
  @Test func anotherBTFOfTheSameName() throws {
    var bytes = Self.largeBTF().bytes()
    _ = try BTF(FileBytes(name: "good", copying: bytes), cache: cache)
    // A byte between those that the file's name is made from: the kind of a type.
    let place = try #require(bytes[600..<900].firstIndex(of: 4))
    bytes[place] = 0x1f
    let bad = FileBytes(name: "bad", copying: bytes)
    #expect((try? BTF(bad, cache: nil)) == nil)
    #expect((try? BTF(bad, cache: cache)) == nil)
  }

  @Test func setsOfNames() throws {
    let names = (0..<60).map { "function_\($0)" } + ["counter"]
    let absent = (0..<200).map { "absent_\($0)" }
    var collected = 0
    func answers() -> [Bool] {
      let set = NameSetIndex(key: 7, in: cache) { add in
        collected += 1
        if let file = try? ELFFile(path: workshop.path("lib.so")) { add(file) }
      }
      return (names + absent).map { set.mayContain($0) }
    }
    let right = answers()
    #expect(right.prefix(names.count).allSatisfy { $0 })
    #expect(!right.dropFirst(names.count).contains(true))
    #expect(answers() == right)
    #expect(collected == 1)
    let url = try indexFile()
    let good = try Data(contentsOf: url)
    for place in stride(from: 0, to: good.count, by: 5) {
      var bad = good
      bad[place] ^= 8
      try bad.write(to: url)
      #expect(answers() == right)
      #expect(try Data(contentsOf: url) == good)
    }
  }
}
