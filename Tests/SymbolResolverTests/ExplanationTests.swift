// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Diagnostics
import Testing
import TypeIR

@testable import DebugInfo
@testable import SymbolResolver

/// Direct calls, in code that a compiler makes.
@Suite struct SleepTests {
  private let workshop: Workshop
  private let analysis: SleepAnalysis
  private let table: ELFSymbolTable

  private static let source = """
    #define KEEP __attribute__((noinline, noclone, used)) 
    int counter;
    int (*pointer)(int);
    KEEP void mutex_lock(void) { counter++; }
    KEEP void panic(void) { mutex_lock(); }
    KEEP int quiet(int x) { return x * counter; }
    KEEP void direct(void) { counter = 1; mutex_lock(); counter = 2; }
    KEEP void tail(void) { direct(); }
    KEEP void far(void) { tail(); counter = 3; }
    KEEP void either(int x) { if (x) far(); else direct(); counter = 4; }
    KEEP int by_pointer(int x) { return pointer(x) + quiet(x); }
    KEEP void calm(void) { counter = quiet(5); }
    KEEP void dying(void) { if (!counter) panic(); counter = quiet(6); }
    int odd(int);
    KEEP int even(int x) { counter++; return x ? odd(x - 1) + 1 : 0; }
    int odd(int x) { counter--; return x ? even(x - 1) + 1 : 0; }
    void _start(void) { either(by_pointer(even(3))); calm(); dying(); }
    """

  init() throws {
    workshop = try Workshop()
    try workshop.write("kernel.c", Self.source)
    try workshop.run(
      "gcc", "-O2", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-fcf-protection=none", "-o",
      "kernel", "kernel.c")
    table = try ELFSymbolTable(ELFFile(path: workshop.path("kernel")))
    analysis = SleepAnalysis(table)
  }

  @Test(arguments: [
    ("mutex_lock", SleepAnalysis.Outcome.sleeps(["mutex_lock"])),
    ("direct", .sleeps(["direct", "mutex_lock"])),
    ("tail", .sleeps(["tail", "direct", "mutex_lock"])),
    ("far", .sleeps(["far", "tail", "direct", "mutex_lock"])),
    ("either", .sleeps(["either", "direct", "mutex_lock"])), ("quiet", .doesNot),
    ("calm", .doesNot),
    ("dying", .doesNot), ("even", .doesNot), ("by_pointer", .notKnown),
  ])
  func theNearestThatSleeps(name: String, outcome: SleepAnalysis.Outcome) throws {
    let symbol = try #require(table.symbols(named: name).first)
    #expect(analysis.outcome(ofFunctionAt: symbol.value) == outcome)
    #expect(analysis.outcome(ofFunctionAt: symbol.value + 1) == nil)
  }

  /// All at once, and one by one.
  @Test func marksAreOutcomes() throws {
    let marks = analysis.marks()
    #expect(marks.count == table.count)
    #expect(Set(marks).count == 4)
    for symbol in table.all where symbol.isFunction && symbol.isDefined {
      let outcome = analysis.outcome(ofFunctionAt: symbol.value)
      #expect(marks[symbol.number] == outcome?.mark.rawValue, "\(symbol.name)")
    }
  }

  /// The same of a real kernel, for every 400th function.
  @Test func marksAreOutcomesOfARealKernel() throws {
    let table = try ELFSymbolTable(ELFFile(path: DebianKernel().path))
    let analysis = SleepAnalysis(table)
    let marks = analysis.marks()
    for (count, number) in table.functionNumbers.enumerated() where count % 400 == 0 {
      let outcome = analysis.outcome(ofFunctionAt: table.functionAddress(number))
      #expect(marks[number] == outcome?.mark.rawValue, "\(table.functionName(number))")
    }
    func mark(_ name: String) -> UInt8? {
      table.symbols(named: name).first.map { marks[$0.number] }
    }
    #expect(mark("vfs_read") == SleepAnalysis.Mark.sleeps.rawValue)
    #expect(mark("strlen") == SleepAnalysis.Mark.doesNot.rawValue)
  }

  /// binutils' disassembler says what the calls are: none is missed, and none seen that is not there.
  @Test func disassemblersSeeTheSameCalls() throws {
    let listing = String(
      decoding: try workshop.run("objdump", "-d", "--no-show-raw-insn", "kernel"), as: UTF8.self)
    var calls: [String: Set<UInt64>] = [:]
    var function = ""
    for line in listing.split(separator: "\n") {
      if let heading = line.firstMatch(of: /^[0-9a-f]+ <([^>]+)>:$/) {
        function = String(heading.1)
      }
      if let call = line.firstMatch(of: /\t(?:call|j[a-z]+)\s+([0-9a-f]+) <([a-z_]+)>$/) {
        calls[function, default: []].insert(try #require(UInt64(call.1, radix: 16)))
      }
    }
    try #require(calls.count > 6)
    for (name, targets) in calls {
      let symbol = try #require(table.symbols(named: name).first)
      var found: Set<UInt64> = []
      _ = table.withBytes(at: symbol.value, count: symbol.size) { code in
        SleepAnalysis.forEachTarget(code) { found.insert(symbol.value &+ UInt64(bitPattern: $0)) }
      }
      let starts = found.filter { table.function(startingAt: $0) != nil }
      #expect(starts == targets.filter { table.function(startingAt: $0) != nil })
    }
  }
}

@Suite struct ExplanationTests {
  private let kernel: DebianKernel

  init() throws { kernel = try DebianKernel() }

