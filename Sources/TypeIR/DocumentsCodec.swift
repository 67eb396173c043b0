// SPDX-License-Identifier: MIT

// The three documents to JSON and back. Fields in alphabetical order after the header.

import Diagnostics

extension NameUse: JSONWord {}
extension SleepFact: JSONWord {}
extension SymbolCheck: JSONWord {}
extension SymbolKind: JSONWord {}
extension SymbolSource: JSONWord {}
extension Want.Kind: JSONWord {}
extension ResolvedDocument.TargetKind: JSONWord {}

/// What one stage hands to another.
public protocol CanonicalDocument {
  /// Hands over the canonical bytes, in pieces of some 64 KiB that are gone afterwards.
  func encode(to sink: (UnsafeBufferPointer<UInt8>) -> Void)
}

extension CanonicalDocument {
  /// The canonical bytes.
  public func encode() -> [UInt8] {
    var bytes: [UInt8] = []
    encode { bytes += $0 }
    return bytes
  }
}

extension ExternsDocument: CanonicalDocument {
  /// Reads a `ktap.externs` document. `name` is what messages call it.
  public static func decode(
    _ bytes: UnsafeBufferPointer<UInt8>, name: String
  ) throws(Diagnostic) -> ExternsDocument {
    var reader = JSONReader(bytes, name: name)
    try reader.checkHeader(.externs)
    var cdefs: [CDef]?
    var types: [TypeString]?
    var names: [Name]?
    var members: [String]?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "cdefs": try reader.read(&cdefs)
      case "types": try reader.read(&types)
      case "names": try reader.read(&names)
      case "members": try reader.read(&members)
      default: try reader.skipValue()
      }
    }
    try reader.expectEnd()
    return ExternsDocument(
      cdefs: try reader.require(cdefs, "cdefs", in: object),
      types: try reader.require(types, "types", in: object),
      names: try reader.require(names, "names", in: object),
      members: try reader.require(members, "members", in: object))
  }

  public static func decode(_ bytes: [UInt8], name: String) throws(Diagnostic) -> ExternsDocument {
    try bytes.withUnsafeBufferPointer { (buffer) throws(Diagnostic) in
      try decode(buffer, name: name)
    }
  }

  public func encode(to sink: (UnsafeBufferPointer<UInt8>) -> Void) {
    JSONWriter.write(to: sink) { writer in
      writer.beginDocument(.externs)
      writer.line("cdefs", Lines(cdefs))
      writer.line("members", members)
      writer.line("names", Lines(names))
      writer.line("types", Lines(types))
      writer.endDocument()
    }
  }
}

extension TypesDocument: CanonicalDocument {
  /// Reads a `ktap.types` document and checks what ties its parts together. `name` is what
  /// messages call it.
  public static func decode(
    _ bytes: UnsafeBufferPointer<UInt8>, name: String
  ) throws(Diagnostic) -> TypesDocument {
    var reader = JSONReader(bytes, name: name)
    try reader.checkHeader(.types)
    var target: Target?
    var types: TypeTable?
    var symbols: [SymbolDeclaration]?
    var constants: [Constant]?
    var expressions: [TypeExpression]?
    var wants: [Want]?
    var members: [String]?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "target": try reader.read(&target)
      case "types": try reader.read(&types)
      case "symbols": try reader.read(&symbols)
      case "constants": try reader.read(&constants)
      case "expressions": try reader.read(&expressions)
      case "wants": try reader.read(&wants)
      case "members": try reader.read(&members)
      default: try reader.skipValue()
      }
    }
    try reader.expectEnd()
    let document = TypesDocument(
      target: try reader.require(target, "target", in: object),
      types: try reader.require(types, "types", in: object),
      symbols: try reader.require(symbols, "symbols", in: object),
      constants: try reader.require(constants, "constants", in: object),
      expressions: try reader.require(expressions, "expressions", in: object),
      wants: try reader.require(wants, "wants", in: object), members: members ?? [])
    try document.validate(name: name)
    return document
  }

  public static func decode(_ bytes: [UInt8], name: String) throws(Diagnostic) -> TypesDocument {
    try bytes.withUnsafeBufferPointer { (buffer) throws(Diagnostic) in
      try decode(buffer, name: name)
    }
  }

  public func encode(to sink: (UnsafeBufferPointer<UInt8>) -> Void) {
    JSONWriter.write(to: sink) { writer in
      writer.beginDocument(.types)
      writer.line("constants", Lines(constants))
      writer.line("expressions", Lines(expressions))
      writer.line("members", members)
      writer.line("symbols", Lines(symbols))
      writer.line("target", target)
      writer.line("types", types)
      writer.line("wants", Lines(wants))
      writer.endDocument()
    }
  }
}

extension ResolvedDocument: CanonicalDocument {
  /// Reads a `ktap.resolved` document and checks what ties its parts together. `name` is what
  /// messages call it.
  public static func decode(
    _ bytes: UnsafeBufferPointer<UInt8>, name: String
  ) throws(Diagnostic) -> ResolvedDocument {
    var reader = JSONReader(bytes, name: name)
    try reader.checkHeader(.resolved)
    var target: Target?
    var targetKind: TargetKind?
    var kernel: KernelIdentity?
    var types: TypeTable?
    var symbols: [ResolvedSymbol]?
    var constants: [Constant]?
    var expressions: [TypeExpression]?
    var object = try reader.beginObject()
    while let key = try reader.nextKey(&object) {
      switch key {
      case "target": try reader.read(&target)
      case "target_kind": try reader.read(&targetKind)
      case "kernel": try reader.read(&kernel)
      case "types": try reader.read(&types)
      case "symbols": try reader.read(&symbols)
      case "constants": try reader.read(&constants)
      case "expressions": try reader.read(&expressions)
      default: try reader.skipValue()
      }
    }
    try reader.expectEnd()
    let document = ResolvedDocument(
      target: try reader.require(target, "target", in: object),
      targetKind: try reader.require(targetKind, "target_kind", in: object),
      kernel: try reader.require(kernel, "kernel", in: object),
      types: try reader.require(types, "types", in: object),
      symbols: try reader.require(symbols, "symbols", in: object),
      constants: try reader.require(constants, "constants", in: object),
      expressions: try reader.require(expressions, "expressions", in: object))
    try document.validate(name: name)
    return document
  }

  public static func decode(_ bytes: [UInt8], name: String) throws(Diagnostic) -> ResolvedDocument {
    try bytes.withUnsafeBufferPointer { (buffer) throws(Diagnostic) in
      try decode(buffer, name: name)
    }
  }

  public func encode(to sink: (UnsafeBufferPointer<UInt8>) -> Void) {
    JSONWriter.write(to: sink) { writer in
      writer.beginDocument(.resolved)
      writer.line("constants", Lines(constants))
      writer.line("expressions", Lines(expressions))
      writer.line("kernel", kernel)
      writer.line("symbols", Lines(symbols))
      writer.line("target", target)
      writer.line("target_kind", targetKind)
      writer.line("types", types)
      writer.endDocument()
    }
  }
}
