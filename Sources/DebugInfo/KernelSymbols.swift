// SPDX-License-Identifier: MIT

import Diagnostics

/// A symbol of a running kernel, as a line of /proc/kallsyms or System.map says it.
public struct KernelSymbol: Hashable, Sendable {
  public var name: String
  public var address: UInt64
  /// As nm(1) prints it: `T` text, `D` data, `A` absolute, …; lower case: local.
  public var letter: UInt8
  /// nil: of the kernel proper.
  public var module: String?

  public init(name: String, address: UInt64, letter: UInt8, module: String? = nil) {
    self.name = name
    self.address = address
    self.letter = letter
    self.module = module
  }

  /// Whether it is code. (`w`, `W` are weak functions; weak objects are `v`, `V`.)
  public var isText: Bool { "TtWw".utf8.contains(letter) }
}

/// The symbols of a kernel: /proc/kallsyms, or a System.map.
///
/// One pass over the bytes finds names and addresses and hashes the names; nothing is copied.
/// kallsyms tells no sizes: the distance to the next higher address is an upper bound.
public final class KernelSymbols {
  struct Entry {
    var address: UInt64
    var nameOffset: UInt32
    var nameLength: UInt16
    /// Into `modules`; 0: the kernel proper.
    var module: UInt16
    var letter: UInt8
  }

  public let name: String
  private let storage: FileBytes
  private let entries: ContiguousArray<Entry>
  private let modules: [String]
  private let index: NameIndex
  /// Every address once, ascending.
  private lazy var addresses: ContiguousArray<UInt64> = {
    var last: UInt64?
    return ContiguousArray(
      entries.map(\.address).sorted().filter { address in
        defer { last = address }
        return address != last
      })
  }()

  /// Parses `storage`.
  ///
  /// Throws `bad-kallsyms` with line and column for a line that is none, `kallsyms-hidden` if the
  /// kernel shows no addresses to this user, `system-map-stub` for Debian's stand-in.
  public init(_ storage: FileBytes) throws(SourceError) {
    self.storage = storage
    name = storage.name
    var parser = KallsymsParser(storage)
    try parser.parse()
    (entries, modules) = (parser.entries, parser.modules)
    var index = NameIndex(count: entries.count)
    for (number, hash) in parser.hashes.enumerated() { index.insert(number, hash: hash) }
    self.index = index
    try checkAddressesAreShown()
  }

  /// The symbols of an uncompressed kernel's own table, in the place that it was linked for.
  public init(_ table: ELFSymbolTable) {
    let (names, entries) = table.kernelSymbols()
    storage = FileBytes(name: table.file.path, copying: names)
    name = storage.name
    self.entries = ContiguousArray(entries)
    modules = [""]
    var index = NameIndex(count: entries.count)
    for (number, entry) in entries.enumerated() {
      index.insert(
        number, hash: NameHash.of(storage.bytes.baseAddress! + Int(entry.nameOffset)))
    }
    self.index = index
  }

  public var count: Int { entries.count }

  /// The symbols called `name`, in the order of the file.
  public func symbols(named name: String) -> [KernelSymbol] {
    var name = name
    return name.withUTF8 { wanted in
      Array(index.candidates(hash: NameHash.of(wanted)))
        .filter { nameBytes($0).elementsEqual(wanted) }.reversed().map(symbol)
    }
  }

  /// Whether there is a symbol of `module`.
  public func lists(module: String) -> Bool { modules.contains(module) }

  /// The address of the kernel's own symbol `name`.
  public func address(of name: String) -> UInt64? {
    symbols(named: name).first { $0.module == nil }?.address
  }

  /// Bytes up to the next higher address that has a symbol; nil above the last one.
  public func gap(above address: UInt64) -> UInt64? {
    var low = 0
    var high = addresses.count
    while low < high {
      let middle = (low + high) / 2
      if addresses[middle] <= address { low = middle + 1 } else { high = middle }
    }
    return low < addresses.count ? addresses[low] - address : nil
  }

  /// Every symbol whose name's bytes satisfy `predicate`, in the order of the file.
  public func symbols(where predicate: (UnsafeBufferPointer<UInt8>) -> Bool) -> [KernelSymbol] {
    entries.indices.filter { predicate(nameBytes($0)) }.map(symbol)
  }

  /// Whether `other` may be a list of the same kernel's symbols, loaded elsewhere perhaps: 64 of the
  /// functions are equally far from `_stext`.
  public func hasSameOffsets(as other: KernelSymbols) -> Bool {
    guard let mine = address(of: "_stext"), let its = other.address(of: "_stext") else {
      return false
    }
    var left = 64
    for number in stride(from: 0, to: entries.count, by: max(1, entries.count / 256)) {
      let symbol = symbol(number)
      guard symbol.isText, symbol.module == nil, symbols(named: symbol.name).count == 1 else {
        continue
      }
      guard let address = other.address(of: symbol.name),
        address &- its == symbol.address &- mine
      else { return false }
      left -= 1
      if left == 0 { break }
    }
    return true
  }

  private func symbol(_ number: Int) -> KernelSymbol {
    let entry = entries[number]
    return KernelSymbol(
      name: String(decoding: nameBytes(number), as: UTF8.self), address: entry.address,
      letter: entry.letter, module: entry.module == 0 ? nil : modules[Int(entry.module)])
  }

