// SPDX-License-Identifier: MIT

import CKtapImage
import CKtapVM
import Diagnostics
import KtapImage
import TestSupport
import Testing
import TypeIR

@testable import KtapCompiler

/// Builds resolved documents a type at a time.
private struct Types {
  var document = ResolvedDocument(
    targetKind: .kernel, kernel: KernelIdentity(release: nil, buildID: nil))

  mutating func add(_ type: CType, _ origin: TypeOrigin? = nil) -> TypeID {
    document.types.append(type, origin: origin)
  }

  mutating func int(_ name: String = "int", _ size: UInt64 = 4) -> TypeID {
    add(.int(name: name, size: size, align: size, encoding: .signed))
  }

  mutating func record(
    _ tag: String?, _ members: [(String?, TypeID, UInt64)], size: UInt64,
    _ origin: TypeOrigin? = nil
  ) -> TypeID {
    add(
      .record(
        Record(
          keyword: .struct, tag: tag, size: size, align: 8,
          members: members.map { Member(name: $0.0, type: $0.1, bitOffset: $0.2) })), origin)
  }

  /// struct node { struct node *next; int value; } — a cycle.
  mutating func node(_ origin: TypeOrigin? = nil, value: TypeID) -> TypeID {
    let id = TypeID(Int32(document.types.count + 1))
    let pointer = TypeID(id.rawValue + 1)
    _ = record("node", [("next", pointer, 0), ("value", value, 64)], size: 16, origin)
    _ = add(.pointer(id), origin)
    return id
  }

  func lowered(_ roots: TypeID...) throws -> (names: [String], roots: [Int], types: [LoweredType]) {
    let lowering = try TypeLowering(document, roots: roots)
    let names = TypeNames(lowering.types)
    return (lowering.types.indices.map { names.name(of: $0) }, lowering.roots, lowering.types)
  }
}

@Suite struct TypeLoweringTests {
  @Test func typedefsAndQualifiersGo() throws {
    var types = Types()
    let int = types.int()
    let name = types.add(.typedef(name: "myint", type: int, align: nil))
    let hard = types.add(.volatile(types.add(.restrict(name))))
    let pointer = types.add(.pointer(types.add(.const(hard))))
    let result = try types.lowered(pointer, hard, int)
    #expect(result.names == ["void", "const int *", "int", "const int"])
    #expect(result.roots == [1, 2, 2])
  }

  /// What the script declares and what the kernel says are one type if their structure is the same,
  /// also where they refer to themselves.
  @Test func equalStructuresAreOne() throws {
    var types = Types()
    let script = types.node(value: types.int())
    let kernel = types.node(.kernel, value: types.int())
    let other = types.node(.kernel, value: types.int("short", 2))
    let result = try types.lowered(script, kernel, other)
    #expect(result.roots == [1, 1, 2])
    #expect(result.names.filter { $0 == "struct node" }.count == 2)
    #expect(result.names.count == 7)
    #expect(result.types[1].members[0].type != result.types[2].members[0].type)
  }

  @Test func constIsAFlagOfTheElement() throws {
    var types = Types()
    let array = types.add(.array(element: types.int(), length: .count(3)))
    let both = types.add(.array(element: array, length: .count(2)))
    let const = types.add(.const(both))
    let result = try types.lowered(const)
    #expect(result.names[1] == "const int[2][3]")
    #expect(result.types[1].size == 24)
    #expect(result.types[1].flags == 0)
    #expect(result.types.last?.flags == KTAP_TYPE_CONST | KTAP_TYPE_SIGNED)
  }

  @Test func incompleteTypesAreCompleted() throws {
    var types = Types()
    let forward = types.add(.forward(keyword: .struct, tag: "s"))
    let unknown = types.add(.forward(keyword: .struct, tag: "other"))
    let pointer = types.add(.pointer(forward))
    let whole = types.record("s", [("a", types.int(), 0)], size: 8)
    let alone = try types.lowered(pointer)
    #expect(alone.types[2].has(KTAP_TYPE_INCOMPLETE))
    let both = try types.lowered(pointer, whole, unknown)
    #expect(both.types[1].reference == both.roots[1])
    #expect(both.types[both.roots[2]].has(KTAP_TYPE_INCOMPLETE))
  }

  /// Of two definitions the one of the same origin is meant; of two strange ones, neither.
  @Test func completionPrefersItsOwnOrigin() throws {
    var types = Types()
    let pointer = types.add(
      .pointer(types.add(.forward(keyword: .struct, tag: "s"), .kernel)), .kernel)
    let kernel = types.record("s", [], size: 16, .kernel)
    let script = types.record("s", [], size: 8)
    let result = try types.lowered(pointer, script, kernel)
    #expect(result.types[result.roots[0]].reference == result.roots[2])
    let second = types.record("s", [], size: 24, .kernel)
    let unclear = try types.lowered(pointer, script, kernel, second)
    #expect(unclear.types[unclear.types[unclear.roots[0]].reference].has(KTAP_TYPE_INCOMPLETE))
  }

  @Test(arguments: [
    ("long unsigned int", "unsigned long"), ("short int", "short"), ("unsigned", "unsigned int"),
    ("signed char", "signed char"), ("char", "char"), ("unsigned char", "unsigned char"),
    ("long long unsigned int", "unsigned long long"), ("__int128 unsigned", "unsigned __int128"),
    ("signed", "int"), ("_Bool", "_Bool"), ("__u32", "__u32"),
  ])
  func integerNames(spelling: String, canonical: String) {
    #expect(IntegerName.canonical(spelling) == canonical)
  }

  // MARK: - Documents that make no sense

