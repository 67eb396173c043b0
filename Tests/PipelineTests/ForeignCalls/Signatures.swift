// SPDX-License-Identifier: MIT

import TestSupport

/// A type of C that is passed by value.
indirect enum CType {
  case integer(String)
  case bool
  case pointer
  /// By its index in ``SignatureGenerator/records``.
  case record(Int)
  /// Only as a member.
  case array(CType, Int)
}

struct CRecord {
  struct Member {
    var name: String
    var type: CType
    /// Of a bit-field.
    var bits: Int?
  }
  var keyword: String
  var name: String
  var attributes: String
  var members: [Member]
}

/// What an object of C is initialised with: in a union, its first member.
indirect enum CValue {
  case number(UInt64)
  case list([CValue])
}

struct Signature {
  var number: Int
  /// nil: void
  var result: CType?
  var parameters: [CType]
  /// Behind the parameters of a variadic function, each passed as a long.
  var tail: [Int64]?
  /// `ms_abi`
  var isMicrosoft: Bool
}

/// Random prototypes and values for them; written as C and as a script, which then must agree.
struct SignatureGenerator {
  private var random: SeededGenerator
  private(set) var records: [CRecord] = []

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  private static let integers = [
    "char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned int",
    "long", "unsigned long", "long long", "unsigned long long", "enum shade",
  ]

  // MARK: - Types

