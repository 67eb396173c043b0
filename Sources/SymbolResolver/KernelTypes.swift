// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// A type of a kernel: of the kernel proper, or of one that goes on from it.
struct KernelType: Hashable {
  /// Which of the graphs; 0: the kernel proper.
  var graph: UInt16
  var id: BTFTypeID

  init(graph: UInt16 = 0, _ id: BTFTypeID) {
    self.graph = graph
    self.id = id
  }

  static let void = KernelType(.void)
}

/// All type graphs of one kernel: its own BTF, and those that go on from it (a module's BTF refers
/// to the kernel's types by number). Grows while modules are met.
final class KernelTypes {
  struct Member {
    fileprivate let graph: BTF
    fileprivate let nameOffset: UInt32
    var type: KernelType
    /// Bits from the start of the record, least significant first.
    var bitOffset: UInt32
    /// Bits; 0 unless a bit-field.
    var bitSize: UInt32

    /// Made anew each time: most who look at members need no names.
    var name: String? { graph.name(nameOffset) }
  }

  struct Parameter {
    var name: String?
    var type: KernelType
    /// `...`: the last parameter, without name and type.
    var isVariadicMark: Bool
  }

  let kernel: BTF
  private var others: [BTF] = []
  /// The graphs that have all dimensions of arrays: see ``keepsDimensions(_:)``.
  private var withDimensions: Set<UInt16> = []

  init(_ kernel: BTF) { self.kernel = kernel }

  /// Adds a graph whose base is the kernel's, and returns its number.
  func add(_ split: BTF, keepsDimensions: Bool = false) -> UInt16 {
    others.append(split)
    let number = UInt16(others.count)
    if keepsDimensions { withDimensions.insert(number) }
    return number
  }

  /// Whether a type has the dimensions that its source gives it. pahole, which makes a kernel's BTF,
  /// writes `int a[2][3]` as `int a[6]`; what comes from DWARF has both.
  func keepsDimensions(_ type: KernelType) -> Bool { withDimensions.contains(type.graph) }

  private func graph(_ number: UInt16) -> BTF { number == 0 ? kernel : others[Int(number) - 1] }

  /// The kernel's own types have one number only, whoever mentions them.
  func type(_ graph: UInt16, _ id: BTFTypeID) -> KernelType {
    KernelType(graph: kernel.contains(id) ? 0 : graph, id)
  }

  // MARK: Of one type

  subscript(type: KernelType) -> BTFType { graph(type.graph)[type.id] }

  func target(of type: KernelType) -> KernelType {
    self.type(type.graph, self[type].target)
  }

  func name(of type: KernelType) -> String? { graph(type.graph).name(of: type.id) }

  func integer(_ type: KernelType) -> BTFInteger { graph(type.graph).integer(type.id) }

  func array(_ type: KernelType) -> (element: KernelType, count: UInt32) {
    let array = graph(type.graph).array(type.id)
    return (self.type(type.graph, array.element), array.count)
  }

  func members(of type: KernelType) -> [Member] {
    let graph = graph(type.graph)
    return graph.members(of: type.id).map {
      Member(
        graph: graph, nameOffset: $0.nameOffset, type: self.type(type.graph, $0.type),
        bitOffset: $0.bitOffset, bitSize: $0.bitSize)
    }
  }

  func parameters(of type: KernelType) -> [Parameter] {
    let graph = graph(type.graph)
    return graph.parameters(of: type.id).map {
      Parameter(
        name: graph.name($0.nameOffset), type: self.type(type.graph, $0.type),
        isVariadicMark: $0.isVariadicMark)
    }
  }

  func enumerators(of type: KernelType) -> [(name: String, bits: UInt64)] {
    let graph = graph(type.graph)
    return graph.enumerators(of: type.id).map { (graph.name($0.nameOffset) ?? "", $0.bits) }
  }

  /// The type behind typedefs, qualifiers and type tags.
  func unqualified(_ type: KernelType) -> KernelType {
    self.type(type.graph, graph(type.graph).unqualified(type.id))
  }

  /// Bytes; nil for what has no size.
  func size(of type: KernelType) -> UInt64? { graph(type.graph).size(of: type.id) }

  /// An error about the bytes of a type.
  func malformed(_ type: KernelType, _ message: String) -> SourceError {
    graph(type.graph).malformed(type.id, message)
  }

  /// Debian's 6.1 is built with signed, 6.12 with unsigned `char`; BTF tells which.
  var charIsSigned: Bool {
    guard let char = types(named: "char", [.int]).first else { return true }
    return integer(char).encoding.contains(.signed)
  }

  // MARK: By name

  /// Every enumerator called `name`, of a graph and the kernel proper.
  func enumerators(
    named name: String, graph number: UInt16 = 0
  ) -> [(type: KernelType, value: IntegerValue)] {
    graph(number).enumerators(named: name).map { id, value in
      let type = type(number, id)
      let isSigned = self[type].kindFlag
      return (
        type, isSigned ? IntegerValue(Int64(bitPattern: value.bits)) : IntegerValue(value.bits)
      )
    }
  }

  /// The names of what a graph has itself.
  func ownNames(
    ofGraph number: UInt16, _ kinds: Set<BTFKind>,
    where predicate: (UnsafeBufferPointer<UInt8>) -> Bool
  ) -> [String] { graph(number).names(of: kinds, where: predicate) }

  /// The types of one of `kinds` that are called `name`: of a graph and the kernel proper.
  func types(named name: String, _ kinds: Set<BTFKind>, graph number: UInt16 = 0) -> [KernelType] {
    graph(number).types(named: name, kinds).map { type(number, $0) }
  }
}
