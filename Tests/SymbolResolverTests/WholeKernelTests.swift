// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Foundation
import SymbolResolver
import Testing
import TypeIR

/// Debian's own kernel, as installed in /boot, against independent readers: bpftool says what the
/// BTF has, and gcc lays out the header that we make of it.
@Suite struct WholeKernelTests {
  private let kernel: InstalledKernel

  init() throws { kernel = try InstalledKernel() }

  @Test func everyRecordIsLaidOutAsBpftoolReadsIt() throws {
    var document = TypesDocument()
    var assertions = "#include \"all.h\"\n"
    for record in try kernel.uniqueRecords() {
      document.wants.append(Want(name: record.spelling, kind: .type, at: "all:1:1"))
      assertions += record.assertions
    }
    try #require(document.wants.count > 5000)
    let sources = KernelSources(KernelSourceOptions(btf: kernel.btfPath))
    let resolution = try KernelResolver.resolve(document, sources)
    try kernel.workshop.write("all.h", CHeader.text(of: resolution.document))
    try kernel.workshop.write("all.c", assertions)
    try kernel.workshop.run("gcc", "-w", "-fsyntax-only", "-fmax-errors=5", "all.c")
    // The oracle does object where there is something to object to.
    try kernel.workshop.write(
      "wrong.c", assertions + "_Static_assert(sizeof(struct list_head) == 15, \"\");\n")
    #expect(throws: ToolFailure.self) {
      try kernel.workshop.run("gcc", "-w", "-fsyntax-only", "wrong.c")
    }
  }

  @Test func onlyWhatIsNeededIsCompleted() throws {
    let script = Script(types: ["struct task_struct *"], members: ["comm", "pid", "tasks", "next"])
    let sources = KernelSources(KernelSourceOptions(btf: kernel.btfPath))
    let types = try KernelResolver.resolve(script.document(), sources).document.types
    let complete = types.entries.count { entry in
      if case .record = entry.type { true } else { false }
    }
    // By value, task_struct has about 80; followed blindly, it would be thousands.
    #expect((20...300).contains(complete), "\(complete) records are complete")
    #expect(types.count < 2000)
  }
}

/// The vmlinux inside the newest installed cloud kernel (`make setup` installs one), and bpftool's
/// reading of its BTF.
private struct InstalledKernel {
  let workshop: Workshop
  let btfPath: String

  struct RecordFacts {
    var spelling: String
    var size: Int
    /// Bytes, of members with a name that are no bit-fields.
    var offsets: [(member: String, offset: Int)]

    /// C that compiles if sizes and offsets are these.
    var assertions: String {
      offsets.reduce("_Static_assert(sizeof(\(spelling)) == \(size), \"\(spelling)\");\n") {
        $0 + "_Static_assert(__builtin_offsetof(\(spelling), \($1.member)) == \($1.offset),"
          + " \"\(spelling).\($1.member)\");\n"
      }
    }
  }

  init() throws {
    workshop = try Workshop()
    let images = try FileManager.default.contentsOfDirectory(atPath: "/boot")
      .filter { $0.hasPrefix("vmlinuz-") && $0.hasSuffix("-cloud-amd64") }
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    let image = try #require(images.last, "no cloud kernel in /boot: run 'make setup'")
    let script = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("pipeline/guest/extract-vmlinux").path
    try workshop.run(script, "/boot/\(image)", "vmlinux")
    btfPath = workshop.path("vmlinux")
  }

  private struct Dump: Decodable {
    var types: [Entry]

    struct Entry: Decodable {
      var kind: String
      var name: String
      var size: Int?
      var members: [Member]?
    }

    struct Member: Decodable {
      var name: String
      var bitOffset: Int
      var bitFieldSize: Int?

      enum CodingKeys: String, CodingKey {
        case name
        case bitOffset = "bits_offset"
        case bitFieldSize = "bitfield_size"
      }
    }
  }

  /// Those that are the only ones of their name: C has room for one.
  func uniqueRecords() throws -> [RecordFacts] {
    let dump = try workshop.run("bpftool", "-j", "btf", "dump", "file", "vmlinux", "format", "raw")
    let records = try JSONDecoder().decode(Dump.self, from: dump).types
      .filter { ["STRUCT", "UNION"].contains($0.kind) && $0.name != "(anon)" }
    let counts = Dictionary(records.map { ($0.kind + $0.name, 1) }, uniquingKeysWith: +)
    return records.filter { counts[$0.kind + $0.name] == 1 }.map { record in
      RecordFacts(
        spelling: "\(record.kind.lowercased()) \(record.name)", size: record.size ?? 0,
        offsets: (record.members ?? [])
          .filter { $0.name != "(anon)" && ($0.bitFieldSize ?? 0) == 0 }
          .map { ($0.name, $0.bitOffset / 8) })
    }
  }
}
