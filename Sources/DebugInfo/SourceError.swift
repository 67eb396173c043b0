// SPDX-License-Identifier: MIT

import Diagnostics
import Glibc

/// Why a source of debug information cannot be used.
public struct SourceError: Error, Sendable {
  public enum Cause: Hashable, Sendable {
    /// It was read, and its bytes are wrong: the user's input is at fault.
    case malformed
    /// It is not there, or may not be read: the machine is at fault.
    case unavailable
  }

  public var cause: Cause
  public var diagnostic: Diagnostic

  public init(_ cause: Cause, _ diagnostic: Diagnostic) {
    self.cause = cause
    self.diagnostic = diagnostic
  }

  /// "cannot read PATH: REASON", from an `errno` value.
  static func cannotRead(_ path: String, _ code: Int32, hints: [String] = []) -> SourceError {
    SourceError(
      .unavailable,
      Diagnostic(
        "cannot-read", "cannot read \(path): \(String(cString: strerror(code)))", hints: hints))
  }

  static func device(_ path: String) -> SourceError {
    SourceError(
      .unavailable, Diagnostic("cannot-read", "cannot read \(path): it is a device, not a file"))
  }

  static func malformed(
    _ id: String, _ message: String, file: String, offset: Int, hints: [String] = []
  ) -> SourceError {
    SourceError(
      .malformed,
      Diagnostic(id, message, place: .bytes(file: file, offset: offset), hints: hints))
  }
}
