// SPDX-License-Identifier: MIT

import Glibc

/// Memory for the work on a large input.
public enum LargeInput {
  /// What counts as large, in bytes.
  private static let least = 1 << 20
  /// Bytes; what parsing a whole kernel's types takes. glibc keeps no block of 32 MiB or more for
  /// later.
  private static let heapSize = 31 << 20
  /// Bytes, on x86-64.
  private static let hugePage: UInt = 1 << 21

  /// Prepares the heap for the work on a file, if that is a large one, by asking for huge pages. By
  /// the usual ones, a whole kernel's types would enter the kernel 6,000 times: a tenth of the time
  /// that they take. Where there are none, nothing is lost; what is not used later is only addresses.
  public static func prepare(for path: String?) {
    var status = stat()
    guard let path, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_size >= least
    else { return }
    // A block of this size is first mapped by itself. That one such is freed makes glibc take the
    // next, and smaller ones, from the heap (mallopt(3), M_MMAP_THRESHOLD).
    for _ in 0..<2 {
      guard let block = malloc(heapSize) else { return }
      let first = (UInt(bitPattern: block) + hugePage - 1) & ~(hugePage - 1)
      let end = (UInt(bitPattern: block) + UInt(heapSize)) & ~(hugePage - 1)
      madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_HUGEPAGE)
      free(block)
    }
  }
}
