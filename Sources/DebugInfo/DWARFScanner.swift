// SPDX-License-Identifier: MIT

import CElfutils

/// What a walk over entries hands to whoever asked for it.
struct DWARFScannedEntry {
  var kind: DWARFKind
  /// Terminated; in one of the sections.
  var name: UnsafeRawPointer
  /// Bytes from the start of the section.
  var offset: Int
  var flags: DWARFFlags
  var line: UInt32
  var size: UInt64
  var address: UInt64?
}

/// Takes the named entries of units, in the order in which they stand there.
protocol DWARFScanSink: SendableMetatype {
  /// False if nothing is to be made of an entry, other than an enumeration, whose name stands at
  /// `offset` of .debug_str.
  func mayWant(nameAt offset: UInt32) -> Bool

  /// Whether the enumerators of `enumeration` are to be handed over, too.
  mutating func wantsEnumerators(of enumeration: DWARFEnumerationMark) -> Bool

  mutating func take(_ entry: DWARFScannedEntry)
}

/// What tells one enumeration from another without reading its enumerators.
struct DWARFEnumerationMark: Hashable {
  /// Of a nameless one: its first enumerator's.
  var name: UnsafeRawPointer?
  var line: UInt32
  var size: UInt64
}

/// Walks the entries directly below a unit's own: functions, global variables, types. In C nothing
/// else has a name of the program's, but the enumerators below their types.
///
/// libdw finds each attribute anew; for millions of entries this reads each byte once instead. What
/// is found is then read through libdw.
struct DWARFScanner {
  private let sections: DWARFSections
  /// All of the file, in order.
  private let units: [DWARFUnit]
  private var table = DWARFAbbreviationTable()
  private var unit = DWARFUnit.forms(version: 0, addressSize: 0, offsetSize: 0)
  /// Where the unit's numbers of strings count from.
  private var stringBase = 0
  private var isAssembly = false
  /// Units that entries of this one complete entries of, by their starts.
  private var others: [Int: DWARFScanner] = [:]

  init(_ sections: DWARFSections, _ units: [DWARFUnit]) {
    self.sections = sections
    self.units = units
  }

  /// The attributes of one entry.
  private struct Fields {
    var name: UnsafeRawPointer?
    var flags: DWARFFlags = []
    var line: UInt32 = 0
    var size: UInt64 = 0
    var address: UInt64?
    /// Bytes from the unit's start; 0: none.
    var sibling: UInt64 = 0
    /// The entry that this one completes: `DW_AT_abstract_origin`, `DW_AT_specification`.
    var origin: UInt64 = 0
    /// `origin` counts from the start of .debug_info, not of the unit.
    var isOriginFar = false
    var language: UInt64 = 0
    /// `DW_AT_str_offsets_base` of a unit's own entry; 0: not said.
    var stringBase: UInt64 = 0
  }

  /// Hands every named entry of `unit` to `sink`.
  mutating func scan<Sink: DWARFScanSink>(
    _ unit: DWARFUnit, _ sink: inout Sink
  ) throws(SourceError) {
    guard var cursor = try enter(unit) else { return }
    while true {
      pass(&cursor, sink)
      guard !cursor.isAtEnd else { return }
      let offset = cursor.position
      guard let (abbreviation, fields) = try entry(&cursor) else { return }
      if let kind = abbreviation.kind { try report(kind, fields, offset, &sink) }
      if abbreviation.hasChildren {
        if abbreviation.kind == .enumeration, !fields.flags.contains(.declaration),
          sink.wantsEnumerators(of: try mark(fields, cursor))
        {
          try scanEnumerators(of: fields, &cursor, &sink)
        } else {
          try leave(fields, &cursor, offset)
        }
      }
    }
  }

