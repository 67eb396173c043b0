// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Diagnostics
import Testing
import TypeIR

@testable import SymbolResolver

@Suite struct VariableTests {
  @Test func aDeclaredOneIsTakenAtItsWord() throws {
    let resolution = try Script(
      c: "extern unsigned long volatile jiffies;", tokens: ["jiffies"]
    ).resolved()
    let symbol = try resolution.symbol("jiffies")
    #expect(symbol.kind == .variable)
    #expect(symbol.check == .unverified)
    #expect(symbol.source == .symtab)
    #expect(symbol.address == SymbolAddress(base: .stext, offset: 0x100_0000))
    #expect(symbol.size == 8)
    #expect(resolution.warnings.isEmpty)
  }

  @Test func anUndeclaredOneNeedsADeclaration() throws {
    let error = try Script(tokens: ["jiffies"]).error()
    #expect(error.id == "undeclared-variable")
    #expect(error.hints.first == "declare it in a cdef: extern TYPE jiffies;")
    #expect(error.hints.last?.contains("linux-image-6.1.0-test-dbg") == true)
  }

  @Test func itMustFitInFrontOfTheNextSymbol() throws {
    let error = try Script(c: "extern long counter;", values: ["counter"]).error()
    #expect(error.id == "size-exceeds-gap")
    #expect(error.message.contains("declared with 8 bytes"))
    #expect(error.message.contains("only 4 between"))
    #expect(
      try Script(c: "extern int counter;", values: ["counter"]).resolved().symbol("counter").size
        == 4)
    // An array of unknown length has no size to compare.
    _ = try Script(c: "extern char counter[];", values: ["counter"]).resolved()
  }

  @Test func theTypeOfADeclaredOneComesFromTheKernel() throws {
    let resolution = try Script(
      c: "extern struct task init_task;", tokens: ["init_task"], members: ["comm"]
    ).resolved()
    let task = try #require(try resolution.record("task"))
    #expect(task.members.contains { $0.name == "comm" })
    #expect(task.size != nil)
  }

  @Test func perCPUVariablesHaveTypes() throws {
    let resolution = try Script(values: ["cpu_number", "cpu_task"]).resolved()
    let number = try resolution.symbol("cpu_number")
    #expect(number.address == SymbolAddress(base: .percpu, offset: 0x1000))
    #expect(number.check == .undeclared)
    #expect(number.size == 4)
    #expect(try resolution.declaration("cpu_task") == "struct task cpu_task")
  }

  /// Up to 6.14 the per-CPU section was linked at 0; since then it has addresses like all others.
  @Test func perCPUOffsetsCountFromTheirSection() throws {
    let kernel = FixtureKernel(
      btf: try FixtureKernel.standard.get().btf,
      kallsyms: """
        ffffffff81000000 T _stext
        ffffffff82000000 D __per_cpu_start
        ffffffff82000040 D cpu_number
        ffffffff82001000 D __per_cpu_end

        """)
    let resolution = try Script(values: ["cpu_number"]).resolved(by: kernel)
    #expect(
      try resolution.symbol("cpu_number").address == SymbolAddress(base: .percpu, offset: 0x40))
  }

  @Test func perCPUVariablesAreCompared() throws {
    let matching = try Script(c: "extern int cpu_number;", values: ["cpu_number"]).resolved()
    #expect(try matching.symbol("cpu_number").check == .matches)
    let error = try Script(c: "extern long cpu_number;", values: ["cpu_number"]).error()
    #expect(error.id == "variable-type-differs")
    #expect(error.message.contains("kernel: `int`; yours: `long`"))
  }

  @Test func absoluteSymbolsDoNotMove() throws {
    let resolution = try Script(c: "extern char build_salt[];", tokens: ["build_salt"]).resolved()
    #expect(
      try resolution.symbol("build_salt").address
        == SymbolAddress(base: .absolute, offset: 0xabcdef))
  }

  @Test func marksOfTheLinkerMayBeDeclaredAsArrays() throws {
    let resolution = try Script(
      c: "extern char _sinittext[], _stext[];", tokens: ["_sinittext", "_stext"]
    ).resolved()
    let symbol = try resolution.symbol("_sinittext")
    #expect(symbol.kind == .variable)
    #expect(symbol.address.offset == 0x200_0000)
  }

  @Test func aVariableIsNoFunction() throws {
    let error = try Script(c: "void jiffies(void);", calls: ["jiffies"]).error()
    #expect(error.id == "kind-differs")
    #expect(error.message.contains("kernel: a variable; yours: a function"))
  }
}

@Suite struct ConstantTests {
  @Test func enumeratorsOfTheKernelAreConstants() throws {
    let resolution = try Script(values: ["PIDTYPE_MAX"]).resolved()
    let constant = try #require(resolution.document.constants.first)
    #expect(constant.name == "PIDTYPE_MAX")
    #expect(constant.value == IntegerValue(UInt64(7)))
    #expect(resolution.document.types.spelling(constant.type) == "enum pid_type")
    #expect(resolution.document.symbols.isEmpty)
  }

  @Test func theScriptsOwnGoFirst() throws {
    let resolution = try Script(
      c: "enum mine { PIDTYPE_MAX = 3 };\n#define strlen 5\n", values: ["PIDTYPE_MAX", "strlen"]
    ).resolved()
    #expect(
      resolution.document.constants.sorted { $0.name < $1.name }.map(\.value.bits) == [3, 5])
    #expect(resolution.document.symbols.isEmpty)
  }

  @Test func enumeratorsOfSeveralValuesAreAmbiguous() throws {
    var writer = BTFWriter()
    writer.enumeration("one", [("X", 1), ("Y", 2)])
    writer.enumeration("two", signed: true, [("X", -1), ("Y", 2)])
    let kernel = FixtureKernel(btf: try writer.btf(), kallsyms: "ff00 T _stext\n")
    let error = try Script(values: ["X"]).error(by: kernel)
    #expect(error.id == "ambiguous-enumerator")
    #expect(error.notes.map(\.message) == ["1 in enum one", "-1 in enum two"])
    let same = try Script(values: ["Y"]).resolved(by: kernel)
    #expect(same.document.constants.map(\.value.bits) == [2])
  }
}
