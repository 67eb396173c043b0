// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Diagnostics
import Foundation
import Testing
import TypeIR

@testable import SymbolResolver

@Suite struct FunctionTests {
  @Test func undeclaredOnesGetTheKernelsPrototype() throws {
    let resolution = try Script(calls: ["ktime_get_real_seconds", "_printk"]).resolved()
    let symbol = try resolution.symbol("ktime_get_real_seconds")
    #expect(symbol.kind == .function)
    #expect(symbol.check == .undeclared)
    #expect(symbol.source == .btf)
    #expect(symbol.address == SymbolAddress(base: .stext, offset: 0x180))
    #expect(symbol.size == 0x80)
    #expect(symbol.at == "s.kp:200:1")
    #expect(
      try resolution.declaration("ktime_get_real_seconds")
        == "time64_t ktime_get_real_seconds(void)")
    #expect(try resolution.declaration("_printk") == "int _printk(const char *fmt, ...)")
    #expect(resolution.document.types.entries.allSatisfy { $0.origin == .kernel })
    #expect(resolution.warnings.isEmpty)
    #expect(resolution.document.kernel.buildID == "abcd")
  }

  @Test func declaredOnesKeepTheScriptsTypes() throws {
    let script = Script(
      c: """
        struct timespec64 { long long tv_sec; long tv_nsec; };
        void ktime_get_real_ts64(struct timespec64 *ts);
        """, calls: ["ktime_get_real_ts64"])
    let resolution = try script.resolved()
    let symbol = try resolution.symbol("ktime_get_real_ts64")
    #expect(symbol.check == .matches)
    #expect(try symbol.type == script.document().symbols[0].type)
    // Nothing was brought in for the sake of comparing.
    #expect(try resolution.document.types == script.document().types)
    #expect(resolution.warnings.isEmpty)
  }

  /// What C takes for compatible, or what no call can tell apart.
  @Test(arguments: [
    // Other names for the same types, and none for parameters.
    "typedef long L; L vfs_read(void *, char *, unsigned long, long *);",
    // const where the kernel has none, and the other way round.
    "long vfs_read(const struct task *, const char *, const unsigned long, long long *);",
    // An enumeration is an integer.
    "void *find_task(int, int);", "void *find_task(int, unsigned int);",
    "struct task *find_task(int pid, enum pid_type type);",
    "unsigned long strlen(char *);",
    "int _printk(char *, ...);",
    "void each_task(void *, void *);",
    "struct task; void each_task(int (*)(struct task *, void *), void *);",
    "struct mine { long x, y; }; union v { int p; long w; };"
      + "struct pair { long a, b; }; union value { long whole; int part; };"
      + "struct pair swap(struct pair, union value);",
  ])
  func compatibleDeclarationsMatch(c: String) throws {
    let document = try Script(c: c).document()
    let name = try #require(document.symbols.first?.name)
    let resolution = try Script(c: c, calls: [name]).resolved()
    #expect(try resolution.symbol(name).check == .matches)
  }

  @Test(arguments: [
    (
      "unsigned long strlen(char *, int);", "kernel: 1 parameter; yours: 2 parameters",
      "parameter-count-differs"
    ),
    (
      "int _printk(char *);", "kernel: 1 parameter, ...; yours: 1 parameter",
      "parameter-count-differs"
    ),
    (
      "int strlen(char *);", "return type: kernel: `unsigned long`; yours: `int`",
      "return-type-differs"
    ),
    (
      "void strlen(char *);", "return type: kernel: `unsigned long`; yours: `void`",
      "return-type-differs"
    ),
    (
      "long strlen(char *);", "return type: kernel: `unsigned long`; yours: `long`",
      "return-type-differs"
    ),
    (
      "void *__kmalloc(unsigned int, unsigned int);",
      "parameter 1 ('size'): kernel: `unsigned long`; yours: `unsigned int`", "parameter-differs"
    ),
    (
      "void *__kmalloc(unsigned long, int);",
      "parameter 2 ('flags'): kernel: `gfp_t` (unsigned, 4 bytes); yours: `int`",
      "parameter-differs"
    ),
    (
      "unsigned long strlen(unsigned char *);",
      "parameter 1 ('s'): kernel: `const char *`; yours: `unsigned char *`", "parameter-differs"
    ),
    (
      "unsigned long strlen(unsigned long);",
      "parameter 1 ('s'): kernel: `const char *`; yours: `unsigned long`", "parameter-differs"
    ),
    (
      "struct mm; struct mm *find_task(int, int);",
      "return type: kernel: `struct task *`; yours: `struct mm *`", "return-type-differs"
    ),
    (
      "void each_task(int (*)(void *, int), void *);",
      "parameter 1 ('visit'): parameter 2: kernel: `void *`; yours: `int`", "parameter-differs"
    ),
    (
      "struct timespec64 { long long tv_sec; int tv_usec; }; "
        + "void ktime_get_real_ts64(struct timespec64 *);",
      "struct timespec64: kernel: `tv_nsec` long at bits 64; yours: `tv_usec` int at bits 64",
      "struct-differs"
    ),
    (
      "struct timespec64 { long long tv_sec; }; void ktime_get_real_ts64(struct timespec64 *);",
      "struct timespec64: kernel: `tv_nsec` long at bits 64; yours: no more members",
      "struct-differs"
    ),
    (
      "enum pid_type { PIDTYPE_PID = 1 }; void *find_task(int, enum pid_type);",
      "enum pid_type: kernel: PIDTYPE_PID = 0; yours: PIDTYPE_PID = 1", "enum-differs"
    ),
    (
      "struct pair { long a; int b; int c; }; union value { long whole; int part; };"
        + "struct pair swap(struct pair, union value);",
      "struct pair: kernel: `b` long at bits 64; yours: `b` int at bits 64", "struct-differs"
    ),
    ("extern long strlen;", "kernel: a function; yours: a variable", "kind-differs"),
  ])
  func otherDeclarationsAreRefused(c: String, difference: String, id: String) throws {
    let document = try Script(c: c).document()
    let name = try #require(document.symbols.first?.name)
    let error = try Script(c: c, calls: [name]).error()
    #expect(error.id == id)
    #expect(error.message.contains(difference), "\(error.message)")
    #expect(error.line == 1)
  }

  @Test func aMismatchShowsBothDeclarations() throws {
    let error = try Script(c: "\nint strlen(char *s);", calls: ["strlen"]).error()
    #expect(
      error.notes.map(\.message) == [
        "kernel: unsigned long strlen(const char *s)", "yours:  int strlen(char *s)",
      ])
    #expect(error.line == 2)
  }

  @Test func membersThatDifferInNameOnlyAreAWarning() throws {
    let resolution = try Script(
      c: """
        struct timespec64 { long long tv_sec; long tv_usec; };
        void ktime_get_real_ts64(struct timespec64 *);
        """, calls: ["ktime_get_real_ts64"]
    ).resolved()
    #expect(resolution.warnings.map(\.id) == ["member-name-differs"])
    #expect(
      resolution.warnings[0].message.contains(
        "kernel: `tv_nsec` long at bits 64; yours: `tv_usec` long at bits 64"))
    #expect(resolution.warnings[0].line == 2)
  }

  @Test func moreThanOnePrototypeIsAmbiguous() throws {
    var writer = BTFWriter()
    let int = writer.int("int", size: 4, .signed)
    let one = writer.prototype(returning: int, [("x", int)])
    let two = writer.prototype(returning: 0, [("x", int)])
    writer.function("twin", one)
    writer.function("twin", two)
    writer.function("same", one)
    writer.function("same", one)
    let kernel = FixtureKernel(
      btf: try writer.btf(),
      kallsyms: "ff00 T _stext\nff10 T twin\nff20 T same\n")
    let error = try Script(calls: ["twin"]).error(by: kernel)
    #expect(error.id == "ambiguous-prototype")
    #expect(error.notes.map(\.message) == ["int twin(int x)", "void twin(int x)"])
    #expect(try Script(calls: ["same"]).resolved(by: kernel).symbol("same").check == .undeclared)
  }

  @Test func moreThanOneAddressIsAmbiguous() throws {
    let error = try Script(calls: ["twice_here"]).error()
    #expect(error.id == "ambiguous-symbol")
    #expect(
      error.notes.map(\.message) == [
        "twice_here at _stext+0x600", "twice_here at _stext+0x680",
      ])
  }

  @Test(arguments: [
    ("init_only", "init-function", "__init"), ("only_clone.isra.0", "function-clone", "clone"),
    ("only_clone", "function-clone", "only_clone.isra.0"),
    ("split.cold", "function-part", "jumped into"),
    ("__pfx_vfs_read", "function-part", "padding"),
    ("__SCT__cond_resched", "function-part", "static call"),
    ("static_call_of_mine", "function-part", "static call"),
    ("half", "float-parameter", "parameter 1 ('x') of 'half' is of floating-point type"),
    ("real", "float-parameter", "'real' returns a value of floating-point type"),
    ("point_of", "float-parameter", "floating-point"),
    ("gone", "inlined", "inlined"), ("do_work_noinstr", "noinstr", "not yet ready"),
    ("asm_exc", "noinstr", "entry point"), ("get_kprobe", "kprobe-blacklisted", "probed"),
    ("do_int3", "kprobe-blacklisted", "probed"), ("hook", "weak-undefined", "weak"),
    ("jiffies", "not-a-function", "data"), ("PIDTYPE_MAX", "not-a-function", "enumerator"),
  ])
  func whatMustNotBeCalledIsRefused(name: String, id: String, reason: String) throws {
    let error = try Script(calls: [name]).error()
    #expect(error.id == id)
    #expect(error.message.contains(reason), "\(error.message)")
    #expect(error.message.contains(name))
  }

  /// Clocks, although they are noinstr; records with floating-point members, in memory.
  @Test func someExceptionsMayBeCalled() throws {
    let resolution = try Script(calls: ["sched_clock", "far_point"]).resolved()
    #expect(resolution.document.symbols.map(\.check) == [.undeclared, .undeclared])
  }

  @Test func theClocksAreThoseOfTheKernelModule() throws {
    let list = try String(
      contentsOf: repository.appendingPathComponent("kmod/kernel/harmless.def"), encoding: .utf8)
    for name in Callability.clocks {
      #expect(list.contains("KTAP_HARMLESS(\(name), "), "\(name)")
    }
  }

  @Test func theAddressOfAnyFunctionMayBeTaken() throws {
    let resolution = try Script(tokens: ["init_only", "strlen"]).resolved()
    #expect(try resolution.symbol("init_only").address.offset == 0x200_0100)
  }

  @Test func functionsWithoutTypeInformationMustBeDeclared() throws {
    #expect(try Script(calls: ["asm_memcpy"]).error().id == "undeclared-function")
    let resolution = try Script(
      c: "void *asm_memcpy(void *, void *, unsigned long);", calls: ["asm_memcpy"]
    ).resolved()
    let symbol = try resolution.symbol("asm_memcpy")
    #expect(symbol.check == .unverified)
    #expect(symbol.source == .symtab)
    #expect(resolution.warnings.map(\.id) == ["unverified"])
  }

  @Test func aLinkNameIsWhatIsLookedUp() throws {
    let resolution = try Script(
      c: "unsigned long length(const char *) __asm__(\"strlen\");", calls: ["length"]
    ).resolved()
    let symbol = try resolution.symbol("length")
    #expect(symbol.linkName == "strlen")
    #expect(symbol.check == .matches)
    #expect(symbol.address.offset == 0x380)
  }
}

