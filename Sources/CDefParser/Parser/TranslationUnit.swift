// SPDX-License-Identifier: MIT

import Diagnostics
import TypeIR

/// A parsed translation unit on its way to a document.
struct TranslationUnit {
  private let reporter: Reporter
  private let options: CDefParser.Options
  private var parser: Parser
  private var expressions: [TypeExpression] = []
  /// The script, where a C preprocessor has put headers around what it declares: only the script's
  /// own declarations, and what they and its names need, go into the document.
  var ownFile: String?

  init(_ text: UnsafeBufferPointer<UInt8>, _ reporter: Reporter, _ options: CDefParser.Options) {
    self.reporter = reporter
    self.options = options
    parser = Parser(text, reporter: reporter, options)
  }

  // MARK: Reading

  /// Passes over the declarations of the texts that `--only` does not need, where that can be told.
  mutating func passOverUnneeded(_ texts: [Range<Int>], _ text: UnsafeBufferPointer<UInt8>) {
    var outline = Outline(text, parser.annotations)
    for range in texts where !outline.read(range, &parser.preprocessor.names) { return }
    parser.unneeded = outline.unneeded(for: options.only, &parser.preprocessor.names)[...]
  }

  mutating func parse(_ range: Range<Int>) {
    parser.start(range)
    parser.translationUnit()
  }

  /// Each type string is a type-name, and nothing follows it.
  mutating func parse(typeStrings: [(ExternsDocument.TypeString, Range<Int>)]) {
    parser.isInTypeString = true
    defer { parser.isInTypeString = false }
    for (string, range) in typeStrings where !reporter.isExhausted {
      parser.start(range)
      do {
        let type = try parser.typeName().type
        if parser.token.kind != .end { throw parser.unexpected("the end of the type") }
        expressions.append(TypeExpression(text: string.text, type: type, at: string.at))
      } catch {
        // Reported; the next type string is another matter.
        continue
      }
    }
  }

  // MARK: Documents

  /// What the declarations say. `externs` is what a script wants of them and of the kernel; of a
  /// header, everything declared is wanted.
  mutating func document(for externs: ExternsDocument?) -> TypesDocument {
    do {
      try parser.types.table.layOutRecords()
    } catch {
      reporter.error("type-too-large", "a type of this text is too large", at: nil)
    }
    let scriptNames = Set(externs?.names.map(\.name) ?? [])
    let wantedNames = scriptNames.union(options.only)
    let keepsAll = options.keepsAllConstants
    var document = TypesDocument(
      symbols: symbols(), constants: constants { keepsAll || wantedNames.contains($0) },
      expressions: expressions, members: externs?.members ?? [])
    if let ownFile {
      document.symbols.removeAll { symbol in
        !wantedNames.contains(symbol.name) && SourceLocation(parsing: symbol.at)?.file != ownFile
      }
    }
    if !options.only.isEmpty { select(&document) }
    let isKept = parser.types.table.reachable(from: roots(of: document))
    let needed = neededByValue(isKept, document.symbols)
    // Moved, so that nothing is copied.
    swap(&document.types, &parser.types.table)
    renumber(&document, document.types.prune(keeping: isKept))
    document.wants =
      externs.map { symbolWants($0, document.constants) } ?? symbolWants(document.symbols)
    document.wants += typeWants(isKept, needed)
    return document
  }

  private mutating func symbols() -> [SymbolDeclaration] {
    var symbols: [SymbolDeclaration] = []
    for entity in parser.scope.entities.elements {
      let kind: SymbolKind
      switch entity.kind {
      case .function: kind = .function
      case .variable: kind = .variable
      case .typedef, .constant: continue
      }
      symbols.append(
        SymbolDeclaration(
          name: parser.string(entity.name), kind: kind, type: entity.type, at: at(entity.place),
          linkName: entity.linkName == .none ? nil : parser.string(entity.linkName),
          isInlineOnly: entity.hasBody && !entity.isDeclared
            && (entity.isInline || entity.isStatic)))
    }
    return symbols
  }

  private func at(_ place: Range<Int>) -> String {
    reporter.source.location(of: place.lowerBound).description
  }

  /// Enumerators and macros with a value, of those that `isWanted` names. A macro hides what it is
  /// named like.
  private mutating func constants(_ isWanted: (String) -> Bool) -> [Constant] {
    var constants: [Constant] = []
    for entity in parser.scope.entities.elements {
      guard case .constant(let value) = entity.kind, parser.preprocessor.macro(entity.name) == nil
      else { continue }
      let name = parser.string(entity.name)
      if isWanted(name) { constants.append(Constant(name: name, value: value, type: entity.type)) }
    }
    for macro in parser.preprocessor.macros where !macro.isFunctionLike {
      if reporter.source.isFrom("<built-in>", at: macro.place.lowerBound) { continue }
      let spelled = parser.string(macro.name)
      if isWanted(spelled), let constant = value(of: macro, spelled) { constants.append(constant) }
    }
    return constants
  }

  /// The value of a macro that is a constant expression; nil for any other.
  private mutating func value(of macro: Preprocessor.Macro, _ name: String) -> Constant? {
    reporter.quietly { () throws(ParseFailure) in
      parser.start(macro.body)
      let operand = try parser.constantOperand()
      guard parser.token.kind == .end else { throw ParseFailure() }
      return Constant(name: name, value: parser.integerValue(of: operand), type: operand.type)
    }
  }

