// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

extension Program {
  /// A program with entries in every section that a host image may have, and that ends well within
  /// a few hundred instructions: what tests damage.
  static func sample() throws -> Program {
    var program = Program()
    program.record("struct pair", [.init("first", "int"), .init("second", "long")])
    program.constant("struct pair")
    program.record(
      "struct bits",
      [
        .init("low", "int", at: 0, bits: 3), .init("high", "unsigned int", at: 3, bits: 29),
        .init("rest", "int"),
      ], size: 8, align: 4)
    program.record("union either", [.init("number", "long"), .init("bytes", "char")])
    program.record("struct outer", [.init("head", "int"), .init(nil, "union either")])
    program.record("struct large", [.init("a", "struct outer"), .init("b", "struct outer")])
    program.array("int", 4)
    program.flexibleArray("int")
    program.enumeration("enum color", base: "unsigned int", ["RED": 0, "GREEN": 7])
    program.incomplete("struct secret")
    program.pointer("struct secret")
    program.pointer("struct pair")
    program.callee("seen_s32_2", ["int", "int"])
    program.callee("take_16", ["struct pair"])
    program.callee("take_32", ["struct large"])
    program.callee("give_32", returning: "struct large", ["unsigned char"])
    program.callee("variadic", returning: "long", ["int"], variadic: true)
    program.variable("variable_int", "int")
    program.variable("variable_pair", "struct pair")
    try program.assemble(Self.sampleListing)
    program.field("struct pair", "second", "long", bitOffset: 64)
    program.field("struct pair *", "first", "int", bitOffset: 0)
    program.field("struct bits", "high", "unsigned int", bitOffset: 3, bitSize: 29)
    let function = program.symbols["seen_s32_2"]!
    program.image.grants = [
      ktap_image_grant(kind: KTAP_GRANT_CALL.rawValue, symbol: function),
      ktap_image_grant(kind: KTAP_GRANT_WRITE.rawValue, symbol: imageNone),
    ]
    return program
  }

  private static let sampleListing = """
    r0 = 5
    r1 = "text"
    setglobal r0 g
    closure r2 outer
    move r3 r2
    call r3 1 0
    return r3 0
    function outer(0) captures r0
      loadi r0 3
      closure r1 inner
      r2 = ffi.new(<struct pair>)
      setfield r2 r0 first
      take_16(r2)
      seen_s32_2(r0, 7)
      r4 = {}
      setlist r4 r0 2 0
      forloop_start:
      r5 = 1
      r6 = 3
      r7 = 1
      forprep r5 done
      again:
      concat r9 r7 2
      forloop r5 again
      done:
      r3 = variable_pair
      getmember r3 r3 m0
      setmember r2 r0 m0
      r4 = variadic(1, r3)
      move r3 r1
      call r3 1 2
      return r3 2
    function inner(0) captures r0 u0
      getcap r0 u0
      getcap r1 u1
      add r0 r0 r1
      return r0 2
    """
}
