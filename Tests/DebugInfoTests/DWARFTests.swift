// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Testing

@Suite struct DWARFTests {
  private let workshop: Workshop

  init() throws { workshop = try Workshop() }

  /// Every way in which gcc writes what the kernel has.
  static let forms: [[String]] = [
    ["-gdwarf-4"], ["-gdwarf-5"], ["-gdwarf-5", "-gz"], ["-gdwarf-4", "-fdebug-types-section"],
    ["-gdwarf-5", "-fdebug-types-section"], ["-gdwarf-5", "-gsplit-dwarf"],
    ["-gdwarf-4", "-gsplit-dwarf"], ["-gdwarf-5", "-O2"], ["-gdwarf-2", "-gstrict-dwarf"],
    ["-gdwarf-3", "-gstrict-dwarf"],
  ]

  static let source = """
    typedef unsigned long word;
    enum color { RED, GREEN = 7, BLUE = -2 };
    struct inner { char text[12]; void *any; };
    struct node {
      struct node *next; volatile word count; unsigned flag:3; unsigned :2; int rest:11;
      union { int number; long double wide; }; struct inner inner[2]; enum color color;
      int (*act)(struct node *, const char *, ...); _Bool ok; __int128 huge; char tail[];
    };
    extern struct node declared;
    struct node *root;
    struct inner table[4];
    static int hidden __attribute__((used)) = 3;
    static inline int twice(int x) { return 2 * x; }
    int call(struct node *node, unsigned char c, ...) { return twice(node->rest) + c; }
    static void __attribute__((noreturn, used, noinline)) stop(void) { for (;;); }
    long use(void) { return declared.count; }
    """

  private func object(_ options: [String], _ source: String = source) throws -> DWARFFile {
    try workshop.write("source.c", source)
    // Linked, for objects have a section of its own for each type unit.
    try workshop.compile(options + ["-w", "-shared", "-fPIC", "source.c", "-o", "object.so"])
    return try DWARFFile(path: workshop.path("object.so"))
  }

