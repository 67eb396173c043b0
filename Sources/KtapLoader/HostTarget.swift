// SPDX-License-Identifier: MIT

import CKtapHost
import CKtapImage
import CKtapVM
import Diagnostics

/// Runs an image made for the host target in this process.
public enum HostProgram {
  /// What the VM's callback reaches through its context pointer.
  private final class Sink {
    let take: (UnsafeRawBufferPointer) -> Bool

    init(_ take: @escaping (UnsafeRawBufferPointer) -> Bool) { self.take = take }
  }

  /// Runs to the end. `take` gets each record as bytes and returns whether to go on. `memory` in
  /// bytes; nil: the same default as in the kernel. Returns when the EXIT record has been taken.
  public static func run(
    image: [UInt8], imageName: String, memory: UInt64?,
    take: @escaping (UnsafeRawBufferPointer) -> Bool
  ) throws(TargetError) {
    let sink = Sink(take)
    var text = [CChar](repeating: 0, count: 1024)
    var placeKind: UInt32 = 0
    var offset: UInt64 = 0
    let result = text.withUnsafeMutableBufferPointer { text in
      image.withUnsafeBytes { image in
        var message = ktap_message()
        message.text = text.baseAddress
        message.size = UInt(text.count)
        let result = withExtendedLifetime(sink) {
          ktap_host_run(
            image.baseAddress, UInt(image.count), memory ?? UInt64(KTAP_MEMORY_DEFAULT),
            { context, record in
              guard let context, let record else { return -1 }
              let sink = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
              let bytes = UnsafeRawBufferPointer(start: record, count: Int(record.pointee.size))
              return sink.take(bytes) ? 0 : -1
            }, Unmanaged.passUnretained(sink).toOpaque(), &message)
        }
        (placeKind, offset) = (message.where, message.offset)
        return result
      }
    }
    guard result < 0 else { return }
    let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    throw .input(
      Diagnostic(
        "bad-image", String(decoding: bytes, as: UTF8.self),
        place: place(placeKind, offset, imageName)))
  }

  private static func place(_ kind: UInt32, _ offset: UInt64, _ name: String) -> DiagnosticPlace {
    switch ktap_verify_where(kind) {
    case KTAP_WHERE_BYTE: .bytes(file: name, offset: Int(clamping: offset))
    case KTAP_WHERE_PC:
      .code(file: name, function: "function \(offset >> 32)", pc: Int(offset & 0xffff_ffff))
    default: .file(name)
    }
  }
}
