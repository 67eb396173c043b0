// SPDX-License-Identifier: MIT

import CElfutils

/// A debugging information entry, read where it lies. What is damaged in it reads as if it were not
/// there. Lives no longer than its ``DWARFFile``.
struct DWARFDie {
  let unit: DWARFUnitReader
  /// Bytes from the start of the section.
  let offset: Int
  /// `DW_TAG_*`.
  let tag: Int
  let hasChildren: Bool
  /// Into the unit's.
  fileprivate let attributes: Range<Int>
  /// Where its attributes begin.
  private let content: Int

  init(
    unit: DWARFUnitReader, offset: Int, tag: Int, hasChildren: Bool, attributes: Range<Int>,
    content: Int
  ) {
    (self.unit, self.offset, self.tag, self.hasChildren) = (unit, offset, tag, hasChildren)
    (self.attributes, self.content) = (attributes, content)
  }

  /// One for each entry, in whatever file it is.
  var place: DWARFPlace {
    DWARFPlace(source: unit.source, isInTypes: unit.unit.isInTypes, offset: UInt64(offset))
  }

  // MARK: Attributes

  /// The form of an attribute, and a cursor at its value.
  private struct Value {
    var form: Int
    var implicit: Int64
    var cursor: DWARFCursor
  }

  /// The attribute of the entry itself; nil: it has none of that name.
  private func value(_ name: Int) -> Value? {
    var cursor = unit.cursor(at: content)
    for number in attributes {
      let attribute = unit.attributes[number]
      guard Int(attribute.name) == name else {
        guard skip(UInt64(attribute.form), &cursor) else { return nil }
        continue
      }
      var form = UInt64(attribute.form)
      // The form itself stands in the entry (7.5.3); not twice.
      if form == UInt64(DW_FORM_indirect) { form = cursor.unsignedLEB() }
      guard !cursor.failed, form != UInt64(DW_FORM_indirect), let form = Int(exactly: form) else {
        return nil
      }
      return Value(form: form, implicit: attribute.implicit, cursor: cursor)
    }
    return nil
  }

  func has(_ name: Int) -> Bool { value(name) != nil }

  private func skip(_ form: UInt64, _ cursor: inout DWARFCursor) -> Bool {
    guard let (form, size) = DWARFFormClass.of(form, unit.unit) else { return false }
    cursor.skip(form, size, unit.unit)
    return !cursor.failed
  }

  /// A constant (DWARF5 7.5.5), not negative or as its 64 bits.
  func number(_ name: Int) -> UInt64? {
    guard var value = value(name) else { return nil }
    let number: UInt64
    switch value.form {
    case DW_FORM_data1, DW_FORM_flag: number = value.cursor.fixed(1)
    case DW_FORM_data2: number = value.cursor.fixed(2)
    case DW_FORM_data4: number = value.cursor.fixed(4)
    case DW_FORM_data8: number = value.cursor.fixed(8)
    case DW_FORM_udata: number = value.cursor.unsignedLEB()
    case DW_FORM_sdata: number = UInt64(bitPattern: value.cursor.signedLEB())
    case DW_FORM_implicit_const: number = UInt64(bitPattern: value.implicit)
    case DW_FORM_flag_present: number = 1
    case DW_FORM_sec_offset: number = value.cursor.fixed(Int(unit.unit.offsetSize))
    default: return nil
    }
    return value.cursor.failed ? nil : number
  }

  func flag(_ name: Int) -> Bool { number(name).map { $0 != 0 } ?? false }

  /// What an enumerator is worth: compilers give negative values in a signed form only.
  var enumeratorValue: (bits: UInt64, isNegative: Bool)? {
    guard let value = value(DW_AT_const_value), let bits = number(DW_AT_const_value) else {
      return nil
    }
    let isSigned = value.form == DW_FORM_sdata || value.form == DW_FORM_implicit_const
    return (bits, isSigned && Int64(bitPattern: bits) < 0)
  }

