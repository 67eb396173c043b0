// SPDX-License-Identifier: MIT

import Diagnostics
import Glibc
import SystemPackage

/// Writes the result of a stage: whole or not at all.
public enum StageOutput {
  /// Writes `bytes` to `path`, or to standard output for `-` or nil.
  ///
  /// A file is written beside its destination under a temporary name and renamed at the end. A
  /// destination that is no regular file (`/dev/full`, a pipe) is written directly.
  public static func write(_ bytes: [UInt8], to path: String?) throws(EnvironmentError) {
    do {
      guard let path, path != "-" else {
        try FileDescriptor.standardOutput.writeAll(bytes)
        return
      }
      if isSpecialFile(path) {
        let descriptor = try FileDescriptor.open(
          FilePath(path), .writeOnly, options: [.closeOnExec])
        try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
      } else {
        try replace(path, with: bytes)
      }
    } catch {
      throw EnvironmentError(
        "write", path == nil || path == "-" ? "<stdout>" : path!, error as? Errno ?? .ioError)
    }
  }

  private static func replace(_ path: String, with bytes: [UInt8]) throws {
    // Beside the destination: rename(2) does not cross file systems.
    let temporary = "\(path).\(getpid()).tmp"
    do {
      let descriptor = try FileDescriptor.open(
        FilePath(temporary), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
      guard rename(temporary, path) == 0 else { throw Errno(rawValue: errno) }
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private static func isSpecialFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
  }
}

/// Standard error: diagnostics and progress.
public enum StageError {
  public static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Colour only on a terminal, and not where NO_COLOR is set or the terminal is dumb.
  public static var usesColour: Bool {
    isTerminal && getenv("NO_COLOR") == nil
      && getenv("TERM").map { strcmp($0, "dumb") != 0 } ?? false
  }

  public static func print(_ diagnostics: [Diagnostic]) {
    let renderer = DiagnosticRenderer(usesColour: usesColour)
    write(diagnostics.map(renderer.render).joined())
  }

  public static func write(_ text: String) {
    // Nothing sensible is left to do when standard error itself cannot be written.
    _ = try? FileDescriptor.standardError.writeAll(Array(text.utf8))
  }
}
