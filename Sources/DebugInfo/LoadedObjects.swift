// SPDX-License-Identifier: MIT

import CElfutils
import Diagnostics
import Glibc

/// The shared libraries of this process.
public enum LoadedObjects {
  /// Their files, in the order in which the dynamic linker searches them; not the program itself,
  /// nor the kernel's vDSO, which has no file.
  public static func paths() -> [String] {
    var paths: [String] = []
    var object = ktap_loaded_objects()
    while let current = object {
      // What was loaded by a path in another folder keeps the path as it was given.
      if let name = current.pointee.l_name, let path = realPath(String(cString: name)) {
        paths.append(path)
      }
      object = UnsafePointer(current.pointee.l_next)
    }
    return paths
  }

  /// Of a path that exists; nil for a name that the dynamic linker looks for.
  public static func realPath(_ path: String) -> String? {
    guard path.contains("/"), let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  /// Loads one more, found as dlopen(3) finds it, with what it needs. Its constructors run.
  public static func load(_ library: String) throws(SourceError) {
    if let path = realPath(library) { try ELFFile(path: path).checkSegmentsAreInFile() }
    guard dlopen(library, RTLD_LAZY | RTLD_GLOBAL) != nil else {
      let reason = dlerror().map { String(cString: $0) } ?? "no reason given"
      let isHere = !library.contains("/") && access(library, F_OK) == 0
      throw SourceError(
        .unavailable,
        Diagnostic(
          "cannot-load", "cannot load \(library): \(reason)",
          hints: isHere ? ["the file in this folder: --lib ./\(library)"] : []))
    }
  }
}
