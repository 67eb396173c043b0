// SPDX-License-Identifier: MIT

import CElfutils
import Diagnostics
import Glibc

/// An ELF file of x86-64, read through libelf.
public final class ELFFile {
  public let path: String
  private let descriptor: Int32
  let elf: OpaquePointer

  public static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]

  /// A symbol that a file defines.
  public struct Symbol: Sendable {
    public var name: String
    /// `st_value`: of a shared object, bytes from where it is loaded.
    public var value: UInt64
    /// `st_size`: bytes; 0 where the compiler did not say.
    public var size: UInt64
    /// `STT_FUNC` or `STT_GNU_IFUNC`.
    public var isFunction: Bool
    /// `STT_TLS`: one per thread, without an address of its own.
    public var isThreadLocal: Bool
  }

  /// Opens `path`. Throws `not-elf` for anything else, saying what it is where that is known.
  public init(path: String) throws(SourceError) {
    guard !isPipe(path) else {
      throw .malformed(
        "not-elf", "this is a pipe, and an ELF file is read here and there", file: path, offset: 0)
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotRead(path, errno) }
    guard !isDirectory(descriptor) else {
      close(descriptor)
      throw .cannotRead(path, EISDIR)
    }
    elf_version(UInt32(EV_CURRENT))
    guard let elf = elf_begin(descriptor, ELF_C_READ_MMAP, nil) else {
      close(descriptor)
      throw .malformed("bad-elf", ELFFile.lastError(), file: path, offset: 0)
    }
    do {
      try ELFFile.check(elf, descriptor, path)
    } catch {
      elf_end(elf)
      close(descriptor)
      throw error
    }
    (self.path, self.descriptor, self.elf) = (path, descriptor, elf)
  }

  deinit {
    elf_end(elf)
    close(descriptor)
  }

  /// Whether it is yet to be linked, or a kernel module: its addresses are those of its sections.
  var isRelocatable: Bool {
    var header = GElf_Ehdr()
    return gelf_getehdr(elf, &header) != nil && Int(header.e_type) == Int(ET_REL)
  }

  /// A section's bytes, decompressed, and where it starts in the file; nil: there is none.
  public func section(named name: String) throws(SourceError) -> (bytes: FileBytes, offset: Int)? {
    guard let (section, header) = findSection(named: name) else { return nil }
    let offset = Int(clamping: header.sh_offset)
    if header.sh_flags & UInt64(SHF_COMPRESSED) != 0, elf_compress(section, 0, 0) < 0 {
      throw .malformed(
        "bad-elf", "section \(name): \(ELFFile.lastError())", file: path, offset: offset)
    }
    guard header.sh_type != SHT_NOBITS, let data = elf_rawdata(section, nil) else {
      throw .malformed(
        "bad-elf", "section \(name) has no data in this file", file: path, offset: offset)
    }
    let bytes = UnsafeRawBufferPointer(start: data.pointee.d_buf, count: data.pointee.d_size)
    return (FileBytes(name: path, bytes, of: self), offset)
  }

  /// The GNU build id, in lower-case hexadecimal; nil where the file carries none.
  public func buildID() -> String? {
    var bytes: UnsafeRawPointer?
    let count = dwelf_elf_gnu_build_id(elf, &bytes)
    guard count > 0, let bytes else { return nil }
    return BuildID.text(UnsafeRawBufferPointer(start: bytes, count: count))
  }

  /// The version text of a vmlinux's own banner ("Linux version RELEASE (…"); nil: no vmlinux.
  public func kernelRelease() -> String? {
    guard let (section, _) = findSection(named: ".rodata"),
      let data = elf_rawdata(section, nil), let start = data.pointee.d_buf
    else { return nil }
    let bytes = UnsafeRawBufferPointer(start: start, count: data.pointee.d_size)
    let mark = Array("Linux version ".utf8)
    var from = 0
    while let found = bytes.offset(of: mark, from: from) {
      from = found + mark.count
      let release = bytes[from...].prefix(64).prefix { $0 > 0x20 && $0 < 0x7f }
      // A format of printf, elsewhere in the kernel, looks the same up to here.
      if let first = release.first, first != UInt8(ascii: "%") {
        return String(decoding: release, as: UTF8.self)
      }
    }
    return nil
  }

  /// `DT_SONAME`; nil: none.
  public func soname() -> String? { dynamicStrings(Int64(DT_SONAME)).first }

  /// The folders in which what it needs is looked for first: `DT_RUNPATH`, or else `DT_RPATH`.
  var searchPath: [String] {
    let paths = dynamicStrings(Int64(DT_RUNPATH))
    return (paths.isEmpty ? dynamicStrings(Int64(DT_RPATH)) : paths)
      .flatMap { $0.split(separator: ":").map(String.init) }
  }

  /// What entries of a tag say in the dynamic section.
  func dynamicStrings(_ tag: Int64) -> [String] {
    guard let (section, header) = findSection(type: UInt32(SHT_DYNAMIC)), header.sh_entsize > 0,
      let data = elf_getdata(section, nil)
    else { return [] }
    var found: [String] = []
    var entry = GElf_Dyn()
    for number in 0..<Int32(clamping: header.sh_size / header.sh_entsize) {
      guard gelf_getdyn(data, number, &entry) != nil, entry.d_tag != DT_NULL else { break }
      guard entry.d_tag == tag,
        let text = elf_strptr(elf, Int(header.sh_link), Int(clamping: entry.d_un.d_val))
      else { continue }
      found.append(String(cString: text))
    }
    return found
  }

  /// The symbols that the file offers to others (`.dynsym`), defined and not hidden by a newer
  /// version of the same name.
  public func exportedSymbols() -> [Symbol] {
    guard let (section, header) = findSection(type: UInt32(SHT_DYNSYM)), header.sh_entsize > 0,
      let data = elf_getdata(section, nil)
    else { return [] }
    let versions = findSection(type: UInt32(SHT_GNU_versym)).flatMap { elf_getdata($0.0, nil) }
    var symbols: [Symbol] = []
    var entry = GElf_Sym()
    for number in 1..<max(1, Int32(clamping: header.sh_size / header.sh_entsize)) {
      guard gelf_getsym(data, number, &entry) != nil, entry.st_shndx != SHN_UNDEF,
        entry.st_info >> 4 != STB_LOCAL, !isHidden(number, versions),
        let name = elf_strptr(elf, Int(header.sh_link), Int(entry.st_name)), name.pointee != 0
      else { continue }
      let type = Int32(entry.st_info & 0xf)
      symbols.append(
        Symbol(
          name: String(cString: name), value: entry.st_value, size: entry.st_size,
          isFunction: type == STT_FUNC || type == STT_GNU_IFUNC, isThreadLocal: type == STT_TLS))
    }
    return symbols
  }

  /// Bit 15 of a symbol's version: bound only by those that ask for just that version.
  private func isHidden(_ number: Int32, _ versions: UnsafeMutablePointer<Elf_Data>?) -> Bool {
    var version = GElf_Versym()
    guard let versions, gelf_getversym(versions, number, &version) != nil else { return false }
    return version & 0x8000 != 0
  }

  private func findSection(named name: String) -> (OpaquePointer, GElf_Shdr)? {
    var names = 0
    guard elf_getshdrstrndx(elf, &names) == 0 else { return nil }
    return findSection { header in
      elf_strptr(elf, names, Int(header.sh_name)).map { strcmp($0, name) == 0 } ?? false
    }
  }

  func findSection(type: UInt32) -> (OpaquePointer, GElf_Shdr)? {
    findSection { $0.sh_type == type }
  }

  private func findSection(where matches: (GElf_Shdr) -> Bool) -> (OpaquePointer, GElf_Shdr)? {
    var section = elf_nextscn(elf, nil)
    while let current = section {
      var header = GElf_Shdr()
      if gelf_getshdr(current, &header) != nil, matches(header) { return (current, header) }
      section = elf_nextscn(elf, current)
    }
    return nil
  }

  private static func check(
    _ elf: OpaquePointer, _ descriptor: Int32, _ path: String
  ) throws(SourceError) {
    guard elf_kind(elf) == ELF_K_ELF else {
      let head = try FileHead(path)
      throw .malformed(
        "not-elf", "this is \(head.description ?? "no ELF file")", file: path, offset: 0,
        hints: head.hints)
    }
    var header = GElf_Ehdr()
    guard gelf_getehdr(elf, &header) != nil else {
      throw .malformed("bad-elf", lastError(), file: path, offset: 0)
    }
    guard header.e_machine == EM_X86_64, gelf_getclass(elf) == ELFCLASS64 else {
      throw .malformed(
        "bad-elf", "an ELF file of another machine than x86-64", file: path, offset: 18)
    }
  }

  /// Throws `bad-elf` for what is no shared library, and for one that is cut short: the dynamic linker
  /// maps segments without a look at the file's size, and reading what lies behind its end is SIGBUS.
  func checkIsLibrary() throws(SourceError) {
    var header = GElf_Ehdr()
    guard gelf_getehdr(elf, &header) != nil, Int(header.e_type) == Int(ET_DYN) else {
      throw .malformed("bad-elf", "this is no shared library", file: path, offset: 16)
    }
    var status = stat()
    var count = 0
    guard fstat(descriptor, &status) == 0, elf_getphdrnum(elf, &count) == 0 else {
      throw .malformed("bad-elf", ELFFile.lastError(), file: path, offset: 0)
    }
    var segment = GElf_Phdr()
    for number in 0..<Int32(clamping: count) {
      guard gelf_getphdr(elf, number, &segment) != nil else {
        throw .malformed("bad-elf", ELFFile.lastError(), file: path, offset: 0)
      }
      let (end, overflows) = segment.p_offset.addingReportingOverflow(segment.p_filesz)
      if segment.p_type == PT_LOAD, overflows || end > UInt64(clamping: status.st_size) {
        throw .malformed(
          "bad-elf", "the file ends within what is to be loaded (it was cut short)", file: path,
          offset: Int(clamping: status.st_size))
      }
    }
  }

  private static func lastError() -> String {
    elf_errmsg(-1).map { "libelf: \(String(cString: $0))" } ?? "libelf gives no reason"
  }
}

