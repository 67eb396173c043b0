// SPDX-License-Identifier: MIT

import Glibc

/// Where distributions put what was stripped off kernels and modules.
public enum DebugFiles {
  public static let directory = "/usr/lib/debug"

  /// The uncompressed kernel of a release, with symbols: the first that is there and carries
  /// `buildID` (nil: whichever is there).
  public static func vmlinux(release: String?, buildID: String?) -> ELFFile? {
    var paths: [String] = buildID.flatMap(path(ofBuildID:)).map { [$0] } ?? []
    if let release {
      paths += [
        "\(directory)/boot/vmlinux-\(release)", "\(directory)/lib/modules/\(release)/vmlinux",
        "/boot/vmlinux-\(release)", "/lib/modules/\(release)/build/vmlinux",
        "/lib/modules/\(release)/vmlinux",
      ]
    }
    for path in paths where access(path, R_OK) == 0 {
      guard let file = try? ELFFile(path: path) else { continue }
      if buildID == nil || file.buildID() == buildID { return file }
    }
    return nil
  }

  private static func path(ofBuildID buildID: String) -> String? {
    guard buildID.utf8.count > 2 else { return nil }
    return "\(directory)/.build-id/\(buildID.prefix(2))/\(buildID.dropFirst(2)).debug"
  }

  /// Where what was stripped off a module or library may be, as far as it is there: by its build id,
  /// below the directory of debug files, and beside it. A file of another build id is not it.
  public static func paths(of file: ELFFile) -> [String] {
    let buildID = file.buildID()
    var paths: [String] = buildID.flatMap(path(ofBuildID:)).map { [$0] } ?? []
    // /lib is a link to /usr/lib, and some packages know one, some the other.
    let real = LoadedObjects.realPath(file.path.contains("/") ? file.path : "./" + file.path)
    for path in [file.path, real ?? ""] where path.hasPrefix("/") {
      let parts = path.split(separator: "/")
      let folder = "/" + parts.dropLast().joined(separator: "/")
      paths += [
        "\(directory)\(path)", "\(directory)\(path).debug", "\(path).debug",
        "\(folder)/.debug/\(parts.last ?? "").debug",
      ]
    }
    return paths.filter { path in
      guard access(path, R_OK) == 0, let debug = try? ELFFile(path: path) else { return false }
      return debug.buildID() == buildID
    }
  }

  /// The Debian package that brings them.
  public static func package(release: String?) -> String {
    "linux-image-\(release ?? "RELEASE")-dbg"
  }
}
