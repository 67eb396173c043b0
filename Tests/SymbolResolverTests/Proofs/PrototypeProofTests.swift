// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Diagnostics
import Foundation
import Testing
import TypeIR

@testable import DebugInfo
@testable import SymbolResolver

/// Every function of Debian's kernel: its prototype in BTF against bpftool's reading, its prototype in
/// DWARF against drgn's, and the one against the other.
@Suite struct PrototypeProofTests {
  private let kernel: DebianKernel
  private let btf: BTF

  init() throws {
    kernel = try DebianKernel()
    btf = try BTF.read(kernel.path)
  }

  /// As a multiset of C declarations: names are not unique.
  @Test func bpftoolReadsTheSameFunctions() throws {
    let dump = try BpftoolDump.read(kernel.path)
    let theirs = DumpSpelling(dump)
    let types = KernelTypes(btf)
    var counts: [String: Int] = [:]
    for id in dump.ids(of: ["FUNC"]) { counts[theirs.function(id), default: 0] += 1 }
    try #require(counts.count > 40_000)
    for id in btf.allTypes where btf[id].kind == .function {
      let type = types.target(of: KernelType(id))
      let name = try #require(btf.name(of: id))
      counts[KernelTypeImporter.declaration(of: name, type, in: types), default: 0] -= 1
    }
    let different = counts.filter { $0.value != 0 }
    #expect(
      different.isEmpty, "\(different.count): \(different.sorted { $0.key < $1.key }.prefix(9))")
  }

  /// A function with one address and one prototype in BTF: when it is called, DWARF is asked too.
  private struct Function {
    var name: String
    var address: UInt64
    var prototype: BTFTypeID
  }

  private func functions() throws -> [Function] {
    let addresses = try kernel.addresses()
    var prototypes: [String: [BTFTypeID]] = [:]
    for id in btf.allTypes where btf[id].kind == .function {
      prototypes[try #require(btf.name(of: id)), default: []].append(btf[id].target)
    }
    let functions = prototypes.sorted { $0.key < $1.key }.compactMap { name, ids -> Function? in
      guard ids.count == 1, let found = addresses[name], found.count == 1 else { return nil }
      return Function(name: name, address: found.first!, prototype: ids[0])
    }
    try #require(functions.count > 40_000)
    return functions
  }

  /// Our reader of DWARF against drgn's: prototypes, and addresses (of a function that was also
  /// inlined, drgn has none; nm has). Then DWARF against BTF, and what the resolver says of it.
  @Test func dwarfAndBTFAreHeldAgainstEachOther() throws {
    let functions = Proof.sample(try functions(), 2000)
    let dwarf = try FunctionsInDWARF(functions.map { ($0.name, $0.address) }, kernel)
    let known = functions.filter { dwarf.types[$0.name] != nil }
    let answers = try Proof.drgn(known.map { dwarf.request($0.name) }, kernel)
    #expect(answers.count == known.count)
    var strict = SignatureWriter(BTFNodes(btf: dwarf.btf))
    var loose = SignatureWriter(BTFNodes(btf: dwarf.btf), isLoose: true)
    var looseBTF = SignatureWriter(BTFNodes(btf: btf), isLoose: true)
    var differing: Set<String> = []
    for function in known {
      guard let answer = answers[dwarf.request(function.name)] else { continue }
      #expect(answer.address == 0 || answer.address == function.address, "\(function.name)")
      let type = try #require(dwarf.types[function.name])
      #expect(strict.mention(type) == answer.type, "\(function.name)")
      if loose.mention(type) != looseBTF.mention(function.prototype) {
        differing.insert(function.name)
      }
    }
    let errors = try errors(calling: known.map(\.name), kernel.sources())
    #expect(Set(errors.filter { $0.value.id == "contradiction" }.keys) == differing)
  }

  /// Functions with a symbol and no entry in DWARF at its address are those that are written in assembly,
  /// or that gcc found to be the same as another, and made a jump to it: drgn has no address of them.
  @Test func dwarfLacksNoFunction() throws {
    let functions = Proof.sample(try functions(), 2000)
    let dwarf = try FunctionsInDWARF(functions.map { ($0.name, $0.address) }, kernel)
    let missing = functions.filter { dwarf.types[$0.name] == nil }
    #expect(missing.count < functions.count / 20)
    let answers = try Proof.drgn(missing.map { "function \($0.name)" }, kernel)
    for function in missing {
      let address = answers["function \(function.name)"]?.address ?? 0
      #expect(address != function.address, "\(function.name)")
    }
  }

  /// In Debian's 6.1, nothing contradicts itself. So some functions are given the prototypes of others
  /// in BTF: each call is refused, and shows both.
  @Test func aContradictionIsListedAndRefused() throws {
    let functions = Proof.draw(try functions(), 400)
    let dwarf = try FunctionsInDWARF(functions.map { ($0.name, $0.address) }, kernel)
    var loose = SignatureWriter(BTFNodes(btf: btf), isLoose: true)
    var changed: [BTFTypeID: BTFTypeID] = [:]
    var expected: [String: [String]] = [:]
    func declaration(_ name: String, _ type: BTFTypeID, _ btf: BTF) -> String {
      KernelTypeImporter.declaration(of: name, KernelType(type), in: KernelTypes(btf))
    }
    for (one, other) in zip(functions, functions.dropFirst()) {
      let (old, new) = (loose.mention(one.prototype), loose.mention(other.prototype))
      // `void *` agrees with every pointer.
      guard old != new, !(old + new).contains("*void"), let its = dwarf.types[one.name] else {
        continue
      }
      changed[try #require(btf.types(named: one.name, [.function]).first)] = other.prototype
      expected[one.name] = [
        "BTF:   " + declaration(one.name, other.prototype, btf),
        "DWARF: " + declaration(one.name, its, dwarf.btf),
      ]
    }
    try #require(expected.count > 200)
    let sources = try KernelSources(
      btf: btf.retargeting(changed),
      symbols: KernelSymbols(ELFSymbolTable(ELFFile(path: kernel.path))),
      identity: KernelIdentity(release: kernel.release, buildID: "abcd"),
      KernelSourceOptions(vmlinux: kernel.path, cache: DebianKernel.cache))
    let errors = try errors(calling: functions.map(\.name), sources)
    for (name, notes) in expected {
      let error = try #require(errors[name], "\(name)")
      // What is wrong with the function, whatever its prototype, is said first.
      if ["init-function", "noinstr", "kprobe-blacklisted"].contains(error.id) { continue }
      #expect(error.id == "contradiction", "\(name)")
      #expect(error.notes.map(\.message) == notes)
    }
    let contradictions = errors.filter { $0.value.id == "contradiction" }
    #expect(contradictions.count > 150)
    #expect(Set(contradictions.keys).isSubset(of: expected.keys))
  }

  private func errors(
    calling names: [String], _ sources: KernelSources
  ) throws -> [String: Diagnostic] {
    var document = TypesDocument()
    document.wants = names.enumerated().map {
      Want(name: $1, kind: .symbol, use: .call, at: "all:\($0 + 1):1")
    }
    do {
      _ = try KernelResolver.resolve(document, sources)
      return [:]
    } catch let list as DiagnosticList {
      let errors = list.diagnostics.filter { $0.severity == .error }
      return Dictionary(errors.map { (names[($0.line ?? 1) - 1], $0) }) { first, _ in first }
    }
  }
}

/// The prototypes that DWARF gives the functions at some addresses.
private struct FunctionsInDWARF {
  let btf: BTF
  private(set) var types: [String: BTFTypeID] = [:]
  private var files: [String: String] = [:]

  init(_ functions: [(name: String, address: UInt64)], _ kernel: DebianKernel) throws {
    let dwarf = try DWARFFile(path: kernel.path, cache: DebianKernel.cache)
    let addresses = Dictionary(uniqueKeysWithValues: functions.map { ($0.name, $0.address) })
    let entries = try dwarf.find(addresses.keys).filter {
      $0.kind == .function && !$0.flags.contains(.assembly)
        && dwarf.address(of: $0) == addresses[$0.name]
    }
    let brought = try dwarf.types(of: entries, base: nil)
    btf = brought.btf
    for (entry, id) in zip(entries, brought.ids) {
      types[entry.name] = btf[id].target
      files[entry.name] = dwarf.source(of: entry)?.file
    }
  }

  /// What drgn is asked: there may be several of the name, in several files.
  func request(_ name: String) -> String { "function \(name) \(files[name] ?? "")" }
}

extension BTF {
  /// The same, with some functions referring to other prototypes.
  fileprivate func retargeting(_ targets: [BTFTypeID: BTFTypeID]) throws -> BTF {
    var bytes = Array(storage.bytes)
    for (id, target) in targets {
      // struct btf_type: the third word of a FUNC is its prototype's number.
      let place = typesOffset + Int(starts[Int(id.rawValue) - 1]) + 8
      withUnsafeBytes(of: target.rawValue.littleEndian) {
        bytes.replaceSubrange(place..<place + 4, with: $0)
      }
    }
    return try BTF(FileBytes(name: name, copying: bytes))
  }
}
