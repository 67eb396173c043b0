// SPDX-License-Identifier: MIT

// Sizes, alignments and offsets: the one place that computes them, for the System V ABI of x86-64
// as gcc lays it out. Scalars and finished records carry their own; everything else derives.

/// Why a record cannot be laid out.
public enum LayoutError: Error, Hashable, Sendable {
  /// The member of this index has a type without a size (yet).
  case incompleteMember(Int)
  /// With the member of this index the record is larger than any object can be.
  case tooLarge(Int)
}

extension TypeTable {
  /// The size of a type in bytes; nil where it has none: void, functions, arrays of unknown length,
  /// types that are not complete or not laid out, and anything larger than an object can be.
  public func size(of id: TypeID) -> UInt64? {
    var id = id
    var factor: UInt64 = 1
    // Each step goes to a type that this one is made of; more steps than types would be a cycle.
    for _ in 0...count {
      guard contains(id), id != .void else { return nil }
      let size: UInt64
      switch self[id] {
      case .int(_, let own, _, _), .float(_, let own, _), .complex(_, let own, _): size = own
      case .pointer: size = Target.x86SysV.pointerSize
      case .enumeration(let enumeration): size = enumeration.size
      case .record(let record):
        guard let own = record.size else { return nil }
        size = own
      case .typedef(_, let type, _), .const(let type), .volatile(let type), .restrict(let type),
        .atomic(let type):
        id = type
        continue
      case .array(let element, .count(let count)), .vector(let element, let count):
        let (product, overflowed) = factor.multipliedReportingOverflow(by: count)
        if overflowed { return nil }
        factor = product
        id = element
        continue
      case .array(_, .flexible), .function, .forward, .unresolved: return nil
      }
      let (product, overflowed) = factor.multipliedReportingOverflow(by: size)
      return overflowed || product > largestSize ? nil : product
    }
    return nil
  }

  /// The alignment of a type in bytes; nil where it has none. An array of unknown length has its
  /// element's.
  public func align(of id: TypeID) -> UInt64? {
    var id = id
    var least: UInt64 = 1
    for _ in 0...count {
      guard contains(id), id != .void else { return nil }
      switch self[id] {
      case .int(_, _, let own, _), .float(_, _, let own), .complex(_, _, let own):
        return max(own, least)
      case .pointer: return max(Target.x86SysV.pointerSize, least)
      case .enumeration(let enumeration): return max(enumeration.size, least)
      case .record(let record): return record.align.map { max($0, least) }
      case .typedef(_, _, let own?): return max(own, least)
      case .typedef(_, let type, nil), .const(let type), .volatile(let type), .restrict(let type),
        .array(let type, _):
        id = type
      case .atomic(let type):
        // gcc aligns what a lock-free instruction can handle to its size (find_atomic_core_type).
        if let size = size(of: type), size <= 16, size.nonzeroBitCount == 1 {
          least = max(least, size)
        }
        id = type
      case .vector:
        return size(of: id).map { max($0.nextPowerOfTwo, least) }
      case .function, .forward, .unresolved: return nil
      }
    }
    return nil
  }

  /// Gives the record the size, alignment and offsets that its members and requests make, and
  /// removes the bit-fields of no bits, which have done their work then. One that cannot be laid
  /// out stays as it is.
  public func layOut(_ record: inout Record) throws(LayoutError) {
    var layout = RecordLayout(table: self, record)
    try layout.run(&record)
  }

  /// Lays out every record that has no layout and can have one, as after types have been filled in.
  public mutating func layOutRecords() throws(LayoutError) {
    let isDone = entries.allSatisfy { entry in
      guard case .record(let record) = entry.type else { return true }
      return record.size != nil
    }
    guard !isDone, let order = try? TypeGraph(table: self, edges: .byValue).postorder().order else {
      return
    }
    for id in order {
      guard case .record(var record) = self[id], record.size == nil else { continue }
      do {
        try layOut(&record)
      } catch LayoutError.incompleteMember {
        continue
      }
      self[id] = .record(record)
    }
  }
}

extension UInt64 {
  /// The least power of two that is not less; 1 for 0.
  fileprivate var nextPowerOfTwo: UInt64 {
    self <= 1 ? 1 : 1 << UInt64(UInt64.bitWidth - (self - 1).leadingZeroBitCount)
  }

  /// `alignment` is a power of two.
  fileprivate func roundedUp(to alignment: UInt64) -> UInt64 {
    (self + (alignment - 1)) & ~(alignment - 1)
  }
}

