// SPDX-License-Identifier: MIT

import ArgumentParser
import Diagnostics
import StageIO

@main struct CdefParse: StageCommand {
  static let configuration = CommandConfiguration(
    commandName: "cdef-parse", abstract: "C declarations to type IR.")

  func execute() throws -> ExitStatus { .fine }
}
