// SPDX-License-Identifier: MIT

import Glibc

/// Where distributions put what was stripped off kernels and modules.
public enum DebugFiles {
  public static let directory = "/usr/lib/debug"

  /// The uncompressed kernel of a release, with symbols: the first that is there and carries
  /// `buildID` (nil: whichever is there).
  public static func vmlinux(release: String?, buildID: String?) -> ELFFile? {
    var paths: [String] = []
    if let buildID, buildID.utf8.count > 2 {
      paths.append("\(directory)/.build-id/\(buildID.prefix(2))/\(buildID.dropFirst(2)).debug")
    }
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

  /// The Debian package that brings them.
  public static func package(release: String?) -> String {
    "linux-image-\(release ?? "RELEASE")-dbg"
  }
}
