// SPDX-License-Identifier: MIT

import Diagnostics
import Glibc
import SystemPackage

/// The exit status of every stage.
public enum ExitStatus: Int32, Sendable {
  case fine = 0
  case inputWrong = 1
  case usage = 2
  /// No kernel module, no BTF, no permission, no space.
  case environment = 3
  /// Stopped by SIGINT or the like, as shells say it.
  case interrupted = 130
}

/// An error of the surroundings, not of the input: exit status 3.
public struct EnvironmentError: Error, Sendable {
  public var diagnostic: Diagnostic

  public init(_ diagnostic: Diagnostic) { self.diagnostic = diagnostic }

  /// "cannot VERB PATH: REASON".
  public init(_ verb: String, _ path: String, _ errno: Errno, hints: [String] = []) {
    self.init(
      Diagnostic("cannot-\(verb)", "cannot \(verb) \(path): \(errno)", hints: hints))
  }
}

/// Reads the input of a stage: a path, or `-` (or nothing) for standard input.
public enum StageInput {
  /// What messages call an input: the path as typed, or `<stdin>`.
  public static func name(of path: String?) -> String {
    path == nil || path == "-" ? "<stdin>" : path!
  }

  public static func read(_ path: String?) throws(EnvironmentError) -> [UInt8] {
    let name = name(of: path)
    do {
      guard let path, path != "-" else { return try contents(.standardInput) }
      let descriptor = try FileDescriptor.open(
        FilePath(path), .readOnly, options: [.closeOnExec])
      defer { try? descriptor.close() }
      return try contents(descriptor)
    } catch {
      throw EnvironmentError("read", name, error as? Errno ?? .ioError)
    }
  }

  /// The same for text. A binary file is one mistake, not one for each of its bytes.
  public static func readText(_ path: String?, expecting kind: String) throws -> [UInt8] {
    let bytes = try read(path)
    // memchr(3): bytes.firstIndex(of:) would be a fiftieth of a whole kernel's parsing.
    let found = bytes.withUnsafeBytes { all in
      all.baseAddress.flatMap { start in
        memchr(start, 0, all.count).map { UnsafeRawPointer($0) - start }
      }
    }
    guard let offset = found else { return bytes }
    let isImage = bytes.starts(with: Array("KTBC".utf8))
    throw Diagnostic(
      "binary-input", "\(kind) expected, but this is \(isImage ? "a ktap image" : "a binary file")",
      place: .bytes(file: name(of: path), offset: isImage ? 0 : offset),
      hints: isImage ? ["ktap-load runs it, ktapc --disasm shows what is in it"] : [])
  }

  /// All there is to read, a regular file in one piece.
  private static func contents(_ descriptor: FileDescriptor) throws -> [UInt8] {
    var status = stat()
    let isFile = fstat(descriptor.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    // One more byte than there are, to meet the end without another piece.
    var capacity = isFile ? Int(status.st_size) + 1 : 1 << 16
    var bytes: [UInt8] = []
    while true {
      let chunk = try [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      if chunk.isEmpty { return bytes }
      if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
      capacity = min(max(capacity, 1 << 15) * 2, 1 << 22)
    }
  }
}
