// SPDX-License-Identifier: MIT

import Diagnostics

/// What ties the parts of a document together. A document that passes can be walked without fear:
/// every id exists, no type contains itself, and recursion over what a type contains or is spelled
/// with stays below ``TypeTable/deepestNesting``.
extension TypeTable {
  /// How many types may be inside each other, or spelled with each other. C programs need about
  /// twenty.
  public static let deepestNesting = 1000

  fileprivate func validate(_ name: String) throws(Diagnostic) {
    for number in entries.indices {
      try validate(TypeID(Int32(number + 1)), name)
    }
    for edges in [TypeGraph.Edges.byValue, .spelling] {
      try validateNesting(edges, name)
    }
    for number in entries.indices {
      try validateSize(TypeID(Int32(number + 1)), name)
    }
  }

  /// Every type that `id` mentions exists.
  private func validate(_ id: TypeID, _ name: String) throws(Diagnostic) {
    switch self[id] {
    case .pointer(let type), .typedef(_, let type, _), .const(let type), .volatile(let type),
      .restrict(let type), .atomic(let type), .array(let type, _), .vector(let type, _):
      try check(type, from: "type \(id.rawValue)", name)
    case .function(let function):
      try check(function.returnType, from: "type \(id.rawValue)", name)
      for parameter in function.parameters where !contains(parameter.type) {
        try check(parameter.type, from: "type \(id.rawValue)", name)
      }
    case .record(let record):
      for member in record.members where !contains(member.type) {
        try check(member.type, from: "type \(id.rawValue)", name)
      }
    case .int, .float, .complex, .enumeration, .forward, .unresolved: break
    }
  }

  fileprivate func check(
    _ id: TypeID, from referrer: @autoclosure () -> String, _ name: String
  ) throws(Diagnostic) {
    guard contains(id) else {
      throw Diagnostic(
        "bad-reference",
        "\(referrer()) refers to type \(id.rawValue), but the last type is \(count)",
        place: .file(name))
    }
  }

  private func validateNesting(_ edges: TypeGraph.Edges, _ name: String) throws(Diagnostic) {
    let depths: [Int32]
    do {
      depths = try TypeGraph(table: self, edges: edges).postorder().depths
    } catch {
      throw Diagnostic(
        "type-cycle",
        edges == .byValue
          ? "type \(error.type.rawValue), '\(spelling(error.type))', contains itself"
          : "type \(error.type.rawValue) is spelled with itself, and no tag stands in between",
        place: .file(name))
    }
    if let deepest = depths.firstIndex(where: { $0 > Self.deepestNesting }) {
      throw Diagnostic(
        "nesting-too-deep",
        "type \(deepest) has more than \(Self.deepestNesting) types nested in it",
        place: .file(name))
    }
  }

  /// Sizes can be computed, and members lie within their record.
  private func validateSize(_ id: TypeID, _ name: String) throws(Diagnostic) {
    switch self[id] {
    case .array(let element, .count), .vector(let element, _):
      if size(of: element) != nil, size(of: id) == nil {
        throw Diagnostic(
          "type-too-large", "type \(id.rawValue) is larger than any object can be",
          place: .file(name))
      }
    case .record(let record):
      guard let size = record.size else { return }
      for member in record.members {
        guard let offset = member.bitOffset else { continue }
        let bits = member.bitSize.map(UInt64.init) ?? (self.size(of: member.type) ?? 0) * 8
        guard member.bitSize != nil || offset % 8 == 0, offset + bits <= size * 8 else {
          throw Diagnostic(
            "bad-member",
            "the member '\(member.name ?? "")' of type \(id.rawValue) does not lie within its "
              + "\(size) bytes", place: .file(name))
        }
      }
    default: return
    }
  }
}

extension TypesDocument {
  /// Throws if a reader of the document would have to refuse it. `name` is what messages call it.
  public func validate(name: String) throws(Diagnostic) {
    try types.validate(name)
    for symbol in symbols {
      try types.check(symbol.type, from: "the symbol '\(symbol.name)'", name)
    }
    for constant in constants {
      try types.check(constant.type, from: "the constant '\(constant.name)'", name)
    }
    for expression in expressions {
      try types.check(expression.type, from: "the type string '\(expression.text)'", name)
    }
  }
}

extension ResolvedDocument {
  /// Throws if a reader of the document would have to refuse it. `name` is what messages call it.
  public func validate(name: String) throws(Diagnostic) {
    try types.validate(name)
    for symbol in symbols {
      try types.check(symbol.type, from: "the symbol '\(symbol.name)'", name)
    }
    for constant in constants {
      try types.check(constant.type, from: "the constant '\(constant.name)'", name)
    }
    for expression in expressions {
      try types.check(expression.type, from: "the type string '\(expression.text)'", name)
    }
    for (number, entry) in types.entries.enumerated() {
      switch entry.type {
      case .unresolved(let type):
        throw Diagnostic(
          "not-resolved", "type \(number + 1), '\(type)', is not resolved", place: .file(name))
      case .record(let record) where record.size == nil:
        throw Diagnostic(
          "not-resolved", "type \(number + 1), '\(record.tag ?? "")', has no size",
          place: .file(name))
      default: break
      }
    }
  }
}
