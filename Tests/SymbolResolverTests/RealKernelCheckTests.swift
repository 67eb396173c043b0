// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Foundation
import SymbolResolver
import Testing
import TypeIR

/// The checks that `RealKernelTests` leaves, against the same kernel: each refuses (or warns of) one
/// thing, and lets what is nearest to it pass. Two have nothing to refuse in a whole kernel: see below.
@Suite struct RealKernelCheckTests {
  private let kernel: DebianKernel
  /// One for all that a test resolves: the files are opened once.
  private let sources: KernelSources

  init() throws {
    kernel = try DebianKernel()
    sources = kernel.sources()
  }

  private func resolve(_ script: Script) throws -> Resolution {
    try KernelResolver.resolve(script.document(), sources)
  }

  /// The first error.
  private func error(_ script: Script) throws -> Diagnostic {
    let list = try #require(throws: DiagnosticList.self) { try resolve(script) }
    return try #require(list.diagnostics.first { $0.severity == .error })
  }

  // MARK: Types

  @Test func severalTypesOfOneName() throws {
    let ambiguous = try error(Script(types: ["struct irq_info"]))
    #expect(ambiguous.id == "ambiguous-type")
    #expect(ambiguous.notes.count == 3)
    for (note, place) in zip(
      ambiguous.notes, ["8250_core.c:", "events_base.c:", "include/asm/pci_x86.h:"])
    {
      #expect(note.message.contains(place))
    }
    // A file selects: whatever is said, it is right.
    func select(_ file: String) throws -> Resolution {
      var document = TypesDocument()
      document.wants = [Want(name: "struct irq_info@\(file)", kind: .type, at: "--want:1:1")]
      return try KernelResolver.resolve(document, sources)
    }
    for (file, size) in [("tty/serial/8250/8250_core.c", 32), ("pci_x86.h", 16)] {
      #expect(try select(file).record("irq_info")?.size == UInt64(size))
    }
    let nowhere = try #require(throws: DiagnosticList.self) { try select("nowhere.c") }
    #expect(nowhere.diagnostics.first?.notes.count == 3)
    let only = try resolve(Script(types: ["struct irq_desc"]))
    #expect(try only.record("irq_desc") != nil)
    let unknown = try error(Script(types: ["struct task_strut"]))
    #expect(unknown.id == "unknown-type")
    #expect(unknown.hints.first?.contains("'struct task_struct'") == true)
  }

  /// BTF has `char buffer[4096]` here: pahole, which makes it, drops dimensions.
  @Test(arguments: [
    ("[4][1024]", true), ("[4096]", true), ("[4][1025]", false), ("[2][4][512]", true),
  ])
  func arraysOfArrays(_ dimensions: String, _ isRight: Bool) throws {
    let script = Script(
      c: "struct trace_buffer_struct { int nesting; char buffer\(dimensions); };",
      types: ["struct trace_buffer_struct"])
    #expect(try resolve(script).warnings.map(\.id) == (isRight ? [] : ["type-differs"]))
  }

