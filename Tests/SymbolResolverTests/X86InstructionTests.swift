// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Foundation
import TestSupport
import Testing

@testable import DebugInfo
@testable import SymbolResolver

/// Where instructions end, and which of them call or jump: binutils' disassembler says it, too.
@Suite struct X86InstructionTests {
  private struct Line {
    var address: UInt64
    var mnemonic: Substring
  }

  /// What objdump has between two addresses of the kernel.
  private func listing(_ path: String, _ start: UInt64, _ end: UInt64) throws -> [Line] {
    let output = try Workshop().run(
      "sh", "-c",
      "exec objdump -d --no-show-raw-insn --start-address=\(start) "
        + "--stop-address=\(end) \(path) | awk '/^ *[0-9a-f]+:\\t/ { print $1, $2 }'")
    return String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 2, let address = UInt64(words[0].dropLast(), radix: 16) else {
        return nil
      }
      return Line(address: address, mnemonic: words[1])
    }
  }

  /// A part of Debian's kernel in the middle of its text; in a full run, all of it (6.7 million
  /// instructions).
  @Test func lengthsAreThoseOfADisassembler() throws {
    let path = try DebianKernel().path
    let table = try ELFSymbolTable(ELFFile(path: path))
    let text = try #require(table.sections.first { $0.name == ".text" })
    // From one function's start to another's.
    let starts = table.functionNumbers.map(table.functionAddress).sorted()
    func functionStart(from address: UInt64) throws -> UInt64 {
      try #require(starts.first { $0 >= address })
    }
    let middle = text.address + text.size / 2
    let start = try Proof.isFull ? text.address : functionStart(from: middle)
    let end =
      try Proof.isFull
      ? text.address + text.size : functionStart(from: middle + (96 << 10))
    let lines = try listing(path, start, end)
    try #require(lines.count > 20_000)
    let compared = table.withBytes(at: start, count: end - start) { code in
      zip(lines, lines.dropFirst()).filter { line, next in
        // What the disassembler cannot read, and a prefix that a symbol cuts off from the rest.
        if line.mnemonic.hasPrefix(".") || line.mnemonic.contains("bad") || line.mnemonic == "rex.W"
        {
          return false
        }
        let instruction = X86Instruction(code, at: Int(line.address - start))
        #expect(
          instruction?.length == Int(next.address - line.address),
          "\(line.mnemonic) at \(String(line.address, radix: 16))")
        // objdump has the prefix of `cs jmp` where others have the mnemonic.
        if !["cs", "ds", "bnd", "notrack"].contains(line.mnemonic) {
          #expect(
            (instruction?.flow != .other) == Self.leads(line.mnemonic),
            "\(line.mnemonic) at \(String(line.address, radix: 16))")
        }
        return true
      }.count
    }
    try #require(compared ?? 0 > lines.count * 99 / 100)
  }

  /// Whether an instruction goes elsewhere, but for those that return.
  private static func leads(_ mnemonic: Substring) -> Bool {
    mnemonic.hasPrefix("call") || mnemonic.hasPrefix("j") || mnemonic.hasPrefix("loop")
      || ["lcall", "ljmp", "lcallq", "ljmpq"].contains(mnemonic)
  }

  /// Cut off anywhere, an instruction is none; and nothing is read behind the end.
  @Test func instructionsThatAreCutOff() {
    let whole: [[UInt8]] = [
      [0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8],  // movabs $…, %rax
      [0x66, 0x81, 0x84, 0x80, 1, 2, 3, 4, 5, 6],  // addw $…, …(%rax,%rax,4)
      [0xe8, 1, 2, 3, 4], [0x0f, 0x84, 1, 2, 3, 4], [0xeb, 0xfe], [0xff, 0x25, 1, 2, 3, 4],
      [0x62, 0xf1, 0x7c, 0x48, 0x58, 0x41, 0x01],  // vaddps 0x40(%rcx), %zmm0, %zmm0
      [0xc4, 0xe3, 0x79, 0x14, 0xc0, 0x01], [0xf6, 0x05, 1, 2, 3, 4, 5], [0x67, 0xa1, 1, 2, 3, 4],
    ]
    for bytes in whole {
      for count in 0..<bytes.count {
        bytes[..<count].withUnsafeBytes { #expect(X86Instruction($0, at: 0) == nil, "\(bytes)") }
      }
      bytes.withUnsafeBytes { #expect(X86Instruction($0, at: 0)?.length == bytes.count) }
    }
    let prefixes = [UInt8](repeating: 0x66, count: 15) + [0x90]
    prefixes.withUnsafeBytes { #expect(X86Instruction($0, at: 0) == nil) }
  }

  /// Whatever bytes are given, it ends, and within them.
  @Test func anyBytes() {
    var random = SeededGenerator(seed: 9)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...20, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      bytes.withUnsafeBytes {
        let length = X86Instruction($0, at: 0)?.length ?? 1
        #expect(length >= 1 && length <= max(1, min(15, bytes.count)))
      }
    }
  }
}
