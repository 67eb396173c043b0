// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Testing
import TypeIR

@testable import SymbolResolver

/// Libraries that carry debug information.
@Suite struct HostDWARFTests {
  private let workshop: Workshop
  private let library: String
  private let prefix: String

  init() throws {
    workshop = try Workshop()
    let unique = workshop.path("").split(separator: ".").last.map(String.init) ?? ""
    prefix = "h\(unique.filter { $0.isLetter || $0.isNumber })_"
    library = "lib\(prefix)test.so"
    try workshop.write(
      "host.c",
      """
      struct host_point { int x; short y; char tag[6]; };
      typedef unsigned long host_size;
      enum host_color { HOST_RED, HOST_GREEN = 5 };
      host_size \(prefix)count = 3;
      struct host_point \(prefix)origin;
      struct host_point *\(prefix)make(int x, short y) { \(prefix)origin.x = x; return &\(prefix)origin; }
      int \(prefix)sum(const struct host_point *p, enum host_color c) { return p->x + p->y + c; }
      """)
    try workshop.compile(["-g", "-shared", "-fPIC", "-Wl,--build-id", "host.c", "-o", library])
  }

  private func resolve(_ script: Script) throws -> Resolution {
    let resolution = try HostResolver.resolve(
      script.document(), libraries: [workshop.path(library)])
    #expect(
      try ResolvedDocument.decode(resolution.document.encode(), name: "resolved")
        == resolution.document)
    return resolution
  }

  private func errors(_ script: Script) throws -> [Diagnostic] {
    try #require(throws: DiagnosticList.self) { try resolve(script) }.diagnostics
  }

  @Test func nothingNeedsToBeDeclared() throws {
    let resolution = try resolve(
      Script(
        calls: ["\(prefix)make", "\(prefix)sum"], values: ["\(prefix)count", "\(prefix)origin"],
        members: ["x"]))
    #expect(
      try resolution.declaration("\(prefix)make")
        == "struct host_point *\(prefix)make(int x, short y)")
    #expect(
      try resolution.declaration("\(prefix)sum")
        == "int \(prefix)sum(const struct host_point *p, enum host_color c)")
    #expect(try resolution.declaration("\(prefix)count") == "host_size \(prefix)count")
    #expect(resolution.document.symbols.allSatisfy { $0.check == .undeclared })
    let point = try #require(try resolution.record("host_point"))
    #expect(point.members.map(\.bitOffset) == [0, 32, 48])
    #expect(point.size == 12)
  }

  /// Each of them mentions `struct host_point`, and two `enum host_color`.
  @Test func whatSeveralHaveInCommonIsOneType() throws {
    let resolution = try resolve(
      Script(
        calls: ["\(prefix)make", "\(prefix)sum"], values: ["\(prefix)origin"], members: ["x"]))
    let names = resolution.document.types.entries.compactMap { entry in
      switch entry.type {
      case .record(let record): record.tag
      case .enumeration(let enumeration): enumeration.tag
      case .forward(_, let name): name
      default: nil
      }
    }
    #expect(names.sorted() == ["host_color", "host_point"])
  }

  @Test func enumeratorsByName() throws {
    let resolution = try resolve(
      Script(calls: ["\(prefix)sum"], values: ["HOST_GREEN", "HOST_RED"]))
    let constants = resolution.document.constants
    #expect(constants.map(\.name).sorted() == ["HOST_GREEN", "HOST_RED"])
    #expect(constants.map { $0.value.text }.sorted() == ["0", "5"])
    // The same enumeration as that of the function's parameter.
    let enumerations = resolution.document.types.entries.filter {
      if case .enumeration = $0.type { true } else { false }
    }
    #expect(enumerations.count == 1)
    #expect(try errors(Script(calls: ["HOST_GREEN"])).map(\.id) == ["not-a-function"])
  }

  /// The dynamic linker would not find it by its name.
  @Test func aLibraryGivenByItsPathIsOpenedByIt() throws {
    let symbols = try resolve(Script(calls: ["\(prefix)make"])).document.symbols
    let path = try #require(LoadedObjects.realPath(workshop.path(library)))
    #expect(symbols.map(\.address.base) == [.host(path)])
  }

  @Test func whatIsDeclaredIsCompared() throws {
    let right = try resolve(
      Script(
        c: "struct host_point { int x; short y; char tag[6]; }; "
          + "int \(prefix)sum(const struct host_point *, int); extern host_size \(prefix)count;",
        calls: ["\(prefix)sum"], values: ["\(prefix)count"]))
    #expect(right.document.symbols.allSatisfy { $0.check == .matches })
    #expect(try resolution(right, defines: "host_size"))

    let wrong = try errors(
      Script(
        c: "struct host_point { int x, y; }; int \(prefix)sum(const struct host_point *, int); "
          + "long \(prefix)make(int, short); extern unsigned \(prefix)count;",
        calls: ["\(prefix)sum", "\(prefix)make"], values: ["\(prefix)count"]))
    #expect(
      wrong.map(\.id).sorted() == [
        "return-type-differs", "struct-differs", "variable-type-differs",
      ])
    #expect(wrong.allSatisfy { $0.message.contains("library: ") && $0.message.contains("yours: ") })
  }

  /// gcc puts the code into a unit of its own, which refers to the units of the sources (`-flto`);
  /// dwz makes such references, too.
  @Test(arguments: ["1to1", "max", "one"])
  func entriesAreCompletedFromOtherUnits(partition: String) throws {
    let functions = (1...4).map { "\(prefix)set\($0)" }
    for (number, function) in functions.enumerated() {
      try workshop.write(
        "part\(number).c",
        """
        struct part\(number) { short s; long values[\(number + 1)]; };
        struct part\(number) \(function)_state;
        static int inner(struct part\(number) *part) { return part->s; }
        long \(function)(struct part\(number) *part, short s) { part->s = s; return inner(part); }
        """)
      try workshop.compile(["-g", "-O2", "-fPIC", "-flto", "-c", "part\(number).c"])
    }
    try workshop.compile(
      ["-g", "-O2", "-shared", "-flto", "-flto-partition=\(partition)", "-Wl,--build-id"]
        + functions.indices.map { "part\($0).o" } + ["-o", library])
    let resolution = try resolve(
      Script(calls: functions, values: functions.map { $0 + "_state" }))
    for (number, function) in functions.enumerated() {
      #expect(
        try resolution.declaration(function)
          == "long \(function)(struct part\(number) *part, short s)")
      #expect(
        try resolution.declaration(function + "_state") == "struct part\(number) \(function)_state")
      #expect(try resolution.record("part\(number)")?.size == UInt64(8 * (number + 2)))
    }
  }

  /// DWARF tells all dimensions, so here `[2][3]` is not `[6]`.
  @Test func arraysOfArraysAreComparedExactly() throws {
    let wrong = try errors(
      Script(
        c: "struct host_point { int x; short y; char tag[2][3]; }; "
          + "int \(prefix)sum(const struct host_point *, int);", calls: ["\(prefix)sum"]))
    #expect(wrong.map(\.id) == ["struct-differs"])
  }

  @Test func membersOfOtherNamesAreWarnedOf() throws {
    let swapped = try resolve(
      Script(
        c: "struct host_point { int y; short x; char tag[6]; }; "
          + "int \(prefix)sum(const struct host_point *, int);", calls: ["\(prefix)sum"]))
    #expect(Set(swapped.warnings.map(\.id)) == ["member-name-differs"])
  }

  private func resolution(_ resolution: Resolution, defines name: String) throws -> Bool {
    resolution.document.types.entries.contains {
      if case .typedef(name, _, _) = $0.type { true } else { false }
    }
  }

  @Test func withoutDebugInformationItSaysWhatToDo() throws {
    try workshop.run("strip", "-g", library)
    let errors = try errors(Script(calls: ["\(prefix)make"]))
    #expect(errors.map(\.id) == ["undeclared-symbol"])
    #expect(errors[0].hints.contains { $0.contains("--lib") })
  }

  /// What was stripped off is beside it.
  @Test func ofItsDebugFile() throws {
    try workshop.run("objcopy", "--only-keep-debug", library, library + ".debug")
    try workshop.run("strip", "-g", library)
    let resolution = try resolve(Script(calls: ["\(prefix)make"]))
    #expect(
      try resolution.declaration("\(prefix)make")
        == "struct host_point *\(prefix)make(int x, short y)")
  }
}
