// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Testing

@Suite struct BTFTests {
  private func one(_ btf: BTF, _ name: String, _ kinds: Set<BTFKind>) throws -> BTFTypeID {
    let found = btf.types(named: name, kinds)
    try #require(found.count == 1)
    return found[0]
  }

  @Test func readsRecords() throws {
    let btf = try Samples.everyKind.btf()
    let node = try one(btf, "node", [.structure])
    #expect(btf.size(of: node) == 64)
    let members = Array(btf.members(of: node))
    #expect(
      members.map { btf.name($0.nameOffset) }
        == ["name", "values", "low", "high", nil, "mode", "wide", "next"])
    #expect(members.map(\.bitOffset) == [0, 64, 160, 165, 192, 224, 256, 320])
    #expect(members.map(\.bitSize) == [0, 0, 5, 27, 0, 0, 0, 0])
    #expect(btf.size(of: members[1].type) == 12)
    #expect(btf[btf[members[7].type].target].nameOffset == btf[node].nameOffset)
  }

  @Test func readsEnumeratorsWithTheirSign() throws {
    let btf = try Samples.everyKind.btf()
    let mode = try one(btf, "mode", [.enumeration])
    #expect(btf.enumerators(of: mode).map { Int64(bitPattern: $0.bits) } == [-1, 1])
    let huge = btf.enumerators(named: "HUGE")
    #expect(huge.map(\.value.bits) == [1 << 40])
    #expect(btf.enumerators(named: "NONE").isEmpty)
  }

  @Test func readsFunctionsAndVariables() throws {
    let btf = try Samples.everyKind.btf()
    let log = btf[try one(btf, "log", [.function])].target
    let parameters = Array(btf.parameters(of: log))
    #expect(btf[log].target == .void)
    #expect(parameters.map(\.isVariadicMark) == [false, true])
    let variable = try one(btf, "current_node", [.variable])
    #expect(btf.size(of: btf[variable].target) == 8)
    let section = try one(btf, ".data..percpu", [.dataSection])
    #expect(btf.entries(of: section).map(\.variable) == [variable])
  }

  @Test func tellsNamesOfOneKindFromThoseOfAnother() throws {
    var writer = BTFWriter()
    let int = writer.int("int", size: 4, .signed)
    let record = writer.structure("x", size: 4, [.init("a", int, at: 0)])
    let alias = writer.typedef("x", record)
    let other = writer.structure("x", size: 8, [.init("a", int, at: 0)])
    let btf = try writer.btf()
    #expect(btf.types(named: "x", [.structure]).map(\.rawValue) == [record, other])
    #expect(btf.types(named: "x", [.typedef]).map(\.rawValue) == [alias])
    #expect(btf.types(named: "", [.structure]).isEmpty)
    #expect(btf.types(named: "xx", [.structure]).isEmpty)
  }

  @Test func integersThatAreBitFieldsByThemselves() throws {
    var writer = BTFWriter()
    let three = writer.int("int", size: 4, .signed, bits: 3, bitOffset: 2)
    let record = writer.structure("s", size: 4, [.init("x", three, at: 8)])
    let btf = try writer.btf()
    let member = btf.member(0, of: BTFTypeID(record))
    #expect(member.bitOffset == 10)
    #expect(member.bitSize == 3)
  }

  @Test func splitBTFGoesOnFromItsBase() throws {
    let base = try Samples.everyKind.btf()
    var writer = BTFWriter(base: Samples.everyKind)
    let node = try one(base, "node", [.structure])
    let pointer = writer.pointer(node.rawValue)
    let own = writer.structure("own", size: 8, [.init("node", pointer, at: 0)])
    let btf = try writer.btf(base: base)
    #expect(try one(btf, "own", [.structure]).rawValue == own)
    #expect(try one(btf, "node", [.structure]) == node)
    #expect(btf.name(btf.member(0, of: BTFTypeID(own)).nameOffset) == "node")
    #expect(btf.members(of: node).count == 8)
    #expect(base.types(named: "own", [.structure]).isEmpty)
    // Without its base it refers to types that are not there.
    #expect(throws: SourceError.self) { try writer.btf() }
  }

  /// The compiler is the oracle: what it writes into .BTF is what it laid out.
  @Test func readsWhatTheCompilerWrites() throws {
    let workshop = try Workshop()
    let path = try workshop.objectWithBTF(
      """
      struct point { char tag; long x, y; unsigned flags : 3, rest : 29; };
      struct point origin;
      int move(struct point *point, long by, ...) { return point->tag; }
      """)
    let btf = try BTF.read(path)
    let point = try one(btf, "point", [.structure])
    #expect(btf.size(of: point) == 32)
    #expect(btf.members(of: point).map(\.bitOffset) == [0, 64, 128, 192, 195])
    let move = btf[try one(btf, "move", [.function])].target
    #expect(btf.parameters(of: move).map { btf.name($0.nameOffset) } == ["point", "by", nil])
  }
}

