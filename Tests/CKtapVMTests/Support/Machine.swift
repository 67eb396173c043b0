// SPDX-License-Identifier: MIT

import CKtapVM
import CKtapVMTestCallees
import Diagnostics
import Foundation
import KtapLoader

/// Why an image was refused, and where.
struct Refusal: Hashable, CustomStringConvertible {
  enum Place: Hashable {
    case nowhere
    case byte(Int)
    case pc(function: Int, pc: Int)
  }
  var message: String
  var place: Place

  init(_ message: ktap_message) {
    self.message = message.text.map { String(cString: $0) } ?? ""
    switch ktap_verify_where(message.where) {
    case KTAP_WHERE_BYTE: place = .byte(Int(message.offset))
    case KTAP_WHERE_PC:
      place = .pc(function: Int(message.offset >> 32), pc: Int(message.offset & 0xffff_ffff))
    default: place = .nowhere
    }
  }

  var description: String { "\(place): \(message)" }
}

/// What came of a run.
struct Outcome {
  var exit: ktap_exit
  var records: [OutputRecord]
  var host: ktap_test_host

  /// What each `print` printed.
  var prints: [[OutputValue]] { records.filter { $0.kind == .print }.map(\.values) }

  /// The message of the error that ended the program.
  var error: String? {
    guard let record = records.first(where: { $0.kind == .error }),
      case .text(let bytes)? = record.values.first
    else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Function index and pc of each frame of an uncaught error, innermost first.
  var traceback: [[Int64]] {
    guard let record = records.first(where: { $0.kind == .error }) else { return [] }
    let numbers = record.values.dropFirst().map { value in
      if case .int(let number) = value { number } else { Int64.min }
    }
    return stride(from: 0, to: numbers.count, by: 2).map { Array(numbers[$0...].prefix(2)) }
  }
}

/// The VM with a host made for tests: enough memory, every grant, no limits, unless a test says
/// otherwise.
struct Machine {
  struct Refused: Error { var refusal: Refusal }
  /// The VM did something that it must never do.
  struct Misbehaved: Error { var what: String }

  var host = ktap_test_host()

  init(memory: Int = 1 << 20, instructions: UInt64 = 0) {
    host.arena_size = UInt64(memory)
    host.limits.instructions = instructions
    host.limits.collect_always = Self.collectsAlways
    host.grants = UInt32(KTAP_MAY_WRITE | KTAP_MAY_CALL_ANY | KTAP_MAY_CALLBACK)
  }

  /// With KTAP_TEST_COLLECT=1 in the environment every test is one of the collector, too: each
  /// allocation collects, and what it frees is overwritten (`make test-collect`).
  /// With 2 it does a small step of a collection instead, and one collection follows the other.
  private static let collectsAlways =
    ProcessInfo.processInfo.environment["KTAP_TEST_COLLECT"].flatMap(UInt32.init) ?? 0

  /// How often a loop of a test turns: fewer times where each turn collects.
  static func turns(_ count: Int) -> Int { collectsAlways != 0 ? count / 200 : count }

  private final class Sink {
    var records: [OutputRecord] = []
    var problem: String?

    func take(_ record: UnsafePointer<ktap_record>) -> Int32 {
      let bytes = UnsafeRawBufferPointer(start: record, count: Int(record.pointee.size))
      do {
        var parser = RecordParser()
        records += try parser.parse(bytes)
        if bytes.count > Int(KTAP_RECORD_MAX_BYTES) { problem = "a record of \(bytes.count) bytes" }
        if bytes.count % 8 != 0 { problem = "a record whose size is no multiple of 8" }
      } catch {
        problem = error.message
      }
      return 0
    }
  }

  /// Runs an image to its end. Throws ``Refused`` where it is not accepted.
  func run(_ image: [UInt8]) throws -> Outcome {
    var host = host
    let sink = Sink()
    host.emit = { context, record in
      Unmanaged<Sink>.fromOpaque(context!).takeUnretainedValue().take(record!)
    }
    host.context = Unmanaged.passUnretained(sink).toOpaque()
    let (result, refusal) = withExtendedLifetime(sink) {
      Self.withMessage { message in
        image.withUnsafeBytes { ktap_test_run(&host, $0.baseAddress, UInt($0.count), &message) }
      }
    }
    guard result >= 0 else { throw Refused(refusal: refusal) }
    if let problem = sink.problem { throw Misbehaved(what: problem) }
    if host.image_changed != 0 { throw Misbehaved(what: "the image was written to") }
    try Self.checkEnd(of: sink.records, result, stopped: host.reject_emit_at != 0)
    return Outcome(exit: ktap_exit(UInt32(result)), records: sink.records, host: host)
  }

  /// The last record, and only it, is EXIT with the status returned; an error has its record.
  private static func checkEnd(of records: [OutputRecord], _ result: Int32, stopped: Bool) throws {
    if stopped { return }
    guard records.count(where: { $0.kind == .exit }) == 1, let exit = records.last,
      exit.kind == .exit, exit.values.count == 4, exit.values[0] == .int(Int64(result))
    else { throw Misbehaved(what: "no proper EXIT record at the end: \(records.suffix(2))") }
    let failed = result == Int32(KTAP_EXIT_ERROR.rawValue)
    guard failed == records.contains(where: { $0.kind == .error }) else {
      throw Misbehaved(what: "status \(result), and the ERROR record does not go with it")
    }
  }

  /// Why the verifier refuses an image; nil if it does not.
  static func refusal(of image: [UInt8]) -> Refusal? {
    let (result, refusal) = withMessage { message in
      image.withUnsafeBytes { ktap_test_verify($0.baseAddress, UInt($0.count), &message) }
    }
    return result == 0 ? nil : refusal
  }

  static func withMessage(_ body: (inout ktap_message) -> Int32) -> (Int32, Refusal) {
    var text = [CChar](repeating: 0, count: 512)
    return text.withUnsafeMutableBufferPointer { text in
      var message = ktap_message()
      message.text = text.baseAddress
      message.size = UInt(text.count)
      let result = body(&message)
      return (result, Refusal(message))
    }
  }
}

// MARK: - Shorthands that tests are written in

/// What a listing's prints print. The program must end without an error.
func prints(_ listing: String, in program: Program = Program(), on machine: Machine = Machine())
  throws -> [[OutputValue]]
{
  let outcome = try run(listing, in: program, on: machine)
  if let error = outcome.error { throw Machine.Misbehaved(what: error) }
  return outcome.prints
}

/// The message of the error that a listing ends with.
func error(_ listing: String, in program: Program = Program(), on machine: Machine = Machine())
  throws -> String
{
  let outcome = try run(listing, in: program, on: machine)
  guard let error = outcome.error else {
    throw Machine.Misbehaved(what: "no error; printed \(outcome.prints)")
  }
  return error
}

func run(_ listing: String, in program: Program = Program(), on machine: Machine = Machine())
  throws -> Outcome
{
  var program = program
  try program.assemble(listing)
  return try machine.run(program.image.build())
}

extension OutputValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral,
  ExpressibleByBooleanLiteral
{
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(stringLiteral value: String) { self = .text(Array(value.utf8)) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }

  static func text(_ text: String) -> Self { .text(Array(text.utf8)) }
}
