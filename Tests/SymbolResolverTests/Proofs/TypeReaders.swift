// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Foundation
import TypeIR

@testable import SymbolResolver

/// Our reader of BTF, and of DWARF (which ends as BTF, too).
struct BTFNodes: TypeNodes {
  let btf: BTF

  func node(_ id: BTFTypeID) -> TypeNode<BTFTypeID> {
    let type = btf[id]
    let name = btf.name(of: id)
    switch type.kind {
    case .void, .dataSection, .declarationTag: return .void
    case .int:
      let integer = btf.integer(id)
      return .int(
        name: name ?? "", size: UInt64(integer.size), isSigned: integer.encoding.contains(.signed),
        isBool: integer.encoding.contains(.bool))
    case .float: return .float(size: UInt64(type.sizeOrType))
    case .pointer: return .pointer(type.target)
    case .array:
      let array = btf.array(id)
      return .array(array.element, count: UInt64(array.count))
    case .structure, .union:
      return .record(
        keyword: type.kind == .union ? "union" : "struct", tag: name, size: UInt64(type.sizeOrType),
        members: btf.members(of: id).map {
          NodeMember(
            name: btf.name($0.nameOffset) ?? "", type: $0.type, bitOffset: UInt64($0.bitOffset),
            bitSize: UInt64($0.bitSize))
        })
    case .enumeration, .enumeration64:
      return .enumeration(
        tag: name, size: UInt64(type.sizeOrType), isSigned: type.kindFlag,
        values: btf.enumerators(of: id).map {
          "\(btf.name($0.nameOffset) ?? "")="
            + (type.kindFlag ? "\(Int64(bitPattern: $0.bits))" : "\($0.bits)")
        })
    case .forward: return .forward(keyword: type.kindFlag ? "union" : "struct", tag: name ?? "")
    case .typedef: return .typedef(name: name ?? "", type.target)
    case .const: return .qualified("const", type.target)
    case .volatile: return .qualified("volatile", type.target)
    case .restrict: return .qualified("restrict", type.target)
    case .typeTag, .function, .variable: return .transparent(type.target)
    case .functionPrototype:
      var parameters = btf.parameters(of: id).map {
        (name: btf.name($0.nameOffset) ?? "", type: $0.type)
      }
      let isVariadic = btf.parameters(of: id).contains { $0.isVariadicMark }
      if isVariadic { parameters.removeLast() }
      return .function(result: type.target, parameters: parameters, isVariadic: isVariadic)
    }
  }
}

/// The types of a document: what resolving makes of a kernel's.
struct TableNodes: TypeNodes {
  let table: TypeTable
  let charIsSigned: Bool

  func node(_ id: TypeID) -> TypeNode<TypeID> {
    guard id != .void else { return .void }
    switch table[id] {
    case .int(let name, let size, _, let encoding):
      return .int(
        name: name, size: size,
        isSigned: encoding == .signed || (encoding == .char && charIsSigned),
        isBool: encoding == .bool)
    case .float(_, let size, _), .complex(_, let size, _): return .float(size: size)
    case .pointer(let target): return .pointer(target)
    case .array(let element, .count(let count)): return .array(element, count: count)
    case .array(let element, .flexible): return .array(element, count: 0)
    case .vector(let element, let count): return .array(element, count: count)
    case .record(let record):
      return .record(
        keyword: record.keyword.rawValue, tag: record.tag, size: record.size ?? 0,
        members: record.members.map {
          NodeMember(
            name: $0.name ?? "", type: $0.type, bitOffset: $0.bitOffset ?? 0,
            bitSize: UInt64($0.bitSize ?? 0))
        })
    case .enumeration(let enumeration):
      return .enumeration(
        tag: enumeration.tag, size: enumeration.size, isSigned: enumeration.isSigned,
        values: enumeration.values.map { "\($0.name)=\($0.value.text)" })
    case .forward(let keyword, let tag): return .forward(keyword: keyword.rawValue, tag: tag)
    case .typedef(let name, let type, _): return .typedef(name: name, type)
    case .const(let type): return .qualified("const", type)
    case .volatile(let type): return .qualified("volatile", type)
    case .restrict(let type): return .qualified("restrict", type)
    case .atomic(let type): return .transparent(type)
    case .function(let function):
      return .function(
        result: function.returnType,
        parameters: function.parameters.map { ($0.name ?? "", $0.type) },
        isVariadic: function.isVariadic)
    case .unresolved(let name): return .forward(keyword: "unresolved", tag: name)
    }
  }
}

/// bpftool's reading of a file's BTF: `bpftool -j btf dump file FILE format raw`.
struct BpftoolDump: Decodable, TypeNodes {
  let types: [Entry]

