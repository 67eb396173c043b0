// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Foundation
import Testing

/// Debug information that is in several files.
@Suite struct SplitFilesTests {
  private let workshop: Workshop

  init() throws {
    workshop = try Workshop()
    try workshop.write(
      "shared.h",
      "struct shared_node { struct shared_node *next; int values[3]; char name[20]; };\n"
        + "struct shared_list { struct shared_node *first, *last; unsigned long count; };\n")
    for name in ["one", "two"] {
      try workshop.write(
        "\(name).c",
        "#include \"shared.h\"\nstruct shared_list \(name)_list;\n"
          + "int \(name)_call(struct shared_list *l, struct shared_node *n) { return l->count; }\n")
    }
  }

  /// The types of a variable and a function, as BTF has them: members and parameters.
  private func shape(_ path: String) throws -> [String] {
    let file = try DWARFFile(path: path)
    let found = try file.find(["one_list", "one_call"])
    #expect(found.count == 2)
    let types = try file.types(of: found, base: nil)
    let btf = types.btf
    var shape: [String] = []
    for id in btf.allTypes where btf[id].kind == .structure {
      let members = btf.members(of: id).map { "\(btf.name($0.nameOffset) ?? "")@\($0.bitOffset)" }
      shape.append("\(btf.name(of: id) ?? "") \(btf[id].sizeOrType): \(members)")
    }
    for id in btf.allTypes where btf[id].kind == .functionPrototype {
      shape.append("parameters: \(btf.parameters(of: id).count)")
    }
    return shape.sorted()
  }

  private func compile(_ options: [String]) throws {
    for name in ["one", "two"] {
      try workshop.compile(
        options + ["-shared", "-fPIC", "-Wl,--build-id", "\(name).c", "-o", "\(name).so"])
    }
  }

  /// dwz moves what two files have in common into a third (DWARF5 7.3.6; .gnu_debugaltlink).
  @Test(arguments: ["-gdwarf-4", "-gdwarf-5"]) func aSupplement(_ version: String) throws {
    try compile([version])
    let whole = try shape(workshop.path("one.so"))
    #expect(whole.count == 3)
    try workshop.run(
      "dwz", "-m", workshop.path("common.debug"), "-M", "common.debug", "one.so",
      "two.so")
    try #require(FileManager.default.fileExists(atPath: workshop.path("common.debug")))
    #expect(try shape(workshop.path("one.so")) == whole)
  }

  @Test(arguments: ["-gdwarf-4", "-gdwarf-5"]) func splitDWARF(_ version: String) throws {
    try compile([version])
    let whole = try shape(workshop.path("one.so"))
    try compile([version, "-gsplit-dwarf"])
    #expect(try shape(workshop.path("one.so")) == whole)
  }

  /// Without its .dwo files, a file says what is missing.
  @Test func splitFilesThatAreNotThere() throws {
    try compile(["-gdwarf-5", "-gsplit-dwarf"])
    for file in try FileManager.default.contentsOfDirectory(atPath: workshop.path(""))
    where file.hasSuffix(".dwo") {
      try FileManager.default.removeItem(atPath: workshop.path(file))
    }
    let error = try #require(throws: SourceError.self) { try shape(workshop.path("one.so")) }
    #expect(error.diagnostic.id == "no-dwo")
    #expect(error.diagnostic.message.contains(".dwo"))
  }
}
