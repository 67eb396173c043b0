// SPDX-License-Identifier: MIT

import CElfutils
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
}
