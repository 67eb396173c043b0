// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// One script, four ways through the stages: as a pipe, by files, by make, by the front door.
@Suite struct ChainTests {
  private static let script = """
    ffi.cdef([[
        struct timeval { long tv_sec; long tv_usec; };
        int gettimeofday(struct timeval *tv, void *tz);
        unsigned long strlen(const char *s);
    ]])
    var tv = ffi.new("struct timeval")
    ffi.C.gettimeofday(tv, nil)
    print(tv.tv_sec > 1000000000, ffi.C.strlen("four"))
    """

  private static let ways: [(name: String, command: String)] = [
    (
      "pipe",
      """
      ktapc --externs s.kp | tee s.externs.json | cdef-parse | tee s.types.json \
        | ksym-resolve --host | tee s.resolved.json | ktapc --types - s.kp | tee s.ktbc \
        | ktap-load --target host
      """
    ),
    (
      "files",
      """
      ktapc --externs s.kp -o s.externs.json && cdef-parse s.externs.json -o s.types.json \
        && ksym-resolve --host s.types.json -o s.resolved.json \
        && ktapc --types s.resolved.json s.kp -o s.ktbc && ktap-load --target host s.ktbc
      """
    ),
    (
      "make",
      """
      make -s -f "$PACKAGE/pipeline/ktap.mk" s.ktbc RESOLVE_FLAGS=--host KTAP_BIN="$KTAP_BIN/" \
        && ktap-load --target host s.ktbc
      """
    ),
    ("front door", "ktap --host --keep . s.kp"),
    ("front door again", "ktap --host --keep . s.kp"),
  ]

  @Test func theSameBytesAtEveryStage() throws {
    var first: [String: Data]?
    for way in Self.ways {
      let files = try Tools.withFolder { folder in
        try Data(Self.script.utf8).write(to: folder.appendingPathComponent("s.kp"))
        let command = "PACKAGE='\(Tools.package.path)'; \(way.command)"
        let result = try Tools.shell(command, in: folder)
        #expect(result.status == 0, "\(way.name): \(result.stderr)")
        #expect(result.text == "true\t4\n", "\(way.name)")
        return try ["externs.json", "types.json", "resolved.json", "ktbc"]
          .reduce(into: [String: Data]()) { files, kind in
            files[kind] = try Data(contentsOf: folder.appendingPathComponent("s.\(kind)"))
          }
      }
      if let first {
        for (kind, bytes) in files { #expect(bytes == first[kind], "\(way.name): \(kind)") }
      }
      first = first ?? files
    }
  }

  /// No stage leaves anything behind when the one before it fails.
  @Test func makeStopsAtTheFirstMistake() throws {
    try Tools.withFolder { folder in
      try Data("ffi.cdef([[ int x ]])".utf8).write(to: folder.appendingPathComponent("s.kp"))
      let result = try Tools.shell(
        "make -s -f '\(Tools.package.path)/pipeline/ktap.mk' s.ktbc KTAP_BIN=\"$KTAP_BIN/\"; echo $?; ls",
        in: folder)
      #expect(result.text == "2\ns.externs.json\ns.kp\n")
      #expect(diagnostics(in: result.stderr) == ["s.kp:1:18: error [missing-semicolon]"])
    }
  }

  @Test func helpTeaches() throws {
    try Tools.withFolder { folder in
      for tool in ["ktapc", "cdef-parse", "ksym-resolve", "ktap-load", "ktap"] {
        let result = try Tools.shell("\(tool) --help", in: folder)
        #expect(result.status == 0)
        #expect(result.text.lowercased().contains("example"), "\(tool)")
        #expect(result.text.lowercased().contains("exit status"), "\(tool)")
      }
    }
  }
}