/// The layout of one record, in progress. All of it in bits.
///
/// The rules are those that gcc documents ("Structure Layout" of its internals manual, `packed` and
/// `aligned` of its user manual) with PCC_BITFIELD_TYPE_MATTERS, as psABI 3.1.2 asks: a bit-field
/// does not cross a boundary of its declared type, and a named one gives the record its type's
/// alignment.
private struct RecordLayout {
  let table: TypeTable
  let isUnion: Bool
  let request: LayoutRequest
  /// Where the next member goes; of a union, the end of the longest one.
  private var position: UInt64 = 0
  private var align: UInt64
  /// `ms_struct`: the bit-field that began the storage unit that is being filled, if any, and the
  /// bits that are left of the unit.
  private var unit: Field?
  private var unitRest: UInt64 = 0

  init(table: TypeTable, _ record: Record) {
    self.table = table
    isUnion = record.keyword == .union
    request = record.request
    align = max(8, UInt64(request.align) * 8)
  }

  /// What the layout needs to know of a member.
  private struct Field {
    var size: UInt64
    var typeSize: UInt64
    var typeAlign: UInt64
    var isBitField: Bool
    var isNamed: Bool
    var isPacked: Bool
    /// What its own attributes ask for; 0 for nothing.
    var requestedAlign: UInt64

    var isZeroWidth: Bool { isBitField && size == 0 }
    /// What its type has more than it.
    var unused: UInt64 { typeSize > size ? typeSize - size : 0 }
  }

  /// How a member wants to be placed.
  private struct Placement {
    var align: UInt64
    /// Not a bit-field that fills an aligned integer: such a one is placed like any other member.
    var isBitField: Bool
  }

  mutating func run(_ record: inout Record) throws(LayoutError) {
    for index in record.members.indices {
      do {
        record.members[index].bitOffset = try place(record.members[index], index)
      } catch {
        for done in 0..<index { record.members[done].bitOffset = nil }
        throw error
      }
    }
    // The last storage unit is used up.
    if unit != nil, record.members.last?.bitSize ?? 0 > 0 { position += unitRest }
    if record.members.contains(where: { $0.bitSize == 0 }) {
      record.members.removeAll { $0.bitSize == 0 }
    }
    for index in record.members.indices { record.members[index].request = .none }
    record.size = position.roundedUp(to: 8).roundedUp(to: align) / 8
    record.align = align / 8
    record.request = .none
  }

  /// Places the member of this index; returns its offset.
  private mutating func place(_ member: Member, _ index: Int) throws(LayoutError) -> UInt64 {
    let field = try field(member, index)
    let offset: UInt64
    if isUnion {
      placeInUnion(field)
      offset = 0
    } else {
      offset = request.isMS ? placeAsMicrosoft(field) : place(field)
    }
    guard position <= largestSize * 8 else { throw .tooLarge(index) }
    return offset
  }

  private func field(_ member: Member, _ index: Int) throws(LayoutError) -> Field {
    let declaredAlign = member.request.typeAlign == 0 ? nil : UInt64(member.request.typeAlign)
    guard let typeAlign = declaredAlign ?? table.align(of: member.type) else {
      throw .incompleteMember(index)
    }
    var typeSize = table.size(of: member.type)
    if typeSize == nil, table.isArrayOfUnknownLength(member.type) { typeSize = 0 }
    guard let typeSize else {
      throw table.isArray(member.type) ? .tooLarge(index) : .incompleteMember(index)
    }
    let isBitField = member.bitSize != nil
    return Field(
      size: member.bitSize.map(UInt64.init) ?? typeSize * 8, typeSize: typeSize * 8,
      typeAlign: typeAlign * 8, isBitField: isBitField, isNamed: member.name != nil,
      // A packed record packs only what could be packed.
      isPacked: member.request.isPacked
        || request.isPacked && (isBitField || typeAlign > 1),
      requestedAlign: UInt64(member.request.align) * 8)
  }

  /// Places a struct's next member; returns its offset.
  private mutating func place(_ field: Field) -> UInt64 {
    let placement = placement(of: field, at: position)
    raiseAlign(field, placement)
    position = position.roundedUp(to: placement.align)
    if placement.isBitField, !field.isZeroWidth, !field.isPacked,
      request.maximumAlign == 0, crossesBoundary(field)
    {
      position = position.roundedUp(to: field.typeAlign)
    }
    defer { position += field.size }
    return position
  }

