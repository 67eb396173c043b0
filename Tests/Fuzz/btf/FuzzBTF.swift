// SPDX-License-Identifier: MIT

import DebugInfo
import Fuzzing

/// The bytes are a BTF: raw, or, where they do not begin as one, two bytes that tell the size of a
/// base, the base, and a split BTF. What the reader accepts must be readable to the last part.
@main enum FuzzBTF {
  static func main() {
    fuzz { bytes, count in
      let input = UnsafeBufferPointer(start: bytes, count: count)
      guard count >= 2 else { return 0 }
      if input[0] == 0x9f {
        read(input[...], base: nil)
      } else {
        let size = min(Int(input[0]) | Int(input[1]) << 8, count - 2)
        if let base = read(input[2..<2 + size], base: nil) {
          read(input[(2 + size)...], base: base)
        }
      }
      return 0
    }
  }
}

@discardableResult
private func read(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, base: BTF?) -> BTF? {
  do {
    let btf = try BTF(FileBytes(name: "fuzz", copying: bytes), base: base)
    readEverything(btf)
    return btf
  } catch {
    precondition(error.diagnostic.id == "bad-btf")
    return nil
  }
}

private func readEverything(_ btf: BTF) {
  for id in btf.allTypes {
    precondition(btf.contains(id) && btf.contains(btf.unqualified(id)))
    _ = btf.size(of: id)
    _ = btf.malformed(id, "is looked at")
    readParts(of: id, btf)
    guard let name = btf.name(of: id) else { continue }
    // (What is no UTF-8 is repaired in a String, and tags are not looked up by name.)
    guard !name.unicodeScalars.contains("\u{fffd}") else { continue }
    precondition(btf.isName(btf[id].nameOffset, name))
    let kind = btf[id].kind
    if !name.isEmpty, kind != .declarationTag, kind != .typeTag {
      precondition(btf.types(named: name, [kind]).contains(id), "a name is not found")
    }
  }
  _ = btf.names(of: Set(BTFKind.allCases)) { $0.count < 4 }
  _ = btf.enumerators(named: "A")
}

private func readParts(of id: BTFTypeID, _ btf: BTF) {
  let type = btf[id]
  switch type.kind {
  case .int: precondition(btf.integer(id).bits > 0)
  case .array: precondition(btf.contains(btf.array(id).element))
  case .structure, .union:
    for member in btf.members(of: id) {
      _ = btf.name(member.nameOffset)
      precondition(btf.contains(member.type))
    }
  case .enumeration, .enumeration64:
    for value in btf.enumerators(of: id) { _ = btf.name(value.nameOffset) }
  case .functionPrototype:
    for parameter in btf.parameters(of: id) {
      _ = parameter.isVariadicMark
      _ = btf.name(parameter.nameOffset)
    }
  case .dataSection:
    for entry in btf.entries(of: id) { precondition(btf[entry.variable].kind == .variable) }
  default: precondition(btf.contains(type.target) || [.forward, .float].contains(type.kind))
  }
}
