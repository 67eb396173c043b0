// SPDX-License-Identifier: MIT

import CKtapImage

/// A C type as the image has it: typedefs and volatile gone, `const` a flag, other types by their index.
struct LoweredType: Sendable {
  enum Kind: Hashable, Sendable {
    case void, bool, int
    case float(FloatFormat)
    case enumeration, pointer, array, structure, union, function
  }

  /// How the SysV ABI passes what the image only copies.
  enum FloatFormat: Hashable, Sendable { case sse, x87, complexX87 }

  struct Member: Hashable, Sendable {
    var name: String?
    var type: Int
    /// From the start of the record.
    var bitOffset: UInt64
    /// 0: no bit-field.
    var bitSize: UInt32
  }

  struct Enumerator: Hashable, Sendable {
    var name: String
    /// Sign-extended where the enum is signed.
    var bits: UInt64
  }

  struct Parameter: Hashable, Sendable {
    var name: String?
    var type: Int
  }

  var kind: Kind
  /// `KTAP_TYPE_*` flags.
  var flags: UInt32 = 0
  /// Of what has one: "unsigned int", "struct timeval"; derived types are named by what they are of.
  var baseName: String = ""
  /// Bytes; 0 where the type has no size.
  var size: UInt64 = 0
  var align: UInt64 = 0
  /// The target, element or return type.
  var reference: Int = 0
  /// Elements of an array.
  var length: UInt64 = 0
  var members: [Member] = []
  var enumerators: [Enumerator] = []
  var parameters: [Parameter] = []
  var isMicrosoftConvention = false

  func has(_ flag: UInt32) -> Bool { flags & flag != 0 }

  var isAggregate: Bool { kind == .structure || kind == .union }

  /// The types that this one is made of, in order.
  var children: [Int] {
    switch kind {
    case .void, .bool, .int, .float, .enumeration: []
    case .pointer, .array: [reference]
    case .structure, .union: members.map(\.type)
    case .function: [reference] + parameters.map(\.type)
    }
  }

  mutating func mapChildren(_ map: (Int) -> Int) {
    switch kind {
    case .void, .bool, .int, .float, .enumeration: break
    case .pointer, .array: reference = map(reference)
    case .structure, .union: for i in members.indices { members[i].type = map(members[i].type) }
    case .function:
      reference = map(reference)
      for i in parameters.indices { parameters[i].type = map(parameters[i].type) }
    }
  }

  /// Everything about the type but its children and the names of parameters, which are no part of it.
  struct Label: Hashable {
    var kind: Kind
    var flags: UInt32
    var baseName: String
    var size, align, length: UInt64
    var members: [Member]
    var enumerators: [Enumerator]
    var parameterCount: Int
    var isMicrosoftConvention: Bool
  }

  var label: Label {
    var shapes = members
    for i in shapes.indices { shapes[i].type = 0 }
    return Label(
      kind: kind, flags: flags, baseName: baseName, size: size, align: align, length: length,
      members: shapes, enumerators: enumerators, parameterCount: parameters.count,
      isMicrosoftConvention: isMicrosoftConvention)
  }
}
