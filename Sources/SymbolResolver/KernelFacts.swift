// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// What the kernel's own ELF file says about its symbols, beyond their addresses and types.
struct KernelFacts {
  let table: ELFSymbolTable
  private let start: UInt64
  private let sleep: SleepAnalysis.Lazily

  /// nil for a file without the kernel's text.
  init?(_ table: ELFSymbolTable) {
    guard let start = table.symbols(named: "_stext").first?.value else { return nil }
    self.table = table
    self.start = start
    sleep = SleepAnalysis.Lazily(table)
  }

  /// Where the file was linked to have a symbol of the kernel proper; nil for a module's.
  func linkAddress(of symbol: FoundSymbol) -> UInt64? {
    switch symbol.address.base {
    case .stext: start &+ symbol.address.offset
    case .percpu, .absolute: symbol.address.offset
    case .module, .host: nil
    }
  }

  /// `dwarf`: the symbol's own entry, where one was looked for.
  func facts(
    of symbol: FoundSymbol, _ entry: DWARFEntry?, _ dwarf: DWARFSource?
  ) -> SymbolFacts {
    var facts = self.facts(of: symbol)
    if let entry {
      facts.definedAt = dwarf?.place(of: entry)
      if symbol.kind == .function { facts.isNoReturn = entry.flags.contains(.noReturn) }
    }
    return facts
  }

  private func facts(of symbol: FoundSymbol) -> SymbolFacts {
    var facts = SymbolFacts()
    guard let own = entry(of: symbol) else { return facts }
    facts.section = table.sectionName(of: own)
    facts.isExported = exportSection(of: symbol) != nil
    if symbol.kind == .function {
      facts.maySleep =
        switch sleepMark(of: own) {
        case .sleeps: .yes
        case .doesNot: .no
        case .notKnown: .notKnown
        case .none: nil
        }
    }
    return facts
  }

  /// The table's own entry, with the size that kallsyms does not tell.
  func entry(of symbol: FoundSymbol) -> ELFSymbol? {
    guard let address = linkAddress(of: symbol) else { return nil }
    return table.symbols(named: symbol.name).first { $0.isDefined && $0.value == address }
  }

  /// Of the index, if there is one.
  private func sleepMark(of symbol: ELFSymbol) -> SleepAnalysis.Mark {
    if let mark = table.mark(of: symbol) { return SleepAnalysis.Mark(rawValue: mark) ?? .none }
    return sleep.analysis.outcome(ofFunctionAt: symbol.value)?.mark ?? .none
  }

  func sleepOutcome(of symbol: FoundSymbol) -> SleepAnalysis.Outcome? {
    linkAddress(of: symbol).flatMap(sleep.analysis.outcome(ofFunctionAt:))
  }

  /// EXPORT_SYMBOL(f) puts a `__ksymtab_f` into the section `__ksymtab`, EXPORT_SYMBOL_GPL(f) into
  /// `__ksymtab_gpl` (linux/export.h); nil: the symbol is not exported.
  func exportSection(of symbol: FoundSymbol) -> String? {
    table.symbols(named: "__ksymtab_" + symbol.name).first.flatMap(table.sectionName)
  }
}
