// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Testing

/// The files in which functions are declared, below directories of several depths.
@Suite struct DWARFFileNamesTests {
  private let workshop: Workshop

  init() throws { workshop = try Workshop() }

  @Test(arguments: [
    ["-gdwarf-2", "-gstrict-dwarf"], ["-gdwarf-3", "-gstrict-dwarf"],
    ["-gdwarf-4"], ["-gdwarf-5"], ["-gdwarf-5", "-gdwarf64"],
    ["-gdwarf-5", "-gz"], ["-gdwarf-5", "-gsplit-dwarf"],
    ["-gdwarf-4", "-gsplit-dwarf"],
  ])
  func filesAreFoundInEveryForm(_ options: [String]) throws {
    try workshop.run("mkdir", "-p", "include/deep", "fs")
    try workshop.write(
      "include/deep/one.h", "__attribute__((used)) static int deep(void)\n{ return 1; }\n")
    try workshop.write(
      "include/two.h",
      "#include \"deep/one.h\"\n\n__attribute__((used)) static int two(void)\n{ return 2; }\n")
    try workshop.write(
      "fs/main.c", "#include <two.h>\nint call(void)\n{ return deep() + two(); }\n")
    try workshop.write("other.c", "\n\nint other(void)\n{ return 4; }\n")
    try workshop.compile(
      options + [
        "-O0", "-shared", "-fPIC", "-Iinclude", "fs/main.c", "other.c", "-o", "lib.so",
      ])
    let file = try DWARFFile(path: workshop.path("lib.so"))
    let found = try file.find(["deep", "two", "call", "other"])
    #expect(found.count == 4)
    let files = [
      "deep": "include/deep/one.h", "two": "include/two.h", "call": "fs/main.c", "other": "other.c",
    ]
    for entry in found {
      let source = try #require(file.source(of: entry), "\(entry.name)")
      #expect(source.file == workshop.path(try #require(files[entry.name])))
    }
  }
}
