// SPDX-License-Identifier: MIT

import CKtapImage
import TestSupport
import Testing

@testable import KtapCompiler

/// C types made at random, with the layout that C gives them (which gcc checks by static assertions).
private struct TypeMaker {
  var random: SeededGenerator
  var types = [LoweredType(kind: .void, baseName: "void")]
  /// C's declaration of each type, by index, and its name.
  var definitions: [String] = [""]
  var names = ["void"]

  private static let scalars: [(name: String, kind: LoweredType.Kind, size: UInt64)] = [
    ("signed char", .int, 1), ("unsigned char", .int, 1), ("short", .int, 2),
    ("unsigned int", .int, 4), ("int", .int, 4), ("long", .int, 8), ("unsigned long", .int, 8),
    ("__int128", .int, 16), ("void *", .pointer, 8), ("enum e", .enumeration, 4),
    ("float", .float(.sse), 4), ("double", .float(.sse), 8), ("long double", .float(.x87), 16),
  ]

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func add(_ type: LoweredType, name: String, definition: String = "") -> Int {
    types.append(type)
    names.append(name)
    definitions.append(definition)
    return types.count - 1
  }

  mutating func scalar() -> Int {
    // Few of the types that take two registers, or none.
    let most = Int.random(in: 0..<4, using: &random) == 0 ? Self.scalars.count : 10
    let pick = Self.scalars[Int.random(in: 0..<most, using: &random)]
    return add(
      LoweredType(kind: pick.kind, baseName: pick.name, size: pick.size, align: pick.size),
      name: pick.name)
  }

  /// A struct or union of up to five members, some of them arrays or structs themselves.
  mutating func aggregate(depth: Int = 0) -> Int {
    let isUnion = Int.random(in: 0..<5, using: &random) == 0
    let isPacked = Int.random(in: 0..<6, using: &random) == 0
    var type = LoweredType(kind: isUnion ? .union : .structure)
    var members = ""
    var end: UInt64 = 0
    type.align = 1
    for number in 0..<Int.random(in: 1...5, using: &random) {
      let nested = depth < 2 && Int.random(in: 0..<6, using: &random) == 0
      var member = nested ? aggregate(depth: depth + 1) : scalar()
      let name = names[member]
      var bound = ""
      if Int.random(in: 0..<5, using: &random) == 0 {
        let count = UInt64.random(in: 1...4, using: &random)
        bound = "[\(count)]"
        let element = types[member]
        member = add(
          LoweredType(
            kind: .array, size: element.size * count, align: element.align, reference: member,
            length: count), name: "")
      }
      let align = isPacked ? 1 : types[member].align
      let offset = isUnion ? 0 : (end + align - 1) / align * align
      type.members.append(
        .init(name: "m\(number)", type: member, bitOffset: offset * 8, bitSize: 0))
      members += "\(name) m\(number)\(bound); "
      end = max(end, offset + types[member].size)
      type.align = max(type.align, align)
    }
    type.size = (end + type.align - 1) / type.align * type.align
    let tag = "s\(types.count)"
    let keyword = isUnion ? "union" : "struct"
    type.baseName = "\(keyword) \(tag)"
    let definition =
      "\(keyword) \(tag) { \(members)}\(isPacked ? " __attribute__((packed))" : "");\n"
      + "_Static_assert(sizeof(\(keyword) \(tag)) == \(type.size), \"size\");\n"
      + "_Static_assert(_Alignof(\(keyword) \(tag)) == \(type.align), \"align\");\n"
    return add(type, name: type.baseName, definition: definition)
  }
}

