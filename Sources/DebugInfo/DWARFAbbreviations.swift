// SPDX-License-Identifier: MIT

import CElfutils

/// The attributes that a walk over entries looks at. Everything else is skipped.
enum DWARFAttribute: UInt8 {
  case other
  case name, sibling, declaration, external, inline, noReturn, line, byteSize, lowPC, ranges
  case location, abstractOrigin, specification, language, stringBase

  init(_ code: UInt64) {
    switch Int(truncatingIfNeeded: code) {
    case DW_AT_name: self = .name
    case DW_AT_sibling: self = .sibling
    case DW_AT_declaration: self = .declaration
    case DW_AT_external: self = .external
    case DW_AT_inline: self = .inline
    case DW_AT_noreturn: self = .noReturn
    case DW_AT_decl_line: self = .line
    case DW_AT_byte_size: self = .byteSize
    case DW_AT_low_pc: self = .lowPC
    case DW_AT_ranges: self = .ranges
    case DW_AT_location: self = .location
    case DW_AT_abstract_origin: self = .abstractOrigin
    case DW_AT_specification: self = .specification
    case DW_AT_language: self = .language
    case DW_AT_str_offsets_base: self = .stringBase
    default: self = .other
    }
  }
}

/// How the value of an attribute is read or skipped; several forms are alike (DWARF5 7.5.6).
enum DWARFFormClass: UInt8 {
  /// `size` bytes, a number; of references, offsets from the unit's start.
  case fixed
  /// `size` bytes, an offset into .debug_info, to any of its units: `DW_FORM_ref_addr`.
  case sectionReference
  /// `size` bytes, a reference to another section or file.
  case farReference
  /// No bytes at all: `DW_FORM_flag_present`.
  case present
  /// The value is in the abbreviation: `DW_FORM_implicit_const`.
  case implicit
  case unsignedLEB, signedLEB
  /// Text in place, terminated.
  case text
  /// An offset of `size` bytes into .debug_str, .debug_line_str, or the supplement's strings.
  case stringOffset, lineStringOffset, supplementaryStringOffset
  /// A number of a string in .debug_str_offsets: LEB128, or `size` bytes.
  case stringIndexLEB, stringIndex
  /// A length of LEB128, or of `size` bytes, and that many bytes.
  case blockLEB, block
  /// The form itself stands in the entry: `DW_FORM_indirect`.
  case indirect
}

/// One step through an entry: an attribute that matters, or a run of bytes that do not.
struct DWARFStep {
  var attribute: DWARFAttribute
  var form: DWARFFormClass
  /// Bytes, where the form has a size.
  var size: UInt32
  var implicit: Int64
}

/// What entries of one abbreviation look like (DWARF5 7.5.3).
struct DWARFAbbreviation {
  /// What it declares by a name; nil: nothing that is looked for, and only `sibling` is read.
  var kind: DWARFKind?
  var hasChildren: Bool
  /// Into the steps of the table.
  var firstStep: UInt32
  var stepCount: UInt32
}

/// How to go past an entry without reading it, where all of its values have fixed sizes: most
/// entries of a kernel are looked at by nothing else.
struct DWARFShape {
  /// Bytes of the values; `unknown`: the entry has to be read.
  var size: UInt16 = 0
  /// Where the name is, an offset of 4 bytes into .debug_str: bytes from the first value. `none`:
  /// the entry has no name that anybody could want.
  var name = Self.none
  /// Where the sibling is, 4 bytes from the unit's start; `none`: there are no children.
  var sibling = Self.none

  static let unknown = UInt16.max
  static let none = UInt8.max

  var isKnown: Bool { size != Self.unknown }

  fileprivate mutating func add(_ step: DWARFStep) {
    guard isKnown else { return }
    let place = UInt8(clamping: size)
    switch (step.attribute, step.form) {
    case (_, .present), (_, .implicit): return
    case (.name, .stringOffset) where step.size == 4: name = place
    case (.sibling, .fixed) where step.size == 4: sibling = place
    // They may give it the name of another entry; or it has one that is elsewhere.
    case (.abstractOrigin, _), (.specification, _), (.name, _), (.sibling, _): return forget()
    default: break
    }
    guard step.form.whenSkipped == .fixed, Int(size) + Int(step.size) < Int(Self.none) else {
      return forget()
    }
    size += UInt16(step.size)
  }

  /// `kind`, `hasChildren`: of the abbreviation, all of whose values have been added.
  fileprivate mutating func end(_ kind: DWARFKind?, hasChildren: Bool) {
    // The enumerators of an enumeration have names of their own.
    if kind == .enumeration || hasChildren && sibling == Self.none { forget() }
    if kind == nil { name = Self.none }
    if !hasChildren { sibling = Self.none }
  }

  private mutating func forget() { size = Self.unknown }
}

