// SPDX-License-Identifier: MIT

import Diagnostics

/// A value that the type IR's documents are made of.
protocol JSONCoded {
  /// Reads one value. Throws with the byte offset of what is wrong.
  init(from reader: inout JSONReader) throws(Diagnostic)
  func write(to writer: inout JSONWriter)
}

/// Reads JSON (RFC 8259) front to back, without a tree in between.
///
/// Bytes from anywhere are safe: every error is a diagnostic with the offset, and nothing recurses
/// deeper than the documents' own shape.
struct JSONReader {
  /// Integers beyond ±(2^53 - 1) do not survive readers that keep numbers as doubles.
  static let largestNumber: UInt64 = 1 << 53 - 1

  /// How deep values of unknown fields may nest.
  static let nestingLimit = 64

  let bytes: UnsafeBufferPointer<UInt8>
  /// What messages call the input.
  let name: String
  private(set) var position = 0
  /// Where the key last read begins and ends: for messages about its value.
  private var keyRange = 0..<0

  init(_ bytes: UnsafeBufferPointer<UInt8>, name: String) {
    self.bytes = bytes
    self.name = name
  }

  // MARK: Errors

  func error(_ id: String, _ message: String, at offset: Int? = nil) -> Diagnostic {
    Diagnostic(id, message, place: .bytes(file: name, offset: offset ?? position))
  }

  /// "EXPECTED expected, found …".
  private func expected(_ what: String) -> Diagnostic {
    guard position < bytes.count else {
      return error("unexpected-end", "\(what) expected, but the document ends here")
    }
    let byte = bytes[position]
    let found =
      byte > 32 && byte < 127
      ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
    return error("bad-json", "\(what) expected, found \(found)")
  }

  /// The field that is being read, as messages name it.
  var fieldName: String { String(decoding: bytes[keyRange], as: UTF8.self) }

  // MARK: Structure

  /// An object or array that is being read.
  struct Nesting {
    let start: Int
    fileprivate var isFirst = true
  }

  /// The name of a field. Matches literals without becoming a String.
  struct Key {
    fileprivate let bytes: Slice<UnsafeBufferPointer<UInt8>>
    /// Only where the document wrote it with escapes.
    fileprivate let unescaped: String?

    static func ~= (literal: StaticString, key: Key) -> Bool {
      if let unescaped = key.unescaped { return unescaped == "\(literal)" }
      let literal = UnsafeBufferPointer(
        start: literal.utf8Start, count: literal.utf8CodeUnitCount)
      return key.bytes.count == literal.count && key.bytes.elementsEqual(literal)
    }
  }

  mutating func beginObject() throws(Diagnostic) -> Nesting {
    skipBlanks()
    let nesting = Nesting(start: position)
    guard take(UInt8(ascii: "{")) else { throw expected("an object") }
    return nesting
  }