  /// Goes past entries of which `sink` wants nothing, by their shapes alone, to the first that has
  /// to be read; so it is with any that is damaged.
  private func pass<Sink: DWARFScanSink>(_ cursor: inout DWARFCursor, _ sink: Sink) {
    guard let base = sections.section(unit.isInTypes).baseAddress else { return }
    let (start, end) = (unit.start, unit.end)
    var position = cursor.position
    table.shapes.withUnsafeBufferPointer { shapes in
      while position < end {
        let code = base.load(fromByteOffset: position, as: UInt8.self)
        // 0 ends a list; of two bytes are those of few entries.
        guard code &- 1 < 0x7f, Int(code) <= shapes.count else { return }
        let (shape, values) = (shapes[Int(code) - 1], position &+ 1)
        var next = values &+ Int(shape.size)
        guard shape.isKnown, next <= end else { return }
        if shape.name != DWARFShape.none,
          sink.mayWant(nameAt: Self.word(base, values &+ Int(shape.name)))
        {
          return
        }
        if shape.sibling != DWARFShape.none {
          let sibling = start &+ Int(Self.word(base, values &+ Int(shape.sibling)))
          guard sibling >= next, sibling < end else { return }
          next = sibling
        }
        position = next
      }
    }
    cursor.move(to: position)
  }

