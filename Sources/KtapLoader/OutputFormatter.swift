// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import KtapImage

/// What the formatter must know of the image that runs.
public protocol ImageNames {
  /// As C writes it.
  func typeName(_ index: UInt32) -> String
  func scalarKind(_ index: UInt32) -> ScalarKind
  func functionName(_ index: UInt32) -> String
  /// The script's line at instruction `pc` of a function.
  func line(function: UInt32, pc: UInt32) -> Int?
  /// The script's name as typed.
  var script: String { get }
}

extension ImageReader: ImageNames {
  public func scalarKind(_ index: UInt32) -> ScalarKind {
    guard let type = types[checked: index] else { return .aggregate }
    return switch ktap_type_kind(type.kind) {
    case KTAP_TYPE_BOOL: .bool
    case KTAP_TYPE_INT, KTAP_TYPE_ENUM:
      // 128-bit integers have no payload of their own.
      type.size > 8 ? .aggregate : type.flags & KTAP_TYPE_SIGNED != 0 ? .signed : .unsigned
    case KTAP_TYPE_POINTER, KTAP_TYPE_FUNCTION: .pointer
    default: .aggregate
    }
  }
}

/// What the payload of a cdata value is.
public enum ScalarKind: Sendable {
  case signed, unsigned, bool
  case pointer
  /// Nothing to show but where it is.
  case aggregate
}

public enum OutputFormat: String, Sendable, CaseIterable { case text, json }

/// Turns records into what a person, or a program, reads.
public struct OutputFormatter<Names: ImageNames> {
  private let names: Names
  private let format: OutputFormat
  /// How the program ended, once its EXIT record has been seen.
  public private(set) var exit: ktap_exit?
  /// For standard error, since the last look.
  public private(set) var diagnostics: [Diagnostic] = []

  public init(names: Names, format: OutputFormat) {
    self.names = names
    self.format = format
  }

  /// The program was left before its EXIT record came.
  public mutating func noteInterruption() { exit = KTAP_EXIT_INTERRUPTED }

  public mutating func takeDiagnostics() -> [Diagnostic] {
    defer { diagnostics = [] }
    return diagnostics
  }

  /// The bytes for standard output.
  public mutating func format(_ record: OutputRecord) -> [UInt8] {
    switch record.kind {
    case .print:
      return emit(
        Array(record.values.map(describe).joined(separator: [UInt8(ascii: "\t")])), "\n", record)
    case .printf:
      guard case .text(let pattern)? = record.values.first else { return [] }
      var printf = Printf(describe: describe)
      let text = printf.format(pattern, record.values.dropFirst())
      diagnostics += printf.problems.map {
        Diagnostic("printf", "printf: \($0)", severity: .warning, place: .file(names.script))
      }
      return emit(text, "", record)
    case .error:
      diagnostics.append(error(record.values))
    case .note:
      diagnostics.append(
        Diagnostic(
          "program", text(record.values.first), severity: .note, place: .file(names.script)))
    case .lost:
      diagnostics.append(
        Diagnostic(
          "output-lost",
          "\(text(record.values.first)) records were dropped: the script prints faster than they can be read",
          severity: .warning, place: .file(names.script)))
    case .exit:
      if case .int(let status)? = record.values.first {
        exit = ktap_exit(UInt32(truncatingIfNeeded: status))
      }
      diagnostics += starved(record)
    }
    return []
  }

  /// What an EXIT record says of allocations that failed before garbage had been collected for them.
  private func starved(_ record: OutputRecord) -> [Diagnostic] {
    guard record.values.count > 3, case .uint(let count) = record.values[3], count > 0 else {
      return []
    }
    return [
      Diagnostic(
        "collector-starved",
        "\(count) allocations in callbacks failed: garbage is made faster than it can be collected (more memory: --memory)",
        severity: .warning, place: .file(names.script))
    ]
  }

