// SPDX-License-Identifier: MIT

import Glibc
import StageIO
import TypeIR

/// `bench-codec FILE ROUNDS`: the types of a `ktap.types` document, and the median of the milliseconds
/// of processor time that reading it and writing it again take.
@main struct BenchCodec {
  static func main() throws {
    guard CommandLine.arguments.count == 3, let rounds = Int(CommandLine.arguments[2]), rounds > 0
    else {
      StageError.write("usage: bench-codec FILE ROUNDS\n")
      exit(ExitStatus.usage.rawValue)
    }
    let name = CommandLine.arguments[1]
    let bytes = try StageInput.read(name)
    var types = 0
    var times: [Double] = []
    // The first round fills the caches.
    for _ in 0...rounds {
      let start = processorTime()
      let document = try TypesDocument.decode(bytes, name: name)
      let written = document.encode()
      times.append(processorTime() - start)
      types = document.types.count
      guard written == bytes else {
        StageError.write("bench-codec: error: \(name) read and written is another document\n")
        exit(ExitStatus.inputWrong.rawValue)
      }
    }
    let median = times.dropFirst().sorted()[rounds / 2]
    print("\(types) \(median)")
  }

  /// Milliseconds.
  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
  }
}
