// SPDX-License-Identifier: MIT

import Foundation

/// gcc, the judge of the ABI: compiles and runs small programs in a directory that is gone afterwards.
enum CCompiler {
  struct Failure: Error { var message: String }

  /// What a program prints.
  static func run(_ source: String, options: [String] = ["-O0", "-w"]) throws -> String {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("ktap-abi-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let file = directory.appendingPathComponent("t.c")
    let program = directory.appendingPathComponent("t")
    try source.write(to: file, atomically: true, encoding: .utf8)
    _ = try output(of: "/usr/bin/env", ["gcc"] + options + ["-o", program.path, file.path])
    return try output(of: program.path, [])
  }

  private static func output(of executable: String, _ arguments: [String]) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    guard process.terminationStatus == 0 else {
      throw Failure(
        message: "\(executable): status \(process.terminationStatus)\n\(text.prefix(2000))")
    }
    return text
  }
}
