// SPDX-License-Identifier: MIT

/// The graph that the types of a table form, seen through one kind of edge.
struct TypeGraph {
  enum Edges {
    /// From a type to those it contains, whose size its own depends on. It can have no cycle: a
    /// struct cannot contain itself.
    case byValue
    /// From a type to those it is spelled with, up to the next tag. It can have no cycle: only a
    /// tag can be named before its type is complete.
    case spelling
  }

  /// A type on a cycle of a graph that may have none.
  struct Cycle: Error {
    var type: TypeID
  }

  let table: TypeTable
  let edges: Edges

  /// The `index`-th type that `id` has an edge to; nil beyond the last.
  func target(_ index: Int, of id: TypeID) -> TypeID? {
    switch table[id] {
    case .typedef(_, let type, _), .const(let type), .volatile(let type), .restrict(let type),
      .atomic(let type), .array(let type, _), .vector(let type, _):
      return index == 0 ? type : nil
    case .pointer(let type): return edges == .spelling && index == 0 ? type : nil
    case .function(let function):
      guard edges == .spelling, index <= function.parameters.count else { return nil }
      return index == 0 ? function.returnType : function.parameters[index - 1].type
    case .record(let record):
      guard edges == .byValue, index < record.members.count else { return nil }
      return record.members[index].type
    case .int, .float, .complex, .enumeration, .forward, .unresolved: return nil
    }
  }

  /// Every type after the types that it has edges to, and the number of edges on the longest path
  /// from each. All ids must be in the table. Needs no stack: paths may be as long as the table.
  func postorder() throws(Cycle) -> (order: [TypeID], depths: [Int32]) {
    var order: [TypeID] = []
    order.reserveCapacity(table.count)
    var depths = [Int32](repeating: Self.unseen, count: table.count + 1)
    depths[0] = 0
    var path: [(id: TypeID, next: Int, depth: Int32)] = []
    for number in 0..<table.count where depths[number + 1] == Self.unseen {
      path.append((TypeID(Int32(number + 1)), 0, 0))
      depths[number + 1] = Self.onPath
      while let (id, next, depth) = path.last {
        guard let target = target(next, of: id) else {
          path.removeLast()
          depths[Int(id.rawValue)] = depth
          order.append(id)
          continue
        }
        switch depths[Int(target.rawValue)] {
        case Self.onPath: throw Cycle(type: target)
        case Self.unseen:
          depths[Int(target.rawValue)] = Self.onPath
          path.append((target, 0, 0))
        case let below:
          path[path.count - 1].next = next + 1
          path[path.count - 1].depth = max(depth, below + 1)
        }
      }
    }
    return (order, depths)
  }

  private static let unseen: Int32 = -1
  private static let onPath: Int32 = -2
}
