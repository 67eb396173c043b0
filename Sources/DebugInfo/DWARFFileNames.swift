// SPDX-License-Identifier: MIT

/// The names of source files in the header of a unit's line number program (DWARF5 6.2.4).
///
/// libdw reads them together with the whole program, a thousand times as many bytes.
struct DWARFFileNames {
  /// What a unit's own entry says, for names that are not absolute.
  let directory: String?
  private let sections: DWARFSections
  private var cursor: DWARFCursor
  private let version: UInt16
  /// The sizes that forms go by; of a unit, because forms are read so.
  private let unit: DWARFUnit

  /// nil where no program that is known here stands at `offset` of .debug_line.
  init?(_ sections: DWARFSections, at offset: UInt64, directory: String?) {
    guard let offset = Int(exactly: offset), offset < sections.lines.count else { return nil }
    self.sections = sections
    self.directory = directory
    cursor = DWARFCursor(sections.lines, from: offset, to: sections.lines.count)
    let first = cursor.fixed(4)
    // 0xffffffff begins 64-bit DWARF (7.4).
    let offsetSize = first == 0xffff_ffff ? 8 : 4
    if offsetSize == 8 { _ = cursor.fixed(8) }
    version = UInt16(cursor.fixed(2))
    guard (2...5).contains(version) else { return nil }
    let addressSize = version >= 5 ? cursor.byte() : 8
    if version >= 5 { cursor.skip(1) }  // The size of a segment selector.
    unit = .forms(version: version, addressSize: addressSize, offsetSize: UInt8(offsetSize))
    // The header's length, the shortest instruction, and what one does to addresses and lines.
    cursor.skip(UInt64(offsetSize + (version >= 4 ? 5 : 4)))
    let opcodeBase = cursor.byte()
    cursor.skip(UInt64(max(opcodeBase, 1) - 1))
    guard !cursor.failed else { return nil }
  }

  /// The path of file `number`, as `DW_AT_decl_file` counts; nil: the table does not have it.
  func path(_ number: UInt64) -> String? {
    version >= 5 ? pathOfVersion5(number) : pathOfVersion4(number)
  }

  /// Debian builds kernels so that directories are relative to the kernel's sources, and the one
  /// that it is compiled in, too: only an absolute one goes in front.
  static func path(_ path: String, compiledIn directory: String?) -> String {
    guard !path.hasPrefix("/"), let directory, directory.hasPrefix("/") else { return path }
    return directory + "/" + path
  }

  private func path(_ folder: String?, _ name: String) -> String {
    guard !name.hasPrefix("/"), let folder, !folder.isEmpty else { return name }
    return Self.path(folder + "/" + name, compiledIn: directory)
  }

  // MARK: Version 5

  /// A table of more entries is damaged: the kernel's longest has 600.
  private static let greatestCount: UInt64 = 1 << 16

  /// What a directory or a file is described by (6.2.4.1).
  private struct Field {
    var isPath: Bool
    var isDirectory: Bool
    var form: DWARFFormClass
    var size: UInt32
  }

  private func pathOfVersion5(_ number: UInt64) -> String? {
    var cursor = cursor
    guard let directories = entries(&cursor, upTo: .max),
      let files = entries(&cursor, upTo: number), let file = files.last,
      UInt64(files.count) == number + 1, let name = file.path
    else { return nil }
    let index = Int(clamping: file.directory)
    let folder = index < directories.count ? directories[index].path : nil
    return path(folder.map(Self.text) ?? directory, Self.text(name))
  }

  /// The entries of a table as far as number `last`; leaves the cursor behind the last one read.
  private func entries(
    _ cursor: inout DWARFCursor, upTo last: UInt64
  ) -> [(path: UnsafeRawPointer?, directory: UInt64)]? {
    guard let format = format(&cursor) else { return nil }
    let count = min(cursor.unsignedLEB(), last == .max ? last : last + 1)
    guard count <= Self.greatestCount else { return nil }
    var entries: [(path: UnsafeRawPointer?, directory: UInt64)] = []
    for _ in 0..<count {
      var entry: (path: UnsafeRawPointer?, directory: UInt64) = (nil, 0)
      for field in format {
        guard read(field, &cursor, &entry) else { return nil }
      }
      guard !cursor.failed else { return nil }
      entries.append(entry)
    }
    return entries
  }

  private func format(_ cursor: inout DWARFCursor) -> [Field]? {
    var format: [Field] = []
    for _ in 0..<cursor.byte() {
      let content = cursor.unsignedLEB()
      guard let (form, size) = DWARFFormClass.of(cursor.unsignedLEB(), unit) else { return nil }
      // DW_LNCT_path is 1, DW_LNCT_directory_index 2.
      format.append(Field(isPath: content == 1, isDirectory: content == 2, form: form, size: size))
    }
    return cursor.failed ? nil : format
  }

  private func read(
    _ field: Field, _ cursor: inout DWARFCursor,
    _ entry: inout (path: UnsafeRawPointer?, directory: UInt64)
  ) -> Bool {
    var path: UnsafeRawPointer?
    var number: UInt64 = 0
    switch field.form {
    case .text, .stringOffset, .lineStringOffset, .supplementaryStringOffset:
      path = sections.text(field.form, field.size, &cursor)
    case .unsignedLEB: number = cursor.unsignedLEB()
    case .fixed where field.size <= 8: number = cursor.fixed(Int(field.size))
    case .fixed, .blockLEB, .block: cursor.skip(field.form, field.size, unit)
    default: return false
    }
    if field.isPath { entry.path = path }
    if field.isDirectory { entry.directory = number }
    return true
  }

  // MARK: Version 2 to 4

  /// Directories, then files, each list ended by an empty name; both count from 1.
  private func pathOfVersion4(_ number: UInt64) -> String? {
    var cursor = cursor
    var directories: [UnsafeRawPointer] = []
    while let name = Self.nonEmpty(cursor.text()) { directories.append(name) }
    var current: UInt64 = 0
    while let name = Self.nonEmpty(cursor.text()) {
      let folder = cursor.unsignedLEB()
      // When it was changed, and how long it is.
      cursor.skipLEB()
      cursor.skipLEB()
      current += 1
      guard current == number else { continue }
      let index = Int(clamping: folder)
      let inFolder = index > 0 && index <= directories.count ? directories[index - 1] : nil
      return path(inFolder.map(Self.text) ?? directory, Self.text(name))
    }
    return nil
  }

  private static func nonEmpty(_ text: UnsafeRawPointer?) -> UnsafeRawPointer? {
    text.flatMap { $0.load(as: UInt8.self) == 0 ? nil : $0 }
  }

  private static func text(_ text: UnsafeRawPointer) -> String {
    String(cString: text.assumingMemoryBound(to: UInt8.self))
  }
}