  struct Entry: Decodable {
    let kind: String
    let name: String?
    let size: UInt64?
    let encoding: String?
    let target: Int?
    let result: Int?
    let count: UInt64?
    let forward: String?
    let members: [Member]?
    let values: [Value]?
    let params: [Parameter]?

    enum CodingKeys: String, CodingKey {
      case kind, name, size, encoding, members, values, params
      case target = "type_id"
      case result = "ret_type_id"
      case count = "nr_elems"
      case forward = "fwd_kind"
    }

    /// nil: it has none.
    var tag: String? { name == "(anon)" ? nil : name }
  }

  struct Member: Decodable {
    let name: String
    let type: Int
    let bitOffset: UInt64
    let bitSize: UInt64?

    enum CodingKeys: String, CodingKey {
      case name
      case type = "type_id"
      case bitOffset = "bits_offset"
      case bitSize = "bitfield_size"
    }
  }

  struct Value: Decodable {
    let name: String
    let val: Int64
    let unsigned: UInt64?

    enum CodingKeys: CodingKey { case name, val }

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: CodingKeys.self)
      name = try fields.decode(String.self, forKey: .name)
      if let value = try? fields.decode(Int64.self, forKey: .val) {
        (val, unsigned) = (value, nil)
      } else {
        (val, unsigned) = (0, try fields.decode(UInt64.self, forKey: .val))
      }
    }

    /// bpftool 7.1 prints values of 32 bits sign-extended, whatever their sign.
    func text(size: UInt64, isSigned: Bool) -> String {
      if isSigned { return "\(name)=\(val)" }
      let bits = unsigned ?? UInt64(bitPattern: val)
      return "\(name)=\(size == 8 ? bits : bits & 0xffff_ffff)"
    }
  }

  struct Parameter: Decodable {
    let name: String
    let type: Int

    enum CodingKeys: String, CodingKey {
      case name
      case type = "type_id"
    }
  }

  /// Of the .BTF section of an ELF file.
  static func read(_ path: String) throws -> BpftoolDump {
    let json = try Workshop().run("bpftool", "-j", "btf", "dump", "file", path, "format", "raw")
    return try JSONDecoder().decode(BpftoolDump.self, from: json)
  }

  func node(_ id: Int) -> TypeNode<Int> {
    guard id > 0 else { return .void }
    let entry = types[id - 1]
    let target = entry.target ?? 0
    switch entry.kind {
    case "INT":
      let encoding = entry.encoding ?? ""
      return .int(
        name: entry.name ?? "", size: entry.size ?? 0, isSigned: encoding == "SIGNED",
        isBool: encoding == "BOOL")
    case "FLOAT": return .float(size: entry.size ?? 0)
    case "PTR": return .pointer(target)
    case "ARRAY": return .array(target, count: entry.count ?? 0)
    case "STRUCT", "UNION":
      return .record(
        keyword: entry.kind.lowercased(), tag: entry.tag, size: entry.size ?? 0,
        members: (entry.members ?? []).map {
          NodeMember(
            name: $0.name == "(anon)" ? "" : $0.name, type: $0.type, bitOffset: $0.bitOffset,
            bitSize: $0.bitSize ?? 0)
        })
    case "ENUM", "ENUM64":
      let (size, isSigned) = (entry.size ?? 0, entry.encoding == "SIGNED")
      return .enumeration(
        tag: entry.tag, size: size, isSigned: isSigned,
        values: (entry.values ?? []).map { $0.text(size: size, isSigned: isSigned) })
    case "FWD": return .forward(keyword: entry.forward ?? "", tag: entry.name ?? "")
    case "TYPEDEF": return .typedef(name: entry.name ?? "", target)
    case "CONST", "VOLATILE", "RESTRICT": return .qualified(entry.kind.lowercased(), target)
    case "FUNC_PROTO": return function(entry)
    case "TYPE_TAG", "FUNC", "VAR": return .transparent(target)
    default: return .void
    }
  }

  private func function(_ entry: Entry) -> TypeNode<Int> {
    var parameters = (entry.params ?? []).map {
      (name: $0.name == "(anon)" ? "" : $0.name, type: $0.type)
    }
    let isVariadic = parameters.last.map { $0.type == 0 } ?? false
    if isVariadic { parameters.removeLast() }
    return .function(result: entry.result ?? 0, parameters: parameters, isVariadic: isVariadic)
  }

  /// Numbers of the types of some kinds.
  func ids(of kinds: Set<String>) -> [Int] {
    types.indices.filter { kinds.contains(types[$0].kind) }.map { $0 + 1 }
  }
}
