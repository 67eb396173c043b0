// SPDX-License-Identifier: MIT

import CKtapImage

/// Collects the entries of an image's sections and lays them out.
///
/// The entries are the C structs of `ktap/image.h` and may be changed freely: the builder checks
/// nothing, so that a test can build what a verifier must refuse. Same entries, same bytes.
public struct ImageBuilder: Sendable {
  /// `KTAP_IMAGE_*`
  public var flags: UInt32
  /// String: the script's name as the person typed it.
  public var script: UInt32 = imageNone
  /// String: the kernel release, or none.
  public var release: UInt32 = imageNone

  public var strings: [ktap_image_string] = []
  public var bytes: [UInt8] = []
  public var constants: [ktap_image_constant] = []
  /// Entry 0 is void.
  public var types: [ktap_image_type] = []
  public var members: [ktap_image_member] = []
  public var enumerators: [ktap_image_enumerator] = []
  public var params: [ktap_image_param] = []
  public var plans: [ktap_image_plan] = []
  public var steps: [ktap_image_step] = []
  public var symbols: [ktap_image_symbol] = []
  public var globals: [ktap_image_global] = []
  public var functions: [ktap_image_function] = []
  public var captures: [ktap_image_capture] = []
  public var code: [Instruction] = []
  public var lines: [ktap_image_line] = []
  public var grants: [ktap_image_grant] = []
  public var buildID: [UInt8] = []
  public var fields: [ktap_image_field] = []

  private var stringIndexes: [[UInt8]: UInt32] = [:]
  private var constantIndexes: [ConstantKey: UInt32] = [:]

  private struct ConstantKey: Hashable { var kind: UInt32, value: UInt64 }

  /// A builder that has what every image has: the name of its script and the type void.
  public init(script: String, flags: UInt32 = UInt32(KTAP_IMAGE_TARGET_HOST)) {
    self.flags = flags
    self.script = intern(script)
    let void = intern("void")
    types.append(
      ktap_image_type(
        kind: KTAP_TYPE_VOID.rawValue, flags: 0, name: void, ref: 0, size: 0, length: 0, align: 0,
        first: 0, count: 0, plan: imageNone))
  }

  /// The index of a string; equal strings have one entry.
  public mutating func intern(_ text: String) -> UInt32 { intern(Array(text.utf8)) }

  public mutating func intern(_ text: [UInt8]) -> UInt32 {
    if let known = stringIndexes[text] { return known }
    let index = UInt32(strings.count)
    strings.append(ktap_image_string(offset: UInt32(bytes.count), length: UInt32(text.count)))
    bytes += text
    bytes.append(0)
    stringIndexes[text] = index
    return index
  }

  /// The index of a constant; equal constants have one entry.
  public mutating func constant(_ kind: ktap_constant_kind, _ value: UInt64) -> UInt32 {
    let key = ConstantKey(kind: kind.rawValue, value: value)
    if let known = constantIndexes[key] { return known }
    let index = UInt32(constants.count)
    constants.append(ktap_image_constant(kind: kind.rawValue, reserved: 0, value: value))
    constantIndexes[key] = index
    return index
  }

  /// The index of a signed integer constant.
  public mutating func constant(_ value: Int64) -> UInt32 {
    constant(KTAP_CONSTANT_INT, UInt64(bitPattern: value))
  }

  /// The index of a string constant.
  public mutating func constant(_ text: String) -> UInt32 {
    constant(KTAP_CONSTANT_STRING, UInt64(intern(text)))
  }

  /// Appends a function with its code; the main chunk is the first. `lines` are (pc, line) pairs
  /// sorted by pc, the first of pc 0. Returns its index.
  @discardableResult
  public mutating func addFunction(
    name: String, line: Int = 0, params: Int = 0, isVariadic: Bool = false, registers: Int,
    captures: [(fromRegister: Bool, index: Int)] = [], code: [Instruction],
    lines: [(pc: Int, line: Int)] = [(0, 1)]
  ) -> UInt32 {
    let name = intern(name)
    functions.append(
      ktap_image_function(
        name: name, line: UInt32(line), first_instruction: UInt32(self.code.count),
        instruction_count: UInt32(code.count), first_line: UInt32(self.lines.count),
        line_count: UInt32(lines.count), first_capture: UInt32(self.captures.count),
        capture_count: UInt8(captures.count),
        flags: isVariadic ? UInt8(KTAP_FUNCTION_VARIADIC) : 0, param_count: UInt8(params),
        register_count: UInt8(registers)))
    self.code += code
    self.lines += lines.map { ktap_image_line(pc: UInt32($0.pc), line: UInt32($0.line)) }
    self.captures += captures.map {
      ktap_image_capture(
        from_register: $0.fromRegister ? 1 : 0, index: UInt8($0.index), reserved: 0)
    }
    return UInt32(functions.count - 1)
  }

  /// The image's bytes: header, section table and sections, with its checksum.
  public func build() -> [UInt8] {
    var image: [UInt8] = []
    var table: [ktap_image_section] = []
    image.reserveCapacity(ImageLayout.headerSize + bytes.count + code.count * 16)
    image.append(contentsOf: repeatElement(0, count: ImageLayout.headerSize))
    for section in ImageSection.allCases {
      image.append(
        contentsOf: repeatElement(0, count: ImageLayout.aligned(image.count) - image.count))
      let offset = image.count
      append(section, to: &image)
      let entries = (image.count - offset) / section.entrySize
      table.append(ktap_image_section(offset: UInt32(offset), count: UInt32(entries)))
    }
    let header = ktap_image_header(
      magic: KTAP_IMAGE_MAGIC, version: KTAP_IMAGE_VERSION, total_size: UInt32(image.count),
      crc32: 0, flags: flags, section_count: UInt32(table.count), script: script, release: release)
    var front: [UInt8] = []
    Self.append([header], to: &front)
    Self.append(table, to: &front)
    image.replaceSubrange(..<front.count, with: front)
    Self.seal(&image)
    return image
  }

  /// Puts the right checksum into an image's header: after a test changed some of its bytes.
  public static func seal(_ image: inout [UInt8]) {
    guard image.count >= ImageLayout.crcOffset + 4 else { return }
    let crc = CRC32.ofImage(image)
    for byte in 0..<4 {
      image[ImageLayout.crcOffset + byte] = UInt8(truncatingIfNeeded: crc >> (8 * byte))
    }
  }

  private func append(_ section: ImageSection, to image: inout [UInt8]) {
    switch section {
    case .strings: Self.append(strings, to: &image)
    case .bytes: image += bytes
    case .constants: Self.append(constants, to: &image)
    case .types: Self.append(types, to: &image)
    case .members: Self.append(members, to: &image)
    case .enumerators: Self.append(enumerators, to: &image)
    case .params: Self.append(params, to: &image)
    case .plans: Self.append(plans, to: &image)
    case .steps: Self.append(steps, to: &image)
    case .symbols: Self.append(symbols, to: &image)
    case .globals: Self.append(globals, to: &image)
    case .functions: Self.append(functions, to: &image)
    case .captures: Self.append(captures, to: &image)
    case .code: Self.append(code, to: &image)
    case .lines: Self.append(lines, to: &image)
    case .grants: Self.append(grants, to: &image)
    case .buildID: image += buildID
    case .fields: Self.append(fields, to: &image)
    }
  }

  /// The wire format is little-endian and free of padding, as the structs are on every machine
  /// that runs this (x86-64).
  private static func append<Entry: BitwiseCopyable>(_ entries: [Entry], to image: inout [UInt8]) {
    entries.withUnsafeBytes { image.append(contentsOf: $0) }
  }
}
