// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import DebugInfo

@Suite struct DWARFIndexTests {
  private let workshop: Workshop
  private static let names = [
    "call", "root", "table", "hidden", "node", "inner", "color", "word", "GREEN", "declared",
    "stop", "twice", "no_such_name", "",
  ]

  init() throws {
    workshop = try Workshop()
    try workshop.write("source.c", DWARFTests.source)
    try workshop.compile([
      "-gdwarf-5", "-O2", "-w", "-shared", "-fPIC", "-Wl,--build-id", "source.c", "-o", "lib.so",
    ])
  }

  private var library: String { workshop.path("lib.so") }

  private func cache(limit: UInt64 = 1 << 20) -> IndexCache {
    IndexCache(directory: workshop.path("cache/ktap"), limit: limit)
  }

  private func lookUp(_ cache: IndexCache?) throws -> [DWARFEntry] {
    try DWARFFile(path: library, cache: cache).find(Self.names, includingEnumerators: true)
  }

  private func files() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: cache().directory).sorted()
  }

  private func indexPath() throws -> String {
    let files = try files()
    try #require(files.count == 1)
    return "\(cache().directory)/\(files[0])"
  }

  @Test func answersAreThoseOfAWalk() throws {
    let walked = try lookUp(nil)
    #expect(Set(walked.map(\.name)).count == Self.names.count - 2)
    #expect(try lookUp(cache()) == walked)
    #expect(try files().count == 1)
    #expect(try lookUp(cache()) == walked)
  }

  /// A walk for few names passes over most entries by their shapes, one for the index reads all.
  @Test(arguments: [
    ["-gdwarf-5"], ["-gdwarf-4"], ["-gdwarf-5", "-flto"], ["-gdwarf-4", "-fdebug-types-section"],
    ["-gdwarf-2", "-gstrict-dwarf"], ["-gdwarf-5", "-O2"],
  ])
  func answersOfRealHeadersAreThoseOfAWalk(_ options: [String]) throws {
    let headers = [
      "stdio", "stdlib", "string", "pthread", "netdb", "signal", "elf", "sys/socket", "sys/stat",
      "linux/bpf", "linux/perf_event", "linux/ethtool",
    ]
    let source = headers.map { "#include <\($0).h>\n" }.joined() + DWARFTests.source
    try workshop.write("headers.c", source)
    try workshop.compile(
      options + [
        "-fno-eliminate-unused-debug-types", "-w", "-shared", "-fPIC", "-Wl,--build-id",
        "headers.c", "-o", "headers.so",
      ])
    try workshop.compile(["-E", "-P", "headers.c", "-o", "headers.i"])
    let text = try String(contentsOfFile: workshop.path("headers.i"), encoding: .utf8)
    let names = Set(text.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init))
      .sorted()
    let library = workshop.path("headers.so")
    let indexed = cache(limit: 1 << 24)
    var found = 0
    for part in 0..<5 {
      let drawn = stride(from: part, to: names.count, by: 5).map { names[$0] }
      let walked = try DWARFFile(path: library).find(drawn, includingEnumerators: true)
      let answered = try DWARFFile(path: library, cache: indexed)
        .find(drawn, includingEnumerators: true)
      #expect(answered == walked)
      found += walked.count
    }
    #expect(found > 1500)
  }

  @Test func aKeptIndexIsUsed() throws {
    _ = try lookUp(cache())
    let calls = Calls()
    let again = IndexCache(directory: cache().directory) { _, _ in calls.count += 1 }
    _ = try lookUp(again)
    #expect(calls.count == 0)
    try FileManager.default.removeItem(atPath: indexPath())
    _ = try lookUp(again)
    #expect(calls.count > 0)
  }

  /// Whatever happens to the file: the answer is right, and the next one comes from a good file.
  @Test func aDamagedIndexIsMadeAgain() throws {
    let right = try lookUp(cache())
    let path = try indexPath()
    let good = try Data(contentsOf: URL(fileURLWithPath: path))
    var random = SeededGenerator(seed: 4)
    for round in 0..<1000 {
      var bad = good
      if round % 10 == 0 {
        bad = bad.prefix(.random(in: 0..<bad.count, using: &random))
      } else {
        bad[.random(in: 0..<bad.count, using: &random)] ^=
          1
          << UInt8.random(
            in: 0...7, using: &random)
      }
      try bad.write(to: URL(fileURLWithPath: path))
      #expect(try lookUp(cache()) == right)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good)
    }
  }

  /// Of a large one only what is looked into is checked: damage there is found, and elsewhere it is
  /// nobody's business.
  @Test func damageInALargeIndexIsFoundWhereItMatters() throws {
    let names = (0..<3000).map { "function_\($0)" }
    try workshop.write(
      "large.c", names.map { "int \($0)(int x) { return x; }" }.joined(separator: "\n"))
    try workshop.compile([
      "-gdwarf-5", "-w", "-shared", "-fPIC", "-Wl,--build-id", "large.c", "-o", "large.so",
    ])
    func lookUp(_ names: [String]) throws -> [DWARFEntry] {
      try DWARFFile(path: workshop.path("large.so"), cache: cache()).find(names)
    }
    let right = try lookUp(names)
    #expect(right.count == names.count)
    let url = try URL(fileURLWithPath: indexPath())
    let good = try Data(contentsOf: url)
    #expect(good.count > 8 * CheckedBlocks.size)
    var random = SeededGenerator(seed: 5)
    var repaired = 0
    for round in 0..<60 {
      var bad = good
      if round % 3 == 0 {
        // A block in another's place.
        let start = good.count - 4 * CheckedBlocks.size
        bad.replaceSubrange(
          start..<start + CheckedBlocks.size,
          with: good[(start + CheckedBlocks.size)...]
            .prefix(CheckedBlocks.size))
      } else {
        bad[.random(in: 0..<bad.count, using: &random)] ^= 0x10
      }
      try bad.write(to: url)
      let number = Int.random(in: 0..<names.count, using: &random)
      #expect(try lookUp([names[number]]) == right.filter { $0.name == names[number] })
      let left = try Data(contentsOf: url)
      #expect(left == good || left == bad)
      repaired += left == good ? 1 : 0
      #expect(try lookUp(names) == right)
      #expect(try Data(contentsOf: url) == good)
    }
    #expect(repaired > 0 && repaired < 60)
  }

  @Test func anotherFilesIndexIsNotUsed() throws {
    let right = try lookUp(cache())
    let path = try indexPath()
    try workshop.write("other.c", "int call; int unrelated(void) { return call; }")
    try workshop.compile([
      "-g", "-shared", "-fPIC", "-Wl,--build-id", "other.c", "-o", "other.so",
    ])
    _ = try DWARFFile(path: workshop.path("other.so"), cache: cache()).find(["call"])
    let other = try #require(try files().map { "\(cache().directory)/\($0)" }.first { $0 != path })
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.moveItem(atPath: other, toPath: path)
    #expect(try lookUp(cache()) == right)
  }

  @Test func manyWritersAtOnce() async throws {
    let right = try lookUp(nil)
    let (library, directory) = (library, cache().directory)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<16 {
        group.addTask {
          let file = try DWARFFile(path: library, cache: IndexCache(directory: directory))
          return try file.find(Self.names, includingEnumerators: true) == right
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
    #expect(try files().count == 1)
  }

  @Test func theOldestGoFirst() throws {
    _ = try lookUp(cache())
    let size = try Data(contentsOf: URL(fileURLWithPath: indexPath())).count
    let old = "\(cache().directory)/00ff.dwarf-index"
    let older = "\(cache().directory)/11ff.dwarf-index"
    let kept = "\(cache().directory)/notes.txt"
    for (number, path) in [old, older, kept].enumerated() {
      try Data(count: 100).write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -1000 * Double(number + 1))],
        ofItemAtPath: path)
    }
    let index = try #require(try files().first { $0.count > 30 })
    try FileManager.default.removeItem(atPath: "\(cache().directory)/\(index)")
    _ = try lookUp(cache(limit: UInt64(size) + 100))
    #expect(try Set(files()) == [index, "00ff.dwarf-index", "notes.txt"])
  }

  @Test func withoutAPlaceToKeepIt() throws {
    try workshop.write("file", "")
    let nowhere = IndexCache(directory: workshop.path("file/cache"))
    #expect(try lookUp(nowhere) == lookUp(nil))
    let small = cache(limit: 10)
    #expect(try lookUp(small) == lookUp(nil))
  }

  /// Counts calls that come from one thread: the file is smaller than what a second would get.
  private final class Calls: @unchecked Sendable {
    var count = 0
  }
}
