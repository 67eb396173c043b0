// SPDX-License-Identifier: MIT

import CKtapHost
import CKtapImage
import Diagnostics
import Glibc

/// What went wrong with the kernel's side: the input (image, grants), or the surroundings.
public enum TargetError: Error, Sendable {
  case input(Diagnostic)
  case environment(Diagnostic)
}

/// How calls are treated that do not come back as they should.
public struct KernelLoadOptions: OptionSet, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Calls stay allowed after a fault in one of them.
  public static let keepGoing = KernelLoadOptions(rawValue: KTAP_LOAD_KEEP_GOING)
  /// A call that does not return is broken off even if it may hold a lock.
  public static let forceBreak = KernelLoadOptions(rawValue: KTAP_LOAD_FORCE_BREAK)
}

/// A program in the kernel, from load to close.
public struct KernelProgram: ~Copyable {
  private let descriptor: Int32

  /// Loads an image over `/dev/ktap`. `memory` in bytes; nil: the kernel's default. Messages about
  /// the image's bytes name the image, those about what the script wants name the script.
  public init(
    image: [UInt8], imageName: String, scriptName: String, grants: Grants, memory: UInt64?,
    options: KernelLoadOptions
  ) throws(TargetError) {
    let device = open(KTAP_DEVICE, O_RDWR | O_CLOEXEC)
    guard device >= 0 else { throw Self.openError(errno) }
    defer { close(device) }
    var message = [UInt8](repeating: 0, count: 1024)
    let result = Self.load(device, image, grants.bytes, memory, options, &message)
    guard result >= 0 else {
      throw Self.loadError(
        -result, String(decoding: message.prefix { $0 != 0 }, as: UTF8.self),
        -result == EINVAL ? imageName : scriptName)
    }
    descriptor = result
  }

  deinit { close(descriptor) }

  /// Has the kernel free the programs that it keeps because their callbacks were not freed.
  public static func reap() throws(TargetError) -> ktap_reap {
    let device = open(KTAP_DEVICE, O_RDWR | O_CLOEXEC)
    guard device >= 0 else { throw Self.openError(errno) }
    defer { close(device) }
    var outcome = ktap_reap()
    let result = ktap_device_reap(device, &outcome)
    guard result >= 0 else {
      throw .environment(
        Diagnostic(
          "cannot-reap", "the kernel cannot say: \(String(cString: strerror(-result)))"))
    }
    return outcome
  }

  private static func load(
    _ device: Int32, _ image: [UInt8], _ grants: [UInt8], _ memory: UInt64?,
    _ options: KernelLoadOptions, _ message: inout [UInt8]
  ) -> Int32 {
    image.withUnsafeBytes { image in
      grants.withUnsafeBytes { grants in
        message.withUnsafeMutableBytes { message in
          var request = ktap_load()
          request.abi_version = KTAP_ABI_VERSION
          request.flags = options.rawValue
          request.image = address(image.baseAddress)
          request.image_size = UInt64(image.count)
          request.memory = memory ?? 0
          request.grants = address(grants.baseAddress)
          request.grants_size = UInt64(grants.count)
          request.message = address(UnsafeRawPointer(message.baseAddress))
          request.message_size = UInt64(message.count)
          return ktap_device_load(device, &request)
        }
      }
    }
  }

  private static func address(_ pointer: UnsafeRawPointer?) -> UInt64 {
    UInt64(UInt(bitPattern: pointer))
  }

  private static func openError(_ code: Int32) -> TargetError {
    switch code {
    case ENOENT, ENXIO, ENODEV:
      .environment(
        Diagnostic(
          "no-device", "there is no \(KTAP_DEVICE): the ktap module is not loaded",
          hints: [
            "insmod build/ktap.ko, as root",
            "or try the script without touching this kernel: pipeline/guest/run -- ktap SCRIPT, or --host",
          ]))
    case EACCES, EPERM:
      .environment(
        Diagnostic(
          "no-permission", "\(KTAP_DEVICE) is root's: permission denied",
          hints: ["run it as root"]))
    default:
      .environment(
        Diagnostic("cannot-open", "cannot open \(KTAP_DEVICE): \(String(cString: strerror(code)))"))
    }
  }

  private static func loadError(_ code: Int32, _ message: String, _ name: String) -> TargetError {
    let text = message.isEmpty ? String(cString: strerror(code)) : message
    let place = DiagnosticPlace.file(name)
    return switch code {
    case EINVAL: .input(Diagnostic("bad-image", text, place: place))
    case ESTALE:
      .input(
        Diagnostic(
          "other-kernel", text, place: place, hints: ["compile the script again on this kernel"]))
    case ENOENT: .input(Diagnostic("unknown-symbol", text, place: place))
    case EOPNOTSUPP: .input(Diagnostic("not-callable", text, place: place))
    case EPERM: .input(Diagnostic("missing-grant", text, place: place))
    case EBUSY: .environment(Diagnostic("calls-refused", text, place: place))
    case EPROTO:
      .environment(
        Diagnostic(
          "other-version", "the loaded ktap module is of another version than ktap-load",
          hints: ["rmmod ktap, and load the module built with these tools"]))
    default:
      .environment(
        Diagnostic("cannot-load", "the kernel refused to load it: \(text)", place: place))
    }
  }

  /// Starts the main chunk. It runs in the kernel from here on.
  public func run() throws(TargetError) {
    let result = ktap_device_run(descriptor)
    guard result >= 0 else {
      throw .environment(
        Diagnostic("cannot-run", "the kernel cannot run it: \(String(cString: strerror(-result)))"))
    }
  }

  /// Asks the program to end at its next safe point. Safe in a signal handler's thread.
  public func stop() { _ = ktap_device_stop(descriptor) }

  /// Waits for output and reads whole records into `buffer`. Returns the number of bytes, 0 at the
  /// end, or nil where a signal came first.
  public func read(_ buffer: UnsafeMutableRawBufferPointer) throws(TargetError) -> Int? {
    let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    if count >= 0 { return count }
    if errno == EINTR { return nil }
    throw .environment(
      Diagnostic(
        "cannot-read", "cannot read the program's output: \(String(cString: strerror(errno)))"))
  }
}
