// SPDX-License-Identifier: MIT

import Foundation

/// The real executables, as this build made them, run in a folder of their own.
enum Tools {
  static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Where SwiftPM put the executables: beside the test bundle.
  static let binaries: URL = {
    var url = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    for candidate in [
      url, Bundle.main.bundleURL, Bundle.main.bundleURL.deletingLastPathComponent(),
    ] {
      if FileManager.default.isExecutableFile(
        atPath: candidate.appendingPathComponent("ktapc").path)
      {
        return candidate
      }
    }
    url = package.appendingPathComponent(".build/debug")
    return url
  }()

  struct Result: Sendable {
    var status: Int32
    var stdout: [UInt8]
    var stderr: String

    var text: String { String(decoding: stdout, as: UTF8.self) }
  }

  /// Runs a shell command in `folder`, with the tools and the front door on the PATH.
  static func shell(_ command: String, in folder: URL) throws -> Result {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    process.currentDirectoryURL = folder
    var environment = ProcessInfo.processInfo.environment
    let front = package.appendingPathComponent("pipeline").path
    environment["PATH"] = "\(binaries.path):\(front):\(environment["PATH"] ?? "/usr/bin:/bin")"
    environment["KTAP_BIN"] = binaries.path
    environment["NO_COLOR"] = "1"
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    // Files, not pipes: nothing can fill up while nobody reads.
    let outputs = try ["stdout", "stderr"].map { name in
      let url = folder.appendingPathComponent(".\(name)-\(UUID().uuidString)")
      _ = FileManager.default.createFile(atPath: url.path, contents: nil)
      return (url, try FileHandle(forWritingTo: url))
    }
    defer { for (url, _) in outputs { try? FileManager.default.removeItem(at: url) } }
    process.standardOutput = outputs[0].1
    process.standardError = outputs[1].1
    try process.run()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus,
      stdout: [UInt8](try Data(contentsOf: outputs[0].0)),
      stderr: String(decoding: try Data(contentsOf: outputs[1].0), as: UTF8.self))
  }

  /// A new folder, removed when `body` returns.
  static func withFolder<T>(_ body: (URL) throws -> T) throws -> T {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("ktap-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }
}
