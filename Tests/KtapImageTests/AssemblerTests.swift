// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import Testing

@testable import KtapImage

/// `ktapc --disasm` and `--asm` are each other's opposite, for any image.
@Suite struct AssemblerTests {
  private func text(_ image: [UInt8]) throws -> String {
    Disassembler.print(try ImageReader(image, name: "t"))
  }

  private func assemble(_ text: String) throws -> [UInt8] {
    try Assembler.assemble(Array(text.utf8), name: "t.txt")
  }

  /// No byte of an entry is outside of the fields that the text shows.
  @Test(arguments: ImageSection.allCases)
  func fieldsCoverTheirEntries(section: ImageSection) {
    guard let layout = EntryLayout.of(section) else {
      #expect([.bytes, .code, .buildID].contains(section))
      return
    }
    #expect(layout.size == section.entrySize)
    #expect(Set(layout.fields.map(\.name)).count == layout.fields.count)
  }

  @Test func theHeaderIsCovered() {
    #expect(EntryLayout.header.size == MemoryLayout<ktap_image_header>.size)
  }

  @Test func makesTheSameImage() throws {
    let image = sampleImage().build()
    #expect(try assemble(text(image)) == image)
  }

  /// Whatever an image says, valid or not, its text says it, too: each byte of the sections damaged.
  @Test func saysEverythingOfDamagedImages() throws {
    var sample = sampleImage()
    sample.captures = [ktap_image_capture(from_register: 1, index: 2, reserved: 0)]
    sample.plans = [
      ktap_image_plan(
        type: 1, first_step: 0, step_count: 1, words: 6, registers_used: 1, return_kind: 1,
        convention: 0, reserved: 0)
    ]
    sample.steps = [
      ktap_image_step(kind: 0, param: 0, slot: 0, copy: 0, offset: 0, size: 8)
    ]
    sample.globals = [ktap_image_global(name: 0)]
    let image = sample.build()
    let reader = try ImageReader(image, name: "t")
    var tried = 0
    for section in ImageSection.allCases {
      let entry = reader.sections[section.rawValue]
      let start = Int(entry.offset)
      for offset in start..<start + Int(entry.count) * section.entrySize {
        for value: UInt8 in [0, 1, 0x22, 0x7f, 0xff] {
          var damaged = image
          damaged[offset] = value
          ImageBuilder.seal(&damaged)
          let text = try text(damaged)
          #expect(try assemble(text) == damaged, "\(section) byte \(offset) = \(value)\n\(text)")
          tried += 1
        }
      }
    }
    #expect(tried > 1000)
  }

  /// Text by hand: entries without numbers, words and numbers, comments.
  @Test func readsWhatPeopleWrite() throws {
    let image = try assemble(
      """
      ; a comment
      image:
        target=any script=0
      strings:
        "t.kp"  ; the script
        "void"
        "main"
      types:
        kind=void name=1
      functions:
        name=2 instructions=2 lines=1 registers=1 flags=variadic|0x40
      code:
        loadi r0, -5
        op 200 1 2 3 4
      lines:
        pc=0 line=1
      """)
    let reader = try ImageReader(image, name: "t")
    #expect(reader.script == "t.kp")
    #expect(reader.functions[0].flags == 0x41)
    #expect(reader.code[0].immediate == -5)
    #expect(reader.code[1].op == 200 && reader.code[1].d == 4)
    #expect(try assemble(text(image)) == image)
  }

  /// The header can be told to be wrong.
  @Test func headersCanBeWrong() throws {
    let image = try assemble("image:\n  target=host magic=5 crc32=7 sections=3\n")
    #expect(image[0] == 5)
    #expect(image[12] == 7)
    #expect(image[20] == 3)
  }

  @Test(arguments: [
    ("nonsense:", "1:1 asm-section"), ("types:\n  kin=int", "2:3 asm-field"),
    ("types:\n  kind=thing", "2:3 asm-value"), ("types:\n  kind=int x", "2:12 asm-field"),
    ("code:\n  moev r0, r1", "2:3 asm-instruction"), ("code:\n  move r0", "2:10 asm-operand"),
    ("code:\n  move r0, k1", "2:10 asm-operand"), ("code:\n  move r256, r1", "2:7 asm-operand"),
    ("code:\n  jmp 5", "2:6 asm-operand"), ("code:\n  loadi r0, 5000000000", "2:11 asm-operand"),
    ("code:\n  move r0, r1, r2", "2:14 asm-syntax"), ("strings:\n  \"abc", "2:3 asm-value"),
    ("strings:\n  \"a\\q\"", "2:5 asm-value"), ("build id:\n  0g", "2:3 asm-value"),
    ("captures:\n  index=256", "2:3 asm-value"), ("image:\n  magic", "2:3 asm-field"),
  ])
  func reportsMistakes(text: String, expected: String) {
    let error = #expect(throws: Diagnostic.self) { try assemble(text) }
    guard case .text(let place)? = error?.place, let id = error?.id else {
      Issue.record("no place: \(String(describing: error))")
      return
    }
    #expect("\(place.line):\(place.column) \(id)" == expected)
  }
}
