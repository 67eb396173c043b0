// SPDX-License-Identifier: MIT

// What the types of a BTF say, one Swift type per kind of thing. The format and every rule quoted
// here: Documentation/bpf/btf.rst of the Linux kernel.

/// The number of a type in a BTF; 0 is `void`.
public struct BTFTypeID: Hashable, Comparable, Sendable {
  public var rawValue: UInt32

  public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  public static let void = BTFTypeID(0)

  public static func < (left: BTFTypeID, right: BTFTypeID) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// `BTF_KIND_*`.
public enum BTFKind: UInt8, Sendable, CaseIterable {
  case void = 0
  case int, pointer, array, structure, union, enumeration, forward, typedef, volatile, const
  case restrict, function, functionPrototype, variable, dataSection, float, declarationTag
  case typeTag, enumeration64
}

/// The common part of every type (`struct btf_type`).
public struct BTFType: Sendable {
  public var kind: BTFKind
  /// Into the strings; 0: no name.
  public var nameOffset: UInt32
  /// Members, enumerators, parameters, section entries; of a function: its linkage.
  public var count: Int
  /// A bit whose meaning depends on the kind.
  public var kindFlag: Bool
  /// Bytes, or the number of another type, as the kind has it.
  public var sizeOrType: UInt32

  public var target: BTFTypeID { BTFTypeID(sizeOrType) }
}

/// How an integer's bits are read (`BTF_INT_SIGNED`, `BTF_INT_CHAR`, `BTF_INT_BOOL`).
public struct BTFIntEncoding: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let signed = BTFIntEncoding(rawValue: 1)
  public static let char = BTFIntEncoding(rawValue: 2)
  public static let bool = BTFIntEncoding(rawValue: 4)
}

public struct BTFInteger: Sendable {
  /// Bytes.
  public var size: UInt32
  public var encoding: BTFIntEncoding
  /// Bits that count, and where they start: other than 8 × size and 0 only for the bit-fields of
  /// compilers that describe them by a type of their own.
  public var bits: UInt8
  public var bitOffset: UInt8
}

public struct BTFArray: Sendable {
  public var element: BTFTypeID
  public var count: UInt32
}

public struct BTFMember: Sendable {
  /// Into the strings; 0: an anonymous struct or union.
  public var nameOffset: UInt32
  public var type: BTFTypeID
  /// Bits from the start of the record, least significant first.
  public var bitOffset: UInt32
  /// Bits; 0 unless a bit-field.
  public var bitSize: UInt32
}

public struct BTFEnumerator: Sendable {
  public var nameOffset: UInt32
  /// Two's complement, sign-extended to 64 bits if the enumeration is signed.
  public var bits: UInt64
}

public struct BTFParameter: Sendable {
  public var nameOffset: UInt32
  public var type: BTFTypeID

  /// `...`: the last parameter, without name and type.
  public var isVariadicMark: Bool { nameOffset == 0 && type == .void }
}

/// A variable's place in its section (`struct btf_var_secinfo`).
public struct BTFSectionEntry: Sendable {
  public var variable: BTFTypeID
  /// Bytes from the start of the section.
  public var offset: UInt32
  /// Bytes.
  public var size: UInt32
}
