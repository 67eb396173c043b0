// SPDX-License-Identifier: MIT

// Types as C writes them: for messages, type names in images, and headers.

extension TypeTable {
  /// The type as a type name (C11 6.7.7): `struct timeval *`, `int (*)(void *, long)`.
  /// An anonymous struct, union or enumeration is `struct {…}`.
  public func spelling(_ type: TypeID) -> String { declaration(of: "", type) }

  /// The declaration of `name` with the type (C11 6.7.6), without a semicolon:
  /// `int (*handler)(int)`.
  public func declaration(of name: String, _ type: TypeID) -> String {
    declaration(of: name, type) { _ in nil }
  }

  /// The same, with what `body` says in the place of an anonymous type.
  func declaration(
    of name: String, _ type: TypeID, body: (TypeID) -> String?
  ) -> String {
    withoutActuallyEscaping(body) { body in
      var speller = CSpeller(table: self, body: body)
      return speller.declaration(of: name, type, depth: 0)
    }
  }
}

private struct CSpeller {
  let table: TypeTable
  let body: (TypeID) -> String?
  /// Declarators still to be spelled: prototypes that take prototypes multiply.
  var budget = 1000

  /// Prototypes within prototypes deeper than this are cut short.
  private static let greatestDepth = 6

  mutating func declaration(of name: String, _ type: TypeID, depth: Int) -> String {
    var declarator = Declarator(name)
    var type = type
    // Each turn goes one type inwards, as the declarator grows outwards. What a hostile document
    // makes too long is cut short, too.
    for _ in 0..<256 {
      guard type != .void else { return declarator.declaration("void") }
      switch table[type] {
      case .const(let inner): declarator.qualify("const", &type, inner)
      case .volatile(let inner): declarator.qualify("volatile", &type, inner)
      case .restrict(let inner): declarator.qualify("restrict", &type, inner)
      case .pointer(let target):
        declarator.addPointer()
        type = target
      case .array(let element, let length):
        declarator.addSuffix(bounds(length))
        type = element
      case .function(let function):
        declarator.addSuffix(parameters(function, depth: depth))
        type = function.returnType
      case let simple:
        return declarator.declaration(
          (simple.isAnonymous ? body(type) : nil) ?? specifier(simple, depth: depth))
      }
    }
    return declarator.declaration("…")
  }

  /// What stands left of a declarator.
  private mutating func specifier(_ type: CType, depth: Int) -> String {
    switch type {
    case .int(let name, _, _, _), .float(let name, _, _), .complex(let name, _, _),
      .typedef(let name, _, _), .unresolved(let name):
      name
    case .record(let record): "\(record.keyword.rawValue) \(record.tag ?? "{…}")"
    case .enumeration(let enumeration): "enum \(enumeration.tag ?? "{…}")"
    case .forward(let keyword, let tag): "\(keyword.rawValue) \(tag)"
    case .vector(let element, let count):
      "vector of \(count) " + nested("", element, depth: depth)
    case .atomic(let inner): "_Atomic(" + nested("", inner, depth: depth) + ")"
    case .pointer, .array, .const, .volatile, .restrict, .function: "…"
    }
  }

  private func bounds(_ length: ArrayLength) -> String {
    switch length {
    case .count(let count): "[\(count)]"
    case .flexible: "[]"
    }
  }

  private mutating func parameters(_ function: FunctionType, depth: Int) -> String {
    var parts: [String] = []
    for parameter in function.parameters where budget >= 0 {
      parts.append(nested(parameter.name ?? "", parameter.type, depth: depth))
    }
    if function.isVariadic { parts.append("...") }
    return "(" + (parts.isEmpty ? "void" : parts.joined(separator: ", ")) + ")"
  }

  private mutating func nested(_ name: String, _ type: TypeID, depth: Int) -> String {
    budget -= 1
    return depth < Self.greatestDepth && budget > 0
      ? declaration(of: name, type, depth: depth + 1) : "…"
  }
}

extension CType {
  /// A struct, union or enumeration without a tag.
  fileprivate var isAnonymous: Bool {
    switch self {
    case .record(let record): record.tag == nil
    case .enumeration(let enumeration): enumeration.tag == nil
    default: false
    }
  }
}

/// A declarator that grows from its name outwards.
private struct Declarator {
  private var text: String
  /// Of the type that comes next; left of a specifier, or right of a `*`.
  private var qualifiers: [String] = []
  private var endsInPointer = false

  init(_ name: String) { text = name }

  mutating func qualify(_ qualifier: String, _ type: inout TypeID, _ inner: TypeID) {
    qualifiers.append(qualifier)
    type = inner
  }

  mutating func addPointer() {
    let qualified = qualifiers.joined(separator: " ")
    let gap = qualified.isEmpty || text.isEmpty ? "" : " "
    text = "*" + qualified + gap + text
    qualifiers = []
    endsInPointer = true
  }

  mutating func addSuffix(_ suffix: String) {
    // A suffix binds more tightly than a pointer.
    text = (endsInPointer ? "(\(text))" : text) + suffix
    qualifiers = []
    endsInPointer = false
  }

  func declaration(_ specifier: String) -> String {
    let left = (qualifiers + [specifier]).joined(separator: " ")
    return text.isEmpty ? left : left + (text.first == "[" ? "" : " ") + text
  }
}
