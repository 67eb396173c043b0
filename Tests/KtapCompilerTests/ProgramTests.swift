// SPDX-License-Identifier: MIT

import CKtapImage
import CKtapVM
import Diagnostics
import Foundation
import KtapCompiler
import KtapImage
import TestSupport
import Testing

/// Runs images that use nothing of C in a VM whose host can only print.
enum BareHost {
  struct Refused: Error { var message: String }

  /// What a program emits, a line for each record: values separated by tabs; an error after "error: ".
  /// `collects`: garbage is collected at every allocation, and what is freed is overwritten.
  /// `failing`: the number of the allocation that fails, and the number of them is in `allocations`.
  static func run(
    _ image: [UInt8], memory: Int = 16 << 20, collects: Bool = false, failing: Int = 0
  ) throws -> (status: Int32, lines: [String], allocations: Int) {
    var limits = ktap_limits()
    limits.collect_always = collects ? 1 : 0
    limits.fail_allocation_at = UInt64(failing)
    final class Lines { var list: [String] = [] }
    let lines = Lines()
    var host = ktap_host()
    host.emit = { context, record in
      guard let context, let record else { return -1 }
      if let line = BareHost.line(UnsafeRawPointer(record)) {
        Unmanaged<Lines>.fromOpaque(context).takeUnretainedValue().list.append(line)
      }
      return 0
    }
    host.monotonic_ns = { _ in 1 }
    host.realtime_ns = { _ in 1_700_000_000_000_000_000 }
    host.fact = { _, fact, _, text, size in BareHost.fact(fact, text, size) }
    host.safe_point = { _ in 0 }
    let arena = UnsafeMutableRawPointer.allocate(byteCount: memory, alignment: 4096)
    defer { arena.deallocate() }
    var text = [CChar](repeating: 0, count: 256)
    var usage = ktap_arena_usage()
    let status = try text.withUnsafeMutableBufferPointer { text in
      var message = ktap_message()
      message.text = text.baseAddress
      message.size = numericCast(text.count)
      try verify(image, &message)
      return try withUnsafePointer(to: host) { host in
        try withExtendedLifetime(lines) {
          var program: OpaquePointer?
          let context = Unmanaged.passUnretained(lines).toOpaque()
          guard
            ktap_program_create(
              host, context, image, numericCast(image.count), arena, numericCast(memory), &limits,
              &program, &message) == 0, let program
          else { throw Refused(message: String(cString: message.text)) }
          defer {
            ktap_program_usage(program, &usage)
            ktap_program_destroy(program)
          }
          return ktap_program_run(program)
        }
      }
    }
    return (status, lines.list, Int(usage.allocations))
  }

  /// Numbers are 1, texts what the programs can rely on.
  private static func fact(_ fact: UInt32, _ text: UnsafeMutablePointer<CChar>?, _ size: UInt)
    -> Int
  {
    guard let text else { return 1 }
    let words = Array((fact == KTAP_FACT_ARCH.rawValue ? "x86_64" : "6.1.0").utf8)
    guard words.count < Int(size) else { return -1 }
    for (index, byte) in words.enumerated() { text[index] = CChar(bitPattern: byte) }
    return words.count
  }

  static func verify(_ image: [UInt8], _ message: inout ktap_message) throws {
    var scratch = [UInt8](repeating: 0, count: image.count / 4 + 4096)
    guard
      ktap_verify(
        image, numericCast(image.count), &scratch, numericCast(scratch.count), nil, &message) == 0
    else {
      throw Refused(
        message: "\(String(cString: message.text)) at \(message.where):\(message.offset)")
    }
  }

  private static func line(_ record: UnsafeRawPointer) -> String? {
    let header = record.load(as: ktap_record.self)
    var at = record + MemoryLayout<ktap_record>.size
    var values: [String] = []
    for _ in 0..<header.count {
      let value = at.load(as: ktap_record_value.self)
      at += MemoryLayout<ktap_record_value>.size
      if value.kind == KTAP_VALUE_TEXT.rawValue {
        let bytes = UnsafeRawBufferPointer(start: at, count: Int(value.length))
        values.append(String(decoding: bytes, as: UTF8.self))
        at += (Int(value.length) + 7) / 8 * 8
      } else {
        values.append(text(value))
      }
    }
    switch UInt32(header.kind) {
    case KTAP_RECORD_PRINT.rawValue: return values.joined(separator: "\t")
    case KTAP_RECORD_PRINTF.rawValue: return formatted(values)
    case KTAP_RECORD_ERROR.rawValue: return "error: " + (values.first ?? "")
    default: return nil
    }
  }

