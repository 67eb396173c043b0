// SPDX-License-Identifier: MIT

import CKtapImage
import Diagnostics
import KtapImage
import TypeIR

/// What a pass over a script came to.
public struct Outcome<Result> {
  /// nil where errors leave nothing to go on with.
  public var result: Result?
  public var diagnostics: [Diagnostic]

  public init(result: Result?, diagnostics: [Diagnostic]) {
    self.result = result
    self.diagnostics = diagnostics
  }

  /// Whether something is an error, also where it could be repaired and there is a result.
  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

/// The compiler of the ktap language: script → tokens → tree → bindings → image.
public struct Compiler {
  private let script: Script
  private var sink = DiagnosticSink()

  public init(_ script: Script) { self.script = script }

  /// Reads, parses and checks the script without anything of C.
  private mutating func front() -> (SyntaxTree, Bindings)? {
    let tree = Parser.parse(script, &sink)
    guard !sink.hasUnrepairedErrors else { return nil }
    let bindings = Binder.bind(tree, &sink)
    return sink.hasUnrepairedErrors ? nil : (tree, bindings)
  }

  /// What the script needs of C. There may be a result in spite of errors: those that are repaired in an
  /// obvious way (typographic quotes), so that the stages that follow can find their own.
  public mutating func externs() -> Outcome<ExternsDocument> {
    let tree = front()?.0
    return Outcome(
      result: tree.map { ForeignNeeds($0).externs(of: script) }, diagnostics: sink.diagnostics)
  }

  /// The image of the script. `types` says what its foreign names mean; a script without any needs none.
  public mutating func image(_ types: ResolvedDocument?) -> Outcome<[UInt8]> {
    guard let (tree, bindings) = front() else {
      return Outcome(result: nil, diagnostics: sink.diagnostics)
    }
    Warnings.check(tree, bindings, &sink)
    do throws(Diagnostic) {
      var image = ImageBuilder(script: script.name)
      Self.addTarget(types, to: &image)
      let foreign =
        if let types {
          try ForeignTable(ForeignNeeds(tree), types, &image)
        } else {
          ForeignTable()
        }
      var generator = CodeGenerator(
        tree, bindings, foreign, lacksTypes: types == nil, image: image, sink: sink)
      generator.generate(tree)
      sink = generator.sink
      return try finished(generator.image)
    } catch {
      return Outcome(result: nil, diagnostics: sink.diagnostics + [error])
    }
  }

  // MARK: - Dumps

  /// What the lexer made of the script.
  public mutating func tokenDump() -> Outcome<String> {
    let list = Lexer.tokenize(script, &sink)
    return Outcome(result: list.dump(script), diagnostics: sink.diagnostics)
  }

  /// What the parser made of it.
  public mutating func treeDump() -> Outcome<String> {
    let tree = Parser.parse(script, &sink)
    return Outcome(result: SyntaxDump.print(tree), diagnostics: sink.diagnostics)
  }

  /// The byte code, with the lines that it comes from.
  public mutating func codeDump(_ types: ResolvedDocument?) throws -> Outcome<String> {
    let outcome = image(types)
    guard let image = outcome.result else {
      return Outcome(result: nil, diagnostics: outcome.diagnostics)
    }
    let reader = try ImageReader(image, name: script.name)
    let text = Disassembler.printCode(reader) { [script] in script.line($0) }
    return Outcome(result: text, diagnostics: outcome.diagnostics)
  }

  // MARK: - Images

  private func finished(_ image: ImageBuilder) throws(Diagnostic) -> Outcome<[UInt8]> {
    guard !sink.hasErrors else { return Outcome(result: nil, diagnostics: sink.diagnostics) }
    guard image.fitsImage else { throw Self.tooLarge(script) }
    let bytes = image.build()
    guard bytes.count <= Int(KTAP_IMAGE_MAX_BYTES) else { throw Self.tooLarge(script) }
    return Outcome(result: bytes, diagnostics: sink.diagnostics)
  }

  private static func tooLarge(_ script: Script) -> Diagnostic {
    Diagnostic(
      "image-too-large",
      "the script makes an image of more than \(KTAP_IMAGE_MAX_BYTES >> 20) MiB, or a string of more "
        + "than \(KTAP_STRING_MAX >> 20) MiB", place: .file(script.name))
  }

  /// What the image is made for. A script that was compiled without types uses nothing of C, and
  /// runs anywhere.
  private static func addTarget(_ types: ResolvedDocument?, to image: inout ImageBuilder) {
    guard let types else {
      image.flags = UInt32(KTAP_IMAGE_TARGET_ANY)
      return
    }
    image.release = types.kernel.release.map { image.intern($0) } ?? imageNone
    if !types.target.charIsSigned { image.flags |= UInt32(KTAP_IMAGE_CHAR_UNSIGNED) }
    guard types.targetKind == .kernel else { return }
    let isUnsignedChar = image.flags & UInt32(KTAP_IMAGE_CHAR_UNSIGNED)
    image.buildID = types.kernel.buildID.flatMap(bytes(hexadecimal:)) ?? []
    let target = image.buildID.isEmpty ? KTAP_IMAGE_TARGET_UNBOUND : KTAP_IMAGE_TARGET_KERNEL
    image.flags = UInt32(target) | isUnsignedChar
  }

  private static func bytes(hexadecimal text: String) -> [UInt8]? {
    let digits = text.utf8.compactMap(\.digitValue)
    guard digits.count == text.utf8.count, digits.count % 2 == 0, digits.count <= 128 else {
      return nil
    }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}

extension ImageBuilder {
  /// Every string can be loaded. (Indexes and offsets fit: a script of the greatest size cannot exceed
  /// them.)
  fileprivate var fitsImage: Bool {
    bytes.count <= Int(KTAP_IMAGE_MAX_BYTES) && strings.allSatisfy { $0.length <= KTAP_STRING_MAX }
  }
}
