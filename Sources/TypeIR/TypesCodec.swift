// SPDX-License-Identifier: MIT

// Types to JSON and back. Fields in alphabetical order, as everywhere in the canonical form.

import Diagnostics

extension IntEncoding: JSONWord {}
extension TagKeyword: JSONWord {}
extension TypeOrigin: JSONWord {}
extension CallingConvention: JSONWord {}

/// The `kind` of a type, in BTF's words where BTF has one.
private enum Kind: String, JSONWord {
  case int, float, complex, ptr, array, vector, `struct`, union, `enum`, fwd, typedef, const
  case volatile, restrict, atomic, unresolved
  case function = "func_proto"
}

/// What keeps arithmetic on sizes from overflowing: no type is larger, in bytes. (Linux maps at
/// most 2^56 bytes; times eight it still fits an Int64.)
let largestSize: UInt64 = 1 << 59

/// gcc refuses a larger alignment, in bytes.
let largestAlignment: UInt64 = 1 << 28

/// Bytes; a power of two.
private struct Alignment: JSONCoded {
  var value: UInt64

  init(_ value: UInt64) { self.value = value }

  init(from reader: inout JSONReader) throws(Diagnostic) {
    reader.skipBlanks()
    let start = reader.position
    value = try reader.readUnsigned(upTo: largestAlignment, from: 1)
    guard value & (value - 1) == 0 else {
      throw reader.error("bad-number", "an alignment must be a power of two", at: start)
    }
  }

  func write(to writer: inout JSONWriter) { value.write(to: &writer) }
}

/// Bytes.
private struct Size: JSONCoded {
  var value: UInt64

  init(_ value: UInt64) { self.value = value }

  init(from reader: inout JSONReader) throws(Diagnostic) {
    value = try reader.readUnsigned(upTo: largestSize)
  }

  func write(to writer: inout JSONWriter) { value.write(to: &writer) }
}

/// What C calls something: never empty.
struct NonEmptyName: JSONCoded {
  var text: String

  init(_ text: String) { self.text = text }

  init(from reader: inout JSONReader) throws(Diagnostic) {
    reader.skipBlanks()
    let start = reader.position
    text = try reader.readString()
    if text.isEmpty { throw reader.error("bad-name", "a name may not be empty", at: start) }
  }

  func write(to writer: inout JSONWriter) { text.write(to: &writer) }
}

extension TypeTable: JSONCoded {
  /// Ids must run from 1: they are checked, not used.
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var entries: [TypeEntry] = []
    var array = try reader.beginArray()
    while try reader.nextElement(&array) {
      guard entries.count < Int32.max else {
        throw reader.error("too-many-types", "more than \(Int32.max) types")
      }
      entries.append(try TypeFields.readEntry(from: &reader, id: UInt64(entries.count) + 1))
    }
    self.init(entries)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginArray()
    for (index, entry) in entries.enumerated() {
      writer.beginEntry()
      entry.write(to: &writer, id: UInt64(index) + 1)
    }
    writer.endArray()
  }
}

/// The fields that a type of any kind may have, as read; which of them must be there is known only
/// once `kind` is.
private struct TypeFields {
  private var kind: Kind?
  private var number: UInt64?
  private var name: NonEmptyName?
  private var size: Size?
  private var align: Alignment?
  private var type: TypeID?
  private var encoding: IntEncoding?
  private var count: UInt64?
  private var isFlexible: Bool?
  private var members: [Member]?
  private var values: [Enumerator]?
  private var isSigned: Bool?
  private var keyword: TagKeyword?
  private var returnType: TypeID?
  private var parameters: [Parameter]?
  private var isVariadic: Bool?
  private var isTransparent: Bool?
  private var convention: CallingConvention?
  private var origin: TypeOrigin?
  private var request = RequestFields()

