// SPDX-License-Identifier: MIT

import Diagnostics

/// What a script may do beyond reading: the values of `--allow`.
public struct Grants: Hashable, Sendable {
  /// `call`, `call=NAME`, `write`, `callback`: one a line, as the device takes them.
  public private(set) var lines: [String] = []

  public init() {}

  /// Reads one value of `--allow`: `call`, `call=NAME,NAME…`, `write`, `callback`.
  public mutating func add(_ text: String) throws(Diagnostic) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    switch (parts[0], parts.count) {
    case ("call", 2):
      for name in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
          throw unknown(text, "'\(name)' is no function's name")
        }
        lines.append("call=\(name)")
      }
    case ("call", _), ("write", 1), ("callback", 1):
      lines.append(text)
    default:
      let near = NearestName.suggestions(
        for: String(parts[0]), among: ["call", "write", "callback"])
      throw unknown(text, near.first.map { "did you mean '\($0)'?" } ?? "there is no such grant")
    }
  }

  private func unknown(_ text: String, _ why: String) -> Diagnostic {
    Diagnostic(
      "unknown-grant", "--allow \(text): \(why)",
      hints: ["--allow takes call, call=NAME[,NAME…], write, or callback"])
  }

  public var bytes: [UInt8] { Array(lines.map { $0 + "\n" }.joined().utf8) }
}