/// The abbreviations of a unit. One table is refilled for each unit, so that none is allocated.
struct DWARFAbbreviationTable {
  private(set) var abbreviations: [DWARFAbbreviation] = []
  private(set) var steps: [DWARFStep] = []
  /// Of `abbreviations`, in their order; none if their codes are not 1 and so on.
  private(set) var shapes: ContiguousArray<DWARFShape> = []
  /// Compilers number abbreviations from 1 without gaps; only others are listed here.
  private var sparse: [UInt64: Int] = [:]
  private var isDense = true
  private let attributes = DWARFAttribute.table
  private var forms = DWARFFormTable()

  /// The place of abbreviation `code` in `abbreviations`; nil: there is none.
  @inline(__always)
  func index(of code: UInt64) -> Int? {
    if isDense {
      // Code 0 ends a list of children and is no abbreviation.
      return code &- 1 < UInt64(abbreviations.count) ? Int(code) - 1 : nil
    }
    return sparse[code]
  }

  /// Reads the abbreviations that `unit` uses.
  mutating func fill(
    for unit: DWARFUnit, _ sections: DWARFSections
  ) throws(SourceError) {
    abbreviations.removeAll(keepingCapacity: true)
    steps.removeAll(keepingCapacity: true)
    shapes.removeAll(keepingCapacity: true)
    sparse.removeAll(keepingCapacity: true)
    isDense = true
    forms.prepare(for: unit)
    var cursor = DWARFCursor(
      sections.abbreviations, from: unit.abbreviations, to: sections.abbreviations.count)
    while true {
      let start = cursor.position
      let code = cursor.unsignedLEB()
      if code == 0 && !cursor.failed { return }
      guard read(code, &cursor), !cursor.failed else {
        throw .malformed(
          "bad-dwarf", ".debug_abbrev: an abbreviation is cut off or of a form not known",
          file: sections.name, offset: start)
      }
    }
  }

  private mutating func read(_ code: UInt64, _ cursor: inout DWARFCursor) -> Bool {
    let tag = Int(truncatingIfNeeded: cursor.unsignedLEB())
    let kind = DWARFKind(tag: tag)
    let readsAll = kind != nil || Self.isUnit(tag)
    let hasChildren = cursor.byte() != 0
    let firstStep = steps.count
    var shape = DWARFShape()
    while true {
      // What is cut off reads as 0.
      let (attribute, form) = (cursor.unsignedLEB(), cursor.unsignedLEB())
      if attribute == 0 && form == 0 { break }
      guard var step = step(attribute, form, &cursor) else { return false }
      if !readsAll && step.attribute != .sibling { step.attribute = .other }
      shape.add(step)
      append(step, firstStep)
    }
    shape.end(kind, hasChildren: hasChildren)
    if isDense && code != UInt64(abbreviations.count) + 1 { becomeSparse() }
    if isDense { shapes.append(shape) } else { sparse[code] = abbreviations.count }
    abbreviations.append(
      DWARFAbbreviation(
        kind: kind, hasChildren: hasChildren, firstStep: UInt32(firstStep),
        stepCount: UInt32(steps.count - firstStep)))
    return true
  }

  private mutating func becomeSparse() {
    isDense = false
    shapes.removeAll(keepingCapacity: true)
    for number in abbreviations.indices { sparse[UInt64(number) + 1] = number }
  }

  private static func isUnit(_ tag: Int) -> Bool {
    switch tag {
    case DW_TAG_compile_unit, DW_TAG_partial_unit, DW_TAG_type_unit, DW_TAG_skeleton_unit: true
    default: false
    }
  }

  /// Joins bytes that only are skipped.
  @inline(__always)
  private mutating func append(_ step: DWARFStep, _ first: Int) {
    var step = step
    if step.attribute == .other {
      step.form = step.form.whenSkipped
      if step.form == .present { return }
      if step.form == .fixed, steps.count > first {
        let last = steps[steps.count - 1]
        if last.attribute == .other, last.form == .fixed {
          steps[steps.count - 1].size = last.size + step.size
          return
        }
      }
    }
    steps.append(step)
  }

  @inline(__always)
  private func step(
    _ attribute: UInt64, _ form: UInt64, _ cursor: inout DWARFCursor
  ) -> DWARFStep? {
    let implicit = form == UInt64(DW_FORM_implicit_const) ? cursor.signedLEB() : 0
    guard let (form, size) = forms[form] else { return nil }
    let known = attribute < UInt64(attributes.count) ? attributes[Int(attribute)] : .other
    return DWARFStep(attribute: known, form: form, size: size, implicit: implicit)
  }
}

extension DWARFAttribute {
  /// Those of small codes, which all that matter have, by their codes.
  static let table = (0..<UInt64(0x90)).map(DWARFAttribute.init)
}

