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

  /// Its place in the table.
  var number: Int

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

  let file: ELFFile
  /// `Elf64_Sym`, in the order of the file and of this machine; libelf has seen to that.
  private let entries: UnsafeRawBufferPointer
  private let strings: UnsafeRawBufferPointer
  /// By number; 0 is the undefined one.
  public let sections: [Section]
  /// What an index knows already; else made when it is first needed.
  private var known: ELFSymbolIndex?
  /// Of its index; nil: none can be kept.
  private let key: ELFSymbolIndex.Key?
  private lazy var names: NameIndex = known?.names ?? nameIndex()
  /// Of all names, as far as an index was made here and not found.
  private var shapes = NameShapes(count: 0)
  public private(set) lazy var functionStarts = FunctionStarts(self)
  /// Ascending; for the few functions whose sizes the assembler did not say.
  private lazy var functionAddresses = functionNumbers.map(address).sorted()

  /// Throws `no-symtab` for a stripped file.
  public convenience init(_ file: ELFFile) throws(SourceError) { try self.init(file, cache: nil) }

  /// With a `cache`, names and addresses are looked up in an index that is kept there.
  public init(_ file: ELFFile, cache: IndexCache?) throws(SourceError) {
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
    strings = Self.terminated(
      UnsafeRawBufferPointer(start: textBuffer, count: text.pointee.d_size))
    // Without strings there are no names.
    entries = UnsafeRawBufferPointer(
      start: buffer, count: strings.isEmpty ? 0 : data.pointee.d_size)
    sections = Self.sections(of: file)
    let (size, textSize) = (UInt64(data.pointee.d_size), UInt64(text.pointee.d_size))
    key = file.buildID().map {
      ELFSymbolIndex.Key(buildID: $0, symbolsSize: size, stringsSize: textSize)
    }
    known = key.flatMap { key in
      cache?.bytes(named: key.fileName).flatMap { ELFSymbolIndex($0, for: key) }
    }
    if let known, known.names.next.count != count { self.known = nil }
  }

  /// Whether an index could be kept, and is not there.
  public var lacksIndex: Bool { known == nil && key != nil }

  /// Keeps an index. `marks`: a byte for each symbol, for ``mark(of:)``.
  public func keepIndex(marks: [UInt8], in cache: IndexCache) {
    guard let key, marks.count == count else { return }
    let listed = (0..<count).filter(isListed).map { (address: address($0), UInt32($0)) }
    let byAddress = listed.sorted { $0 < $1 }.map(\.1)
    let names = names
    cache.store(
      ELFSymbolIndex.bytes(
        for: key, names, byAddress: byAddress, shapes: shapes, marks: marks), as: key.fileName)
  }

  /// What the index has for a symbol; nil: there is no index.
  public func mark(of symbol: ELFSymbol) -> UInt8? { known?.mark(of: symbol.number) }

  public var count: Int { entries.count / MemoryLayout<Elf64_Sym>.size }

  public var path: String { file.path }

  /// The symbols called `name`, in the order of the file.
  public func symbols(named name: String) -> [ELFSymbol] {
    Array(names.candidates(hash: NameHash.of(name.utf8))).reversed()
      .filter { isNamed($0, name) }.map(elfSymbol)
  }

  /// Every defined function or object, in the order of the file.
  public var all: some Sequence<ELFSymbol> {
    (0..<count).lazy.filter { Self.isCodeOrData(self.entry($0)) }.map(elfSymbol)
  }

  /// The function that starts at exactly `address`; nil: none does.
  public func function(startingAt address: UInt64) -> ELFSymbol? {
    functionStarts.number(at: address).map(elfSymbol)
  }

  /// The numbers of all that start somewhere, ascending.
  public var functionNumbers: [Int] { (0..<count).filter { Self.isFunction(entry($0)) } }

  /// Those whose names end so.
  public func functionNumbers(withSuffix suffix: String) -> [Int] {
    let suffix = Array(suffix.utf8)
    return functionNumbers.filter { number in
      let name = nameBytes(number)
      return name.count > suffix.count && name.suffix(suffix.count).elementsEqual(suffix)
    }
  }

  /// Makes what is made when it is first needed: afterwards, several threads may look up functions.
  public func prepareForThreads() { _ = (names, functionAddresses) }

  public func functionName(_ number: Int) -> String { text(name(entry(number))) }

  public func functionAddress(_ number: Int) -> UInt64 { entry(number).st_value }

  /// Whether a function's name begins with `prefix`, for those who ask it of all.
  public func functionName(_ number: Int, hasPrefix prefix: StaticString) -> Bool {
    strncmp(
      name(entry(number)).assumingMemoryBound(to: CChar.self),
      UnsafeRawPointer(prefix.utf8Start).assumingMemoryBound(to: CChar.self),
      prefix.utf8CodeUnitCount)
      == 0
  }

  /// The code of a function: up to the next one's start where its own size is not known.
  public func functionExtent(_ number: Int) -> (start: UInt64, size: UInt64) {
    let entry = entry(number)
    guard entry.st_size == 0 else { return (entry.st_value, entry.st_size) }
    let next = functionAddresses.first { $0 > entry.st_value }
    return (entry.st_value, next.map { $0 - entry.st_value } ?? 0)
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

  // MARK: Entries

  fileprivate func entry(_ number: Int) -> Elf64_Sym {
    let size = MemoryLayout<Elf64_Sym>.size
    precondition(number >= 0 && (number + 1) * size <= entries.count)
    return entries.loadUnaligned(fromByteOffset: number * size, as: Elf64_Sym.self)
  }

  /// Terminated; empty where the entry's offset leads elsewhere.
  private func name(_ entry: Elf64_Sym) -> UnsafeRawPointer {
    let offset = Int(entry.st_name)
    return strings.baseAddress! + (offset < strings.count ? offset : strings.count - 1)
  }

  private func text(_ name: UnsafeRawPointer) -> String {
    withExtendedLifetime(file) { String(cString: name.assumingMemoryBound(to: UInt8.self)) }
  }

  private static func type(_ entry: Elf64_Sym) -> UInt8 { entry.st_info & 0xf }

  fileprivate static func isLocal(_ entry: Elf64_Sym) -> Bool {
    entry.st_info >> 4 == UInt8(STB_LOCAL)
  }

  /// STT_NOTYPE, STT_OBJECT or STT_FUNC.
  private static func isCodeOrData(_ entry: Elf64_Sym) -> Bool { type(entry) <= UInt8(STT_FUNC) }

  private static func isFunction(_ entry: Elf64_Sym) -> Bool {
    type(entry) == UInt8(STT_FUNC) && entry.st_shndx != 0
  }

  private func elfSymbol(_ number: Int) -> ELFSymbol {
    let entry = entry(number)
    return ELFSymbol(
      name: text(name(entry)), value: entry.st_value, size: entry.st_size,
      section: entry.st_shndx, isFunction: Self.type(entry) == UInt8(STT_FUNC),
      isLocal: Self.isLocal(entry), isWeak: entry.st_info >> 4 == UInt8(STB_WEAK),
      file: Self.isLocal(entry) ? sourceFile(of: number) : nil, number: number)
  }

  /// Each file's local symbols follow its own (`STT_FILE`).
  private func sourceFile(of number: Int) -> String? {
    for number in stride(from: number, through: 0, by: -1) {
      let entry = entry(number)
      if Self.type(entry) == UInt8(STT_FILE) {
        let file = text(name(entry))
        return file.isEmpty ? nil : file
      }
    }
    return nil
  }

  private func isNamed(_ number: Int, _ wanted: String) -> Bool {
    wanted.isEqual(toTerminated: name(entry(number)))
  }

  private func nameIndex() -> NameIndex {
    let index = NameIndex(count: count)
    let shapes = NameShapes(count: count)
    for number in 0..<count {
      let entry = entry(number)
      if Self.type(entry) != UInt8(STT_FILE) {
        let (hash, shape) = NameHash.withShape(of: name(entry))
        index.insert(number, hash: hash)
        shapes[number] = shape
      }
    }
    self.shapes = shapes
    return index
  }

  // MARK: Reading

  /// The strings up to their last terminator, so that each of them ends.
  private static func terminated(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    guard let last = bytes.lastIndex(of: 0) else {
      return UnsafeRawBufferPointer(rebasing: bytes[..<0])
    }
    return UnsafeRawBufferPointer(rebasing: bytes[...last])
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
}

// MARK: - As a kernel's list

extension ELFSymbolTable: KernelSymbolList {
  var name: String { file.path }

  var numberCount: Int { count }

  var modules: [String] { [] }

  var byAddress: Words? { known?.byAddress }

  func isListed(_ number: Int) -> Bool {
    let entry = entry(number)
    return Self.isCodeOrData(entry) && entry.st_shndx != 0
      && name(entry).load(as: UInt8.self) != 0
  }

  func address(_ number: Int) -> UInt64 { entry(number).st_value }

  func nameBytes(_ number: Int) -> UnsafeBufferPointer<UInt8> {
    let name = name(entry(number)).assumingMemoryBound(to: UInt8.self)
    return UnsafeBufferPointer(
      start: name, count: strlen(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self)))
  }

  func candidates(hash: UInt32) -> NameIndex.Candidates { names.candidates(hash: hash) }

  func forEachNumber(fitting pattern: NamePattern, _ body: (Int) -> Void) {
    // Makes the shapes, too.
    let count = names.next.count
    let shapes = known?.shapes ?? shapes
    for number in 0..<count where pattern.fits(shapes[number]) { body(number) }
  }

  func symbol(_ number: Int) -> KernelSymbol {
    let entry = entry(number)
    return KernelSymbol(name: text(name(entry)), address: entry.st_value, letter: letter(entry))
  }

  /// As nm(1) has it.
  private func letter(_ entry: Elf64_Sym) -> UInt8 {
    let isLocal = Self.isLocal(entry)
    if entry.st_shndx == Self.absolute { return UInt8(ascii: isLocal ? "a" : "A") }
    let section = Int(entry.st_shndx)
    let isCode = section < sections.count && sections[section].isCode
    if entry.st_info >> 4 == UInt8(STB_WEAK) { return UInt8(ascii: isCode ? "W" : "V") }
    return isCode ? UInt8(ascii: isLocal ? "t" : "T") : UInt8(ascii: isLocal ? "d" : "D")
  }
}

