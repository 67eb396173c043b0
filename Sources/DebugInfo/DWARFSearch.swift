// SPDX-License-Identifier: MIT

/// Collects the entries of wanted names.
struct DWARFSearch: DWARFScanSink {
  private let wanted: WantedNames
  private let places: WantedNames.Places
  private let place: DWARFPlace
  private(set) var found: [DWARFEntry] = []
  private var seen: Set<Key> = []
  private var seenEnumerations: Set<DWARFEnumerationMark> = []

  /// Entries that agree in this are one thing, which each unit that includes a header repeats.
  private struct Key: Hashable {
    var name: Int
    var kind: DWARFKind
    var flags: DWARFFlags
    var line: UInt32
    var size: UInt64
    var address: UInt64?
  }

  /// `place`: of the entries, but for their offsets.
  init(
    _ wanted: WantedNames, _ places: WantedNames.Places, place: DWARFPlace
  ) {
    self.wanted = wanted
    self.places = places
    self.place = place
  }

  @inline(__always)
  func mayWant(nameAt offset: UInt32) -> Bool { places.mayHold(offset) }

  mutating func wantsEnumerators(of enumeration: DWARFEnumerationMark) -> Bool {
    seenEnumerations.insert(enumeration).inserted
  }

  @inline(__always)
  mutating func take(_ entry: DWARFScannedEntry) {
    switch places.answer(entry.name) {
    case .none: break
    case .name(let number): take(entry, number)
    case .elsewhere:
      if let number = wanted.number(of: entry.name) { take(entry, number) }
    }
  }

  private mutating func take(_ entry: DWARFScannedEntry, _ number: Int) {
    let isCode = entry.kind == .function || entry.kind == .variable
    let isDeclaration = entry.flags.contains(.declaration)
    // Of a type that is only declared, there is nothing to tell.
    if isDeclaration && !isCode { return }
    // Code whose address takes another look is never the same twice.
    let isUnique = isCode && entry.flags.contains(.located) && entry.address == nil
    if !isUnique && !(isDeclaration && entry.kind == .variable) {
      let key = Key(
        name: number, kind: entry.kind, flags: entry.flags, line: entry.line, size: entry.size,
        address: entry.address)
      guard seen.insert(key).inserted else { return }
    }
    var place = place
    place.offset = UInt64(entry.offset)
    found.append(
      DWARFEntry(
        kind: entry.kind, name: wanted.names[number], place: place, flags: entry.flags,
        line: entry.line, size: entry.size, address: entry.address))
  }

  /// What several threads found, in order, without repetitions, and without declarations of what
  /// is defined somewhere.
  static func merged(_ found: [DWARFEntry]) -> [DWARFEntry] {
    struct Name: Hashable {
      var name: String
      var kind: DWARFKind
    }
    var seen: Set<DWARFEntry> = []
    var defined: Set<Name> = []
    for entry in found where !entry.isDeclaration && !entry.flags.contains(.assembly) {
      defined.insert(Name(name: entry.name, kind: entry.kind))
    }
    return found.sorted { ($0.name, $0.place) < ($1.name, $1.place) }.filter { entry in
      if entry.isDeclaration {
        return !defined.contains(Name(name: entry.name, kind: entry.kind))
      }
      if entry.flags.contains(.located) { return true }
      var key = entry
      key.place = DWARFPlace(source: 0, isInTypes: false, offset: 0)
      return seen.insert(key).inserted
    }
  }
}