  /// bpftool's word on the size, and that the kernel proper has no such type.
  @Test func typesOfAModuleThatIsNamed() throws {
    let path = try kernel.module("fuse")
    let wanted = Script(types: ["struct fuse_conn"])
    let found = try KernelResolver.resolve(wanted.document(), kernel.sources(modules: [path]))
    let dump = try Workshop().run(
      "/usr/sbin/bpftool", "btf", "dump", "-B", kernel.path, "file", path)
    let line = try #require(
      String(decoding: dump, as: UTF8.self).split(separator: "\n")
        .first { $0.contains("STRUCT 'fuse_conn' size=") })
    let size = try #require(
      line.split(separator: "=").dropFirst().first?.split(separator: " ").first)
    #expect(try found.record("fuse_conn")?.size == UInt64(size))
    #expect(try error(wanted).id == "unknown-type")
  }

  @Test func functionsInAssemblyNeedADeclaration() throws {
    let undeclared = try error(Script(calls: ["memset"]))
    #expect(undeclared.id == "undeclared-function")
    #expect(undeclared.message.contains("assembly"))
    #expect(try resolve(Script(calls: ["schedule"])).symbol("schedule").check == .undeclared)
  }

  /// The file with the BTF lends its build id: the list of symbols has to be of the same kernel.
  @Test func symbolsOfAnotherKernelThanTheBTF() throws {
    let workshop = try Workshop()
    func resolve(_ list: String) throws {
      let map = try workshop.write("System.map", list)
      let sources = KernelSources(
        KernelSourceOptions(btf: kernel.path, systemMap: map, cache: DebianKernel.cache))
      _ = try KernelResolver.resolve(Script(calls: ["vfs_read"]).document(), sources)
    }
    let right = try String(contentsOfFile: kernel.systemMap, encoding: .utf8)
    try resolve(right)
    let moved = right.split(separator: "\n").map { line in
      line.hasSuffix(" _stext") ? "ffffffff80fff000 T _stext" : String(line)
    }
    let error = try #require(throws: SourceError.self) {
      try resolve(moved.joined(separator: "\n") + "\n")
    }
    #expect(error.diagnostic.id == "kernel-mismatch")
  }

  /// nm's word on what lies in the freed memory, which is data and no mark.
  @Test func dataThatIsFreedIsNotRead() throws {
    for (name, isFreed) in [
      ("early_recursion_flag", true), ("early_top_pgt", true), ("init_task", false),
      ("__init_begin", false), ("saved_command_line", false),
    ] {
      let script = Script(c: "extern char \(name)[1];", values: [name])
      let errors = (try? error(script))?.id
      #expect((errors == "init-variable") == isFreed, "\(name): \(errors ?? "")")
    }
  }

  @Test func theKernelsOwnByItsName() throws {
    let own = try resolve(Script(calls: ["vmlinux:vfs_read"]))
    #expect(try own.symbol("vmlinux:vfs_read").module == nil)
    #expect(try error(Script(calls: ["vmlinux:vfs_raed"])).id == "unknown-symbol")
    for name in [":vfs_read", "@", "vfs_read@", "fuse:", ":"] {
      #expect(try error(Script(values: [name])).id == "bad-name", "\(name)")
    }
  }

  @Test func severalEnumeratorsOfOneName() throws {
    let ambiguous = try error(Script(values: ["RES_LIMIT"]))
    #expect(ambiguous.id == "ambiguous-enumerator")
    #expect(Set(ambiguous.notes.map { $0.message.prefix(2) }) == ["1 ", "2 "])
    #expect(ambiguous.notes.contains { $0.message.contains(", mm/hugetlb_cgroup.c:") })
    let one = try resolve(Script(values: ["RES_LIMIT@hugetlb_cgroup.c"])).document.constants
    #expect(one.map(\.name) == ["RES_LIMIT@hugetlb_cgroup.c"])
    #expect(ambiguous.notes.contains { $0.message.hasPrefix("\(one[0].value.bits) in ") })
    // Several, and all the same.
    let same = try resolve(Script(values: ["RES_USAGE", "PIDTYPE_TGID"])).document.constants
    #expect(same.map(\.value) == [IntegerValue(Int64(0)), IntegerValue(Int64(1))])
  }

  @Test func membersAndTagsThatDifferAreWarnedOf() throws {
    func warnings(_ c: String, types: [String] = [], calls: [String] = []) throws -> [String] {
      try resolve(Script(c: c, types: types, calls: calls)).warnings.map(\.id)
    }
    let call = "void ktime_get_real_ts64(struct timespec64 *);"
    let (right, wrong) = (
      "struct timespec64 { long long tv_sec; long tv_nsec; };",
      "struct timespec64 { long long tv_sec; long tv_usec; };"
    )
    #expect(try warnings(right + call, calls: ["ktime_get_real_ts64"]) == [])
    #expect(
      try warnings(wrong + call, calls: ["ktime_get_real_ts64"]) == ["member-name-differs"])
    let pair = "struct list_head { struct list_head *next, *prev; };"
    #expect(try warnings(pair, types: ["struct list_head *"]) == [])
    #expect(
      try warnings("struct list_head { int next; };", types: ["struct list_head *"])
        == ["type-differs"])
    // An enum may have fewer enumerators, or more, and no other values.
    for (values, ids) in [
      ("PIDTYPE_PID", []), ("PIDTYPE_SID = 3, OWN = 9", []), ("PIDTYPE_PID = 1", ["type-differs"]),
    ] {
      #expect(try warnings("enum pid_type { \(values) };", types: ["enum pid_type *"]) == ids)
    }
  }

  /// Member by member: places, widths, how many, and the size.
  @Test func layoutsAreHeldAgainstTheKernels() throws {
    func script(_ members: String) -> Script {
      let c = """
        struct desc_struct { unsigned short limit0, base0, \(members); } __attribute__((packed));
        void native_write_ldt_entry(struct desc_struct *, int, const void *);
        """
      return Script(c: c, calls: ["native_write_ldt_entry"])
    }
    let right = "base1:8, type:4, s:1, dpl:2, p:1, limit1:4, avl:1, l:1, d:1, g:1, base2:8"
    let resolution = try resolve(script(right))
    #expect(resolution.warnings.isEmpty)
    #expect(try resolution.symbol("native_write_ldt_entry").check == .matches)
    for wrong in [
      "base1:8, type:5, s:1, dpl:2, limit1:4, avl:1, l:1, d:1, g:1, base2:8",
      "base1:8, type:4, s:1, dpl:2, p:1, limit1:4, avl:1, l:1, d:1, g:1", "base1, limit1",
    ] {
      let difference = try error(script(wrong))
      #expect(difference.id == "struct-differs")
      #expect(difference.message.contains("struct desc_struct: kernel: "))
    }
  }

  // MARK: Functions

  @Test func ofSeveralFunctionsAFileSelectsOne() throws {
    let files = ["kernel/kallsyms.c", "kernel/trace/trace.c", "mm/vmalloc.c"]
    let resolution = try resolve(Script(calls: files.map { "s_show@\($0)" }))
    let addresses = try kernel.addresses()
    let start = try #require(addresses["_stext"]?.first)
    let found = Set(resolution.document.symbols.map { start + $0.address.offset })
    #expect(found.count == 3)
    #expect(try found.isSubset(of: #require(addresses["s_show"])))
    #expect(try error(Script(calls: ["s_show@fs/read_write.c"])).id == "unknown-symbol")
    // Where a file is not needed, it must be right nevertheless.
    #expect(
      try resolve(Script(calls: ["vfs_read@fs/read_write.c"])).document.symbols.count == 1)
    #expect(try error(Script(calls: ["vfs_read@fs/open.c"])).id == "unknown-symbol")
  }

  /// One address, and several functions of that name in BTF: only DWARF tells which is there.
  @Test func severalPrototypesOfOneName() throws {
    let known = try resolve(Script(calls: ["bq_enqueue"]))
    #expect(try known.symbol("bq_enqueue").source == .dwarf)
    let workshop = try Workshop()
    let btf = workshop.path("btf")
    try workshop.run("objcopy", "--dump-section", ".BTF=\(btf)", kernel.path, "/dev/null")
    // Without the build id, by which the file with DWARF would be found.
    let bare = KernelSources(KernelSourceOptions(btf: btf, systemMap: kernel.systemMap))
    let list = try #require(throws: DiagnosticList.self) {
      try KernelResolver.resolve(Script(calls: ["bq_enqueue"]).document(), bare)
    }
    #expect(list.diagnostics.first?.id == "ambiguous-prototype")
    #expect(list.diagnostics.first?.notes.count == 2)
    let other = try KernelResolver.resolve(Script(calls: ["vfs_read"]).document(), bare)
    #expect(try other.symbol("vfs_read").source == .btf)
  }

  @Test func withoutAPrototypeADeclarationIsTakenAtItsWord() throws {
    // An alias, of which BTF and DWARF say nothing.
    let name = "crc32_le_base"
    #expect(try error(Script(calls: [name])).id == "undeclared-function")
    let c = "unsigned crc32_le_base(unsigned, const unsigned char *, unsigned long);"
    let alias = try resolve(Script(c: c, calls: [name]))
    #expect(try alias.symbol(name).check == .unverified)
    #expect(alias.warnings.map(\.id) == ["unverified"])
    // Written in assembly: `void f(void)` is what BTF says of it, whatever it takes.
    let weight = try resolve(
      Script(c: "unsigned __sw_hweight32(unsigned);", calls: ["__sw_hweight32"]))
    #expect(weight.warnings.map(\.id) == ["unverified"])
    // A real `void f(void)` is held against its declaration.
    #expect(try resolve(Script(c: "void schedule(void);", calls: ["schedule"])).warnings.isEmpty)
  }

  /// Debian's kernel has no function with floating-point or vector parameters or results, and every weak
  /// name in it is defined: the fixtures have such (`FunctionTests`). None is taken for one either.
  @Test func nothingIsRefusedThatAKernelDoesNotHave() throws {
    let btf = try BTF.read(kernel.path)
    let names = Set(btf.names(of: [.function]) { _ in true }).sorted()
    try #require(names.count > 40_000)
    var document = TypesDocument()
    document.wants = stride(from: 0, to: names.count, by: 200).map {
      Want(name: names[$0], kind: .symbol, use: .call, at: "all:\($0 + 1):1")
    }
    let list = try #require(throws: DiagnosticList.self) {
      try KernelResolver.resolve(document, sources)
    }
    let ids = Set(list.diagnostics.map(\.id))
    #expect(ids.contains("init-function"))
    #expect(ids.isDisjoint(with: ["float-parameter", "weak-undefined", "contradiction"]))
  }

  // MARK: Variables

  @Test func variablesAreHeldAgainstTheirDeclarations() throws {
    let cases: [(c: String, name: String, id: String?)] = [
      ("extern struct task_struct init_task;", "init_task", nil),
      ("extern int init_task;", "init_task", "variable-type-differs"),
      ("extern unsigned long volatile jiffies;", "jiffies", nil),
      ("extern int jiffies;", "jiffies", "variable-type-differs"),
      ("extern int cpu_number;", "cpu_number", nil),
      ("extern long cpu_number;", "cpu_number", "variable-type-differs"),
      ("extern char _text[];", "_text", nil), ("int _text(void);", "_text", "kind-differs"),
      ("extern char __kstrtab_vfs_mkdir[];", "__kstrtab_vfs_mkdir", nil),
      ("extern char __kstrtab_vfs_mkdir[4096];", "__kstrtab_vfs_mkdir", "size-exceeds-gap"),
      ("", "__kstrtab_vfs_mkdir", "undeclared-variable"),
      ("", "__nosave_begin", "undeclared-variable"),
    ]
    for (c, name, id) in cases {
      let script = Script(c: c, values: [name])
      if let id {
        #expect(try error(script).id == id, "\(c) \(name)")
      } else {
        let expected: SymbolCheck = name.hasPrefix("__kstrtab") ? .unverified : .matches
        #expect(try resolve(script).symbol(name).check == expected, "\(c)")
      }
    }
  }

  // MARK: Lists of symbols

  @Test func listsThatSayNothing() throws {
    let workshop = try Workshop()
    let document = try Script(calls: ["vfs_read"]).document()
    func outcome(_ options: KernelSourceOptions) -> String? {
      do {
        _ = try KernelResolver.resolve(document, KernelSources(options))
        return nil
      } catch {
        return (error as? SourceError)?.diagnostic.id
      }
    }
    // As kallsyms is to anybody but root, or under kptr_restrict.
    let map = try String(contentsOfFile: kernel.systemMap, encoding: .utf8)
    let hidden = map.split(separator: "\n").map { "0000000000000000" + $0.dropFirst(16) + "\n" }
    let path = try workshop.write("hidden", hidden.joined())
    #expect(
      outcome(KernelSourceOptions(vmlinux: kernel.path, kallsyms: path)) == "kallsyms-hidden")
    #expect(outcome(KernelSourceOptions(vmlinux: kernel.path, kallsyms: kernel.systemMap)) == nil)
    // What the kernel's package has in /boot is not the map.
    let stub = "/boot/System.map-\(kernel.release)"
    #expect(
      outcome(KernelSourceOptions(vmlinux: kernel.path, systemMap: stub)) == "system-map-stub")
  }
}
