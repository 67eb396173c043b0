// SPDX-License-Identifier: MIT

import Diagnostics

/// The lines of /proc/kallsyms or a System.map.
///
/// One pass over the bytes finds names and addresses and hashes the names; nothing is copied.
final class Kallsyms: KernelSymbolList {
  fileprivate struct Entry {
    var address: UInt64
    var nameOffset: UInt32
    var nameLength: UInt16
    /// Into `modules`; 0: the kernel proper.
    var module: UInt16
    var letter: UInt8
  }

  private let storage: FileBytes
  private let entries: ContiguousArray<Entry>
  private let index: NameIndex
  let modules: [String]

  /// Throws `bad-kallsyms` with line and column for a line that is none, `kallsyms-hidden` if the
  /// kernel shows no addresses to this user, `system-map-stub` for Debian's stand-in.
  init(_ storage: FileBytes) throws(SourceError) {
    self.storage = storage
    var parser = KallsymsParser(storage)
    try parser.parse()
    (entries, modules) = (parser.entries, parser.modules)
    index = NameIndex(count: entries.count)
    for (number, hash) in parser.hashes.enumerated() { index.insert(number, hash: hash) }
    try checkAddressesAreShown()
  }

  var name: String { storage.name }

  var numberCount: Int { entries.count }

  func isListed(_ number: Int) -> Bool { true }

  func address(_ number: Int) -> UInt64 { entries[number].address }

  func candidates(hash: UInt32) -> NameIndex.Candidates { index.candidates(hash: hash) }

  func symbol(_ number: Int) -> KernelSymbol {
    let entry = entries[number]
    return KernelSymbol(
      name: String(decoding: nameBytes(number), as: UTF8.self), address: entry.address,
      letter: entry.letter, module: entry.module == 0 ? nil : modules[Int(entry.module)])
  }

  func nameBytes(_ number: Int) -> UnsafeBufferPointer<UInt8> {
    let entry = entries[number]
    return UnsafeBufferPointer(
      rebasing: storage.bytes.assumingMemoryBound(to: UInt8.self)[
        Int(entry.nameOffset)..<Int(entry.nameOffset) + Int(entry.nameLength)])
  }

  private func checkAddressesAreShown() throws(SourceError) {
    if entries.isEmpty {
      throw SourceError(
        .malformed,
        Diagnostic("bad-kallsyms", "there is not one symbol in it", place: .file(storage.name)))
    }
    if entries.allSatisfy({ $0.address == 0 }) {
      throw SourceError(
        .unavailable,
        Diagnostic(
          "kallsyms-hidden", "the kernel hides its addresses: all of them read as 0",
          place: .file(storage.name),
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
  fileprivate var entries: ContiguousArray<Kallsyms.Entry> = []
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
    // Files that went through an editor or a mail may have lines that end so.
    if peek() == UInt8(ascii: "\r") { position += 1 }
    guard peek() == nil || peek() == UInt8(ascii: "\n") else { throw tooManyWords() }
    position += 1

    entries.append(
      Kallsyms.Entry(
        address: address, nameOffset: UInt32(name.lowerBound), nameLength: UInt16(name.count),
        module: module, letter: letter))
    hashes.append(hash.value)
  }

  private mutating func parseAddress() throws(SourceError) -> UInt64 {
    let start = position
    // The usual 16 digits; whatever else there is, below.
    if bytes.count - position > 16, bytes[position + 16] == UInt8(ascii: " "),
      let upper = eightDigits(at: position), let lower = eightDigits(at: position + 8)
    {
      position += 16
      return UInt64(upper) << 32 | UInt64(lower)
    }
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
  private func eightDigits(at position: Int) -> UInt32? {
    HexDigits.value(
      UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: position, as: UInt64.self))
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

/// Eight hexadecimal digits at once: a list of symbols begins a hundred thousand lines with two such.
enum HexDigits {
  /// A byte in each of the eight places.
  @inline(__always)
  private static func each(_ byte: UInt64) -> UInt64 { byte &* 0x0101_0101_0101_0101 }

  /// What the bytes in memory say, of which `text` was loaded; nil if one of them is no digit.
  @inline(__always)
  static func value(_ text: UInt64) -> UInt32? {
    let text = UInt64(littleEndian: text)
    // 1 in the bytes of letters ('A' is 0x41, 'a' 0x61), and in the others ('0' is 0x30).
    let isLetter = (text >> 6) & each(1)
    let isDigit = isLetter ^ each(1)
    let low = text & each(0x0f)
    // Letters differ by 0x20 in their case.
    guard text & each(0xd0) == (isLetter << 6) | (isDigit << 4), (text >> 5) & isDigit == isDigit,
      // '0' to '9' have 0 to 9 in their lower halves, 'a' to 'f' have 1 to 6.
      (low &+ 6 &* isDigit &+ 9 &* isLetter) & each(0xf0) == 0,
      (low &+ 0x0f &* isLetter) & (isLetter << 4) == isLetter << 4
    else { return nil }
    // The first byte is the highest digit.
    var digits = (low &+ 9 &* isLetter).byteSwapped
    digits = (digits | digits >> 4) & 0x00ff_00ff_00ff_00ff
    digits = (digits | digits >> 8) & 0x0000_ffff_0000_ffff
    return UInt32(truncatingIfNeeded: digits | digits >> 16)
  }
}
