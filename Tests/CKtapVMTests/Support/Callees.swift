// SPDX-License-Identifier: MIT

import CKtapVMTestCallees

/// The callees' side of a run. There is one such side in the process, so that all use of it stands
/// within ``exclusively(_:)``.
struct Callees {
  /// Runs `body` alone, on callees that have seen nothing.
  static func exclusively<Result>(_ body: (Callees) throws -> Result) rethrows -> Result {
    ktap_test_lock()
    defer { ktap_test_unlock() }
    callee_reset()
    return try body(Callees())
  }

  func reset() { callee_reset() }

  /// The last callee's scalars, extended to 64 bits as their types say.
  var arguments: [UInt64] { (0..<callee_argument_count()).map(callee_argument) }

  /// The bytes of the last callee's aggregate.
  var bytes: [UInt8] { (0..<callee_byte_count()).map(callee_byte) }

  /// A variable of the process by its name.
  func variable<Value>(_ name: String, as type: Value.Type) -> UnsafeMutablePointer<Value> {
    UnsafeMutablePointer(bitPattern: UInt(ktap_test_address(name)))!
  }
}