  static func readEntry(
    from reader: inout JSONReader, id: UInt64
  ) throws(Diagnostic) -> TypeEntry {
    var fields = TypeFields()
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      try fields.read(key, from: &reader)
    }
    guard fields.number == id else {
      throw reader.error(
        "bad-id", "type ids run from 1 without a gap: \(id) expected here", at: object.start)
    }
    return TypeEntry(try fields.makeType(reader, object), origin: fields.origin)
  }

  private mutating func read(
    _ key: JSONReader.Key, from reader: inout JSONReader
  ) throws(Diagnostic) {
    switch key {
    case "kind": try reader.read(&kind)
    case "id": try reader.read(&number)
    case "name": try reader.read(&name)
    case "size": try reader.read(&size)
    case "align": try reader.read(&align)
    case "type": try reader.read(&type)
    case "encoding": try reader.read(&encoding)
    case "count": try reader.read(&count)
    case "flexible": try reader.read(&isFlexible)
    case "members": try reader.read(&members)
    case "values": try reader.read(&values)
    case "signed": try reader.read(&isSigned)
    case "fwd_kind": try reader.read(&keyword)
    case "return": try reader.read(&returnType)
    case "params": try reader.read(&parameters)
    case "variadic": try reader.read(&isVariadic)
    case "transparent": try reader.read(&isTransparent)
    case "convention": try reader.read(&convention)
    case "origin": try reader.read(&origin)
    default:
      if try !request.read(key, from: &reader) { try reader.skipValue() }
    }
  }

  private func makeType(
    _ reader: JSONReader, _ object: JSONReader.Nesting
  ) throws(Diagnostic) -> CType {
    switch try reader.require(kind, "kind", in: object) {
    case .int:
      return .int(
        name: try makeName(reader, object), size: try makeSize(1...16, reader, object),
        align: try reader.require(align, "align", in: object).value,
        encoding: try reader.require(encoding, "encoding", in: object))
    case .float:
      return .float(
        name: try makeName(reader, object), size: try makeSize(1...16, reader, object),
        align: try reader.require(align, "align", in: object).value)
    case .complex:
      return .complex(
        name: try makeName(reader, object), size: try makeSize(1...32, reader, object),
        align: try reader.require(align, "align", in: object).value)
    case .ptr: return .pointer(try makeTarget(reader, object))
    case .const: return .const(try makeTarget(reader, object))
    case .volatile: return .volatile(try makeTarget(reader, object))
    case .restrict: return .restrict(try makeTarget(reader, object))
    case .atomic: return .atomic(try makeTarget(reader, object))
    case .array:
      let element = try makeTarget(reader, object)
      if isFlexible == true { return .array(element: element, length: .flexible) }
      let count = try reader.require(count, "count", in: object)
      return .array(element: element, length: .count(count))
    case .vector:
      return .vector(
        element: try makeTarget(reader, object),
        count: try reader.require(count, "count", in: object))
    case .struct: return try makeRecord(.struct, reader, object)
    case .union: return try makeRecord(.union, reader, object)
    case .enum:
      return .enumeration(
        Enumeration(
          tag: name?.text, size: try makeSize(1...8, reader, object),
          isSigned: try reader.require(isSigned, "signed", in: object),
          values: try reader.require(values, "values", in: object)))
    case .fwd:
      return .forward(
        keyword: try reader.require(keyword, "fwd_kind", in: object),
        tag: try makeName(reader, object))
    case .typedef:
      return .typedef(
        name: try makeName(reader, object), type: try makeTarget(reader, object),
        align: align?.value)
    case .function:
      return .function(
        FunctionType(
          returnType: try reader.require(returnType, "return", in: object),
          parameters: try reader.require(parameters, "params", in: object),
          isVariadic: try reader.require(isVariadic, "variadic", in: object),
          convention: convention ?? .sysv))
    case .unresolved: return .unresolved(name: try makeName(reader, object))
    }
  }

  private func makeName(
    _ reader: JSONReader, _ object: JSONReader.Nesting
  ) throws(Diagnostic) -> String { try reader.require(name, "name", in: object).text }

  private func makeTarget(
    _ reader: JSONReader, _ object: JSONReader.Nesting
  ) throws(Diagnostic) -> TypeID { try reader.require(type, "type", in: object) }

  private func makeSize(
    _ limits: ClosedRange<UInt64>, _ reader: JSONReader, _ object: JSONReader.Nesting
  ) throws(Diagnostic) -> UInt64 {
    let size = try reader.require(size, "size", in: object).value
    guard limits.contains(size) else {
      throw reader.error(
        "bad-number",
        "the size of this type must be from \(limits.lowerBound) to \(limits.upperBound) bytes",
        at: object.start)
    }
    return size
  }

  /// A record's size, alignment and offsets are all known or all unknown.
  private func makeRecord(
    _ keyword: TagKeyword, _ reader: JSONReader, _ object: JSONReader.Nesting
  ) throws(Diagnostic) -> CType {
    let members = try reader.require(members, "members", in: object)
    let isComplete = size != nil
    guard (align != nil) == isComplete,
      members.allSatisfy({ ($0.bitOffset != nil) == isComplete })
    else {
      throw reader.error(
        "half-layout", "a record has its size, align and every bit_offset, or none of them",
        at: object.start)
    }
    if isComplete, members.contains(where: { $0.bitSize == 0 }) {
      throw reader.error(
        "bad-number", "a bit-field of no bits stands only in a record without a layout",
        at: object.start)
    }
    return .record(
      Record(
        keyword: keyword, tag: name?.text, size: size?.value, align: align?.value,
        members: members, isTransparent: isTransparent ?? false, request: request.value))
  }
}