  /// The same for `ms_struct`: a bit-field opens a storage unit of its type's size, which following
  /// ones of types of the same size share while it has room, and which anything else uses up.
  private mutating func placeAsMicrosoft(_ field: Field) -> UInt64 {
    let placement = placement(of: field, at: position)
    raiseAlign(field, placement)
    defer { position += field.size }
    let isAligned = position.isMultiple(of: placement.align)
    let isFilled = field.isBitField && !field.isZeroWidth
    let last = unit.flatMap { $0.isZeroWidth ? nil : $0 }
    if let last, isFilled, last.typeSize == field.typeSize {
      if unitRest >= field.size {
        unitRest -= field.size
        return position
      }
      position += unitRest
      if !isAligned { position = position.roundedUp(to: placement.align) }
      unit = field
      unitRest = field.unused
      return position
    }
    if last != nil { position += unitRest }
    if !field.isBitField || last.map({ $0.typeSize != field.typeSize }) ?? isFilled {
      let maximum = UInt64(request.maximumAlign) * 8
      var typeAlign = field.isPacked ? 8 : field.typeAlign
      if maximum != 0 { typeAlign = min(typeAlign, maximum) }
      if !isAligned { typeAlign = max(typeAlign, placement.align) }
      position = position.roundedUp(to: typeAlign)
      unitRest = field.unused
    } else if unit == nil {
      position = position.roundedUp(to: placement.align)
    }
    unit = field.isBitField ? field : nil
    return position
  }

  private mutating func placeInUnion(_ field: Field) {
    raiseAlign(field, placement(of: field, at: 0))
    position = max(position, field.size.roundedUp(to: 8))
  }

  /// "A bit-field may not span more units of alignment of its type than its type itself."
  private func crossesBoundary(_ field: Field) -> Bool {
    let align = field.typeAlign
    return (position % align + field.size + align - 1) / align > field.typeSize / align
  }

  private func placement(of field: Field, at position: UInt64) -> Placement {
    var placement = Placement(align: max(1, field.requestedAlign), isBitField: field.isBitField)
    // A bit-field of no bits is not packed, whatever its record is.
    let isPacked = field.isPacked && !field.isZeroWidth
    if field.isZeroWidth, request.isMS {
      return placement
    } else if field.isZeroWidth {
      placement.align = max(placement.align, field.typeAlign)
    } else if field.isBitField {
      // One as wide as an integer, where that integer would be aligned, is as good as that integer.
      let isAligned = position.isMultiple(of: field.size)
      if [8, 16, 32, 64, 128].contains(field.size), isAligned, field.size == 8 || !isPacked {
        placement.align = max(placement.align, field.size)
        placement.isBitField = false
      }
    } else if !isPacked || field.requestedAlign == 0 {
      placement.align = max(placement.align, field.typeAlign)
    }
    if isPacked, field.requestedAlign == 0 { placement.align = min(placement.align, 8) }
    let maximum = UInt64(request.maximumAlign) * 8
    if maximum != 0, !field.isZeroWidth { placement.align = min(placement.align, maximum) }
    return placement
  }

  /// What the member does to the record's own alignment.
  private mutating func raiseAlign(_ field: Field, _ placement: Placement) {
    let maximum = UInt64(request.maximumAlign) * 8
    guard field.isBitField else {
      align = max(align, placement.align)
      return
    }
    if request.isMS {
      let counts = field.isZeroWidth ? unit.map { !$0.isZeroWidth } ?? false : !field.isPacked
      let wanted = max(field.typeAlign, placement.align)
      if counts { align = max(align, maximum == 0 ? wanted : min(wanted, maximum)) }
      return
    }
    guard field.isNamed else { return }
    var typeAlign = field.typeAlign
    if maximum != 0 {
      typeAlign = min(typeAlign, maximum)
    } else if field.isPacked {
      typeAlign = min(typeAlign, 8)
    }
    align = max(align, placement.align, typeAlign)
  }
}

extension TypeTable {
  /// Follows typedefs and qualifiers.
  public func unqualified(_ id: TypeID) -> TypeID {
    var id = id
    for _ in 0...count {
      guard contains(id), id != .void else { return id }
      switch self[id] {
      case .typedef(_, let type, _), .const(let type), .volatile(let type), .restrict(let type),
        .atomic(let type):
        id = type
      default: return id
      }
    }
    return id
  }

  fileprivate func isArray(_ id: TypeID) -> Bool {
    let id = unqualified(id)
    guard id != .void, case .array = self[id] else { return false }
    return true
  }

  fileprivate func isArrayOfUnknownLength(_ id: TypeID) -> Bool {
    let id = unqualified(id)
    guard id != .void, case .array(_, .flexible) = self[id] else { return false }
    return true
  }
}
