// SPDX-License-Identifier: MIT

import CDefParser
import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Foundation
import SymbolResolver
import Testing
import TypeIR

/// A kernel for tests: C that gcc compiles to BTF, and a list of symbols.
struct FixtureKernel {
  let btf: BTF
  let kallsyms: String

  /// The C of a small kernel. What gcc is to describe must be defined and used.
  static let source = """
    typedef long long s64;
    typedef s64 time64_t;
    typedef int pid_t;
    typedef unsigned int gfp_t;
    struct timespec64 { time64_t tv_sec; long tv_nsec; };
    struct list_head { struct list_head *next, *prev; };
    struct cred { int uid; };
    struct mm { long pages; struct list_head mmlist; };
    enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_MAX = 7 };
    struct task {
      pid_t pid; char comm[16]; struct list_head tasks; const struct cred *cred; struct mm *mm;
      struct task *parent; enum pid_type type; struct { int flags; } inner;
      unsigned in_execve : 1, in_iowait : 1;
    };
    struct pair { long a, b; };
    union value { long whole; int part; };

    void ktime_get_real_ts64(struct timespec64 *ts) {}
    time64_t ktime_get_real_seconds(void) { return 0; }
    struct task *find_task(pid_t pid, enum pid_type type) { return 0; }
    long vfs_read(struct task *file, char *buf, unsigned long count, s64 *pos) { return 0; }
    int _printk(const char *fmt, ...) { return 0; }
    unsigned long strlen(const char *s) { return 0; }
    void *__kmalloc(unsigned long size, gfp_t flags) { return 0; }
    struct pair swap(struct pair pair, union value value) { return pair; }
    void each_task(int (*visit)(struct task *task, void *data), void *data) {}
    struct point { float x, y; };
    struct space { double x, y, z; };
    int half(float x) { return x / 2; }
    double real(void) { return 2; }
    void point_of(struct point *out, struct point in) { *out = in; }
    void far_point(struct space in) {}
    unsigned long long sched_clock(void) { return 0; }
    void do_work_noinstr(void) {}
    void do_int3(void) {}
    void init_only(void) {}
    void twice_here(void) {}
    void gone(int x) {}
    struct task cpu_task;
    int cpu_number;
    """

  static let standard = Result { try FixtureKernel(source, standardSymbols) }

  static let standardSymbols = """
    0000000000000000 A __per_cpu_start
    0000000000001000 A cpu_number
    0000000000001040 A cpu_task
    0000000000020000 A __per_cpu_end
    0000000000abcdef A build_salt
    ffffffff81000000 T _stext
    ffffffff81000100 T ktime_get_real_ts64
    ffffffff81000180 T ktime_get_real_seconds
    ffffffff81000200 T find_task
    ffffffff81000280 T vfs_read
    ffffffff81000300 T _printk
    ffffffff81000380 T strlen
    ffffffff81000400 T __kmalloc
    ffffffff81000480 T swap
    ffffffff81000500 T each_task
    ffffffff81000580 T half
    ffffffff81000600 t twice_here
    ffffffff81000680 t twice_here
    ffffffff81000700 t only_clone.isra.0
    ffffffff81000780 t split.cold
    ffffffff81000800 T __pfx_vfs_read
    ffffffff81000880 T __SCT__cond_resched
    ffffffff81000900 T do_settimeofday64
    ffffffff81000a00 T asm_memcpy
    ffffffff81001000 T __noinstr_text_start
    ffffffff81001000 T do_work_noinstr
    ffffffff81001080 T sched_clock
    ffffffff81001100 T __noinstr_text_end
    ffffffff81001100 T __kprobes_text_start
    ffffffff81001100 T get_kprobe
    ffffffff81001180 T __kprobes_text_end
    ffffffff81001200 T do_int3
    ffffffff81001280 T real
    ffffffff81001300 T point_of
    ffffffff81001380 T far_point
    ffffffff81002000 T __entry_text_start
    ffffffff81002010 T asm_exc
    ffffffff81002100 T __entry_text_end
    ffffffff81003000 T __static_call_text_start
    ffffffff81003000 T static_call_of_mine
    ffffffff81003100 T __static_call_text_end
    0000000000000000 w hook
    ffffffff82000000 D jiffies
    ffffffff82000008 D jiffies_64
    ffffffff82000010 D init_task
    ffffffff82000800 B counter
    ffffffff82000804 B _end_of_data
    ffffffff83000000 T _sinittext
    ffffffff83000100 T init_only
    ffffffff83001000 T _einittext
    ffffffff83002000 d _kbl_addr_do_int3
    ffffffff84000000 B _end
    ffffffffc0000000 T do_gettimeofday\t[ktap_test]
    ffffffffc0000040 t vfs_read\t[ktap_test]
    ffffffffc0000080 t shared\t[ktap_test]
    ffffffffc0001000 t shared\t[other]
    ffffffffc0002000 t bpf_prog_1\t[bpf]

    """

