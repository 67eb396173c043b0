// SPDX-License-Identifier: MIT

import DebugInfoFixtures
import Diagnostics
import Foundation
import Testing

@testable import DebugInfo

/// Which files the dynamic linker would load: ldd(1) says it.
@Suite struct LibrarySearchTests {
  private let workshop: Workshop

  init() throws { workshop = try Workshop() }

  /// In the order of ldd, which is that of loading.
  private func ldd(_ path: String) throws -> [String] {
    String(decoding: try workshop.run("ldd", path), as: UTF8.self).split(separator: "\n")
      .compactMap { line in
        let words = line.split(separator: " ")
        guard let path = words.first(where: { $0.hasSuffix(":") == false && $0.contains("/") })
        else { return nil }
        return LoadedObjects.realPath(String(path.filter { $0 != "\t" }))
      }
  }

  private func search(_ library: String) throws -> [String] {
    var search = LibrarySearch(loaded: [])
    return try search.files(of: library)
  }

  @Test(arguments: ["libdw.so.1", "libpython3.11.so.1.0", "libstdc++.so.6"])
  func whatADistributionHas(_ name: String) throws {
    let path = try #require(DynamicLinkerCache(path: "/etc/ld.so.cache")?.path(of: name))
    let found = try search(name)
    #expect(found.first == LoadedObjects.realPath(path))
    #expect(try Set(found.dropFirst()) == Set(ldd(path)))
  }

  @Test func foldersThatALibraryNames() throws {
    try workshop.write("inner.c", "int inner(void) { return 1; }")
    try workshop.write("outer.c", "int inner(void); int outer(void) { return inner(); }")
    try workshop.run("mkdir", "deep")
    try workshop.run(
      "gcc", "-shared", "-fPIC", "-Wl,-soname,libinner.so.3", "inner.c", "-o", "deep/libinner.so.3")
    for option in ["--enable-new-dtags", "--disable-new-dtags"] {
      try workshop.run(
        "gcc", "-shared", "-fPIC", "-Wl,\(option),-rpath,$ORIGIN/deep", "outer.c",
        "deep/libinner.so.3", "-o", "libouter.so")
      let outer = workshop.path("libouter.so")
      let found = try search(outer)
      #expect(try Set(found.dropFirst()) == Set(ldd(outer)))
      #expect(found.contains { $0.hasSuffix("deep/libinner.so.3") })
      // What is there already is not found again, and brings nothing.
      var second = LibrarySearch(loaded: found)
      #expect(try second.files(of: outer) == [])
    }
    try workshop.run("rm", "deep/libinner.so.3")
    let error = try #require(throws: SourceError.self) { try search(workshop.path("libouter.so")) }
    #expect(error.diagnostic.id == "cannot-load")
    #expect(error.diagnostic.message.contains("libinner.so.3, which "))
  }

  @Test func whatIsNoLibrary() throws {
    try workshop.write("main.c", "int main(void) { return 0; }")
    try workshop.run("gcc", "-c", "main.c", "-o", "main.o")
    let error = try #require(throws: SourceError.self) { try search(workshop.path("main.o")) }
    #expect(error.diagnostic.id == "bad-elf")
    #expect(throws: SourceError.self) { try search("libno_such_thing.so.9") }
  }

  /// Damaged in any byte, the list of libraries tells less.
  @Test func damagedCaches() throws {
    let good = Array(try Data(contentsOf: URL(fileURLWithPath: "/etc/ld.so.cache")))
    for count in stride(from: 0, to: good.count, by: good.count / 50 + 1) {
      let path = try workshop.write("cache", Array(good.prefix(count)))
      _ = DynamicLinkerCache(path: path)?.path(of: "libc.so.6")
    }
    for place in 0..<64 {
      var bad = good
      bad[place] = 0xff
      let path = try workshop.write("cache", bad)
      _ = DynamicLinkerCache(path: path)?.path(of: "libc.so.6")
    }
  }
}
