// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import TypeIR

/// A symbol of the kernel with all that its address tells.
struct FoundSymbol: Hashable {
  /// As the kernel has it.
  var name: String
  var module: String?
  var kind: SymbolKind
  var address: SymbolAddress
  /// Bytes to the next higher symbol: an upper bound of its size.
  var gap: UInt64?
  /// The part of the kernel's text that it is in, where that matters to a caller.
  var region: TextRegion?
  /// On the kernel's own list of functions that must not be probed (NOKPROBE_SYMBOL).
  var isKprobeBlacklisted: Bool
  /// How many symbols of its name there are, itself included.
  var namesakes = 1
  /// The source file, as far as it is known: without its folder from a symbol table.
  var file: String?
  /// File and line of its definition, as DWARF has them.
  var definedAt: String?

  /// What selects just this one in a script, as far as that is known.
  var selection: String? {
    if let module { return "\(module):\(name)" }
    return file.map { "\(name)@\($0)" }
  }

  /// Whether it is data in memory that was freed once the kernel had started. The linker's marks
  /// around that memory are addresses, and no less so.
  var isFreed: Bool {
    let marks = TextRegion.initMemory.marks
    return kind == .variable && (region == .initText || region == .initMemory)
      && address.base != .percpu && name != marks.start && name != marks.end
  }

  private var inFile: String { (definedAt ?? file).map { ", \($0)" } ?? "" }

  /// How messages tell it from others.
  var label: String {
    if let module { return "\(module):\(name)" }
    switch address.base {
    case .stext: return "\(name) at _stext+0x\(String(address.offset, radix: 16))\(inFile)"
    default: return "\(name) at 0x\(String(address.offset, radix: 16))\(inFile)"
    }
  }
}

/// A part of the kernel whose functions, or data, are not like others.
enum TextRegion: CaseIterable {
  /// Freed once the kernel has started: functions, and all else.
  case initText, initMemory
  /// Entered by the processor itself, or before the kernel is ready for what calls it.
  case entryText, interruptEntry, noInstrumentation
  /// Where kprobes live.
  case kprobes
  /// Trampolines that the kernel rewrites.
  case staticCalls

  /// The marks that the kernel's linker script sets around it (asm-generic/vmlinux.lds.h).
  var marks: (start: String, end: String) {
    switch self {
    case .initText: ("_sinittext", "_einittext")
    case .initMemory: ("__init_begin", "__init_end")
    case .entryText: ("__entry_text_start", "__entry_text_end")
    case .interruptEntry: ("__irqentry_text_start", "__irqentry_text_end")
    case .noInstrumentation: ("__noinstr_text_start", "__noinstr_text_end")
    case .kprobes: ("__kprobes_text_start", "__kprobes_text_end")
    case .staticCalls: ("__static_call_text_start", "__static_call_text_end")
    }
  }
}

/// Finds symbols by name: what kallsyms or System.map say, in terms that hold from boot to boot.
struct SymbolFinder {
  let symbols: KernelSymbols
  /// Modules by their files, loaded or not.
  private let modules: [String: ELFSymbolTable]
  private let textStart: UInt64
  private let imageEnd: UInt64
  private let regions: [(TextRegion, Range<UInt64>)]
  private let perCPU: Range<UInt64>

  /// Throws `no-stext` if the kernel's own text cannot be told apart.
  init(
    _ symbols: KernelSymbols, modules: [String: ELFSymbolTable] = [:]
  ) throws(SourceError) {
    self.symbols = symbols
    self.modules = modules
    guard let textStart = symbols.address(of: "_stext") else {
      throw SourceError(
        .malformed,
        Diagnostic(
          "no-stext", "there is no symbol '_stext', which all addresses are relative to",
          place: .file(symbols.name)))
    }
    self.textStart = textStart
    imageEnd = symbols.address(of: "_end") ?? .max
    regions = TextRegion.allCases.map {
      ($0, Self.range($0.marks.start, $0.marks.end, symbols))
    }
    perCPU = Self.range("__per_cpu_start", "__per_cpu_end", symbols)
  }

  /// Every symbol that `name` may mean; several are an ambiguity.
  ///
  /// The kernel's own go first: what a script means must not depend on the modules that happen to
  /// be loaded. `module:name` selects a module's.
  func find(_ selection: SymbolSelection) -> [FoundSymbol] {
    let found = symbols.symbols(named: selection.name).filter(isUsable)
    if selection.module == SymbolSelection.kernel {
      return distinct(found.filter { $0.module == nil })
    }
    if let module = selection.module {
      let loaded = distinct(found.filter { $0.module == module })
      return loaded.isEmpty ? find(selection.name, inFileOf: module) : loaded
    }
    let own = found.filter { $0.module == nil }
    guard own.isEmpty, found.isEmpty else { return distinct(own.isEmpty ? found : own) }
    return modules.keys.sorted().flatMap { find(selection.name, inFileOf: $0) }
  }

