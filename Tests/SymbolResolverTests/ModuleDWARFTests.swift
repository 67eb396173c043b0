// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Foundation
import Testing
import TypeIR

@testable import SymbolResolver

/// Types that a module has in its DWARF only: gcc's relocatable files, which modules are.
@Suite struct ModuleDWARFTests {
  private let workshop: Workshop

  private static let source = """
    struct widget { int id; struct widget *next; char name[12]; };
    struct widget first_widget = { 1 };
    static unsigned short level = 3;
    int widget_count(struct widget *from, unsigned char most)
    { level++; int n = 0; for (; from && n < most; from = from->next) n++; return n + level; }
    """

  init() throws {
    workshop = try Workshop()
    try workshop.write("widget.c", Self.source)
  }

  private func sources(_ file: String) throws -> KernelSources {
    let kernel = try FixtureKernel.standard.get()
    return try KernelSources(
      btf: kernel.btf,
      symbols: KernelSymbols(FileBytes(name: "kallsyms", copying: Array(kernel.kallsyms.utf8))),
      identity: KernelIdentity(release: "6.1.0-test", buildID: "abcd"),
      KernelSourceOptions(modules: [workshop.path(file)]))
  }

  private func check(_ file: String) throws {
    let script = Script(
      calls: ["widget:widget_count"], values: ["widget:first_widget", "widget:level"])
    let resolution = try KernelResolver.resolve(script.document(), sources(file))
    #expect(
      try resolution.declaration("widget:first_widget") == "struct widget widget:first_widget")
    #expect(try resolution.declaration("widget:level") == "unsigned short widget:level")
    #expect(
      try resolution.declaration("widget:widget_count")
        == "int widget:widget_count(struct widget *from, unsigned char most)")
    for name in ["first_widget", "level", "widget_count"] {
      let symbol = try resolution.symbol("widget:" + name)
      #expect(symbol.source == .dwarf)
      #expect(symbol.check == .undeclared)
      #expect(symbol.address == SymbolAddress(base: .module("widget"), offset: 0))
    }
    let header = CHeader.text(of: resolution.document)
    #expect(header.contains("extern unsigned short level __asm__(\"widget:level\");"))
    let record = try #require(try resolution.record("widget"))
    #expect(record.members.map(\.bitOffset) == [0, 64, 128])
  }

  @Test(arguments: [["-gdwarf-4"], ["-gdwarf-5"], ["-gdwarf-5", "-gz"]])
  func ofTheModuleItself(_ options: [String]) throws {
    try workshop.compile(options + ["-O1", "-c", "widget.c", "-o", "widget.ko"])
    try check("widget.ko")
  }

  /// What was stripped off lies beside it, and has the same build id.
  @Test func ofItsDebugFile() throws {
    try workshop.compile(["-g", "-O1", "-c", "widget.c", "-o", "widget.o"])
    try workshop.run("ld", "-r", "--build-id", "widget.o", "-o", "widget.ko")
    try workshop.run("objcopy", "--only-keep-debug", "widget.ko", "widget.ko.debug")
    try workshop.run("strip", "--strip-debug", "widget.ko")
    try check("widget.ko")
    // That of another module is not it.
    try workshop.write("widget.c", Self.source + "int other;\n")
    try workshop.compile(["-g", "-O1", "-c", "widget.c", "-o", "widget.o"])
    try workshop.run("ld", "-r", "--build-id", "widget.o", "-o", "widget.ko")
    try workshop.run("strip", "--strip-debug", "widget.ko")
    let errors = try #require(throws: DiagnosticList.self) { try check("widget.ko") }
    #expect(
      Set(errors.diagnostics.map(\.id)) == ["undeclared-variable", "undeclared-function"])
  }

  @Test func aDeclarationIsCompared() throws {
    try workshop.compile(["-g", "-O1", "-c", "widget.c", "-o", "widget.ko"])
    let wrong = Script(
      c: "extern int level __asm__(\"widget:level\"); "
        + "int count(void *, int) __asm__(\"widget:widget_count\");",
      calls: ["count"], values: ["level"])
    let errors = try #require(throws: DiagnosticList.self) {
      try KernelResolver.resolve(wrong.document(), sources("widget.ko"))
    }
    #expect(
      errors.diagnostics.map(\.id).sorted() == ["parameter-differs", "variable-type-differs"])
  }

  /// The BTF of a module means nothing without that of its own kernel.
  @Test func aModuleOfAnotherKernel() throws {
    let kernel = try DebianKernel()
    try workshop.write("modinfo", "name=fuse\0vermagic=5.4.0-1-other SMP mod_unload\0")
    try workshop.run(
      "objcopy", "--update-section", ".modinfo=modinfo", kernel.module("fuse"), "fuse.ko")
    let error = try #require(throws: SourceError.self) {
      try KernelResolver.resolve(
        Script(types: ["struct fuse_conn"]).document(),
        kernel.sources(modules: [workshop.path("fuse.ko")]))
    }
    #expect(error.diagnostic.id == "kernel-mismatch")
    #expect(error.diagnostic.message.contains(" 5.4.0-1-other, not of "))
  }

  /// bpftool's word on what a module enumerates; of one without BTF, DWARF has it.
  @Test func enumeratorsOfAModule() throws {
    let kernel = try DebianKernel()
    let sources = try kernel.sources(modules: [kernel.module("fuse")])
    let found = try KernelResolver.resolve(
      Script(values: ["FUSE_LOOKUP", "fuse:FUSE_INIT"]).document(), sources)
    #expect(found.document.constants.map(\.value) == [1, 26].map { IntegerValue(UInt64($0)) })
    #expect(
      try Explanation.text(of: "FUSE_INIT", sources).contains("  of          enum fuse_opcode"))
    try workshop.write("widget.c", Self.source + "enum widget_mode { WIDGET_ON = 7 } mode;\n")
    try workshop.compile(["-g", "-O1", "-c", "widget.c", "-o", "widget.ko"])
    let own = try KernelResolver.resolve(
      Script(values: ["WIDGET_ON"]).document(), self.sources("widget.ko"))
    #expect(own.document.constants.map(\.value) == [IntegerValue(UInt64(7))])
  }

  @Test func whatAModuleHasIsListed() throws {
    try workshop.compile(["-g", "-O1", "-c", "widget.c", "-o", "widget.ko"])
    let own = try KernelListing.text(matching: "*widget*", sources("widget.ko"))
    #expect(
      own == """
        extern struct widget first_widget; /* module widget */
        int widget_count(struct widget *from, unsigned char most); /* module widget */

        """)
    let kernel = try DebianKernel()
    let text = try KernelListing.text(
      matching: "fuse_conn*", kernel.sources(modules: [kernel.module("fuse")]))
    #expect(text.contains("\nvoid fuse_conn_destroy(struct fuse_mount *fm); /* module fuse */\n"))
    #expect(text.contains("\nextern struct list_head fuse_conn_list; /* module fuse */\n"))
    #expect(text.contains("struct fuse_conn; /* "))
  }

  /// Debian's fuse.ko: its variables are in the -dbg package only.
  @Test func ofARealModule() throws {
    let kernel = try DebianKernel()
    let script = Script(
      calls: ["fuse:fuse_do_open"], values: ["fuse:fuse_conn_list", "fuse:fuse_mutex"])
    let resolution = try KernelResolver.resolve(
      script.document(), kernel.sources(modules: [kernel.module("fuse")]))
    let list = try resolution.symbol("fuse:fuse_conn_list")
    #expect(list.source == .dwarf)
    #expect(list.size == 16)
    #expect(list.facts.definedAt?.hasPrefix("fs/fuse/inode.c:") == true)
    #expect(try resolution.declaration("fuse:fuse_mutex") == "struct mutex fuse:fuse_mutex")
    #expect(try resolution.symbol("fuse:fuse_do_open").source == .btf)
  }
}
