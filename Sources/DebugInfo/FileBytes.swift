// SPDX-License-Identifier: MIT

import Glibc

/// Bytes in memory, freed with the object. Whoever hands out pointers into them keeps it alive.
///
/// Files are read, not mapped: one that shrinks under a mapping would end the process by SIGBUS,
/// and the files of /proc and /sys cannot be mapped on all kernels. (ELF files are the exception:
/// libelf maps them, for nobody wants to read all of a kernel's debug information.)
public final class FileBytes: @unchecked Sendable {
  /// What messages call the bytes: the path as typed.
  public let name: String
  public let bytes: UnsafeRawBufferPointer
  /// To which the bytes belong; nil: to this object.
  private let owner: AnyObject?

  /// Bytes that live as long as `owner`.
  init(name: String, _ bytes: UnsafeRawBufferPointer, of owner: AnyObject) {
    (self.name, self.bytes, self.owner) = (name, bytes, owner)
  }

  /// Takes a copy of `bytes`.
  public init(name: String, copying bytes: some Collection<UInt8>) {
    self.name = name
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    copy.copyBytes(from: bytes)
    self.bytes = UnsafeRawBufferPointer(copy)
    owner = nil
  }

  /// Reads the whole of `path`, whatever it is (a file, a pipe, a file of /proc).
  public convenience init(path: String) throws(SourceError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotRead(path, errno) }
    defer { close(descriptor) }
    try self.init(descriptor: descriptor, name: path)
  }

  /// Reads the rest of an open file.
  init(descriptor: Int32, name: String) throws(SourceError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .cannotRead(name, errno) }
    guard !isDevice(status) else { throw .device(name) }
    // The size is only a hint: it is 0 for the files of /proc.
    let expected = max(Int(status.st_size), 0)
    var growing = GrowingBuffer(capacity: min(max(expected + 1, 1 << 16), 1 << 28))
    while true {
      let room = growing.room()
      let count = read(descriptor, room.baseAddress, room.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        growing.deallocate()
        throw .cannotRead(name, errno)
      }
      if count == 0 { break }
      growing.count += count
    }
    self.name = name
    owner = nil
    self.bytes = UnsafeRawBufferPointer(rebasing: growing.storage[..<growing.count])
  }

  /// Whether `other` has the same bytes.
  public func hasSameBytes(as other: FileBytes) -> Bool {
    guard bytes.count == other.bytes.count else { return false }
    guard let mine = bytes.baseAddress, let its = other.bytes.baseAddress else { return true }
    return memcmp(mine, its, bytes.count) == 0
  }

  deinit {
    if owner == nil { UnsafeMutableRawBufferPointer(mutating: bytes).deallocate() }
  }

  /// An allocation that doubles when it is full.
  private struct GrowingBuffer {
    var storage: UnsafeMutableRawBufferPointer
    var count = 0

    init(capacity: Int) {
      storage = .allocate(byteCount: capacity, alignment: 8)
    }

    /// The unused part, never empty.
    mutating func room() -> UnsafeMutableRawBufferPointer {
      if count == storage.count {
        let larger = UnsafeMutableRawBufferPointer.allocate(
          byteCount: storage.count * 2, alignment: 8)
        larger.copyMemory(from: UnsafeRawBufferPointer(storage))
        storage.deallocate()
        storage = larger
      }
      return UnsafeMutableRawBufferPointer(rebasing: storage[count...])
    }

    func deallocate() { storage.deallocate() }
  }
}

/// Devices may have no end (/dev/zero). A terminal has: it may be what standard input is.
private func isDevice(_ status: stat) -> Bool {
  let kind = status.st_mode & S_IFMT
  return kind == S_IFBLK || (kind == S_IFCHR && status.st_rdev != 0 && major(status) == 1)
}

/// The device's major number (makedev(3)); 1 are /dev/zero, /dev/mem and their like.
private func major(_ status: stat) -> UInt64 {
  (UInt64(status.st_rdev) >> 8 & 0xfff) | (UInt64(status.st_rdev) >> 32 & ~0xfff)
}

/// Whether an open file is a directory.
func isDirectory(_ descriptor: Int32) -> Bool {
  var status = stat()
  return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}