extension TypeMaker {
  /// The bytes of a type that are not padding. What padding holds when it is passed is not defined.
  func meaningful(_ index: Int) -> Set<Int> {
    let type = types[index]
    switch type.kind {
    case .structure, .union:
      return type.members.reduce(into: []) { bytes, member in
        bytes.formUnion(meaningful(member.type).map { $0 + Int(member.bitOffset / 8) })
      }
    case .array:
      let element = meaningful(type.reference)
      let size = Int(types[type.reference].size)
      return (0..<Int(type.length)).reduce(into: []) { bytes, number in
        bytes.formUnion(element.map { $0 + number * size })
      }
    // The upper six bytes of a long double are padding.
    case .float(.x87): return Set(0..<10)
    default: return Set(0..<Int(type.size))
    }
  }
}

/// A function type, and what a call of it must put where.
private struct Signature {
  var parameters: [Int]
  var returnType: Int
  var isVariadic: Bool
  var plan: CallPlan

  static let variadicArguments = 8

  func byte(_ number: Int, _ parameter: Int, _ offset: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: number &* 31 &+ parameter &* 47 &+ offset &* 7 &+ 1)
  }
}

@Suite struct SysVClassificationTests {
  /// Stores what it is called with: registers, then the words above the return address.
  private static let recorder = """
    #include <stdio.h>
    #include <string.h>
    enum e { E = 1 };
    unsigned long seen[6 + 96];
    unsigned long memory_result;
    void record(void), record_memory(void);
    #define SAVE "mov %rdi, seen(%rip)\\n mov %rsi, seen+8(%rip)\\n mov %rdx, seen+16(%rip)\\n" \\
      "mov %rcx, seen+24(%rip)\\n mov %r8, seen+32(%rip)\\n mov %r9, seen+40(%rip)\\n" \\
      "mov %rdi, %r11\\n lea 8(%rsp), %rsi\\n lea seen+48(%rip), %rdi\\n mov $96, %ecx\\n cld\\n rep movsq\\n"
    asm(".text\\n.globl record\\nrecord:\\n" SAVE
      "movabs $0x0807060504030201, %rax\\n movabs $0x100f0e0d0c0b0a09, %rdx\\n ret\\n"
      ".globl record_memory\\nrecord_memory:\\n" SAVE "mov %r11, %rax\\n ret\\n");
    static void fill(void *at, int size, int number, int parameter) {
      for (int i = 0; i < size; i++)
        ((unsigned char *)at)[i] = number * 31 + parameter * 47 + i * 7 + 1;
    }
    static void show(int number, void *result, int size) {
      printf("%d", number);
      for (int i = 0; i < 6 + 96; i++) printf(" %lx", seen[i]);
      printf(" |");
      for (int i = 0; i < size; i++) printf(" %x", ((unsigned char *)result)[i]);
      printf("\\n");
    }

    """

  private func caller(_ signature: Signature, _ number: Int, _ maker: TypeMaker) -> String {
    let names = signature.parameters.map { maker.names[$0] }
    let result = maker.names[signature.returnType]
    let isVoid = signature.returnType == 0
    let callee = signature.plan.returnKind == KTAP_RETURN_MEMORY ? "record_memory" : "record"
    var text = "static void call\(number)(void) {\n"
    for (index, name) in names.enumerated() {
      text += "  \(name) a\(index); fill(&a\(index), sizeof a\(index), \(number), \(index));\n"
    }
    var arguments = names.indices.map { "a\($0)" }
    if signature.isVariadic {
      arguments += (0..<Signature.variadicArguments).map { "\(0x1000 + $0)L" }
    }
    let prototype = (names + (signature.isVariadic ? ["..."] : [])).joined(separator: ", ")
    text += "  memset(seen, 0, sizeof seen);\n  "
    if !isVoid { text += "\(result) r = " }
    text += "((\(result) (*)(\(prototype)))\(callee))(\(arguments.joined(separator: ", ")));\n"
    text += isVoid ? "  show(\(number), 0, 0);\n" : "  show(\(number), &r, sizeof r);\n"
    return text + "}\n"
  }