/// The functions of a table by their addresses, for those who look up a great many: a hash table of
/// open addressing.
public final class FunctionStarts: Sendable {
  private struct Slot {
    var address: UInt64 = 0
    /// Plus 1; 0: free.
    var number: UInt32 = 0
    var isGlobal = false
  }

  private nonisolated(unsafe) let slots: UnsafeMutableBufferPointer<Slot>

  fileprivate init(_ table: ELFSymbolTable) {
    let numbers = table.functionNumbers
    var size = 16
    while size < 2 * numbers.count { size *= 2 }
    slots = .allocate(capacity: size)
    slots.initialize(repeating: Slot())
    for number in numbers {
      let entry = table.entry(number)
      let slot = place(of: entry.st_value)
      // The first global one, or else the first.
      let isGlobal = !ELFSymbolTable.isLocal(entry)
      guard slots[slot].number == 0 || isGlobal && !slots[slot].isGlobal else { continue }
      slots[slot] = Slot(
        address: entry.st_value, number: UInt32(number) + 1, isGlobal: isGlobal)
    }
  }

  deinit { slots.deallocate() }

  /// Where an address is or would be; functions start at multiples of 16, mostly.
  @inline(__always)
  private func place(of address: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: (address &* 0x9e37_79b9_7f4a_7c15) >> 32) & mask
    while slots[slot].number != 0, slots[slot].address != address { slot = (slot + 1) & mask }
    return slot
  }

  /// The number of the function that starts at exactly `address`; nil: none does. Of several, the
  /// first global one, or else the first.
  public func number(at address: UInt64) -> Int? {
    let number = slots[place(of: address)].number
    return number == 0 ? nil : Int(number) - 1
  }
}
