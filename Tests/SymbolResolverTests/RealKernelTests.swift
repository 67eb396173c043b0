// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Foundation
import SymbolResolver
import Testing
import TypeIR

/// Debian's kernel with symbols (package linux-image-cloud-amd64-dbg), the newest installed.
struct DebianKernel {
  let path: String
  let release: String

  init() throws {
    let directory = "\(DebugFiles.directory)/boot"
    let files = try FileManager.default.contentsOfDirectory(atPath: directory)
      .filter { $0.hasPrefix("vmlinux-") && $0.hasSuffix("-cloud-amd64") }
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    let file = try #require(files.last, "no kernel in \(directory): run 'make setup'")
    path = "\(directory)/\(file)"
    release = String(file.dropFirst("vmlinux-".count))
  }

  /// In the folder of what was built: the index is made once.
  static let cache = IndexCache(
    directory: repository.appendingPathComponent("build/test-cache").path)

  var systemMap: String { "\(DebugFiles.directory)/boot/System.map-\(release)" }

  /// The file of an installed module, as `modinfo` knows it.
  func module(_ name: String) throws -> String {
    let output = try Workshop().run("modinfo", "-k", release, "-n", name)
    return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines)
  }

  func sources(systemMap: String? = nil, modules: [String] = []) -> KernelSources {
    KernelSources(
      KernelSourceOptions(
        vmlinux: path, systemMap: systemMap, modules: modules, cache: Self.cache))
  }

  /// nm's word: bytes of a function.
  func size(of name: String) throws -> Int {
    let lines = String(decoding: try Workshop().run("nm", "-S", path), as: UTF8.self)
    let line = try #require(lines.split(separator: "\n").first { $0.hasSuffix(" \(name)") })
    return try #require(Int(line.split(separator: " ")[1], radix: 16))
  }

  /// nm's word: names, and at which addresses each is.
  func addresses() throws -> [String: Set<UInt64>] {
    let lines = String(decoding: try Workshop().run("nm", path), as: UTF8.self)
    var addresses: [String: Set<UInt64>] = [:]
    for line in lines.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, let address = UInt64(words[0], radix: 16) else { continue }
      addresses[String(words[2]), default: []].insert(address)
    }
    return addresses
  }
}

/// Every check against names of a real kernel: what is refused, and what is not although it is near.
@Suite struct RealKernelTests {
  private let kernel: DebianKernel

  init() throws { kernel = try DebianKernel() }

  /// The id of what is wrong with each wanted name, or what was found, in the order of the wants.
  private func outcomes(
    _ script: Script, modules: [String] = []
  ) throws -> (errors: [String: Diagnostic], found: [String: ResolvedSymbol]) {
    let document = try script.document()
    let sources = kernel.sources(modules: modules)
    do {
      let resolved = try KernelResolver.resolve(document, sources).document
      return ([:], Dictionary(uniqueKeysWithValues: resolved.symbols.map { ($0.name, $0) }))
    } catch let list as DiagnosticList {
      let names = script.calls + script.tokens + script.values
      var errors: [String: Diagnostic] = [:]
      for diagnostic in list.diagnostics where diagnostic.severity == .error {
        if let line = diagnostic.line, line >= 200, line - 200 < names.count {
          errors[names[line - 200]] = diagnostic
        }
      }
      return (errors, [:])
    }
  }

