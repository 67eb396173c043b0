// SPDX-License-Identifier: MIT

import CElfutils

/// The sections of one file that are read here byte by byte, decompressed and relocated by libdw.
/// They live as long as the `Dwarf` that they were taken from.
struct DWARFSections: @unchecked Sendable {
  /// What messages call the file.
  let name: String
  let dwarf: OpaquePointer
  private(set) var info = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var types = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var abbreviations = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var strings = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var lines = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var lineStrings = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var stringOffsets = UnsafeRawBufferPointer(start: nil, count: 0)
  /// The strings of the dwz supplement, which `DW_FORM_GNU_strp_alt` refers to.
  private(set) var supplementaryStrings = UnsafeRawBufferPointer(start: nil, count: 0)

  init(_ dwarf: OpaquePointer, name: String) {
    self.name = name
    self.dwarf = dwarf
    guard let elf = dwarf_getelf(dwarf) else { return }
    Self.forEachSection(of: elf) { section, title in take(section, title) }
    if let supplement = dwarf_getalt(dwarf) {
      supplementaryStrings = DWARFSections(supplement, name: name).strings
    }
  }

  /// Bytes of what an index is made from.
  var totalSize: UInt64 {
    UInt64(info.count) + UInt64(types.count) + UInt64(abbreviations.count) + UInt64(strings.count)
  }

  private mutating func take(_ section: OpaquePointer, _ title: UnsafePointer<CChar>) {
    switch String(cString: title) {
    case ".debug_info", ".debug_info.dwo", ".zdebug_info": keep(section, \.info)
    case ".debug_types", ".debug_types.dwo", ".zdebug_types": keep(section, \.types)
    case ".debug_abbrev", ".debug_abbrev.dwo", ".zdebug_abbrev": keep(section, \.abbreviations)
    case ".debug_str", ".debug_str.dwo", ".zdebug_str":
      keep(section, \.strings)
      strings = Self.terminated(strings)
    case ".debug_line", ".zdebug_line": keep(section, \.lines)
    case ".debug_line_str", ".zdebug_line_str":
      keep(section, \.lineStrings)
      lineStrings = Self.terminated(lineStrings)
    case ".debug_str_offsets", ".debug_str_offsets.dwo", ".zdebug_str_offsets":
      keep(section, \.stringOffsets)
    default: break
    }
  }

  /// Objects may have several sections of a name, one for each type unit. libdw takes the first.
  private mutating func keep(
    _ section: OpaquePointer, _ part: WritableKeyPath<DWARFSections, UnsafeRawBufferPointer>
  ) {
    if self[keyPath: part].isEmpty { self[keyPath: part] = Self.bytes(section) }
  }

  private static func forEachSection(
    of elf: OpaquePointer, _ body: (OpaquePointer, UnsafePointer<CChar>) -> Void
  ) {
    var names = 0
    guard elf_getshdrstrndx(elf, &names) == 0 else { return }
    var next = elf_nextscn(elf, nil)
    while let section = next {
      var header = GElf_Shdr()
      if gelf_getshdr(section, &header) != nil, header.sh_type != SHT_NOBITS,
        let title = elf_strptr(elf, names, Int(header.sh_name))
      {
        body(section, title)
      }
      next = elf_nextscn(elf, section)
    }
  }

  /// The data that libdw reads itself: it has decompressed and relocated it in place.
  private static func bytes(_ section: OpaquePointer) -> UnsafeRawBufferPointer {
    guard let data = elf_getdata(section, nil), let start = data.pointee.d_buf else {
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return UnsafeRawBufferPointer(start: start, count: data.pointee.d_size)
  }

  /// Cut after its last terminator, so that each offset inside is that of a terminated string.
  private static func terminated(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var count = bytes.count
    while count > 0, bytes[count - 1] != 0 { count -= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[..<count])
  }
}

extension DWARFSections {
  /// The name of a section, for messages.
  func title(_ isInTypes: Bool) -> String { isInTypes ? ".debug_types" : ".debug_info" }
}
