// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// What must not be called, as far as name, place and type tell. (What must not be called for what
/// it does, the kernel module knows.)
enum Callability {
  struct Refusal: Equatable {
    /// The id of the diagnostic.
    var id: String
    var message: String
    var hints: [String] = []
  }

  /// Clocks that are `noinstr` or must not be probed on some kernels, and yet made to be called from
  /// anywhere. The kernel module lets them through too (harmless.def).
  static let clocks: Set<String> = [
    "ktime_get_boot_fast_ns", "ktime_get_mono_fast_ns", "ktime_get_raw_fast_ns",
    "ktime_get_real_fast_ns", "ktime_get_tai_fast_ns", "local_clock", "sched_clock",
  ]

  /// Why a symbol cannot be used as the script wants to; nil if it can.
  static func refusal(of symbol: FoundSymbol, _ request: SymbolRequest) -> Refusal? {
    guard symbol.kind == .function else { return refusal(ofData: symbol, request) }
    guard request.isReached else { return nil }
    return refusal(ofName: symbol.name) ?? refusal(ofPlace: symbol)
  }

  private static func refusal(ofData symbol: FoundSymbol, _ request: SymbolRequest) -> Refusal? {
    if symbol.isFreed {
      return Refusal(
        id: "init-variable",
        message: "'\(symbol.name)' is __initdata: its memory was freed when the kernel had started")
    }
    guard request.uses.contains(.call), request.declaration?.kind != .function else { return nil }
    // A variable may hold a pointer to a function: then the declaration says so, and ktapc checks.
    guard request.declaration == nil else { return nil }
    return Refusal(
      id: "not-a-function", message: "'\(symbol.name)' is data, not a function",
      hints: ["ffi.C.\(symbol.name) without '(…)' is its value"])
  }

  /// What compilers and linkers make of functions, told by name.
  private static func refusal(ofName name: String) -> Refusal? {
    for mark in [".isra.", ".constprop.", ".part."] where name.contains(mark) {
      return Refusal(
        id: "function-clone",
        message: "'\(name)' is a clone that the compiler made with other arguments")
    }
    if name.hasSuffix(".cold") || name.contains(".cold.") {
      return Refusal(
        id: "function-part",
        message: "'\(name)' is a part of a function that is jumped into, not called")
    }
    if name.hasPrefix("__pfx_") || name.hasPrefix("__cfi_") {
      return Refusal(
        id: "function-part", message: "'\(name)' is the padding in front of a function")
    }
    if name.hasPrefix("__SCT__") { return staticCall(name) }
    return nil
  }

  private static func staticCall(_ name: String) -> Refusal {
    Refusal(
      id: "function-part",
      message: "'\(name)' is the trampoline of a static call, which the kernel rewrites")
  }

  /// What the place in the kernel's text says, and its list of what must not be probed.
  private static func refusal(ofPlace symbol: FoundSymbol) -> Refusal? {
    let name = symbol.name
    switch symbol.region {
    case .initText, .initMemory:
      return Refusal(
        id: "init-function",
        message: "'\(name)' is __init: its memory was freed when the kernel had started")
    case .staticCalls: return staticCall(name)
    case _ where clocks.contains(name): return nil
    case .noInstrumentation:
      return Refusal(
        id: "noinstr",
        message: "'\(name)' is noinstr: it runs where the kernel is not yet ready for others")
    case .entryText, .interruptEntry:
      return Refusal(
        id: "noinstr", message: "'\(name)' is an entry point of the processor, not a function")
    case .kprobes: return kprobeBlacklisted(name)
    case nil: return symbol.isKprobeBlacklisted ? kprobeBlacklisted(name) : nil
    }
  }

  private static func kprobeBlacklisted(_ name: String) -> Refusal {
    Refusal(
      id: "kprobe-blacklisted",
      message: "'\(name)' is on the kernel's own list of functions that must not be probed")
  }

  /// Floating-point values travel in registers that the kernel does not hand over.
  static func refusal(
    ofPrototype type: FunctionType, _ request: SymbolRequest, _ table: TypeTable
  ) -> Refusal? {
    guard request.isReached else { return nil }
    for (number, parameter) in type.parameters.enumerated() {
      guard let what = vectorRegisters(parameter.type, table) else { continue }
      let name = parameter.name.map { " ('\($0)')" } ?? ""
      return Refusal(
        id: "float-parameter",
        message: "parameter \(number + 1)\(name) of '\(request.name)' is of \(what) type")
    }
    return vectorRegisters(type.returnType, table).map {
      Refusal(id: "float-parameter", message: "'\(request.name)' returns a value of \($0) type")
    }
  }

  /// What travels in vector registers (System V ABI 3.2.3), a record of such included; nil: nothing.
  private static func vectorRegisters(
    _ type: TypeID, _ table: TypeTable, depth: Int = 0
  ) -> String? {
    let type = table.unqualified(type)
    guard type != .void, depth < 64 else { return nil }
    switch table[type] {
    case .float, .complex: return "floating-point"
    case .vector: return "vector"
    case .array(let element, _): return vectorRegisters(element, table, depth: depth + 1)
    case .record(let record):
      // Two eightbytes at most are passed in registers.
      guard let size = record.size, size <= 16 else { return nil }
      return record.members.lazy.compactMap {
        vectorRegisters($0.type, table, depth: depth + 1)
      }.first
    default: return nil
    }
  }
}
