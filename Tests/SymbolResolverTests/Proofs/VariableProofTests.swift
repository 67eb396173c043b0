// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Diagnostics
import Foundation
import SymbolResolver
import Testing
import TypeIR

/// Variables of Debian's kernel, drawn with a fixed seed: types and addresses are those that drgn or
/// gdb has.
@Suite struct VariableProofTests {
  private let kernel: DebianKernel
  /// By name, of data symbols whose name no other symbol has, and C could have, but for those in
  /// memory that is freed.
  private let addresses: [String: UInt64]
  private let freed: [String]

  init() throws {
    kernel = try DebianKernel()
    let all = try kernel.addresses()
    let start = try #require(all["__init_begin"]?.first)
    let end = try #require(all["__init_end"]?.first)
    let symbols = try kernel.dataSymbols()
    addresses = symbols.filter { !(start..<end).contains($0.value) }
    freed = symbols.filter { (start..<end).contains($0.value) }.keys
      .filter { $0 != "__init_begin" }.sorted()
    try #require(addresses.count > 20_000 && freed.count > 1000)
  }

  @Test func whatIsFreedIsRefused() throws {
    let names = Proof.sample(freed, 100)
    let resolved = try Resolved(tokens: names, kernel)
    #expect(names.filter { resolved.errors[$0] != "init-variable" } == [])
  }

  @Test func drgnHasTheSameVariables() throws {
    let names = Proof.draw(addresses.keys.sorted(), Proof.isFull ? .max : 1000)
    let answers = try Proof.drgn(
      names.map { "variable \($0)" }, kernel, options: ["--unqualified-parameters"])
    // Of several in DWARF, drgn takes any: the one that the symbol is of can be compared.
    let known = names.filter { answers["variable \($0)"]?.address == addresses[$0] }
      .prefix(Proof.isFull ? 5000 : 300)
    try #require(known.count == (Proof.isFull ? 5000 : 300))
    let resolved = try Resolved(tokens: Array(known), kernel)
    #expect(resolved.errors.isEmpty, "\(resolved.errors)")
    for name in known {
      let answer = try #require(answers["variable \(name)"])
      let symbol = try #require(resolved.symbols[name], "\(name)")
      #expect([.btf, .dwarf].contains(symbol.source), "\(name)")
      #expect(try resolved.address(name) == answer.address, "\(name)")
      #expect(
        resolved.signature(name) == Definitions.flattened(answer.type), "\(name)")
    }
  }

  /// What C only declares, and the linker script or an assembler file defines. (gdb takes its time.)
  @Test func gdbHasTheSameDeclarations() throws {
    let all = Proof.draw(addresses.keys.sorted(), Proof.isFull ? .max : 4000)
    let drgn = try Proof.drgn(all.map { "variable \($0)" }, kernel)
    let undefined = all.filter { drgn["variable \($0)"] == nil }
    let resolved = try Resolved(tokens: undefined, kernel)
    let declared = undefined.filter { resolved.symbols[$0] != nil }
    // 172 on this kernel: the others are in memory that is freed.
    let names = Proof.isFull ? declared : Proof.draw(declared, 8)
    try #require(names.count >= (Proof.isFull ? 150 : 8))
    let gdb = try Gdb.variables(names, kernel)
    for name in names {
      let answer = try #require(gdb[name], "\(name)")
      #expect(resolved.symbols[name]?.source == .dwarfDeclaration, "\(name)")
      #expect(try resolved.address(name) == answer.address, "\(name)")
      #expect(Gdb.normal(resolved.spelling(name)) == Gdb.normal(answer.type), "\(name)")
    }
    // Of what we know no type of, or several, gdb knows none, or one of them.
    let unknown = undefined.filter { resolved.symbols[$0] == nil }
    let others = Proof.draw(unknown, Proof.isFull ? 50 : 5)
    for name in try Gdb.variables(others, kernel).keys {
      #expect(resolved.errors[name] == "ambiguous-declaration", "\(name)")
    }
  }
}

