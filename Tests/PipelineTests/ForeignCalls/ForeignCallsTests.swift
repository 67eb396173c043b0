// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// Calls and callbacks against the compilers: whatever a C caller passes, a script passes.
///
/// `make test` runs 2,000 signatures; `make fuzz-ffi` sets KTAP_FFI_SEED and KTAP_FFI_SIGNATURES. `make
/// fuzz-ffi-guest` sets KTAP_FFI_KEEP, too: a folder that gets the sources of each batch, to be made kernel modules of.
@Suite struct ForeignCallsTests {
  private static let batchSize = 250
  private static let environment = ProcessInfo.processInfo.environment
  private static let seed = environment["KTAP_FFI_SEED"].flatMap { UInt64($0) } ?? 1
  private static let kept = environment["KTAP_FFI_KEEP"]
  private static let signatures = environment["KTAP_FFI_SIGNATURES"].flatMap { Int($0) } ?? 2000

  /// C callers that gcc compiled call each library: that tells where clang passes something else.
  private static let compile = """
    for compiler in gcc clang; do
      $compiler -w -O1 -shared -fPIC library.c -o lib${compiler}_callees.so \
        && gcc -w -O1 driver.c ./lib${compiler}_callees.so -o driver \
        && ./driver && mv log $compiler.expected || exit 1
    done
    """

  private static func lines(_ name: String, in folder: URL) throws -> [Substring] {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
  }

  private static func write(_ batch: Batch, to folder: URL) throws {
    for (name, text) in [
      ("library.c", batch.librarySource), ("driver.c", batch.driverSource),
      ("s.kp", batch.scriptSource),
    ] {
      try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }
  }

  /// Where gcc and clang differ, gcc is right: the kernel is built by it (docs/ffi.md lists how they do).
  private static func check(_ batch: Batch, in folder: URL) throws {
    try write(batch, to: folder)
    let compiled = try Tools.shell(Self.compile, in: folder)
    try #require(compiled.status == 0, "\(compiled.stderr.prefix(2000))")
    let expected = try lines("gcc.expected", in: folder)
    for compiler in ["gcc", "clang"] {
      let agreed = zip(expected, try lines("\(compiler).expected", in: folder)).map { $0 == $1 }
      try #require(agreed.count == expected.count && agreed.count { !$0 } * 100 <= agreed.count)
      let result = try Tools.shell(
        "LD_LIBRARY_PATH=. ktap --host --lib \"$PWD/lib\(compiler)_callees.so\" s.kp", in: folder)
      try #require(result.status == 0, "\(compiler): \(result.stderr.prefix(2000))")
      let log = try lines("log", in: folder)
      #expect(log.count == expected.count, "\(compiler): one log is shorter")
      for (number, (mine, its)) in zip(log, expected).enumerated() where agreed[number] {
        #expect(mine == its, "\(compiler)")
      }
    }
  }

  /// A record whose alignment is a bit-field's, at an odd offset: in registers with gcc, in memory with clang.
  @Test func packedRecordsOfBitFields() throws {
    let types = """
      struct inner { unsigned long m : 20; };
      struct outer { char a; struct inner b; char c; short d; } __attribute__((packed));
      struct outer f(struct outer v, int n);

      """
    let library =
      types + """
        struct outer f(struct outer v, int n) { v.a += n; v.b.m += n; v.c += n; v.d += n; return v; }

        """
    let script = """
      ffi.cdef([[ \(types) ]])
      var v = ffi.C.f(ffi.new("struct outer", {1, {70000}, 3, 400}), 5)
      print(v.a, v.b.m, v.c, v.d)

      """
    try Tools.withFolder { folder in
      try Data(library.utf8).write(to: folder.appendingPathComponent("library.c"))
      try Data(script.utf8).write(to: folder.appendingPathComponent("s.kp"))
      let result = try Tools.shell(
        "gcc -O1 -shared -fPIC library.c -o lib.so && LD_LIBRARY_PATH=. ktap --host --lib \"$PWD/lib.so\" s.kp",
        in: folder)
      #expect(result.text == "6\t70005\t8\t405\n", "\(result.stderr)")
    }
  }

  @Test func callsAndCallbacksAgreeWithCompilers() throws {
    for first in stride(from: 0, to: Self.signatures, by: Self.batchSize) {
      let seed = Self.seed &* 1_000_003 &+ UInt64(first)
      let count = min(Self.batchSize, Self.signatures - first)
      let batch = Batch(seed: seed, signatures: count)
      try Tools.withFolder { try Self.check(batch, in: $0) }
      if let kept = Self.kept {
        let folder = URL(fileURLWithPath: kept).appendingPathComponent("batch\(first)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Self.write(batch, to: folder)
      }
    }
  }
}
