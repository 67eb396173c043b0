// SPDX-License-Identifier: MIT

import CKtapHost
import CKtapImage
import Diagnostics
import KtapImage
import KtapLoader
import StageIO

/// One run: takes records, formats them, writes them out.
struct Session {
  private var formatter: OutputFormatter<ImageReader>
  private var parser = RecordParser()
  private let collects: Bool
  /// With `-o`: everything, to be written at the end.
  private(set) var collected: [UInt8] = []
  /// Set where output could not be written or understood; the run is stopped then.
  private var failure: (any Error)?

  init(names: ImageReader, format: OutputFormat, collects: Bool) {
    formatter = OutputFormatter(names: names, format: format)
    self.collects = collects
  }

  var exitStatus: ExitStatus {
    switch formatter.exit {
    case KTAP_EXIT_OK: .fine
    case KTAP_EXIT_INTERRUPTED: .interrupted
    default: .inputWrong
    }
  }

  mutating func runInKernel(
    _ image: [UInt8], name: String, scriptName: String, grants: Grants, memory: UInt64?,
    options: KernelLoadOptions
  ) throws {
    ktap_catch_interrupts()
    let program = try KernelProgram(
      image: image, imageName: name, scriptName: scriptName, grants: grants, memory: memory,
      options: options)
    try program.run()
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var stopsSeen: Int32 = 0
    while true {
      if ktap_interrupts() > stopsSeen {
        stopsSeen = ktap_interrupts()
        program.stop()
        // A second interrupt is for a script that does not reach a safe point: closing the program
        // leaves the rest to the kernel.
        if stopsSeen > 1 {
          formatter.noteInterruption()
          return
        }
      }
      let goesOn = try buffer.withUnsafeMutableBytes { buffer in
        guard let count = try program.read(buffer) else { return true }
        return count > 0 && take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
      if !goesOn { break }
    }
    if let failure { throw failure }
  }

  mutating func runInProcess(_ image: [UInt8], name: String, memory: UInt64?) throws {
    ktap_catch_interrupts()
    // The callback outlives no call of run(), but the compiler cannot know.
    var session = self
    try HostProgram.run(image: image, imageName: name, memory: memory) { session.take($0) }
    self = session
    if let failure { throw failure }
  }

  /// Formats and writes whole records; false: stop.
  private mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    do {
      var text: [UInt8] = []
      for record in try parser.parse(bytes) {
        text += formatter.format(record)
      }
      if collects {
        collected += text
      } else if !text.isEmpty {
        try StageOutput.write(text, to: nil)
      }
      StageError.print(formatter.takeDiagnostics())
      return true
    } catch {
      failure = error
      return false
    }
  }
}
