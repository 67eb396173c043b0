// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage
import TestSupport
import Testing

/// Images cut off and images with changed bytes: refused, or harmless.
@Suite struct DamageTests {
  @Test func everyTruncationIsRefused() throws {
    let image = try Program.sample().image.build()
    for length in image.indices {
      #expect(Machine.refusal(of: Array(image[..<length])) != nil, "\(length) bytes")
    }
  }

  /// A cut with the header put right must be noticed by what the sections say.
  @Test func everyTruncationWithAnHonestHeaderIsRefused() throws {
    let image = try Program.sample().image.build()
    for length in stride(from: 16, to: image.count, by: 1) {
      var cut = Array(image[..<length])
      withUnsafeBytes(of: UInt32(length).littleEndian) { cut.replaceSubrange(8..<12, with: $0) }
      ImageBuilder.seal(&cut)
      #expect(Machine.refusal(of: cut) != nil, "\(length) bytes")
    }
  }

  @Test func everyChangedByteIsRefused() throws {
    let image = try Program.sample().image.build()
    for offset in image.indices {
      for change: UInt8 in [0x01, 0x80, 0xff] {
        var damaged = image
        damaged[offset] ^= change
        #expect(Machine.refusal(of: damaged) != nil, "byte \(offset)")
      }
    }
  }

  /// With the checksum put right a change may make another good program, which must behave: it
  /// ends, and ``Machine`` checks that it ends properly.
  @Test func everyChangedByteWithARightChecksumIsHarmless() throws {
    let image = try Program.sample().image.build()
    let machine = Machine(memory: 192 << 10, instructions: 2_000)
    var accepted = 0
    for offset in image.indices where !(12..<16).contains(offset) {
      for value in [0x00, 0x01, 0x7f, 0xff, image[offset] &+ 1, image[offset] &- 1] as Set<UInt8>
      where value != image[offset] {
        accepted += try runDamaged(image, [(offset, value)], machine) ? 1 : 0
      }
    }
    #expect(accepted > 100, "so strict that nothing of the interpreter was tried")
  }

  /// Several changes at once reach states that no single one does.
  @Test func randomChangesOfTheCodeAreHarmless() throws {
    let program = try Program.sample()
    let image = program.image.build()
    let code = try ImageReader(image, name: "t").sections[ImageSection.code.rawValue]
    let range = Int(code.offset)..<Int(code.offset) + Int(code.count) * 8
    let machine = Machine(memory: 192 << 10, instructions: 2_000)
    var random = SeededGenerator(seed: 7)
    var accepted = 0
    for _ in 0..<20_000 {
      let changes = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        (Int.random(in: range, using: &random), UInt8.random(in: 0...12, using: &random))
      }
      accepted += try runDamaged(image, changes, machine) ? 1 : 0
    }
    #expect(accepted > 500)
  }

  /// Whether the damaged image was accepted, and run.
  private func runDamaged(
    _ image: [UInt8], _ changes: [(offset: Int, value: UInt8)], _ machine: Machine
  ) throws -> Bool {
    var damaged = image
    for change in changes { damaged[change.offset] = change.value }
    ImageBuilder.seal(&damaged)
    do {
      _ = try machine.run(damaged)
      return true
    } catch is Machine.Refused {
      return false
    }
  }
}
