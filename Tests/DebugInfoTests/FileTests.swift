// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import TestSupport
import Testing

@Suite struct FileTests {
  private let workshop: Workshop

  init() throws { workshop = try Workshop() }

  private func failure(_ path: String) throws -> SourceError {
    try #require(throws: SourceError.self) { try BTF.read(path) }
  }

  @Test func rawBTFAndTheSectionOfAnELF() throws {
    let raw = try workshop.write("raw.btf", Samples.everyKind.bytes())
    #expect(try BTF.read(raw).types(named: "node", [.structure]).count == 1)
    let object = try workshop.objectWithBTF("struct node { long x; } it;")
    #expect(try BTF.read(object).types(named: "node", [.structure]).count == 1)
  }

  @Test func compressedSectionsAreRead() throws {
    // Long enough to be worth compressing.
    let members = (0..<200).map { "long member_of_some_length_\($0);" }.joined()
    _ = try workshop.objectWithBTF("struct node { \(members) } it;")
    try workshop.run(
      "objcopy", "--rename-section", ".BTF=.debug_BTF", "object.o", "renamed.o")
    try workshop.run("objcopy", "--compress-debug-sections=zlib", "renamed.o", "packed.o")
    let file = try ELFFile(path: workshop.path("packed.o"))
    let section = try #require(try file.section(named: ".debug_BTF"))
    let btf = try BTF(section.bytes)
    #expect(btf.types(named: "node", [.structure]).first.map { btf.size(of: $0) } == 1600)
  }

  @Test func placesInAnELFAreThoseOfTheFile() throws {
    let object = try workshop.objectWithBTF("struct node { long x; } it;")
    let file = try ELFFile(path: object)
    let (bytes, offset) = try BTF.section(of: file)
    var damaged = Array(bytes.bytes)
    damaged[2] = 9
    let copy = FileBytes(name: "object.o", copying: damaged)
    let error = try #require(throws: SourceError.self) { try BTF(copy, fileOffset: offset) }
    #expect(error.diagnostic.place == .bytes(file: "object.o", offset: offset + 2))
  }

  @Test func otherFilesAreCalledByTheirNames() throws {
    #expect(try failure(workshop.path("missing")).cause == .unavailable)
    #expect(try failure(workshop.write("empty", "")).diagnostic.message.contains("empty"))
    #expect(
      try failure(workshop.write("text", "hello, world, this is text")).diagnostic.id == "bad-btf")
    var image = [UInt8](repeating: 0, count: 0x400)
    image.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
    let error = try failure(workshop.write("vmlinuz", image))
    #expect(error.diagnostic.id == "not-btf")
    #expect(error.diagnostic.message.contains("vmlinuz"))
    #expect(
      try failure(workshop.write("x.gz", [0x1f, 0x8b, 8, 0])).diagnostic.message.contains("gzip"))
  }

  @Test func anELFWithoutBTF() throws {
    try workshop.write("plain.c", "int x;")
    try workshop.run("gcc", "-c", "plain.c", "-o", "plain.o")
    #expect(try failure(workshop.path("plain.o")).diagnostic.id == "no-btf")
  }

  @Test func damagedELFIsReadOrRefused() throws {
    _ = try workshop.objectWithBTF("struct node { long x; } it; int f(void) { return 1; }")
    let bytes = try workshop.read("object.o")
    for count in stride(from: 0, to: bytes.count, by: 13) {
      _ = try? BTF.read(workshop.write("damaged.o", Array(bytes[..<count])))
    }
    var random = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      var damaged = bytes
      damaged[Int.random(in: 0..<bytes.count, using: &random)] = .random(
        in: 0...255, using: &random)
      let path = try workshop.write("damaged.o", damaged)
      if let btf = try? BTF.read(path) { _ = readEverything(btf) }
      if let file = try? ELFFile(path: path) {
        _ = (file.buildID(), file.kernelRelease(), file.soname(), file.exportedSymbols())
      }
    }
  }

  @Test func sharedObjectsTellTheirSymbols() throws {
    try workshop.write(
      "lib.c",
      "int answer = 42; int ask(void) { return answer; } static int own(void) { return 0; }"
        + "__thread int each;")
    try workshop.run(
      "gcc", "-shared", "-fPIC", "-Wl,-soname,libask.so.7", "-Wl,--build-id=0xdeadbeef", "lib.c",
      "-o", "lib.so")
    let file = try ELFFile(path: workshop.path("lib.so"))
    #expect(file.soname() == "libask.so.7")
    #expect(file.buildID() == "deadbeef")
    #expect(file.kernelRelease() == nil)
    let symbols = Dictionary(uniqueKeysWithValues: file.exportedSymbols().map { ($0.name, $0) })
    #expect(symbols["answer"]?.size == 4)
    #expect(symbols["answer"]?.isFunction == false)
    #expect(symbols["ask"]?.isFunction == true)
    #expect(symbols["each"]?.isThreadLocal == true)
    #expect(symbols["own"] == nil)
  }

  @Test func releaseIsReadFromAKernelsBanner() throws {
    try workshop.write(
      "banner.c",
      """
      const char format[] = "Linux version %s (%s)";
      const char banner[] = "Linux version 6.1.0-56-cloud-amd64 (debian-kernel@x) #1 SMP";
      """)
    try workshop.run("gcc", "-c", "banner.c", "-o", "banner.o")
    #expect(try ELFFile(path: workshop.path("banner.o")).kernelRelease() == "6.1.0-56-cloud-amd64")
  }

  @Test func buildIDInNotes() {
    func find(_ bytes: [UInt8]) -> String? { bytes.withUnsafeBytes { BuildID.find(inNotes: $0) } }
    func note(_ name: String, _ type: UInt8, _ content: [UInt8]) -> [UInt8] {
      var name = Array(name.utf8) + [0]
      let header = [UInt8(name.count), 0, 0, 0, UInt8(content.count), 0, 0, 0, type, 0, 0, 0]
      while name.count % 4 != 0 { name.append(0) }
      return header + name + content + [UInt8](repeating: 0, count: (4 - content.count % 4) % 4)
    }
    let notes = note("Linux", 1, [1, 2, 3]) + note("GNU", 3, [0xab, 0x0c, 0xff])
    #expect(find(notes) == "ab0cff")
    #expect(find(note("GNU", 1, [1])) == nil)
    for count in 0..<notes.count - 1 { #expect(find(Array(notes[..<count])) == nil) }
    #expect(BuildID.isValid("ab0C") && !BuildID.isValid("ab0") && !BuildID.isValid("xy"))
  }
}
