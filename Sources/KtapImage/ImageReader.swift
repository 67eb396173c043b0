// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics

/// The entries of one section, read in place.
public struct ImageView<Element: BitwiseCopyable>: RandomAccessCollection {
  private let bytes: [UInt8]
  private let offset: Int
  public let count: Int

  init(_ bytes: [UInt8], offset: Int, count: Int) {
    (self.bytes, self.offset, self.count) = (bytes, offset, count)
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { count }

  public subscript(position: Int) -> Element {
    precondition(position >= 0 && position < count)
    return bytes.withUnsafeBytes {
      $0.loadUnaligned(
        fromByteOffset: offset + position * MemoryLayout<Element>.size, as: Element.self)
    }
  }

  /// The entry that an index in the image names; nil if there is none.
  public subscript(checked index: UInt32) -> Element? {
    Int(index) < count ? self[Int(index)] : nil
  }

  /// `count` entries from `first`; fewer where the section ends before.
  public subscript(first first: UInt32, count length: UInt32) -> Slice<Self> {
    let start = Swift.min(Int(first), count)
    return self[start..<Swift.min(start + Int(length), count)]
  }
}

/// An image's sections. Opening one checks its header, checksum and section table, so that no
/// accessor leaves its bytes; what the entries say is the verifier's business, and any index found
/// in one may be out of range: use ``ImageView/subscript(checked:)``.
public struct ImageReader {
  /// What messages call the image.
  public let name: String
  public let bytes: [UInt8]
  public let header: ktap_image_header
  /// Where each section starts, in bytes, and its number of entries.
  public let sections: [ktap_image_section]

  /// - Throws: ``Diagnostic`` with the byte offset of the first thing that is wrong.
  public init(_ bytes: [UInt8], name: String) throws {
    self.bytes = bytes
    self.name = name
    header = try Self.readHeader(bytes, name)
    sections = try Self.readSections(bytes, name)
  }

  private static func readHeader(_ bytes: [UInt8], _ name: String) throws -> ktap_image_header {
    func bad(_ id: String, _ message: String, at offset: Int, hint: String? = nil) -> Diagnostic {
      Diagnostic(
        id, message, place: .bytes(file: name, offset: offset), hints: hint.map { [$0] } ?? [])
    }
    guard bytes.starts(with: Array("KTBC".utf8)) || bytes.count < 4 else {
      throw bad(
        "not-an-image", "this is no ktap image (it does not begin with \"KTBC\")", at: 0,
        hint: "ktapc makes images from scripts")
    }
    guard bytes.count >= ImageLayout.headerSize else {
      throw bad(
        "image-truncated",
        "an image is at least \(ImageLayout.headerSize) bytes long; this has \(bytes.count)",
        at: bytes.count, hint: "make it anew with ktapc")
    }
    let header = bytes.withUnsafeBytes { $0.loadUnaligned(as: ktap_image_header.self) }
    guard header.version == KTAP_IMAGE_VERSION else {
      throw bad(
        "image-version",
        "this is an image of version \(header.version), and this tool is of version \(KTAP_IMAGE_VERSION): "
          + "its ktapc was another one",
        at: 4, hint: "compile the script again, with the ktapc that belongs to this tool")
    }
    guard Int(header.total_size) == bytes.count else {
      throw bad(
        Int(header.total_size) > bytes.count ? "image-truncated" : "image-size",
        "the header says \(header.total_size) bytes; there are \(bytes.count)", at: 8,
        hint: "make it anew with ktapc")
    }
    let crc = CRC32.ofImage(bytes)
    guard header.crc32 == crc else {
      throw bad(
        "image-checksum", "the image is damaged: its checksum is wrong",
        at: ImageLayout.crcOffset, hint: "make it anew with ktapc")
    }
    guard header.section_count == UInt32(ImageSection.allCases.count) else {
      throw bad(
        "image-sections",
        "\(header.section_count) sections; \(ImageSection.allCases.count) were expected", at: 20)
    }
    return header
  }