/// The fields of a ``LayoutRequest``.
private struct RequestFields {
  private var isPacked: Bool?
  private var align: Alignment?
  private var maximumAlign: Alignment?
  private var isMS: Bool?
  private var typeAlign: Alignment?

  /// False if `key` is none of them.
  mutating func read(
    _ key: JSONReader.Key, from reader: inout JSONReader
  ) throws(Diagnostic) -> Bool {
    switch key {
    case "packed": try reader.read(&isPacked)
    case "aligned": try reader.read(&align)
    case "pack": try reader.read(&maximumAlign)
    case "ms_struct": try reader.read(&isMS)
    case "type_aligned": try reader.read(&typeAlign)
    default: return false
    }
    return true
  }

  var value: LayoutRequest {
    LayoutRequest(
      isPacked: isPacked ?? false, align: UInt32(align?.value ?? 0),
      maximumAlign: UInt32(maximumAlign?.value ?? 0), isMS: isMS ?? false,
      typeAlign: UInt32(typeAlign?.value ?? 0))
  }
}

extension LayoutRequest {
  /// `pack` and `packed` stand together in the alphabet, and `aligned` before all that a record or
  /// member has between them: so each has its own call.
  fileprivate func writeAligned(to writer: inout JSONWriter) {
    if align != 0 { writer.field("aligned", UInt64(align)) }
  }

  fileprivate func writePack(to writer: inout JSONWriter) {
    if maximumAlign != 0 { writer.field("pack", UInt64(maximumAlign)) }
    writer.flag("packed", isPacked)
  }
}

extension TypeEntry {
  fileprivate func write(to writer: inout JSONWriter, id: UInt64) {
    writer.beginObject()
    switch type {
    case .int(let name, let size, let align, let encoding):
      writer.field("align", align)
      writer.field("encoding", encoding)
      finishScalar(&writer, id, .int, name, size)
    case .float(let name, let size, let align):
      writer.field("align", align)
      finishScalar(&writer, id, .float, name, size)
    case .complex(let name, let size, let align):
      writer.field("align", align)
      finishScalar(&writer, id, .complex, name, size)
    case .pointer(let target): finishDerived(&writer, id, .ptr, target)
    case .const(let target): finishDerived(&writer, id, .const, target)
    case .volatile(let target): finishDerived(&writer, id, .volatile, target)
    case .restrict(let target): finishDerived(&writer, id, .restrict, target)
    case .atomic(let target): finishDerived(&writer, id, .atomic, target)
    case .array(let element, let length):
      switch length {
      case .count(let count): writer.field("count", count)
      case .flexible: writer.field("flexible", true)
      }
      finishDerived(&writer, id, .array, element)
    case .vector(let element, let count):
      writer.field("count", count)
      finishDerived(&writer, id, .vector, element)
    case .record(let record): write(record, &writer, id)
    case .enumeration(let enumeration):
      beginNamed(&writer, id, .enum, enumeration.tag)
      writer.field("signed", enumeration.isSigned)
      writer.field("size", enumeration.size)
      writer.field("values", enumeration.values)
    case .forward(let keyword, let tag):
      writer.field("fwd_kind", keyword)
      beginNamed(&writer, id, .fwd, tag)
    case .typedef(let name, let target, let align):
      writer.field("align", align)
      beginNamed(&writer, id, .typedef, name)
      writer.field("type", target)
    case .function(let function): write(function, &writer, id)
    case .unresolved(let name): beginNamed(&writer, id, .unresolved, name)
    }
    writer.endObject()
  }