  @Test func senselessTypesAreErrors() {
    var cases: [(TypeID, Types)] = []
    func add(_ make: (inout Types) -> TypeID) {
      var types = Types()
      let root = make(&types)
      cases.append((root, types))
    }
    add { _ in TypeID(99) }
    add { $0.add(.pointer(TypeID(99))) }
    add { $0.add(.typedef(name: "t", type: TypeID(1), align: nil)) }
    add { $0.add(.array(element: TypeID(1), length: .count(2))) }
    add {
      let wide = $0.add(.array(element: $0.int(), length: .count(1 << 40)))
      return $0.add(.array(element: wide, length: .count(1 << 40)))
    }
    add { $0.add(.int(name: "int", size: 1 << 63, align: 4, encoding: .signed)) }
    add { $0.add(.int(name: "int", size: 4, align: 3, encoding: .signed)) }
    add { $0.add(.unresolved(name: "pid_t")) }
    add {
      let int = $0.int()
      return $0.record("s", [("a", int, UInt64.max)], size: 8)
    }
    for (root, types) in cases {
      #expect(throws: Diagnostic.self) { try types.lowered(root) }
    }
  }

  /// Which are hard to tell apart: the last of them only by its end.
  @Test func longChainsAreNoProblem() throws {
    var types = Types()
    var last = types.int()
    for _ in 0..<2000 { last = types.add(.pointer(last)) }
    #expect(try types.lowered(last).types.count == 2002)
  }

  // MARK: - What the verifier says

  /// The verifier, written from the same description by itself, accepts the types and call plans of
  /// random functions.
  @Test(arguments: [11, 12, 13] as [UInt64])
  func theVerifierAcceptsRandomTypes(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<40 {
      var types = Types()
      var roots: [TypeID] = []
      for _ in 0..<10 { roots.append(randomFunction(&types, &random)) }
      let lowering = try TypeLowering(types.document, roots: roots)
      var image = ImageBuilder(script: "t.kp")
      var writer = TypeWriter(lowering.types)
      writer.write(to: &image)
      image.addFunction(name: "main", registers: 1, code: [Instruction(KTAP_OP_RETURN, b: 1)])
      try verify(image.build())
    }
  }

  private func verify(_ image: [UInt8]) throws {
    var text = [CChar](repeating: 0, count: 256)
    try text.withUnsafeMutableBufferPointer { text in
      var message = ktap_message()
      message.text = text.baseAddress
      message.size = numericCast(text.count)
      try BareHost.verify(image, &message)
    }
  }

  private func randomFunction(_ types: inout Types, _ random: inout SeededGenerator) -> TypeID {
    let parameters = (0..<Int.random(in: 0...9, using: &random)).map { number in
      Parameter(
        name: Bool.random(using: &random) ? "p\(number)" : nil,
        type: parameterType(&types, &random, 0))
    }
    return types.add(
      .function(
        FunctionType(
          returnType: Bool.random(using: &random) ? .void : parameterType(&types, &random, 0),
          parameters: parameters, isVariadic: Bool.random(using: &random))))
  }

  /// A type that a parameter can have.
  private func parameterType(
    _ types: inout Types, _ random: inout SeededGenerator, _ depth: Int
  ) -> TypeID {
    switch Int.random(in: 0..<(depth > 2 ? 6 : 9), using: &random) {
    case 0: return types.int("char", 1)
    case 1: return types.int("long", 8)
    case 2: return types.int("__int128", 16)
    case 3:
      return types.add(.int(name: "_Bool", size: 1, align: 1, encoding: .bool))
    case 4: return types.add(.float(name: "double", size: 8, align: 8))
    case 5:
      return types.add(
        .enumeration(
          Enumeration(
            tag: "e", size: 4, isSigned: true,
            values: [Enumerator(name: "A", value: IntegerValue(-1 as Int64))])))
    case 6: return types.add(.pointer(parameterType(&types, &random, depth + 1)))
    case 7: return types.add(.const(parameterType(&types, &random, depth + 1)))
    default:
      var members: [Member] = []
      let count = Int.random(in: 1...4, using: &random)
      for number in 0..<count {
        // Room for sixteen bytes each, so that any of them fits at its alignment.
        var member = parameterType(&types, &random, depth + 1)
        if case .record = types.document.types[member] { member = types.int() }
        if case .const = types.document.types[member] { member = types.int() }
        members.append(
          Member(name: "m\(number)", type: member, bitOffset: UInt64(number) * 128))
      }
      return types.add(
        .record(
          Record(
            keyword: .struct, tag: "s\(types.document.types.count)", size: UInt64(count) * 16,
            align: 16, members: members)))
    }
  }
}

@Suite struct PartitionTests {
  /// Against the definition: two nodes are told apart by some path of any length.
  private func naive(_ labels: [Int], _ children: [[Int]]) -> [Int] {
    var classes = labels
    for _ in labels {
      var numbers: [[Int]: Int] = [:]
      classes = labels.indices.map { node in
        let key = [classes[node]] + children[node].map { classes[$0] }
        return numbers[key]
          ?? {
            numbers[key] = numbers.count
            return numbers.count - 1
          }()
      }
    }
    return classes
  }

  @Test func agreesWithTheDefinition() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<500 {
      let count = Int.random(in: 1...12, using: &random)
      let labels = (0..<count).map { _ in Int.random(in: 0..<2, using: &random) }
      let children = (0..<count).map { _ in
        (0..<Int.random(in: 0...2, using: &random)).map { _ in
          Int.random(in: 0..<count, using: &random)
        }
      }
      #expect(
        Partition.coarsest(labels: labels, children: children) == naive(labels, children),
        "\(labels) \(children)")
    }
  }
}
