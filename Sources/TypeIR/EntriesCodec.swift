// SPDX-License-Identifier: MIT

// The entries of the documents' arrays, types apart, to JSON and back.

import Diagnostics

extension ExternsDocument.CDef: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var text: String?
    var at: String?
    var map: [ExternsDocument.MapEntry]?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "text": try reader.read(&text)
      case "at": try reader.read(&at)
      case "map": try reader.read(&map)
      default: try reader.skipValue()
      }
    }
    self.init(
      text: try reader.require(text, "text", in: object),
      at: try reader.require(at, "at", in: object),
      map: try reader.require(map, "map", in: object))
    guard zip(self.map, self.map.dropFirst()).allSatisfy({ $0.offset < $1.offset }) else {
      throw reader.error("bad-map", "the offsets of a map must rise", at: object.start)
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("at", at)
    writer.field("map", map)
    writer.field("text", text)
    writer.endObject()
  }
}

extension ExternsDocument.MapEntry: JSONCoded {
  /// `[offset, line, column]`.
  init(from reader: inout JSONReader) throws(Diagnostic) {
    let limit = UInt64(Int32.max)
    var numbers: [Int] = []
    var array = try reader.beginArray()
    while try reader.nextElement(&array) {
      numbers.append(Int(try reader.readUnsigned(upTo: limit, from: numbers.isEmpty ? 0 : 1)))
      if numbers.count > 3 { break }
    }
    guard numbers.count == 3 else {
      throw reader.error(
        "bad-map", "an entry of a map is [offset, line, column]", at: array.start)
    }
    self.init(offset: numbers[0], line: numbers[1], column: numbers[2])
  }

  func write(to writer: inout JSONWriter) {
    writer.beginArray()
    for number in [offset, line, column] {
      writer.separate()
      writer.write(IntegerValue(Int64(number)))
    }
    writer.endArray()
  }
}

extension ExternsDocument.TypeString: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var text: String?
    var at: String?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "text": try reader.read(&text)
      case "at": try reader.read(&at)
      default: try reader.skipValue()
      }
    }
    self.init(
      text: try reader.require(text, "text", in: object),
      at: try reader.require(at, "at", in: object))
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("at", at)
    writer.field("text", text)
    writer.endObject()
  }
}

extension ExternsDocument.Name: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var name: NonEmptyName?
    var use: NameUse?
    var at: String?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "name": try reader.read(&name)
      case "use": try reader.read(&use)
      case "at": try reader.read(&at)
      default: try reader.skipValue()
      }
    }
    self.init(
      name: try reader.require(name, "name", in: object).text,
      use: try reader.require(use, "use", in: object),
      at: try reader.require(at, "at", in: object))
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("at", at)
    writer.field("name", name)
    writer.field("use", use)
    writer.endObject()
  }
}

extension Target: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var arch: String?
    var abi: String?
    var pointerSize: UInt64?
    var char: String?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "arch": try reader.read(&arch)
      case "abi": try reader.read(&abi)
      case "pointer_size": try reader.read(&pointerSize)
      case "char": try reader.read(&char)
      default: try reader.skipValue()
      }
    }
    let sign = try reader.require(char, "char", in: object)
    guard sign == "signed" || sign == "unsigned" else {
      throw reader.error(
        "bad-word", "the target's char is 'signed' or 'unsigned', not '\(sign)'", at: object.start)
    }
    self.init(
      arch: try reader.require(arch, "arch", in: object),
      abi: try reader.require(abi, "abi", in: object),
      pointerSize: try reader.require(pointerSize, "pointer_size", in: object),
      charIsSigned: sign == "signed")
    let known = Target.x86SysV
    guard (self.arch, self.abi, self.pointerSize) == (known.arch, known.abi, known.pointerSize)
    else {
      throw reader.error(
        "unknown-target",
        "the target is \(self.arch) \(self.abi) with pointers of \(self.pointerSize) bytes; "
          + "only \(known.arch) \(known.abi) with pointers of \(known.pointerSize) is supported",
        at: object.start)
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("abi", abi)
    writer.field("arch", arch)
    writer.field("char", charIsSigned ? "signed" : "unsigned")
    writer.field("pointer_size", pointerSize)
    writer.endObject()
  }
}

extension SymbolDeclaration: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var name: NonEmptyName?
    var kind: SymbolKind?
    var type: TypeID?
    var at: String?
    var linkName: NonEmptyName?
    var isInlineOnly: Bool?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "name": try reader.read(&name)
      case "kind": try reader.read(&kind)
      case "type": try reader.read(&type)
      case "at": try reader.read(&at)
      case "link_name": try reader.read(&linkName)
      case "inline_only": try reader.read(&isInlineOnly)
      default: try reader.skipValue()
      }
    }
    self.init(
      name: try reader.require(name, "name", in: object).text,
      kind: try reader.require(kind, "kind", in: object),
      type: try reader.require(type, "type", in: object),
      at: try reader.require(at, "at", in: object), linkName: linkName?.text,
      isInlineOnly: isInlineOnly ?? false)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("at", at)
    writer.flag("inline_only", isInlineOnly)
    writer.field("kind", kind)
    writer.field("link_name", linkName)
    writer.field("name", name)
    writer.field("type", type)
    writer.endObject()
  }
}

