// SPDX-License-Identifier: MIT

import DebugInfo
import Glibc

/// What modules are called.
enum ModuleName {
  /// As the kernel calls the module of a file: `-` is `_` there.
  static func of(path: String) -> String {
    let file = path.split(separator: "/").last ?? ""
    return String((file.split(separator: ".").first ?? "").map { $0 == "-" ? "_" : $0 })
  }

  /// The release of the kernel that a module was built for: the first word of `vermagic` in its
  /// .modinfo, entries `KEY=VALUE` that end in 0; nil where it does not say.
  static func release(of module: ELFFile) throws(SourceError) -> String? {
    guard let info = try module.section(named: ".modinfo") else { return nil }
    let key = "vermagic="
    return info.bytes.bytes.split(separator: 0).first { $0.starts(with: key.utf8) }.map {
      String(decoding: $0.dropFirst(key.utf8.count).prefix { $0 != 0x20 }, as: UTF8.self)
    }
  }
}

/// The modules that are installed for a kernel, loaded or not: what depmod(8) lists.
struct ModuleFiles {
  /// "/lib/modules/RELEASE".
  let directory: String

  init(directory: String) { self.directory = directory }

  init(release: String) { directory = "/lib/modules/\(release)" }

  /// The modules that define `symbol`, sorted: those that export it, or if there are none those that
  /// have it for themselves (which takes a look into each file that is not compressed).
  ///
  /// With a `cache`, the names in all files are collected once, in what can tell at once that none of
  /// them has a symbol.
  func owners(of symbol: String, _ cache: IndexCache? = nil) -> [String] {
    let exporters = exporters(of: symbol)
    guard exporters.isEmpty else { return exporters }
    if let cache, let names = names(cache), !names.mayContain(symbol) { return [] }
    return definers(of: symbol)
  }

  /// depmod(8) writes modules.dep anew whenever modules come or go.
  private func names(_ cache: IndexCache) -> NameSetIndex? {
    let list = "\(directory)/modules.dep"
    var status = stat()
    guard stat(list, &status) == 0, let text = try? FileBytes(path: list) else { return nil }
    let key = directory.utf8.withContiguousStorageIfAvailable {
      NameSetIndex.key([UnsafeRawBufferPointer($0), text.bytes], status.st_mtim.tv_sec)
    }
    guard let key else { return nil }
    return NameSetIndex(key: key, in: cache) { add in
      for path in paths() where path.hasSuffix(".ko") {
        if let file = try? ELFFile(path: path) { add(file) }
      }
    }
  }

  /// The file of a module; nil: none is installed.
  func path(of module: String) -> String? {
    paths().first { ModuleName.of(path: $0) == module }
  }

  /// modules.symbols: `alias symbol:NAME MODULE`.
  private func exporters(of symbol: String) -> [String] {
    guard let text = try? FileBytes(path: "\(directory)/modules.symbols") else { return [] }
    let mark = Array("alias symbol:\(symbol) ".utf8)
    var owners: Set<String> = []
    var from = 0
    while let found = text.bytes.offset(of: mark, from: from) {
      let start = found + mark.count
      let name = text.bytes[start...].prefix { $0 > 0x20 }
      owners.insert(String(decoding: name, as: UTF8.self))
      from = start
    }
    return owners.sorted()
  }

  private func definers(of symbol: String) -> [String] {
    let paths = paths()
    let answers = Threads.map(paths) { Self.isSymbol(symbol, definedIn: $0) }
    return zip(paths, answers).filter(\.1).map { ModuleName.of(path: $0.0) }.sorted()
  }

  private static func isSymbol(_ symbol: String, definedIn path: String) -> Bool {
    guard path.hasSuffix(".ko"), let file = try? ELFFile(path: path) else { return false }
    return file.mentions(symbol: symbol)
      && (try? ELFSymbolTable(file))?.symbols(named: symbol).contains { $0.isDefined } == true
  }

  /// modules.dep: `PATH: PATH…`, relative to the directory unless they begin with `/`.
  private func paths() -> [String] {
    guard let text = try? FileBytes(path: "\(directory)/modules.dep") else { return [] }
    return text.bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let path = String(decoding: line.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
      return path.isEmpty ? nil : path.hasPrefix("/") ? path : "\(directory)/\(path)"
    }
  }
}
