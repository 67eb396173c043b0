// SPDX-License-Identifier: MIT

import Diagnostics

/// Writes canonical JSON: no blanks, keys in the order of the calls (which is alphabetical), the
/// entries of a document's arrays on a line each, so that `diff` and `grep` are of use.
struct JSONWriter: ~Copyable {
  // An array would check on every byte that it is the only owner of its bytes.
  private var storage: UnsafeMutableBufferPointer<UInt8>
  private var count = 0
  private var needsComma = false

  private let sink: (UnsafeBufferPointer<UInt8>) -> Void

  /// Bytes after which the end of a line ends a piece. All pieces are made in the same place, which
  /// stays in the processor's cache: a document of megabytes needs no memory of that size.
  private static let pieceSize = 1 << 16

  private init(_ sink: @escaping (UnsafeBufferPointer<UInt8>) -> Void) {
    self.sink = sink
    storage = .allocate(capacity: Self.pieceSize + Self.pieceSize / 8)
  }

  deinit { storage.deallocate() }

  /// Hands what `body` writes to `sink`, piece by piece.
  static func write(
    to sink: (UnsafeBufferPointer<UInt8>) -> Void, _ body: (inout JSONWriter) -> Void
  ) {
    withoutActuallyEscaping(sink) { sink in
      var writer = JSONWriter(sink)
      body(&writer)
      writer.flush()
    }
  }

  private mutating func flush() {
    sink(UnsafeBufferPointer(rebasing: storage[..<count]))
    count = 0
  }

  // MARK: Bytes

  /// Makes room for `more` bytes.
  @inline(__always)
  private mutating func reserve(_ more: Int) {
    if storage.count - count < more { grow(more) }
  }

  private mutating func grow(_ more: Int) {
    let larger = UnsafeMutableBufferPointer<UInt8>.allocate(
      capacity: max(2 * storage.count, count + more))
    _ = larger.update(fromContentsOf: storage[..<count])
    storage.deallocate()
    storage = larger
  }

  @inline(__always)
  private mutating func put(_ byte: UInt8) {
    reserve(1)
    storage[count] = byte
    count += 1
  }

  @inline(__always)
  private mutating func put(_ text: StaticString) {
    let text = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    reserve(text.count)
    _ = storage[count...].update(fromContentsOf: text)
    count += text.count
  }

  // MARK: Structure

  mutating func beginObject() {
    put(UInt8(ascii: "{"))
    needsComma = false
  }

  mutating func endObject() {
    put(UInt8(ascii: "}"))
    needsComma = true
  }

  mutating func beginArray() {
    put(UInt8(ascii: "["))
    needsComma = false
  }

  mutating func endArray() {
    put(UInt8(ascii: "]"))
    needsComma = true
  }

  /// Goes before each element of an array.
  mutating func separate() {
    if needsComma { put(UInt8(ascii: ",")) }
    needsComma = true
  }

  // Inlined, as the fields are, so that the name is a constant that a store or two write.
  @inline(__always)
  mutating func key(_ name: StaticString) {
    // Before it a comma and a quote, after it a quote and a colon.
    let length = name.utf8CodeUnitCount
    reserve(length + 4)
    var place = count
    if needsComma {
      storage[place] = UInt8(ascii: ",")
      place += 1
    }
    storage[place] = UInt8(ascii: "\"")
    for index in 0..<length { storage[place + 1 + index] = name.utf8Start[index] }
    storage[place + 1 + length] = UInt8(ascii: "\"")
    storage[place + 2 + length] = UInt8(ascii: ":")
    count = place + 3 + length
    needsComma = true
  }

  @inline(__always)
  mutating func field<Value: JSONCoded>(_ name: StaticString, _ value: Value) {
    key(name)
    value.write(to: &self)
    needsComma = true
  }

  /// Nothing for nil.
  @inline(__always)
  mutating func field<Value: JSONCoded>(_ name: StaticString, _ value: Value?) {
    if let value { field(name, value) }
  }

  /// Nothing for false.
  mutating func flag(_ name: StaticString, _ value: Bool) {
    if value { field(name, true) }
  }

  /// A field of the document itself, on a line of its own.
  mutating func line<Value: JSONCoded>(_ name: StaticString, _ value: Value) {
    beginLine()
    field(name, value)
  }

  /// Goes before each element of an array of the document itself: each has its own line.
  mutating func beginEntry() {
    beginLine()
    needsComma = true
  }

  private mutating func beginLine() {
    if count >= Self.pieceSize { flush() }
    if needsComma { put(UInt8(ascii: ",")) }
    put(0x0A)
    needsComma = false
  }

  mutating func endDocument() {
    endObject()
    put(0x0A)
  }

  // MARK: Values

  mutating func write(_ value: Bool) { put(value ? "true" : "false") }

  mutating func write(_ value: IntegerValue) {
    let magnitude = value.isNegative ? 0 &- value.bits : value.bits
    let isString = magnitude > JSONReader.largestNumber
    if isString { put(UInt8(ascii: "\"")) }
    if value.isNegative { put(UInt8(ascii: "-")) }
    writeDigits(magnitude)
    if isString { put(UInt8(ascii: "\"")) }
  }