  // MARK: Selection

  /// Types that are there for their own sake, and what the document's entries have.
  private mutating func roots(of document: TypesDocument) -> [TypeID] {
    let only = Set(options.only)
    var roots = declaredTypes { only.isEmpty || only.contains($0) }
    roots += document.symbols.map(\.type)
    roots += document.constants.map(\.type)
    roots += document.expressions.map(\.type)
    return roots
  }

  /// The typedefs and tags that one of their names chooses: "task_struct" or "struct task_struct".
  private mutating func declaredTypes(_ isChosen: (String) -> Bool) -> [TypeID] {
    var types: [TypeID] = []
    for entity in parser.scope.entities.elements where entity.isTypedef && isOwn(entity.place) {
      if isChosen(parser.string(entity.name)) { types.append(entity.type) }
    }
    for tag in parser.scope.tags.elements where isOwn(tag.place) {
      let name = parser.string(tag.name)
      if isChosen(name) || isChosen("\(tag.keyword.rawValue) \(name)") { types.append(tag.type) }
    }
    return types
  }

  private func isOwn(_ place: Range<Int>) -> Bool {
    ownFile.map { reporter.source.isFrom($0, at: place.lowerBound) } ?? true
  }

  /// `--only`: every name must be declared.
  private mutating func select(_ document: inout TypesDocument) {
    let only = Set(options.only)
    document.symbols.removeAll { !only.contains($0.name) }
    document.constants.removeAll { !only.contains($0.name) }
    var found = Set(document.symbols.map(\.name)).union(document.constants.map(\.name))
    _ = declaredTypes { name in
      found.insert(name)
      return false
    }
    let known =
      parser.scope.entities.elements.map { parser.string($0.name) }
      + parser.scope.tags.elements.map { parser.string($0.name) }
    for name in options.only where !found.contains(name) {
      reporter.error(
        "unknown-name", "'\(name)' is not declared", at: nil,
        hints: Parser.suggestion(name, among: known))
    }
  }

  private func renumber(_ document: inout TypesDocument, _ ids: [TypeID?]) {
    let new = { (id: TypeID) in ids[Int(id.rawValue)] ?? .void }
    document.symbols.changeAll { $0.type = new($0.type) }
    document.constants.changeAll { $0.type = new($0.type) }
    document.expressions.changeAll { $0.type = new($0.type) }
  }

  // MARK: Wants

  /// A name that the script defines itself, as a constant, needs nothing from the kernel.
  private func symbolWants(_ externs: ExternsDocument, _ constants: [Constant]) -> [Want] {
    let known = Set(constants.map(\.name))
    return externs.names.filter { !known.contains($0.name) }
      .map { Want(name: $0.name, kind: .symbol, use: $0.use, at: $0.at) }
  }

  /// Everything that a header says exists elsewhere.
  private func symbolWants(_ symbols: [SymbolDeclaration]) -> [Want] {
    symbols.filter { !$0.isInlineOnly }.map { Want(name: $0.name, kind: .symbol, at: $0.at) }
  }

  /// Identifiers that stood for types, and tags without a definition, in order of first mention.
  /// A tag that is only pointed to may be meant to stay opaque, unless a type string names it.
  private mutating func typeWants(_ isKept: [Bool], _ needed: [Bool]) -> [Want] {
    var wants: [(place: Int, want: Want)] = []
    for (name, place) in parser.unknownTypes {
      let spelled = parser.string(name)
      let id = Int(parser.types.unresolved(name, spelled).rawValue)
      guard id < isKept.count, isKept[id] else { continue }
      wants.append((place.lowerBound, Want(name: spelled, kind: .type, at: at(place))))
    }
    for tag in parser.scope.tags.elements where !tag.isComplete {
      let typeString = parser.tagsInTypeStrings[tag.type]
      let number = Int(tag.type.rawValue)
      guard isKept[number], typeString != nil || needed[number] else { continue }
      let place = typeString ?? tag.place
      let want = Want(
        name: "\(tag.keyword.rawValue) \(parser.string(tag.name))", kind: .type, at: at(place))
      wants.append((place.lowerBound, want))
    }
    return wants.sorted { $0.place < $1.place }.map(\.want)
  }

  /// Whether members, elements or variables of the document are of a type, by its number: types
  /// without a definition among them.
  private func neededByValue(_ isKept: [Bool], _ symbols: [SymbolDeclaration]) -> [Bool] {
    var needed = [Bool](repeating: false, count: isKept.count)
    for number in isKept.indices.dropFirst() where isKept[number] {
      guard case .record(let record) = parser.types.table[TypeID(Int32(number))] else { continue }
      for member in record.members {
        needed[Int(parser.types.innermostElement(member.type).rawValue)] = true
      }
    }
    for symbol in symbols where symbol.kind == .variable {
      needed[Int(parser.types.innermostElement(symbol.type).rawValue)] = true
    }
    return needed
  }
}

extension Array {
  fileprivate mutating func changeAll(_ change: (inout Element) -> Void) {
    for index in indices { change(&self[index]) }
  }
}
