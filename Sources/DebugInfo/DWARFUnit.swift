// SPDX-License-Identifier: MIT

import CElfutils

/// A compilation, partial or type unit, as its header describes it (DWARF5 7.5.1).
struct DWARFUnit: Sendable {
  /// In the section: the header, the unit's own entry, the end.
  var start: Int
  var firstEntry: Int
  var end: Int
  var isInTypes: Bool
  var version: UInt16
  /// `DW_UT_*`; of versions before 5, that of a compilation or type unit.
  var type: UInt8
  /// Into the abbreviations.
  var abbreviations: Int
  /// Bytes of an address, and of an offset into a section (4, or 8 in 64-bit DWARF).
  var addressSize: UInt8
  var offsetSize: UInt8
  /// Of a type unit: what `DW_FORM_ref_sig8` finds it by, and where its type is, from the start.
  var signature: UInt64 = 0
  var typeOffset: UInt64 = 0

  /// Forms that are read outside any unit go by these sizes.
  static func forms(version: UInt16, addressSize: UInt8, offsetSize: UInt8) -> DWARFUnit {
    DWARFUnit(
      start: 0, firstEntry: 0, end: 0, isInTypes: false, version: version, type: 0,
      abbreviations: 0, addressSize: addressSize, offsetSize: offsetSize)
  }

  var isTypeUnit: Bool { type == UInt8(DW_UT_type) || type == UInt8(DW_UT_split_type) }

  /// Whether its entries are in another file than the one that was linked.
  var isSplit: Bool { type == UInt8(DW_UT_split_compile) || type == UInt8(DW_UT_split_type) }
}

extension DWARFSections {
  /// The units of .debug_info and .debug_types, in order.
  func units() throws(SourceError) -> [DWARFUnit] {
    var units: [DWARFUnit] = []
    for inTypes in [false, true] {
      var offset = 0
      while offset < section(inTypes).count {
        let unit = try unit(at: offset, inTypes: inTypes)
        units.append(unit)
        offset = unit.end
      }
    }
    return units
  }

  func section(_ inTypes: Bool) -> UnsafeRawBufferPointer { inTypes ? types : info }

  /// The unit whose header stands at `offset`.
  func unit(at offset: Int, inTypes: Bool) throws(SourceError) -> DWARFUnit {
    var cursor = DWARFCursor(section(inTypes), from: offset, to: section(inTypes).count)
    let first = cursor.fixed(4)
    // 0xffffffff begins 64-bit DWARF (7.4); 0xfffffff0 and above are reserved.
    let offsetSize = first == 0xffff_ffff ? 8 : 4
    let length = offsetSize == 8 ? cursor.fixed(8) : first
    let start = cursor.position
    guard !cursor.failed, first < 0xffff_fff0 || offsetSize == 8 else {
      throw badHeader(offset, inTypes, "its length is none")
    }
    guard length <= UInt64(cursor.end - start) else {
      throw badHeader(offset, inTypes, "it goes on behind the end of the section")
    }
    let version = UInt16(cursor.fixed(2))
    guard (2...5).contains(version), !inTypes || version == 4 else {
      throw badHeader(offset, inTypes, "its version, \(version), is not known here")
    }
    let end = start + Int(length)
    var unit = DWARFUnit.forms(version: version, addressSize: 0, offsetSize: UInt8(offsetSize))
    (unit.start, unit.end, unit.isInTypes) = (offset, end, inTypes)
    try readRest(of: &unit, &cursor)
    guard !cursor.failed, cursor.position <= end else {
      throw badHeader(offset, inTypes, "it is cut off")
    }
    unit.firstEntry = cursor.position
    return unit
  }

  /// What stands behind the version: 7.5.1.1 to 7.5.1.3; of version 4, 7.5.1 of that standard.
  private func readRest(
    of unit: inout DWARFUnit, _ cursor: inout DWARFCursor
  ) throws(SourceError) {
    let offsetSize = Int(unit.offsetSize)
    let abbreviations: UInt64
    if unit.version >= 5 {
      unit.type = cursor.byte()
      unit.addressSize = cursor.byte()
      abbreviations = cursor.fixed(offsetSize)
    } else {
      unit.type = UInt8(unit.isInTypes ? DW_UT_type : DW_UT_compile)
      abbreviations = cursor.fixed(offsetSize)
      unit.addressSize = cursor.byte()
    }
    guard abbreviations <= UInt64(self.abbreviations.count) else {
      throw badHeader(unit.start, unit.isInTypes, "its abbreviations are nowhere")
    }
    unit.abbreviations = Int(abbreviations)
    switch Int(unit.type) {
    case Int(DW_UT_compile), Int(DW_UT_partial): break
    case Int(DW_UT_skeleton), Int(DW_UT_split_compile): cursor.skip(8)  // Its number.
    case Int(DW_UT_type), Int(DW_UT_split_type):
      unit.signature = cursor.fixed(8)
      unit.typeOffset = cursor.fixed(offsetSize)
    default:
      throw badHeader(unit.start, unit.isInTypes, "its type, \(unit.type), is not known here")
    }
  }

  private func badHeader(_ offset: Int, _ inTypes: Bool, _ reason: String) -> SourceError {
    .malformed(
      "bad-dwarf", "\(title(inTypes)): a unit's header is wrong: \(reason)", file: name,
      offset: offset)
  }

  /// Whether the entries of a unit are in another file: skeleton units (DWARF5 3.1.2), or
  /// `DW_AT_GNU_dwo_name` among the abbreviations, where it is looked for as bytes of LEB128.
  func mayBeSplit(_ units: [DWARFUnit]) -> Bool {
    if units.contains(where: { $0.type == UInt8(DW_UT_skeleton) }) { return true }
    guard units.contains(where: { $0.version < 5 }) else { return false }
    return abbreviations.offset(of: [0xb0, 0x42], from: 0) != nil
  }
}
