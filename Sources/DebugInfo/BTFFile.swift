// SPDX-License-Identifier: MIT

import Diagnostics

extension BTF {
  /// Reads the BTF of `path`: raw, as /sys/kernel/btf/vmlinux is, or the .BTF section of an ELF.
  public static func read(
    _ path: String, base: BTF? = nil, cache: IndexCache? = nil
  ) throws(SourceError) -> BTF {
    let head = try FileHead(path)
    if head.isELF { return try read(ELFFile(path: path), base: base, cache: cache) }
    if let what = head.description {
      throw .malformed(
        "not-btf", "this is \(what), not BTF", file: path, offset: 0, hints: head.hints)
    }
    let bytes = try FileBytes(path: path)
    if bytes.bytes.starts(with: ELFFile.magic) {
      throw .malformed(
        "not-btf", "this is an ELF file in a pipe, from which raw BTF could be read", file: path,
        offset: 0)
    }
    return try BTF(bytes, base: base, cache: cache)
  }

  /// Reads the .BTF section of an ELF file.
  public static func read(
    _ file: ELFFile, base: BTF? = nil, cache: IndexCache? = nil
  ) throws(SourceError) -> BTF {
    let (bytes, offset) = try section(of: file)
    return try BTF(bytes, fileOffset: offset, base: base, cache: cache)
  }

  /// The bytes of an ELF file's .BTF section, and where it starts.
  public static func section(
    of file: ELFFile
  ) throws(SourceError) -> (bytes: FileBytes, offset: Int) {
    guard let section = try file.section(named: ".BTF") else {
      throw SourceError(
        .malformed,
        Diagnostic(
          "no-btf", "this ELF file has no .BTF section", place: .file(file.path),
          hints: ["of the running kernel: --btf /sys/kernel/btf/vmlinux"]))
    }
    return section
  }
}
