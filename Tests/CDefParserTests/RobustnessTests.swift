// SPDX-License-Identifier: MIT

import CDefParser
import TestSupport
import Testing
import TypeIR

/// No bytes whatever crash the parser, hang it, or go through it unnoticed.
@Suite struct RobustnessTests {
  static let sample = """
    #line 1 "sample.h"
    #define N 4 /* four */
    #pragma pack(push, 4)
    typedef unsigned long size_t;
    enum __attribute__((packed)) colour { RED, GREEN = N + 1, BLUE = (int)sizeof(size_t) << 2 };
    struct __attribute__((aligned(16))) list {
      struct list *next, *const prev;
      union { char c[N][2]; struct { int a : 3, : 0, b : 5; }; long long l; };
      int (*compare)(const struct list *restrict, size_t n, ...), flags[];
    } __packed;
    #pragma pack(pop)
    static inline int twice(int x) { return x * 2; /* } */ }
    extern void (*signal(int sig, void (*handler)(int)))(int) __asm__("sig\\"nal");
    _Static_assert(__builtin_offsetof(struct list, prev) == 8 && 'a' == 0x61, "layout");
    typeof(((struct list *)0)->flags[0]) flag = { 1, 2 }, other = 3;
    [[gnu::unused]] unknown_t *get(void __user *p, struct opaque *q[restrict static N]);
    const char name[] = L"x" "y\\n";

    """

  @Test func theSampleIsRight() {
    let document = document(Self.sample)
    #expect(document.record("list")?.members.count == 5)
    #expect(document.symbols.map(\.name) == ["twice", "signal", "flag", "other", "get", "name"])
  }

  @Test func everyTruncationEndsInAResult() {
    let bytes = Array(Self.sample.utf8)
    for length in bytes.indices {
      _ = CDefParser.parse([CDefParser.File(name: "t.h", text: Array(bytes[..<length]))])
    }
  }

  @Test func everyMissingByteEndsInAResult() {
    let bytes = Array(Self.sample.utf8)
    for index in bytes.indices {
      var damaged = bytes
      damaged.remove(at: index)
      _ = CDefParser.parse([CDefParser.File(name: "t.h", text: damaged)])
    }
  }

  /// What comes out without an error can be written, read and printed.
  private func check(_ text: [UInt8]) throws {
    try check(text, CDefParser.Options())
    try check(text, CDefParser.Options(only: ["s", "t"]))
  }

  private func check(_ text: [UInt8], _ options: CDefParser.Options) throws {
    let result = CDefParser.parse([CDefParser.File(name: "t.h", text: text)], options)
    for diagnostic in result.diagnostics { #expect(!diagnostic.id.isEmpty) }
    guard !result.hasErrors else { return }
    let bytes = result.document.encode()
    #expect(try TypesDocument.decode(bytes, name: "t").encode() == bytes)
    _ = CHeader.text(of: result.document)
    _ = LayoutPrinter.print(result.document)
  }

  @Test(arguments: [UInt64(7), 8]) func mutationsEndInAResult(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let bytes = Array(Self.sample.utf8)
    for _ in 0..<800 {
      var damaged = bytes
      for _ in 0...random.below(4) {
        let index = random.below(damaged.count)
        switch random.below(4) {
        case 0: damaged[index] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged.remove(at: index)
        case 2: damaged.insert(damaged[random.below(damaged.count)], at: index)
        default:
          let end = min(damaged.count, index + random.below(40))
          damaged.insert(contentsOf: damaged[index..<end], at: random.below(damaged.count))
        }
      }
      try check(damaged)
    }
  }

  @Test func randomTokensEndInAResult() throws {
    let tokens = [
      "int", "struct", "union", "enum", "{", "}", "(", ")", "[", "]", ";", ",", ":", "*", "=", "x",
      "y", "t", "typedef", "extern", "static", "const", "1", "sizeof", "'a'", "\"s\"", "...", "?",
      "unsigned", "long", "void", "__attribute__", "packed", "aligned", "#", "define", "\n", "+",
      "-",
      "<<", "&&", "||", "->", ".", "typeof", "_Alignas", "_Atomic", "_Generic", "inline", "asm",
    ]
    var random = SeededGenerator(seed: 99)
    for _ in 0..<4000 {
      let count = 1 + random.below(60)
      let text = (0..<count).map { _ in random.pick(tokens) }.joined(separator: " ")
      try check(Array(text.utf8))
    }
  }

  @Test func randomBytesEndInAResult() throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<1000 {
      try check((0..<random.below(200)).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
  }

  /// Found by `make fuzz-cdef`: each once hung the parser.
  @Test(
    .timeLimit(.minutes(5)),
    arguments: [
      "int old(a) int a; } ; { }", "int old(a)\nint a; }\n; {",
      "int old(a, b) int a; : } int b; { }",
    ])
  func whatHungEndsInAnError(_ text: String) {
    #expect(parse(text).hasErrors)
  }
}