  init(_ source: String, _ kallsyms: String) throws {
    let workshop = try Workshop()
    btf = try BTF.read(workshop.objectWithBTF(source))
    self.kallsyms = kallsyms
  }

  init(btf: BTF, kallsyms: String) {
    self.btf = btf
    self.kallsyms = kallsyms
  }

  func sources(buildID: String? = "abcd") throws -> KernelSources {
    try KernelSources(
      btf: btf,
      symbols: KernelSymbols(FileBytes(name: "kallsyms", copying: Array(kallsyms.utf8))),
      identity: KernelIdentity(release: "6.1.0-test", buildID: buildID))
  }
}

/// What a script needs, as C and names.
struct Script {
  var c = ""
  var types: [String] = []
  var calls: [String] = []
  var tokens: [String] = []
  var values: [String] = []
  var members: [String] = []

  /// The document that cdef-parse makes of it. The cdef is lines 1 and following of `s.kp`.
  func document() throws -> TypesDocument {
    let names =
      calls.map { (name: $0, use: NameUse.call) } + tokens.map { ($0, .token) }
      + values.map { ($0, .value) }
    let externs = ExternsDocument(
      cdefs: [.init(text: c, at: "s.kp:1:1", map: mapOfLines(c))],
      types: types.enumerated().map { .init(text: $1, at: "s.kp:\(100 + $0):1") },
      names: names.enumerated().map {
        .init(name: $1.name, use: $1.use, at: "s.kp:\(200 + $0):1")
      },
      members: members.sorted())
    let result = CDefParser.parse(externs)
    if result.hasErrors { throw DiagnosticList(result.diagnostics) }
    return result.document
  }

  private func mapOfLines(_ text: String) -> [ExternsDocument.MapEntry] {
    var map = [ExternsDocument.MapEntry(offset: 0, line: 1, column: 1)]
    for (offset, byte) in text.utf8.enumerated() where byte == UInt8(ascii: "\n") {
      map.append(.init(offset: offset + 1, line: map.count + 1, column: 1))
    }
    return map
  }

  func resolved(
    by kernel: FixtureKernel? = nil, buildID: String? = "abcd"
  ) throws -> Resolution {
    let kernel = try kernel ?? FixtureKernel.standard.get()
    let resolution = try KernelResolver.resolve(document(), kernel.sources(buildID: buildID))
    // Whatever comes out, ktapc can read.
    #expect(
      try ResolvedDocument.decode(resolution.document.encode(), name: "resolved")
        == resolution.document)
    return resolution
  }

  /// The diagnostics that resolving ends with.
  func failure(by kernel: FixtureKernel? = nil) throws -> [Diagnostic] {
    try #require(throws: DiagnosticList.self) { try resolved(by: kernel) }.diagnostics
  }

  /// The only error.
  func error(by kernel: FixtureKernel? = nil) throws -> Diagnostic {
    let errors = try failure(by: kernel).filter { $0.severity == .error }
    try #require(errors.count == 1, "\(errors.map(\.message))")
    return errors[0]
  }
}

extension Resolution {
  func symbol(_ name: String) throws -> ResolvedSymbol {
    try #require(document.symbols.first { $0.name == name })
  }

  /// The declaration of a symbol, as C.
  func declaration(_ name: String) throws -> String {
    try document.types.declaration(of: name, symbol(name).type)
  }

  func record(_ tag: String) throws -> Record? {
    for case .record(let record) in document.types.entries.map(\.type) where record.tag == tag {
      return record
    }
    return nil
  }

  func isForward(_ tag: String) -> Bool {
    document.types.entries.contains { entry in
      if case .forward(_, tag) = entry.type { true } else { false }
    }
  }
}

extension Diagnostic {
  var line: Int? {
    if case .text(let location) = place { location.line } else { nil }
  }
}

/// The top of this repository.
let repository = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
