// SPDX-License-Identifier: MIT

// Which types others need, and tables of only those.

extension CType {
  /// Replaces every type that it mentions.
  fileprivate mutating func replaceMentioned(_ map: (TypeID) -> TypeID) {
    // Not in the switch, which holds a copy of what it looks into.
    if var record = takeRecord() {
      record.members.withUnsafeMutableBufferPointer { members in
        for index in members.indices { members[index].type = map(members[index].type) }
      }
      self = .record(record)
    } else if var function = takeFunction() {
      function.returnType = map(function.returnType)
      function.parameters.withUnsafeMutableBufferPointer { parameters in
        for index in parameters.indices { parameters[index].type = map(parameters[index].type) }
      }
      self = .function(function)
    } else {
      replaceTarget(map)
    }
  }

  private mutating func replaceTarget(_ map: (TypeID) -> TypeID) {
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
    case .int, .float, .complex, .enumeration, .forward, .unresolved, .record, .function: return
    }
  }

  /// The record, which is this type's no longer: members that are shared would be copied when they
  /// are changed. (Not inlined, or else the optimizer puts off giving it up.)
  @inline(never)
  private mutating func takeRecord() -> Record? {
    guard case .record(let record) = self else { return nil }
    self = .pointer(.void)
    return record
  }

  @inline(never)
  private mutating func takeFunction() -> FunctionType? {
    guard case .function(let function) = self else { return nil }
    self = .pointer(.void)
    return function
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
    var walk = Walk(count: count)
    for root in roots { walk.reach(root) }
    while let id = walk.pending.popLast() { self[id].forEachMentioned { walk.reach($0) } }
    return walk.isReached
  }

  private struct Walk {
    var isReached: [Bool]
    var pending: [TypeID] = []

    init(count: Int) {
      isReached = [Bool](repeating: false, count: count + 1)
      isReached[0] = true
    }

    mutating func reach(_ id: TypeID) {
      guard !isReached[Int(id.rawValue)] else { return }
      isReached[Int(id.rawValue)] = true
      pending.append(id)
    }
  }

  /// Removes the other types; what ``reachable(from:)`` gives mentions none of them. Returns for
  /// every old id the new one, nil for what is gone.
  public mutating func prune(keeping isKept: [Bool]) -> [TypeID?] {
    var ids = [TypeID?](repeating: nil, count: count + 1)
    ids[0] = .void
    var kept = 0
    // Array.swapAt would copy both entries.
    entries.withUnsafeMutableBufferPointer { entries in
      for number in 1..<isKept.count where isKept[number] {
        if kept != number - 1 { entries.swapAt(kept, number - 1) }
        kept += 1
        ids[number] = TypeID(Int32(kept))
      }
    }
    entries.removeSubrange(kept...)
    if kept == isKept.count - 1 { return ids }
    entries.withUnsafeMutableBufferPointer { entries in
      for index in entries.indices {
        entries[index].type.replaceMentioned { ids[Int($0.rawValue)] ?? .void }
      }
    }
    return ids
  }
}
