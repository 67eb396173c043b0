// SPDX-License-Identifier: MIT

import CElfutils

// What single entries say, wherever they are.

extension DWARFFile {
  /// The entry at `place`; nil if there is none.
  func die(at place: DWARFPlace) -> DWARFDie? {
    guard let offset = Int(exactly: place.offset) else { return nil }
    return reader(around: place)?.entry(at: offset)
  }

  private func reader(around place: DWARFPlace) -> DWARFUnitReader? {
    unit(around: place).flatMap { reader(of: $0, place.source) }
  }

  private func reader(of unit: DWARFUnit, _ source: UInt16) -> DWARFUnitReader? {
    let place = DWARFPlace(
      source: source, isInTypes: unit.isInTypes, offset: UInt64(unit.start))
    if let known = readers[place] { return known }
    let reader = DWARFUnitReader(self, source: source, sources[Int(source)], unit)
    readers.updateValue(reader, forKey: place)
    return reader
  }

  /// The type that a type unit is about (7.5.1.3): of the same file, or else of any.
  func type(signed signature: UInt64, near source: UInt16) -> DWARFDie? {
    for source in [source] + sources.indices.map({ UInt16($0) }) {
      guard let unit = typeUnits(of: source)[signature],
        let offset = Int(exactly: unit.typeOffset), offset < unit.end - unit.start
      else { continue }
      return reader(of: unit, source)?.entry(at: unit.start + offset)
    }
    return nil
  }

  private func typeUnits(of source: UInt16) -> [UInt64: DWARFUnit] {
    if let known = typeUnits[source] { return known }
    let units = ((try? units(of: source)) ?? []).filter(\.isTypeUnit)
    let found = Dictionary(units.map { ($0.signature, $0) }) { first, _ in first }
    typeUnits[source] = found
    return found
  }

  /// The enumeration that an enumerator is in: the last entry of its unit that begins before it.
  func enumeration(around entry: DWARFEntry) -> DWARFDie? {
    guard let die = die(at: entry.place) else { return nil }
    var last: DWARFDie?
    die.unit.root?.forEachChild { child in
      if child.offset < die.offset { last = child }
    }
    guard let last, last.tag == DW_TAG_enumeration_type else { return nil }
    return last
  }

  // MARK: Addresses, which libdw knows

  /// The entry at `place`, as libdw has it; nil if there is none.
  private func libdwEntry(at place: DWARFPlace) -> Dwarf_Die? {
    guard Int(place.source) < sources.count else { return nil }
    let dwarf = sources[Int(place.source)].dwarf
    var die = Dwarf_Die()
    let found =
      place.isInTypes
      ? dwarf_offdie_types(dwarf, place.offset, &die) : dwarf_offdie(dwarf, place.offset, &die)
    return found == nil ? nil : die
  }

  /// Where a function begins or a variable is, as the file was linked; nil for what has no place:
  /// inlined everywhere, or only declared, or one per thread.
  public func address(of entry: DWARFEntry) -> UInt64? {
    if let address = entry.address { return address }
    guard entry.flags.contains(.located), var die = libdwEntry(at: entry.place) else { return nil }
    return entry.kind == .function ? Self.start(of: &die) : Self.location(of: &die)
  }

  /// The lowest address is not always the entry: a part that is never reached may be linked below.
  private static func start(of die: inout Dwarf_Die) -> UInt64? {
    var (base, start, end): (Dwarf_Addr, Dwarf_Addr, Dwarf_Addr) = (0, 0, 0)
    if dwarf_entrypc(&die, &start) == 0 { return start }
    return dwarf_ranges(&die, 0, &base, &start, &end) > 0 ? start : nil
  }

  private static func location(of die: inout Dwarf_Die) -> UInt64? {
    var attribute = Dwarf_Attribute()
    var operations: UnsafeMutablePointer<Dwarf_Op>?
    var count = 0
    guard dwarf_attr_integrate(&die, UInt32(DW_AT_location), &attribute) != nil,
      dwarf_getlocation(&attribute, &operations, &count) == 0, count == 1, let operations
    else { return nil }
    switch Int(operations[0].atom) {
    case DW_OP_addr: return operations[0].number
    case DW_OP_addrx, DW_OP_GNU_addr_index:
      var (indirect, address) = (Dwarf_Attribute(), Dwarf_Addr())
      guard dwarf_getlocation_attr(&attribute, operations, &indirect) == 0,
        dwarf_formaddr(&indirect, &address) == 0
      else { return nil }
      return address
    default: return nil
    }
  }

  // MARK: Places in the source

  /// "fs/read_write.c" and the line, as the compiler was given them; nil where nothing says it.
  public func source(of entry: DWARFEntry) -> (file: String, line: UInt32)? {
    let own = entry.kind == .enumerator ? enumeration(around: entry) : die(at: entry.place)
    guard let declared = own?.integrated(DW_AT_decl_file),
      let number = declared.number(DW_AT_decl_file), number > 0,
      let file = declaredFile(number, declared.unit)
    else { return nil }
    return (Self.relative(file), entry.line)
  }

  private func declaredFile(_ number: UInt64, _ reader: DWARFUnitReader) -> String? {
    guard let root = reader.root else { return nil }
    guard reader.source < firstSplit, !reader.unit.isSplit else {
      return splitFile(number, root)
    }
    guard let offset = root.number(DW_AT_stmt_list) else { return nil }
    return DWARFFileNames(reader.sections, at: offset, directory: root.text(DW_AT_comp_dir))?
      .path(number)
  }

  /// The tables of split DWARF are in one file or the other; libdw knows in which. (Its
  /// `dwarf_decl_file` ends the process where a unit has no such table.)
  private func splitFile(_ number: UInt64, _ root: DWARFDie) -> String? {
    guard var entry = libdwEntry(at: root.place) else { return nil }
    var files: OpaquePointer?
    var count = 0
    guard dwarf_getsrcfiles(&entry, &files, &count) == 0, number < UInt64(count),
      let name = dwarf_filesrc(files, Int(number), nil, nil)
    else { return nil }
    return DWARFFileNames.path(
      String(cString: name), compiledIn: DWARFFile.text(&entry, DW_AT_comp_dir))
  }

  /// From the entry itself; of a unit of split DWARF, from its skeleton, too.
  static func text(_ die: inout Dwarf_Die, _ name: Int) -> String? {
    var attribute = Dwarf_Attribute()
    guard dwarf_attr_integrate(&die, UInt32(name), &attribute) != nil,
      let text = dwarf_formstring(&attribute)
    else { return nil }
    return String(cString: text)
  }

  /// The file that the entry's unit was compiled from, for telling `name@file.c`.
  public func unitName(of entry: DWARFEntry) -> String? {
    reader(around: entry.place)?.root?.name.map(Self.relative)
  }

  /// Without `.` and `..`, and without the directory in which Debian builds its kernels.
  private static func relative(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    guard path.hasPrefix("/") else { return parts.joined(separator: "/") }
    if let build = parts.firstIndex(where: { $0.hasPrefix("linux-") }),
      build + 1 < parts.count
    {
      return parts[(build + 1)...].joined(separator: "/")
    }
    return "/" + parts.joined(separator: "/")
  }

  /// What an enumerator is worth.
  public func value(of entry: DWARFEntry) -> (bits: UInt64, isNegative: Bool)? {
    entry.kind == .enumerator ? die(at: entry.place)?.enumeratorValue : nil
  }
}
