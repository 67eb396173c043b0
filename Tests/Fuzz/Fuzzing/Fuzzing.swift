// SPDX-License-Identifier: MIT

import CLibFuzzer
import Glibc

/// Runs libFuzzer, with the command line's options, on a function that crashes where it finds a mistake.
/// It returns 0, or -1 for an input that is not to be added to the corpus.
///
/// libFuzzer's own `main` is not used, since SwiftPM gives every executable one.
public func fuzz(
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> Never {
  var count = CommandLine.argc
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
  exit(LLVMFuzzerRunDriver(&count, &arguments, test))
}