  @Test func whatMustNotBeCalledIsRefused() throws {
    let expected = [
      "kmalloc": "inlined", "start_kernel": "init-function", "console_init": "init-function",
      "ZSTD_execSequenceEnd": "function-clone", "ZSTD_DCtx_refDDict.part.0": "function-clone",
      "ZSTD_buildSeqTable.constprop.0": "function-clone", "vfs_read.cold": "unknown-symbol",
      "__SCT__cond_resched": "function-part", "memcpy": "noinstr", "exc_page_fault": "noinstr",
      "asm_exc_page_fault": "noinstr", "do_user_addr_fault": "kprobe-blacklisted",
      "get_kprobe": "kprobe-blacklisted", "jiffies": "not-a-function",
      "init_task": "not-a-function", "PIDTYPE_MAX": "not-a-function",
      "s_show": "ambiguous-symbol", "vfs_raed": "unknown-symbol",
      "nf_send_unreach": "module-not-loaded",
      "loop:lo_ioctl": "module-not-loaded",
    ]
    let names = expected.keys.sorted()
    let errors = try outcomes(Script(calls: names)).errors
    for name in names { #expect(errors[name]?.id == expected[name], "\(name)") }
    #expect(errors["vfs_raed"]?.hints.first?.contains("'vfs_read'") == true)
    #expect(errors["nf_send_unreach"]?.message.contains("module 'nf_reject_ipv4'") == true)
    #expect(
      errors["s_show"]?.notes.map(\.message).contains { $0.hasSuffix("kernel/kallsyms.c:839") }
        == true)
    #expect(
      errors["s_show"]?.hints.first
        == "name one of them: s_show@kernel/kallsyms.c, s_show@kernel/trace/trace.c, s_show@mm/vmalloc.c"
    )
  }

  @Test func whatIsNearThoseMayBeCalled() throws {
    let names = [
      "vfs_read", "ktime_get_real_ts64", "sched_clock", "local_clock", "strlen", "kfree",
      "schedule", "get_task_pid", "_printk", "sprintf",
    ]
    let found = try outcomes(Script(calls: names)).found
    let addresses = try kernel.addresses()
    let start = try #require(addresses["_stext"]?.first)
    for name in names {
      let symbol = try #require(found[name], "\(name)")
      #expect(symbol.check == .undeclared)
      #expect(symbol.source == .btf)
      #expect(symbol.address.base == .stext)
      #expect(addresses[name]?.contains(start + symbol.address.offset) == true, "\(name)")
    }
  }

  @Test func declarationsAreHeldAgainstTheKernelsOwn() throws {
    let wrong = [
      ("int vfs_read(struct file *, char *, unsigned long, long long *);", "return-type-differs"),
      ("long vfs_read(struct file *, char *, unsigned long);", "parameter-count-differs"),
      ("long vfs_read(struct file *, char *, unsigned, long long *);", "parameter-differs"),
      ("long vfs_read(struct file *, char *, long, long long *);", "parameter-differs"),
      ("long vfs_read(struct inode *, char *, unsigned long, long long *);", "parameter-differs"),
      (
        "struct timespec64 { long long tv_sec; int tv_usec; };"
          + "void ktime_get_real_ts64(struct timespec64 *);", "struct-differs"
      ),
      (
        "enum pid_type { PIDTYPE_TGID = 4 }; struct pid;"
          + "struct pid *get_task_pid(void *, enum pid_type);", "enum-differs"
      ),
      ("extern long cpu_number;", "variable-type-differs"),
      ("extern long vfs_read;", "kind-differs"), ("int jiffies(void);", "kind-differs"),
    ]
    let sources = kernel.sources()
    for (c, id) in wrong {
      let document = try Script(c: c).document()
      let name = try #require(document.symbols.first?.name)
      let wanting = try Script(c: c, calls: [name]).document()
      let errors = try #require(throws: DiagnosticList.self, "\(c)") {
        try KernelResolver.resolve(wanting, sources)
      }
      #expect(errors.diagnostics.first?.id == id, "\(c)")
      let text = errors.diagnostics.first?.message ?? ""
      #expect(text.contains("kernel: ") && text.contains("yours: "), "\(text)")
    }
    let right = """
      struct timespec64 { long long tv_sec; long tv_nsec; };
      enum pid_type { PIDTYPE_TGID = 1 };
      struct pid; struct file;
      long vfs_read(struct file *, char *, unsigned long, long long *);
      void ktime_get_real_ts64(struct timespec64 *);
      struct pid *get_task_pid(void *, enum pid_type);
      extern int cpu_number;
      """
    let document = try Script(
      c: right, calls: ["vfs_read", "ktime_get_real_ts64", "get_task_pid"], values: ["cpu_number"]
    ).document()
    let resolved = try KernelResolver.resolve(document, sources).document
    #expect(resolved.symbols.map(\.check) == Array(repeating: .matches, count: 4))
  }

  /// A module's own BTF goes on from the kernel's; functions, their types, and the build's checks.
  @Test func modulesThatAreNotLoaded() throws {
    let loop = try kernel.module("loop")
    let document = try Script(calls: ["loop:lo_ioctl", "loop:loop_init"]).document()
    let sources = kernel.sources(modules: [loop])
    let errors = try #require(throws: DiagnosticList.self) {
      try KernelResolver.resolve(document, sources)
    }
    #expect(errors.diagnostics.map(\.id) == ["init-function"])
    let resolution = try KernelResolver.resolve(
      Script(
        c: "struct gendisk; void lo_release(struct gendisk *, unsigned);",
        calls: ["loop:lo_ioctl", "loop:lo_release"]
      ).document(), sources)
    let symbol = try resolution.symbol("loop:lo_ioctl")
    #expect(symbol.address.base == .module("loop"))
    #expect(symbol.source == .btf)
    #expect(
      try resolution.declaration("loop:lo_ioctl").hasPrefix("int loop:lo_ioctl(struct block_device")
    )
    #expect(try resolution.symbol("loop:lo_release").check == .matches)
  }

  @Test func anotherKernelsFilesAreRefused() throws {
    let document = try Script(calls: ["vfs_read"]).document()
    // The list of symbols is that of the file, moved as KASLR does, or with one function elsewhere.
    let text = try String(contentsOfFile: kernel.systemMap, encoding: .utf8)
    let workshop = try Workshop()
    let moved = try workshop.write("moved", Self.moving(text) { $0 &+ 0x1b40_0000 })
    let damaged = try workshop.write("other", Self.moving(text) { $0 &+ ($0 % 128) })
    let resolved = try KernelResolver.resolve(document, kernel.sources(systemMap: moved)).document
    let original = try KernelResolver.resolve(document, kernel.sources()).document
    #expect(resolved.symbols == original.symbols)
    let error = try #require(throws: SourceError.self) {
      try KernelResolver.resolve(document, kernel.sources(systemMap: damaged))
    }
    #expect(error.diagnostic.id == "kernel-mismatch")
  }

  /// Each address but those of per-CPU variables and absolute symbols.
  private static func moving(_ map: String, _ move: (UInt64) -> UInt64) -> String {
    map.split(separator: "\n").map { line in
      guard line.hasPrefix("ffffffff"), let address = UInt64(line.prefix(16), radix: 16) else {
        return String(line)
      }
      return String(move(address), radix: 16) + line.dropFirst(16)
    }.joined(separator: "\n") + "\n"
  }
}