  /// The bytes that the plan says are in each slot; nil for those that are not defined.
  private func expectedSlots(
    _ signature: Signature, _ number: Int, _ maker: TypeMaker
  ) -> [Int: [UInt8?]] {
    var slots: [Int: [UInt8?]] = [:]
    for step in signature.plan.steps {
      let meaningful = maker.meaningful(signature.parameters[step.parameter])
      let bytes = (step.offset..<step.offset + step.size).map {
        meaningful.contains($0) ? signature.byte(number, step.parameter, $0) : nil
      }
      for start in stride(from: 0, to: bytes.count, by: 8) {
        slots[step.slot + start / 8] = Array(bytes[start..<min(start + 8, bytes.count)])
      }
    }
    if signature.isVariadic {
      var register = signature.plan.registersUsed
      var word = CallPlan.registers + signature.plan.stackWords
      for argument in 0..<Signature.variadicArguments {
        let slot = register < CallPlan.registers ? register : word
        if register < CallPlan.registers { register += 1 } else { word += 1 }
        slots[slot] = [UInt8(argument), 0x10, 0, 0, 0, 0, 0, 0]
      }
    }
    return slots
  }

  private func signatures(_ count: Int, _ maker: inout TypeMaker) -> [Signature] {
    var signatures: [Signature] = []
    while signatures.count < count {
      func pick() -> Int {
        Bool.random(using: &maker.random) ? maker.scalar() : maker.aggregate()
      }
      let parameters = (0..<Int.random(in: 1...9, using: &maker.random)).map { _ in pick() }
      let returnType = Int.random(in: 0..<3, using: &maker.random) == 0 ? 0 : pick()
      var function = LoweredType(kind: .function, reference: returnType)
      function.parameters = parameters.map { .init(name: nil, type: $0) }
      // What scripts cannot call at all is for the other tests.
      guard let plan = try? SysVClassification(types: maker.types).plan(function),
        plan.stackWords < 80
      else { continue }
      signatures.append(
        Signature(
          parameters: parameters, returnType: returnType,
          isVariadic: Int.random(in: 0..<3, using: &maker.random) == 0, plan: plan))
    }
    return signatures
  }