@Suite struct BadBTFTests {
  private func read(_ bytes: [UInt8], base: BTF? = nil) throws -> BTF {
    try BTF(FileBytes(name: "bad.btf", copying: bytes), base: base)
  }

  /// The message and the byte that it names.
  private func failure(_ bytes: [UInt8]) throws -> (message: String, offset: Int) {
    let error = try #require(throws: SourceError.self) { try read(bytes) }
    #expect(error.cause == .malformed)
    #expect(error.diagnostic.id == "bad-btf")
    guard case .bytes("bad.btf", let offset) = error.diagnostic.place else {
      Issue.record("no byte offset: \(error.diagnostic.place)")
      return ("", -1)
    }
    return (error.diagnostic.message, offset)
  }

  @Test func everyTruncationIsRefused() throws {
    let bytes = Samples.everyKind.bytes()
    for count in 0..<bytes.count {
      let (_, offset) = try failure(Array(bytes[..<count]))
      #expect((0...count).contains(offset))
    }
    #expect(try readEverything(read(bytes)) > 0)
  }

  @Test func everyChangedByteIsRefusedOrReadable() throws {
    let bytes = Samples.everyKind.bytes()
    var refused = 0
    for place in bytes.indices {
      for change: UInt8 in [0x01, 0x80, 0xff] {
        var bytes = bytes
        bytes[place] ^= change
        do {
          _ = try readEverything(read(bytes))
        } catch is SourceError {
          refused += 1
        }
      }
    }
    #expect(refused > bytes.count / 4)
  }

  @Test func aTypeThatContainsItself() throws {
    var direct = BTFWriter()
    direct.structure("s", size: 4, [.init("s", 1, at: 0)])
    #expect(try failure(direct.bytes()).message == "type 1 contains itself")

    var around = BTFWriter()
    around.structure("s", size: 4, [.init("t", 2, at: 0)])
    around.typedef("t", 3)
    around.array(1, 1)
    #expect(try failure(around.bytes()).message.contains("contains itself"))

    var pointer = BTFWriter()
    pointer.structure("s", size: 8, [.init("next", 2, at: 0)])
    pointer.pointer(1)
    #expect(try pointer.btf().allTypes.map(\.rawValue) == [1, 2])
  }

  @Test func typesNestedTooDeep() throws {
    // From the inside out and from the outside in: the depth must not depend on the order.
    for step: UInt32 in [1, .max] {
      var writer = BTFWriter()
      let count: UInt32 = 200
      for number in 1...count {
        let next = number &+ step
        if next == 0 || next > count {
          writer.int("int", size: 4)
        } else {
          writer.typedef("t\(number)", next)
        }
      }
      #expect(try failure(writer.bytes()).message.contains("levels deep"))
    }
  }

  @Test func referencesOfTheWrongKind() throws {
    var toFunction = BTFWriter()
    toFunction.prototype(returning: 0, [])
    toFunction.function("f", 1)
    toFunction.pointer(2)
    #expect(try failure(toFunction.bytes()).message.contains("wrong kind"))

    var memberOfVoid = BTFWriter()
    memberOfVoid.structure("s", size: 0, [.init("x", 0, at: 0)])
    #expect(try failure(memberOfVoid.bytes()).message.contains("wrong kind"))
  }

  @Test func otherByteOrderIsNamed() throws {
    #expect(
      try failure([0xeb, 0x9f] + [UInt8](repeating: 0, count: 30)).message.contains("big-endian"))
  }
}
