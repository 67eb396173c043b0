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
      if let name = current.pointee.l_name, name.pointee == UInt8(ascii: "/") {
        paths.append(String(cString: name))
      }
      object = UnsafePointer(current.pointee.l_next)
    }
    return paths
  }

  /// Loads one more, found as dlopen(3) finds it, with what it needs.
  public static func load(_ library: String) throws(SourceError) {
    guard dlopen(library, RTLD_LAZY | RTLD_GLOBAL) != nil else {
      let reason = dlerror().map { String(cString: $0) } ?? "no reason given"
      throw SourceError(
        .unavailable, Diagnostic("cannot-load", "cannot load \(library): \(reason)"))
    }
  }
}