  /// Of a module that is not loaded, or not here, its file tells the symbols.
  private func find(_ name: String, inFileOf module: String) -> [FoundSymbol] {
    guard let table = modules[module] else { return [] }
    return table.symbols(named: name).filter(\.isDefined).map { symbol in
      let section = table.sectionName(of: symbol) ?? ""
      return FoundSymbol(
        name: symbol.name, module: module, kind: symbol.isFunction ? .function : .variable,
        address: SymbolAddress(base: .module(module), offset: 0),
        gap: symbol.size == 0 ? nil : symbol.size,
        region: section.hasPrefix(".init")
          ? .initText : section.hasPrefix(".noinstr") ? .noInstrumentation : nil,
        isKprobeBlacklisted: section == ".kprobes.text"
          || !table.symbols(named: "_kbl_addr_" + name).isEmpty, file: symbol.file)
    }
  }

  /// Each of `found` with the source file that the kernel's own symbol table says for it.
  func withFiles(_ found: [FoundSymbol], _ table: ELFSymbolTable) -> [FoundSymbol] {
    guard let start = table.symbols(named: "_stext").first?.value else { return found }
    return found.map { symbol in
      var symbol = symbol
      guard symbol.module == nil else { return symbol }
      symbol.file =
        table.symbols(named: symbol.name).first {
          switch symbol.address.base {
          case .stext: $0.value &- start == symbol.address.offset
          case .percpu, .absolute: $0.value == symbol.address.offset
          case .module, .host: false
          }
        }?.file
      return symbol
    }
  }

  /// The clones of a function that compilers make, whose arguments are not those of the original:
  /// `name.isra.0`, `name.constprop.0`, …
  func clones(of name: String) -> [String] {
    symbols.clones(of: name).filter(\.isText).map(\.name)
  }

  /// Every function and variable of the kernel proper whose name's bytes satisfy `predicate`.
  func symbols(where predicate: (UnsafeBufferPointer<UInt8>) -> Bool) -> [FoundSymbol] {
    symbols.symbols(where: predicate).filter { isUsable($0) && $0.module == nil }.map(locate)
  }

  /// Names of functions and variables like `name`, best first.
  func namesNear(_ name: String) -> [String] {
    let candidates = symbols.symbols(near: NearestName.Filter(name)).filter(isUsable).map(\.name)
    return NearestName.suggestions(for: name, among: candidates)
  }

  /// Whether anything is known of a module.
  func knows(module: String) -> Bool {
    module == SymbolSelection.kernel || modules[module] != nil || symbols.lists(module: module)
  }

  /// Whether the list has the kernel's variables: without CONFIG_KALLSYMS_ALL it has functions only.
  var listsVariables: Bool { symbols.address(of: "init_task") != nil }

  /// Whether the name is only mentioned: weak, and defined by nothing in this kernel.
  func isUndefinedWeak(_ name: String) -> Bool {
    symbols.symbols(named: name).contains { "wv".utf8.contains($0.letter) && $0.address == 0 }
  }

  /// Not: undefined weak symbols, and what the kernel lists for JIT code and trampolines.
  private func isUsable(_ symbol: KernelSymbol) -> Bool {
    if "Uu".utf8.contains(symbol.letter) { return false }
    if "wv".utf8.contains(symbol.letter), symbol.address == 0 { return false }
    guard let module = symbol.module else { return true }
    return module != "bpf" && !module.hasPrefix("__builtin__")
  }

  /// Each place once.
  private func distinct(_ symbols: [KernelSymbol]) -> [FoundSymbol] {
    var seen: Set<UInt64> = []
    let places = symbols.filter { seen.insert($0.address).inserted }.map(locate)
    return places.map { place in
      var place = place
      place.namesakes = places.count
      return place
    }
  }

  private func locate(_ symbol: KernelSymbol) -> FoundSymbol {
    FoundSymbol(
      name: symbol.name, module: symbol.module, kind: symbol.isText ? .function : .variable,
      address: address(symbol), gap: symbols.gap(above: symbol.address),
      region: region(of: symbol), isKprobeBlacklisted: isKprobeBlacklisted(symbol))
  }

  private func region(of symbol: KernelSymbol) -> TextRegion? {
    guard symbol.module == nil else { return nil }
    return regions.first { $0.1.contains(symbol.address) }?.0
  }

  /// NOKPROBE_SYMBOL(f) leaves a variable `_kbl_addr_f` (asm-generic/kprobes.h).
  private func isKprobeBlacklisted(_ symbol: KernelSymbol) -> Bool {
    symbol.isText
      && symbols.symbols(named: "_kbl_addr_" + symbol.name).contains { $0.module == symbol.module }
  }

  private func address(_ symbol: KernelSymbol) -> SymbolAddress {
    if let module = symbol.module {
      // A module's symbols are bound by name: it is loaded elsewhere every time.
      return SymbolAddress(base: .module(module), offset: 0)
    }
    if perCPU.contains(symbol.address) {
      return SymbolAddress(base: .percpu, offset: symbol.address - perCPU.lowerBound)
    }
    let isAbsolute = "Aa".utf8.contains(symbol.letter)
    if isAbsolute && !(textStart...max(textStart, imageEnd)).contains(symbol.address) {
      return SymbolAddress(base: .absolute, offset: symbol.address)
    }
    return SymbolAddress(base: .stext, offset: symbol.address &- textStart)
  }

  private static func range(
    _ start: String, _ end: String, _ symbols: KernelSymbols
  ) -> Range<UInt64> {
    guard let start = symbols.address(of: start), let end = symbols.address(of: end), start < end
    else { return 0..<0 }
    return start..<end
  }
}