  /// A value as `print` shows it; the VM's tostring() agrees.
  func describe(_ value: OutputValue) -> [UInt8] {
    switch value {
    case .nil: Array("nil".utf8)
    case .bool(let value): Array((value ? "true" : "false").utf8)
    case .int(let value): Array(String(value).utf8)
    case .uint(let value): Array(String(value).utf8)
    case .text(let bytes): bytes
    case .table(let identity): Array("table: \(hex(identity))".utf8)
    case .function(let identity): Array("function: \(hex(identity))".utf8)
    case .ctype(let type): Array("ctype<\(names.typeName(type))>".utf8)
    case .cdata(let type, let payload): Array(describe(cdata: type, payload).utf8)
    }
  }

  private func describe(cdata type: UInt32, _ payload: UInt64) -> String {
    switch names.scalarKind(type) {
    case .signed: String(Int64(bitPattern: payload))
    case .unsigned: String(payload)
    case .bool: payload != 0 ? "true" : "false"
    case .pointer, .aggregate: "\(names.typeName(type)): \(hex(payload))"
    }
  }

  private func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  private func text(_ value: OutputValue?) -> String {
    String(decoding: value.map(describe) ?? [], as: UTF8.self)
  }

  /// The message, and the traceback as notes, innermost first. A message that begins with the
  /// script's place ("s.kp:3: …") is pointed there.
  private func error(_ values: [OutputValue]) -> Diagnostic {
    var notes: [Diagnostic.Note] = []
    var frames = values.dropFirst()
    while case .int(let function)? = frames.popFirst(), case .int(let pc)? = frames.popFirst() {
      let index = UInt32(truncatingIfNeeded: function)
      let line = names.line(function: index, pc: UInt32(truncatingIfNeeded: pc))
      notes.append(
        Diagnostic.Note(
          "in \(names.functionName(index))",
          place: .file("\(names.script):\(line ?? 0)")))
    }
    var message = text(values.first)
    let prefix = names.script + ":"
    if message.hasPrefix(prefix), let end = message.dropFirst(prefix.count).firstIndex(of: ":") {
      let place = String(message[..<end])
      message = String(message[end...].dropFirst(2))
      return Diagnostic("runtime", message, place: .file(place), notes: notes)
    }
    return Diagnostic("runtime", message, place: .file(names.script), notes: notes)
  }

  // MARK: JSON lines

  private func emit(_ text: [UInt8], _ ending: String, _ record: OutputRecord) -> [UInt8] {
    guard format == .json else { return text + Array(ending.utf8) }
    var line = "{\"cpu\":\(record.cpu),\"kind\":\"\(record.kind)\",\"text\":"
    line += Self.quote(text)
    line += ",\"time_ns\":\(record.nanoseconds)"
    if record.kind == .print {
      line += ",\"values\":[\(record.values.map(json).joined(separator: ","))]"
    }
    return Array((line + "}\n").utf8)
  }

  private func json(_ value: OutputValue) -> String {
    switch value {
    case .nil: "null"
    case .bool(let value): value ? "true" : "false"
    case .int(let value): Self.number(value.magnitude, isNegative: value < 0)
    case .uint(let value): Self.number(value, isNegative: false)
    case .text(let bytes): Self.quote(bytes)
    case .table(let identity): "{\"table\":\"\(hex(identity))\"}"
    case .function(let identity): "{\"function\":\"\(hex(identity))\"}"
    case .ctype(let type): "{\"ctype\":\(Self.quote(Array(names.typeName(type).utf8)))}"
    case .cdata(let type, let payload):
      "{\"type\":\(Self.quote(Array(names.typeName(type).utf8))),\"value\":\"\(hex(payload))\"}"
    }
  }

  /// Beyond 2^53 - 1 a JSON reader may lose bits: those are decimal strings, as in the other formats.
  private static func number(_ magnitude: UInt64, isNegative: Bool) -> String {
    let digits = (isNegative ? "-" : "") + String(magnitude)
    return magnitude < 1 << 53 ? digits : "\"\(digits)\""
  }

  private static func quote(_ bytes: [UInt8]) -> String {
    var result = "\""
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 32:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