  private func nameBytes(_ number: Int) -> UnsafeBufferPointer<UInt8> {
    let entry = entries[number]
    return UnsafeBufferPointer(
      rebasing: storage.bytes.assumingMemoryBound(to: UInt8.self)[
        Int(entry.nameOffset)..<Int(entry.nameOffset) + Int(entry.nameLength)])
  }

  private func checkAddressesAreShown() throws(SourceError) {
    if entries.isEmpty {
      throw SourceError(
        .malformed,
        Diagnostic("bad-kallsyms", "there is not one symbol in it", place: .file(name)))
    }
    if entries.allSatisfy({ $0.address == 0 }) {
      throw SourceError(
        .unavailable,
        Diagnostic(
          "kallsyms-hidden", "the kernel hides its addresses: all of them read as 0",
          place: .file(name),
          hints: [
            "run as root, and if that is not enough: sysctl kernel.kptr_restrict=1",
            "or give the kernel's own list: --system-map FILE",
          ]))
    }
  }
}

/// The lines of kallsyms: `ADDRESS LETTER NAME`, of modules with `[MODULE]` after a tab.
private struct KallsymsParser {
  private let storage: FileBytes
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var line = 1
  private var lineStart = 0
  var entries: ContiguousArray<KernelSymbols.Entry> = []
  var hashes: ContiguousArray<UInt32> = []
  var modules = [""]
  /// The bytes of the last module's name: the lines of a module stand together.
  private var lastModule: Range<Int> = 0..<0

  init(_ storage: FileBytes) {
    self.storage = storage
    bytes = storage.bytes.assumingMemoryBound(to: UInt8.self)
  }

  mutating func parse() throws(SourceError) {
    guard bytes.count <= UInt32.max else { throw bad("the list is too long") }
    // 40 bytes is about what a line takes.
    entries.reserveCapacity(bytes.count / 40)
    hashes.reserveCapacity(bytes.count / 40)
    while position < bytes.count {
      lineStart = position
      try parseLine()
      line += 1
    }
  }

  private mutating func parseLine() throws(SourceError) {
    let address = try parseAddress()
    try expect(UInt8(ascii: " "))
    guard let letter = peek(), letter > 0x20 else { throw bad("a symbol's letter is missing") }
    position += 1
    try expect(UInt8(ascii: " "))

    let start = position
    var hash = NameHash()
    while let byte = peek(), byte > 0x20 {
      hash.add(byte)
      position += 1
    }
    guard position > start else { throw bad("a symbol's name is missing") }
    guard position - start <= UInt16.max else { throw bad("a name of more than 65535 bytes") }
    let name = start..<position
    let module = try parseModule()
    guard peek() == nil || peek() == UInt8(ascii: "\n") else { throw tooManyWords() }
    position += 1

    entries.append(
      KernelSymbols.Entry(
        address: address, nameOffset: UInt32(name.lowerBound), nameLength: UInt16(name.count),
        module: module, letter: letter))
    hashes.append(hash.value)
  }

  private mutating func parseAddress() throws(SourceError) -> UInt64 {
    let start = position
    var address: UInt64 = 0
    while let byte = peek(), let digit = hexDigit(byte) {
      guard position - start < 16 else { throw bad("an address has more than 16 digits") }
      address = address << 4 | UInt64(digit)
      position += 1
    }
    guard position > start else {
      throw bad("not a line of kallsyms: 'ADDRESS LETTER NAME' in hexadecimal is expected")
    }
    return address
  }

  /// `\t[NAME]`, if it is there: its place in `modules`, else 0.
  private mutating func parseModule() throws(SourceError) -> UInt16 {
    guard peek() == UInt8(ascii: "\t") else { return 0 }
    position += 1
    try expect(UInt8(ascii: "["))
    let start = position
    while let byte = peek(), byte > 0x20, byte != UInt8(ascii: "]") { position += 1 }
    let name = start..<position
    try expect(UInt8(ascii: "]"))
    if name.count != lastModule.count || !bytes[name].elementsEqual(bytes[lastModule]) {
      guard modules.count < UInt16.max else { throw bad("more than 65534 modules") }
      modules.append(String(decoding: bytes[name], as: UTF8.self))
      lastModule = name
    }
    return UInt16(modules.count - 1)
  }

  @inline(__always)
  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func expect(_ byte: UInt8) throws(SourceError) {
    guard peek() == byte else {
      throw bad("'\(Character(UnicodeScalar(byte)))' is expected here")
    }
    position += 1
  }

  @inline(__always)
  private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private func tooManyWords() -> SourceError {
    let end = bytes[lineStart...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    let line = String(decoding: bytes[lineStart..<end], as: UTF8.self)
    guard line.contains("The real System.map") else { return bad("too many words") }
    return SourceError(
      .unavailable,
      Diagnostic(
        "system-map-stub", "this is Debian's stand-in for System.map, without symbols",
        place: .file(storage.name),
        hints: ["the real one is in the package linux-image-RELEASE-dbg, below /usr/lib/debug"]))
  }

  private func bad(_ message: String) -> SourceError {
    let location = SourceLocation(
      file: storage.name, line: line, column: position - lineStart + 1)
    return SourceError(
      .malformed, Diagnostic("bad-kallsyms", message, place: .text(location)))
  }
}
