// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Foundation
import TestSupport
import Testing
import TypeIR

@testable import SymbolResolver

/// What the proofs have in common: how much is compared, and with whom.
enum Proof {
  /// `make test-resolve-full` compares everything; `make test`, what takes a minute.
  static let isFull = ProcessInfo.processInfo.environment["KTAP_PROOFS"] == "full"

  /// All in a full run; otherwise `count` of them, drawn with a fixed seed.
  static func sample<Element>(_ elements: [Element], _ count: Int) -> [Element] {
    isFull ? elements : draw(elements, count)
  }

  /// `count` of them, drawn with a fixed seed.
  static func draw<Element>(_ elements: [Element], _ count: Int) -> [Element] {
    var random = SeededGenerator(seed: 4)
    return Array(elements.shuffled(using: &random).prefix(count))
  }

  /// The lines that a script of Tests/Oracles prints. Debian's Python: that of python3-drgn.
  static func oracle(
    _ script: String, _ arguments: [String], input: String = ""
  ) throws -> [Substring] {
    let workshop = try Workshop()
    try workshop.write("input", input)
    let path = repository.appendingPathComponent("Tests/Oracles/\(script)").path
    let output = try workshop.run(
      "sh", ["-c", "exec /usr/bin/python3 \"$@\" <input", "sh", path] + arguments)
    return String(decoding: output, as: UTF8.self).split(separator: "\n")
  }

  struct DrgnAnswer {
    var address: UInt64
    /// As ``SignatureWriter`` writes it.
    var type: String
  }

  /// What drgn says of "struct NAME", "function NAME", …; nothing of what it does not know.
  static func drgn(
    _ names: [String], _ kernel: DebianKernel, options: [String] = []
  ) throws -> [String: DrgnAnswer] {
    let lines = try oracle(
      "drgn_signatures.py", options + [kernel.path], input: names.map { $0 + "\n" }.joined())
    var answers: [String: DrgnAnswer] = [:]
    for line in lines {
      let fields = line.split(separator: "\t")
      try #require(fields.count == 3)
      answers[String(fields[0])] = DrgnAnswer(
        address: try #require(UInt64(fields[1], radix: 16)), type: String(fields[2]))
    }
    return answers
  }
}

/// The definitions that go by each name, as signatures: "struct list_head", "typedef pid_t".
struct Definitions {
  private var definitions: [String: Set<String>] = [:]
  private let flattensArrays: Bool

  init(of btf: BTF, flattensArrays: Bool = false, unqualifiesParameters: Bool = false) {
    self.flattensArrays = flattensArrays
    add(
      btf.allTypes,
      SignatureWriter(BTFNodes(btf: btf), unqualifiesParameters: unqualifiesParameters))
  }

  init(of document: ResolvedDocument) {
    flattensArrays = false
    let nodes = TableNodes(
      table: document.types, charIsSigned: document.target.charIsSigned)
    add((1...document.types.count).map { TypeID(Int32($0)) }, SignatureWriter(nodes))
  }

  /// Parameters are unqualified.
  init<Nodes: TypeNodes>(of nodes: Nodes, _ ids: some Sequence<Nodes.ID>) {
    flattensArrays = false
    add(ids, SignatureWriter(nodes, unqualifiesParameters: true))
  }

  private mutating func add<Nodes: TypeNodes>(
    _ ids: some Sequence<Nodes.ID>, _ writer: SignatureWriter<Nodes>
  ) {
    var writer = writer
    for id in ids {
      guard let name = writer.name(id) else { continue }
      let text = writer.definition(id)
      // An enumeration that is declared only: BTF has it where it is used, like a `fwd`.
      if name.hasPrefix("enum "), text.hasSuffix("{}") { continue }
      definitions[name, default: []].insert(flattensArrays ? Self.flattened(text) : text)
    }
  }

  subscript(name: String) -> Set<String> { definitions[name] ?? [] }

  var count: Int { definitions.count }
  var names: [String] { definitions.keys.sorted() }

  /// The names with one definition.
  var unique: [String] { names.filter { self[$0].count == 1 } }

  /// "[6]" for "[2][3]".
  static func flattened(_ text: String) -> String {
    guard text.contains("][") else { return text }
    return text.replacing(/\[\d+\](?:\[\d+\])+/) { match in
      let counts = match.output.split { "[]".contains($0) }.compactMap { UInt64($0) }
      return "[\(counts.reduce(1, *))]"
    }
  }
}

/// What pahole would print of each struct and union with a name: see Tests/Oracles/pahole_layouts.py.
struct PaholeLayouts {
  private let btf: BTF
  private(set) var texts: Set<String> = []

  init(_ btf: BTF) {
    self.btf = btf
    for id in btf.allTypes {
      let type = btf[id]
      guard type.kind == .structure || type.kind == .union, let name = btf.name(of: id) else {
        continue
      }
      let head = type.kind == .union ? "union \(name)/0" : "struct \(name)/\(type.sizeOrType)"
      texts.insert("\(head){\(members(of: id, from: 0))}")
    }
  }

  private func members(of id: BTFTypeID, from start: UInt32) -> String {
    btf.members(of: id).map { member in
      let place = start + member.bitOffset
      let name = btf.name(member.nameOffset) ?? ""
      let inner =
        anonymousRecord(member.type).map { members(of: $0.id, from: $0.isPointedAt ? 0 : place) }
        ?? ""
      let width = member.bitSize == 0 ? "" : ":\(member.bitSize)"
      return "\(inner)\(name)@\(place)\(width)/\(btf.size(of: member.type) ?? 0);"
    }.joined()
  }

  /// Also the one that a pointer points at: then places count from its own start.
  private func anonymousRecord(_ id: BTFTypeID) -> (id: BTFTypeID, isPointedAt: Bool)? {
    switch btf[id].kind {
    case .structure, .union: btf.name(of: id) == nil ? (id, false) : nil
    case .array: anonymousRecord(btf.array(id).element)
    case .const, .volatile: anonymousRecord(btf[id].target)
    case .pointer: anonymousRecord(btf[id].target).map { ($0.id, true) }
    default: nil
    }
  }
}
