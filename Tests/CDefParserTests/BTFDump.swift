// SPDX-License-Identifier: MIT

import Foundation

/// bpftool's reading of a file's BTF (`bpftool -j btf dump file FILE format raw`): sizes and places
/// as the kernel's own build recorded them, by a reader that is not ours.
struct BTFDump: Decodable {
  private var types: [Entry]

  private struct Entry: Decodable {
    var kind: String
    var name: String?
    /// Bytes.
    var size: UInt64?
    /// Of what a pointer, typedef, qualifier or array is made.
    var type: Int?
    var elementCount: UInt64?
    /// Of an enumeration: "SIGNED" or "UNSIGNED".
    var encoding: String?
    var members: [Member]?
    var values: [Enumerator]?

    enum CodingKeys: String, CodingKey {
      case kind, name, size, encoding, members, values
      case type = "type_id"
      case elementCount = "nr_elems"
    }

    var isAnonymous: Bool { name == nil || name == "(anon)" }
  }

  private struct Member: Decodable {
    var name: String
    var type: Int
    var bitOffset: UInt64
    var bitFieldSize: UInt64?

    enum CodingKeys: String, CodingKey {
      case name
      case type = "type_id"
      case bitOffset = "bits_offset"
      case bitFieldSize = "bitfield_size"
    }
  }

  private struct Enumerator: Decodable {
    var name: String
    /// Two's complement.
    var bits: UInt64

    enum CodingKeys: String, CodingKey {
      case name
      case bits = "val"
    }

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: CodingKeys.self)
      name = try fields.decode(String.self, forKey: .name)
      if let signed = try? fields.decode(Int64.self, forKey: .bits) {
        bits = UInt64(bitPattern: signed)
      } else {
        bits = try fields.decode(UInt64.self, forKey: .bits)
      }
    }
  }

  /// The compiler's own, which no C declares.
  static let typeWithoutC = "typedef __builtin_va_list"

  /// Of one byte.
  var tagsOfSmallEnumerations: [String] {
    types.filter { $0.kind == "ENUM" && $0.size == 1 && !$0.isAnonymous }.compactMap(\.name)
  }

  /// Every named struct, union, enum and typedef.
  func layouts() -> NamedLayouts {
    var layouts = NamedLayouts()
    for entry in types {
      guard let name = entry.name, !entry.isAnonymous else { continue }
      var facts = LayoutFacts(lines: [])
      switch entry.kind {
      // An enumeration without constants is one that is declared and not defined.
      case "ENUM" where entry.values?.isEmpty != false: continue
      case "STRUCT", "UNION", "ENUM", "ENUM64":
        facts.add(size: entry.size)
        add(entry, path: "", base: 0, to: &facts)
        layouts.add("\(entry.kind.lowercased().prefix { $0.isLetter }) \(name)", facts)
      case "TYPEDEF":
        facts.add(size: entry.type.flatMap(size))
        entry.type.map { addAnonymous($0, path: "", base: 0, to: &facts) }
        layouts.add("typedef \(name)", facts)
      default: continue
      }
    }
    return layouts
  }

  /// Ids run from 1; 0 is void.
  private subscript(id: Int) -> Entry? { types.indices.contains(id - 1) ? types[id - 1] : nil }

  /// In bytes; nil for void, functions and types that are declared and not defined.
  private func size(_ id: Int) -> UInt64? {
    guard let entry = self[id] else { return nil }
    switch entry.kind {
    case "PTR": return 8
    case "ARRAY":
      guard let count = entry.elementCount, let element = entry.type.flatMap(size) else {
        return nil
      }
      return count * element
    case "TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG": return entry.type.flatMap(size)
    default: return entry.size
    }
  }

  private func add(_ entry: Entry, path: String, base: UInt64, to facts: inout LayoutFacts) {
    for value in entry.values ?? [] {
      // bpftool 7.1 prints those of 32 bits sign-extended, whatever their sign.
      let isSigned = entry.encoding == "SIGNED"
      let bits = entry.size == 8 || isSigned ? value.bits : value.bits & 0xFFFF_FFFF
      facts.add(enumerator: value.name, value: isSigned ? "\(Int64(bitPattern: bits))" : "\(bits)")
    }
    for member in entry.members ?? [] {
      let offset = base + member.bitOffset
      let isNamed = member.name != "(anon)"
      if isNamed {
        let bitField = member.bitFieldSize.flatMap { $0 == 0 ? nil : $0 }
        facts.add(
          member: path + member.name, offset: offset,
          size: bitField ?? size(member.type).map { $0 * 8 })
      }
      let inner = isNamed ? path + member.name + "." : path
      addAnonymous(member.type, path: inner, base: offset, to: &facts)
    }
  }

  private func addAnonymous(_ id: Int, path: String, base: UInt64, to facts: inout LayoutFacts) {
    guard let entry = self[id] else { return }
    switch entry.kind {
    case "ARRAY", "CONST", "VOLATILE":
      entry.type.map { addAnonymous($0, path: path, base: base, to: &facts) }
    case "STRUCT", "UNION", "ENUM", "ENUM64":
      if entry.isAnonymous { add(entry, path: path, base: base, to: &facts) }
    default: return
    }
  }
}
