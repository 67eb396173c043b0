// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import KtapImage
import Testing

/// A small image: print(42), with a capture and a type, so that most sections have entries.
func sampleImage() -> ImageBuilder {
  var image = ImageBuilder(script: "s.kp")
  let name = image.intern("unsigned int")
  image.types.append(
    ktap_image_type(
      kind: KTAP_TYPE_INT.rawValue, flags: 0, name: name, ref: 0, size: 4, length: 0, align: 4,
      first: 0, count: 0, plan: imageNone))
  image.addFunction(
    name: "main", registers: 2,
    code: [
      Instruction(KTAP_OP_BUILTIN, a: 0, d: Int(KTAP_BUILTIN_PRINT.rawValue)),
      Instruction(KTAP_OP_LOADK, a: 1, d: Int(image.constant(1 << 40))),
      Instruction(KTAP_OP_CALL, a: 0, b: 2, c: 1),
      Instruction(KTAP_OP_RETURN, a: 0, b: 1),
    ], lines: [(0, 1), (1, 2), (3, 4)])
  image.buildID = [1, 2, 3]
  return image
}

@Suite struct ImageBuilderTests {
  @Test func readsBackWhatItBuilt() throws {
    let reader = try ImageReader(sampleImage().build(), name: "s.ktbc")
    #expect(reader.script == "s.kp")
    #expect(reader.typeName(0) == "void")
    #expect(reader.typeName(1) == "unsigned int")
    #expect(reader.typeName(3) == "unsigned int *")
    #expect(reader.typeName(4) == "<type 4?>")
    #expect(reader.functionName(0) == "main")
    #expect(Array(reader.buildID) == [1, 2, 3])
    let code = Array(reader.instructions(of: reader.functions[0]))
    #expect(code.map(\.opcode) == [KTAP_OP_BUILTIN, KTAP_OP_LOADK, KTAP_OP_CALL, KTAP_OP_RETURN])
    #expect(reader.constants[0].value == 1 << 40)
  }

  @Test func internsStringsAndConstants() {
    var image = ImageBuilder(script: "x")
    #expect(image.intern("a") == image.intern("a"))
    #expect(image.intern("a") != image.intern("a\0"))
    #expect(image.constant(7) == image.constant(7))
    #expect(image.constant(7) != image.constant(KTAP_CONSTANT_UINT, 7))
  }

  @Test func linesAreFoundByPc() throws {
    let reader = try ImageReader(sampleImage().build(), name: "s.ktbc")
    #expect((0..<5).map { reader.line(function: 0, pc: $0) } == [1, 2, 2, 4, 4])
    #expect(reader.line(function: 9, pc: 0) == nil)
  }

  @Test func sectionsStartAtMultiplesOfEight() throws {
    let reader = try ImageReader(sampleImage().build(), name: "s.ktbc")
    #expect(reader.sections.allSatisfy { $0.offset % 8 == 0 })
  }
}

@Suite struct ImageReaderTests {
  @Test func everyTruncationIsRefused() {
    let image = sampleImage().build()
    for length in 0..<image.count {
      #expect(throws: Diagnostic.self) { try ImageReader(Array(image[..<length]), name: "t") }
    }
  }

  @Test func everyFlippedByteIsRefused() {
    let image = sampleImage().build()
    for offset in image.indices {
      var damaged = image
      damaged[offset] ^= 0x40
      #expect(throws: Diagnostic.self) { try ImageReader(damaged, name: "t") }
    }
  }

  /// With the checksum put right, an index may be anything; no accessor may trap.
  @Test func noAccessorTrapsOnSealedDamage() {
    let image = sampleImage().build()
    for offset in image.indices {
      for value: UInt8 in [0x00, 0x7f, 0x80, 0xff] {
        var damaged = image
        damaged[offset] = value
        ImageBuilder.seal(&damaged)
        guard let reader = try? ImageReader(damaged, name: "t") else { continue }
        for index in UInt32(0)..<6 {
          _ = reader.text(index) + reader.typeName(index) + reader.functionName(index)
          _ = reader.line(function: index, pc: index)
        }
        for function in reader.functions { _ = reader.instructions(of: function).count }
      }
    }
  }

  @Test func messagesNameThePlace() {
    var wrong = sampleImage().build()
    wrong[4] = 9
    let error = #expect(throws: Diagnostic.self) { try ImageReader(wrong, name: "t") }
    #expect(error?.id == "image-version")
    #expect(error?.place == .bytes(file: "t", offset: 4))
  }
}

@Suite struct ChecksumTests {
  /// The check value of CRC-32/ISO-HDLC.
  @Test func checkValue() {
    #expect(CRC32.checksum("123456789".utf8) == 0xcbf4_3926)
  }
}

@Suite struct OpcodeTests {
  @Test func everyOpcodeHasAnEntryAndNothingElse() {
    let count = UInt8(KTAP_OP_COUNT.rawValue)
    #expect((0..<count).allSatisfy { OpcodeInfo($0) != nil })
    #expect(OpcodeInfo(count) == nil)
    #expect(OpcodeInfo(UInt8(KTAP_OP_MOVE.rawValue))?.mnemonic == "move")
    #expect(Builtin.named("print")?.number == Int(KTAP_BUILTIN_PRINT.rawValue))
  }
}