extension ELFFile {
  /// Whether it has a symbol table of its own (.symtab), which strip(1) removes.
  public var hasSymbols: Bool { findSection(type: UInt32(SHT_SYMTAB)) != nil }

  /// Whether `symbol` is among the strings of the symbol table: what to ask of many files before
  /// their tables are read.
  public func mentions(symbol: String) -> Bool {
    symbolStrings?.offset(of: [0] + Array(symbol.utf8) + [0], from: 0) != nil
  }

  /// Each of those strings, terminated.
  func forEachSymbolName(_ body: (UnsafeRawPointer) -> Void) {
    guard let strings = symbolStrings, let end = strings.lastIndex(of: 0) else { return }
    var start = 0
    while start < end {
      let name = strings.baseAddress! + start
      body(name)
      start += strlen(name.assumingMemoryBound(to: CChar.self)) + 1
    }
  }

  private var symbolStrings: UnsafeRawBufferPointer? {
    guard let (_, header) = findSection(type: UInt32(SHT_SYMTAB)),
      let strings = elf_getscn(elf, Int(header.sh_link)), let data = elf_rawdata(strings, nil),
      let start = data.pointee.d_buf
    else { return nil }
    return UnsafeRawBufferPointer(start: start, count: data.pointee.d_size)
  }
}

