// SPDX-License-Identifier: MIT

import Foundation
import Testing
import TypeIR

/// The documents as the codec writes them, judged by the published schemas and a public validator
/// (python3-jsonschema).
@Suite struct SchemaTests {
  private static let schemas = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("docs/schemas")

  /// Prints a line for every violation; a schema that is none itself ends it with a traceback.
  private static let validator = """
    import json, sys
    import jsonschema
    schema = json.load(open(sys.argv[1], encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.load(open(sys.argv[2], encoding="utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
        print("/".join(map(str, error.absolute_path)), error.message)
    """

  /// The first python that has the validator: the one on the PATH need not be the system's.
  private static let python = """
    for python in python3 /usr/bin/python3; do
      "$python" -c 'import jsonschema' 2>/dev/null && exec "$python" -c "$0" "$@"
    done
    echo 'no python3 with jsonschema: make setup installs it'
    """

  /// What the validator says about a document; empty if it is valid.
  private func violations(_ format: String, _ document: [UInt8]) throws -> String {
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("ktap-schema-\(UUID().uuidString).json")
    try Data(document).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    let schema = Self.schemas.appendingPathComponent("\(format).schema.json")
    process.arguments = ["-c", Self.python, Self.validator, schema.path, file.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self)
  }

  @Test func whatTheCodecWritesIsValid() throws {
    #expect(try violations("ktap.externs", Samples.externs.encode()) == "")
    #expect(try violations("ktap.types", Samples.types.encode()) == "")
    #expect(try violations("ktap.resolved", Samples.resolved.encode()) == "")
  }

  /// The schemas do notice what is wrong.
  @Test(arguments: [
    ("ktap.types", "\"kind\":\"ptr\"", "\"kind\":\"pointer\""),
    ("ktap.types", "\"version\":1", "\"version\":2"),
    ("ktap.types", "\"encoding\":\"signed\"", "\"encoding\":\"sgined\""),
    ("ktap.types", "\"bit_offset\":0", "\"bit_offset\":-1"),
    ("ktap.types", "\"align\":8", "\"align\":7"),
    ("ktap.types", "\"constants\"", "\"constant\""),
    ("ktap.types", "\"at\":\"s.kp:4:10\"", "\"at\":\"s.kp\""),
    ("ktap.externs", "\"use\":\"token\"", "\"use\":\"tokens\""),
    ("ktap.externs", "[0,1,12]", "[0,1]"),
    ("ktap.resolved", "\"base\":\"_stext\"", "\"base\":\"stext\""),
    ("ktap.resolved", "\"check\":\"matches\"", "\"check\":\"fine\""),
  ])
  func damageIsNoticed(_ format: String, _ text: String, _ replacement: String) throws {
    let document =
      switch format {
      case "ktap.externs": Samples.externs.encode()
      case "ktap.types": Samples.types.encode()
      default: Samples.resolved.encode()
      }
    let original = String(decoding: document, as: UTF8.self)
    try #require(original.contains(text))
    let damaged = original.replacingOccurrences(of: text, with: replacement)
    #expect(try violations(format, Array(damaged.utf8)) != "")
  }

  /// Two schemas describe types, so that each stands alone; they say the same.
  @Test func bothSchemasDescribeTypesAlike() throws {
    func definitions(_ format: String) throws -> [String: NSObject] {
      let data = try Data(
        contentsOf: Self.schemas.appendingPathComponent("\(format).schema.json"))
      let schema = try #require(
        try JSONSerialization.jsonObject(with: data) as? [String: Any])
      return try #require(schema["$defs"] as? [String: NSObject])
    }
    #expect(try definitions("ktap.types") == definitions("ktap.resolved"))
  }
}
