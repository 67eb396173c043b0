// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Foundation
import Testing
import TypeIR

@testable import SymbolResolver

/// Every struct, union, enumeration and typedef of Debian's kernel, as two readers of ours have it
/// (BTF, DWARF) and three that are not (bpftool, pahole, drgn).
@Suite struct LayoutProofTests {
  private let kernel: DebianKernel
  private let btf: BTF

  init() throws {
    kernel = try DebianKernel()
    btf = try BTF.read(kernel.path)
  }

  /// Entry by entry: number, name, content.
  @Test func bpftoolReadsTheSameBTF() throws {
    let dump = try BpftoolDump.read(kernel.path)
    var theirs = SignatureWriter(dump)
    var ours = SignatureWriter(BTFNodes(btf: btf))
    #expect(dump.types.count == Int(btf.typeCount) - 1)
    var differences: [String] = []
    for id in btf.allTypes {
      let (our, their) = (ours.definition(id), theirs.definition(Int(id.rawValue)))
      if our != their || btf.name(of: id) != dump.types[Int(id.rawValue) - 1].tag {
        differences.append("\(id.rawValue): \(our)\n  bpftool: \(their)")
      }
    }
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(5))")
  }

  /// What is resolved is what BTF says: nothing is lost on the way into a document.
  @Test func resolvingKeepsLayouts() throws {
    let definitions = Definitions(of: btf, unqualifiesParameters: true)
    let names = definitions.unique.filter { !$0.hasPrefix("typedef ") }
    try #require(names.count > 8000)
    var document = TypesDocument()
    document.wants = names.map { Want(name: $0, kind: .type, at: "all:1:1") }
    let sources = KernelSources(KernelSourceOptions(vmlinux: kernel.path))
    let resolved = Definitions(of: try KernelResolver.resolve(document, sources).document)
    for name in names { #expect(resolved[name] == definitions[name]) }
  }

  /// Where they differ, it is for one of four reasons, each of which is looked at here:
  /// - pahole, which makes the kernel's BTF of its DWARF, writes `int a[2][3]` as `int a[6]`;
  /// - what is defined within a function is in BTF, but not at the level of a file, where names are
  ///   looked up in DWARF: drgn, which looks there too, does not know it either;
  /// - an enumeration without values is one that is declared only, and no definition;
  /// - fs/binfmt_elf.c is compiled twice, and defines structs of the same size in the same line:
  ///   by name, DWARF is asked for one.
  @Test func dwarfSaysWhatBTFSays() throws {
    let ours = Definitions(of: btf, flattensArrays: true)
    let theirs = try definitionsInDWARF(ours.names, flattensArrays: true)
    try #require(theirs.count > 10_000)
    let differing = ours.names.filter { theirs[$0] != ours[$0] }
    let known = try Proof.drgn(differing, kernel)
    for name in differing {
      if theirs[name].isEmpty {
        #expect(known[name] == nil, "\(name) is not found in DWARF")
      } else {
        #expect(["struct elf_note_info", "struct elf_thread_core_info"].contains(name))
        #expect(theirs[name].isSubset(of: ours[name]), "\(name)")
      }
    }
    #expect(differing.count < 20)
    for name in theirs.names { #expect(!ours[name].isEmpty, "\(name) is not in the BTF") }
  }

  private func definitionsInDWARF(
    _ names: [String], flattensArrays: Bool = false
  ) throws -> Definitions {
    let dwarf = try DWARFFile(path: kernel.path, cache: DebianKernel.cache)
    let plain = Set(names.map { String($0.drop { $0 != " " }.dropFirst()) })
    let entries = try dwarf.find(plain).filter {
      [.structure, .union, .enumeration, .typedef].contains($0.kind)
    }
    let types = try dwarf.types(of: entries, base: nil)
    return Definitions(of: types.btf, flattensArrays: flattensArrays)
  }

  /// Enumerations without a name are found by their enumerators; but those within functions.
  @Test func dwarfHasTheEnumerationsWithoutName() throws {
    let ours = Self.namelessEnumerations(of: btf)
    try #require(ours.count > 600)
    let dwarf = try DWARFFile(path: kernel.path, cache: DebianKernel.cache)
    let names = Set(ours.values.joined())
    let entries = try dwarf.find(names, includingEnumerators: true)
      .filter { $0.kind == .enumerator }
    let theirs = Self.namelessEnumerations(of: try dwarf.types(of: entries, base: nil).btf)
    let missing = ours.filter { theirs[$0.key] == nil }
    let known = try Proof.drgn(missing.values.joined().map { "constant \($0)" }, kernel)
    #expect(known.isEmpty, "\(known.count): \(known.keys.sorted().prefix(5))")
    #expect(missing.count < 100)
  }

  /// Their texts, and the enumerators of each.
  private static func namelessEnumerations(of btf: BTF) -> [String: [String]] {
    var writer = SignatureWriter(BTFNodes(btf: btf))
    var found: [String: [String]] = [:]
    for id in btf.allTypes
    where [.enumeration, .enumeration64].contains(btf[id].kind) && btf.name(of: id) == nil {
      found[writer.definition(id)] = btf.enumerators(of: id).compactMap { btf.name($0.nameOffset) }
    }
    return found
  }

  @Test func paholeReadsTheSameBTF() throws { try comparePahole("btf") }

  /// pahole reads 590 MB of DWARF: half a minute.
  @Test(.enabled(if: Proof.isFull)) func paholeReadsTheSameDWARF() throws {
    try comparePahole("dwarf")
  }

  /// Each record that pahole prints is one of ours, and it prints each of ours.
  private func comparePahole(_ format: String) throws {
    let records = try Proof.oracle("pahole_layouts.py", [format, kernel.path])
    let ours = PaholeLayouts(btf)
    try #require(records.count > 7000)
    for record in records { #expect(ours.texts.contains(String(record)), "\(record)") }
    // Of its reading of DWARF, it prints fewer.
    if format == "btf" { #expect(Set(records.map { String($0) }) == ours.texts) }
  }

  /// drgn's reading of the DWARF, types of members included.
  @Test func drgnReadsTheSameDWARF() throws {
    let names = Proof.sample(Definitions(of: btf).unique, 1000)
    let ours = try definitionsInDWARF(names)
    let answers = try Proof.drgn(names, kernel)
    // All but what is defined within a function.
    try #require(answers.count > names.count - 20)
    for (name, answer) in answers { #expect(ours[name].contains(answer.type), "\(name)") }
  }
}
