// SPDX-License-Identifier: MIT

import Diagnostics
import Testing

@testable import TypeIR

@Suite struct CodecTests {
  @Test func externsSurviveARoundTrip() throws {
    let bytes = Samples.externs.encode()
    #expect(try ExternsDocument.decode(bytes, name: "x") == Samples.externs)
    #expect(try ExternsDocument.decode(bytes, name: "x").encode() == bytes)
  }

  @Test func typesSurviveARoundTrip() throws {
    let bytes = Samples.types.encode()
    #expect(try TypesDocument.decode(bytes, name: "x") == Samples.types)
    #expect(try TypesDocument.decode(bytes, name: "x").encode() == bytes)
  }

  @Test func resolvedSurvivesARoundTrip() throws {
    let bytes = Samples.resolved.encode()
    #expect(try ResolvedDocument.decode(bytes, name: "x") == Samples.resolved)
    #expect(try ResolvedDocument.decode(bytes, name: "x").encode() == bytes)
  }

  @Test func theCanonicalFormIsWhatTheContractSays() {
    let document = TypesDocument(
      types: TypeTable([
        TypeEntry(.int(name: "long", size: 8, align: 8, encoding: .signed)),
        TypeEntry(
          .enumeration(
            Enumeration(
              tag: nil, size: 8, isSigned: false,
              values: [Enumerator(name: "BIG", value: IntegerValue(UInt64.max))]))),
      ]),
      symbols: [SymbolDeclaration(name: "x", kind: .variable, type: TypeID(1), at: "a:1:1")])
    let expected = """
      {"format":"ktap.types","version":1,
      "constants":[],
      "expressions":[],
      "members":[],
      "symbols":[
      {"at":"a:1:1","kind":"var","name":"x","type":1}],
      "target":{"abi":"sysv","arch":"x86_64","char":"signed","pointer_size":8},
      "types":[
      {"align":8,"encoding":"signed","id":1,"kind":"int","name":"long","size":8},
      {"id":2,"kind":"enum","signed":false,"size":8,\
      "values":[{"name":"BIG","value":"18446744073709551615"}]}],
      "wants":[]}

      """
    #expect(String(decoding: document.encode(), as: UTF8.self) == expected)
  }

  @Test(arguments: [
    (UInt64(1) << 53 - 1, "9007199254740991"), (1 << 53, "\"9007199254740992\""),
  ])
  func integersBeyondDoublesAreStrings(_ value: UInt64, _ expected: String) {
    var bytes: [UInt8] = []
    JSONWriter.write(to: { bytes += $0 }, { $0.write(IntegerValue(value)) })
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
  }

