// SPDX-License-Identifier: MIT

import Foundation
import KtapCompiler
import TestSupport
import Testing

/// Patterns, and formats of integers and strings, are Lua's: random ones do what Lua 5.4 does with them.
@Suite struct PatternTests {
  private static let prelude = (
    ktap: """
    function second(a, b) { return b }
    function show(ok, ...) { if (ok) { print(ok, ...) } else { print(ok) } }

    """,
    lua: """
    function second(a, b) return b end
    function show(ok, ...) if ok then print(ok, ...) else print(ok) end end

    """
  )

  private func lua(_ source: String) throws -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["lua5.4", "-"]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    // The script is read whole before the first line is printed: no pipe can fill up meanwhile.
    input.fileHandleForWriting.write(Data(source.utf8))
    try input.fileHandleForWriting.close()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "is lua5.4 installed? (make setup)")
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private func compare(_ calls: [String]) throws {
    let body = calls.map { "show(pcall(\($0)))\n" }.joined()
    let outcome = try compile(Self.prelude.ktap + body)
    let image = try #require(outcome.result, "\(outcome.diagnostics)")
    let seen = try BareHost.run(image).lines
    let expected = try lua(Self.prelude.lua + body)
    #expect(seen.count == calls.count && expected.count == calls.count)
    for (call, (seen, expected)) in zip(calls, zip(seen, expected)) where seen != expected {
      Issue.record("\(call): \(seen), where Lua says \(expected)")
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func doesWhatLuaDoes(seed: UInt64) throws {
    var maker = PatternMaker(seed: seed)
    var calls: [String] = []
    for _ in 0..<250 {
      let subject = maker.subject()
      let pattern = maker.pattern()
      calls += [
        "string.find, \"\(subject)\", \"\(pattern)\"",
        "string.match, \"\(subject)\", \"\(pattern)\", 3",
        "string.gsub, \"\(subject)\", \"\(pattern)\", \"<%0>\"",
        "string.gsub, \"\(subject)\", \"\(pattern)\", \"<%1>\", 2",
        "string.gsub, \"\(subject)\", \"\(pattern)\", second",
      ]
    }
    try compare(calls)
  }

  @Test func formatsLikeLua() throws {
    var random = SeededGenerator(seed: 5)
    var calls: [String] = []
    for _ in 0..<400 {
      let flags = ["", "-", "0", "+", " ", "#", "-+"].randomElement(using: &random) ?? ""
      let width = ["", "5", "12"].randomElement(using: &random) ?? ""
      let precision = ["", ".0", ".3", ".10"].randomElement(using: &random) ?? ""
      let letter = ["d", "i", "x", "X", "o", "s"].randomElement(using: &random) ?? "d"
      // What C and Lua leave undefined is left out.
      let allowed =
        switch letter {
        case "d", "i": flags != "#"
        case "s": flags == "" || flags == "-"
        default: flags != "+" && flags != " " && flags != "-+"
        }
      guard allowed else { continue }
      let value =
        letter == "s"
        ? "\"text\"" : ["0", "7", "-1", "123456", "-98765"].randomElement(using: &random) ?? "0"
      calls.append("string.format, \"[%\(flags)\(width)\(precision)\(letter)]\", \(value)")
    }
    try compare(calls)
  }

  @Test func cutsStringsLikeLua() throws {
    var calls: [String] = []
    for first in -7...7 {
      for last in -7...7 {
        calls.append("string.sub, \"hello\", \(first), \(last)")
        calls.append("string.byte, \"hello\", \(first), \(last)")
      }
      calls.append("string.find, \"hello\", \"l\", \(first)")
      calls.append("string.rep, \"ab\", \(first), \",\"")
    }
    try compare(calls)
  }
}

private struct PatternMaker {
  private var random: SeededGenerator
  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  private mutating func pick(_ choices: [String]) -> String {
    choices.randomElement(using: &random) ?? ""
  }

  mutating func subject() -> String {
    (0..<Int.random(in: 0...14, using: &random)).map { _ in
      pick(["a", "a", "b", "b", "c", " ", "x", "1", "_", "(", "%", ")", "A"])
    }.joined()
  }

  mutating func pattern() -> String {
    let start = Int.random(in: 0..<6, using: &random) == 0 ? "^" : ""
    return start + items(0) + (Int.random(in: 0..<6, using: &random) == 0 ? "$" : "")
  }

  private mutating func items(_ depth: Int) -> String {
    (0..<Int.random(in: 1...4, using: &random)).map { _ in
      switch Int.random(in: 0..<30, using: &random) {
      case 0...3 where depth < 1: return "(" + items(depth + 1) + ")"
      case 4: return "()"
      case 5: return "%b()"
      case 6: return "%f[%w]"
      default:
        return pick([
          "a", "b", ".", "%a", "%d", "%s", "%w", "[ab]", "[^a]", "[a-c]", "%%", "x", "%l", "%u",
          "%p", "[%d_]", "%x", "%A", "%D",
        ]) + pick(["", "", "", "*", "+", "-", "?"])
      }
    }.joined()
  }
}
