// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import Glibc

/// Lists what a kernel's BTF has, a line of C each.
public enum KernelListing {
  private static let kinds: Set<BTFKind> = [
    .function, .variable, .structure, .union, .enumeration, .enumeration64, .typedef,
  ]

  /// Functions with their prototypes, variables with their types, types with their sizes, whose
  /// names match the shell pattern `glob`; sorted by name. Throws `no-match` if there are none.
  public static func text(matching glob: String, _ sources: KernelSources) throws -> String {
    let types = try sources.types()
    let btf = types.kernel
    let names = btf.names(of: kinds) { name in matches(name, glob) }
    guard !names.isEmpty else {
      throw Diagnostic(
        "no-match", "no function, variable or type of \(btf.name) matches '\(glob)'",
        hints: glob.contains(where: { "*?[".contains($0) })
          ? [] : ["'\(glob)*' and '*\(glob)*' match names that begin with it or contain it"])
    }
    return Set(names).sorted().flatMap { name in
      Set(btf.types(named: name, kinds).map { line(KernelType($0), name, types) }).sorted()
    }.joined()
  }

  /// fnmatch(3).
  private static func matches(_ name: UnsafeBufferPointer<UInt8>, _ glob: String) -> Bool {
    guard let start = name.baseAddress else { return false }
    return fnmatch(glob, UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self), 0) == 0
  }

  private static func line(_ id: KernelType, _ name: String, _ types: KernelTypes) -> String {
    let type = types[id]
    func declaration(_ target: KernelType) -> String {
      KernelTypeImporter.declaration(of: name, target, in: types)
    }
    return switch type.kind {
    case .function: "\(declaration(types.target(of: id)));\n"
    case .variable: "extern \(declaration(types.target(of: id)));\n"
    case .typedef: "typedef \(declaration(types.target(of: id)));\n"
    default:
      "\(KernelTypeImporter.declaration(of: "", id, in: types)); /* \(type.sizeOrType) bytes */\n"
    }
  }
}