  /// Terminated.
  func text(_ name: Int) -> String? {
    guard var value = value(name),
      let (form, size) = DWARFFormClass.of(UInt64(value.form), unit.unit)
    else { return nil }
    let number: UInt64
    switch form {
    case .stringIndexLEB: number = value.cursor.unsignedLEB()
    case .stringIndex: number = value.cursor.fixed(Int(size))
    default:
      return unit.sections.text(form, size, &value.cursor).map(Self.string)
    }
    return unit.sections.string(number: number, base: unit.stringBase, unit.unit).map(Self.string)
  }

  private static func string(_ text: UnsafeRawPointer) -> String {
    String(cString: text.assumingMemoryBound(to: UInt8.self))
  }

  /// The offset in `DW_OP_plus_uconst offset`: how DWARF 2 and 3 say where a member is.
  func addedOffset(_ name: Int) -> UInt64? {
    guard var value = value(name) else { return nil }
    let length: UInt64
    switch value.form {
    case DW_FORM_block, DW_FORM_exprloc: length = value.cursor.unsignedLEB()
    case DW_FORM_block1: length = value.cursor.fixed(1)
    case DW_FORM_block2: length = value.cursor.fixed(2)
    case DW_FORM_block4: length = value.cursor.fixed(4)
    default: return nil
    }
    let end = UInt64(value.cursor.position) &+ length
    guard value.cursor.byte() == UInt8(DW_OP_plus_uconst) else { return nil }
    let offset = value.cursor.unsignedLEB()
    return value.cursor.failed || UInt64(value.cursor.position) != end ? nil : offset
  }

  // MARK: Other entries

  /// The entry that an attribute of the entry itself refers to (7.5.5, class reference).
  func reference(_ name: Int) -> DWARFDie? {
    guard var value = value(name) else { return nil }
    let offsetSize = Int(unit.unit.offsetSize)
    switch value.form {
    case DW_FORM_ref1: return inUnit(value.cursor.fixed(1))
    case DW_FORM_ref2: return inUnit(value.cursor.fixed(2))
    case DW_FORM_ref4: return inUnit(value.cursor.fixed(4))
    case DW_FORM_ref8: return inUnit(value.cursor.fixed(8))
    case DW_FORM_ref_udata: return inUnit(value.cursor.unsignedLEB())
    case DW_FORM_ref_addr:
      let size = unit.unit.version < 3 ? Int(unit.unit.addressSize) : offsetSize
      return inSource(unit.source, value.cursor.fixed(size))
    case DW_FORM_GNU_ref_alt: return inSupplement(value.cursor.fixed(offsetSize))
    case DW_FORM_ref_sup4: return inSupplement(value.cursor.fixed(4))
    case DW_FORM_ref_sup8: return inSupplement(value.cursor.fixed(8))
    case DW_FORM_ref_sig8:
      let signature = value.cursor.fixed(8)
      return value.cursor.failed ? nil : unit.file.type(signed: signature, near: unit.source)
    default: return nil
    }
  }

  private func inUnit(_ offset: UInt64) -> DWARFDie? {
    let (start, end) = (unit.unit.start, unit.unit.end)
    return offset < UInt64(end - start) ? unit.entry(at: start + Int(offset)) : nil
  }

  private func inSource(_ source: UInt16, _ offset: UInt64) -> DWARFDie? {
    unit.file.die(at: DWARFPlace(source: source, isInTypes: false, offset: offset))
  }

  private func inSupplement(_ offset: UInt64) -> DWARFDie? {
    unit.file.supplement.flatMap { inSource($0, offset) }
  }

  /// The first entry that has the attribute, of this one and those that it completes.
  func integrated(_ name: Int) -> DWARFDie? {
    var die = self
    // Compilers make chains of two.
    for _ in 0..<16 {
      if die.has(name) { return die }
      guard let next = die.completed else { return nil }
      die = next
    }
    return nil
  }

