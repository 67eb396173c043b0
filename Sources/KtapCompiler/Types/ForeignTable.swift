// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import KtapImage
import TypeIR

/// What a script's foreign names and type strings are in the image: its types, plans and symbols.
struct ForeignTable {
  /// A foreign function or variable.
  struct Symbol {
    /// In the image.
    var index: Int
    /// A variable of which every processor has its own.
    var isPerCPU: Bool
    var isFunction: Bool
    var isVariadic: Bool
    var parameterCount: Int
    /// Its type, of a function or of the variable's value.
    var type: Int
    /// Why it cannot be called, where it is a function that cannot.
    var notCallable: NotCallable?
  }

  enum Meaning {
    case symbol(Symbol)
    case constant(IntegerValue, isUnsigned: Bool)
  }

  /// The image's types.
  private(set) var types: [LoweredType] = []
  private var meanings: [String: Meaning] = [:]
  private var typeIndexes: [String: Int] = [:]

  /// A table for a script that needs nothing of C.
  init() {}

  /// Writes what `needs` uses of the document, and nothing else, into the image.
  init(
    _ needs: ForeignNeeds, _ document: ResolvedDocument, _ image: inout ImageBuilder
  ) throws(Diagnostic) {
    let expressions = Dictionary(
      document.expressions.map { ($0.text, $0.type) }, uniquingKeysWith: { first, _ in first })
    let symbols = Dictionary(
      document.symbols.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let texts = needs.types.map(\.text).filter { expressions[$0] != nil }
    let used = Self.distinct(needs.names.map(\.foreign.name)).compactMap { symbols[$0] }
    let lowering = try TypeLowering(
      document, roots: texts.compactMap { expressions[$0] } + used.map(\.type))
    types = lowering.types
    var writer = TypeWriter(types)
    writer.write(to: &image)
    for (text, type) in zip(texts, lowering.roots) { typeIndexes[text] = type }
    for (symbol, type) in zip(used, lowering.roots.dropFirst(texts.count)) {
      var meaning = Self.symbol(symbol, type, lowering.types, &image)
      meaning.notCallable = writer.notCallable[type]
      meanings[symbol.name] = .symbol(meaning)
    }
    addConstants(of: document)
  }

  private static func distinct(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  private static func symbol(
    _ symbol: ResolvedSymbol, _ type: Int, _ types: [LoweredType], _ image: inout ImageBuilder
  ) -> Symbol {
    let (base, module) = place(symbol, &image)
    // Modules and shared objects move by themselves: what is in them is found by name.
    let isByName = base == KTAP_BASE_MODULE || base == KTAP_BASE_HOST
    let name = image.intern(symbol.linkName ?? bareName(symbol.name))
    image.symbols.append(
      ktap_image_symbol(
        name: name, module: module,
        kind: symbol.kind == .function
          ? KTAP_SYMBOL_FUNCTION.rawValue : KTAP_SYMBOL_VARIABLE.rawValue,
        base: base.rawValue, offset: isByName ? 0 : symbol.address.offset,
        size: symbol.size ?? (symbol.kind == .variable ? types[type].size : 0),
        type: UInt32(type),
        flags: symbol.check == .unverified ? KTAP_SYMBOL_UNVERIFIED : 0))
    return Symbol(
      index: image.symbols.count - 1,
      isPerCPU: base == KTAP_BASE_PERCPU && symbol.kind == .variable,
      isFunction: symbol.kind == .function && types[type].kind == .function,
      isVariadic: types[type].has(KTAP_TYPE_VARIADIC),
      parameterCount: types[type].parameters.count,
      type: type)
  }

  /// `module:name@file.c` selects among several symbols called `name`.
  private static func bareName(_ name: String) -> String {
    let behindModule = name.split(separator: ":", maxSplits: 1).last ?? ""
    return String(behindModule.split(separator: "@", maxSplits: 1).first ?? "")
  }

  private static func place(
    _ symbol: ResolvedSymbol, _ image: inout ImageBuilder
  ) -> (ktap_symbol_base, UInt32) {
    switch symbol.address.base {
    case .stext: (KTAP_BASE_STEXT, imageNone)
    case .percpu: (KTAP_BASE_PERCPU, imageNone)
    case .absolute: (KTAP_BASE_ABSOLUTE, imageNone)
    case .module(let name): (KTAP_BASE_MODULE, image.intern(name))
    case .host(let name): (KTAP_BASE_HOST, name.isEmpty ? imageNone : image.intern(name))
    }
  }

  /// Functions and variables come before enumerators and macros of the same name.
  private mutating func addConstants(of document: ResolvedDocument) {
    for constant in document.constants where meanings[constant.name] == nil {
      meanings[constant.name] = .constant(
        constant.value, isUnsigned: Self.isUnsigned(constant, document.types))
    }
  }

  /// Narrower types promote to signed 64 bits, which hold all their values (C11 6.3.1.8).
  private static func isUnsigned(_ constant: Constant, _ types: TypeTable) -> Bool {
    if !constant.value.isNegative, constant.value.bits > UInt64(Int64.max) { return true }
    guard constant.type != .void, types.contains(constant.type),
      case .int(_, let size, _, .unsigned) = types[constant.type]
    else { return false }
    return size >= 8
  }

  func meaning(of name: String) -> Meaning? { meanings[name] }

  func type(_ text: String) -> Int? { typeIndexes[text] }

  var names: [String] { meanings.keys.sorted() }
}