  private func explain(_ name: String, _ sources: KernelSources? = nil) throws -> String {
    try Explanation.text(of: name, sources ?? kernel.sources())
  }

  @Test func aFunction() throws {
    let text = try explain("ktime_get_real_ts64")
    #expect(text.contains("prototype   void ktime_get_real_ts64(struct timespec64 *ts);"))
    #expect(text.contains("section .text\n"))
    #expect(text.contains("  exported    yes\n"))
    #expect(text.contains("  may sleep   no: "))
    #expect(text.contains("  callable    yes\n"))
    let size = try kernel.size(of: "ktime_get_real_ts64")
    #expect(text.contains("  size        \(size) bytes\n"))
  }

  @Test func oneThatSleepsAndOneThatMustNotBeCalled() throws {
    let sources = kernel.sources()
    let mutex = try explain("mutex_lock_interruptible", sources)
    #expect(mutex.contains("  may sleep   yes: mutex_lock_interruptible\n"))
    let copy = try explain("kernel_clone", sources)
    #expect(copy.contains("  may sleep   yes: kernel_clone → "))
    #expect(try explain("start_kernel", sources).contains("[init-function]"))
    #expect(try explain("memcpy", sources).contains("[noinstr]"))
  }

  /// BTF has `void memset(void)`.
  @Test func ofAssemblyNoPrototypeIsClaimed() throws {
    let text = try explain("memset")
    #expect(text.contains("  prototype   not known: it is written in assembly\n"))
    #expect(text.contains("  callable    if a cdef declares it [undeclared-function]\n"))
    #expect(try explain("schedule").contains("  prototype   void schedule(void);"))
  }

  /// Of one that is not static, too, whose file the symbol table does not have.
  @Test func aFileSelects() throws {
    let sources = kernel.sources()
    for name in ["vfs_read@read_write.c", "vfs_read@fs/read_write.c", "init_task@init_task.c"] {
      let text = try explain(name, sources)
      #expect(text.hasPrefix(name.prefix { $0 != "@" } + " at _stext+"))
    }
    for name in ["vfs_read@open.c", "jiffies@fs/read_write.c"] {
      let error = try #require(throws: Diagnostic.self) { try explain(name, sources) }
      #expect(error.id == "unknown-symbol")
      #expect(error.message.contains(" from "))
    }
  }

  /// Bytes within its instructions look like a jump through a register.
  @Test func bytesWithinInstructionsAreNoJumps() throws {
    #expect(
      try explain("kthread_should_stop").contains("  may sleep   no: nothing that it calls does\n"))
  }

  /// What is not there is said as `--want` says it.
  @Test(arguments: [
    ("vfs_raed", "did you mean 'vfs_read'"), ("list_head", "the type 'struct list_head'"),
    ("struct list_haed", "did you mean 'struct list_head'"), ("fuse_do_open", "modprobe fuse"),
    ("@", "MODULE:NAME"),
  ])
  func whatIsNotThere(name: String, hint: String) throws {
    let error = try #require(throws: Diagnostic.self) { try explain(name) }
    #expect(error.hints.contains { $0.contains(hint) }, "\(error)")
    let script = Script(
      types: name.contains(" ") ? [name] : [], values: name.contains(" ") ? [] : [name])
    let wanted = try #require(throws: DiagnosticList.self) {
      try KernelResolver.resolve(script.document(), kernel.sources())
    }
    #expect(wanted.diagnostics.first?.id == error.id)
    #expect(wanted.diagnostics.first?.hints == error.hints)
  }

  @Test func dataThatIsFreed() throws {
    #expect(try explain("initcall_debug").contains("readable") == false)
    #expect(try explain("early_recursion_flag").contains("  readable    no: "))
  }

  @Test func typesOfOneFile() throws {
    let text = try explain("struct irq_info@events_base.c")
    #expect(text.contains("  size        136 bytes\n"))
    #expect(text.contains("  defined     drivers/xen/events/events_base.c:"))
    #expect(try explain("struct irq_info").components(separatedBy: ": a type\n").count == 4)
  }

  @Test func allOfSeveral() throws {
    let text = try explain("s_show")
    for file in ["kallsyms.c", "trace.c", "vmalloc.c"] {
      #expect(text.contains(", \(file): a fun"))
    }
    #expect(try explain("s_show@trace.c").components(separatedBy: ": a function").count == 2)
  }

  @Test func whatIsNoFunction() throws {
    let sources = kernel.sources()
    #expect(try explain("cpu_number", sources).contains("type        int cpu_number;  (btf)"))
    #expect(try explain("struct list_head", sources).contains("size        16 bytes"))
    #expect(try explain("PIDTYPE_TGID", sources).contains("value       1\n"))
    let error = try #require(throws: Diagnostic.self) { try explain("vfs_raed", sources) }
    #expect(error.id == "unknown-symbol")
    #expect(error.hints.first?.contains("'vfs_read'") == true)
  }

  /// The facts travel in the document, too.
  @Test func theDocumentSaysIt() throws {
    let document = try Script(calls: ["ktime_get_real_ts64", "schedule"]).document()
    let symbols = try KernelResolver.resolve(document, kernel.sources()).document.symbols
    let facts = Dictionary(uniqueKeysWithValues: symbols.map { ($0.name, $0.facts) })
    #expect(facts["ktime_get_real_ts64"]?.maySleep == .no)
    #expect(facts["ktime_get_real_ts64"]?.isExported == true)
    #expect(facts["schedule"]?.maySleep == .yes)
    #expect(facts["schedule"]?.section == ".text")
  }
}
