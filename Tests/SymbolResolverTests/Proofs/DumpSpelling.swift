// SPDX-License-Identifier: MIT

import TypeIR

/// C declarations of what bpftool read. Apart from the names of integers, nothing of it is shared with
/// what writes our own.
struct DumpSpelling {
  private let dump: BpftoolDump

  init(_ dump: BpftoolDump) { self.dump = dump }

  /// "long vfs_read(struct file *file, …)" of a `FUNC`.
  func function(_ id: Int) -> String {
    let entry = dump.types[id - 1]
    return declaration(entry.name ?? "", entry.target ?? 0)
  }

  /// C11 6.7.6: the declarator grows from the name outwards.
  private func declaration(_ declarator: String, _ id: Int) -> String {
    guard id != 0 else { return joined("void", declarator) }
    let entry = dump.types[id - 1]
    let target = entry.target ?? 0
    switch entry.kind {
    case "PTR": return pointer(declarator, to: target)
    case "ARRAY":
      let count = entry.count.flatMap { $0 == 0 ? nil : "\($0)" } ?? ""
      return declaration(declarator + "[\(count)]", target)
    case "FUNC_PROTO": return declaration(declarator + "(\(parameters(entry)))", entry.result ?? 0)
    case "CONST", "VOLATILE", "RESTRICT": return qualified(declarator, id)
    case "TYPE_TAG": return declaration(declarator, target)
    default: return joined(name(id), declarator)
    }
  }

  private func pointer(_ declarator: String, to target: Int) -> String {
    let isSuffixed = target != 0 && ["ARRAY", "FUNC_PROTO"].contains(dump.types[target - 1].kind)
    return declaration(isSuffixed ? "(*\(declarator))" : "*\(declarator)", target)
  }

  /// Of a pointer, the qualifier stands behind the asterisk; of anything else, in front.
  private func qualified(_ declarator: String, _ id: Int) -> String {
    var qualifiers: [String] = []
    var id = id
    while id != 0, ["CONST", "VOLATILE", "RESTRICT"].contains(dump.types[id - 1].kind) {
      qualifiers.append(dump.types[id - 1].kind.lowercased())
      id = dump.types[id - 1].target ?? 0
    }
    let words = qualifiers.joined(separator: " ")
    guard id != 0, dump.types[id - 1].kind == "PTR" else {
      return "\(words) \(declaration(declarator, id))"
    }
    return declaration(
      "*\(words)" + (declarator.isEmpty ? "" : " ") + declarator, dump.types[id - 1].target ?? 0)
  }

  private func parameters(_ entry: BpftoolDump.Entry) -> String {
    let parameters = entry.params ?? []
    if parameters.isEmpty { return "void" }
    return parameters.map { parameter in
      // C11 6.7.6.3p15: a parameter is taken as its unqualified type.
      var type = parameter.type
      while type != 0, ["CONST", "VOLATILE", "RESTRICT"].contains(dump.types[type - 1].kind) {
        type = dump.types[type - 1].target ?? 0
      }
      let name = parameter.name == "(anon)" ? "" : parameter.name
      return type == 0 ? "..." : declaration(name, type)
    }.joined(separator: ", ")
  }

  private func name(_ id: Int) -> String {
    let entry = dump.types[id - 1]
    switch entry.kind {
    case "STRUCT", "UNION": return "\(entry.kind.lowercased()) \(entry.tag ?? "{…}")"
    case "ENUM", "ENUM64": return "enum \(entry.tag ?? "{…}")"
    case "FWD": return "\(entry.forward ?? "") \(entry.name ?? "")"
    case "INT": return Self.integers[entry.name ?? ""] ?? entry.name ?? ""
    default: return entry.name ?? ""
    }
  }

  /// BTF has the names that compilers use.
  private static let integers = [
    "short int": "short", "short unsigned int": "unsigned short", "long int": "long",
    "long unsigned int": "unsigned long", "long long int": "long long",
    "long long unsigned int": "unsigned long long", "__int128 unsigned": "unsigned __int128",
  ]

  private func joined(_ type: String, _ declarator: String) -> String {
    if declarator.isEmpty { return type }
    return type + " " + declarator
  }
}
