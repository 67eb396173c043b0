// SPDX-License-Identifier: MIT

import CElfutils

/// Attributes of single entries, through libdw.
enum DWARFAttributes {
  /// An unsigned number, from the entry itself.
  static func number(_ die: inout Dwarf_Die, _ name: Int) -> UInt64? {
    var attribute = Dwarf_Attribute()
    var value: Dwarf_Word = 0
    guard dwarf_attr(&die, UInt32(name), &attribute) != nil,
      dwarf_formudata(&attribute, &value) == 0
    else { return nil }
    return value
  }

  static func flag(_ die: inout Dwarf_Die, _ name: Int) -> Bool {
    var attribute = Dwarf_Attribute()
    var value = false
    return dwarf_attr(&die, UInt32(name), &attribute) != nil
      && dwarf_formflag(&attribute, &value) == 0 && value
  }

  /// The entry that an attribute of the entry itself refers to.
  static func reference(_ die: inout Dwarf_Die, _ name: Int) -> Dwarf_Die? {
    var attribute = Dwarf_Attribute()
    var target = Dwarf_Die()
    guard dwarf_attr(&die, UInt32(name), &attribute) != nil,
      dwarf_formref_die(&attribute, &target) != nil
    else { return nil }
    return target
  }

  /// The entry that `DW_AT_type` refers to, from the entry or the one it completes; nil: `void`.
  static func type(_ die: inout Dwarf_Die) -> Dwarf_Die? {
    var attribute = Dwarf_Attribute()
    var target = Dwarf_Die()
    guard dwarf_attr_integrate(&die, UInt32(DW_AT_type), &attribute) != nil,
      dwarf_formref_die(&attribute, &target) != nil
    else { return nil }
    return target
  }

  /// `DW_AT_decl_file`, and the unit by whose table it counts.
  static func declaredFile(
    _ die: inout Dwarf_Die
  ) -> (number: UInt64, unit: OpaquePointer)? {
    var attribute = Dwarf_Attribute()
    var number: Dwarf_Word = 0
    guard dwarf_attr_integrate(&die, UInt32(DW_AT_decl_file), &attribute) != nil,
      dwarf_formudata(&attribute, &number) == 0, number > 0, let unit = attribute.cu
    else { return nil }
    return (number, unit)
  }

  /// The name of a file in the table of a unit of split DWARF, which may be in one file or the
  /// other. (`dwarf_decl_file` ends the process where a unit has no such table.)
  static func fileName(_ number: UInt64, of unitEntry: inout Dwarf_Die) -> String? {
    var files: OpaquePointer?
    var count = 0
    guard dwarf_getsrcfiles(&unitEntry, &files, &count) == 0, number < UInt64(count),
      let name = dwarf_filesrc(files, Int(number), nil, nil)
    else { return nil }
    return String(cString: name)
  }

  /// From the entry itself; of a unit of split DWARF, from its skeleton, too.
  static func text(_ die: inout Dwarf_Die, _ name: Int) -> String? {
    var attribute = Dwarf_Attribute()
    guard dwarf_attr_integrate(&die, UInt32(name), &attribute) != nil,
      let text = dwarf_formstring(&attribute)
    else { return nil }
    return String(cString: text)
  }

  /// What an enumerator is worth: compilers give negative values in a signed form only.
  static func enumeratorValue(_ die: inout Dwarf_Die) -> (bits: UInt64, isNegative: Bool)? {
    var attribute = Dwarf_Attribute()
    guard dwarf_attr(&die, UInt32(DW_AT_const_value), &attribute) != nil else { return nil }
    switch Int(attribute.form) {
    case DW_FORM_sdata, DW_FORM_implicit_const:
      var value: Dwarf_Sword = 0
      guard dwarf_formsdata(&attribute, &value) == 0 else { return nil }
      return (UInt64(bitPattern: value), value < 0)
    default:
      var value: Dwarf_Word = 0
      guard dwarf_formudata(&attribute, &value) == 0 else { return nil }
      return (value, false)
    }
  }

  /// The children of an entry, as far as libdw can read them.
  static func forEachChild(_ die: inout Dwarf_Die, _ body: (inout Dwarf_Die) -> Void) {
    var child = Dwarf_Die()
    guard dwarf_child(&die, &child) == 0 else { return }
    var last = dwarf_dieoffset(&child)
    while true {
      body(&child)
      var next = Dwarf_Die()
      guard dwarf_siblingof(&child, &next) == 0 else { return }
      child = next
      // Damaged siblings may lead back.
      let offset = dwarf_dieoffset(&child)
      guard offset > last else { return }
      last = offset
    }
  }
}
