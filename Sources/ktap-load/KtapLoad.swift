// SPDX-License-Identifier: MIT

import ArgumentParser
import Diagnostics
import StageIO

@main struct KtapLoad: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "ktap-load", abstract: "Loads an image and prints its output.")

  func execute() throws -> ExitStatus { .fine }
}
