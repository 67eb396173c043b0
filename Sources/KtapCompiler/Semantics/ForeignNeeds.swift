// SPDX-License-Identifier: MIT

import TypeIR

/// What a script uses of C, in the order of its first mention: what the other stages have to find,
/// and what the image then carries.
struct ForeignNeeds: Sendable {
  struct Use: Sendable {
    var foreign: ForeignName
    var use: TypeIR.NameUse
  }

  var cdefs: [StringLiteral] = []
  /// Each text once.
  var types: [StringLiteral] = []
  /// Each name once per kind of use.
  var names: [Use] = []
  /// Names that may be members of structs and unions.
  var members: Set<String> = []

  init(_ tree: SyntaxTree) {
    var collector = Collector()
    tree.forEachExpression { collector.visit($0) }
    self = collector.needs
  }

  private init() {}

  private struct Collector {
    var needs = ForeignNeeds()
    private var seenTypes: Set<[UInt8]> = []
    private struct UseKey: Hashable { var name: String, use: TypeIR.NameUse }
    private var seenUses: Set<UseKey> = []
    /// Where the names start that are called.
    private var called: Set<Int> = []

    mutating func visit(_ expression: Expression) {
      switch expression.kind {
      case .cdef(let literal): needs.cdefs.append(literal)
      case .ctype(let literal):
        if seenTypes.insert(literal.bytes).inserted { needs.types.append(literal) }
      case .foreign(let foreign): use(foreign)
      case .member(_, let name), .methodCall(_, let name, _): needs.members.insert(name.text)
      case .index(_, let key): member(key)
      case .table(let items): table(items)
      case .call(let callee, let arguments): call(callee, arguments)
      default: break
      }
    }

    private mutating func use(_ foreign: ForeignName) {
      let use: TypeIR.NameUse =
        foreign.isToken ? .token : called.contains(foreign.range.start) ? .call : .value
      if seenUses.insert(UseKey(name: foreign.name, use: use)).inserted {
        needs.names.append(Use(foreign: foreign, use: use))
      }
    }

    private mutating func call(_ callee: Expression, _ arguments: [Expression]) {
      if case .foreign(let foreign) = callee.kind { called.insert(foreign.range.start) }
      guard case .ffi(let builtin) = callee.kind else { return }
      if builtin.takesMember, arguments.count > 1 { member(arguments[arguments.count - 1]) }
      // Where the entries of an xarray are.
      if builtin.name == "ffi.xarray" { needs.members.insert("xa_head") }
    }

    private mutating func member(_ key: Expression) {
      if case .string(let literal) = key.kind { needs.members.insert(literal.text) }
    }

    /// A table may initialise a struct.
    private mutating func table(_ items: [TableItem]) {
      for item in items {
        switch item {
        case .named(let name, _): needs.members.insert(name.text)
        case .keyed(let key, _): member(key)
        case .positional: break
        }
      }
    }
  }
}

extension ForeignNeeds {
  /// The document that `cdef-parse` reads.
  func externs(of script: Script) -> ExternsDocument {
    ExternsDocument(
      cdefs: cdefs.map { literal in
        ExternsDocument.CDef(
          text: literal.text, at: script.at(literal.range),
          map: literal.runs.map { run in
            let (line, column) = script.position(at: run.source)
            return ExternsDocument.MapEntry(offset: run.offset, line: line, column: column)
          })
      },
      types: types.map { ExternsDocument.TypeString(text: $0.text, at: script.at($0.range)) },
      names: names.map {
        ExternsDocument.Name(
          name: $0.foreign.name, use: $0.use, at: script.at($0.foreign.range))
      },
      members: members.sorted())
  }
}
