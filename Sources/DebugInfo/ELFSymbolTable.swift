// SPDX-License-Identifier: MIT

import CElfutils
import Diagnostics
import Glibc

/// A symbol of an ELF file's own table (.symtab): what /proc/kallsyms is made from, and sizes,
/// sections and source files besides.
public struct ELFSymbol: Hashable, Sendable {
  public var name: String
  /// Of an executable its address; of a relocatable file (a module) bytes into the section.
  public var value: UInt64
  /// Bytes; 0 where the assembler did not say.
  public var size: UInt64
  /// The number of its section; 0: undefined (``isDefined``).
  public var section: UInt16
  public var isFunction: Bool
  public var isLocal: Bool
  public var isWeak: Bool
  /// The source file, without its folder, of a local symbol (`STT_FILE`).
  public var file: String?

  public var isDefined: Bool { section != 0 }
}

/// The symbols and sections of an ELF file, by name and by address.
public final class ELFSymbolTable {
  public struct Section {
    public var name: String
    public var address: UInt64
    /// Bytes.
    public var size: UInt64
    public var isCode: Bool
    /// Where the file has its bytes; nil for `.bss` and the like.
    fileprivate var bytes: UnsafeRawBufferPointer?
  }

  private struct Entry {
    var value: UInt64
    var size: UInt64
    var nameOffset: UInt32
    /// Into the strings: the name of the last `STT_FILE`; 0: none.
    var fileOffset: UInt32
    var section: UInt16
    var info: UInt8
  }

  let file: ELFFile
  private let strings: UnsafeRawBufferPointer
  private let entries: ContiguousArray<Entry>
  /// By number; 0 is the undefined one.
  public let sections: [Section]
  private let index: NameIndex
  /// The functions with an address, ascending; of several at one address the first global one first.
  private lazy var functions: ContiguousArray<UInt32> = sortedFunctions()

  /// Throws `no-symtab` for a stripped file.
  public init(_ file: ELFFile) throws(SourceError) {
    self.file = file
    guard let (section, header) = file.findSection(type: UInt32(SHT_SYMTAB)),
      let data = elf_getdata(section, nil), let buffer = data.pointee.d_buf,
      let link = elf_getscn(file.elf, Int(header.sh_link)),
      let text = elf_getdata(link, nil), let textBuffer = text.pointee.d_buf
    else {
      throw SourceError(
        .malformed,
        Diagnostic(
          "no-symtab", "this ELF file has no symbol table: it was stripped",
          place: .file(file.path),
          hints: ["Debian's with symbols is in the package linux-image-RELEASE-dbg"]))
    }
    let bytes = UnsafeRawBufferPointer(start: buffer, count: data.pointee.d_size)
    strings = Self.terminated(
      UnsafeRawBufferPointer(start: textBuffer, count: text.pointee.d_size))
    sections = Self.sections(of: file)
    entries = Self.read(bytes, strings.count)
    var index = NameIndex(count: entries.count)
    for (number, entry) in entries.enumerated() where entry.info & 0xf != UInt8(STT_FILE) {
      index.insert(number, hash: NameHash.of(strings.baseAddress! + Int(entry.nameOffset)))
    }
    self.index = index
  }

  public var count: Int { entries.count }

  public var path: String { file.path }

  /// The symbols called `name`, in the order of the file.
  public func symbols(named name: String) -> [ELFSymbol] {
    Array(index.candidates(hash: NameHash.of(name.utf8))).reversed()
      .filter { isNamed($0, name) }.map(symbol)
  }

  /// Every defined function or object, in the order of the file.
  public var all: some Sequence<ELFSymbol> {
    entries.indices.lazy.filter { self.entries[$0].info & 0xf <= UInt8(STT_FUNC) }.map(symbol)
  }

  /// The function that starts at exactly `address`; nil: none does.
  public func function(startingAt address: UInt64) -> ELFSymbol? {
    functionNumber(startingAt: address).map { symbol(Int(functions[$0])) }
  }

