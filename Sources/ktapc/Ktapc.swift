// SPDX-License-Identifier: MIT

import ArgumentParser
import Diagnostics
import StageIO

@main struct Ktapc: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "ktapc", abstract: "Compiles ktap scripts.")

  func execute() throws -> ExitStatus { .fine }
}
