// SPDX-License-Identifier: MIT

import Foundation
import Testing

@Suite struct GoldenTests {
  @Test(arguments: GoldenCase.all) func golden(_ golden: GoldenCase) throws {
    try Tools.withFolder { folder in
      for file in golden.files {
        try Data(file.contents.utf8).write(to: folder.appendingPathComponent(file.name))
      }
      let result = try Tools.shell(golden.command, in: folder)
      #expect(result.status == golden.status, "\(result.stderr)")
      #expect(result.text == golden.stdout)
      #expect(diagnostics(in: result.stderr) == golden.diagnostics, "\(result.stderr)")
      for text in golden.stderrHas {
        #expect(result.stderr.contains(text), "\(result.stderr)")
      }
      // A run with neither mistakes nor warnings says nothing.
      if golden.diagnostics.isEmpty && golden.stderrHas.isEmpty { #expect(result.stderr == "") }
    }
  }

  @Test func thereAreCases() { #expect(GoldenCase.all.count >= 10) }
}