  private static func readSections(
    _ bytes: [UInt8], _ name: String
  ) throws -> [ktap_image_section] {
    var sections: [ktap_image_section] = []
    var expected = ImageLayout.headerSize
    for section in ImageSection.allCases {
      let entry =
        ImageLayout.sectionTableOffset + section.rawValue * MemoryLayout<ktap_image_section>.size
      let found = bytes.withUnsafeBytes {
        $0.loadUnaligned(fromByteOffset: entry, as: ktap_image_section.self)
      }
      expected = ImageLayout.aligned(expected)
      // Neither product nor sum can overflow 64 bits: both factors and both terms are below 2^40.
      let end = Int(found.offset) + Int(found.count) * section.entrySize
      guard Int(found.offset) == expected, end <= bytes.count else {
        throw Diagnostic(
          "image-sections",
          "section \(section.title): bytes \(found.offset)..<\(end) of \(bytes.count), where it "
            + "should start at \(expected)", place: .bytes(file: name, offset: entry))
      }
      expected = end
      sections.append(found)
    }
    guard expected == bytes.count else {
      throw Diagnostic(
        "image-sections", "\(bytes.count - expected) bytes behind the last section",
        place: .bytes(file: name, offset: expected))
    }
    return sections
  }

  private func view<Entry>(_ section: ImageSection) -> ImageView<Entry> {
    let found = sections[section.rawValue]
    return ImageView(bytes, offset: Int(found.offset), count: Int(found.count))
  }

  public var strings: ImageView<ktap_image_string> { view(.strings) }
  public var stringBytes: ImageView<UInt8> { view(.bytes) }
  public var constants: ImageView<ktap_image_constant> { view(.constants) }
  public var types: ImageView<ktap_image_type> { view(.types) }
  public var members: ImageView<ktap_image_member> { view(.members) }
  public var enumerators: ImageView<ktap_image_enumerator> { view(.enumerators) }
  public var params: ImageView<ktap_image_param> { view(.params) }
  public var plans: ImageView<ktap_image_plan> { view(.plans) }
  public var steps: ImageView<ktap_image_step> { view(.steps) }
  public var symbols: ImageView<ktap_image_symbol> { view(.symbols) }
  public var globals: ImageView<ktap_image_global> { view(.globals) }
  public var functions: ImageView<ktap_image_function> { view(.functions) }
  public var captures: ImageView<ktap_image_capture> { view(.captures) }
  public var code: ImageView<Instruction> { view(.code) }
  public var lines: ImageView<ktap_image_line> { view(.lines) }
  public var grants: ImageView<ktap_image_grant> { view(.grants) }
  public var buildID: ImageView<UInt8> { view(.buildID) }
  public var fields: ImageView<ktap_image_field> { view(.fields) }
}

// MARK: - What entries mean to people

extension ImageReader {
  /// A string's bytes; nil if there is no such string.
  public func stringContents(_ index: UInt32) -> [UInt8]? {
    guard let string = strings[checked: index],
      Int(string.offset) + Int(string.length) <= stringBytes.count
    else { return nil }
    return Array(stringBytes[first: string.offset, count: string.length])
  }

  /// A string as text, for messages: a stand-in where there is no such string.
  public func text(_ index: UInt32) -> String {
    stringContents(index).map { String(decoding: $0, as: UTF8.self) } ?? "<string \(index)?>"
  }

  /// The script's name as the person typed it.
  public var script: String { text(header.script) }

  /// As C writes it: "struct timeval *". Behind the table's entries stand the pointers to them (see
  /// `ktap/output.h`).
  public func typeName(_ index: UInt32) -> String {
    if let type = types[checked: index] { return text(type.name) }
    guard Int(index) >= types.count, let target = types[checked: index - UInt32(types.count)] else {
      return "<type \(index)?>"
    }
    let name = text(target.name)
    return name.hasSuffix("*") ? "\(name)*" : "\(name) *"
  }

  /// The script's name for a function: "main", "f", "(anonymous)".
  public func functionName(_ index: UInt32) -> String {
    functions[checked: index].map { text($0.name) } ?? "<function \(index)?>"
  }

  /// The script's line that instruction `pc` of a function comes from; nil where not known.
  public func line(function: UInt32, pc: UInt32) -> Int? {
    guard let function = functions[checked: function] else { return nil }
    return lines[first: function.first_line, count: function.line_count]
      .last { $0.pc <= pc }.map { Int($0.line) }
  }

  /// The instructions of a function.
  public func instructions(of function: ktap_image_function) -> Slice<ImageView<Instruction>> {
    code[first: function.first_instruction, count: function.instruction_count]
  }
}
