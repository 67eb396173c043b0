// SPDX-License-Identifier: MIT

// Which types others need, and tables of only those.

extension CType {
  /// Replaces every type that it mentions.
  fileprivate mutating func replaceMentioned(_ map: (TypeID) -> TypeID) {
    switch self {
    case .pointer(let type): self = .pointer(map(type))
    case .const(let type): self = .const(map(type))
    case .volatile(let type): self = .volatile(map(type))
    case .restrict(let type): self = .restrict(map(type))
    case .atomic(let type): self = .atomic(map(type))
    case .array(let element, let length): self = .array(element: map(element), length: length)
    case .vector(let element, let count): self = .vector(element: map(element), count: count)
    case .typedef(let name, let type, let align):
      self = .typedef(name: name, type: map(type), align: align)
    case .record(var record):
      // Or else the members would be shared with this, and copied.
      self = .pointer(.void)
      for index in record.members.indices {
        record.members[index].type = map(record.members[index].type)
      }
      self = .record(record)
    case .function(var function):
      self = .pointer(.void)
      function.returnType = map(function.returnType)
      for index in function.parameters.indices {
        function.parameters[index].type = map(function.parameters[index].type)
      }
      self = .function(function)
    case .int, .float, .complex, .enumeration, .forward, .unresolved: return
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
  /// Which types `roots` mention, directly or not; by their numbers.
  public func reachable(from roots: some Sequence<TypeID>) -> [Bool] {
    var isReached = [Bool](repeating: false, count: count + 1)
    var pending: [TypeID] = []
    let reach = { (id: TypeID) in
      if !isReached[Int(id.rawValue)] {
        isReached[Int(id.rawValue)] = true
        if id != .void { pending.append(id) }
      }
    }
    reach(.void)
    for root in roots { reach(root) }
    while let id = pending.popLast() { self[id].forEachMentioned(reach) }
    return isReached
  }

  /// Removes the other types; what ``reachable(from:)`` gives mentions none of them. Returns for
  /// every old id the new one, nil for what is gone.
  public mutating func prune(keeping isKept: [Bool]) -> [TypeID?] {
    var ids = [TypeID?](repeating: nil, count: count + 1)
    ids[0] = .void
    var kept = 0
    for number in 1..<isKept.count where isKept[number] {
      if kept != number - 1 { entries.swapAt(kept, number - 1) }
      kept += 1
      ids[number] = TypeID(Int32(kept))
    }
    entries.removeSubrange(kept...)
    for index in entries.indices {
      entries[index].type.replaceMentioned { ids[Int($0.rawValue)] ?? .void }
    }
    return ids
  }
}