  private static func text(_ value: ktap_record_value) -> String {
    switch value.kind {
    case KTAP_VALUE_NIL.rawValue: "nil"
    case KTAP_VALUE_BOOL.rawValue: value.payload == 0 ? "false" : "true"
    case KTAP_VALUE_INT.rawValue: "\(Int64(bitPattern: value.payload))"
    case KTAP_VALUE_UINT.rawValue: "\(value.payload)"
    default: "(kind \(value.kind))"
    }
  }

  /// `%d` and `%s`, which is all that the programs use, and a line for the line feed.
  private static func formatted(_ values: [String]) -> String {
    var rest = values.dropFirst()
    let parts = (values.first ?? "").split(separator: "%", omittingEmptySubsequences: false)
    let text = parts.dropFirst().reduce(String(parts.first ?? "")) { text, part in
      text + (rest.popFirst() ?? "") + part.dropFirst()
    }
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}

/// The programs of Tests/Programs: each ends with the lines that it prints, behind "#=".
@Suite struct ProgramTests {
  static let directory = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Programs")

  static let names: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? [])
    .filter { $0.hasSuffix(".kp") }.sorted()

  private func image(_ source: String, _ name: String) throws -> [UInt8] {
    var compiler = Compiler(try Script(name: name, bytes: Array(source.utf8)))
    let outcome = compiler.image(nil)
    guard let image = outcome.result, !outcome.hasErrors else {
      throw DiagnosticList(outcome.diagnostics)
    }
    return image
  }

  @Test(arguments: names)
  func printsWhatItSays(name: String) throws {
    let source = try String(
      contentsOf: Self.directory.appendingPathComponent(name), encoding: .utf8)
    let expected = source.split(separator: "\n").filter { $0.hasPrefix("#=") }
      .map { String($0.dropFirst($0.hasPrefix("#= ") ? 3 : 2)) }
    #expect(!expected.isEmpty)
    let image = try image(source, name)
    let (status, lines, _) = try BareHost.run(image)
    #expect(lines.joined(separator: "\n") == expected.joined(separator: "\n"))
    #expect(status == 0)
  }

  /// The libraries keep alive what they use: these use them most, and are small.
  @Test(arguments: [
    "characters.kp", "closures.kp", "for_in.kp", "methods.kp", "print_hist.kp", "several_keys.kp",
    "string_library.kp", "system.kp", "table_library.kp", "varargs.kp",
  ])
  func survivesCollectionsEverywhere(name: String) throws {
    let source = try String(
      contentsOf: Self.directory.appendingPathComponent(name), encoding: .utf8)
    let image = try image(source, name)
    let usual = try BareHost.run(image, memory: 1 << 20)
    let hard = try BareHost.run(image, memory: 1 << 20, collects: true)
    #expect(hard.lines == usual.lines)
    #expect(hard.status == usual.status)
  }

  /// Each allocation fails once, of the first ones and of others in between: the program is refused or ends
  /// with an error that says so, or (where a pcall caught it) goes on.
  @Test(arguments: names)
  func everyAllocationMayFail(name: String) throws {
    let source = try String(
      contentsOf: Self.directory.appendingPathComponent(name), encoding: .utf8)
    let image = try image(source, name)
    let count = try BareHost.run(image, failing: .max).allocations
    #expect(count > 0)
    let others = stride(from: 101, through: count, by: count / 20 + 1)
    for failing in Array(1...min(count, 100)) + others {
      let status: Int32
      let lines: [String]
      do {
        (status, lines, _) = try BareHost.run(image, failing: failing)
      } catch let refusal as BareHost.Refused {
        // Its strings are made before it begins.
        #expect(refusal.message.contains("memory"), "allocation \(failing)")
        continue
      }
      if !source.contains("pcall") {
        #expect(status == KTAP_EXIT_ERROR.rawValue, "allocation \(failing)")
        #expect(lines.last?.contains("memory") == true, "allocation \(failing)")
      }
      #expect(lines.last?.hasPrefix("error: ") == (status != 0), "allocation \(failing)")
    }
  }

