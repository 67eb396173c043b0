// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics

/// One value of an output record; `output.h` is the format.
public enum OutputValue: Hashable, Sendable {
  case `nil`
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  /// Any bytes: mostly text, not always UTF-8.
  case text([UInt8])
  case table(UInt64)
  case function(UInt64)
  /// `payload` is a scalar's or pointer's value, the address of anything else.
  case cdata(type: UInt32, payload: UInt64)
  case ctype(UInt32)
}

/// One record that a running program sent.
public struct OutputRecord: Hashable, Sendable {
  public enum Kind: UInt16, Sendable {
    case print = 1
    case printf, error, note, lost, exit
  }

  public var kind: Kind
  public var cpu: UInt32
  /// Monotonic.
  public var nanoseconds: UInt64
  public var values: [OutputValue]

  public init(kind: Kind, cpu: UInt32 = 0, nanoseconds: UInt64 = 0, values: [OutputValue]) {
    self.kind = kind
    self.cpu = cpu
    self.nanoseconds = nanoseconds
    self.values = values
  }
}

/// Takes records out of the bytes that the device, or the VM in this process, hands over.
public struct RecordParser {
  /// Bytes of the stream before the ones at hand, for messages.
  private var streamOffset = 0

  public init() {}

  /// The records in `bytes`, which holds whole ones only. Throws where it does not.
  public mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(Diagnostic) -> [OutputRecord] {
    var records: [OutputRecord] = []
    var offset = 0
    while offset < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
      guard rest.count >= MemoryLayout<ktap_record>.size else { throw damaged(offset, "cut off") }
      let header = rest.loadUnaligned(as: ktap_record.self)
      guard header.size >= MemoryLayout<ktap_record>.size, Int(header.size) <= rest.count else {
        throw damaged(offset, "of \(header.size) bytes, with \(rest.count) there")
      }
      guard let kind = OutputRecord.Kind(rawValue: header.kind) else {
        throw damaged(offset, "of unknown kind \(header.kind)")
      }
      let body = UnsafeRawBufferPointer(
        rebasing: rest[MemoryLayout<ktap_record>.size..<Int(header.size)])
      records.append(
        OutputRecord(
          kind: kind, cpu: header.cpu, nanoseconds: header.time_ns,
          values: try values(body, count: Int(header.count), at: offset)))
      offset += Int(header.size)
    }
    streamOffset += offset
    return records
  }

  private func values(
    _ bytes: UnsafeRawBufferPointer, count: Int, at recordOffset: Int
  ) throws(Diagnostic) -> [OutputValue] {
    var values: [OutputValue] = []
    var offset = 0
    for _ in 0..<count {
      guard bytes.count - offset >= MemoryLayout<ktap_record_value>.size else {
        throw damaged(recordOffset, "with \(count) values, cut off")
      }
      let header = bytes.loadUnaligned(fromByteOffset: offset, as: ktap_record_value.self)
      offset += MemoryLayout<ktap_record_value>.size
      if header.kind == KTAP_VALUE_TEXT.rawValue {
        let length = Int(header.length)
        guard length <= bytes.count - offset else {
          throw damaged(recordOffset, "with a text that is cut off")
        }
        values.append(.text(Array(bytes[offset..<offset + length])))
        offset = min(offset + (length + 7) & ~7, bytes.count)
      } else {
        values.append(try scalar(header, at: recordOffset))
      }
    }
    return values
  }

  private func scalar(
    _ header: ktap_record_value, at recordOffset: Int
  ) throws(Diagnostic) -> OutputValue {
    switch ktap_record_value_kind(header.kind) {
    case KTAP_VALUE_NIL: .nil
    case KTAP_VALUE_BOOL: .bool(header.payload != 0)
    case KTAP_VALUE_INT: .int(Int64(bitPattern: header.payload))
    case KTAP_VALUE_UINT: .uint(header.payload)
    case KTAP_VALUE_TABLE: .table(header.payload)
    case KTAP_VALUE_FUNCTION: .function(header.payload)
    case KTAP_VALUE_CDATA: .cdata(type: header.type, payload: header.payload)
    case KTAP_VALUE_CTYPE: .ctype(header.type)
    default: throw damaged(recordOffset, "with a value of unknown kind \(header.kind)")
    }
  }

  private func damaged(_ offset: Int, _ what: String) -> Diagnostic {
    Diagnostic(
      "bad-record", "a record \(what)",
      place: .bytes(file: "<output>", offset: streamOffset + offset),
      hints: ["ktap-load and the kernel module must come from the same build"])
  }
}
