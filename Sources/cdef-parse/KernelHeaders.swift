// SPDX-License-Identifier: MIT

import Diagnostics
import Glibc
import StageIO

/// An installed tree of kernel headers, and how the kernel's own build includes them (LINUXINCLUDE
/// and KBUILD_CPPFLAGS of its Makefile).
struct KernelHeaders {
  /// What the configuration has generated: `include/generated`.
  let build: String
  /// The headers themselves. Debian has them in a tree of their own, most have one tree.
  let source: String

  /// Of the running kernel, or else the newest that is installed; `directory` if one is given.
  static func find(_ directory: String?) throws(EnvironmentError) -> KernelHeaders {
    let candidates =
      directory.map { [$0] } ?? ["/lib/modules/\(runningRelease)/build"] + installed
    for build in candidates where exists("\(build)/include/generated/autoconf.h") {
      guard let source = source(of: build) else { continue }
      return KernelHeaders(build: build, source: source)
    }
    throw EnvironmentError(
      Diagnostic(
        "no-kernel-headers",
        directory.map { "'\($0)' is no configured tree of kernel headers" }
          ?? "no kernel headers are installed",
        hints: [
          "install them, as with: apt install linux-headers-\(runningRelease)",
          "or name the tree that modules are built against: --kernel-headers=DIR",
        ]))
  }

  /// What the compiler is told. A module's view of the headers, on x86-64.
  var arguments: [String] {
    let directories = Self.trees.flatMap { ["\(source)/\($0.0)", "\(build)/\($0.1)"] }
    let headers = ["compiler-version.h", "kconfig.h", "compiler_types.h"]
      .map { "\(source)/include/linux/\($0)" }
    var arguments = [
      "-nostdinc", "-std=gnu11", "-O2", "-fshort-wchar", "-fno-PIE", "-mcmodel=kernel",
      "-D__KERNEL__", "-DMODULE", "-DCC_USING_FENTRY", "-DKBUILD_MODNAME=\"ktap\"",
      "-DKBUILD_BASENAME=\"ktap\"", "-DKBUILD_MODFILE=\"ktap\"",
    ]
    for directory in directories { arguments += ["-I", directory] }
    for header in headers where Self.exists(header) { arguments += ["-include", header] }
    return arguments
  }

  /// The trees in the order of the search, and where the build keeps what it generates for each.
  private static let trees = [
    ("arch/x86/include", "arch/x86/include/generated"),
    ("include", "include"),
    ("arch/x86/include/uapi", "arch/x86/include/generated/uapi"),
    ("include/uapi", "include/generated/uapi"),
  ]

  private static var runningRelease: String {
    var name = utsname()
    guard uname(&name) == 0 else { return "" }
    return withUnsafeBytes(of: name.release) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// Newest first.
  private static var installed: [String] {
    var found = glob_t()
    defer { globfree(&found) }
    _ = glob("/lib/modules/*/build", 0, nil, &found)
    _ = glob("/usr/src/linux-headers-*", GLOB_APPEND, nil, &found)
    let paths = (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0] }
      .map { String(cString: $0) }
    let version = { (path: String) in path.split { !$0.isNumber }.compactMap { Int($0) } }
    return paths.sorted { version($1).lexicographicallyPrecedes(version($0)) }
  }

  /// The tree itself, or the one whose Makefile its own includes.
  private static func source(of build: String) -> String? {
    let isSource = { (tree: String) in exists("\(tree)/include/linux/kconfig.h") }
    if isSource(build) { return build }
    let makefile = (try? StageInput.read("\(build)/Makefile")) ?? []
    let included = String(decoding: makefile, as: UTF8.self).split(separator: "\n").compactMap {
      let words = $0.split(separator: " ")
      return words.count == 2 && words[0] == "include" && words[1].hasSuffix("/Makefile")
        ? String(words[1].dropLast("/Makefile".utf8.count)) : nil
    }
    return (included + ["\(build)/../source"]).first(where: isSource)
  }

  private static func exists(_ path: String) -> Bool { access(path, R_OK) == 0 }
}