  mutating func writeDigits(_ value: UInt64) {
    if value < 10 { return put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)) }
    var length = 2
    var bound: UInt64 = 100
    while length < 20, value >= bound {
      length += 1
      bound = bound &* 10
    }
    reserve(length)
    var rest = value
    var place = count + length
    while place > count {
      place -= 1
      let quotient = rest / 10
      storage[place] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest &- quotient &* 10)
      rest = quotient
    }
    count += length
  }

  mutating func write(_ text: String) {
    let isWritten: Void? = text.utf8.withContiguousStorageIfAvailable { writeQuoted($0) }
    if isWritten == nil {
      Array(text.utf8).withUnsafeBufferPointer { writeQuoted($0) }
    }
  }

  private mutating func writeQuoted(_ text: UnsafeBufferPointer<UInt8>) {
    reserve(text.count + 2)
    storage[count] = UInt8(ascii: "\"")
    count += 1
    let plain = copyPlain(text)
    if plain < text.count { writeEscaped(text[plain...]) }
    put(UInt8(ascii: "\""))
  }

  /// Copies what stands before the first byte that needs an escape, and returns how much that is.
  /// There is room for it. By words: most names need no escape.
  private mutating func copyPlain(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    let source = UnsafeRawBufferPointer(text)
    let destination = UnsafeMutableRawBufferPointer(
      UnsafeMutableBufferPointer(rebasing: storage[count...]))
    var copied = 0
    while copied + 8 <= text.count {
      let word = source.loadUnaligned(fromByteOffset: copied, as: UInt64.self)
      if Self.mayNeedEscape(word) { break }
      destination.storeBytes(of: word, toByteOffset: copied, as: UInt64.self)
      copied += 8
    }
    while copied < text.count, !Self.needsEscape(source[copied]) {
      destination[copied] = source[copied]
      copied += 1
    }
    count += copied
    return copied
  }

  /// Whether one of eight bytes may need an escape. Never false where one does.
  private static func mayNeedEscape(_ bytes: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    // The top bit of each byte that is less than `limit`: the subtraction borrows.
    func less(_ bytes: UInt64, than limit: UInt64) -> UInt64 {
      (bytes &- ones &* limit) & ~bytes & (ones << 7)
    }
    let quote = bytes ^ (ones &* UInt64(UInt8(ascii: "\"")))
    let backslash = bytes ^ (ones &* UInt64(UInt8(ascii: "\\")))
    return less(bytes, than: 32) | less(quote, than: 1) | less(backslash, than: 1) != 0
  }

  private mutating func writeEscaped(_ text: Slice<UnsafeBufferPointer<UInt8>>) {
    for byte in text {
      guard Self.needsEscape(byte) else {
        put(byte)
        continue
      }
      put(UInt8(ascii: "\\"))
      switch byte {
      case 0x08: put(UInt8(ascii: "b"))
      case 0x09: put(UInt8(ascii: "t"))
      case 0x0A: put(UInt8(ascii: "n"))
      case 0x0C: put(UInt8(ascii: "f"))
      case 0x0D: put(UInt8(ascii: "r"))
      case 0..<32:
        put("u00")
        put(byte < 16 ? 48 : 49)
        put(Self.hexadecimal(byte & 15))
      default: put(byte)
      }
    }
  }

  private static func needsEscape(_ byte: UInt8) -> Bool {
    byte < 32 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8 { digit < 10 ? 48 + digit : 87 + digit }
}

extension String: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) { self = try reader.readString() }
  func write(to writer: inout JSONWriter) { writer.write(self) }
}

extension Bool: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) { self = try reader.readBool() }
  func write(to writer: inout JSONWriter) { writer.write(self) }
}

extension UInt64: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) { self = try reader.readUnsigned() }
  func write(to writer: inout JSONWriter) {
    if self <= JSONReader.largestNumber {
      writer.writeDigits(self)
    } else {
      writer.write(IntegerValue(self))
    }
  }
}

extension IntegerValue: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) { self = try reader.readInteger() }
  func write(to writer: inout JSONWriter) { writer.write(self) }
}

extension TypeID: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    self.init(Int32(try reader.readUnsigned(upTo: UInt64(Int32.max))))
  }

  func write(to writer: inout JSONWriter) {
    writer.writeDigits(UInt64(rawValue))
  }
}

extension Array: JSONCoded where Element: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    self = []
    var array = try reader.beginArray()
    while try reader.nextElement(&array) {
      append(try Element(from: &reader))
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginArray()
    withUnsafeBufferPointer { elements in
      guard let start = elements.baseAddress else { return }
      for index in elements.indices {
        writer.separate()
        // Where it lies: a subscript would copy it.
        start[index].write(to: &writer)
      }
    }
    writer.endArray()
  }
}

/// An array of the document itself: an entry a line.
struct Lines<Element: JSONCoded>: JSONCoded {
  var elements: [Element]

  init(_ elements: [Element]) { self.elements = elements }

  init(from reader: inout JSONReader) throws(Diagnostic) {
    elements = try [Element](from: &reader)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginArray()
    for element in elements {
      writer.beginEntry()
      element.write(to: &writer)
    }
    writer.endArray()
  }
}

/// A string from a fixed set.
protocol JSONWord: JSONCoded, RawRepresentable, CaseIterable where RawValue == String {}

extension JSONWord {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    reader.skipBlanks()
    let start = reader.position
    let word = try reader.readString()
    guard let value = Self(rawValue: word) else {
      let known = Self.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
      throw reader.error(
        "bad-word", "'\(word)' is not known in the field '\(reader.fieldName)': \(known) are",
        at: start)
    }
    self = value
  }

  func write(to writer: inout JSONWriter) { writer.write(rawValue) }
}
