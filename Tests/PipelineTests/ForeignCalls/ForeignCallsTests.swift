// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// Calls and callbacks against the compilers: whatever a C caller passes, a script passes.
///
/// `make test` runs 2,000 signatures; `make fuzz-ffi` sets KTAP_FFI_SEED and KTAP_FFI_SIGNATURES.
@Suite struct ForeignCallsTests {
  private static let batchSize = 250
  private static let environment = ProcessInfo.processInfo.environment
  private static let seed = environment["KTAP_FFI_SEED"].flatMap { UInt64($0) } ?? 1
  private static let signatures = environment["KTAP_FFI_SIGNATURES"].flatMap { Int($0) } ?? 2000

  private static let compile = """
    gcc -w -O1 -shared -fPIC library.c -o libgcc_callees.so \
      && clang -w -O1 -shared -fPIC library.c -o libclang_callees.so \
      && gcc -w -O1 driver.c ./libgcc_callees.so -o driver \
      && ./driver && mv log expected
    """

  /// The first line in which two logs differ.
  private static func firstDifference(_ a: String, _ b: String) -> String {
    let pairs = zip(a.split(separator: "\n"), b.split(separator: "\n"))
    return pairs.first { $0 != $1 }.map { "expected \($0)\n     got \($1)" }
      ?? "one log is shorter"
  }

  private static func check(_ batch: Batch, in folder: URL) throws {
    for (name, text) in [
      ("library.c", batch.librarySource), ("driver.c", batch.driverSource),
      ("s.kp", batch.scriptSource),
    ] {
      try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }
    let compiled = try Tools.shell(Self.compile, in: folder)
    try #require(compiled.status == 0, "\(compiled.stderr.prefix(2000))")
    let expected = try String(
      contentsOf: folder.appendingPathComponent("expected"), encoding: .utf8)
    for compiler in ["gcc", "clang"] {
      let result = try Tools.shell(
        "LD_LIBRARY_PATH=. ktap --host --lib \"$PWD/lib\(compiler)_callees.so\" s.kp", in: folder)
      try #require(result.status == 0, "\(compiler): \(result.stderr.prefix(2000))")
      let log = try String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)
      #expect(log == expected, "\(compiler): \(Self.firstDifference(expected, log))")
    }
  }

  @Test func callsAndCallbacksAgreeWithCompilers() throws {
    for first in stride(from: 0, to: Self.signatures, by: Self.batchSize) {
      let seed = Self.seed &* 1_000_003 &+ UInt64(first)
      let count = min(Self.batchSize, Self.signatures - first)
      try Tools.withFolder { folder in
        try Self.check(Batch(seed: seed, signatures: count), in: folder)
      }
    }
  }
}
