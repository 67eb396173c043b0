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
    try write(to: path) { sink in bytes.withUnsafeBufferPointer(sink) }
  }

  /// The same of bytes that `produce` hands over piece by piece.
  public static func write(
    to path: String?, _ produce: (_ sink: (UnsafeBufferPointer<UInt8>) -> Void) -> Void
  ) throws(EnvironmentError) {
    do {
      guard let path, path != "-" else {
        try pour(produce, into: FileDescriptor.standardOutput)
        return
      }
      if isSpecialFile(path) {
        let descriptor = try FileDescriptor.open(
          FilePath(path), .writeOnly, options: [.closeOnExec])
        try descriptor.closeAfter { try pour(produce, into: descriptor) }
      } else {
        try replace(path, with: produce)
      }
    } catch {
      throw EnvironmentError(
        "write", path == nil || path == "-" ? "<stdout>" : path!, error as? Errno ?? .ioError)
    }
  }

  private static func pour(
    _ produce: ((UnsafeBufferPointer<UInt8>) -> Void) -> Void, into descriptor: FileDescriptor
  ) throws {
    var failure: (any Error)?
    produce { bytes in
      guard failure == nil else { return }
      do { _ = try descriptor.writeAll(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private static func replace(
    _ path: String, with produce: ((UnsafeBufferPointer<UInt8>) -> Void) -> Void
  ) throws {
    // Beside the destination: rename(2) does not cross file systems.
    let temporary = "\(path).\(getpid()).tmp"
    do {
      let descriptor = try FileDescriptor.open(
        FilePath(temporary), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      try descriptor.closeAfter { try pour(produce, into: descriptor) }
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