  /// gcc calls functions of random types; the plan must say where each byte was found.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func plansAreAsGccCalls(seed: UInt64) throws {
    var maker = TypeMaker(seed: seed)
    let signatures = signatures(250, &maker)
    var source = Self.recorder + maker.definitions.joined()
    for (number, signature) in signatures.enumerated() {
      source += caller(signature, number, maker)
    }
    source += "int main(void) {\n  volatile char room[2048]; room[0] = 0;\n"
    source += signatures.indices.map { "  call\($0)();\n" }.joined() + "  return room[0];\n}\n"
    let lines = try CCompiler.run(source).split(separator: "\n")
    #expect(lines.count == signatures.count)
    for (number, line) in lines.enumerated() {
      check(signatures[number], number, String(line), maker)
    }
    // The test is worth something only if all ways of passing occur.
    let steps = signatures.flatMap(\.plan.steps)
    for kind in [KTAP_STEP_SCALAR, KTAP_STEP_PIECE, KTAP_STEP_MEMORY] {
      #expect(steps.count { $0.kind == kind } > 50)
    }
    for kind in [KTAP_RETURN_VOID, KTAP_RETURN_SCALAR, KTAP_RETURN_REGISTERS, KTAP_RETURN_MEMORY] {
      #expect(signatures.count { $0.plan.returnKind == kind } > 10)
    }
  }

  private func check(_ signature: Signature, _ number: Int, _ line: String, _ maker: TypeMaker) {
    let halves = line.split(separator: "|", omittingEmptySubsequences: false)
    let words = halves[0].split(separator: " ").dropFirst().compactMap { UInt64($0, radix: 16) }
    let names = signature.parameters.map { maker.names[$0] }
    for (slot, bytes) in expectedSlots(signature, number, maker) {
      let found = bytes.enumerated().map { index, byte in
        byte == nil ? nil : UInt8(truncatingIfNeeded: words[slot] >> (8 * UInt64(index)))
      }
      #expect(found == bytes, "call \(number) \(names): slot \(slot)")
    }
    let result = halves[1].split(separator: " ").compactMap { UInt8($0, radix: 16) }
    // rax holds 1 … 8 and rdx 9 … 16.
    if signature.plan.returnKind == KTAP_RETURN_SCALAR
      || signature.plan.returnKind == KTAP_RETURN_REGISTERS
    {
      for offset in maker.meaningful(signature.returnType) {
        #expect(
          result[offset] == UInt8(offset + 1),
          "call \(number): byte \(offset) of \(maker.names[signature.returnType])")
      }
    }
  }

  // MARK: - Cases by hand

  private func plan(_ types: [LoweredType], returning: Int = 0, _ parameters: [Int]) throws
    -> CallPlan
  {
    var function = LoweredType(kind: .function, reference: returning)
    function.parameters = parameters.map { .init(name: nil, type: $0) }
    return try SysVClassification(types: types).plan(function)
  }

  private static let long = LoweredType(kind: .int, baseName: "long", size: 8, align: 8)
  private static let double = LoweredType(kind: .float(.sse), baseName: "double", size: 8, align: 8)

  private func structure(_ members: [LoweredType.Member], size: UInt64, align: UInt64 = 8)
    -> LoweredType
  {
    var type = LoweredType(kind: .structure, baseName: "struct s", size: size, align: align)
    type.members = members
    return type
  }

  @Test func floatingPointCannotBeCalled() {
    let void = LoweredType(kind: .void)
    let pair = structure([.init(name: "d", type: 1, bitOffset: 0, bitSize: 0)], size: 8)
    let types = [void, Self.double, Self.long, pair]
    #expect(throws: NotCallable.self) { try plan(types, [1]) }
    #expect(throws: NotCallable.self) { try plan(types, returning: 1, [2]) }
    #expect(throws: NotCallable.self) { try plan(types, [3]) }
  }

  @Test func bitFieldsAreIntegers() throws {
    let type = structure(
      [
        .init(name: "a", type: 1, bitOffset: 0, bitSize: 3),
        .init(name: "b", type: 1, bitOffset: 3, bitSize: 61),
        .init(name: "c", type: 1, bitOffset: 64, bitSize: 33),
      ], size: 16)
    let plan = try plan([LoweredType(kind: .void), Self.long, type], [2])
    #expect(plan.steps.map(\.slot) == [0, 1])
    #expect(plan.steps.map(\.kind) == [KTAP_STEP_PIECE, KTAP_STEP_PIECE])
  }

  /// A struct aligned to 16 bytes with 8 in use takes one register.
  @Test func paddingTakesNoRegister() throws {
    let type = structure(
      [.init(name: "a", type: 1, bitOffset: 0, bitSize: 0)], size: 16, align: 16)
    let plan = try plan([LoweredType(kind: .void), Self.long, type], [2, 1])
    #expect(plan.steps.map(\.slot) == [0, 1])
    #expect(plan.steps.map(\.parameter) == [0, 1])
  }

  @Test func limits() {
    let void = LoweredType(kind: .void)
    let large = structure([], size: 2049)
    #expect(throws: NotCallable.self) { try plan([void, large], [1]) }
    #expect(throws: NotCallable.self) {
      try plan([void, Self.long], Array(repeating: 1, count: 65))
    }
    #expect(throws: Never.self) { try plan([void, Self.long], Array(repeating: 1, count: 64)) }
  }

  /// A document that says a struct contains itself, by value, must not hang or crash the compiler.
  @Test func recursionByValueEnds() {
    let loop = structure([.init(name: "a", type: 1, bitOffset: 0, bitSize: 0)], size: 16)
    #expect(throws: NotCallable.self) { try plan([LoweredType(kind: .void), loop], [1]) }
  }
}
