// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// Documents that have something of everything in them.
enum Samples {
  static let externs = ExternsDocument(
    cdefs: [
      ExternsDocument.CDef(
        text: "struct timeval { long tv_sec; };\n\t\"quoted\\\u{1}\"", at: "s.kp:1:10",
        map: [
          ExternsDocument.MapEntry(offset: 0, line: 1, column: 12),
          ExternsDocument.MapEntry(offset: 33, line: 2, column: 1),
        ])
    ],
    types: [ExternsDocument.TypeString(text: "struct task_struct *", at: "s.kp:12:9")],
    names: [ExternsDocument.Name(name: "jiffies", use: .token, at: "s.kp:9:7")],
    members: ["comm", "größe", "pid"])

  /// One type of each kind.
  static let table = TypeTable([
    TypeEntry(.int(name: "long", size: 8, align: 8, encoding: .signed)),
    TypeEntry(.typedef(name: "__kernel_time_t", type: TypeID(1), align: nil)),
    TypeEntry(
      .record(
        Record(
          keyword: .struct, tag: "list", size: 32, align: 8,
          members: [
            Member(name: "next", type: TypeID(4), bitOffset: 0),
            Member(name: "flag", type: TypeID(1), bitOffset: 64, bitSize: 3),
            Member(name: nil, type: TypeID(1), bitOffset: 67, bitSize: 5),
            Member(name: "rest", type: TypeID(5), bitOffset: 128),
          ]))),
    TypeEntry(.pointer(TypeID(3))),
    TypeEntry(.array(element: TypeID(1), length: .count(2))),
    TypeEntry(.array(element: TypeID(1), length: .flexible)),
    TypeEntry(
      .enumeration(
        Enumeration(
          tag: "colour", size: 8, isSigned: false,
          values: [
            Enumerator(name: "RED", value: IntegerValue(UInt64.max)),
            Enumerator(name: "BLUE", value: IntegerValue(Int64(-1))),
          ]))),
    TypeEntry(.forward(keyword: .union, tag: "other")),
    TypeEntry(.const(TypeID(1))),
    TypeEntry(.volatile(TypeID(9))),
    TypeEntry(.restrict(TypeID(4))),
    TypeEntry(.atomic(TypeID(1))),
    TypeEntry(
      .function(
        FunctionType(
          returnType: .void,
          parameters: [
            Parameter(name: "tv", type: TypeID(4)), Parameter(name: nil, type: TypeID(1)),
          ], isVariadic: true, convention: .ms))),
    TypeEntry(.float(name: "double", size: 8, align: 8)),
    TypeEntry(.complex(name: "double _Complex", size: 16, align: 8)),
    TypeEntry(.vector(element: TypeID(14), count: 4)),
    TypeEntry(.typedef(name: "page_t", type: TypeID(1), align: 4096), origin: .kernel),
    TypeEntry(
      .record(
        Record(
          keyword: .union, tag: nil, size: 8, align: 8,
          members: [Member(name: nil, type: TypeID(1), bitOffset: 0)], isTransparent: true)),
      origin: .host),
  ])

  static let types: TypesDocument = {
    var document = TypesDocument(types: table)
    let unresolved = document.types.append(.unresolved(name: "pid_t"))
    document.types.append(
      .record(
        Record(
          keyword: .struct, tag: "pending", size: nil, align: nil,
          members: [
            Member(
              name: "pid", type: unresolved, bitOffset: nil,
              request: LayoutRequest(isPacked: true, align: 2)),
            Member(name: nil, type: TypeID(1), bitOffset: nil, bitSize: 0),
          ], request: LayoutRequest(isPacked: true, align: 32, maximumAlign: 4))))
    document.symbols = [
      SymbolDeclaration(
        name: "do_gettimeofday", kind: .function, type: TypeID(13), at: "s.kp:4:10",
        linkName: "gtod", isInlineOnly: true),
      SymbolDeclaration(name: "jiffies", kind: .variable, type: TypeID(10), at: "s.kp:5:10"),
    ]
    document.constants = [
      Constant(name: "GFP_KERNEL", value: IntegerValue(UInt64(3264)), type: TypeID(1)),
      Constant(name: "LOW", value: IntegerValue(Int64.min), type: TypeID(1)),
    ]
    document.expressions = [
      TypeExpression(text: "struct list *", type: TypeID(4), at: "s.kp:12:9"),
      TypeExpression(text: "void", type: .void, at: "s.kp:13:9"),
    ]
    document.wants = [
      Want(name: "ktime_get", kind: .symbol, use: .call, at: "s.kp:9:7"),
      Want(name: "pid_t", kind: .type, at: "s.kp:12:9"),
    ]
    document.members = ["comm"]
    return document
  }()

  static let resolved = ResolvedDocument(
    targetKind: .kernel, kernel: KernelIdentity(release: "6.1.0", buildID: "c0ffee"),
    types: table,
    symbols: [
      ResolvedSymbol(
        name: "a", kind: .function, type: TypeID(13), at: "s.kp:1:1", linkName: "b",
        address: SymbolAddress(base: .stext, offset: 0x1000), size: 16, source: .btf,
        check: .matches,
        facts: SymbolFacts(
          section: ".text", isExported: true, maySleep: .notKnown, isNoReturn: false,
          definedAt: "fs/read_write.c:450")),
      ResolvedSymbol(
        name: "c", kind: .variable, type: TypeID(1), at: "s.kp:2:1",
        address: SymbolAddress(base: .module("ktap_test"), offset: 8), size: nil,
        module: "ktap_test", source: .dwarfDeclaration, check: .undeclared),
      ResolvedSymbol(
        name: "d", kind: .variable, type: TypeID(1), at: "s.kp:3:1",
        address: SymbolAddress(base: .host("libc.so.6"), offset: .max), size: 8, source: .host,
        check: .unverified),
      ResolvedSymbol(
        name: "e", kind: .variable, type: TypeID(1), at: "s.kp:4:1",
        address: SymbolAddress(base: .percpu, offset: 0), size: 8, source: .symtab,
        check: .unverified),
      ResolvedSymbol(
        name: "f", kind: .variable, type: TypeID(1), at: "s.kp:4:1",
        address: SymbolAddress(base: .absolute, offset: 0), size: 8, source: .dwarf,
        check: .unverified),
    ],
    constants: [Constant(name: "X", value: IntegerValue(Int64(-5)), type: TypeID(1))],
    expressions: [TypeExpression(text: "long", type: TypeID(1), at: "s.kp:9:1")])
}
