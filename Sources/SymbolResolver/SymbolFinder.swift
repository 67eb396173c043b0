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
  /// In the part of the kernel that is freed once it has started.
  var isInitText: Bool

  /// How a person asks for just this one, and how messages tell it from others.
  var label: String {
    if let module { return "\(module):\(name)" }
    switch address.base {
    case .stext: return "\(name) at _stext+0x\(String(address.offset, radix: 16))"
    default: return "\(name) at 0x\(String(address.offset, radix: 16))"
    }
  }
}

/// Finds symbols by name: what kallsyms or System.map say, in terms that hold from boot to boot.
struct SymbolFinder {
  let symbols: KernelSymbols
  private let textStart: UInt64
  private let imageEnd: UInt64
  private let initText: Range<UInt64>
  private let perCPU: Range<UInt64>

  /// Throws `no-stext` if the kernel's own text cannot be told apart.
  init(_ symbols: KernelSymbols) throws(SourceError) {
    self.symbols = symbols
    guard let textStart = symbols.address(of: "_stext") else {
      throw SourceError(
        .malformed,
        Diagnostic(
          "no-stext", "there is no symbol '_stext', which all addresses are relative to",
          place: .file(symbols.name)))
    }
    self.textStart = textStart
    imageEnd = symbols.address(of: "_end") ?? .max
    initText = Self.range("_sinittext", "_einittext", symbols)
    perCPU = Self.range("__per_cpu_start", "__per_cpu_end", symbols)
  }

  /// Every symbol that `name` may mean; several are an ambiguity.
  ///
  /// The kernel's own go first: what a script means must not depend on the modules that happen to
  /// be loaded. `module:name` selects a module's.
  func find(_ name: String) -> [FoundSymbol] {
    let selected = selection(name)
    let found = symbols.symbols(named: selected.name).filter(isUsable)
    if let module = selected.module {
      return distinct(found.filter { $0.module == module })
    }
    let own = found.filter { $0.module == nil }
    return distinct(own.isEmpty ? found : own)
  }

  /// The clones of a function that compilers make, whose arguments are not those of the original:
  /// `name.isra.0`, `name.constprop.0`, …
  func clones(of name: String) -> [String] {
    let prefix = Array((name + ".").utf8)
    return symbols.symbols { $0.count > prefix.count && $0.starts(with: prefix) }
      .filter(\.isText).map(\.name)
  }

  /// Names of functions and variables like `name`, best first.
  func namesNear(_ name: String) -> [String] {
    let filter = NearestName.Filter(name)
    let candidates = symbols.symbols { filter.mayBeNear($0) }.filter(isUsable).map(\.name)
    return NearestName.suggestions(for: name, among: candidates)
  }

  /// Whether the list has the kernel's variables: without CONFIG_KALLSYMS_ALL it has functions only.
  var listsVariables: Bool { symbols.address(of: "init_task") != nil }

  private func selection(_ name: String) -> (module: String?, name: String) {
    guard let colon = name.firstIndex(of: ":") else { return (nil, name) }
    return (String(name[..<colon]), String(name[name.index(after: colon)...]))
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
    return symbols.filter { seen.insert($0.address).inserted }.map(locate)
  }

  private func locate(_ symbol: KernelSymbol) -> FoundSymbol {
    FoundSymbol(
      name: symbol.name, module: symbol.module, kind: symbol.isText ? .function : .variable,
      address: address(symbol), gap: symbols.gap(above: symbol.address),
      isInitText: symbol.module == nil && initText.contains(symbol.address))
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
