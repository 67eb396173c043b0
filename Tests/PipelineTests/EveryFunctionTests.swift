// SPDX-License-Identifier: MIT

import Foundation
import TestSupport
import Testing

/// Every function that a real kernel's BTF has is used by one script: each gets a call plan, or is refused
/// with the reason. Their names come from bpftool.
///
/// `make test` draws 3,000 of them, `make test-functions` takes all.
@Suite struct EveryFunctionTests {
  private static let sources = """
    KERNEL=$(ls /usr/lib/debug/boot/vmlinux-*-cloud-amd64 | sort -V | tail -n 1)
    MAP=/usr/lib/debug/boot/System.map-${KERNEL#*/vmlinux-}
    """
  /// What makes a function that is in BTF no function to call.
  private static let reasons: Set<String> = [
    "ambiguous-symbol", "init-function", "kprobe-blacklisted", "noinstr",
  ]

  private static func shell(_ command: String, in folder: URL) throws -> Tools.Result {
    try Tools.shell("\(sources)\n\(command)", in: folder)
  }

  private static func names(in folder: URL) throws -> [String] {
    let dump = try shell("/usr/sbin/bpftool -j btf dump file $KERNEL", in: folder)
    try #require(dump.status == 0, "\(dump.stderr)")
    let document = try JSONSerialization.jsonObject(with: Data(dump.stdout)) as? [String: Any]
    let types = try #require(document?["types"] as? [[String: Any]])
    let functions = types.filter { $0["kind"] as? String == "FUNC" }
    let all = Set(functions.compactMap { $0["name"] as? String }).sorted()
    try #require(all.count > 40_000)
    if ProcessInfo.processInfo.environment["KTAP_EVERY_FUNCTION"] != nil { return all }
    var random = SeededGenerator(seed: 1)
    return Array(all.shuffled(using: &random).prefix(3000))
  }

  /// A script with one name a line.
  private static func write(_ names: [String], to folder: URL) throws {
    let script = names.map { "function use_\($0)() { return ffi.C.\($0) }\n" }.joined()
    try Data(script.utf8).write(to: folder.appendingPathComponent("s.kp"))
  }

  private static let resolve =
    "ktapc --externs s.kp | cdef-parse | ksym-resolve --btf $KERNEL --system-map $MAP -o s.json"

  /// By line of the script, counted from 1: the id of the error there.
  private static func refusals(_ messages: String) -> [Int: String] {
    var found: [Int: String] = [:]
    for match in messages.matches(of: /(?m)^s\.kp:(\d+):\d+: error: .* \[([a-z-]+)\]$/) {
      found[Int(match.1) ?? 0] = String(match.2)
    }
    return found
  }

  @Test func everyFunctionHasACallPlanOrAReason() throws {
    try Tools.withFolder { folder in
      let names = try Self.names(in: folder)
      try Self.write(names, to: folder)
      let refusals = Self.refusals(try Self.shell(Self.resolve, in: folder).stderr)
      #expect(Set(refusals.values).isSubset(of: Self.reasons))
      #expect(refusals.count < names.count / 10)

      let callable = names.enumerated().filter { refusals[$0.offset + 1] == nil }.map(\.element)
      try Self.write(callable, to: folder)
      let result = try Self.shell(
        "\(Self.resolve) && ktapc --types s.json s.kp -o s.ktbc && ktapc --disasm s.ktbc",
        in: folder)
      try #require(result.status == 0, "\(result.stderr.prefix(1000))")
      try Self.check(result.text, holds: callable)
    }
  }

  /// The image has a symbol for each function, and a call plan for the type of each.
  private static func check(_ image: String, holds functions: [String]) throws {
    var planned: Set<Substring> = []
    var types: [Substring: Substring] = [:]
    for line in image.split(separator: "\n") where line.contains(" kind=function ") {
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      let number = fields[0]
      if fields.contains(where: { $0.hasPrefix("plan=") }) {
        planned.insert(number)
      } else if let type = fields.first(where: { $0.hasPrefix("type=") }),
        let name = line.split(separator: "\"").dropFirst().first
      {
        types[name] = type.dropFirst("type=".count)
      }
    }
    #expect(types.count == functions.count)
    #expect(functions.allSatisfy { types[$0[...]].map(planned.contains) ?? false })
  }
}
