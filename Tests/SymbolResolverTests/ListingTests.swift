// SPDX-License-Identifier: MIT

import Testing

@testable import SymbolResolver

/// `--list`, beyond what BTF has, on a real kernel.
@Suite struct ListingTests {
  @Test(arguments: [
    ("init_task", "extern struct task_struct init_task;\n"),
    ("jiffies", "extern volatile unsigned long jiffies;\n"),
    ("nr_threads", "extern int nr_threads;\n"),
    ("vfs_rea[d]", "ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos);\n"),
    ("init_thread_union", "init_thread_union; /* a variable whose type is not known */\n"),
  ])
  func symbolsWithTheirTypes(glob: String, text: String) throws {
    #expect(try KernelListing.text(matching: glob, DebianKernel().sources()) == text)
  }

  @Test func eachNameInItsPlace() throws {
    let text = try KernelListing.text(matching: "tcp_mem*", DebianKernel().sources())
    let lines = text.split(separator: "\n")
    #expect(lines.contains("extern unsigned long tcp_memory_pressure;"))
  }
}