  /// `id`, `kind`, `name` and `origin`, which neighbour each other in the alphabet.
  private func beginNamed(
    _ writer: inout JSONWriter, _ id: UInt64, _ kind: Kind, _ name: String?
  ) {
    writer.field("id", id)
    writer.field("kind", kind)
    writer.field("name", name)
    writer.field("origin", origin)
  }

  private func finishScalar(
    _ writer: inout JSONWriter, _ id: UInt64, _ kind: Kind, _ name: String, _ size: UInt64
  ) {
    beginNamed(&writer, id, kind, name)
    writer.field("size", size)
  }

  private func finishDerived(
    _ writer: inout JSONWriter, _ id: UInt64, _ kind: Kind, _ target: TypeID
  ) {
    beginNamed(&writer, id, kind, nil)
    writer.field("type", target)
  }

  private func write(_ record: Record, _ writer: inout JSONWriter, _ id: UInt64) {
    writer.field("align", record.align)
    record.request.writeAligned(to: &writer)
    writer.field("id", id)
    writer.field("kind", record.keyword == .union ? Kind.union : Kind.struct)
    writer.field("members", record.members)
    writer.flag("ms_struct", record.request.isMS)
    writer.field("name", record.tag)
    writer.field("origin", origin)
    record.request.writePack(to: &writer)
    writer.field("size", record.size)
    writer.flag("transparent", record.isTransparent)
  }

  private func write(_ function: FunctionType, _ writer: inout JSONWriter, _ id: UInt64) {
    if function.convention != .sysv { writer.field("convention", function.convention) }
    writer.field("id", id)
    writer.field("kind", Kind.function)
    writer.field("origin", origin)
    writer.field("params", function.parameters)
    writer.field("return", function.returnType)
    writer.field("variadic", function.isVariadic)
  }
}

extension Member: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var name: NonEmptyName?
    var type: TypeID?
    var bitOffset: UInt64?
    var bitSize: UInt64?
    var request = RequestFields()
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "name": try reader.read(&name)
      case "type": try reader.read(&type)
      case "bit_offset": try reader.read(&bitOffset)
      case "bit_size": try reader.read(&bitSize)
      default:
        if try !request.read(key, from: &reader) { try reader.skipValue() }
      }
    }
    if let bitSize, bitSize > 128 {
      throw reader.error("bad-number", "a bit-field has at most 128 bits", at: object.start)
    }
    if let bitOffset, bitOffset > largestSize * 8 {
      throw reader.error("bad-number", "this offset is beyond any type's end", at: object.start)
    }
    self.init(
      name: name?.text, type: try reader.require(type, "type", in: object), bitOffset: bitOffset,
      bitSize: bitSize.map(UInt32.init), request: request.value)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    request.writeAligned(to: &writer)
    writer.field("bit_offset", bitOffset)
    writer.field("bit_size", bitSize.map(UInt64.init))
    writer.field("name", name)
    request.writePack(to: &writer)
    writer.field("type", type)
    if request.typeAlign != 0 { writer.field("type_aligned", UInt64(request.typeAlign)) }
    writer.endObject()
  }
}

extension Enumerator: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var name: NonEmptyName?
    var value: IntegerValue?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "name": try reader.read(&name)
      case "value": try reader.read(&value)
      default: try reader.skipValue()
      }
    }
    self.init(
      name: try reader.require(name, "name", in: object).text,
      value: try reader.require(value, "value", in: object))
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("value", value)
    writer.endObject()
  }
}

extension Parameter: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var name: NonEmptyName?
    var type: TypeID?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "name": try reader.read(&name)
      case "type": try reader.read(&type)
      default: try reader.skipValue()
      }
    }
    self.init(name: name?.text, type: try reader.require(type, "type", in: object))
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("type", type)
    writer.endObject()
  }
}