extension UnsafeRawBufferPointer {
  /// Where `text` first stands at or after `start`.
  public func offset(of text: [UInt8], from start: Int) -> Int? {
    guard let base = baseAddress, let first = text.first else { return nil }
    var start = start
    while count - start >= text.count {
      guard let hit = memchr(base + start, Int32(first), count - start) else { return nil }
      let offset = UnsafeRawPointer(hit) - base
      guard count - offset >= text.count else { return nil }
      if memcmp(hit, text, text.count) == 0 { return offset }
      start = offset + 1
    }
    return nil
  }
}

/// Build ids: what the linker's note of a file or kernel says (NT_GNU_BUILD_ID).
public enum BuildID {
  /// Whether `text` is one: bytes in hexadecimal.
  public static func isValid(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count.isMultiple(of: 2) && text.utf8.count <= 128
      && text.allSatisfy { $0.isASCII && $0.isHexDigit }
  }

  /// Finds the build id in the bytes of a notes section, such as /sys/kernel/notes.
  public static func find(inNotes notes: UnsafeRawBufferPointer) -> String? {
    func word(_ offset: Int) -> Int {
      Int(UInt32(littleEndian: notes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
    var offset = 0
    while notes.count - offset >= 12 {
      let (nameSize, size, type) = (word(offset), word(offset + 4), word(offset + 8))
      let name = offset + 12
      let content = name + (nameSize + 3) / 4 * 4
      guard content + size <= notes.count else { return nil }
      if type == Int(NT_GNU_BUILD_ID), notes[name..<name + nameSize].elementsEqual("GNU\0".utf8) {
        return text(UnsafeRawBufferPointer(rebasing: notes[content..<content + size]))
      }
      offset = content + (size + 3) / 4 * 4
    }
    return nil
  }

  static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xf)]] }, as: UTF8.self)
  }
}
