// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage
import Testing

@testable import KtapLoader

/// The tests' own tool: a listing that means something else than it says would test nothing.
@Suite struct AssemblerTests {
  private func code(_ listing: String) throws -> [Instruction] {
    var program = Program()
    try program.assemble(listing)
    return program.image.code
  }

  @Test func operandsFollowTheOpcodeTable() throws {
    let code = try code(
      """
      loadk r1 "a;b = (c)"      ; a comment
      again:
      setlist r0 r1 2 7
      jlt r1 r2 again
      """)
    let expected = [
      Instruction(KTAP_OP_LOADK, a: 1, d: 0),
      Instruction(KTAP_OP_SETLIST, a: 0, b: 1, c: 2, d: 7),
      Instruction(KTAP_OP_JLT, a: 1, b: 2, d: 1), Instruction(KTAP_OP_RETURN, a: 0, b: 1),
    ]
    #expect(code.map(\.text) == expected.map(\.text))
  }

  @Test func callsLoadTheirArguments() throws {
    let code = try code("r1, r2 = pcall(f, 5)\nfunction f(1)\nreturn r0 2")
    let expected = [
      Instruction(KTAP_OP_BUILTIN, a: 100, d: Int(KTAP_BUILTIN_PCALL.rawValue)),
      Instruction(KTAP_OP_CLOSURE, a: 101, d: 1), Instruction(KTAP_OP_LOADK, a: 102, d: 0),
      Instruction(KTAP_OP_CALL, a: 100, b: 3, c: 3), Instruction(KTAP_OP_MOVE, a: 1, b: 100),
      Instruction(KTAP_OP_MOVE, a: 2, b: 101), Instruction(KTAP_OP_RETURN, a: 0, b: 1),
      Instruction(KTAP_OP_RETURN, a: 0, b: 2),
    ]
    #expect(code.map(\.text) == expected.map(\.text))
  }

  @Test(arguments: ["frobnicate r1", "move r1", "move r1 r2 r3", "jmp nowhere", "r1 = <no such>"])
  func mistakesAreErrors(listing: String) {
    #expect(throws: Assembler.Failure.self) { try code(listing) }
  }
}

extension Instruction {
  fileprivate var text: String { "\(op) \(a) \(b) \(c) \(d)" }
}
