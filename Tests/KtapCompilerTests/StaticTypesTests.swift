// SPDX-License-Identifier: MIT

import Testing
import TypeIR

/// Where the compiler knows the type, a member is accessed by its place.
@Suite struct StaticTypesTests {
  /// struct node { struct node *next; union { long value; char c; }; struct node *list[2]; } with
  /// functions and a variable of it.
  private static let types: ResolvedDocument = {
    var types = TypeTable()
    let long = types.append(.int(name: "long", size: 8, align: 8, encoding: .signed))
    let char = types.append(.int(name: "char", size: 1, align: 1, encoding: .char))
    let either = types.append(
      .record(
        Record(
          keyword: .union, tag: nil, size: 8, align: 8,
          members: [
            Member(name: "value", type: long, bitOffset: 0),
            Member(name: "c", type: char, bitOffset: 0),
          ])))
    let node = TypeID(Int32(types.count + 1))
    let pointer = TypeID(node.rawValue + 1)
    let list = TypeID(node.rawValue + 2)
    _ = types.append(
      .record(
        Record(
          keyword: .struct, tag: "node", size: 32, align: 8,
          members: [
            Member(name: "next", type: pointer, bitOffset: 0),
            Member(name: nil, type: either, bitOffset: 64),
            Member(name: "list", type: list, bitOffset: 128),
          ])))
    _ = types.append(.pointer(node))
    _ = types.append(.array(element: pointer, length: .count(2)))
    let compare = types.append(
      .pointer(
        types.append(
          .function(
            FunctionType(
              returnType: long, parameters: [Parameter(name: nil, type: pointer)],
              isVariadic: false)))))
    func function(_ parameters: [TypeID]) -> TypeID {
      types.append(
        .function(
          FunctionType(
            returnType: pointer, parameters: parameters.map { Parameter(name: nil, type: $0) },
            isVariadic: false)))
    }
    func symbol(_ name: String, _ kind: SymbolKind, _ type: TypeID) -> ResolvedSymbol {
      ResolvedSymbol(
        name: name, kind: kind, type: type, at: "t.kp:1:1",
        address: SymbolAddress(base: .stext, offset: 64), size: kind == .variable ? 32 : nil,
        source: .btf, check: .matches)
    }
    let symbols = [
      symbol("find", .function, function([pointer])), symbol("root", .variable, node),
      symbol("each", .function, function([compare])),
    ]
    return ResolvedDocument(
      targetKind: .kernel, kernel: KernelIdentity(release: "6.1.0", buildID: "00ff10"),
      types: types, symbols: symbols, constants: [],
      expressions: [
        TypeExpression(text: "struct node", type: node, at: "t.kp:1:1"),
        TypeExpression(text: "struct node *", type: pointer, at: "t.kp:1:1"),
        TypeExpression(text: "long (*)(struct node *)", type: compare, at: "t.kp:1:1"),
      ])
  }()

  /// The members accessed by place, in order, and those by name.
  private func accesses(_ source: String) throws -> [String] {
    try listing(source, types: Self.types).split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count > 1, let last = line.split(separator: ";").last else { return nil }
      switch words[1] {
      case "getmember", "setmember":
        let name = last.split(separator: ",")[0].split(separator: ".").last ?? ""
        return "\(words[1].prefix(3)) \(name)"
      case "getfield", "setfield": return "\(words[1]) \(last.dropFirst())"
      default: return nil
      }
    }
  }

  @Test(arguments: [
    ("print(`root`.value)", ["get value"]),
    ("print(`root`.next.next.c)", ["get next", "get next", "get c"]),
    ("print(`root`.list[1].value)", ["get list", "get value"]),
    ("print(`root`[\"value\"])", ["get value"]),
    ("print(ffi.C.find(nil).value)", ["get value"]),
    (
      "var n = ffi.new(\"struct node\")\nn.value = 3\nn.value += 1",
      ["set value", "get value", "set value"]
    ),
    ("var p = ffi.cast(\"struct node *\", 8)\nwhile (p != nil) { p = p.next }", ["get next"]),
    ("var p = ffi.cast(\"struct node *\", 8)\nprint((p + 1).next, p[0].c)", ["get next", "get c"]),
    ("p = ffi.C.find(nil)\nfunction f() { return p.value }", ["get value"]),
    (
      "var p = ffi.C.find(nil)\nfunction f() { return function () { return p.value } }",
      ["get value"]
    ),
    ("var p\np = ffi.C.find(nil)\nprint(p.value)", ["get value"]),
    ("ffi.C.each(function (n) { return n.value })", ["get value"]),
    ("ffi.callback(\"long (*)(struct node *)\", function (n) { return n.value })", ["get value"]),
    (
      "var n = ffi.gc(ffi.new(\"struct node\"), print)\nprint(n.c, ffi.addressof(n).next)",
      ["get c", "get next"]
    ),
  ])
  func isKnown(source: String, expected: [String]) throws {
    #expect(try accesses(source) == expected)
  }

  @Test(arguments: [
    ("function f(n) { return n.value }", ["getfield \"value\""]),
    ("print(`root`.missing)", ["getfield \"missing\""]),
    ("var t = {}\nt.value = 1\nprint(t.value)", ["setfield \"value\"", "getfield \"value\""]),
    ("var n = ffi.C.find(nil)\nn:value()", ["getfield \"value\""]),
  ])
  func isLookedUp(source: String, expected: [String]) throws {
    #expect(try accesses(source) == expected)
  }
}