  /// What it completes: `DW_AT_abstract_origin`, `DW_AT_specification`.
  var completed: DWARFDie? {
    reference(DW_AT_abstract_origin) ?? reference(DW_AT_specification)
  }

  /// `DW_AT_name`, from the entry or the one it completes.
  var name: String? { integrated(DW_AT_name)?.text(DW_AT_name) }

  /// The entry that `DW_AT_type` refers to, from the entry or the one it completes; nil: `void`.
  var type: DWARFDie? { integrated(DW_AT_type)?.reference(DW_AT_type) }

  // MARK: Sizes

  /// Bytes of a value of this type; nil where that is not said.
  var valueSize: UInt64? {
    var (die, count) = (self, UInt64(1))
    for _ in 0..<64 {
      if let size = die.number(DW_AT_byte_size) { return size.multipliedIfPossible(by: count) }
      switch die.tag {
      case DW_TAG_array_type:
        for dimension in die.dimensions {
          guard let more = count.multipliedIfPossible(by: dimension) else { return nil }
          count = more
        }
      case DW_TAG_typedef, DW_TAG_const_type, DW_TAG_volatile_type, DW_TAG_restrict_type,
        DW_TAG_atomic_type, DW_TAG_subrange_type:
        break
      case DW_TAG_pointer_type, DW_TAG_reference_type, DW_TAG_rvalue_reference_type:
        return UInt64(unit.unit.addressSize).multipliedIfPossible(by: count)
      default: return nil
      }
      guard let next = die.type else { return nil }
      die = next
    }
    return nil
  }

  /// Of an array, the elements of each dimension, outermost first (DWARF5 5.13); 0: not said, as
  /// for `[]`.
  var dimensions: [UInt64] {
    var counts: [UInt64] = []
    forEachChild { if $0.tag == DW_TAG_subrange_type { counts.append($0.elementCount) } }
    return counts.isEmpty ? [0] : counts
  }

  private var elementCount: UInt64 {
    if let count = number(DW_AT_count) { return count }
    guard let bound = number(DW_AT_upper_bound) else { return 0 }
    // GCC has an upper bound of -1 for no elements, in as many bytes as it likes.
    return bound == .max || bound == UInt64(UInt32.max) ? 0 : bound + 1
  }

  // MARK: Children

  /// Its children, in order, as far as they can be read.
  func forEachChild(_ body: (DWARFDie) -> Void) {
    guard hasChildren, var position = end else { return }
    while let child = unit.entry(at: position) {
      body(child)
      guard let next = child.next else { return }
      position = next
    }
  }

  /// Where its attributes end.
  private var end: Int? {
    var cursor = unit.cursor(at: content)
    for number in attributes {
      guard skip(UInt64(unit.attributes[number].form), &cursor) else { return nil }
    }
    return cursor.position
  }

  /// Where the next entry of the same list stands. Always further on: what is damaged ends, too.
  private var next: Int? {
    if let sibling = reference(DW_AT_sibling), sibling.offset > offset { return sibling.offset }
    guard hasChildren else { return end }
    var depth = 1
    var position = end
    while depth > 0, let place = position {
      if let die = unit.entry(at: place) {
        if die.hasChildren { depth += 1 }
        position = die.end
      } else {
        depth -= 1
        position = unit.isEndOfList(at: place) ? place + 1 : nil
      }
    }
    return position
  }
}

extension UInt64 {
  fileprivate func multipliedIfPossible(by factor: UInt64) -> UInt64? {
    let (product, overflows) = multipliedReportingOverflow(by: factor)
    return overflows ? nil : product
  }
}

extension DWARFUnitReader {
  /// Whether a list of children ends at `offset`: with a code of 0.
  fileprivate func isEndOfList(at offset: Int) -> Bool {
    var cursor = cursor(at: offset)
    return cursor.byte() == 0 && !cursor.failed
  }
}
