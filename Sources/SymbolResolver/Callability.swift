// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// What must not be called, as far as name, place and type tell. (What must not be called for what
/// it does, the kernel module knows.)
enum Callability {
  struct Refusal: Equatable {
    var message: String
    var hints: [String] = []
  }

  /// Why a symbol cannot be used as the script wants to; nil if it can.
  static func refusal(of symbol: FoundSymbol, _ request: SymbolRequest) -> Refusal? {
    guard symbol.kind == .function else { return refusal(ofData: symbol, request) }
    guard request.isReached else { return nil }
    if symbol.isInitText {
      return Refusal(
        message: "'\(symbol.name)' is __init: its memory was freed when the kernel had started")
    }
    return refusal(ofName: symbol.name)
  }

  private static func refusal(ofData symbol: FoundSymbol, _ request: SymbolRequest) -> Refusal? {
    guard request.uses.contains(.call), request.declaration?.kind != .function else { return nil }
    // A variable may hold a pointer to a function: then the declaration says so, and ktapc checks.
    guard request.declaration == nil else { return nil }
    return Refusal(message: "'\(symbol.name)' is data, not a function")
  }

  /// What compilers and linkers make of functions, told by name.
  private static func refusal(ofName name: String) -> Refusal? {
    for mark in [".isra.", ".constprop.", ".part."] where name.contains(mark) {
      return Refusal(
        message: "'\(name)' is a clone that the compiler made with other arguments")
    }
    if name.hasSuffix(".cold") || name.contains(".cold.") {
      return Refusal(
        message: "'\(name)' is a part of a function that is jumped into, not called")
    }
    if name.hasPrefix("__pfx_") || name.hasPrefix("__cfi_") {
      return Refusal(message: "'\(name)' is the padding in front of a function")
    }
    if name.hasPrefix("__SCT__") {
      return Refusal(
        message: "'\(name)' is the trampoline of a static call, which the kernel rewrites")
    }
    return nil
  }

  /// Floating-point values travel in registers that the kernel does not hand over.
  static func refusal(
    ofPrototype prototype: BTFTypeID, _ request: SymbolRequest, _ btf: BTF
  ) -> Refusal? {
    guard request.isReached else { return nil }
    for (number, parameter) in btf.parameters(of: prototype).enumerated()
    where isFloat(parameter.type, btf) {
      return Refusal(
        message: "parameter \(number + 1) of '\(request.name)' is of floating-point type")
    }
    return isFloat(btf[prototype].target, btf)
      ? Refusal(message: "'\(request.name)' returns a value of floating-point type") : nil
  }

  private static func isFloat(_ type: BTFTypeID, _ btf: BTF) -> Bool {
    btf[btf.unqualified(type)].kind == .float
  }
}
