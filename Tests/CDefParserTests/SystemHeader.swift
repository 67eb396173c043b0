// SPDX-License-Identifier: MIT

import CDefParser
import Diagnostics
import Foundation
import Testing

/// A header of the machine, by the name that `#include <…>` takes.
struct SystemHeader: Hashable {
  let name: String

  init(_ name: String) { self.name = name }

  enum Result: Hashable, CustomStringConvertible {
    /// Parsed without an error, and gcc agrees with every size, alignment, offset, bit-field and constant.
    case right
    /// gcc does not accept it by itself.
    case notC
    case wrong(String)

    var description: String {
      switch self {
      case .right: "right"
      case .notC: "gcc does not accept it by itself"
      case .wrong(let why): "WRONG: \(why)"
      }
    }
  }

  /// In /usr/include and /usr/include/linux.
  static func all() throws -> [SystemHeader] {
    try ["", "linux/"].flatMap { folder in
      try FileManager.default.contentsOfDirectory(atPath: "/usr/include/\(folder)")
        .filter { $0.hasSuffix(".h") }.sorted().map { SystemHeader(folder + $0) }
    }
  }

  func result() throws -> Result {
    guard let text = try preprocessed() else { return .notC }
    let parsed = parse(text, CDefParser.Options(keepsAllConstants: true))
    if let error = parsed.diagnostics.first {
      return try isAccepted() ? .wrong(DiagnosticRenderer().render(error)) : .notC
    }
    let oracle = LayoutOracle(parsed.document)
    let c = Self.withoutMacros(text)
    let difference = try oracle.disagreements(with: c, runs: oracle.bitFieldCount > 0)
    if difference.isEmpty { return .right }
    return try isAccepted() ? .wrong(difference) : .notC
  }

  /// nil where the preprocessor fails.
  private func preprocessed() throws -> String? {
    try Tool.withTemporaryDirectory { directory in
      try write("t.c", in: directory)
      let result = try Tool.run(["gcc", "-E", "-dD", "-o", "t.i", "t.c"], in: directory)
      guard result.status == 0 else { return nil }
      return try String(
        contentsOf: directory.appendingPathComponent("t.i"), encoding: .utf8)
    }
  }

  private func isAccepted() throws -> Bool {
    try Tool.withTemporaryDirectory { directory in
      try write("t.c", in: directory)
      return try Tool.run(["gcc", "-w", "-fsyntax-only", "t.c"], in: directory).status == 0
    }
  }

  private func write(_ file: String, in directory: URL) throws {
    try "#include <\(name)>\n".write(
      to: directory.appendingPathComponent(file), atomically: false, encoding: .utf8)
  }

  /// Macros have done their work: what is written for the oracle must not meet them.
  private static func withoutMacros(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.hasPrefix("#define") && !$0.hasPrefix("#undef") }.joined(separator: "\n")
  }
}
