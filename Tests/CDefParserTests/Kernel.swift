// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// A Debian kernel's types, as bpftool reads them: as C and entry by entry.
struct Kernel {
  /// `bpftool btf dump … format c`.
  let header: String
  let dump: BTFDump

  /// `bpftool btf dump` of a file in `directory` with BTF.
  init(btf file: String, in directory: URL) throws {
    header = try Tool.output(
      ["bpftool", "btf", "dump", "file", file, "format", "c"], in: directory)
    dump = try Self.dump(file, in: directory)
  }

  static func dump(_ file: String, in directory: URL) throws -> BTFDump {
    let json = try Tool.output(
      ["bpftool", "-j", "btf", "dump", "file", file, "format", "raw"], in: directory)
    return try JSONDecoder().decode(BTFDump.self, from: Data(json.utf8))
  }

  /// A boot image's: `pipeline/guest/extract-vmlinux` unpacks it, so that no package with debugging
  /// information is needed.
  static func image(_ path: String) throws -> Kernel {
    try Tool.withTemporaryDirectory { directory in
      _ = try Tool.output([script("extract-vmlinux"), path, "vmlinux"], in: directory)
      return try Kernel(btf: "vmlinux", in: directory)
    }
  }

  /// The newest cloud kernel in /boot (`make setup` installs one).
  static func installed() throws -> Kernel {
    let images = try FileManager.default.contentsOfDirectory(atPath: "/boot")
      .filter { $0.hasPrefix("vmlinuz-") && $0.hasSuffix("-cloud-amd64") }
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    let newest = try #require(images.last, "no cloud kernel in /boot: run 'make setup'")
    return try image("/boot/\(newest)")
  }

  /// The header with the sizes of enumerations of one byte, which bpftool's C does not say.
  func headerWithSmallEnumerations() throws -> String {
    try dump.tagsOfSmallEnumerations.reduce(header) { text, tag in
      let parts = text.components(separatedBy: "enum \(tag) {")
      try #require(parts.count == 2, "'enum \(tag)' is defined \(parts.count - 1) times")
      return parts.joined(separator: "enum __attribute__((packed)) \(tag) {")
    }
  }

  /// Debian 13's: its package is fetched where it is not yet.
  static func debian13() throws -> Kernel {
    let path = try Tool.withTemporaryDirectory { directory in
      try Tool.output([script("debian13"), "kernel"], in: directory)
    }
    return try image(path.split(separator: "\n").last.map(String.init) ?? "")
  }

  private static func script(_ name: String) -> String {
    URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("pipeline/guest/\(name)").path
  }
}
