// SPDX-License-Identifier: MIT

import Glibc

/// The folder in which indexes are kept: `$XDG_CACHE_HOME/ktap`, or `~/.cache/ktap`.
///
/// It is a convenience: what cannot be read there is made again, and what cannot be written is
/// not. Files appear whole, by renaming, so that any number of processes may write at once.
public struct IndexCache: Sendable {
  public let directory: String
  /// Bytes that all files together may take; those not used for longest go first.
  public let limit: UInt64
  /// Told how many of how many bytes of debug information were read while an index is made; by
  /// several threads, but never by two at once.
  public let progress: (@Sendable (_ done: UInt64, _ all: UInt64) -> Void)?

  /// All files of the cache end so.
  private static let suffix = "-index"
  /// Seconds after which a file that somebody began to write is one that nobody will finish.
  private static let staleAge = 3600

  public init(
    directory: String, limit: UInt64 = 512 << 20,
    progress: (@Sendable (_ done: UInt64, _ all: UInt64) -> Void)? = nil
  ) {
    self.directory = directory
    self.limit = limit
    self.progress = progress
  }

  /// The user's own; nil where there is no home. (XDG Base Directory Specification: a path that is
  /// not absolute is ignored.)
  public static func standardDirectory() -> String? {
    if let path = getenv("XDG_CACHE_HOME").map({ String(cString: $0) }), path.hasPrefix("/") {
      return path + "/ktap"
    }
    guard let home = getenv("HOME").map({ String(cString: $0) }), home.hasPrefix("/") else {
      return nil
    }
    return home + "/.cache/ktap"
  }

  /// The bytes that are kept under a name; nil where there are none. `isReadWhole`: all will be
  /// looked at.
  func bytes(named name: String, isReadWhole: Bool = true) -> MappedBytes? {
    let path = "\(directory)/\(name)\(Self.suffix)"
    guard let bytes = MappedBytes(path: path, isReadWhole: isReadWhole) else { return nil }
    // "Used now", for the order in which files go.
    utimensat(AT_FDCWD, path, nil, 0)
    return bytes
  }

  /// Keeps bytes under a name, if that is possible.
  func store(_ bytes: [UInt8], as name: String) {
    guard UInt64(bytes.count) <= limit, makeDirectory() else { return }
    var template = Array("\(directory)/.new-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { return }
    let isWritten = write(bytes, to: descriptor)
    close(descriptor)
    guard isWritten, rename(template, "\(directory)/\(name)\(Self.suffix)") == 0 else {
      unlink(template)
      return
    }
    removeOldest()
  }

  /// Makes the folder and those above it, for this user only.
  private func makeDirectory() -> Bool {
    var path = ""
    for part in directory.split(separator: "/") {
      path += "/" + part
      if mkdir(path, 0o700) != 0 && errno != EEXIST { return false }
    }
    return true
  }

  private func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
  }

  private func removeOldest() {
    var files: [(path: String, used: Int, size: UInt64)] = []
    guard let folder = opendir(directory) else { return }
    defer { closedir(folder) }
    let now = time(nil)
    while let item = readdir(folder) {
      let name = withUnsafeBytes(of: &item.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      let path = "\(directory)/\(name)"
      var status = stat()
      guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      if name.hasPrefix(".new-"), now - status.st_mtim.tv_sec > Self.staleAge {
        unlink(path)
      } else if name.hasSuffix(Self.suffix) {
        files.append((path, status.st_mtim.tv_sec, UInt64(status.st_size)))
      }
    }
    var total = files.reduce(0) { $0 + $1.size }
    for file in files.sorted(by: { ($0.used, $0.path) < ($1.used, $1.path) }) where total > limit {
      unlink(file.path)
      total -= file.size
    }
  }
}
