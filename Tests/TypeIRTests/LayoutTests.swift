// SPDX-License-Identifier: MIT

import Testing

@testable import TypeIR

/// What the layout answers about single types. Records are compared with gcc in CDefParserTests.
@Suite struct LayoutTests {
  @Test func typesWithoutASizeHaveNone() {
    var table = Samples.table
    let pending = table.append(.unresolved(name: "u32"))
    let array = table.append(.array(element: pending, length: .count(2)))
    for id in [TypeID.void, TypeID(6), TypeID(8), TypeID(13), pending, array] {
      #expect(table.size(of: id) == nil, "\(id)")
    }
    #expect(table.align(of: TypeID(6)) == 8)
    #expect(table.align(of: array) == nil)
  }

  @Test func derivedTypesDeriveTheirSize() {
    let table = Samples.table
    for (id, size, align) in [(4, 8, 8), (5, 16, 8), (10, 8, 8), (16, 32, 32), (17, 8, 4096)] {
      #expect(table.size(of: TypeID(Int32(id))) == UInt64(size), "\(id)")
      #expect(table.align(of: TypeID(Int32(id))) == UInt64(align), "\(id)")
    }
  }

  @Test func productsThatOverflowAreNoSize() {
    var table = Samples.table
    var id = TypeID(1)
    for _ in 0..<10 { id = table.append(.array(element: id, length: .count(1 << 20))) }
    #expect(table.size(of: id) == nil)
    var record = Record(
      keyword: .struct, tag: "s", size: nil, align: nil,
      members: [
        Member(name: "a", type: TypeID(16), bitOffset: nil),
        Member(name: "b", type: id, bitOffset: nil),
      ])
    let before = record
    #expect(throws: LayoutError.tooLarge(1)) { try table.layOut(&record) }
    #expect(record == before)
  }

  /// A table that no codec has checked, with a cycle: an answer, not a hang.
  @Test func cyclesEnd() {
    let table = TypeTable([
      TypeEntry(.typedef(name: "a", type: TypeID(2), align: nil)),
      TypeEntry(.const(TypeID(1))),
    ])
    #expect(table.size(of: TypeID(1)) == nil)
    #expect(table.align(of: TypeID(1)) == nil)
    #expect(table.unqualified(TypeID(1)) != .void)
  }

  @Test func recordsAreLaidOutInTheOrderOfTheirNeeds() throws {
    var table = TypeTable([
      TypeEntry(
        .record(
          Record(
            keyword: .struct, tag: "outer", size: nil, align: nil,
            members: [Member(name: "in", type: TypeID(2), bitOffset: nil)]))),
      TypeEntry(
        .record(
          Record(
            keyword: .struct, tag: "inner", size: nil, align: nil,
            members: [Member(name: "x", type: TypeID(3), bitOffset: nil)]))),
      TypeEntry(.int(name: "int", size: 4, align: 4, encoding: .signed)),
    ])
    try table.layOutRecords()
    #expect(table.size(of: TypeID(1)) == 4)
  }

  @Test func pruningKeepsWhatIsReached() {
    var table = Samples.table
    let ids = table.prune(keeping: table.reachable(from: [TypeID(4)]))
    #expect(table.count == 4)
    #expect(ids[4] == TypeID(3) && ids[7] == nil)
    #expect(table.size(of: TypeID(2)) == 32)
  }
}
