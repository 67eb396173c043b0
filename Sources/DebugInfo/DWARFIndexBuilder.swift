// SPDX-License-Identifier: MIT

import Glibc

/// Collects every named entry of units, each thing once.
struct DWARFInventory: DWARFScanSink {
  /// An entry whose name is still where the file has it.
  struct Item {
    var entry: DWARFScannedEntry
    var source: UInt16
    var isInTypes: Bool
  }

  private let source: UInt16
  private let isInTypes: Bool
  private let strings: UnsafeRawBufferPointer
  private(set) var items: ContiguousArray<Item> = []
  /// By hash, open addressing: the number of an item plus 1; 0: free.
  private var slots: ContiguousArray<UInt32>
  private var seenEnumerations: Set<DWARFEnumerationMark> = []

  init(_ sections: DWARFSections, source: UInt16, isInTypes: Bool) {
    self.source = source
    self.isInTypes = isInTypes
    strings = sections.strings
    slots = ContiguousArray(repeating: 0, count: 1 << 12)
  }

  @inline(__always)
  func mayWant(nameAt offset: UInt32) -> Bool { true }

  mutating func wantsEnumerators(of enumeration: DWARFEnumerationMark) -> Bool {
    seenEnumerations.insert(enumeration).inserted
  }

  /// The same rules as those of ``DWARFSearch``.
  @inline(__always)
  mutating func take(_ entry: DWARFScannedEntry) {
    let isCode = entry.kind == .function || entry.kind == .variable
    let isDeclaration = entry.flags.contains(.declaration)
    if isDeclaration && !isCode { return }
    let isUnique =
      isCode && entry.flags.contains(.located) && entry.address == nil
      || isDeclaration && entry.kind == .variable
    if isUnique || insert(entry) {
      items.append(Item(entry: entry, source: source, isInTypes: isInTypes))
    }
  }

  /// False if there is one like it.
  private mutating func insert(_ entry: DWARFScannedEntry) -> Bool {
    if items.count * 2 >= slots.count { grow() }
    let mask = slots.count - 1
    var slot = Self.hash(entry, strings) & mask
    while slots[slot] != 0 {
      if Self.isSame(items[Int(slots[slot]) - 1].entry, entry, strings) { return false }
      slot = (slot + 1) & mask
    }
    slots[slot] = UInt32(truncatingIfNeeded: items.count + 1)
    return true
  }

  private mutating func grow() {
    slots = ContiguousArray(repeating: 0, count: slots.count * 2)
    let mask = slots.count - 1
    for (number, item) in items.enumerated() {
      var slot = Self.hash(item.entry, strings) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(truncatingIfNeeded: number + 1)
    }
  }

  /// A name in .debug_str stands there once; a short one, in the entry itself, as often as it is
  /// used, and is its own key.
  @inline(__always)
  private static func nameKey(
    _ name: UnsafeRawPointer, _ strings: UnsafeRawBufferPointer
  ) -> UInt64 {
    let offset = UInt(bitPattern: name) &- UInt(bitPattern: strings.baseAddress)
    if offset < UInt(strings.count) { return UInt64(offset) << 8 }
    var key: UInt64 = 0
    for number in 0..<8 {
      let byte = name.load(fromByteOffset: number, as: UInt8.self)
      if byte == 0 { return key << 8 | 1 }
      key = key << 7 ^ UInt64(byte)
    }
    return UInt64(UInt(bitPattern: name)) << 8 | 2
  }