  /// The error names the limit, and nothing else happens: also where it is met again and again.
  @Test(arguments: [
    ("function f() { return f() + 1 }\nf()", "stack overflow"),
    ("function f(...) { return f(1, ...) + 1 }\nf()", "stack overflow"),
    ("t = {}\nfor (i = 1, 10000000) { t[i] = {} }", "memory"),
    ("t = {}\nfor (i = 1, 10000000) { t[i * 3 + 1] = i }", "memory"),
    ("s = \"x\"\nwhile (true) { s = s .. s }", "too long"),
    ("t = {}\nfor (i = 1, 10000000) { t[i] = \"s\" .. i }", "memory"),
    ("print(#string.rep(\"abc\", 1 << 40))", "too long"),
    ("f = nil\nfor (i = 1, 10000000) { var g = f\nf = function () { return g } }", "memory"),
  ])
  func endsAtItsLimits(source: String, message: String) throws {
    let image = try image(source, "t.kp")
    let (status, lines, _) = try BareHost.run(image, memory: 4 << 20)
    #expect(status == KTAP_EXIT_ERROR.rawValue)
    #expect(lines.count == 1 && lines[0].contains(message), "\(lines.last ?? "")")
    let caught = try self.image(
      "for (i = 1, 3) { var ok, why = pcall(function () { \(source) })\nprint(ok) }", "t.kp")
    #expect(try BareHost.run(caught, memory: 4 << 20).lines == ["false", "false", "false"])
  }

  /// A million entries of each kind of key, and strings of a megabyte, have room where there is room.
  /// What is added to a string that is being built must not copy all of it each time.
  @Test(arguments: [
    "print(#string.rep(\"ab\", 524000))",
    "var t = { string.rep(\"a\", 262145) }\nfor (i = 2, 500000) { t[i] = \"x\" }\nprint(#table.concat(t))",
    "print(#string.gsub(string.rep(\"a\", 524000), \"a\", \"bb\"))",
    "print(#string.format(string.rep(\"%%x\", 349000)))",
  ])
  func longStringsAreBuiltInFewSteps(source: String) throws {
    let (status, lines, allocations) = try BareHost.run(image(source, "t.kp"), memory: 64 << 20)
    #expect(status == 0)
    #expect(lines.count == 1)
    #expect(allocations < 200)
  }

  @Test func aMillionEntriesAndAMegabyte() throws {
    let image = try image(
      """
      var list, hash = {}, {}
      for (i = 1, 1000000) { list[i] = i; hash[i * 2 - 3000000] = i }
      var sum, count = 0, 0
      for (k, v in pairs(hash)) { sum += v - (k + 3000000) / 2; count++ }
      print(#list, count, sum, list[777777])
      var s = string.rep("0123456789abcdef", 65536)
      print(#s, s .. "" == s, #string.gsub(s, "0", "x"), string.find(s, "f01", 1000000))
      """, "t.kp")
    let (status, lines, _) = try BareHost.run(image, memory: 256 << 20)
    #expect(status == 0)
    #expect(lines == ["1000000\t1000000\t0\t777777", "1048576\ttrue\t1048576\t1000000\t1000002"])
  }

  @Test func sortingAndReplacingSurviveCollections() throws {
    let source = """
      var list = string.split("the quick brown fox jumps over the lazy dog")
      table.sort(list, function (a, b) { return a .. "" < b .. "" })
      print(table.concat(list, " "))
      for (w, n in sort_pairs({ a = "x", b = "y" }, function (v, w) { return v .. "1" > w .. "1" })) { print(w, n) }
      print(string.gsub("one two three", "(%w)(%w*)", function (a, b) { return b .. a .. #{ a, b } }))
      print(string.gsub("a-b", "%w", { a = "1", b = "2" }), string.match("k=v", "(%w)=(%w)"))
      """
    let image = try image(source, "t.kp")
    let usual = try BareHost.run(image)
    #expect(usual.status == 0)
    #expect(usual.lines.first == "brown dog fox jumps lazy over quick the the")
    #expect(try BareHost.run(image, memory: 1 << 20, collects: true).lines == usual.lines)
  }

  /// The text of an image says all of it.
  @Test(arguments: names)
  func isTheSameAfterDisassembly(name: String) throws {
    let source = try String(
      contentsOf: Self.directory.appendingPathComponent(name), encoding: .utf8)
    let image = try image(source, name)
    let text = Disassembler.print(try ImageReader(image, name: name))
    #expect(try Assembler.assemble(Array(text.utf8), name: name) == image)
  }

  @Test func thereAreEnoughPrograms() {
    #expect(Self.names.count >= 40)
  }

  /// Errors name the script's line, through functions and expressions that span several.
  @Test(arguments: [
    ("var t = nil\n\nprint(t.x)\n", 3), ("var t\nprint(1,\n2,\nt.x)", 4),
    ("function f() {\n  return 1 / 0\n}\n\nf()", 2), ("var a = 1\nvar b = a\n  + nil", 2),
    ("x = {\n  1,\n  2 / 0,\n}", 3), ("for (i = 1,\n  nil) {\n}", 1), ("error(\"e\")", 1),
  ])
  func errorsNameTheLine(source: String, line: Int) throws {
    let (status, lines, _) = try BareHost.run(image(source, "t.kp"))
    #expect(status == 1)
    #expect(lines.last?.hasPrefix("error: t.kp:\(line): ") == true, "\(lines)")
  }

