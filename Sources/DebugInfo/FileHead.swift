// SPDX-License-Identifier: MIT

import Glibc

/// Whether `path` is a pipe by name (mkfifo(1), `<(…)` of shells).
public func isPipe(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
}

/// The first bytes of a file, which tell what it is before anything large is read.
public struct FileHead {
  private let bytes: [UInt8]
  private let isEmptyFile: Bool

  /// Of a pipe, whose bytes can be read only once, nothing is known; nor is it opened, for its writer
  /// would be told that nobody reads any more.
  public init(_ path: String) throws(SourceError) {
    guard !isPipe(path) else {
      (bytes, isEmptyFile) = ([], false)
      return
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotRead(path, errno) }
    defer { close(descriptor) }
    var head = [UInt8](repeating: 0, count: 0x210)
    let count = pread(descriptor, &head, head.count, 0)
    if count < 0 && errno != ESPIPE { throw .cannotRead(path, errno) }
    bytes = Array(head.prefix(max(count, 0)))
    isEmptyFile = count == 0
  }

  public var isELF: Bool { bytes.starts(with: ELFFile.magic) }

  /// What it is, if it is something that people take for debug information.
  var description: String? {
    if isEmptyFile { return "an empty file" }
    if isBootImage { return "a compressed boot image (vmlinuz)" }
    return FileHead.compressions.first { bytes.starts(with: $0.magic) }
      .map { "a file compressed by \($0.name)" }
  }

  var hints: [String] {
    isBootImage
      ? [
        "the running kernel's BTF: --btf /sys/kernel/btf/vmlinux",
        "an uncompressed vmlinux of another kernel is in its debug package",
      ] : []
  }

  /// "HdrS" at 0x202: Documentation/x86/boot.rst.
  private var isBootImage: Bool {
    bytes.count > 0x206 && bytes[0x202..<0x206].elementsEqual("HdrS".utf8)
  }

  private static let compressions: [(name: String, magic: [UInt8])] = [
    ("gzip", [0x1f, 0x8b]), ("xz", [0xfd, 0x37, 0x7a, 0x58]), ("zstd", [0x28, 0xb5, 0x2f, 0xfd]),
    ("bzip2", [0x42, 0x5a, 0x68]), ("lz4", [0x04, 0x22, 0x4d, 0x18]),
  ]
}
