// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures

/// A BTF with at least one type of every kind.
enum Samples {
  static let everyKind: BTFWriter = {
    var btf = BTFWriter()
    let int = btf.int("int", size: 4, .signed)
    let char = btf.int("char", size: 1, [.signed])
    let pointer = btf.pointer(btf.const(char))
    let array = btf.array(int, 3)
    let enumeration = btf.enumeration("mode", signed: true, [("OFF", -1), ("ON", 1)])
    let wide = btf.enumeration64("wide", [("HUGE", 1 << 40)])
    let file = btf.forward("file")
    let union = btf.union(nil, size: 4, [.init("whole", int, at: 0), .init("part", char, at: 0)])
    let record = btf.structure(
      "node", size: 64,
      [
        .init("name", pointer, at: 0), .init("values", array, at: 64),
        .init("low", int, at: 160, bitSize: 5), .init("high", int, at: 165, bitSize: 27),
        .init(nil, union, at: 192), .init("mode", enumeration, at: 224),
        .init("wide", wide, at: 256), .init("next", btf.nextID + 1, at: 320),
      ])
    btf.pointer(record)
    let alias = btf.typedef("node_t", btf.volatile(btf.restrict(btf.pointer(record))))
    btf.float("double", size: 8)
    btf.typeTag("user", int)
    btf.function("visit", returning: int, [("node", alias), ("file", btf.pointer(file))])
    btf.function("log", returning: 0, [("format", pointer)], variadic: true)
    let variable = btf.variable("current_node", alias)
    btf.section(".data..percpu", [(variable: variable, offset: 16, size: 8)])
    btf.declarationTag("kfunc", record)
    return btf
  }()
}

/// Reads everything that there is to read of a BTF, as the tests of damage do.
func readEverything(_ btf: BTF) -> Int {
  var count = 0
  for id in btf.allTypes {
    let type = btf[id]
    count += btf.name(of: id)?.utf8.count ?? 0
    count += Int(clamping: btf.size(of: id) ?? 0) & 1
    _ = btf.unqualified(id)
    switch type.kind {
    case .int: count += Int(btf.integer(id).bits)
    case .array: count += Int(btf.array(id).count & 1)
    case .structure, .union:
      for member in btf.members(of: id) {
        count += (btf.name(member.nameOffset)?.utf8.count ?? 0) + Int(member.bitSize)
      }
    case .enumeration, .enumeration64:
      for value in btf.enumerators(of: id) { count += btf.name(value.nameOffset)?.count ?? 0 }
    case .functionPrototype:
      for parameter in btf.parameters(of: id) where !parameter.isVariadicMark { count += 1 }
    case .dataSection: for entry in btf.entries(of: id) { count += Int(entry.offset & 1) }
    default: break
    }
  }
  return count
}
