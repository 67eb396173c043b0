// SPDX-License-Identifier: MIT

/// What a named entry of DWARF declares.
public enum DWARFKind: UInt8, Sendable, CaseIterable {
  case function, variable, structure, union, enumeration, typedef, enumerator
}

/// Where an entry stands in the debug information of a file.
public struct DWARFPlace: Hashable, Comparable, Sendable {
  /// 0: the file itself; others: a dwz supplement, the .dwo files of split DWARF.
  var source: UInt16
  /// In .debug_types (DWARF 4, 7.5.1.2) instead of .debug_info.
  var isInTypes: Bool
  /// Bytes from the start of the section.
  public var offset: UInt64

  public static func < (left: DWARFPlace, right: DWARFPlace) -> Bool {
    (left.source, left.isInTypes ? 1 : 0, left.offset)
      < (right.source, right.isInTypes ? 1 : 0, right.offset)
  }
}

/// What an entry says about itself in one bit.
public struct DWARFFlags: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `DW_AT_declaration`: no definition here.
  public static let declaration = DWARFFlags(rawValue: 1)
  /// `DW_AT_external`: visible outside its file.
  public static let external = DWARFFlags(rawValue: 2)
  /// `DW_AT_inline` says that it was inlined.
  public static let inlined = DWARFFlags(rawValue: 4)
  /// It has code, or a location: `DW_AT_low_pc`, `DW_AT_ranges`, `DW_AT_location`.
  public static let located = DWARFFlags(rawValue: 8)
  /// `DW_AT_noreturn`.
  public static let noReturn = DWARFFlags(rawValue: 16)
  /// In a unit of the assembler's, which knows a name and an address and no types.
  public static let assembly = DWARFFlags(rawValue: 32)
}

/// A function, variable, type or enumerator by name.
public struct DWARFEntry: Hashable, Sendable {
  public var kind: DWARFKind
  public var name: String
  public var place: DWARFPlace
  public var flags: DWARFFlags
  /// `DW_AT_decl_line`, of an enumerator that of its enumeration; 0: not said.
  public var line: UInt32
  /// `DW_AT_byte_size` of a type; 0: not said.
  public var size: UInt64
  /// Where the file was linked to have it: `DW_AT_low_pc`, `DW_OP_addr`. nil where that takes more
  /// than a look at the entry: see ``DWARFFile/address(of:)``.
  public var address: UInt64?

  public var isDeclaration: Bool { flags.contains(.declaration) }
}