extension Constant: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var name: NonEmptyName?
    var value: IntegerValue?
    var type: TypeID?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "name": try reader.read(&name)
      case "value": try reader.read(&value)
      case "type": try reader.read(&type)
      default: try reader.skipValue()
      }
    }
    self.init(
      name: try reader.require(name, "name", in: object).text,
      value: try reader.require(value, "value", in: object),
      type: try reader.require(type, "type", in: object))
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("type", type)
    writer.field("value", value)
    writer.endObject()
  }
}

extension TypeExpression: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var text: String?
    var type: TypeID?
    var at: String?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "text": try reader.read(&text)
      case "type": try reader.read(&type)
      case "at": try reader.read(&at)
      default: try reader.skipValue()
      }
    }
    self.init(
      text: try reader.require(text, "text", in: object),
      type: try reader.require(type, "type", in: object),
      at: try reader.require(at, "at", in: object))
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("at", at)
    writer.field("text", text)
    writer.field("type", type)
    writer.endObject()
  }
}

extension Want: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var name: NonEmptyName?
    var kind: Kind?
    var use: NameUse?
    var at: String?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "name": try reader.read(&name)
      case "kind": try reader.read(&kind)
      case "use": try reader.read(&use)
      case "at": try reader.read(&at)
      default: try reader.skipValue()
      }
    }
    self.init(
      name: try reader.require(name, "name", in: object).text,
      kind: try reader.require(kind, "kind", in: object), use: use,
      at: try reader.require(at, "at", in: object))
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("at", at)
    writer.field("kind", kind)
    writer.field("name", name)
    writer.field("use", use)
    writer.endObject()
  }
}

extension SymbolAddress.Base: JSONCoded {
  /// `_stext`, `percpu`, `absolute`, `module:NAME` or `host:SONAME`.
  init(from reader: inout JSONReader) throws(Diagnostic) {
    reader.skipBlanks()
    let start = reader.position
    let word = try reader.readString()
    let parts = word.split(separator: ":", maxSplits: 1)
    switch (parts.first, parts.count) {
    case ("_stext", 1) where word == "_stext": self = .stext
    case ("percpu", 1) where word == "percpu": self = .percpu
    case ("absolute", 1) where word == "absolute": self = .absolute
    case ("module", 2): self = .module(String(parts[1]))
    case ("host", 2): self = .host(String(parts[1]))
    default:
      throw reader.error(
        "bad-word",
        "an address's base is '_stext', 'percpu', 'absolute', 'module:NAME' or 'host:SONAME', "
          + "not '\(word)'", at: start)
    }
  }

  func write(to writer: inout JSONWriter) {
    switch self {
    case .stext: writer.write("_stext")
    case .percpu: writer.write("percpu")
    case .absolute: writer.write("absolute")
    case .module(let name): writer.write("module:\(name)")
    case .host(let name): writer.write("host:\(name)")
    }
  }
}

extension SymbolAddress: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var base: Base?
    var offset: UInt64?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "base": try reader.read(&base)
      case "offset": try reader.read(&offset)
      default: try reader.skipValue()
      }
    }
    self.init(
      base: try reader.require(base, "base", in: object),
      offset: try reader.require(offset, "offset", in: object))
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("base", base)
    writer.field("offset", offset)
    writer.endObject()
  }
}

extension ResolvedSymbol: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var name: NonEmptyName?
    var kind: SymbolKind?
    var type: TypeID?
    var at: String?
    var linkName: NonEmptyName?
    var address: SymbolAddress?
    var size: UInt64?
    var module: NonEmptyName?
    var source: SymbolSource?
    var check: SymbolCheck?
    var facts = SymbolFacts()
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "name": try reader.read(&name)
      case "kind": try reader.read(&kind)
      case "type": try reader.read(&type)
      case "at": try reader.read(&at)
      case "link_name": try reader.read(&linkName)
      case "address": try reader.read(&address)
      case "size": try reader.read(&size)
      case "module": try reader.read(&module)
      case "source": try reader.read(&source)
      case "check": try reader.read(&check)
      case "defined_at": try reader.read(&facts.definedAt)
      case "exported": try reader.read(&facts.isExported)
      case "may_sleep": try reader.read(&facts.maySleep)
      case "noreturn": try reader.read(&facts.isNoReturn)
      case "section": try reader.read(&facts.section)
      default: try reader.skipValue()
      }
    }
    self.init(
      name: try reader.require(name, "name", in: object).text,
      kind: try reader.require(kind, "kind", in: object),
      type: try reader.require(type, "type", in: object),
      at: try reader.require(at, "at", in: object), linkName: linkName?.text,
      address: try reader.require(address, "address", in: object), size: size,
      module: module?.text, source: try reader.require(source, "source", in: object),
      check: try reader.require(check, "check", in: object), facts: facts)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("address", address)
    writer.field("at", at)
    writer.field("check", check)
    writer.field("defined_at", facts.definedAt)
    writer.field("exported", facts.isExported)
    writer.field("kind", kind)
    writer.field("link_name", linkName)
    writer.field("may_sleep", facts.maySleep)
    writer.field("module", module)
    writer.field("name", name)
    writer.field("noreturn", facts.isNoReturn)
    writer.field("section", facts.section)
    writer.field("size", size)
    writer.field("source", source)
    writer.field("type", type)
    writer.endObject()
  }
}

extension KernelIdentity: JSONCoded {
  init(from reader: inout JSONReader) throws(Diagnostic) {
    var release: String?
    var buildID: String?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "release": try reader.read(&release)
      case "build_id": try reader.read(&buildID)
      default: try reader.skipValue()
      }
    }
    self.init(release: release, buildID: buildID)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("build_id", buildID)
    writer.field("release", release)
    writer.endObject()
  }
}
