// SPDX-License-Identifier: MIT

import Foundation

/// A case of `Cases/`: one file holds the command, its input and what must come of it.
///
///     # what it shows
///     command: ktap --host s.kp
///     status: 1
///     --- s.kp
///     (a file; any number of them)
///     --- stdout
///     (exact)
///     --- diagnostics
///     s.kp:1:5: error [some-id]
///
/// `diagnostics` lists place, severity and id of each diagnostic on standard error, in order:
/// wording stays free. `status` is 0 and both outputs empty where the case says nothing.
/// A section `--- stderr-has` lists texts that must occur in standard error, one a line.
struct GoldenCase: CustomStringConvertible, Sendable {
  var name: String
  var command = ""
  var status: Int32 = 0
  var files: [(name: String, contents: String)] = []
  var stdout = ""
  var diagnostics: [String] = []
  var stderrHas: [String] = []

  var description: String { name }

  struct Malformed: Error { var reason: String }

  init(contentsOf url: URL) throws {
    name = url.deletingPathExtension().lastPathComponent
    var section: String?
    var body: [Substring] = []
    func text() -> String { body.map { $0 + "\n" }.joined() }
    for line in try String(contentsOf: url, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false
    ).dropLast() {
      if line.hasPrefix("--- ") {
        finish(section, body, text())
        section = String(line.dropFirst(4))
        body = []
      } else if section != nil {
        body.append(line)
      } else if !line.hasPrefix("#") {
        try readHeader(line)
      }
    }
    finish(section, body, text())
    guard !command.isEmpty else { throw Malformed(reason: "\(name): no command") }
  }

  private mutating func readHeader(_ line: Substring) throws {
    let parts = line.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else { throw Malformed(reason: "\(name): '\(line)'") }
    let value = parts[1].trimmingCharacters(in: .whitespaces)
    switch parts[0] {
    case "command": command = value
    case "status": status = Int32(value) ?? -1
    default: throw Malformed(reason: "\(name): unknown key '\(parts[0])'")
    }
  }

  private mutating func finish(_ section: String?, _ lines: [Substring], _ text: String) {
    switch section {
    case nil: break
    case "stdout": stdout = text
    case "diagnostics": diagnostics = lines.map(String.init)
    case "stderr-has": stderrHas = lines.map(String.init)
    case let name?: files.append((name, text))
    }
  }

  static let all: [GoldenCase] = {
    let folder = Tools.package.appendingPathComponent("Tests/PipelineTests/Cases")
    let urls = try! FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    return urls.filter { $0.pathExtension == "case" }.sorted { $0.path < $1.path }
      .map { try! GoldenCase(contentsOf: $0) }
  }()
}

/// The diagnostics in a stage's standard error: "PLACE SEVERITY [ID]" each.
func diagnostics(in text: String) -> [String] {
  text.split(separator: "\n").compactMap { line in
    guard let match = line.wholeMatch(of: /(?:(.*?): )?(error|warning): .* \[([a-z0-9-]+)\]/) else {
      return nil
    }
    return "\(match.1.map { $0 + ": " } ?? "")\(match.2) [\(match.3)]"
  }
}
