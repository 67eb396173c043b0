// SPDX-License-Identifier: MIT

import Diagnostics
import Glibc
import TypeIR

/// The texts of one translation unit, end to end, and where each byte of them comes from. Tokens
/// carry offsets into it; lines and columns are computed when a person is to be told.
struct SourceText {
  /// One text: a file, a cdef, or a type string.
  private struct Segment {
    var range: Range<Int>
    var origin: Origin
  }

  private enum Origin {
    /// Line 1, column 1 is the text's first byte, until a line marker says otherwise.
    case file(String)
    case cdef(file: String, map: [ExternsDocument.MapEntry])
    /// All of it stands at one place of the script.
    case typeString(SourceLocation)
  }

  /// From `# 12 "file.h"`: the line after it is line `line` of `file`.
  private struct LineMarker {
    /// Where the line after the marker begins.
    var offset: Int
    var line: Int
    var file: String
  }

  private(set) var bytes: [UInt8] = []
  private var segments: [Segment] = []
  private var markers: [LineMarker] = []
  /// Where the line feeds are, in order.
  private var lineFeeds: [Int32] = []

  /// Offsets are 32 bits wide in tokens.
  static let largest = Int(Int32.max)

  /// Adds a text and returns its range; nil if all of it would be too large.
  mutating func addFile(_ text: [UInt8], name: String) -> Range<Int>? {
    add(text, .file(name))
  }

  mutating func add(_ cdef: ExternsDocument.CDef) -> Range<Int>? {
    let at = SourceLocation(parsing: cdef.at) ?? SourceLocation(file: cdef.at, line: 1, column: 1)
    let map =
      cdef.map.isEmpty
      ? [ExternsDocument.MapEntry(offset: 0, line: at.line, column: at.column)] : cdef.map
    return add(Array(cdef.text.utf8), .cdef(file: at.file, map: map))
  }

  mutating func add(_ string: ExternsDocument.TypeString) -> Range<Int>? {
    let at =
      SourceLocation(parsing: string.at) ?? SourceLocation(file: string.at, line: 1, column: 1)
    return add(Array(string.text.utf8), .typeString(at))
  }

  private mutating func add(_ text: [UInt8], _ origin: Origin) -> Range<Int>? {
    guard text.count < Self.largest - bytes.count else { return nil }
    let range = bytes.count..<bytes.count + text.count
    addLineFeeds(of: text, from: range.lowerBound)
    bytes += text
    // A line feed keeps each text's last line apart from the next text's first.
    bytes.append(0x0A)
    segments.append(Segment(range: range, origin: origin))
    return range
  }

  private mutating func addLineFeeds(of text: [UInt8], from start: Int) {
    text.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return }
      var position = 0
      while let found = memchr(base + position, 0x0A, buffer.count - position) {
        position = UnsafeRawPointer(found) - base + 1
        lineFeeds.append(Int32(start + position - 1))
      }
    }
    // The one that is added after the text.
    lineFeeds.append(Int32(start + text.count))
  }

  /// How many line feeds stand before `offset`.
  private func lineFeedCount(before offset: Int) -> Int {
    lineFeeds.countOfFirst { Int($0) < offset }
  }

  mutating func addLineMarker(after offset: Int, line: Int, file: String?) {
    let name = file ?? location(of: offset).file
    markers.append(LineMarker(offset: offset, line: line, file: name))
  }

  // MARK: Places

  private func segment(of offset: Int) -> Segment? {
    segments.last { $0.range.lowerBound <= offset }
  }

  /// Whether the text at `offset` comes from the file of this name, and not from one included.
  func isFrom(_ file: String, at offset: Int) -> Bool { location(of: offset).file == file }

  /// The place that a person would look for.
  func location(of offset: Int) -> SourceLocation {
    guard let segment = segment(of: offset) else {
      return SourceLocation(file: "", line: 1, column: 1)
    }
    let start = segment.range.lowerBound
    switch segment.origin {
    case .file(let name):
      if let marker = marker(before: offset), marker.offset >= start {
        return position(of: offset, from: marker.offset, line: marker.line, 1, marker.file)
      }
      return position(of: offset, from: start, line: 1, 1, name)
    case .cdef(let file, let map):
      let entry = map.last { $0.offset <= offset - start } ?? map[0]
      return position(
        of: offset, from: start + min(entry.offset, offset - start), line: entry.line,
        entry.column, file)
    case .typeString(let location): return location
    }
  }

  private func marker(before offset: Int) -> LineMarker? {
    let count = markers.countOfFirst { $0.offset <= offset }
    return count == 0 ? nil : markers[count - 1]
  }

  private func position(
    of offset: Int, from start: Int, line: Int, _ column: Int, _ file: String
  ) -> SourceLocation {
    let before = lineFeedCount(before: offset)
    let lines = max(0, before - lineFeedCount(before: start))
    let lineStart = lines == 0 ? start - (column - 1) : Int(lineFeeds[before - 1]) + 1
    return SourceLocation(file: file, line: line + lines, column: offset - lineStart + 1)
  }

  /// The source line that `range` begins in, and `range` in it.
  func excerpt(of range: Range<Int>) -> SourceExcerpt? {
    guard let segment = segment(of: range.lowerBound) else { return nil }
    var start = min(range.lowerBound, segment.range.upperBound)
    while start > segment.range.lowerBound, bytes[start - 1] != 0x0A { start -= 1 }
    var end = start
    while end < segment.range.upperBound, bytes[end] != 0x0A { end += 1 }
    if end > start, bytes[end - 1] == 0x0D { end -= 1 }
    let line = String(decoding: bytes[start..<end], as: UTF8.self)
    let length = max(1, min(range.upperBound, end) - range.lowerBound)
    return SourceExcerpt(
      line: line, column: range.lowerBound - start + 1, length: length)
  }
}

extension Array {
  /// How many elements meet a condition that all of the first and none of the rest do.
  fileprivate func countOfFirst(where holds: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if holds(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