  @inline(__always)
  private static func hash(
    _ entry: DWARFScannedEntry, _ strings: UnsafeRawBufferPointer
  ) -> Int {
    var hash = nameKey(entry.name, strings) ^ UInt64(entry.kind.rawValue) << 56
    hash = (hash ^ UInt64(entry.line) << 20 ^ entry.size) &* 0x9e37_79b9_7f4a_7c15
    hash = (hash ^ (entry.address ?? 0)) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: hash >> 32)
  }

  @inline(__always)
  private static func isSame(
    _ one: DWARFScannedEntry, _ other: DWARFScannedEntry, _ strings: UnsafeRawBufferPointer
  ) -> Bool {
    one.kind == other.kind && one.flags == other.flags && one.line == other.line
      && one.size == other.size && one.address == other.address
      && (one.name == other.name || isSameText(one.name, other.name, strings))
  }

  private static func isSameText(
    _ one: UnsafeRawPointer, _ other: UnsafeRawPointer, _ strings: UnsafeRawBufferPointer
  ) -> Bool {
    nameKey(one, strings) & 3 == 1 && nameKey(other, strings) & 3 == 1
      && strcmp(
        one.assumingMemoryBound(to: CChar.self), other.assumingMemoryBound(to: CChar.self)) == 0
  }
}

/// Writes a ``DWARFIndex``.
struct DWARFIndexBuilder {
  /// A name of the index, with what is known of the things that bear it.
  private struct Name {
    var offset: UInt32
    var hash: UInt32
    /// The kinds of which there is a definition that says more than an address: bits.
    var defined: UInt16
  }

  private var text: ContiguousArray<UInt8> = []
  private var names: ContiguousArray<Name> = []
  /// By hash, open addressing: the number of a name plus 1.
  private var slots = ContiguousArray<UInt32>(repeating: 0, count: 1 << 16)

  /// The bytes of an index of `items`, which are in the order of their places, and of the places at
  /// which units begin; nil if there are more than it can hold.
  static func bytes(
    of items: [DWARFInventory.Item], _ units: [DWARFPlace], for key: DWARFIndex.Key
  ) -> [UInt8]? {
    guard items.count < Int(Int32.max) / DWARFIndex.Entry.size else { return nil }
    var builder = DWARFIndexBuilder()
    var numbers: ContiguousArray<Int> = []
    numbers.reserveCapacity(items.count)
    for item in items {
      let number = builder.number(of: item.entry.name)
      numbers.append(number)
      if !item.entry.flags.contains(.declaration), !item.entry.flags.contains(.assembly) {
        builder.names[number].defined |= 1 << UInt16(item.entry.kind.rawValue)
      }
    }
    guard builder.text.count < Int(Int32.max) else { return nil }
    return builder.write(items, numbers, units, key)
  }

