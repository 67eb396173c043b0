// SPDX-License-Identifier: MIT

import CDefParser
import Testing
import TypeIR

/// gcc is the judge of every size, alignment and offset.
@Suite struct LayoutTests {
  @Test(arguments: [1, 2, 3])
  func randomDeclarationsAreLaidOutAsGccDoes(_ seed: UInt64) throws {
    var generator = DeclarationGenerator(seed: seed)
    var text = DeclarationGenerator.prelude
    for _ in 0..<700 { text += generator.declaration() }
    let oracle = LayoutOracle(document(text))
    #expect(oracle.bitFieldCount > 700)
    let disagreements = try oracle.disagreements(with: text)
    #expect(disagreements.isEmpty, "\(disagreements)")
  }
}
