// SPDX-License-Identifier: MIT

import ArgumentParser
import CKtapImage
import Diagnostics
import KtapImage
import KtapLoader
import StageIO

@main struct KtapLoad: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "ktap-load",
    abstract: "Loads an image into the kernel (or runs it in this process) and prints its output.",
    discussion: """
      The last step: ktapc -> IMAGE -> ktap-load -> kernel. The kernel verifies the image, binds its \
      symbols by name, checks that it was built for this very kernel, and runs it in a thread of its \
      own; ktap-load formats what it prints. Interrupted (Ctrl-C), it stops the script; killed, the \
      kernel stops it by itself and frees everything.

      A script may read anything. What goes beyond needs a grant:
        --allow call=NAME[,NAME…]   call these kernel functions (--allow call: any)
        --allow write               write to memory that is not the script's own
        --allow callback            hand script functions to the kernel
      An error about a missing grant names the exact flag.

      Examples:
        ktap-load s.ktbc
        ktap-load --allow call=kmalloc,kfree --allow write s.ktbc
        ktapc -e 'print(6 * 7)' | ktap-load --target host

      Exit status: 0 fine, 1 the image or the script was wrong, 2 usage, 3 environment (no module, no \
      permission), 130 interrupted.
      """, version: stageVersion)

  enum Target: String, ExpressibleByArgument, CaseIterable { case kernel, host }

  @Argument(help: "The image; - or nothing: standard input.")
  var image: String?

  @Option(help: "Where it runs: kernel (over /dev/ktap) or host (in this process, no root).")
  var target: Target = .kernel

  @Option(
    help: ArgumentHelp("What the script may do beyond reading; repeatable.", valueName: "grant"))
  var allow: [String] = []

  @Option(help: "text, or json (one object a line).")
  var format: OutputFormat = .text

  @Option(
    help: ArgumentHelp(
      "The script's memory: bytes, or with K, M, G. (default: 16M)", valueName: "n"))
  var memory: String?

  @Flag(help: "Go on calling kernel functions after one of them faulted.")
  var keepGoing = false

  @Flag(
    help: """
      Break off a call that does not return even where it holds preemption, interrupts or RCU off: \
      whatever lock it has taken stays taken.
      """)
  var forceBreak = false

  @Flag(
    help: """
      Load nothing; free the memory of ended scripts that did not free their callbacks. Only where \
      nothing of the kernel refers to them any more.
      """)
  var reap = false

  @Option(
    name: .short,
    help: ArgumentHelp(
      "Write the output to a file: all of it when the script ends well, otherwise nothing.",
      valueName: "file"))
  var output: String?

  private var loadOptions: KernelLoadOptions {
    var options: KernelLoadOptions = []
    if keepGoing { options.insert(.keepGoing) }
    if forceBreak { options.insert(.forceBreak) }
    return options
  }

  func validate() throws {
    _ = try grants()
    _ = try memoryBytes()
  }

  func execute() throws -> ExitStatus {
    guard !reap else { return try reapPrograms() }
    let name = StageInput.name(of: image)
    let bytes = try StageInput.read(image)
    let reader = try ImageReader(bytes, name: name)
    var session = Session(names: reader, format: format, collects: output != nil)
    do {
      switch target {
      case .kernel:
        try session.runInKernel(
          bytes, name: name, scriptName: reader.script, grants: try grants(),
          memory: try memoryBytes(), options: loadOptions)
      case .host:
        try Self.checkTarget(reader)
        try session.runInProcess(bytes, name: name, memory: try memoryBytes())
      }
    } catch TargetError.input(let diagnostic) {
      throw diagnostic
    } catch TargetError.environment(let diagnostic) {
      throw EnvironmentError(diagnostic)
    }
    if let output, session.exitStatus == .fine {
      try StageOutput.write(session.collected, to: output)
    }
    return session.exitStatus
  }

  private func reapPrograms() throws -> ExitStatus {
    do {
      let outcome = try KernelProgram.reap()
      print("\(outcome.freed) freed, \(outcome.kept) kept, \(outcome.kept_bytes >> 10) KiB held")
    } catch TargetError.input(let diagnostic) {
      throw diagnostic
    } catch TargetError.environment(let diagnostic) {
      throw EnvironmentError(diagnostic)
    }
    return .fine
  }

  private static func checkTarget(_ image: ImageReader) throws(Diagnostic) {
    let fitting = UInt32(KTAP_IMAGE_TARGET_HOST | KTAP_IMAGE_TARGET_ANY)
    guard image.header.flags & fitting == 0 else { return }
    throw Diagnostic(
      "other-target", "this image is made for a kernel, not for a process",
      place: .file(image.name),
      hints: [
        "load it without --target host, or resolve the script's types with ksym-resolve --host"
      ])
  }

  private func grants() throws -> Grants {
    var grants = Grants()
    for text in allow {
      do {
        try grants.add(text)
      } catch {
        throw ValidationError(error.message + "; " + error.hints.joined(separator: "; "))
      }
    }
    return grants
  }

  private func memoryBytes() throws -> UInt64? {
    guard let memory else { return nil }
    let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    let unit = memory.last.flatMap { units[$0] }
    let digits = unit == nil ? Substring(memory) : memory.dropLast()
    let range = KTAP_MEMORY_LEAST...KTAP_MEMORY_MOST
    guard let number = UInt64(digits),
      case (let bytes, let overflow) = number.multipliedReportingOverflow(by: unit ?? 1), !overflow,
      range.contains(bytes)
    else {
      throw ValidationError("--memory takes a size from 256K to 4G, not '\(memory)'")
    }
    return bytes
  }
}

extension OutputFormat: ExpressibleByArgument {}