@Suite struct ModuleTests {
  private static let declaration = """
    struct timeval { long tv_sec, tv_usec; };
    void do_gettimeofday(struct timeval *tv);
    """

  @Test func aModulesFunctionIsTakenAtTheScriptsWord() throws {
    let resolution = try Script(c: Self.declaration, calls: ["do_gettimeofday"]).resolved()
    let symbol = try resolution.symbol("do_gettimeofday")
    #expect(symbol.address == SymbolAddress(base: .module("ktap_test"), offset: 0))
    #expect(symbol.module == "ktap_test")
    #expect(symbol.check == .unverified)
    #expect(resolution.warnings.map(\.id) == ["unverified"])
    #expect(resolution.warnings[0].message.contains("module 'ktap_test'"))
  }

  @Test func withoutADeclarationItIsAnError() throws {
    let error = try Script(calls: ["do_gettimeofday"]).error()
    #expect(error.id == "undeclared-function")
    #expect(error.message.contains("ktap_test"))
  }

  @Test func theKernelsOwnSymbolsGoFirst() throws {
    #expect(try Script(calls: ["vfs_read"]).resolved().symbol("vfs_read").module == nil)
  }

  @Test func aModuleIsSelectedByName() throws {
    // ffi.C["module:name"]: a name that no C declares.
    var document = TypesDocument()
    document.wants = [
      Want(name: "ktap_test:vfs_read", kind: .symbol, use: .call, at: "s.kp:1:1"),
      Want(name: "ktap_test:nothing", kind: .symbol, use: .call, at: "s.kp:2:1"),
    ]
    let kernel = try FixtureKernel.standard.get()
    let error = try #require(throws: DiagnosticList.self) {
      try KernelResolver.resolve(document, kernel.sources())
    }
    #expect(error.diagnostics.map(\.id) == ["undeclared-function", "unknown-symbol"])
  }

  @Test func severalModulesAreAmbiguous() throws {
    let error = try Script(calls: ["shared"]).error()
    #expect(error.id == "ambiguous-symbol")
    #expect(error.hints == ["name one of them: ktap_test:shared, other:shared"])
  }

  @Test func whatTheKernelGeneratesIsNotFound() throws {
    #expect(try Script(calls: ["bpf_prog_1"]).error().id == "unknown-symbol")
  }
}

