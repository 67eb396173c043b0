// SPDX-License-Identifier: MIT

import Diagnostics

/// Writes canonical JSON: no blanks, keys in the order of the calls (which is alphabetical), the
/// entries of a document's arrays on a line each, so that `diff` and `grep` are of use.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func beginObject() {
    bytes.append(UInt8(ascii: "{"))
    needsComma = false
  }

  mutating func endObject() {
    bytes.append(UInt8(ascii: "}"))
    needsComma = true
  }

  mutating func beginArray() {
    bytes.append(UInt8(ascii: "["))
    needsComma = false
  }

  mutating func endArray() {
    bytes.append(UInt8(ascii: "]"))
    needsComma = true
  }

  /// Goes before each element of an array.
  mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  mutating func key(_ name: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
  }

  mutating func field<Value: JSONCoded>(_ name: StaticString, _ value: Value) {
    key(name)
    value.write(to: &self)
    needsComma = true
  }

  /// Nothing for nil.
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
    guard needsComma else {
      bytes.append(0x0A)
      return
    }
    bytes.append(UInt8(ascii: ","))
    bytes.append(0x0A)
    needsComma = false
  }

  mutating func endDocument() {
    endObject()
    bytes.append(0x0A)
  }

  // MARK: Values

  mutating func write(_ value: Bool) {
    bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
  }

  mutating func write(_ value: IntegerValue) {
    let magnitude = value.isNegative ? 0 &- value.bits : value.bits
    let isString = magnitude > JSONReader.largestNumber
    if isString { bytes.append(UInt8(ascii: "\"")) }
    if value.isNegative { bytes.append(UInt8(ascii: "-")) }
    writeDigits(magnitude)
    if isString { bytes.append(UInt8(ascii: "\"")) }
  }

  private mutating func writeDigits(_ value: UInt64) {
    let start = bytes.count
    var rest = value
    repeat {
      bytes.append(48 + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest != 0
    bytes[start...].reverse()
  }

  mutating func write(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    let isWritten: Void? = text.utf8.withContiguousStorageIfAvailable { writeEscaped($0) }
    if isWritten == nil {
      Array(text.utf8).withUnsafeBufferPointer { writeEscaped($0) }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func writeEscaped(_ text: UnsafeBufferPointer<UInt8>) {
    var plain = 0
    for index in text.indices {
      let byte = text[index]
      guard byte < 32 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
      bytes.append(contentsOf: text[plain..<index])
      plain = index + 1
      bytes.append(UInt8(ascii: "\\"))
      switch byte {
      case 0x08: bytes.append(UInt8(ascii: "b"))
      case 0x09: bytes.append(UInt8(ascii: "t"))
      case 0x0A: bytes.append(UInt8(ascii: "n"))
      case 0x0C: bytes.append(UInt8(ascii: "f"))
      case 0x0D: bytes.append(UInt8(ascii: "r"))
      case 0..<32:
        bytes.append(contentsOf: "u00".utf8)
        bytes.append(byte < 16 ? 48 : 49)
        bytes.append(Self.hexadecimal(byte & 15))
      default: bytes.append(byte)
      }
    }
    bytes.append(contentsOf: text[plain...])
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
  func write(to writer: inout JSONWriter) { writer.write(IntegerValue(self)) }
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
    writer.write(IntegerValue(Int64(rawValue)))
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
    for element in self {
      writer.separate()
      element.write(to: &writer)
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