  private mutating func scalar() -> CType {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: .bool
    case 1: .pointer
    default: .integer(Self.integers.randomElement(using: &random)!)
    }
  }

  private mutating func memberType(_ depth: Int) -> CType {
    if depth < 2, random.once(in: 6) { return .record(makeRecord(depth + 1)) }
    let type = scalar()
    return random.once(in: 4) ? .array(type, Int.random(in: 2...5, using: &random)) : type
  }

  private mutating func bitField() -> (CType, Int) {
    let (type, most) = [
      ("int", 32), ("unsigned int", 32), ("long", 64), ("unsigned long", 64), ("short", 16),
      ("unsigned char", 8),
    ].randomElement(using: &random)!
    return (.integer(type), Int.random(in: 1...most, using: &random))
  }

  /// A record of up to about 64 bytes, now and then (GNU C) of none. Its index.
  private mutating func makeRecord(_ depth: Int) -> Int {
    let isUnion = random.once(in: 6)
    let count = random.once(in: 20) ? 0 : Int.random(in: 1...(isUnion ? 3 : 5), using: &random)
    var members: [CRecord.Member] = []
    for index in 0..<count {
      if !isUnion, random.once(in: 4) {
        let (type, bits) = bitField()
        members.append(.init(name: "m\(index)", type: type, bits: bits))
      } else {
        members.append(.init(name: "m\(index)", type: memberType(depth), bits: nil))
      }
    }
    var attributes = ["", "", "", "", " __attribute__((packed))", " __attribute__((aligned(16)))"]
      .randomElement(using: &random)!
    // There gcc and clang differ: see ForeignCallsTests.packedRecordsOfBitFields().
    if attributes.contains("packed"),
      members.contains(where: { $0.bits == nil && hasBitField($0.type) })
    {
      attributes = ""
    }
    records.append(
      CRecord(
        keyword: isUnion ? "union" : "struct", name: "r\(records.count)", attributes: attributes,
        members: members))
    return records.count - 1
  }

  private mutating func parameter() -> CType {
    guard random.once(in: 3) else { return scalar() }
    return .record(
      records.isEmpty || random.once(in: 2)
        ? makeRecord(0) : Int.random(in: 0..<records.count, using: &random))
  }

  /// Without a byte: what `ms_abi` makes of that is not known to scripts.
  private func isEmpty(_ type: CType) -> Bool {
    switch type {
    case .array(let element, _): isEmpty(element)
    case .record(let index): records[index].members.allSatisfy { isEmpty($0.type) }
    default: false
    }
  }

  private func isAligned(_ type: CType) -> Bool {
    switch type {
    case .integer, .bool, .pointer: false
    case .array(let element, _): isAligned(element)
    case .record(let index):
      records[index].attributes.contains("aligned")
        || records[index].members.contains { isAligned($0.type) }
    }
  }

  private func hasBitField(_ type: CType) -> Bool {
    switch type {
    case .array(let element, _): hasBitField(element)
    case .record(let index):
      records[index].members.contains { $0.bits != nil || hasBitField($0.type) }
    default: false
    }
  }

  mutating func signature(_ number: Int) -> Signature {
    let count = Int.random(in: 0...(random.once(in: 4) ? 18 : 7), using: &random)
    let parameters = (0..<count).map { _ in parameter() }
    var tail: [Int64]?
    if count > 0, random.once(in: 12) {
      tail = (0..<Int.random(in: 0...8, using: &random)).map { _ in
        Int64(bitPattern: random.next()) >> Int64(random.next() % 64)
      }
    }
    let result = random.once(in: 8) ? nil : parameter()
    // Aggregates with an alignment of their own are refused there, and by gcc and clang passed in two ways.
    let isPlain = (parameters + [result].compactMap { $0 }).allSatisfy {
      !isAligned($0) && !isEmpty($0)
    }
    return Signature(
      number: number, result: result, parameters: parameters, tail: tail,
      isMicrosoft: tail == nil && isPlain && random.once(in: 4))
  }

  // MARK: - Values

  mutating func value(_ type: CType) -> CValue {
    switch type {
    case .bool: return .number(random.next() & 1)
    // Not NULL: that is nil to a script, and tells nothing.
    case .pointer: return .number((random.next() >> (random.next() % 56)) | 1)
    case .integer("enum shade"): return .number(random.next() & 0xff)
    case .integer: return .number(random.next() >> (random.next() % 64))
    case .array(let element, let count): return .list((0..<count).map { _ in value(element) })
    case .record(let index):
      let members = records[index].members
      let initialised = records[index].keyword == "union" ? members.prefix(1) : members[...]
      return .list(initialised.map { value($0.type) })
    }
  }

  // MARK: - As C

  func declaration(_ type: CType, _ name: String) -> String {
    switch type {
    case .integer(let spelling): "\(spelling) \(name)"
    case .bool: "_Bool \(name)"
    case .pointer: "void *\(name)"
    case .record(let index): "\(records[index].keyword) \(records[index].name) \(name)"
    case .array(let element, let count): declaration(element, "\(name)[\(count)]")
    }
  }

  var recordDeclarations: String {
    "enum shade { dark = 0, light = 255, brightest = 2147483647 };\n"
      + records.map { record in
        let members = record.members.map { member in
          "  \(declaration(member.type, member.name))\(member.bits.map { " : \($0)" } ?? "");\n"
        }
        return "\(record.keyword) \(record.name) {\n\(members.joined())}\(record.attributes);\n"
      }.joined()
  }

  private func initialiser(_ value: CValue, _ type: CType) -> String {
    switch (value, type) {
    case (.number(let bits), .pointer): return "(void *)\(bits)ull"
    case (.number(let bits), _): return "\(bits)ull"
    case (.list(let values), .array(let element, _)):
      return "{ \(values.map { initialiser($0, element) }.joined(separator: ", ")) }"
    case (.list(let values), .record(let index)):
      let parts = zip(values, records[index].members).map { initialiser($0, $1.type) }
      return "{ \(parts.joined(separator: ", ")) }"
    case (.list, _): return "{ }"
    }
  }

  func cExpression(_ value: CValue, _ type: CType) -> String {
    "(\(declaration(type, "")))" + (type.isRecord ? "" : "(") + initialiser(value, type)
      + (type.isRecord ? "" : ")")
  }

  /// Statements that log each scalar in `expression`.
  func logging(_ expression: String, _ type: CType) -> String {
    switch type {
    case .integer, .bool: return "log_number((long long)\(expression));"
    case .pointer: return "log_number((long long)(unsigned long)\(expression));"
    case .array(let element, let count):
      return (0..<count).map { logging("\(expression)[\($0)]", element) }.joined(separator: " ")
    case .record(let index):
      let members = records[index].members
      let logged = records[index].keyword == "union" ? members.prefix(1) : members[...]
      return logged.map { logging("\(expression).\($0.name)", $0.type) }.joined(separator: " ")
    }
  }

  // MARK: - As a script

  private func tableOrNumber(_ value: CValue, _ type: CType) -> String {
    switch (value, type) {
    case (.number(let bits), .pointer): return "ffi.cast(\"void *\", \(bits)u)"
    case (.number(let bits), .bool): return bits == 0 ? "false" : "true"
    case (.number(let bits), _): return "\(bits)u"
    case (.list(let values), .array(let element, _)):
      return "{\(values.map { tableOrNumber($0, element) }.joined(separator: ", "))}"
    case (.list(let values), .record(let index)):
      let parts = zip(values, records[index].members).map { tableOrNumber($0, $1.type) }
      return "{\(parts.joined(separator: ", "))}"
    case (.list, _): return "{}"
    }
  }

  func scriptExpression(_ value: CValue, _ type: CType) -> String {
    guard case .record(let index) = type else { return tableOrNumber(value, type) }
    let name = "\(records[index].keyword) \(records[index].name)"
    return "ffi.new(\"\(name)\", \(tableOrNumber(value, type)))"
  }
}

extension CType {
  var isRecord: Bool { if case .record = self { true } else { false } }
}