@Suite struct UnknownSymbolTests {
  @Test func theScriptsOwnDeclarationIsSuggestedFirst() throws {
    let errors = try Script(
      c: """
        struct timeval { long tv_sec, tv_usec; };
        void do_gettimeofday(struct timeval *tv);
        """, calls: ["do_gettimeofdat"]
    ).failure()
    #expect(errors.map(\.id) == ["unknown-symbol"])
    #expect(errors[0].message == "this kernel (6.1.0-test) has no symbol 'do_gettimeofdat'")
    #expect(errors[0].hints == ["did you mean 'do_gettimeofday', declared at s.kp:2:6?"])
    #expect(errors[0].line == 200)
  }

  @Test func namesOfTheKernelAreSuggestedNext() throws {
    let error = try Script(calls: ["do_gettimeofda64"]).error()
    #expect(error.hints == ["did you mean 'do_gettimeofday', or 'do_settimeofday64'?"])
    #expect(try Script(calls: ["nothing_like_that"]).error().hints.isEmpty)
  }

  @Test func aListWithoutVariablesIsNamedAsTheReason() throws {
    let kernel = FixtureKernel(
      btf: try FixtureKernel.standard.get().btf, kallsyms: "ff00 T _stext\nff10 T init_tasks\n")
    let variable = try Script(c: "extern int init_task;", tokens: ["init_task"]).error(by: kernel)
    #expect(variable.hints.first?.contains("CONFIG_KALLSYMS_ALL") == true)
    let function = try Script(calls: ["init_task"]).error(by: kernel)
    #expect(function.hints == ["did you mean 'init_tasks'?"])
  }

  @Test func allOfThemAreReportedInOneRun() throws {
    let errors = try Script(calls: ["nothing_a", "nothing_b", "init_only"]).failure()
    #expect(errors.map(\.id) == ["unknown-symbol", "unknown-symbol", "init-function"])
  }
}
