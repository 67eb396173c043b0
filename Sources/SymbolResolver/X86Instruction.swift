// SPDX-License-Identifier: MIT

/// How long an instruction of 64-bit mode is, and where it leads: Intel SDM volume 2, chapter 2 and
/// the opcode maps of appendix A. What it does besides, nobody asks here.
struct X86Instruction: Equatable {
  enum Flow: Equatable {
    case other
    /// A call or jump to an address that stands in it: bytes from its end.
    case direct(Int64)
    /// A call or jump through a register or memory.
    case indirect
  }

  /// Bytes.
  var length: Int
  var flow: Flow = .other

  /// The longest that the processor takes (SDM 2.3.11).
  static let greatestLength = 15

  // MARK: Opcode maps

  /// What follows an opcode. A letter for each, sixteen to a row:
  ///
  ///     .  nothing                    m  ModRM
  ///     b  imm8                       M  ModRM, imm8
  ///     z  imm32, or imm16 with 66    Z  ModRM, imm32 or imm16
  ///     v  the same, imm64 with REX.W w  imm16         e  imm16, imm8
  ///     d  imm32 in any case          o  an address of 8 bytes, or 4 with 67
  ///     g  ModRM, imm8 if /0 or /1    G  ModRM, imm32 or imm16 if /0 or /1
  ///     p  a prefix   r  REX   c, C, E  VEX of 2 and 3 bytes, EVEX
  ///     x  the map of 0F   X, Y  those of 0F 38, 0F 3A   ?  not in 64-bit mode
  private static let oneByte = table(
    "mmmmbz??mmmmbz?x", "mmmmbz??mmmmbz??", "mmmmbzp?mmmmbzp?", "mmmmbzp?mmmmbzp?",
    "rrrrrrrrrrrrrrrr", "................", "??EmppppzZbM....", "bbbbbbbbbbbbbbbb",
    "MZ?Mmmmmmmmmmmmm", "..........?.....", "oooo....bz......", "bbbbbbbbvvvvvvvv",
    "MMw.CcMZe.w..b?.", "mmmm???.mmmmmmmm", "bbbbbbbbdd?b....", "p.pp..gG......mm")

  private static let twoByte = table(
    "mmmm?.....?.?m.M", "mmmmmmmmmmmmmmmm", "mmmm????mmmmmmmm", "......?.X?Y?????",
    "mmmmmmmmmmmmmmmm", "mmmmmmmmmmmmmmmm", "mmmmmmmmmmmmmmmm", "MMMMmmm.mm??mmmm",
    "dddddddddddddddd", "mmmmmmmmmmmmmmmm", "...mMmmm...mMmmm", "mmmmmmmmmmMmmmmm",
    "mmMmMMMm........", "mmmmmmmmmmmmmmmm", "mmmmmmmmmmmmmmmm", "mmmmmmmmmmmmmmmm")

  private static func table(_ rows: StaticString...) -> [UInt8] {
    rows.flatMap { row in row.withUTF8Buffer { Array($0) } }
  }

  // MARK: Decoding

  /// What has been read of an instruction so far.
  private struct Reader {
    let code: UnsafeRawBufferPointer
    let start: Int
    var position: Int
    var hasOperandSize = false
    var hasAddressSize = false
    var rex: UInt8 = 0

    /// nil at the end of the code, or of what an instruction may take.
    @inline(__always)
    mutating func byte() -> UInt8? {
      guard position < code.count, position - start < X86Instruction.greatestLength else {
        return nil
      }
      defer { position += 1 }
      return code[position]
    }

    @inline(__always)
    mutating func skip(_ count: Int) -> Bool {
      position += count
      return position <= code.count && position - start <= X86Instruction.greatestLength
    }

    /// Bytes of an immediate operand that follows the operand size.
    @inline(__always)
    var immediateSize: Int { hasOperandSize && rex & 8 == 0 ? 2 : 4 }

    /// ModRM, SIB and displacement (SDM 2.1.5, 2.2.1.6); the ModRM byte.
    @inline(__always)
    mutating func modRM() -> UInt8? {
      guard let modRM = byte() else { return nil }
      let (mod, rm) = (modRM >> 6, modRM & 7)
      guard mod != 3 else { return modRM }
      var displacement = mod == 1 ? 1 : mod == 2 || rm == 5 ? 4 : 0
      if rm == 4 {
        guard let sib = byte() else { return nil }
        if mod == 0 && sib & 7 == 5 { displacement = 4 }
      }
      return skip(displacement) ? modRM : nil
    }
  }

  /// The instruction that begins at `offset`; nil where none does that is known, or not all of it.
  init?(_ code: UnsafeRawBufferPointer, at offset: Int) {
    var reader = Reader(code: code, start: offset, position: offset)
    guard let (opcode, shape) = Self.opcode(&reader),
      let modRM = Self.skipOperands(shape, &reader)
    else { return nil }
    length = reader.position - offset
    flow = Self.flow(opcode, modRM, code, end: reader.position)
  }

