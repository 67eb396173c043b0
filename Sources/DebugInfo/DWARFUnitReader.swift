// SPDX-License-Identifier: MIT

import CElfutils

/// A unit whose entries are read one by one, wherever somebody asks (``DWARFDie``). A walk over all
/// entries is ``DWARFScanner``'s.
///
/// libdw would read the header of every unit in front of this one first, which is most of what a
/// look-up in a kernel takes.
final class DWARFUnitReader {
  /// To which other units are asked for; it has made this one.
  unowned let file: DWARFFile
  let source: UInt16
  let sections: DWARFSections
  let unit: DWARFUnit
  private var abbreviations: [Abbreviation] = []
  private(set) var attributes: [Attribute] = []
  /// Compilers number abbreviations from 1 without gaps; else: places in `abbreviations`.
  private var sparse: [UInt64: Int]?
  /// `DW_AT_str_offsets_base` of the unit's own entry; nil: not read yet.
  private var knownStringBase: Int?

  /// An attribute and its form, as abbreviations list them (7.5.3).
  struct Attribute {
    var name: UInt16
    var form: UInt16
    /// Of `DW_FORM_implicit_const`.
    var implicit: Int64
  }

  fileprivate struct Abbreviation {
    var code: UInt64
    var tag: UInt16
    var hasChildren: Bool
    var firstAttribute: UInt32
    var attributeCount: UInt32
  }

  /// nil where the abbreviations are damaged.
  init?(_ file: DWARFFile, source: UInt16, _ sections: DWARFSections, _ unit: DWARFUnit) {
    (self.file, self.source, self.sections, self.unit) = (file, source, sections, unit)
    guard readAbbreviations() else { return nil }
  }

  private func readAbbreviations() -> Bool {
    var cursor = DWARFCursor(
      sections.abbreviations, from: unit.abbreviations, to: sections.abbreviations.count)
    var isDense = true
    // Of GCC's, so that they need not be moved.
    abbreviations.reserveCapacity(256)
    attributes.reserveCapacity(1024)
    while true {
      let code = cursor.unsignedLEB()
      guard !cursor.failed else { return false }
      if code == 0 { break }
      let tag = UInt16(clamping: cursor.unsignedLEB())
      let hasChildren = cursor.byte() != 0
      let first = attributes.count
      while true {
        let (name, form) = (cursor.unsignedLEB(), cursor.unsignedLEB())
        guard !cursor.failed else { return false }
        if name == 0 && form == 0 { break }
        let implicit = form == UInt64(DW_FORM_implicit_const) ? cursor.signedLEB() : 0
        attributes.append(
          Attribute(
            name: UInt16(clamping: name), form: UInt16(clamping: form), implicit: implicit))
      }
      abbreviations.append(
        Abbreviation(
          code: code, tag: tag, hasChildren: hasChildren, firstAttribute: UInt32(first),
          attributeCount: UInt32(attributes.count - first)))
      isDense = isDense && code == UInt64(abbreviations.count)
    }
    if !isDense {
      sparse = Dictionary(
        abbreviations.enumerated().map { ($0.element.code, $0.offset) }
      ) { _, last in last }
    }
    return true
  }

  private func abbreviation(_ code: UInt64) -> Abbreviation? {
    guard let sparse else {
      return code &- 1 < UInt64(abbreviations.count) ? abbreviations[Int(code) - 1] : nil
    }
    return sparse[code].map { abbreviations[$0] }
  }

  /// The unit's own entry.
  var root: DWARFDie? { entry(at: unit.firstEntry) }

  /// The entry at `offset` of the section; nil: none stands there, or the end of a list.
  func entry(at offset: Int) -> DWARFDie? {
    guard offset >= unit.firstEntry, offset < unit.end else { return nil }
    var cursor = cursor(at: offset)
    let code = cursor.unsignedLEB()
    guard code != 0, !cursor.failed, let abbreviation = abbreviation(code) else { return nil }
    let first = Int(abbreviation.firstAttribute)
    return DWARFDie(
      unit: self, offset: offset, tag: Int(abbreviation.tag),
      hasChildren: abbreviation.hasChildren,
      attributes: first..<first + Int(abbreviation.attributeCount), content: cursor.position)
  }

  func cursor(at offset: Int) -> DWARFCursor {
    DWARFCursor(sections.section(unit.isInTypes), from: offset, to: unit.end)
  }

  /// Where this unit's part of .debug_str_offsets begins: 7.26.
  var stringBase: Int {
    if let knownStringBase { return knownStringBase }
    // Its own entry may have a name by such a number, too.
    knownStringBase = sections.firstStringBase(of: unit)
    if let base = root?.number(DW_AT_str_offsets_base) { knownStringBase = Int(clamping: base) }
    return knownStringBase ?? 0
  }
}