  /// clang gives strings by numbers, which count from another place in each unit (DWARF5 7.26).
  @Test func stringsByNumbers() throws {
    for name in ["first", "second"] {
      try workshop.write(
        "\(name).c",
        "struct \(name)_type { int \(name)_member; }; struct \(name)_type \(name)_value;"
          + "int \(name)_call(struct \(name)_type *x) { return x->\(name)_member; }")
    }
    try workshop.run(
      "clang", "-gdwarf-5", "-O0", "-shared", "-fPIC", "-Wl,--build-id", "first.c", "second.c",
      "-o",
      "two.so")
    let forms = String(
      decoding: try workshop.run("readelf", "--debug-dump=abbrev", "two.so"), as: UTF8.self)
    try #require(forms.contains("DW_FORM_strx1"))
    let names = ["first", "second"].flatMap { ["\($0)_value", "\($0)_call", "\($0)_type"] }
    for cache in [nil, IndexCache(directory: workshop.path("cache"))] {
      let file = try DWARFFile(path: workshop.path("two.so"), cache: cache)
      let found = try file.find(names)
      #expect(Set(found.map(\.name)) == Set(names))
      #expect(found.count == names.count)
      let types = try file.types(of: found, base: nil)
      let members = types.btf.allTypes.filter { types.btf[$0].kind == .structure }.map { id in
        types.btf.members(of: id).map { types.btf.name($0.nameOffset) ?? "" }
      }
      #expect(Set(members) == [["first_member"], ["second_member"]])
      let nm = String(decoding: try workshop.run("nm", "two.so"), as: UTF8.self)
      for entry in found where entry.kind == .function || entry.kind == .variable {
        let address = try #require(file.address(of: entry))
        let letter = entry.kind == .function ? "T" : "B"
        let line = try #require(
          nm.split(separator: "\n").first { $0.hasSuffix(" \(letter) \(entry.name)") })
        #expect(UInt64(line.prefix(16), radix: 16) == address)
      }
    }
  }

  @Test(arguments: forms) func findsWhatIsDeclared(_ options: [String]) throws {
    let file = try object(options)
    let found = try file.find(
      ["call", "root", "hidden", "node", "inner", "color", "word", "GREEN", "declared", "stop"],
      includingEnumerators: true)
    func entry(_ name: String, _ kind: DWARFKind) throws -> DWARFEntry {
      let matches = found.filter { $0.name == name && $0.kind == kind }
      #expect(matches.count == 1, "\(name): \(matches)")
      return try #require(matches.first)
    }
    let call = try entry("call", .function)
    #expect(call.flags.contains([.located, .external]))
    #expect(file.address(of: call) != nil)
    #expect(try #require(file.source(of: call)).file.hasSuffix("source.c"))
    #expect(file.source(of: call)?.line == 14)
    #expect(file.unitName(of: call)?.hasSuffix("source.c") == true)
    #expect(try entry("root", .variable).flags.contains([.located, .external]))
    #expect(!(try entry("hidden", .variable).flags.contains(.external)))
    #expect(file.address(of: try entry("hidden", .variable)) != nil)
    #expect(try entry("declared", .variable).isDeclaration)
    let oracle = try BTF.read(workshop.objectWithBTF(Self.source))
    let node = try #require(oracle.types(named: "node", [.structure]).first)
    #expect(try entry("node", .structure).size == oracle.size(of: node))
    #expect(try entry("inner", .structure).line == 3)
    _ = try entry("color", .enumeration)
    _ = try entry("word", .typedef)
    let green = try entry("GREEN", .enumerator)
    #expect(file.value(of: green)?.bits == 7)
    if !options.contains("-gstrict-dwarf") {
      #expect(try entry("stop", .function).flags.contains(.noReturn))
    }
  }

  /// (gcc 12's own BTF has the dimensions the wrong way round.)
  @Test func arraysOfArrays() throws {
    let file = try object(["-gdwarf-5"], "short matrix[3][4][5];")
    let btf = try file.types(of: file.find(["matrix"]), base: nil).btf
    let variable = try #require(btf.types(named: "matrix", [.variable]).first)
    #expect(spell(btf[variable].target, btf) == "[3][4][5]short int 2")
    #expect(btf.size(of: btf[variable].target) == 120)
  }

  @Test func inlinedEverywhereHasNoAddress() throws {
    let file = try object(["-gdwarf-5", "-O2"])
    let twice = try #require(file.find(["twice"]).first)
    #expect(twice.flags.contains(.inlined))
    #expect(file.address(of: twice) == nil)
  }

  /// The compiler's own BTF is the oracle: what DWARF says of each type is the same.
  @Test(arguments: forms) func typesAreThoseOfBTF(_ options: [String]) throws {
    let file = try object(options)
    let types = try file.types(
      of: file.find(["node", "call", "root", "table", "word", "color"]), base: nil)
    let oracle = try BTF.read(workshop.objectWithBTF(Self.source))
    for tag in ["node", "inner"] {
      let mine = try #require(types.btf.types(named: tag, [.structure]).first)
      let its = try #require(oracle.types(named: tag, [.structure]).first)
      #expect(describe(mine, types.btf) == describe(its, oracle), "\(tag)")
    }
    let mine = try #require(types.btf.types(named: "color", [.enumeration]).first)
    let its = try #require(oracle.types(named: "color", [.enumeration]).first)
    #expect(describe(mine, types.btf) == describe(its, oracle))
    let function = try #require(types.btf.types(named: "call", [.function]).first)
    let other = try #require(oracle.types(named: "call", [.function]).first)
    #expect(
      describe(types.btf[function].target, types.btf) == describe(oracle[other].target, oracle))
    for name in ["root", "table"] {
      let mine = try #require(types.btf.types(named: name, [.variable]).first)
      let its = try #require(oracle.types(named: name, [.variable]).first)
      #expect(spell(types.btf[mine].target, types.btf) == spell(oracle[its].target, oracle))
    }
  }

  @Test func whatTheBaseHasIsNotRepeated() throws {
    let base = try BTF.read(workshop.objectWithBTF(Self.source))
    let file = try object(["-gdwarf-5"])
    let types = try file.types(of: file.find(["root", "node"]), base: base)
    #expect(types.btf.types(named: "node", [.structure]).count == 1)
    // The variable, and its pointer.
    #expect(types.btf.typeCount - base.typeCount == 2)
  }

  @Test func withoutDWARF() throws {
    try workshop.write("plain.c", "int x;")
    try workshop.compile(["-c", "plain.c", "-o", "plain.o"])
    let error = try #require(throws: SourceError.self) {
      try DWARFFile(path: workshop.path("plain.o"))
    }
    #expect(error.diagnostic.id == "no-dwarf")
    #expect(error.cause == .unavailable)
  }

  /// A record, enumeration or prototype, part by part.
  private func describe(_ id: BTFTypeID, _ btf: BTF) -> [String] {
    let type = btf[id]
    let own = "\(type.kind) \(btf.name(of: id) ?? "") \(type.sizeOrType)"
    switch type.kind {
    case .structure, .union:
      return [own]
        + btf.members(of: id).flatMap { member in
          [
            "\(btf.name(member.nameOffset) ?? "") at \(member.bitOffset):\(member.bitSize) "
              + spell(member.type, btf)
          ]
        }
    case .enumeration:
      return [own]
        + btf.enumerators(of: id).map {
          "\(btf.name($0.nameOffset) ?? "") = \(Int32(truncatingIfNeeded: $0.bits))"
        }
    case .functionPrototype: return [spell(id, btf)]
    default: return [own]
    }
  }

  private func spell(_ id: BTFTypeID, _ btf: BTF, depth: Int = 0) -> String {
    let type = btf[id]
    let name = btf.name(of: id)
    guard depth < 8 else { return "…" }
    switch type.kind {
    case .structure, .union:
      return name.map { "\(type.kind) \($0)" } ?? describe(id, btf).joined(separator: ";")
    case .enumeration: return "enum \(name ?? "")"
    case .array:
      let array = btf.array(id)
      return "[\(array.count)]" + spell(array.element, btf, depth: depth + 1)
    case .functionPrototype:
      let parameters = btf.parameters(of: id).map {
        $0.isVariadicMark ? "..." : spell($0.type, btf, depth: depth + 1)
      }
      return "(\(parameters.joined(separator: ", "))) " + spell(type.target, btf, depth: depth + 1)
    case .pointer, .const, .volatile, .restrict, .typedef:
      return "\(type.kind) \(name ?? "") " + spell(type.target, btf, depth: depth + 1)
    case .int:
      let integer = btf.integer(id)
      return "\(name ?? "") \(integer.size)"
    default: return "\(type.kind) \(name ?? "")"
    }
  }
}
