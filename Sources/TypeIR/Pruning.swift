// SPDX-License-Identifier: MIT

// Which types others need, and tables of only those.

extension CType {
  /// The same type with every type that it mentions replaced.
  public func mapped(_ map: (TypeID) -> TypeID) -> CType {
    switch self {
    case .pointer(let type): return .pointer(map(type))
    case .const(let type): return .const(map(type))
    case .volatile(let type): return .volatile(map(type))
    case .restrict(let type): return .restrict(map(type))
    case .atomic(let type): return .atomic(map(type))
    case .array(let element, let length): return .array(element: map(element), length: length)
    case .vector(let element, let count): return .vector(element: map(element), count: count)
    case .typedef(let name, let type, let align):
      return .typedef(name: name, type: map(type), align: align)
    case .record(var record):
      for index in record.members.indices {
        record.members[index].type = map(record.members[index].type)
      }
      return .record(record)
    case .function(var function):
      function.returnType = map(function.returnType)
      for index in function.parameters.indices {
        function.parameters[index].type = map(function.parameters[index].type)
      }
      return .function(function)
    case .int, .float, .complex, .enumeration, .forward, .unresolved: return self
    }
  }

  /// Calls `body` with every type that this one mentions.
  public func forEachMentioned(_ body: (TypeID) -> Void) {
    switch self {
    case .pointer(let type), .const(let type), .volatile(let type), .restrict(let type),
      .atomic(let type), .array(let type, _), .vector(let type, _), .typedef(_, let type, _):
      body(type)
    case .record(let record):
      for member in record.members { body(member.type) }
    case .function(let function):
      body(function.returnType)
      for parameter in function.parameters { body(parameter.type) }
    case .int, .float, .complex, .enumeration, .forward, .unresolved: return
    }
  }
}

extension TypeTable {
  /// The types that `roots` mention, directly or not, and nothing else, in the order they had; and
  /// for every old id the new one, nil for what is gone.
  public func pruned(to roots: some Sequence<TypeID>) -> (table: TypeTable, ids: [TypeID?]) {
    var isKept = [Bool](repeating: false, count: count + 1)
    var pending: [TypeID] = []
    let keep = { (id: TypeID) in
      if !isKept[Int(id.rawValue)] {
        isKept[Int(id.rawValue)] = true
        if id != .void { pending.append(id) }
      }
    }
    keep(.void)
    for root in roots { keep(root) }
    while let id = pending.popLast() { self[id].forEachMentioned(keep) }

    var ids = [TypeID?](repeating: nil, count: count + 1)
    ids[0] = .void
    var next: Int32 = 1
    for number in 1..<isKept.count where isKept[number] {
      ids[number] = TypeID(next)
      next += 1
    }
    var table = TypeTable()
    table.entries.reserveCapacity(Int(next) - 1)
    for number in 1..<isKept.count where isKept[number] {
      let entry = entries[number - 1]
      // What a kept type mentions is kept.
      table.append(entry.type.mapped { ids[Int($0.rawValue)] ?? .void }, origin: entry.origin)
    }
    return (table, ids)
  }
}
