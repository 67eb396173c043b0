// SPDX-License-Identifier: MIT

import Foundation

/// A directory of a test's own, removed with it, and the tools to fill it.
public final class Workshop {
  public let directory: URL

  public init() throws {
    var template = Array("\(NSTemporaryDirectory())ktap-test.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
    directory = URL(
      fileURLWithPath: template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  public func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  /// Writes a file and returns its path.
  @discardableResult
  public func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: directory.appendingPathComponent(name))
    return path(name)
  }

  @discardableResult
  public func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }

  public func read(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: directory.appendingPathComponent(name)))
  }

  /// Runs a program found on the PATH in the directory; throws what it said unless it ends with 0.
  @discardableResult
  public func run(_ command: String, _ arguments: String...) throws -> Data {
    try run(command, arguments)
  }

  /// Runs gcc.
  public func compile(_ arguments: [String]) throws { _ = try run("gcc", arguments) }

  public func run(_ command: String, _ arguments: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [command] + arguments
    process.currentDirectoryURL = directory
    let errors = path("stderr.txt")
    try write("stderr.txt", [])
    process.standardError = FileHandle(forWritingAtPath: errors)
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw ToolFailure(
        description: "\(command) \(arguments.joined(separator: " ")): "
          + ((try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""))
    }
    return data
  }

  /// Compiles C to an object file with BTF; returns its path.
  public func objectWithBTF(_ source: String) throws -> String {
    try write("source.c", source)
    _ = try run("gcc", "-gbtf", "-w", "-c", "source.c", "-o", "object.o")
    return path("object.o")
  }
}

public struct ToolFailure: Error, CustomStringConvertible {
  public var description: String
}