  @inline(__always)
  private static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt32 {
    UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Reads the unit's own entry, and what the others are read by; nil if it has no others.
  private mutating func enter(_ unit: DWARFUnit) throws(SourceError) -> DWARFCursor? {
    self.unit = unit
    stringBase = sections.firstStringBase(of: unit)
    try table.fill(for: unit, sections)
    let section = sections.section(unit.isInTypes)
    var cursor = DWARFCursor(section, from: unit.firstEntry, to: unit.end)
    guard !cursor.failed else { throw bad(unit.start, "a unit that is cut off") }
    guard let (own, fields) = try entry(&cursor), own.hasChildren else { return nil }
    isAssembly = fields.language == UInt64(DW_LANG_Mips_Assembler)
    if fields.stringBase != 0 { stringBase = Int(clamping: fields.stringBase) }
    return cursor
  }

  /// `children`: where the enumerators begin.
  private func mark(
    _ fields: Fields, _ children: DWARFCursor
  ) throws(SourceError) -> DWARFEnumerationMark {
    var name = fields.name
    if name == nil {
      var first = children
      name = try entry(&first)?.1.name
    }
    return DWARFEnumerationMark(name: name, line: fields.line, size: fields.size)
  }

  /// An enumerator says no line; that of its enumeration tells those of one name apart.
  private mutating func scanEnumerators<Sink: DWARFScanSink>(
    of enumeration: Fields, _ cursor: inout DWARFCursor, _ sink: inout Sink
  ) throws(SourceError) {
    while true {
      let offset = cursor.position
      guard let (abbreviation, own) = try entry(&cursor) else { return }
      var fields = own
      fields.line = enumeration.line
      if abbreviation.kind == .enumerator { try report(.enumerator, fields, offset, &sink) }
      if abbreviation.hasChildren { try leave(fields, &cursor, offset) }
    }
  }

  /// Hands over an entry, with what it takes from the one that it completes: the code of a function
  /// that was also inlined, and the definition of a variable that was declared before, have no
  /// names of their own.
  private mutating func report<Sink: DWARFScanSink>(
    _ kind: DWARFKind, _ fields: Fields, _ offset: Int, _ sink: inout Sink
  ) throws(SourceError) {
    var fields = fields
    if fields.name == nil && fields.origin != 0 {
      try complete(&fields, offset, Self.longestChain)
    }
    guard let name = fields.name, name.load(as: UInt8.self) != 0 else { return }
    if isAssembly { fields.flags.insert(.assembly) }
    sink.take(
      DWARFScannedEntry(
        kind: kind, name: name, offset: offset, flags: fields.flags, line: fields.line,
        size: fields.size, address: fields.address))
  }

  /// A specification of an abstract instance is the longest chain that compilers make; with
  /// `-flto`, each of gcc's may begin in another unit than it ends in.
  private static let longestChain = 4
  /// Few units take code from very many others: as many are kept open.
  private static let mostOthers = 64

  /// `offset`: of the entry that `fields` are of; `steps`: how far to go.
  private mutating func complete(
    _ fields: inout Fields, _ offset: Int, _ steps: Int
  ) throws(SourceError) {
    guard steps > 0, fields.name == nil, fields.origin != 0 else { return }
    if fields.isOriginFar { return try completeFromAfar(&fields, offset, steps) }
    guard fields.origin < UInt64(unit.end - unit.start) else {
      throw bad(offset, "an entry that refers beyond its unit")
    }
    try complete(&fields, from: unit.start + Int(fields.origin), steps)
  }

  private mutating func complete(
    _ fields: inout Fields, from offset: Int, _ steps: Int
  ) throws(SourceError) {
    var cursor = DWARFCursor(sections.section(unit.isInTypes), from: offset, to: unit.end)
    guard let (_, origin) = try entry(&cursor) else { return }
    fields.name = origin.name
    fields.origin = origin.origin
    fields.isOriginFar = origin.isOriginFar
    if fields.line == 0 { fields.line = origin.line }
    fields.flags.formUnion(origin.flags.intersection([.external, .noReturn, .inlined]))
    try complete(&fields, offset, steps - 1)
  }

  /// From an entry of another unit, which has abbreviations of its own.
  private mutating func completeFromAfar(
    _ fields: inout Fields, _ offset: Int, _ steps: Int
  ) throws(SourceError) {
    guard let origin = Int(exactly: fields.origin), let unit = unit(around: origin) else {
      throw bad(offset, "an entry that refers to one outside of all units")
    }
    var other = others[unit.start] ?? DWARFScanner(sections, units)
    if others[unit.start] == nil {
      if others.count == Self.mostOthers { others.removeAll() }
      _ = try other.enter(unit)
      others[unit.start] = other
    }
    try other.complete(&fields, from: origin, steps)
  }

  /// The unit of .debug_info in which the entry at `offset` is.
  private func unit(around offset: Int) -> DWARFUnit? {
    // Those of .debug_types follow, and count from a start of their own.
    var (low, high) = (0, units.firstIndex(where: \.isInTypes) ?? units.count)
    while low < high {
      let middle = (low + high) / 2
      if units[middle].end <= offset { low = middle + 1 } else { high = middle }
    }
    guard low < units.count, !units[low].isInTypes, offset >= units[low].firstEntry else {
      return nil
    }
    return units[low]
  }

  // MARK: Entries

  /// Reads one entry; nil at the end of a list of children.
  @inline(__always)
  private func entry(
    _ cursor: inout DWARFCursor
  ) throws(SourceError) -> (DWARFAbbreviation, Fields)? {
    let offset = cursor.position
    let code = cursor.unsignedLEB()
    if code == 0 {
      guard !cursor.failed else { throw bad(offset, "a list of entries that does not end") }
      return nil
    }
    guard let number = table.index(of: code) else {
      throw bad(offset, "an entry of abbreviation \(code), which its unit does not have")
    }
    let abbreviation = table.abbreviations[number]
    var fields = Fields()
    let first = Int(abbreviation.firstStep)
    for step in first..<first + Int(abbreviation.stepCount) {
      read(table.steps[step], &cursor, &fields)
    }
    guard !cursor.failed else { throw bad(offset, "an entry that is cut off") }
    return (abbreviation, fields)
  }

  /// Goes past the children of an entry.
  private func leave(
    _ fields: Fields, _ cursor: inout DWARFCursor, _ offset: Int
  ) throws(SourceError) {
    if fields.sibling != 0 { return try follow(fields.sibling, &cursor, offset) }
    var depth = 1
    while depth > 0 {
      let offset = cursor.position
      guard let (abbreviation, fields) = try entry(&cursor) else {
        depth -= 1
        continue
      }
      guard abbreviation.hasChildren else { continue }
      if fields.sibling != 0 {
        try follow(fields.sibling, &cursor, offset)
      } else {
        depth += 1
      }
    }
  }

  /// A sibling stands further on: this ends.
  @inline(__always)
  private func follow(
    _ sibling: UInt64, _ cursor: inout DWARFCursor, _ offset: Int
  ) throws(SourceError) {
    guard sibling < UInt64(unit.end - unit.start),
      unit.start + Int(sibling) >= cursor.position
    else { throw bad(offset, "an entry whose next sibling is not behind it in its unit") }
    cursor.move(to: unit.start + Int(sibling))
  }

  private func bad(_ offset: Int, _ what: String) -> SourceError {
    .malformed(
      "bad-dwarf", "\(sections.title(unit.isInTypes)) has \(what)", file: sections.name,
      offset: offset)
  }

  // MARK: Attributes

  @inline(__always)
  private func read(_ step: DWARFStep, _ cursor: inout DWARFCursor, _ fields: inout Fields) {
    switch step.attribute {
    case .other: skip(step, &cursor)
    case .name: fields.name = text(step, &cursor)
    case .sibling: fields.sibling = number(step, &cursor)
    case .line: fields.line = UInt32(truncatingIfNeeded: number(step, &cursor))
    case .byteSize: fields.size = number(step, &cursor)
    case .declaration: set(.declaration, step, &cursor, &fields)
    case .external: set(.external, step, &cursor, &fields)
    case .noReturn: set(.noReturn, step, &cursor, &fields)
    case .inline:
      // DW_INL_inlined is 1, DW_INL_declared_inlined 3.
      if number(step, &cursor) & 1 != 0 { fields.flags.insert(.inlined) }
    case .ranges:
      skip(step, &cursor)
      fields.flags.insert(.located)
    case .lowPC:
      fields.flags.insert(.located)
      // Not an index into .debug_addr, which is shorter.
      let isAddress = step.form == .fixed && step.size == 8
      let value = number(step, &cursor)
      if isAddress { fields.address = value }
    case .location: readLocation(step, &cursor, &fields)
    case .abstractOrigin, .specification:
      var step = step
      if step.form == .indirect, let form = indirect(&cursor) { step = form }
      fields.isOriginFar = step.form == .sectionReference
      fields.origin = number(step, &cursor)
    case .language: fields.language = number(step, &cursor)
    case .stringBase: fields.stringBase = number(step, &cursor)
    }
  }

  @inline(__always)
  private func set(
    _ flag: DWARFFlags, _ step: DWARFStep, _ cursor: inout DWARFCursor, _ fields: inout Fields
  ) {
    if number(step, &cursor) != 0 { fields.flags.insert(flag) }
  }

  /// A global variable's location is an expression of one operation: `DW_OP_addr`.
  private func readLocation(
    _ step: DWARFStep, _ cursor: inout DWARFCursor, _ fields: inout Fields
  ) {
    guard step.form == .blockLEB || step.form == .block else {
      return skip(step, &cursor)
    }
    let length =
      step.form == .blockLEB ? cursor.unsignedLEB() : cursor.fixed(Int(step.size))
    guard length > 0 else { return }
    fields.flags.insert(.located)
    guard length == 9, unit.addressSize == 8 else { return cursor.skip(length) }
    let operation = cursor.byte()
    let address = cursor.fixed(8)
    if operation == UInt8(DW_OP_addr) { fields.address = address }
  }

  /// The value of a numeric attribute; 0 for one that is not a number.
  @inline(__always)
  private func number(_ step: DWARFStep, _ cursor: inout DWARFCursor) -> UInt64 {
    switch step.form {
    case .fixed where step.size <= 8, .sectionReference: return cursor.fixed(Int(step.size))
    case .present: return 1
    case .implicit: return UInt64(bitPattern: step.implicit)
    case .unsignedLEB: return cursor.unsignedLEB()
    case .signedLEB: return UInt64(bitPattern: cursor.signedLEB())
    case .indirect: return indirect(&cursor).map { number($0, &cursor) } ?? 0
    default:
      skip(step, &cursor)
      return 0
    }
  }

  private func text(_ step: DWARFStep, _ cursor: inout DWARFCursor) -> UnsafeRawPointer? {
    switch step.form {
    case .stringIndexLEB: return string(number: cursor.unsignedLEB())
    case .stringIndex: return string(number: cursor.fixed(Int(step.size)))
    case .indirect: return indirect(&cursor).flatMap { text($0, &cursor) }
    case .stringOffset, .lineStringOffset, .supplementaryStringOffset, .text:
      return sections.text(step.form, step.size, &cursor)
    default:
      skip(step, &cursor)
      return nil
    }
  }

  private func string(number: UInt64) -> UnsafeRawPointer? {
    sections.string(number: number, base: stringBase, unit)
  }

  @inline(__always)
  private func skip(_ step: DWARFStep, _ cursor: inout DWARFCursor) {
    cursor.skip(step.form, step.size, unit)
  }

  private func indirect(_ cursor: inout DWARFCursor) -> DWARFStep? {
    cursor.indirectForm(unit).map {
      DWARFStep(attribute: .other, form: $0, size: $1, implicit: 0)
    }
  }
}
