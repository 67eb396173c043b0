// SPDX-License-Identifier: MIT

import DebugInfo
import Glibc

/// The user's cache, and on a terminal how far the making of an index has got.
enum Progress {
  /// nil where the user has no cache directory.
  static func cache() -> IndexCache? {
    IndexCache.standardDirectory().map {
      IndexCache(directory: $0, progress: isatty(STDERR_FILENO) == 1 ? show : nil)
    }
  }

  /// In a line that the next one overwrites, and the last one clears.
  private static let show: @Sendable (UInt64, UInt64) -> Void = { done, all in
    let percent = all == 0 ? 100 : done * 100 / all
    let line =
      done >= all ? "\r\u{1b}[K" : "\rksym-resolve: reading debug information, once: \(percent) %"
    _ = line.utf8.withContiguousStorageIfAvailable {
      write(STDERR_FILENO, $0.baseAddress, $0.count)
    }
  }
}
