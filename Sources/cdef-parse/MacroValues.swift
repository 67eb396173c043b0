// SPDX-License-Identifier: MIT

/// What object-like macros expand to where their bodies use function-like ones: the C preprocessor
/// is asked, once for all of them, with the definitions of a text that it has preprocessed.
struct MacroValues {
  private static let mark = Array("__ktap_value".utf8)
  private static let define = Array("#define ".utf8)
  private static let undefine = Array("#undef ".utf8)
  /// After each macro, to close what an ill-formed one leaves open: it would go on into the next.
  private static let closers = [UInt8](repeating: UInt8(ascii: ")"), count: 16)
  private static let lineFeed: UInt8 = 0x0A

  /// The definitions, and a line for each macro: the mark, its name as a string, and its name.
  private(set) var questions: [UInt8] = []
  private(set) var isEmpty = true

  /// Of what `cc -E -dD` has written, the macros that are wanted; all if `wanted` is nil.
  init(_ preprocessed: [UInt8], wanted: Set<String>?) {
    if wanted?.isEmpty == true { return }
    var names: [ArraySlice<UInt8>] = []
    for line in preprocessed.split(separator: Self.lineFeed) where line.first == UInt8(ascii: "#") {
      let isDefinition = line.starts(with: Self.define)
      guard isDefinition || line.starts(with: Self.undefine) else { continue }
      questions += line + [Self.lineFeed]
      let rest = line.dropFirst(Self.define.count)
      let name = rest.prefix { $0 != UInt8(ascii: " ") }
      guard isDefinition, !name.contains(UInt8(ascii: "(")) else { continue }
      if wanted?.contains(String(decoding: name, as: UTF8.self)) ?? true { names.append(name) }
    }
    for name in names {
      isEmpty = false
      questions += Self.mark + Array(" \"".utf8) + name + Array("\" ".utf8) + name
      questions += [UInt8(ascii: " ")] + Self.closers + [Self.lineFeed]
    }
  }

  /// The answers as definitions, which are the last of their names. One whose brackets do not balance
  /// is no constant, with or without the closers.
  func definitions(from answers: [UInt8]) -> [UInt8] {
    var result: [UInt8] = [Self.lineFeed]
    for line in answers.split(separator: Self.lineFeed) where line.starts(with: Self.mark) {
      let parts = line.split(
        separator: UInt8(ascii: "\""), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3, parts[2].suffix(Self.closers.count).elementsEqual(Self.closers) else {
        continue
      }
      result += Self.define + parts[1] + parts[2].dropLast(Self.closers.count) + [Self.lineFeed]
    }
    return result
  }
}
