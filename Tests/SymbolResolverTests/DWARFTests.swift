// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Foundation
import Testing
import TypeIR

@testable import SymbolResolver

/// A small kernel of two files, with DWARF: what BTF cannot tell.
@Suite struct DWARFTests {
  private let workshop: Workshop
  private let kernel: String

  private static let first = """
    struct inner { int a; char b; };
    struct local { struct inner inner; long c : 5; long d : 11; };
    enum state { STATE_IDLE, STATE_BUSY = 40 };
    typedef unsigned int u32;
    extern volatile unsigned long ticks;
    extern int clash;
    static __attribute__((used)) struct local here = { { 1, 2 } };
    u32 counter = 1;
    const char *const names[] = { "a", "b" };
    enum state state;
    int (*handler)(struct local *local, u32 flags);
    static inline __attribute__((always_inline)) int tiny(int x) { return x + 1; }
    static __attribute__((noinline, used)) int twin(int x) { return x + clash; }
    __attribute__((noreturn, noinline)) void stops(void) { for (;;) counter++; }
    int agreed(long x) { return twin(tiny(x)) + here.c; }
    void _start(void) { ticks++; stops(); }
    """

  private static let second = """
    struct local { long other; };
    extern volatile unsigned long ticks;
    extern long clash;
    struct local there;
    static __attribute__((noinline, used)) char *twin(char *x) { return x + clash; }
    char *more(char *x) { there.other = ticks; return twin(x); }
    """

  init() throws {
    workshop = try Workshop()
    try FileManager.default.createDirectory(
      atPath: workshop.path("sub"), withIntermediateDirectories: true)
    try workshop.write("first.c", Self.first)
    try workshop.write("sub/second.c", Self.second)
    try workshop.run(
      "gcc", "-O1", "-g", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-o", "kernel", "first.c",
      "sub/second.c", "-Wl,--defsym=_stext=_start,--defsym=ticks=counter,--defsym=clash=counter")
    kernel = workshop.path("kernel")
  }

  /// With a BTF that says of `agreed` what the source does not.
  private func sources() throws -> KernelSources {
    let btf = try BTF.read(
      workshop.objectWithBTF(
        "struct inner { int a; char b; }; struct inner inner; char c;\n"
          + "int agreed(char *x) { return *x; }\nvoid stops(void) {}\n"))
    let symbols = KernelSymbols(try ELFSymbolTable(ELFFile(path: kernel)))
    return try KernelSources(
      btf: btf, symbols: symbols, identity: KernelIdentity(release: "6.1.0-test", buildID: "abcd"),
      KernelSourceOptions(vmlinux: kernel))
  }

  private func resolve(_ script: Script) throws -> Resolution {
    try KernelResolver.resolve(script.document(), sources())
  }

  private func error(_ script: Script) throws -> Diagnostic {
    let list = try #require(throws: DiagnosticList.self) { try resolve(script) }
    return try #require(list.diagnostics.first { $0.severity == .error })
  }

  @Test(arguments: [
    ("counter", "u32 counter"), ("names", "const char *const names[2]"),
    ("state", "enum state state"),
    ("handler", "int (*handler)(struct local *, u32)"), ("here", "struct local here"),
  ])
  func variablesHaveTheirTypes(name: String, declaration: String) throws {
    let resolution = try resolve(Script(values: [name]))
    let found = try resolution.declaration(name)
    #expect(found == declaration)
    let symbol = try resolution.symbol(name)
    #expect(symbol.source == .dwarf)
    #expect(symbol.check == .undeclared)
    #expect(symbol.facts.definedAt?.contains("first.c:") == true)
  }

  @Test func ofSeveralStructsEachVariableHasItsOwn() throws {
    let resolution = try resolve(Script(values: ["here", "there"]))
    var members: [[String?]] = []
    for case .record(let record) in resolution.document.types.entries.map(\.type)
    where record.tag == "local" {
      members.append(record.members.map(\.name))
    }
    #expect(members.sorted { $0.count > $1.count } == [["inner", "c", "d"], ["other"]])
  }

  @Test func whatIsOnlyDeclaredIsWhatAllDeclarationsSay() throws {
    let resolution = try resolve(Script(tokens: ["ticks"]))
    #expect(try resolution.symbol("ticks").source == .dwarfDeclaration)
    #expect(try resolution.declaration("ticks") == "volatile unsigned long ticks")
    let matching = Script(c: "extern unsigned long volatile ticks;", tokens: ["ticks"])
    #expect(try resolve(matching).symbol("ticks").check == .matches)
    let wrong = Script(c: "extern int ticks;", tokens: ["ticks"])
    #expect(try error(wrong).id == "variable-type-differs")
    let clash = try error(Script(tokens: ["clash"]))
    #expect(clash.id == "ambiguous-declaration")
    #expect(clash.notes.map(\.message).sorted() == ["int clash", "long clash"])
  }

  @Test func functionsOfOneNameAreToldApartByFile() throws {
    let ambiguous = try error(Script(calls: ["twin"]))
    #expect(ambiguous.id == "ambiguous-symbol")
    #expect(ambiguous.notes.contains { $0.message.hasSuffix("first.c:13") })
    #expect(ambiguous.notes.contains { $0.message.hasSuffix("sub/second.c:5") })
    let resolution = try resolve(Script(calls: ["twin@first.c", "twin@sub/second.c"]))
    #expect(try resolution.declaration("twin@first.c") == "int twin@first.c(int x)")
    #expect(try resolution.declaration("twin@sub/second.c") == "char *twin@sub/second.c(char *x)")
    let addresses = resolution.document.symbols.map(\.address.offset)
    #expect(Set(addresses).count == 2)
    #expect(resolution.document.symbols.allSatisfy { $0.source == .dwarf && $0.linkName == "twin" })
    let declared = Script(
      c: "char *second(char *) __asm__(\"twin@second.c\");", calls: ["second"])
    #expect(try resolve(declared).symbol("second").check == .matches)
    #expect(try error(Script(calls: ["twin@third.c"])).id == "unknown-symbol")
  }

  @Test func whatBTFAndDWARFDisagreeAboutIsNotCalled() throws {
    let contradiction = try error(Script(calls: ["agreed"]))
    #expect(contradiction.id == "contradiction")
    #expect(
      contradiction.notes.map(\.message) == [
        "BTF:   int agreed(char *x)", "DWARF: int agreed(long x)",
      ])
    // Its address may be taken.
    #expect(try resolve(Script(tokens: ["agreed"])).document.symbols.count == 1)
  }

  @Test func functionsWithoutAddressAndWithoutReturn() throws {
    #expect(try error(Script(calls: ["tiny"])).id == "inlined")
    #expect(try resolve(Script(calls: ["stops"])).symbol("stops").facts.isNoReturn == true)
    #expect(try resolve(Script(calls: ["more"])).symbol("more").facts.isNoReturn == false)
    let text = try Explanation.text(of: "tiny", sources())
    #expect(text.contains("prototype   int tiny(int x);  (dwarf)"))
    #expect(text.contains("first.c:12"))
    #expect(text.contains("[inlined]"))
    #expect(try Explanation.text(of: "stops", sources()).contains("returns     never"))
  }

  @Test func enumeratorsThatBTFDoesNotHave() throws {
    let constant = try #require(resolve(Script(values: ["STATE_BUSY"])).document.constants.first)
    #expect(constant.value == IntegerValue(UInt64(40)))
  }
}
