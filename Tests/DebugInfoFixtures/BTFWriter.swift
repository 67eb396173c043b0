// SPDX-License-Identifier: MIT

import DebugInfo

/// Builds BTF from declarations, for tests. Types are numbered in the order in which they are
/// added, from 1 (or where the base of a split BTF ends); numbers may be used ahead of time.
public struct BTFWriter: Sendable {
  private var types: [UInt8] = []
  private var strings: [UInt8]
  private let stringsBase: Int
  public private(set) var nextID: UInt32

  public init() {
    strings = [0]
    stringsBase = 0
    nextID = 1
  }

  /// A split BTF on top of what another writer has.
  public init(base: BTFWriter) {
    strings = []
    stringsBase = base.strings.count + base.stringsBase
    nextID = base.nextID
  }

  public struct Member: Sendable {
    var name: String?
    var type: UInt32
    var bitOffset: UInt32
    var bitSize: UInt32

    public init(_ name: String?, _ type: UInt32, at bitOffset: UInt32, bitSize: UInt32 = 0) {
      self.name = name
      self.type = type
      self.bitOffset = bitOffset
      self.bitSize = bitSize
    }
  }

  @discardableResult
  public mutating func int(
    _ name: String, size: UInt32, _ encoding: BTFIntEncoding = [], bits: UInt32? = nil,
    bitOffset: UInt32 = 0
  ) -> UInt32 {
    let word = UInt32(encoding.rawValue) << 24 | bitOffset << 16 | (bits ?? size * 8)
    return add(1, name, size, [word])
  }

  @discardableResult
  public mutating func pointer(_ target: UInt32) -> UInt32 { add(2, nil, target) }

  @discardableResult
  public mutating func array(_ element: UInt32, _ count: UInt32, index: UInt32 = 1) -> UInt32 {
    add(3, nil, 0, [element, index, count])
  }

  @discardableResult
  public mutating func structure(
    _ name: String?, size: UInt32, _ members: [Member]
  ) -> UInt32 {
    record(4, name, size, members)
  }

  @discardableResult
  public mutating func union(_ name: String?, size: UInt32, _ members: [Member]) -> UInt32 {
    record(5, name, size, members)
  }

  @discardableResult
  public mutating func enumeration(
    _ name: String?, signed: Bool = false, size: UInt32 = 4, _ values: [(String, Int64)]
  ) -> UInt32 {
    let words = values.flatMap { [string($0.0), UInt32(truncatingIfNeeded: $0.1)] }
    return add(6, name, size, words, count: values.count, flag: signed)
  }

  @discardableResult
  public mutating func enumeration64(
    _ name: String?, signed: Bool = false, _ values: [(String, UInt64)]
  ) -> UInt32 {
    let words = values.flatMap {
      [string($0.0), UInt32(truncatingIfNeeded: $0.1), UInt32(truncatingIfNeeded: $0.1 >> 32)]
    }
    return add(19, name, 8, words, count: values.count, flag: signed)
  }

  @discardableResult
  public mutating func forward(_ name: String, union: Bool = false) -> UInt32 {
    add(7, name, 0, flag: union)
  }

  @discardableResult
  public mutating func typedef(_ name: String, _ target: UInt32) -> UInt32 {
    add(8, name, target)
  }

  @discardableResult
  public mutating func volatile(_ target: UInt32) -> UInt32 { add(9, nil, target) }

  @discardableResult
  public mutating func const(_ target: UInt32) -> UInt32 { add(10, nil, target) }

  @discardableResult
  public mutating func restrict(_ target: UInt32) -> UInt32 { add(11, nil, target) }

  @discardableResult
  public mutating func function(_ name: String, _ prototype: UInt32) -> UInt32 {
    add(12, name, prototype)
  }

  /// `variadic` adds the mark at the end.
  @discardableResult
  public mutating func prototype(
    returning type: UInt32, _ parameters: [(String, UInt32)], variadic: Bool = false
  ) -> UInt32 {
    var words: [UInt32] = parameters.flatMap { name, type in [string(name), type] }
    if variadic { words += [0, 0] }
    return add(13, nil, type, words, count: words.count / 2)
  }

  @discardableResult
  public mutating func variable(_ name: String, _ type: UInt32) -> UInt32 {
    add(14, name, type, [1])
  }

  @discardableResult
  public mutating func section(
    _ name: String, _ entries: [(variable: UInt32, offset: UInt32, size: UInt32)]
  ) -> UInt32 {
    let words = entries.flatMap { [$0.variable, $0.offset, $0.size] }
    return add(15, name, 0, words, count: entries.count)
  }

  @discardableResult
  public mutating func float(_ name: String, size: UInt32) -> UInt32 { add(16, name, size) }

  @discardableResult
  public mutating func declarationTag(_ name: String, _ target: UInt32) -> UInt32 {
    add(17, name, target, [.max])
  }

  @discardableResult
  public mutating func typeTag(_ name: String, _ target: UInt32) -> UInt32 {
    add(18, name, target)
  }

  /// A function with its prototype; the number of the function.
  @discardableResult
  public mutating func function(
    _ name: String, returning type: UInt32, _ parameters: [(String, UInt32)],
    variadic: Bool = false
  ) -> UInt32 {
    function(name, prototype(returning: type, parameters, variadic: variadic))
  }

  /// The whole: header, types, strings.
  public func bytes() -> [UInt8] {
    var bytes: [UInt8] = [0x9f, 0xeb, 1, 0]
    for field in [24, 0, types.count, types.count, strings.count] {
      bytes += Self.little(UInt32(field))
    }
    return bytes + types + strings
  }

  public func btf(base: BTF? = nil) throws -> BTF {
    try BTF(FileBytes(name: "fixture.btf", copying: bytes()), base: base)
  }

  // MARK: Bytes

  private mutating func record(
    _ kind: UInt32, _ name: String?, _ size: UInt32, _ members: [Member]
  ) -> UInt32 {
    let hasBitFields = members.contains { $0.bitSize != 0 }
    let words = members.flatMap { member -> [UInt32] in
      [
        member.name.map { string($0) } ?? 0, member.type,
        member.bitSize << 24 | member.bitOffset,
      ]
    }
    return add(kind, name, size, words, count: members.count, flag: hasBitFields)
  }

  /// `struct btf_type` and what follows it.
  private mutating func add(
    _ kind: UInt32, _ name: String?, _ sizeOrType: UInt32, _ words: [UInt32] = [],
    count: Int = 0, flag: Bool = false
  ) -> UInt32 {
    let info = kind << 24 | UInt32(count) | (flag ? 1 << 31 : 0)
    for word in [name.map { string($0) } ?? 0, info, sizeOrType] + words {
      types += Self.little(word)
    }
    defer { nextID += 1 }
    return nextID
  }

  private mutating func string(_ text: String) -> UInt32 {
    let offset = stringsBase + strings.count
    strings += Array(text.utf8) + [0]
    return UInt32(offset)
  }

  private static func little(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