  /// Whatever compiles, the verifier accepts: random scripts of valid statements.
  @Test func theVerifierAcceptsWhatCompiles() throws {
    var maker = ScriptMaker(seed: 7)
    var accepted = 0
    for _ in 0..<400 {
      let source = maker.script()
      let outcome = try compile(source)
      guard let image = outcome.result else { continue }
      var message = ktap_message()
      var text = [CChar](repeating: 0, count: 256)
      text.withUnsafeMutableBufferPointer { text in
        message.text = text.baseAddress
        message.size = numericCast(text.count)
        do { try BareHost.verify(image, &message) } catch { Issue.record("\(error)\n\(source)") }
      }
      accepted += 1
    }
    #expect(accepted > 300)
  }
}

/// Scripts made at random, of all statements and operators.
private struct ScriptMaker {
  var random: SeededGenerator
  private var depth = 0
  private var loops = 0

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  private mutating func pick(_ choices: [String]) -> String {
    choices.randomElement(using: &random) ?? ""
  }

  mutating func script() -> String { "var a, b = 1, {}; g = 1; h = 2\n" + block(6) }

  private mutating func block(_ most: Int) -> String {
    depth += 1
    defer { depth -= 1 }
    let count = depth > 5 ? 1 : Int.random(in: 1...most, using: &random)
    return (0..<count).map { _ in statement() + "\n" }.joined()
  }

  private mutating func loopBody() -> String {
    loops += 1
    defer { loops -= 1 }
    return block(3)
  }

  private mutating func statement() -> String {
    if depth > 5 { return "a = \(expression())" }
    switch Int.random(in: 0..<18, using: &random) {
    case 0: return "var a = \(expression())"
    case 1: return "var b, a, c = \(expression()), \(expression())\nh = c"
    case 2: return "g = \(expression())"
    case 3: return "a, b.x, g, b[a] = \(expression()), \(expression()), \(expression())"
    case 4: return "b.x \(pick(["+=", "..=", "<<=", "|="])) \(expression())"
    case 5: return "a++"
    case 6: return "if (\(expression())) { \(block(2)) } elseif (\(expression())) { \(block(2)) }"
    case 7: return "if (\(expression())) { \(block(2)) } else { \(block(2)) }"
    case 8: return "while (\(expression())) { \(loopBody()) }"
    case 9: return "do { \(loopBody()) } while (\(expression()))"
    case 10: return "repeat { var r = a\n \(loopBody()) h = function () { return r } } until (r)"
    case 11:
      return "for (i = \(expression()), 3) { var k = i\n \(loopBody()) g = function () { k++ } }"
    case 12: return "for (k, v in pairs(b)) { \(loopBody()) g = function () { return k, v } }"
    case 13: return "for (i = 0; i < \(expression()); i++) { \(loopBody()) }"
    case 14: return "print(\(expression()), \(expression()))"
    case 15: return "{ var c = a\n \(block(2)) g = function () { c = b } }"
    case 16 where loops > 0: return "if (a) { \(pick(["break", "continue"])) }"
    default: return "return \(pick(["", expression(), "g(a), g(b)", "1, 2"]));"
    }
  }

  private mutating func expression() -> String {
    depth += 1
    defer { depth -= 1 }
    if depth > 6 { return pick(["a", "b", "g", "h", "1", "nil", "\"s\"", "-3", "0xffu", "true"]) }
    switch Int.random(in: 0..<14, using: &random) {
    case 0...4:
      return pick(["a", "b", "g", "h", "b.x", "b[a]", "1", "nil", "\"s\"", "10000000000", "false"])
    case 5: return "(\(expression()))"
    case 6, 7:
      let operation = pick(
        ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">="])
      return "\(expression()) \(operation) \(expression())"
    case 8: return "\(expression()) \(pick(["&&", "||"])) \(expression())"
    case 9: return "\(expression()) .. \(expression()) .. \(expression())"
    case 10: return pick(["-", "~", "!", "not "]) + "(\(expression()))"
    case 11: return "g(\(expression()), \(expression()))"
    case 12: return "{ \(expression()), k = \(expression()), [a] = \(expression()), g(a) }"
    default: return "function (a, c) { \(block(2)) }"
    }
  }
}