/// Forms by their codes, for units of one version and size of address and offset.
struct DWARFFormTable {
  private var known: ContiguousArray<(DWARFFormClass, size: UInt32)?> = []
  private var unit = DWARFUnit.forms(version: 0, addressSize: 0, offsetSize: 0)

  mutating func prepare(for unit: DWARFUnit) {
    let isSame =
      self.unit.version == unit.version && self.unit.addressSize == unit.addressSize
      && self.unit.offsetSize == unit.offsetSize
    if isSame && !known.isEmpty { return }
    self.unit = unit
    known = ContiguousArray((0..<UInt64(0x30)).map { DWARFFormClass.of($0, unit) })
  }

  @inline(__always)
  subscript(code: UInt64) -> (DWARFFormClass, size: UInt32)? {
    code < UInt64(known.count) ? known[Int(code)] : DWARFFormClass.of(code, unit)
  }
}

extension DWARFKind {
  /// nil for entries that have no name of the program's, or none outside a function.
  init?(tag: Int) {
    switch tag {
    case DW_TAG_subprogram: self = .function
    case DW_TAG_variable: self = .variable
    case DW_TAG_structure_type, DW_TAG_class_type: self = .structure
    case DW_TAG_union_type: self = .union
    case DW_TAG_enumeration_type: self = .enumeration
    case DW_TAG_typedef: self = .typedef
    case DW_TAG_enumerator: self = .enumerator
    default: return nil
    }
  }
}

extension DWARFFormClass {
  /// The simplest class that takes as many bytes.
  var whenSkipped: DWARFFormClass {
    switch self {
    case .sectionReference, .farReference, .stringOffset, .lineStringOffset,
      .supplementaryStringOffset, .stringIndex:
      .fixed
    case .implicit: .present
    case .signedLEB, .stringIndexLEB: .unsignedLEB
    default: self
    }
  }

  /// The class of a form, and its size in bytes; nil: not known, so that it cannot be skipped.
  static func of(_ form: UInt64, _ unit: DWARFUnit) -> (DWARFFormClass, size: UInt32)? {
    guard let form = Int(exactly: form) else { return nil }
    let offsetSize = UInt32(unit.offsetSize)
    switch form {
    case DW_FORM_flag_present: return (.present, 0)
    case DW_FORM_implicit_const: return (.implicit, 0)
    case DW_FORM_data1, DW_FORM_ref1, DW_FORM_flag, DW_FORM_addrx1: return (.fixed, 1)
    case DW_FORM_data2, DW_FORM_ref2, DW_FORM_addrx2: return (.fixed, 2)
    case DW_FORM_addrx3: return (.fixed, 3)
    case DW_FORM_data4, DW_FORM_ref4, DW_FORM_addrx4: return (.fixed, 4)
    case DW_FORM_data8, DW_FORM_ref8: return (.fixed, 8)
    case DW_FORM_ref_sup4: return (.farReference, 4)
    case DW_FORM_ref_sup8, DW_FORM_ref_sig8: return (.farReference, 8)
    case DW_FORM_data16: return (.fixed, 16)
    case DW_FORM_addr: return (.fixed, UInt32(unit.addressSize))
    // DWARF 2 had it the size of an address.
    case DW_FORM_ref_addr:
      return (.sectionReference, unit.version < 3 ? UInt32(unit.addressSize) : offsetSize)
    case DW_FORM_GNU_ref_alt: return (.farReference, offsetSize)
    case DW_FORM_sec_offset: return (.fixed, offsetSize)
    case DW_FORM_strp: return (.stringOffset, offsetSize)
    case DW_FORM_line_strp: return (.lineStringOffset, offsetSize)
    case DW_FORM_strp_sup, DW_FORM_GNU_strp_alt: return (.supplementaryStringOffset, offsetSize)
    case DW_FORM_string: return (.text, 0)
    case DW_FORM_strx, DW_FORM_GNU_str_index: return (.stringIndexLEB, 0)
    case DW_FORM_strx1: return (.stringIndex, 1)
    case DW_FORM_strx2: return (.stringIndex, 2)
    case DW_FORM_strx3: return (.stringIndex, 3)
    case DW_FORM_strx4: return (.stringIndex, 4)
    case DW_FORM_udata, DW_FORM_ref_udata, DW_FORM_addrx, DW_FORM_GNU_addr_index,
      DW_FORM_loclistx, DW_FORM_rnglistx:
      return (.unsignedLEB, 0)
    case DW_FORM_sdata: return (.signedLEB, 0)
    case DW_FORM_block, DW_FORM_exprloc: return (.blockLEB, 0)
    case DW_FORM_block1: return (.block, 1)
    case DW_FORM_block2: return (.block, 2)
    case DW_FORM_block4: return (.block, 4)
    case DW_FORM_indirect: return (.indirect, 0)
    default: return nil
    }
  }
}
