// SPDX-License-Identifier: MIT

// Values by their forms, for all that read attributes or the tables of line number programs.

extension DWARFCursor {
  /// Past a value.
  @inline(__always)
  mutating func skip(_ form: DWARFFormClass, _ size: UInt32, _ unit: DWARFUnit) {
    switch form {
    case .fixed, .sectionReference, .farReference, .stringOffset, .lineStringOffset,
      .supplementaryStringOffset,
      .stringIndex:
      skip(UInt64(size))
    case .present, .implicit: break
    case .unsignedLEB, .signedLEB, .stringIndexLEB: skipLEB()
    case .text: _ = text()
    case .blockLEB: skip(unsignedLEB())
    case .block: skip(fixed(Int(size)))
    case .indirect:
      if let (form, size) = indirectForm(unit) { skip(form, size, unit) }
    }
  }

  /// The form that stands in the entry (`DW_FORM_indirect`); nil, and a failed cursor, for one that
  /// cannot be.
  mutating func indirectForm(_ unit: DWARFUnit) -> (DWARFFormClass, size: UInt32)? {
    guard let (form, size) = DWARFFormClass.of(unsignedLEB(), unit), form != .indirect,
      form != .implicit
    else {
      fail()
      return nil
    }
    return (form, size)
  }
}

extension DWARFSections {
  /// Text in place, or by an offset into the strings of one sort or another; past anything else.
  @inline(__always)
  func text(
    _ form: DWARFFormClass, _ size: UInt32, _ cursor: inout DWARFCursor
  ) -> UnsafeRawPointer? {
    switch form {
    case .stringOffset: return Self.string(cursor.fixed(Int(size)), strings)
    case .lineStringOffset: return Self.string(cursor.fixed(Int(size)), lineStrings)
    case .supplementaryStringOffset:
      return Self.string(cursor.fixed(Int(size)), supplementaryStrings)
    case .text: return cursor.text()
    default: return nil
    }
  }

  @inline(__always)
  private static func string(
    _ offset: UInt64, _ strings: UnsafeRawBufferPointer
  ) -> UnsafeRawPointer? {
    guard offset < UInt64(strings.count) else { return nil }
    return strings.baseAddress! + Int(offset)
  }

  /// The string of a number in the part of .debug_str_offsets that begins at `base` (7.26).
  func string(number: UInt64, base: Int, _ unit: DWARFUnit) -> UnsafeRawPointer? {
    let size = Int(unit.offsetSize)
    guard base <= stringOffsets.count, number < UInt64(stringOffsets.count) else { return nil }
    var cursor = DWARFCursor(stringOffsets, from: base, to: stringOffsets.count)
    cursor.skip(number * UInt64(size))
    let offset = cursor.fixed(size)
    return cursor.failed ? nil : Self.string(offset, strings)
  }

  /// Where the numbers of a unit count from that does not say: behind the header, which only
  /// DWARF 5 has. So it is in files of split DWARF, which have one table.
  func firstStringBase(of unit: DWARFUnit) -> Int {
    unit.version < 5 ? 0 : unit.offsetSize == 8 ? 16 : 8
  }
}
