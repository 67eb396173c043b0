// SPDX-License-Identifier: MIT

import CDefParser
import Diagnostics
import Foundation
import Testing
import TypeIR

/// Parses a header called `t.h`.
func parse(_ text: String, _ options: CDefParser.Options = CDefParser.Options())
  -> CDefParser.Result
{
  CDefParser.parse([CDefParser.File(name: "t.h", text: Array(text.utf8))], options)
}

/// The document of a header that has nothing wrong in it.
func document(
  _ text: String, _ options: CDefParser.Options = CDefParser.Options(),
  sourceLocation: Testing.SourceLocation = #_sourceLocation
) -> TypesDocument {
  let result = parse(text, options)
  #expect(
    result.diagnostics.isEmpty,
    "\(result.diagnostics.map(DiagnosticRenderer().render).joined())",
    sourceLocation: sourceLocation
  )
  return result.document
}

/// `line:col [id]` of every error.
func errors(_ text: String) -> [String] {
  parse(text).diagnostics.filter { $0.severity == .error }.map { diagnostic in
    guard case .text(let place) = diagnostic.place else { return "[\(diagnostic.id)]" }
    return "\(place.line):\(place.column) [\(diagnostic.id)]"
  }
}

extension TypesDocument {
  func record(_ tag: String) -> Record? {
    types.entries.lazy.compactMap { entry -> Record? in
      guard case .record(let record) = entry.type, record.tag == tag else { return nil }
      return record
    }.first
  }

  func symbol(_ name: String) -> SymbolDeclaration? { symbols.first { $0.name == name } }

  /// How C would declare the symbol.
  func declaration(_ name: String) -> String? {
    symbol(name).map { types.declaration(of: name, $0.type) }
  }
}

/// Other programs, in a directory of their own.
enum Tool {
  struct Result {
    var status: Int32
    var output: String
  }

  /// Runs a program with its output in a file, which no pipe can block on.
  static func run(_ arguments: [String], in directory: URL) throws -> Result {
    let log = directory.appendingPathComponent("output.txt")
    try Data().write(to: log)
    let handle = try FileHandle(forWritingTo: log)
    defer { try? handle.close() }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = directory
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus,
      output: try String(contentsOf: log, encoding: .utf8))
  }

  /// The output of a program that must succeed.
  static func output(_ arguments: [String], in directory: URL) throws -> String {
    let result = try run(arguments, in: directory)
    try #require(
      result.status == 0, "\(arguments.joined(separator: " ")): \(result.output.prefix(2000))")
    return result.output
  }

  /// A directory that is gone afterwards.
  static func withTemporaryDirectory<Value>(_ body: (URL) throws -> Value) throws -> Value {
    let template = FileManager.default.temporaryDirectory.path + "/ktap-cdef-XXXXXX"
    var path = Array(template.utf8CString)
    guard mkdtemp(&path) != nil else { throw CocoaError(.fileWriteUnknown) }
    let directory = URL(
      fileURLWithPath: String(
        decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory)
  }

  /// What gcc says about a text; empty if nothing.
  static func compilerErrors(_ text: String) throws -> String {
    try withTemporaryDirectory { directory in
      try text.write(
        to: directory.appendingPathComponent("t.c"), atomically: false, encoding: .utf8)
      let result = try run(
        ["gcc", "-std=gnu11", "-w", "-fsyntax-only", "t.c"], in: directory)
      return result.status == 0 ? "" : result.output + "exit status \(result.status)"
    }
  }
}
