// SPDX-License-Identifier: MIT

import CKtapImage

/// The sections of an image, in the order in which they stand in it (`enum ktap_section_id`).
public enum ImageSection: Int, CaseIterable, Sendable {
  case strings, bytes, constants, types, members, enumerators, params, plans, steps, symbols
  case globals, functions, captures, code, lines, grants, buildID, fields

  /// Bytes of one entry.
  public var entrySize: Int { Int(ktap_image_entry_size(UInt32(rawValue))) }

  /// What messages and the disassembly call it.
  public var title: String { self == .buildID ? "build id" : "\(self)" }
}

/// Where the fixed parts of an image stand, in bytes from its start.
enum ImageLayout {
  static let crcOffset = 12
  static let sectionTableOffset = MemoryLayout<ktap_image_header>.size
  static let headerSize =
    sectionTableOffset + ImageSection.allCases.count * MemoryLayout<ktap_image_section>.size
  static let sectionAlignment = 8

  static func aligned(_ offset: Int) -> Int {
    (offset + sectionAlignment - 1) & ~(sectionAlignment - 1)
  }
}

/// "No entry" where an index may be absent.
public let imageNone: UInt32 = 0xffff_ffff
