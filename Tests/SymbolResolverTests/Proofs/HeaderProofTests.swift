// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Foundation
import SymbolResolver
import Testing
import TypeIR

/// All types of a kernel as `--print=c` writes them: gcc compiles them, pahole makes BTF of what gcc says
/// they are, bpftool reads it; and it reads the same in the kernel's own BTF.
@Suite struct HeaderProofTests {
  private let workshop: Workshop

  init() throws { workshop = try Workshop() }

  /// Debian 12's.
  @Test(.enabled(if: Proof.isFull)) func allTypesOf6_1() throws {
    try compileEverything(of: DebianKernel().path)
  }

  /// Debian 13's: its package is fetched where it is not yet.
  @Test func allTypesOf6_12() throws {
    let scripts = repository.appendingPathComponent("pipeline/guest").path
    let output = String(
      decoding: try workshop.run("\(scripts)/debian13", "kernel"), as: UTF8.self)
    let image = try #require(output.split(separator: "\n").last)
    try workshop.run("\(scripts)/extract-vmlinux", String(image), "vmlinux")
    try compileEverything(of: workshop.path("vmlinux"))
  }

  private func compileEverything(of vmlinux: String) throws {
    let dump = try BpftoolDump.read(vmlinux)
    let kernel = Definitions(of: HeaderNodes(dump, dump.sharedEnumerators), 1...dump.types.count)
    // C has room for one definition of a name.
    let names = kernel.unique
    try #require(names.count > 10_000)
    try workshop.write("all.c", try header(names, vmlinux))
    let sign = vmlinux == workshop.path("vmlinux") ? "-funsigned-char" : "-fsigned-char"
    try workshop.run(
      "gcc", "-c", "-w", "-gdwarf-5", "-fno-eliminate-unused-debug-types", sign, "all.c", "-o",
      "all.o")
    try workshop.run("pahole", "--btf_encode_detached=all.btf", "all.o")
    let made = try BpftoolDump.read(workshop.path("all.btf"))
    let compiled = Definitions(of: HeaderNodes(made, dump.sharedEnumerators), 1...made.types.count)
    for name in names { #expect(compiled[name] == kernel[name]) }
  }

  private func header(_ names: [String], _ vmlinux: String) throws -> String {
    var document = TypesDocument()
    document.wants = names.map {
      let name = $0.hasPrefix("typedef ") ? String($0.dropFirst(8)) : $0
      return Want(name: name, kind: .type, at: "all:1:1")
    }
    let sources = KernelSources(KernelSourceOptions(vmlinux: vmlinux))
    return CHeader.text(of: try KernelResolver.resolve(document, sources).document)
  }
}

/// A dump without what a header cannot say as the kernel has it:
/// - enumerators that several enumerations have: in C they share one name space;
/// - tags that anonymous types have in the header, so that it can mention them twice;
/// - tags that an enumeration has because a struct has the same one;
/// - members that make padding visible.
private struct HeaderNodes: TypeNodes {
  private let dump: BpftoolDump
  private let sharedEnumerators: Set<String>

  init(_ dump: BpftoolDump, _ sharedEnumerators: Set<String>) {
    self.dump = dump
    self.sharedEnumerators = sharedEnumerators
  }

  func node(_ id: Int) -> TypeNode<Int> {
    switch dump.node(id) {
    case .record(let keyword, let tag, let size, let members):
      .record(
        keyword: keyword, tag: plain(tag, keyword), size: size,
        members: members.filter { !$0.name.hasPrefix("__padding_") })
    case .enumeration(let tag, let size, let isSigned, let values):
      .enumeration(
        tag: plain(tag, "enum"), size: size, isSigned: isSigned,
        values: values.filter {
          !$0.hasPrefix("__no_enumerator_")
            && !sharedEnumerators.contains(String($0.prefix { $0 != "=" }))
        })
    case .forward(let keyword, let tag):
      .forward(keyword: keyword, tag: plain(tag, keyword) ?? "")
    case let node: node
    }
  }

  private func plain(_ tag: String?, _ keyword: String) -> String? {
    guard let tag, !tag.hasPrefix("__anonymous_") else { return nil }
    return tag.hasSuffix("__\(keyword)") ? String(tag.dropLast(keyword.count + 2)) : tag
  }
}

extension BpftoolDump {
  /// The names that more than one enumeration has.
  fileprivate var sharedEnumerators: Set<String> {
    var (seen, shared): (Set<String>, Set<String>) = ([], [])
    for value in types.compactMap(\.values).joined()
    where !seen.insert(value.name).inserted {
      shared.insert(value.name)
    }
    return shared
  }
}
