// SPDX-License-Identifier: MIT

import DebugInfo
import Glibc

/// The user's cache, and on a terminal how far the making of an index has got.
enum Progress {
  /// nil where the user has no cache directory.
  static func cache() -> IndexCache? {
    IndexCache.standardDirectory().map {
      IndexCache(directory: $0, progress: isatty(STDERR_FILENO) == 1 ? Line().show : nil)
    }
  }

  /// A line that the next one overwrites, ten times a second at most, and the last one clears.
  /// (Calls come one at a time, as ``IndexCache/progress`` has it.)
  private final class Line: @unchecked Sendable {
    /// Of the last line, in tenths of a second since the computer started.
    private var shown = 0

    @Sendable func show(_ done: UInt64, _ all: UInt64) {
      if done >= all { return write("\r\u{1b}[K") }
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      let tenths = now.tv_sec * 10 + now.tv_nsec / 100_000_000
      guard tenths != shown else { return }
      shown = tenths
      write("\rksym-resolve: reading debug information, once: \(done * 100 / all) %")
    }

    private func write(_ line: String) {
      _ = line.utf8.withContiguousStorageIfAvailable {
        Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
      }
    }
  }
}
