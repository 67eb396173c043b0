// SPDX-License-Identifier: MIT

import Foundation
import Testing

@testable import KtapLoader

@Suite struct PrintfTests {
  private func format(_ format: String, _ values: [OutputValue]) -> (
    text: String, problems: [String]
  ) {
    var printf = Printf { value in
      switch value {
      case .text(let bytes): bytes
      case .int(let value): Array(String(value).utf8)
      default: Array("\(value)".utf8)
      }
    }
    let text = printf.format(Array(format.utf8), values[...])
    return (String(decoding: text, as: UTF8.self), printf.problems)
  }

  /// The C library is the oracle: the same conversion with the same 64-bit value.
  @Test func agreesWithTheCLibrary() {
    let values: [Int64] = [0, 1, -1, 42, -42, 255, .max, .min, 1 << 40]
    var compared = 0
    for flags in ["", "-", "+", " ", "#", "0", "-0", "+0", " +", "#0", "-#"] {
      for width in ["", "1", "7", "24"] {
        for precision in ["", ".", ".0", ".3", ".22"] {
          for letter in ["d", "i", "u", "x", "X", "o"] {
            let specification = "[%\(flags)\(width)\(precision)\(letter)]"
            let inC = specification.replacingOccurrences(of: letter + "]", with: "ll\(letter)]")
            for value in values {
              let isSigned = letter == "d" || letter == "i"
              let expected = String(format: inC, value)
              let ours = format(
                specification, [isSigned ? .int(value) : .uint(UInt64(bitPattern: value))])
              #expect(ours.text == expected, "\(specification) of \(value)")
              compared += 1
            }
          }
        }
      }
    }
    #expect(compared == 11 * 4 * 5 * 6 * 9)
  }

  @Test(arguments: [
    ("%s|%5s|%-5s|%.2s", "abc|  abc|abc  |ab"), ("%%", "%"), ("100%%|%s", "100%|abc"),
  ])
  func strings(pattern: String, expected: String) {
    let text = OutputValue.text(Array("abc".utf8))
    let count = pattern.components(separatedBy: "s").count - 1
    #expect(format(pattern, Array(repeating: text, count: count)).text == expected)
  }

  @Test func lengthModifiersMeanNothing() {
    let result = format("%hhd %hd %ld %lld %zu %jd", (1...6).map { .int($0 * 1000) })
    #expect(result.text == "1000 2000 3000 4000 5000 6000")
    #expect(result.problems == [])
  }

  @Test func starTakesAnArgument() {
    #expect(format("[%*d]", [.int(5), .int(42)]).text == "[   42]")
    #expect(format("[%-*d]", [.int(5), .int(42)]).text == "[42   ]")
    #expect(format("[%.*d]", [.int(5), .int(42)]).text == "[00042]")
    #expect(format("[%*d]", [.int(-5), .int(42)]).text == "[42   ]")
  }

  @Test func characterAndPointer() {
    #expect(format("%c%c", [.int(0x41), .int(0x142)]).text == "AB")
    #expect(
      format("%p %p", [.cdata(type: 1, payload: 0xffff_8880_0000_0000), .nil]).text
        == "0xffff888000000000 0x0")
  }

  @Test(
    arguments: [
      ("%d", [OutputValue](), "%d"), ("%d", [.text(Array("x".utf8))], "x"), ("%", [], "%"),
      ("%5", [], "%5"), ("%k", [.int(1)], "1"), ("x", [.int(1)], "x"), ("%y", [.int(7)], "7"),
    ] as [(String, [OutputValue], String)])
  func mistakesAreReportedAndLoseNothing(pattern: String, values: [OutputValue], expected: String) {
    let result = format(pattern, values)
    #expect(result.text == expected)
    #expect(result.problems.count == 1)
  }

  @Test func hugeWidthIsBounded() {
    #expect(format("%99999999999999999999d", [.int(1)]).text.utf8.count <= 5000)
  }
}
