// SPDX-License-Identifier: MIT

import CKtapImage

/// The sections of an image, in the order in which they stand in it (`enum ktap_section_id`).
public enum ImageSection: Int, CaseIterable, Sendable {
  case strings, bytes, constants, types, members, enumerators, params, plans, steps, symbols
  case globals, functions, captures, code, lines, grants, buildID

  /// Bytes of one entry.
  public var entrySize: Int {
    switch self {
    case .strings: MemoryLayout<ktap_image_string>.size
    case .bytes, .buildID: 1
    case .constants: MemoryLayout<ktap_image_constant>.size
    case .types: MemoryLayout<ktap_image_type>.size
    case .members: MemoryLayout<ktap_image_member>.size
    case .enumerators: MemoryLayout<ktap_image_enumerator>.size
    case .params: MemoryLayout<ktap_image_param>.size
    case .plans: MemoryLayout<ktap_image_plan>.size
    case .steps: MemoryLayout<ktap_image_step>.size
    case .symbols: MemoryLayout<ktap_image_symbol>.size
    case .globals: MemoryLayout<ktap_image_global>.size
    case .functions: MemoryLayout<ktap_image_function>.size
    case .captures: MemoryLayout<ktap_image_capture>.size
    case .code: MemoryLayout<ktap_instruction>.size
    case .lines: MemoryLayout<ktap_image_line>.size
    case .grants: MemoryLayout<ktap_image_grant>.size
    }
  }

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
