// SPDX-License-Identifier: MIT

import Diagnostics
import Testing

@testable import DebugInfo

@Suite struct KernelSymbolsTests {
  private static let text = """
    0000000000000000 A __per_cpu_start
    0000000000001000 A cpu_number
    ffffffff81000000 T _stext
    ffffffff81000040 t helper
    ffffffff81000080 T vfs_read
    ffffffff81000080 T vfs_read_alias
    ffffffff81000100 t helper
    ffffffff82000000 D jiffies
    ffffffffc0000000 t helper\t[ext4]
    ffffffffc0000010 T ext4_open\t[ext4]
    ffffffffc0001000 T xfs_open\t[xfs]

    """

  private func parse(_ text: String) throws -> KernelSymbols {
    try KernelSymbols(FileBytes(name: "kallsyms", copying: Array(text.utf8)))
  }

  private func failure(_ text: String) throws -> SourceError {
    try #require(throws: SourceError.self) { try parse(text) }
  }

  /// Each byte in each of the eight places, and others around it.
  @Test func eightDigitsAtOnce() throws {
    for (place, byte) in (0..<8).flatMap({ place in (0...255).map { (place, UInt8($0)) } }) {
      for other in ["0", "9", "a", "f", "A", "F"] {
        var text = Array(String(repeating: other, count: 8).utf8)
        text[place] = byte
        let loaded = text.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        let isHexadecimal = byte < 0x80 && Character(UnicodeScalar(byte)).isHexDigit
        let value = isHexadecimal ? UInt32(String(decoding: text, as: UTF8.self), radix: 16) : nil
        #expect(HexDigits.value(loaded) == value)
      }
    }
  }

  @Test func findsSymbolsByName() throws {
    let symbols = try parse(Self.text)
    #expect(symbols.count == 11)
    #expect(
      symbols.symbols(named: "vfs_read")
        == [
          KernelSymbol(name: "vfs_read", address: 0xffff_ffff_8100_0080, letter: UInt8(ascii: "T"))
        ])
    let helpers = symbols.symbols(named: "helper")
    #expect(helpers.map(\.module) == [nil, nil, "ext4"])
    #expect(helpers.map(\.isText) == [true, true, true])
    #expect(symbols.symbols(named: "xfs_open").map(\.module) == ["xfs"])
    #expect(symbols.symbols(named: "jiffies").map(\.isText) == [false])
    #expect(symbols.symbols(named: "nothing").isEmpty)
  }

  @Test func gapReachesToTheNextHigherAddress() throws {
    let symbols = try parse(Self.text)
    #expect(symbols.gap(above: 0xffff_ffff_8100_0080) == 0x80)
    #expect(symbols.gap(above: 0xffff_ffff_8200_0000) == 0x3e00_0000)
    #expect(symbols.gap(above: 0xffff_ffff_c000_1000) == nil)
  }

  @Test func theLastLineNeedsNoLineFeed() throws {
    #expect(try parse("ffffffff81000000 T _stext").symbols(named: "_stext").count == 1)
  }

  @Test func hiddenAddressesAreRecognised() throws {
    let error = try failure("0000000000000000 T _stext\n0000000000000000 D jiffies\n")
    #expect(error.cause == .unavailable)
    #expect(error.diagnostic.id == "kallsyms-hidden")
    #expect(error.diagnostic.hints.contains { $0.contains("kernel.kptr_restrict") })
  }

  @Test func debiansStandInForSystemMapIsRecognised() throws {
    let error = try failure(
      "ffffffffffffffff B The real System.map is in the linux-image-6.1.0-dbg package\n")
    #expect(error.diagnostic.id == "system-map-stub")
  }

  @Test(arguments: [
    ("x\n", 1, 1), ("ffffffff81000000 T _stext\nffff T\n", 2, 7),
    ("ffffffff81000000  _stext\n", 1, 18), ("fffffffff81000000a T x\n", 1, 17),
    ("ffff T x y\n", 1, 9), ("ffff T x\t(m]\n", 1, 10), ("ffff T x\t[m\n", 1, 12), ("\n", 1, 1),
    ("ffff T \n", 1, 8),
  ])
  func badLinesAreRefusedWithTheirPlace(text: String, line: Int, column: Int) throws {
    let error = try failure(text)
    #expect(error.diagnostic.id == "bad-kallsyms")
    #expect(
      error.diagnostic.place
        == .text(SourceLocation(file: "kallsyms", line: line, column: column)))
  }

  @Test func everyTruncationIsReadOrRefused() throws {
    let bytes = Array(Self.text.utf8)
    for count in 0..<bytes.count {
      let cut = FileBytes(name: "cut", copying: bytes[..<count])
      do {
        let symbols = try KernelSymbols(cut)
        #expect(symbols.count <= 11)
      } catch {
        #expect(!error.diagnostic.message.isEmpty)
      }
    }
  }

  @Test func offsetsTellWhetherTwoListsAreOfOneKernel() throws {
    let here = try parse(Self.text)
    let moved = try parse(Self.text.replacing("ffffffff8", with: "ffffffff9"))
    let other = try parse(Self.text.replacing("81000080", with: "81000090"))
    #expect(here.hasSameOffsets(as: moved))
    #expect(!here.hasSameOffsets(as: other))
  }
}
