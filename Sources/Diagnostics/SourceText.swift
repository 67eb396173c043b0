// SPDX-License-Identifier: MIT

import Glibc
import Synchronization

/// Texts that are read as one, end to end, and where each byte of them comes from. Tokens carry
/// offsets into it; lines and columns are computed when a person is to be told.
public struct SourceText: Sendable {
  /// From this byte on, a text that stands in another one goes on at this place of it.
  public struct MapEntry: Hashable, Sendable {
    public var offset: Int
    public var line: Int
    public var column: Int

    public init(offset: Int, line: Int, column: Int) {
      self.offset = offset
      self.line = line
      self.column = column
    }
  }

  /// One of the texts.
  private struct Segment: Sendable {
    var range: Range<Int>
    var origin: Origin
  }

  private enum Origin: Sendable {
    /// Line 1, column 1 is the text's first byte, until a line marker says otherwise.
    case file(String)
    /// It stands in a file, from this place on, and goes on where the map says.
    case embedded(SourceLocation, map: [MapEntry])
    /// All of it stands at one place.
    case place(SourceLocation)
  }

  /// From `# 12 "file.h"`: the line after it is line `line` of `file`.
  private struct LineMarker: Sendable {
    /// Where the line after the marker begins.
    var offset: Int
    var line: Int
    var file: String
  }

  public private(set) var bytes: [UInt8] = []
  private var segments: [Segment] = []
  private var markers: [LineMarker] = []
  private var lineFeeds = LineFeeds()

  /// Offsets are kept in 32 bits.
  public static let largest = Int(Int32.max)

  /// How much of a line a message shows on each side of the place.
  private static let excerptMargin = 120

  public init() {}

  /// Adds a file and returns its range; nil if all of it would be too large.
  public mutating func add(_ text: [UInt8], file: String) -> Range<Int>? {
    add(text, .file(file))
  }

  /// The same for a text that stands in a file, from `start` on.
  public mutating func add(
    _ text: [UInt8], from start: SourceLocation, _ map: [MapEntry]
  ) -> Range<Int>? {
    add(text, .embedded(start, map: map))
  }

  /// The same for a text that is too short for more than one place.
  public mutating func add(_ text: [UInt8], at place: SourceLocation) -> Range<Int>? {
    add(text, .place(place))
  }

  private mutating func add(_ text: [UInt8], _ origin: Origin) -> Range<Int>? {
    guard text.count < Self.largest - bytes.count else { return nil }
    let range = bytes.count..<bytes.count + text.count
    // A copy of this struct may grow in another way.
    if !isKnownUniquelyReferenced(&lineFeeds) { lineFeeds = LineFeeds() }
    bytes.reserveCapacity(bytes.count + text.count + 1)
    bytes += text
    // A line feed keeps each text's last line apart from the next text's first.
    bytes.append(0x0A)
    segments.append(Segment(range: range, origin: origin))
    return range
  }

  /// What `# 12 "file.h"` says of the line that begins at `offset`; nil for the file it is in already.
  public mutating func addLineMarker(after offset: Int, line: Int, file: String?) {
    let name = file ?? location(of: offset).file
    markers.append(LineMarker(offset: offset, line: line, file: name))
  }

  // MARK: Places

  private func segment(of offset: Int) -> Segment? {
    segments.last { $0.range.lowerBound <= offset }
  }

  /// Whether the text at `offset` comes from the file of this name, and not from one included.
  public func isFrom(_ file: String, at offset: Int) -> Bool { location(of: offset).file == file }

  /// The place that a person would look for.
  public func location(of offset: Int) -> SourceLocation {
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
    case .embedded(let place, let map):
      let first = MapEntry(offset: 0, line: place.line, column: place.column)
      let entry = map.last { $0.offset <= offset - start } ?? map.first ?? first
      return position(
        of: offset, from: start + min(entry.offset, offset - start), line: entry.line,
        entry.column, place.file)
    case .place(let location): return location
    }
  }

  /// Where a line of the whole text begins, from 1; nil where there is no such line.
  public func start(ofLine line: Int) -> Int? {
    let lineFeeds = lineFeeds.places(in: bytes, before: bytes.count)
    guard line >= 1, line <= lineFeeds.count else { return nil }
    return line == 1 ? 0 : Int(lineFeeds[line - 2]) + 1
  }

  private func marker(before offset: Int) -> LineMarker? {
    let count = markers.countOfFirst { $0.offset <= offset }
    return count == 0 ? nil : markers[count - 1]
  }

  private func position(
    of offset: Int, from start: Int, line: Int, _ column: Int, _ file: String
  ) -> SourceLocation {
    let lineFeeds = lineFeeds.places(in: bytes, before: offset)
    let before = lineFeeds.countOfFirst { Int($0) < offset }
    let lines = max(0, before - lineFeeds.countOfFirst { Int($0) < start })
    let lineStart = lines == 0 ? start - (column - 1) : Int(lineFeeds[before - 1]) + 1
    return SourceLocation(file: file, line: line + lines, column: offset - lineStart + 1)
  }

  /// The source line that `range` begins in, and `range` in it; of a very long line, what is around.
  public func excerpt(of range: Range<Int>) -> SourceExcerpt? {
    guard let segment = segment(of: range.lowerBound) else { return nil }
    var start = min(range.lowerBound, segment.range.upperBound)
    while start > segment.range.lowerBound, bytes[start - 1] != 0x0A { start -= 1 }
    var end = start
    while end < segment.range.upperBound, bytes[end] != 0x0A { end += 1 }
    if end > start, bytes[end - 1] == 0x0D { end -= 1 }
    let from = max(start, range.lowerBound - Self.excerptMargin)
    let to = max(from, min(end, range.lowerBound + Self.excerptMargin))
    return SourceExcerpt(
      line: String(decoding: bytes[from..<to], as: UTF8.self),
      column: range.lowerBound - from + 1,
      length: max(1, min(range.upperBound, to) - range.lowerBound))
  }
}

/// Where the line feeds of a text are that may grow: looked for when somebody first asks for a place,
/// since most texts are without a fault.
private final class LineFeeds: Sendable {
  private struct Found {
    var places: [Int32] = []
    /// Bytes that have been looked at.
    var end = 0
  }

  private let found = Mutex(Found())

  /// Those before `limit`, and perhaps others, in order; `bytes` begin with those of the last call.
  func places(in bytes: [UInt8], before limit: Int) -> [Int32] {
    found.withLock { found in
      bytes.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress else { return }
        while found.end < min(limit, buffer.count) {
          guard let hit = memchr(base + found.end, 0x0A, buffer.count - found.end) else {
            found.end = buffer.count
            return
          }
          found.places.append(Int32(UnsafeRawPointer(hit) - base))
          found.end = UnsafeRawPointer(hit) - base + 1
        }
      }
      return found.places
    }
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