  /// The same as a number below ``functionCount``, for those who look up a great many.
  public func functionNumber(startingAt address: UInt64) -> Int? {
    var (low, high) = (0, functions.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[Int(functions[middle])].value < address { low = middle + 1 } else { high = middle }
    }
    guard low < functions.count, entries[Int(functions[low])].value == address else { return nil }
    return low
  }

  public var functionCount: Int { functions.count }

  public func functionName(_ number: Int) -> String {
    string(entries[Int(functions[number])].nameOffset)
  }

  /// The code of a function: up to the next one's start where its own size is not known.
  public func functionExtent(_ number: Int) -> (start: UInt64, size: UInt64) {
    let entry = entries[Int(functions[number])]
    guard entry.size == 0 else { return (entry.value, entry.size) }
    let next = functions[number...].first { entries[Int($0)].value > entry.value }
    return (entry.value, next.map { entries[Int($0)].value - entry.value } ?? 0)
  }

  /// The name of the section that a symbol is in; nil for undefined and absolute ones.
  public func sectionName(of symbol: ELFSymbol) -> String? {
    symbol.isDefined && Int(symbol.section) < sections.count
      ? sections[Int(symbol.section)].name : nil
  }

  /// The section that holds `address`.
  public func section(at address: UInt64) -> Section? {
    sections.first { $0.address != 0 && $0.address <= address && address - $0.address < $0.size }
  }

  /// Calls `body` with up to `count` bytes from `address` on; nil if the file has none there.
  public func withBytes<R>(
    at address: UInt64, count: UInt64, _ body: (UnsafeRawBufferPointer) -> R
  ) -> R? {
    guard let section = section(at: address), let bytes = section.bytes else { return nil }
    let start = Int(address - section.address)
    guard start < bytes.count else { return nil }
    let end = start + min(Int(clamping: count), bytes.count - start)
    return withExtendedLifetime(file) {
      body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    }
  }

  /// What the symbols of sections above all others are: absolute ones (`SHN_ABS`).
  static let absolute = UInt16(SHN_ABS)

  /// The file's names, and what a list of kernel symbols says of each that is defined.
  func kernelSymbols() -> (names: UnsafeRawBufferPointer, entries: [KernelSymbols.Entry]) {
    var found: [KernelSymbols.Entry] = []
    found.reserveCapacity(entries.count)
    for entry in entries where entry.info & 0xf <= UInt8(STT_FUNC) && entry.section != 0 {
      let name = strings.baseAddress! + Int(entry.nameOffset)
      let length = strlen(name.assumingMemoryBound(to: CChar.self))
      guard length > 0, length <= UInt16.max else { continue }
      found.append(
        KernelSymbols.Entry(
          address: entry.value, nameOffset: entry.nameOffset, nameLength: UInt16(length), module: 0,
          letter: letter(of: entry)))
    }
    return (strings, found)
  }

  /// As nm(1) has it.
  private func letter(of entry: Entry) -> UInt8 {
    let isLocal = entry.info >> 4 == UInt8(STB_LOCAL)
    if entry.section == Self.absolute { return UInt8(ascii: isLocal ? "a" : "A") }
    let isCode = Int(entry.section) < sections.count && sections[Int(entry.section)].isCode
    if entry.info >> 4 == UInt8(STB_WEAK) { return UInt8(ascii: isCode ? "W" : "V") }
    return isCode ? UInt8(ascii: isLocal ? "t" : "T") : UInt8(ascii: isLocal ? "d" : "D")
  }

  // MARK: Reading

  /// The strings up to their last terminator, so that each of them ends.
  private static func terminated(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    guard let last = bytes.lastIndex(of: 0) else {
      return UnsafeRawBufferPointer(rebasing: bytes[..<0])
    }
    return UnsafeRawBufferPointer(rebasing: bytes[...last])
  }