/// Variables that were resolved by name, all in one document.
private struct Resolved {
  private(set) var symbols: [String: ResolvedSymbol] = [:]
  /// Ids of errors.
  private(set) var errors: [String: String] = [:]
  private var table = TypeTable()
  private var charIsSigned = true
  private let start: UInt64

  init(tokens names: [String], _ kernel: DebianKernel) throws {
    start = try #require(try kernel.addresses()["_stext"]?.first)
    try resolve(names, kernel)
    // An error leaves no document: once more without what it is about.
    if !errors.isEmpty { try resolve(names.filter { errors[$0] == nil }, kernel) }
  }

  private mutating func resolve(_ names: [String], _ kernel: DebianKernel) throws {
    var document = TypesDocument()
    document.wants = names.enumerated().map {
      Want(name: $1, kind: .symbol, use: .token, at: "all:\($0 + 1):1")
    }
    do {
      let resolved = try KernelResolver.resolve(document, kernel.sources()).document
      symbols = Dictionary(uniqueKeysWithValues: resolved.symbols.map { ($0.name, $0) })
      (table, charIsSigned) = (resolved.types, resolved.target.charIsSigned)
    } catch let list as DiagnosticList {
      for error in list.diagnostics where error.severity == .error {
        errors[names[(error.line ?? 1) - 1]] = error.id
      }
    }
  }

  /// As the kernel was linked.
  func address(_ name: String) throws -> UInt64? {
    let address = try #require(symbols[name]).address
    return address.base == .stext ? start &+ address.offset : address.offset
  }

  func signature(_ name: String) -> String? {
    guard let symbol = symbols[name] else { return nil }
    var writer = SignatureWriter(TableNodes(table: table, charIsSigned: charIsSigned))
    return Definitions.flattened(writer.mention(symbol.type))
  }

  func spelling(_ name: String) -> String { symbols[name].map { table.spelling($0.type) } ?? "" }
}

/// gdb's reading, in batch mode.
private enum Gdb {
  struct Variable {
    var type: String
    var address: UInt64
  }

  /// Those whose type gdb knows.
  static func variables(
    _ names: [String], _ kernel: DebianKernel
  ) throws -> [String: Variable] {
    let workshop = try Workshop()
    let commands = names.map { "echo =\($0)\\n\nwhatis \($0)\nprint/x (unsigned long)&\($0)\n" }
    try workshop.write("commands", commands.joined())
    // A command that fails would end the file: gdb reads it as its input instead.
    let output = try workshop.run(
      "sh", "-c", "gdb -nx -q -iex 'set prompt' \"$1\" <commands 2>/dev/null", "sh", kernel.path)
    var variables: [String: Variable] = [:]
    var (name, type) = ("", "")
    for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("=") { (name, type) = (String(line.dropFirst()), "") }
      // "<data variable, no debug info>" is none.
      if line.hasPrefix("type = "), !line.hasPrefix("type = <") { type = String(line.dropFirst(7)) }
      if !type.isEmpty, let value = line.firstMatch(of: /= 0x([0-9a-f]+)$/) {
        variables[name] = Variable(
          type: type, address: try #require(UInt64(value.1, radix: 16)))
      }
    }
    return variables
  }

  /// gdb and we differ in blanks, and in how an array of unknown length is written.
  static func normal(_ type: String) -> String {
    type.filter { $0 != " " }.replacingOccurrences(of: "[0]", with: "[]")
  }
}

extension DebianKernel {
  /// Data symbols by nm, with a name that no other symbol has and that C could have.
  fileprivate func dataSymbols() throws -> [String: UInt64] {
    let lines = String(decoding: try Workshop().run("nm", path), as: UTF8.self)
    var symbols: [String: UInt64] = [:]
    var seen: Set<Substring> = []
    for line in lines.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, let address = UInt64(words[0], radix: 16) else { continue }
      if !seen.insert(words[2]).inserted {
        symbols[String(words[2])] = nil
      } else if "bBdDrR".contains(words[1]), !words[2].contains(".") {
        symbols[String(words[2])] = address
      }
    }
    return symbols
  }
}
