// SPDX-License-Identifier: MIT

import CElfutils
import Diagnostics
import Glibc

/// Finds shared libraries as the dynamic linker does (ld.so(8)), without loading them: nothing of
/// theirs is executed.
public struct LibrarySearch {
  /// Libraries that are there already: by their names, nothing is looked for.
  private var known: [String: String] = [:]
  private let cache: DynamicLinkerCache?
  private static let standardFolders = [
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib",
    "/usr/lib",
  ]
  /// A library that needs more is none.
  private static let greatestCount = 4096

  /// `loaded`: the files that the process has.
  public init(loaded: [String]) {
    cache = DynamicLinkerCache(path: "/etc/ld.so.cache")
    for path in loaded { note(path) }
  }

  private mutating func note(_ path: String) {
    if let name = path.split(separator: "/").last { known[String(name)] = path }
    if let soname = (try? ELFFile(path: path))?.soname() { known[soname] = path }
  }

  /// The files of a library (a path, or a name) and of all that it needs, in the order in which
  /// they would be searched for symbols; without those that are there already.
  ///
  /// Throws `cannot-load` for one that is not found, `bad-elf` for what is no shared library.
  public mutating func files(of library: String) throws(SourceError) -> [String] {
    let isHere = !library.contains("/") && access(library, F_OK) == 0
    guard let first = find(library, [], nil) else {
      throw Self.notFound(
        library, "cannot open shared object file: No such file or directory",
        isHere ? ["the file in this folder: --lib ./\(library)"] : [])
    }
    let present = Set(known.values)
    var files = [first]
    var next = 0
    while next < files.count {
      let path = files[next]
      next += 1
      // Those of the process have all that they need.
      guard !present.contains(path) else { continue }
      let file = try ELFFile(path: path)
      try file.checkIsLibrary()
      note(path)
      for name in file.dynamicStrings(Int64(DT_NEEDED)) {
        guard files.count < Self.greatestCount, let found = find(name, file.searchPath, path) else {
          throw Self.notFound(library, "\(name), which \(path) needs, is not found", [])
        }
        if !files.contains(found) { files.append(found) }
      }
    }
    return files.filter { !present.contains($0) }
  }

  /// Whether the dynamic linker finds the file at `path` by `name` alone, wherever it is asked.
  public func finds(_ name: String, at path: String) -> Bool { find(name, [], nil) == path }

  private static func notFound(
    _ library: String, _ reason: String, _ hints: [String]
  ) -> SourceError {
    SourceError(
      .unavailable,
      Diagnostic("cannot-load", "cannot load \(library): \(reason)", hints: hints))
  }

  /// `folders`: those that the file says which needs it (`DT_RUNPATH`, `DT_RPATH`).
  private func find(_ name: String, _ folders: [String], _ origin: String?) -> String? {
    if name.contains("/") { return LoadedObjects.realPath(name) }
    if let path = known[name] { return path }
    let own = folders.map { folder in
      let parent = origin?.split(separator: "/").dropLast().joined(separator: "/") ?? ""
      return folder.replacing("${ORIGIN}", with: "/" + parent)
        .replacing("$ORIGIN", with: "/" + parent)
    }
    let user = getenv("LD_LIBRARY_PATH").map { String(cString: $0) } ?? ""
    for folder in user.split(whereSeparator: { $0 == ":" || $0 == ";" }).map(String.init) + own {
      if let path = LoadedObjects.realPath("\(folder)/\(name)") { return path }
    }
    if let path = cache?.path(of: name).flatMap(LoadedObjects.realPath) { return path }
    return Self.standardFolders.lazy.compactMap { LoadedObjects.realPath("\($0)/\(name)") }.first
  }
}

/// /etc/ld.so.cache, in the format that glibc has had since 2.2 (dl-cache.h: "glibc-ld.so.cache1.1").
struct DynamicLinkerCache {
  private let file: FileBytes
  private let start: Int
  private let count: Int

  private static let magic = Array("glibc-ld.so.cache1.1".utf8)
  /// Magic, two counts, and what newer versions have behind them.
  private static let headerSize = 48
  private static let entrySize = 24
  /// `FLAG_ELF_LIBC6 | FLAG_X8664_LIB64`.
  private static let flags: UInt32 = 0x0303

  /// nil where there is none of that format.
  init?(path: String) {
    // An older format may stand in front of it.
    guard let file = try? FileBytes(path: path),
      let start = file.bytes.offset(of: Self.magic, from: 0),
      file.bytes.count - start >= Self.headerSize
    else { return nil }
    let count = Int(file.bytes.word(start + 20))
    guard count <= (file.bytes.count - start - Self.headerSize) / Self.entrySize else { return nil }
    (self.file, self.start, self.count) = (file, start, count)
  }

  /// Of several of a name, the first is the dynamic linker's choice, but for those that only some
  /// processors can execute.
  func path(of name: String) -> String? {
    for number in 0..<count {
      let entry = start + Self.headerSize + Self.entrySize * number
      guard file.bytes.word(entry) == Self.flags, file.bytes.long(entry + 16) == 0,
        text(file.bytes.word(entry + 4)) == name
      else { continue }
      return text(file.bytes.word(entry + 8))
    }
    return nil
  }

  private func text(_ offset: UInt32) -> String? {
    let place = start + Int(offset)
    guard place < file.bytes.count else { return nil }
    return String(decoding: file.bytes[place...].prefix { $0 != 0 }, as: UTF8.self)
  }
}