  /// Pieces end with lines; a line may be longer than any piece.
  @Test func longDocumentsComeInPieces() throws {
    var document = TypesDocument()
    for number in 0..<3000 {
      document.types.append(.typedef(name: "type_\(number)", type: .void, align: nil))
    }
    document.types.append(
      .forward(keyword: .struct, tag: String(repeating: "x", count: 300_000) + "\u{1}"))
    var pieces: [[UInt8]] = []
    document.encode { pieces.append(Array($0)) }
    #expect(pieces.count > 3)
    for piece in pieces.dropFirst() { #expect(piece.starts(with: Array(",\n".utf8))) }
    let bytes = Array(pieces.joined())
    #expect(bytes == document.encode())
    #expect(try TypesDocument.decode(bytes, name: "x") == document)
  }

  @Test func unknownFieldsAreSkipped() throws {
    let text = """
      {"future":[1,-2.5e3,{"a":[],"b":{}},null,true,"x\\"y"],"version":1,"format":"ktap.externs",
       "cdefs":[],"types":[{"text":"int","at":"s:1:1","later":{"deep":[[[]]]}}],
       "names":[],"members":[]}
      """
    let document = try ExternsDocument.decode(Array(text.utf8), name: "x")
    #expect(document.types == [ExternsDocument.TypeString(text: "int", at: "s:1:1")])
  }

  /// The writer looks at eight bytes at a time: whatever stands where among them, it comes back, and
  /// nothing that JSON forbids in a string is written.
  @Test func everyCharacterIsWrittenEverywhere() throws {
    let specials = (0..<128).map { Character(UnicodeScalar($0)) } + ["é", "€", "😀"]
    for length in [0, 1, 7, 8, 15, 16, 17] {
      let members = specials.flatMap { special in
        (0...length).map { place in
          String(repeating: "x", count: place) + String(special)
            + String(repeating: "y", count: length - place)
        }
      }
      let bytes = ExternsDocument(members: members).encode()
      #expect(!bytes.contains { $0 < 32 && $0 != 0x0A })
      #expect(bytes.count(where: { $0 == 0x0A }) == 5)
      #expect(try ExternsDocument.decode(bytes, name: "x").members == members)
    }
  }

  @Test func escapesOfEveryKindAreRead() throws {
    let text = #"""
      {"format":"ktap.externs","version":1,"cdefs":[],"types":[],"names":[],
       "m\u0065mbers":["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"]}
      """#
    let document = try ExternsDocument.decode(Array(text.utf8), name: "x")
    #expect(document.members == ["\"\\/\u{8}\u{c}\n\r\té😀"])
  }
}

/// Every wrong document is one diagnostic, with the place and a stable id.
@Suite struct BadDocumentTests {
  /// What decoding as `ktap.types` throws.
  private func failure(_ text: String) -> Diagnostic? {
    do {
      _ = try TypesDocument.decode(Array(text.utf8), name: "t.json")
      return nil
    } catch {
      return error
    }
  }

  private func body(types: String, rest: String = "") -> String {
    """
    {"format":"ktap.types","version":1,"target":{"arch":"x86_64","abi":"sysv","pointer_size":8,\
    "char":"signed"},"types":[\(types)],"symbols":[],"constants":[],"expressions":[],"wants":[]\
    \(rest)}
    """
  }

  @Test func anotherStagesDocumentNamesTheStageToRun() throws {
    let bytes = Samples.types.encode()
    do {
      _ = try ResolvedDocument.decode(bytes, name: "t.json")
      Issue.record("a types document was read as a resolved one")
    } catch {
      #expect(error.id == "wrong-format")
      #expect(error.message == "a 'ktap.resolved' document expected, found 'ktap.types'")
      #expect(error.hints == ["run ksym-resolve on it first"])
      #expect(error.place == .bytes(file: "t.json", offset: 10))
    }
  }

  @Test(arguments: [
    ("", "empty-input"), ("  \n", "empty-input"), ("int x;", "not-json"), ("{}", "wrong-format"),
    (#"{"format":"ktap.types"}"#, "wrong-version"),
    (#"{"format":"ktap.types","version":2}"#, "wrong-version"),
    (#"{"format":"ktap.types","version":1}"#, "missing-field"),
    (#"{"format":"ktap.types","format":"x"}"#, "duplicate-field"),
    (#"{"format":7}"#, "bad-json"), (#"{"format":"ktap.types""#, "unexpected-end"),
    ("{\"format\":\"ktap.types\",\"version\":1,\"x\":\"\u{1}\"}", "bad-json"),
    (#"{"format":"ktap.types","version":1,"x":tru}"#, "bad-json"),
    (#"{"format":"ktap.types","version":1,"x":[1}}"#, "bad-json"),
  ])
  func documents(_ text: String, _ id: String) { #expect(failure(text)?.id == id) }

  @Test(arguments: [
    (#"{"id":2,"kind":"ptr","type":0}"#, "bad-id"),
    (#"{"id":1,"kind":"pointer","type":0}"#, "bad-word"),
    (#"{"id":1,"kind":"ptr"}"#, "missing-field"),
    (#"{"id":1,"kind":"ptr","type":2}"#, "bad-reference"),
    (#"{"id":1,"kind":"ptr","type":-1}"#, "bad-number"),
    (#"{"id":1,"kind":"ptr","type":1.5}"#, "bad-number"),
    (#"{"id":1,"kind":"ptr","type":9007199254740993}"#, "bad-number"),
    (#"{"id":1,"kind":"ptr","type":"99999999999999999999"}"#, "bad-number"),
    (#"{"id":1,"kind":"ptr","type":01}"#, "bad-number"),
    (#"{"id":1,"kind":"typedef","name":"","type":0}"#, "bad-name"),
    (#"{"id":1,"kind":"typedef","name":"a","type":1}"#, "type-cycle"),
    (#"{"id":1,"kind":"ptr","type":1}"#, "type-cycle"),
    (
      #"{"id":1,"kind":"struct","size":8,"align":8,"members":[{"type":1,"bit_offset":0}]}"#,
      "type-cycle"
    ),
    (#"{"id":1,"kind":"struct","size":8,"members":[]}"#, "half-layout"),
    (
      #"{"id":1,"kind":"struct","size":8,"align":8,"members":[{"name":"a","type":2}]}"#,
      "half-layout"
    ),
    (#"{"id":1,"kind":"struct","size":8,"align":3,"members":[]}"#, "bad-number"),
    (#"{"id":1,"kind":"int","name":"a","size":0,"align":1,"encoding":"bool"}"#, "bad-number"),
    (
      #"{"id":1,"kind":"int","name":"a","size":8,"align":8,"encoding":"bool"},"#
        + #"{"id":2,"kind":"array","type":1,"count":"9223372036854775807"}"#, "type-too-large"
    ),
    (
      #"{"id":1,"kind":"int","name":"a","size":8,"align":8,"encoding":"bool"},"#
        + #"{"id":2,"kind":"struct","size":4,"align":4,"members":[{"type":1,"bit_offset":0}]}"#,
      "bad-member"
    ),
    (
      #"{"id":1,"kind":"struct","size":8,"align":8,"members":[],"extra":\#(nested(65))}"#,
      "nesting-too-deep"
    ),
  ])
  func types(_ types: String, _ id: String) { #expect(failure(body(types: types))?.id == id) }

  @Test func surrogatesThatMakeNoCharacterAreRefused() {
    for text in [#"\ud800"#, #"\udc00\ud800"#, #"\ud83dx"#, #"\u12"#, #"\u12g4"#, #"\x"#] {
      let document = body(types: "", rest: #","members":["\#(text)"]"#)
      #expect(failure(document)?.id == "bad-json", "\(text)")
    }
  }

  @Test func textThatIsNotUTF8IsRefused() {
    var bytes = Array(body(types: "", rest: #","members":["?"]"#).utf8)
    bytes[bytes.lastIndex(of: UInt8(ascii: "?"))!] = 0xFF
    #expect(throws: Diagnostic.self) { try TypesDocument.decode(bytes, name: "x") }
  }

  @Test func aChainOfTypesHasALimit() {
    var types = #"{"id":1,"kind":"ptr","type":0}"#
    for id in 2...1002 { types += #",{"id":\#(id),"kind":"ptr","type":\#(id - 1)}"# }
    #expect(failure(body(types: types))?.id == "nesting-too-deep")
  }

  @Test func aCycleThroughAPointerIsFine() {
    let types = """
      {"id":1,"kind":"struct","name":"list","size":8,"align":8,\
      "members":[{"name":"next","type":2,"bit_offset":0}]},{"id":2,"kind":"ptr","type":1}
      """
    #expect(failure(body(types: types)) == nil)
  }

  /// Cut off anywhere, a document is refused.
  @Test func everyTruncationIsAnError() {
    for bytes in [Samples.types.encode()] {
      for length in 0..<bytes.count - 2 {
        #expect(throws: Diagnostic.self) {
          try TypesDocument.decode(Array(bytes[..<length]), name: "x")
        }
      }
    }
  }

  /// Any one byte replaced: an error or another valid document, never a crash.
  @Test func everyByteMayBeFlipped() {
    for (bytes, replacement) in [
      (Samples.types.encode(), UInt8(ascii: "9")), (Samples.types.encode(), UInt8(ascii: "\"")),
      (Samples.types.encode(), 0x80), (Samples.resolved.encode(), UInt8(ascii: "}")),
      (Samples.externs.encode(), UInt8(ascii: "[")), (Samples.externs.encode(), 0x5C),
    ] {
      for index in bytes.indices {
        var damaged = bytes
        damaged[index] = replacement
        if let document = try? TypesDocument.decode(damaged, name: "x") {
          _ = document.encode()
        }
        if let document = try? ResolvedDocument.decode(damaged, name: "x") {
          _ = document.encode()
        }
        if let document = try? ExternsDocument.decode(damaged, name: "x") {
          _ = document.encode()
        }
      }
    }
  }
}

/// Arrays inside each other.
private func nested(_ depth: Int) -> String {
  String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
}