  /// The entries whose names are in the strings (`Elf64_Sym`; libelf has put them in order).
  private static func read(
    _ bytes: UnsafeRawBufferPointer, _ stringsCount: Int
  ) -> ContiguousArray<Entry> {
    var entries: ContiguousArray<Entry> = []
    let size = MemoryLayout<Elf64_Sym>.size
    entries.reserveCapacity(bytes.count / size)
    var file: UInt32 = 0
    for number in 0..<bytes.count / size {
      let raw = bytes.loadUnaligned(fromByteOffset: number * size, as: Elf64_Sym.self)
      guard Int(raw.st_name) < stringsCount else { continue }
      let isGlobal = raw.st_info >> 4 != UInt8(STB_LOCAL)
      if raw.st_info & 0xf == UInt8(STT_FILE) { file = raw.st_name }
      entries.append(
        Entry(
          value: raw.st_value, size: raw.st_size, nameOffset: raw.st_name,
          fileOffset: isGlobal ? 0 : file, section: raw.st_shndx, info: raw.st_info))
    }
    return entries
  }

  private static func sections(of file: ELFFile) -> [Section] {
    var names = 0
    var sections = [Section(name: "", address: 0, size: 0, isCode: false, bytes: nil)]
    guard elf_getshdrstrndx(file.elf, &names) == 0 else { return sections }
    var section = elf_nextscn(file.elf, nil)
    while let current = section {
      defer { section = elf_nextscn(file.elf, current) }
      var header = GElf_Shdr()
      _ = gelf_getshdr(current, &header)
      let name = elf_strptr(file.elf, names, Int(header.sh_name)).map { String(cString: $0) }
      let data = header.sh_type == UInt32(SHT_NOBITS) ? nil : elf_rawdata(current, nil)
      sections.append(
        Section(
          name: name ?? "", address: header.sh_addr, size: header.sh_size,
          isCode: header.sh_flags & UInt64(SHF_EXECINSTR) != 0,
          bytes: data.flatMap { data in
            data.pointee.d_buf.map {
              UnsafeRawBufferPointer(start: $0, count: data.pointee.d_size)
            }
          }))
    }
    return sections
  }

  private func sortedFunctions() -> ContiguousArray<UInt32> {
    var numbers = ContiguousArray<UInt32>()
    for (number, entry) in entries.enumerated()
    where entry.info & 0xf == UInt8(STT_FUNC) && entry.section != 0 {
      numbers.append(UInt32(number))
    }
    numbers.sort {
      let (one, other) = (entries[Int($0)], entries[Int($1)])
      if one.value != other.value { return one.value < other.value }
      let isLocal = one.info >> 4 == UInt8(STB_LOCAL)
      let otherIsLocal = other.info >> 4 == UInt8(STB_LOCAL)
      return isLocal != otherIsLocal ? otherIsLocal : $0 < $1
    }
    return numbers
  }

  private func symbol(_ number: Int) -> ELFSymbol {
    let entry = entries[number]
    return ELFSymbol(
      name: string(entry.nameOffset), value: entry.value, size: entry.size,
      section: entry.section, isFunction: entry.info & 0xf == UInt8(STT_FUNC),
      isLocal: entry.info >> 4 == UInt8(STB_LOCAL), isWeak: entry.info >> 4 == UInt8(STB_WEAK),
      file: entry.fileOffset == 0 ? nil : string(entry.fileOffset))
  }

  private func string(_ offset: UInt32) -> String {
    withExtendedLifetime(file) {
      String(
        cString: (strings.baseAddress! + Int(offset)).assumingMemoryBound(to: UInt8.self))
    }
  }

  private func isNamed(_ number: Int, _ name: String) -> Bool {
    name.withCString {
      strcmp(
        (strings.baseAddress! + Int(entries[number].nameOffset)).assumingMemoryBound(
          to: CChar.self), $0) == 0
    }
  }
}
