// SPDX-License-Identifier: MIT

/// One type by itself: what it is, and which others it is made of.
enum TypeNode<ID: Hashable> {
  case void
  /// Bytes.
  case int(name: String, size: UInt64, isSigned: Bool, isBool: Bool)
  case float(size: UInt64)
  case pointer(ID)
  case array(ID, count: UInt64)
  case record(keyword: String, tag: String?, size: UInt64, members: [NodeMember<ID>])
  case enumeration(tag: String?, size: UInt64, isSigned: Bool, values: [String])
  case forward(keyword: String, tag: String)
  case typedef(name: String, ID)
  case qualified(String, ID)
  /// A type tag, which says nothing about values.
  case transparent(ID)
  case function(result: ID, parameters: [(name: String, type: ID)], isVariadic: Bool)
}

struct NodeMember<ID: Hashable> {
  /// Empty for an anonymous struct or union.
  var name: String
  var type: ID
  /// From the start of the record.
  var bitOffset: UInt64
  /// 0 unless a bit-field.
  var bitSize: UInt64
}

/// Something that knows types by number: a reader of BTF or DWARF, ours or another.
protocol TypeNodes {
  associatedtype ID: Hashable
  func node(_ id: ID) -> TypeNode<ID>
}

/// A text for a type that is equal for equal types, whichever reader they come from. Tagged types
/// are mentioned by tag, so that no circle is walked; anonymous ones are written out where they stand.
/// `Tests/SymbolResolverTests/Proofs/drgn_signatures.py` writes the same.
struct SignatureWriter<Nodes: TypeNodes> {
  private let nodes: Nodes
  /// Without names of typedefs and parameters and without qualifiers, and an enumeration is the integer
  /// that it is stored in: what a caller must know.
  private let isLoose: Bool
  /// C11 6.7.6.3p15: a parameter is taken as its unqualified type.
  private let unqualifiesParameters: Bool
  private var known: [Nodes.ID: String] = [:]

  init(_ nodes: Nodes, isLoose: Bool = false, unqualifiesParameters: Bool = false) {
    self.nodes = nodes
    self.isLoose = isLoose
    self.unqualifiesParameters = unqualifiesParameters
  }

  /// The type as something else mentions it.
  mutating func mention(_ id: Nodes.ID) -> String {
    if let text = known[id] { return text }
    let text = text(id)
    known[id] = text
    return text
  }

  /// A record or enumeration with its content.
  mutating func definition(_ id: Nodes.ID) -> String {
    switch nodes.node(id) {
    case .record(let keyword, let tag, let size, let members):
      return record(keyword, tag, size, members)
    case .enumeration(let tag, let size, _, let values):
      return enumeration(tag, size, values)
    case .typedef(let name, let type): return "typedef \(name)=\(mention(type))"
    default: return mention(id)
    }
  }

  /// "struct list_head"; nil for what a definition gives no name.
  func name(_ id: Nodes.ID) -> String? {
    switch nodes.node(id) {
    case .record(let keyword, let tag?, _, _): "\(keyword) \(tag)"
    case .enumeration(let tag?, _, _, _): "enum \(tag)"
    case .typedef(let name, _): "typedef \(name)"
    default: nil
    }
  }

  private mutating func text(_ id: Nodes.ID) -> String {
    switch nodes.node(id) {
    case .void: return "void"
    case .int(let name, let size, let isSigned, let isBool):
      let value = "\(isBool ? "b" : isSigned ? "s" : "u")\(size)"
      return isLoose ? value : "\(Self.canonical(name)).\(value)"
    case .float(let size): return "f\(size)"
    case .pointer(let target): return "*\(mention(target))"
    case .array(let element, let count): return "[\(count)]\(mention(element))"
    case .record(let keyword, let tag?, _, _), .forward(let keyword, let tag):
      return "\(keyword) \(tag)"
    case .record(let keyword, nil, let size, let members):
      return record(keyword, nil, size, members)
    case .enumeration(_, let size, let isSigned, _) where isLoose:
      return "\(isSigned ? "s" : "u")\(size)"
    case .enumeration(let tag?, _, _, _): return "enum \(tag)"
    case .enumeration(nil, let size, _, let values): return enumeration(nil, size, values)
    case .typedef(let name, let type): return isLoose ? mention(type) : "\(name)=\(mention(type))"
    case .transparent(let type): return mention(type)
    case .qualified: return qualified(id)
    case .function(let result, let parameters, let isVariadic):
      var parts = parameters.map { (isLoose ? "" : $0.name + " ") + parameter($0.type) }
      if isVariadic { parts.append("...") }
      return "(\(parts.joined(separator: ",")))\(mention(result))"
    }
  }

  private mutating func parameter(_ id: Nodes.ID) -> String {
    var id = id
    while unqualifiesParameters, case .qualified(_, let target) = nodes.node(id) { id = target }
    return mention(id)
  }

  /// Their order says nothing.
  private mutating func qualified(_ id: Nodes.ID) -> String {
    var (qualifiers, id): (Set<String>, Nodes.ID) = ([], id)
    while case .qualified(let qualifier, let target) = nodes.node(id) {
      qualifiers.insert(qualifier)
      id = target
    }
    return isLoose ? mention(id) : qualifiers.sorted().joined(separator: " ") + " " + mention(id)
  }

  private mutating func record(
    _ keyword: String, _ tag: String?, _ size: UInt64, _ members: [NodeMember<Nodes.ID>]
  ) -> String {
    var text = "\(keyword) \(tag ?? "")/\(size){"
    for member in members {
      text += "\(member.name)@\(member.bitOffset)"
      if member.bitSize != 0 { text += ":\(member.bitSize)" }
      text += " \(mention(member.type));"
    }
    return text + "}"
  }

  private func enumeration(_ tag: String?, _ size: UInt64, _ values: [String]) -> String {
    "enum \(tag ?? "")/\(size){\(values.joined(separator: ","))}"
  }

  /// Readers spell one integer type differently: "long unsigned int" is "unsigned long".
  static func canonical(_ name: String) -> String {
    let words = name.split(separator: " ").filter { $0 != "int" }.sorted()
    return words.isEmpty || words == ["unsigned"]
      ? (words + ["int"]).joined(separator: ".") : words.joined(separator: ".")
  }
}