  private mutating func number(of name: UnsafeRawPointer) -> Int {
    if names.count * 2 >= slots.count { grow() }
    let hash = NameHash.of(name)
    let mask = slots.count - 1
    var slot = Int(hash) & mask
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if names[number].hash == hash, isName(number, name) { return number }
      slot = (slot + 1) & mask
    }
    slots[slot] = UInt32(names.count + 1)
    names.append(Name(offset: UInt32(clamping: text.count), hash: hash, defined: 0))
    var byte = name.assumingMemoryBound(to: UInt8.self)
    repeat {
      text.append(byte.pointee)
      byte += 1
    } while byte[-1] != 0
    return names.count - 1
  }

  private func isName(_ number: Int, _ name: UnsafeRawPointer) -> Bool {
    text.withUnsafeBytes {
      strcmp(
        ($0.baseAddress! + Int(names[number].offset)).assumingMemoryBound(to: CChar.self),
        name.assumingMemoryBound(to: CChar.self)) == 0
    }
  }

  private mutating func grow() {
    slots = ContiguousArray(repeating: 0, count: slots.count * 2)
    let mask = slots.count - 1
    for (number, name) in names.enumerated() {
      var slot = Int(name.hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(number + 1)
    }
  }

  // MARK: Writing

  private func write(
    _ items: [DWARFInventory.Item], _ numbers: ContiguousArray<Int>, _ units: [DWARFPlace],
    _ key: DWARFIndex.Key
  ) -> [UInt8] {
    // Declarations are of interest only where nothing is defined.
    let kept = items.indices.filter { index in
      let entry = items[index].entry
      return !entry.flags.contains(.declaration)
        || names[numbers[index]].defined >> UInt16(entry.kind.rawValue) & 1 == 0
    }
    var bucketCount = 16
    while bucketCount < kept.count { bucketCount *= 2 }
    let parts = DWARFIndex.Parts(
      unitCount: units.count, bucketCount: bucketCount, entryCount: kept.count,
      nameSize: max(text.count, 1))
    let start = DWARFIndex.Header.size + CheckedBlocks.checksumSize(ofBytes: parts.size)
    return [UInt8](unsafeUninitializedCapacity: start + parts.size) { buffer, count in
      count = start + parts.size
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      memset(bytes.baseAddress!, 0, start + parts.names + 1)
      let body = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
      for (number, unit) in units.enumerated() { body.put(DWARFIndex.word(of: unit), 8 * number) }
      // From the last to the first, so that each chain goes up.
      for (number, index) in kept.enumerated().reversed() {
        let name = names[numbers[index]]
        let bucket = parts.buckets + 4 * (Int(name.hash) & (bucketCount - 1))
        let place = parts.entries + DWARFIndex.Entry.size * number
        body.put(name.offset, place + DWARFIndex.Entry.name)
        body.put(UnsafeRawBufferPointer(body).word(bucket), place + DWARFIndex.Entry.next)
        body.put(UInt32(number + 1), bucket)
        body.put(items[index], place)
      }
      text.withUnsafeBytes { text in
        guard let source = text.baseAddress else { return }
        memcpy(body.baseAddress! + parts.names, source, text.count)
      }
      CheckedBlocks.writeChecksums(
        of: UnsafeRawBufferPointer(body), to: bytes, DWARFIndex.Header.size)
      Self.writeHeader(bytes, key, parts, body: start)
    }
  }

  private static func writeHeader(
    _ bytes: UnsafeMutableRawBufferPointer, _ key: DWARFIndex.Key, _ parts: DWARFIndex.Parts,
    body: Int
  ) {
    typealias Header = DWARFIndex.Header
    bytes.copyBytes(from: DWARFIndex.magic)
    bytes.put(DWARFIndex.version, Header.version)
    bytes.put(UInt32(parts.entryCount), Header.entryCount)
    bytes.put(UInt32(parts.bucketCount), Header.bucketCount)
    bytes.put(UInt32(parts.nameSize), Header.nameSize)
    bytes.put(UInt32(parts.unitCount), Header.unitCount)
    bytes.put(UInt64(parts.size), Header.bodySize)
    bytes.put(key.sectionSize, Header.sectionSize)
    UnsafeMutableRawBufferPointer(rebasing: bytes[Header.buildID...])
      .copyBytes(from: DWARFIndex.padded(key.buildID))
    bytes.put(
      DWARFIndex.headerChecksum(UnsafeRawBufferPointer(bytes)[..<body]), Header.checksum)
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Writes a little-endian number at a byte offset.
  func put(_ value: some FixedWidthInteger, _ offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value))
  }

  /// All of an entry but its name and chain.
  fileprivate func put(_ item: DWARFInventory.Item, _ place: Int) {
    let entry = item.entry
    put(UInt64(entry.offset), place + DWARFIndex.Entry.offset)
    put(entry.address ?? 0, place + DWARFIndex.Entry.address)
    put(entry.size, place + DWARFIndex.Entry.typeSize)
    put(entry.line, place + DWARFIndex.Entry.line)
    put(item.source, place + DWARFIndex.Entry.source)
    put(
      entry.kind.rawValue | (item.isInTypes ? DWARFIndex.inTypes : 0)
        | (entry.address == nil ? 0 : DWARFIndex.hasAddress), place + DWARFIndex.Entry.kind)
    put(entry.flags.rawValue, place + DWARFIndex.Entry.flags)
  }
}