  /// Past prefixes and opcode: its number, that of the map of 0F above 0x100, and what follows it.
  @inline(__always)
  private static func opcode(_ reader: inout Reader) -> (opcode: Int, shape: UInt8)? {
    while let byte = reader.byte() {
      let shape = oneByte[Int(byte)]
      switch shape {
      case UInt8(ascii: "p"):
        if byte == 0x66 { reader.hasOperandSize = true }
        if byte == 0x67 { reader.hasAddressSize = true }
        // REX counts only right in front of the opcode.
        reader.rex = 0
      case UInt8(ascii: "r"): reader.rex = byte
      case UInt8(ascii: "x"): return longOpcode(&reader)
      case UInt8(ascii: "c"):
        guard reader.skip(1) else { return nil }
        return vectorOpcode(map: 1, &reader)
      case UInt8(ascii: "C"), UInt8(ascii: "E"):
        guard let first = reader.byte(), reader.skip(shape == UInt8(ascii: "C") ? 1 : 2) else {
          return nil
        }
        return vectorOpcode(map: first & (shape == UInt8(ascii: "C") ? 0x1f : 7), &reader)
      default: return (Int(byte), shape)
      }
    }
    return nil
  }

  private static func longOpcode(_ reader: inout Reader) -> (opcode: Int, shape: UInt8)? {
    guard let byte = reader.byte() else { return nil }
    let shape = twoByte[Int(byte)]
    switch shape {
    case UInt8(ascii: "X"): return reader.skip(1) ? (0x200, UInt8(ascii: "m")) : nil
    case UInt8(ascii: "Y"): return reader.skip(1) ? (0x300, UInt8(ascii: "M")) : nil
    default: return (0x100 + Int(byte), shape)
    }
  }

  /// Behind VEX (SDM 2.3) or EVEX (2.7): all have ModRM, but for VZEROUPPER and VZEROALL (77).
  private static func vectorOpcode(
    map: UInt8, _ reader: inout Reader
  ) -> (opcode: Int, shape: UInt8)? {
    guard let byte = reader.byte() else { return nil }
    switch map {
    case 1:
      return byte == 0x77 || twoByte[Int(byte)] == UInt8(ascii: "M")
        ? (0x200, twoByte[Int(byte)]) : (0x200, UInt8(ascii: "m"))
    case 2, 5, 6: return (0x200, UInt8(ascii: "m"))
    case 3: return (0x200, UInt8(ascii: "M"))
    default: return nil
    }
  }

  /// Past what follows an opcode; its ModRM byte, or 0.
  @inline(__always)
  private static func skipOperands(_ shape: UInt8, _ reader: inout Reader) -> UInt8? {
    var modRM: UInt8 = 0
    switch shape {
    case UInt8(ascii: "m"), UInt8(ascii: "M"), UInt8(ascii: "Z"), UInt8(ascii: "g"),
      UInt8(ascii: "G"):
      guard let byte = reader.modRM() else { return nil }
      modRM = byte
    default: break
    }
    let size: Int
    switch shape {
    case UInt8(ascii: "."), UInt8(ascii: "m"): size = 0
    case UInt8(ascii: "b"), UInt8(ascii: "M"): size = 1
    case UInt8(ascii: "z"), UInt8(ascii: "Z"): size = reader.immediateSize
    case UInt8(ascii: "v"): size = reader.rex & 8 != 0 ? 8 : reader.immediateSize
    case UInt8(ascii: "w"): size = 2
    case UInt8(ascii: "e"): size = 3
    case UInt8(ascii: "d"): size = 4
    case UInt8(ascii: "o"): size = reader.hasAddressSize ? 4 : 8
    case UInt8(ascii: "g"): size = modRM >> 3 & 7 < 2 ? 1 : 0
    case UInt8(ascii: "G"): size = modRM >> 3 & 7 < 2 ? reader.immediateSize : 0
    default: return nil
    }
    return reader.skip(size) ? modRM : nil
  }

  // MARK: Where it leads

  @inline(__always)
  private static func flow(
    _ opcode: Int, _ modRM: UInt8, _ code: UnsafeRawBufferPointer, end: Int
  ) -> Flow {
    switch opcode {
    // CALL, JMP, Jcc rel32: the displacement is the last part.
    case 0xe8, 0xe9, 0x180...0x18f:
      return .direct(
        Int64(Int32(littleEndian: code.loadUnaligned(fromByteOffset: end - 4, as: Int32.self))))
    // JMP, Jcc, LOOP, JRCXZ rel8.
    case 0xeb, 0x70...0x7f, 0xe0...0xe3: return .direct(Int64(Int8(bitPattern: code[end - 1])))
    // CALL and JMP, near and far: FF /2 to /5.
    case 0xff where (2...5).contains(modRM >> 3 & 7): return .indirect
    default: return .other
    }
  }
}
