// SPDX-License-Identifier: MIT

import ArgumentParser
import Diagnostics
import StageIO

@main struct KsymResolve: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "ksym-resolve", abstract: "Finds symbols and types in a kernel.")

  func execute() throws -> ExitStatus { .fine }
}
