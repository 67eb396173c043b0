// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage
import Testing

/// Nothing that is in use is ever unreachable: programs that collect garbage at each allocation, and
/// overwrite what is freed, do what they do otherwise.
@Suite struct RootsTests {
  static let listings: [(name: String, listing: String)] = [
    (
      "growing tables and new strings",
      """
      r0 = {}
      r1 = 1
      r2 = 60
      r3 = 1
      forprep r1 made
      make:
      r5 = "key "
      move r6 r4
      concat r5 r5 2
      setindex r0 r5 r5
      setindex r0 r4 r5
      forloop r1 make
      made:
      r5 = "key 41"
      getindex r5 r0 r5
      r6 = 60
      getindex r6 r0 r6
      print(r5, r6)
      """
    ),
    (
      "captured variables, open and closed",
      """
      r0 = "captured "
      r1 = 1
      concat r0 r0 2
      closure r2 get
      closure r3 get
      r4 = r2()
      close r0
      r5 = "something else"
      r6 = {}
      r7 = r3()
      print(r4, r7)
      function get(0) captures r0
        r0 = {}
        getcap r0 u0
        return r0 2
      """
    ),
    (
      "errors on their way",
      """
      r0, r1 = pcall(fail)
      r2, r3 = pcall(pcall, fail)
      print(r0, r1, r2, r3)
      function fail(0)
        r1 = "error "
        r2 = 7
        concat r1 r1 2
        error(r1)
        return r0 1
      """
    ),
    (
      "C data while it is made, and by pointers into it",
      """
      r0 = {}
      r1 = 7
      setfield r0 r1 second
      r2 = ffi.new(<struct pair>, r0)
      r3 = ffi.addressof(r2)
      r2 = nil
      r0 = {}
      r4 = ffi.new(<struct pair>)
      getfield r5 r3 second
      getfield r6 r4 second
      print(r5, r6)
      """
    ),
    (
      "a table that a loop takes apart",
      """
      r0 = {}
      r1 = "one"
      setfield r0 r1 a
      r1 = "two"
      setfield r0 r1 b
      r1, r2, r3 = pairs(r0)
      jmp next
      again:
      r6 = nil
      setindex r0 r4 r6
      r6 = "seen "
      move r7 r5
      concat r6 r6 2
      print(r6)
      next:
      itercall r1 2
      iterloop r1 again
      """
    ),
  ]

  @Test(arguments: listings.map(\.name)) func nothingInUseIsFreed(name: String) throws {
    let listing = try #require(Self.listings.first { $0.name == name }).listing
    var program = Program()
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    var strict = Machine()
    strict.host.limits.collect_always = 1
    let expected = try run(listing, in: program)
    let outcome = try run(listing, in: program, on: strict)
    #expect(expected.error == nil && !expected.prints.isEmpty)
    #expect(outcome.error == nil)
    #expect(outcome.prints == expected.prints)
    #expect(outcome.host.usage.collections > 5)
  }
}