  /// The next field's key, with the reader at its value; nil at the object's end.
  mutating func nextKey(_ object: inout Nesting) throws(Diagnostic) -> Key? {
    skipBlanks()
    if take(UInt8(ascii: "}")) { return nil }
    if !object.isFirst {
      guard take(UInt8(ascii: ",")) else { throw expected("',' or '}'") }
      skipBlanks()
    }
    object.isFirst = false
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
      throw expected("a field name")
    }
    let key = try readKey()
    skipBlanks()
    guard take(UInt8(ascii: ":")) else { throw expected("':'") }
    return key
  }

  private mutating func readKey() throws(Diagnostic) -> Key {
    let (range, hasEscapes) = try scanString()
    keyRange = range
    let unescaped: String? = hasEscapes ? try unescape(range) : nil
    return Key(bytes: bytes[range], unescaped: unescaped)
  }

  mutating func beginArray() throws(Diagnostic) -> Nesting {
    skipBlanks()
    let nesting = Nesting(start: position)
    guard take(UInt8(ascii: "[")) else { throw expected("an array") }
    return nesting
  }

  /// Whether another element follows; the reader then stands before it.
  mutating func nextElement(_ array: inout Nesting) throws(Diagnostic) -> Bool {
    skipBlanks()
    if take(UInt8(ascii: "]")) { return false }
    if !array.isFirst {
      guard take(UInt8(ascii: ",")) else { throw expected("',' or ']'") }
      skipBlanks()
    }
    array.isFirst = false
    return true
  }

  /// Nothing but blanks may follow the document.
  mutating func expectEnd() throws(Diagnostic) {
    skipBlanks()
    guard position == bytes.count else { throw expected("the end of the document") }
  }

  // MARK: Fields

  /// Reads a field's value into its variable; a field may stand only once.
  mutating func read<Value: JSONCoded>(_ slot: inout Value?) throws(Diagnostic) {
    guard slot == nil else {
      throw error(
        "duplicate-field", "the field '\(fieldName)' is given twice", at: keyRange.lowerBound - 1)
    }
    slot = try Value(from: &self)
  }

  /// The value of a field that must be there.
  func require<Value>(
    _ value: Value?, _ field: StaticString, in object: Nesting
  ) throws(Diagnostic) -> Value {
    guard let value else {
      throw error("missing-field", "the field '\(field)' is missing here", at: object.start)
    }
    return value
  }

  // MARK: Values

  mutating func readString() throws(Diagnostic) -> String {
    skipBlanks()
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
      throw expected("a string")
    }
    let (range, hasEscapes) = try scanString()
    if hasEscapes { return try unescape(range) }
    guard
      let text = String(
        validating: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    else { throw error("bad-utf8", "this string is not UTF-8", at: range.lowerBound) }
    return text
  }

  mutating func readBool() throws(Diagnostic) -> Bool {
    skipBlanks()
    if takeWord("true") { return true }
    if takeWord("false") { return false }
    throw expected("true or false")
  }

  /// An integer of 64 bits: a number, or a decimal string beyond ±(2^53 - 1).
  mutating func readInteger() throws(Diagnostic) -> IntegerValue {
    skipBlanks()
    let start = position
    let isString = take(UInt8(ascii: "\""))
    let isNegative = take(UInt8(ascii: "-"))
    guard let magnitude = try readDigits(from: start) else { throw expected("an integer") }
    if isString {
      guard take(UInt8(ascii: "\"")) else { throw expected("a decimal digit or '\"'") }
    } else if magnitude > Self.largestNumber {
      throw error(
        "bad-number", "integers beyond ±(2^53 - 1) must be written as strings", at: start)
    } else if position < bytes.count, [0x2E, 0x45, 0x65].contains(bytes[position]) {
      throw error("bad-number", "an integer expected, found a fraction or exponent", at: start)
    }
    if isNegative {
      guard magnitude <= 1 << 63 else { throw tooLarge(at: start) }
      return IntegerValue(Int64(truncatingIfNeeded: 0 &- magnitude))
    }
    return IntegerValue(magnitude)
  }

  private func tooLarge(at offset: Int) -> Diagnostic {
    error("bad-number", "this integer does not fit in 64 bits", at: offset)
  }

  /// nil where no digit stands.
  private mutating func readDigits(from start: Int) throws(Diagnostic) -> UInt64? {
    let first = position
    var value: UInt64 = 0
    while position < bytes.count, bytes[position] >= 48, bytes[position] <= 57 {
      let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, carried) = product.addingReportingOverflow(UInt64(bytes[position] - 48))
      if overflowed || carried { throw tooLarge(at: start) }
      value = sum
      position += 1
    }
    if position - first > 1, bytes[first] == 48 {
      throw error("bad-number", "a number may not begin with 0", at: start)
    }
    return position == first ? nil : value
  }

  /// An integer from 0 to `limit`.
  mutating func readUnsigned(
    upTo limit: UInt64 = .max, from least: UInt64 = 0
  ) throws(Diagnostic) -> UInt64 {
    skipBlanks()
    let start = position
    let value = try readInteger()
    guard !value.isNegative, value.bits >= least, value.bits <= limit else {
      throw error(
        "bad-number", "the field '\(fieldName)' must be from \(least) to \(limit)", at: start)
    }
    return value.bits
  }

  /// Passes over a value of any kind.
  mutating func skipValue() throws(Diagnostic) {
    var closers: [UInt8] = []
    repeat {
      skipBlanks()
      guard position < bytes.count else { throw expected("a value") }
      switch bytes[position] {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard closers.count < Self.nestingLimit else {
          throw error("nesting-too-deep", "more than \(Self.nestingLimit) values inside each other")
        }
        closers.append(bytes[position] + 2)  // '{' + 2 is '}', '[' + 2 is ']'
        position += 1
        skipBlanks()
        if let closer = closers.last, take(closer) {
          closers.removeLast()
        } else {
          if closers.last == UInt8(ascii: "}") { try skipKey() }
          continue
        }
      default: try skipScalar()
      }
      try skipSeparators(&closers)
    } while !closers.isEmpty
  }

  /// After a value inside `closers`: the brackets that end here, or a comma and the next key.
  private mutating func skipSeparators(_ closers: inout [UInt8]) throws(Diagnostic) {
    while let closer = closers.last {
      skipBlanks()
      if take(closer) {
        closers.removeLast()
        continue
      }
      guard take(UInt8(ascii: ",")) else {
        throw expected("',' or '\(Character(UnicodeScalar(closer)))'")
      }
      if closer == UInt8(ascii: "}") { try skipKey() }
      return
    }
  }

  private mutating func skipKey() throws(Diagnostic) {
    skipBlanks()
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
      throw expected("a field name")
    }
    _ = try scanString()
    skipBlanks()
    guard take(UInt8(ascii: ":")) else { throw expected("':'") }
  }

  private mutating func skipScalar() throws(Diagnostic) {
    if bytes[position] == UInt8(ascii: "\"") {
      _ = try scanString()
      return
    }
    if takeWord("true") || takeWord("false") || takeWord("null") { return }
    let first = position
    while position < bytes.count,
      bytes[position] >= 48 && bytes[position] <= 57
        || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(bytes[position])
    {
      position += 1
    }
    if position == first { throw expected("a value") }
  }

  // MARK: Bytes

  mutating func skipBlanks() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func takeWord(_ word: StaticString) -> Bool {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count,
      bytes[position..<end].elementsEqual(
        UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    else { return false }
    position = end
    return true
  }

  /// Passes over a string; the range is what stands between the quotes.
  private mutating func scanString() throws(Diagnostic) -> (range: Range<Int>, hasEscapes: Bool) {
    let quote = position
    var hasEscapes = false
    position += 1
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        return (quote + 1..<position - 1, hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        position += min(2, bytes.count - position)
      case 0..<32:
        throw error("bad-json", "a control character in a string must be written as an escape")
      default: position += 1
      }
    }
    throw error("unexpected-end", "the string that begins here does not end", at: quote)
  }

  private func unescape(_ range: Range<Int>) throws(Diagnostic) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      guard bytes[index] == UInt8(ascii: "\\") else {
        text.append(bytes[index])
        index += 1
        continue
      }
      let start = index
      index += 2
      switch bytes[start + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(bytes[start + 1])
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        let scalar = try unescapeUnicode(&index, end: range.upperBound, start: start)
        text.append(contentsOf: Character(scalar).utf8)
      default: throw error("bad-json", "this escape does not exist in JSON", at: start)
      }
    }
    guard let result = String(validating: text, as: UTF8.self) else {
      throw error("bad-utf8", "this string is not UTF-8", at: range.lowerBound)
    }
    return result
  }

  /// After `\u` at `start`: four digits, or two groups that make a surrogate pair.
  private func unescapeUnicode(
    _ index: inout Int, end: Int, start: Int
  ) throws(Diagnostic) -> Unicode.Scalar {
    let bad = error("bad-json", "\\u needs four hexadecimal digits of a character", at: start)
    guard let high = hexadecimal(&index, end: end) else { throw bad }
    if let scalar = Unicode.Scalar(high) { return scalar }
    guard high < 0xDC00, index + 6 <= end, bytes[index] == UInt8(ascii: "\\"),
      bytes[index + 1] == UInt8(ascii: "u")
    else { throw bad }
    index += 2
    guard let low = hexadecimal(&index, end: end), (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
    else { throw bad }
    return scalar
  }

  private func hexadecimal(_ index: inout Int, end: Int) -> UInt32? {
    guard index + 4 <= end else { return nil }
    var value: UInt32 = 0
    for byte in bytes[index..<index + 4] {
      switch byte {
      case 48...57: value = value << 4 | UInt32(byte - 48)
      case 65...70: value = value << 4 | UInt32(byte - 55)
      case 97...102: value = value << 4 | UInt32(byte - 87)
      default: return nil
      }
    }
    index += 4
    return value
  }
}
