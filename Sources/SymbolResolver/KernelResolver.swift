// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import TypeIR

/// Finds in a kernel what a `ktap.types` document wants, and makes the `ktap.resolved` document.
///
/// The passes, in order:
///   1. the sign of `char` is the kernel's;
///   2. names that the C uses and does not declare become the kernel's types, in place;
///   3. records that waited for those get their layout;
///   4. the script's own structs are compared with the kernel's of the same tag;
///   5. each wanted symbol is found, checked or completed.
///
/// Throws ``DiagnosticList`` for all that is wrong with the document, and `SourceError` where the
/// kernel's information cannot be read.
public struct KernelResolver {
  let sources: KernelSources
  let types: KernelTypes
  let input: TypesDocument
  let identity: KernelIdentity
  let names: ScriptNames
  let symbolTypes: SymbolTypes
  var importer: KernelTypeImporter
  var symbols: [ResolvedSymbol] = []
  var constants: [Constant]
  var expressions: [TypeExpression]
  var diagnostics: [Diagnostic] = []
  /// The script's tags that the kernel has too, with other members.
  var differingTags: [(name: String, difference: TypeDifference)] = []
  /// The types that an error is about already.
  var reportedTypes: Set<String> = []

  public static func resolve(
    _ document: TypesDocument, _ sources: KernelSources
  ) throws -> Resolution {
    var resolver = try KernelResolver(document, sources)
    return try resolver.run()
  }

  private init(_ document: TypesDocument, _ sources: KernelSources) throws(SourceError) {
    self.sources = sources
    types = try sources.types()
    identity = try sources.identity()
    symbolTypes = try SymbolTypes(sources)
    input = document
    constants = document.constants
    expressions = document.expressions
    importer = KernelTypeImporter(types, into: document.types, usedMembers: document.members)
    names = ScriptNames(document)
    sources.expect(names.requests().map(\.linkName))
    sources.expect(
      document.wants.filter { $0.kind == .type }.map { WantedTypeName($0.name) }
        .filter { $0.file != nil }.map(\.name))
  }

  private mutating func run() throws -> Resolution {
    let target = kernelTarget()
    try resolveTypes()
    layOutRecords()
    try compareTags(target)
    try resolveSymbols(target)
    try importer.finish()
    warnOfDifferingTags()

    if diagnostics.contains(where: { $0.severity == .error }) {
      throw DiagnosticList(diagnostics)
    }
    let document = ResolvedDocument(
      target: target, targetKind: .kernel, kernel: identity, types: importer.table,
      symbols: symbols, constants: constants, expressions: expressions)
    // Damaged BTF may say what no compiler does: types that are spelled with themselves.
    try document.validate(name: types.kernel.name)
    warnUnbound()
    return Resolution(document: document, warnings: diagnostics)
  }

  private func kernelTarget() -> Target {
    var target = input.target
    if !types.types(named: "char", [.int]).isEmpty { target.charIsSigned = types.charIsSigned }
    return target
  }

  private mutating func layOutRecords() {
    do {
      try importer.layOutRecords()
    } catch {
      guard case .tooLarge(let member) = error else { return }
      report("type-too-large", "a struct is larger than any object can be at member \(member + 1)")
    }
  }

  /// Without a build id, nothing ties the image to the kernel that it was made for.
  private mutating func warnUnbound() {
    guard identity.buildID == nil, !symbols.isEmpty else { return }
    report(
      "unbound", "nothing tells which kernel these are the symbols of: ktap-load refuses the image",
      severity: .warning, hints: ["name it: --build-id HEX, or --vmlinux FILE"])
  }

  mutating func report(
    _ id: String, _ message: String, severity: Diagnostic.Severity = .error, at: String? = nil,
    hints: [String] = [], notes: [Diagnostic.Note] = []
  ) {
    diagnostics.append(
      Diagnostic(
        id, message, severity: severity, place: at.map { DiagnosticPlace(at: $0) } ?? .none,
        hints: hints, notes: notes))
  }

  /// "this kernel (6.1.0-56-cloud-amd64)".
  var thisKernel: String {
    "this kernel" + (identity.release.map { " (\($0))" } ?? "")
  }
}
