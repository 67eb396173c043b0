// SPDX-License-Identifier: MIT

/// The external declarations of texts, and what each of them mentions and may declare: enough to
/// parse only those that some names need. Nothing is parsed for it; it errs on the side of too much
/// and gives up on what it cannot tell apart.
struct Outline {
  /// A name in one of its name spaces (C11 6.2.3), as a number.
  private struct Key {
    let number: Int32

    static func ordinary(_ name: NameID) -> Key { Key(number: 2 * name.rawValue) }
    static func tag(_ name: NameID) -> Key { Key(number: 2 * name.rawValue + 1) }
  }

  /// An external declaration. Of a macro, which is read in any case, the range is empty.
  private struct Item {
    var range: Range<Int>
    /// Among ``mentions``.
    var mentions: Range<Int>
  }

  /// `struct`, `union` or `enum`, as long as a `{` may follow that belongs to it.
  private struct TagSpecifier {
    var keyword: Keyword?
    /// nil as long as it may follow; ``NameID/none`` if there is none.
    var tag: NameID?
  }

  private struct Bracket {
    var opening: TokenKind
    /// An enumeration's braces.
    var isEnumeration = false
    /// What goes on after it: attributes may stand between `struct` and its tag.
    var specifier = TagSpecifier()
  }

  private let text: UnsafeBufferPointer<UInt8>
  private let annotations: Annotations
  private var items: [Item] = []
  private var mentions: [Key] = []
  /// The items that may declare a name, each with the number of the same name's one before, from 1.
  private var declarers: [(item: Int, next: Int32)] = []
  /// The number of each key's last declarer.
  private var lastDeclarer = NumberMap()
  private var directives: [Range<Int>] = []

  // What is known in the middle of an item.
  private var start: Int?
  private var brackets: [Bracket] = []
  /// How many of them are braces.
  private var braces = 0
  private var isInBody = false
  private var specifier = TagSpecifier()
  /// The token before, and its name if it is one of the ordinary name space.
  private var last = (kind: TokenKind.end, name: NameID.none)
  /// The token before that.
  private var secondLast = TokenKind.end

  init(_ text: UnsafeBufferPointer<UInt8>, _ annotations: Annotations) {
    self.text = text
    self.annotations = annotations
  }

  // MARK: Reading

  /// Reads a text. False if its declarations cannot be told apart.
  mutating func read(_ range: Range<Int>, _ names: inout NameTable) -> Bool {
    var lexer = Lexer(range)
    while let token = try? lexer.next(text, &names) {
      switch token.kind {
      case .end: return start == nil
      case .hash where token.isAtLineStart:
        if !directive(token, &lexer, &names) { return false }
      case .identifier where annotations[token.name] != nil: continue
      default:
        if !read(token) { return false }
      }
    }
    return false
  }

  /// A macro's definition is a declaration that is read in any case. Conditions inside of a
  /// declaration are too much.
  private mutating func directive(
    _ hash: Token, _ lexer: inout Lexer, _ names: inout NameTable
  ) -> Bool {
    let line = lexer.takeDirective(text)
    directives.append(hash.spelling.lowerBound..<line.upperBound)
    var words = Lexer(line)
    guard let word = try? words.next(text, &names) else { return false }
    if word.kind == .number { return true }
    switch String(decoding: text[word.spelling], as: UTF8.self) {
    case "pragma", "line", "undef", "ident": return true
    case "define":
      guard start == nil, let name = try? words.next(text, &names), name.name != .none else {
        return false
      }
      begin(name)
      declare(.ordinary(name.name))
      while let token = try? words.next(text, &names), token.kind != .end {
        if token.kind == .identifier { mentions.append(.ordinary(token.name)) }
      }
      end(at: name.spelling.lowerBound)
      return true
    default: return start == nil
    }
  }

  private mutating func begin(_ token: Token) {
    start = token.spelling.lowerBound
    specifier = TagSpecifier()
    last = (.end, .none)
    items.append(Item(range: 0..<0, mentions: mentions.count..<mentions.count))
  }

  private mutating func end(at end: Int) {
    let first = items[items.count - 1].mentions.lowerBound
    items[items.count - 1] = Item(range: (start ?? end)..<end, mentions: first..<mentions.count)
    start = nil
  }

  private mutating func declare(_ key: Key) {
    declarers.append((items.count - 1, lastDeclarer[key.number]))
    lastDeclarer[key.number] = Int32(declarers.count)
  }

  /// False for a bracket that does not close the one that is open.
  private mutating func read(_ token: Token) -> Bool {
    if start == nil { begin(token) }
    declareName(before: token)
    var name = NameID.none
    switch token.kind {
    case .identifier where !isInBody: name = identifier(token)
    case .keyword where token.keyword?.beginsTag == true:
      specifier = TagSpecifier(keyword: token.keyword)
    case .leftParen, .leftBracket, .leftBrace: open(token.kind)
    case .rightParen, .rightBracket, .rightBrace:
      guard let bracket = brackets.popLast(), bracket.opening == token.kind.opening else {
        return false
      }
      specifier = bracket.specifier
      if token.kind == .rightBrace { braces -= 1 }
    case .colon where specifier.tag == nil: specifier.tag = NameID.none
    case .star, .comma, .semicolon, .assignment: specifier = TagSpecifier()
    default: break
    }
    secondLast = last.kind
    last = (token.kind, name)
    if brackets.isEmpty, token.kind == .semicolon || isInBody && token.kind == .rightBrace {
      isInBody = false
      end(at: token.spelling.upperBound)
    }
    return true
  }

  private mutating func open(_ kind: TokenKind) {
    var bracket = Bracket(opening: kind)
    if kind == .leftBrace {
      isInBody =
        isInBody || brackets.isEmpty && last.kind == .rightParen && specifier.keyword == nil
      bracket.isEnumeration = specifier.keyword == .enum
      if let tag = specifier.tag { declare(.tag(tag)) }
      braces += 1
    } else if last.kind != .identifier {  // Of attributes, and no function's.
      bracket.specifier = specifier
    }
    brackets.append(bracket)
    specifier = TagSpecifier()
  }

  /// Declares the name before the token, if what declares it may end there. Parameters declare
  /// nothing.
  private mutating func declareName(before token: Token) {
    guard last.name != .none, braces == 0 else { return }
    switch token.kind {
    case .identifier, .star, .rightBracket: return
    case .comma where !brackets.isEmpty: return
    case .rightParen where secondLast == .comma || secondLast == .identifier: return
    case .keyword where token.keyword != .asm && token.keyword != .attribute: return
    default: declare(.ordinary(last.name))
    }
  }

  /// Returns the name if it is no tag.
  private mutating func identifier(_ token: Token) -> NameID {
    if specifier.keyword != nil, specifier.tag == nil {
      specifier.tag = token.name
      mentions.append(.tag(token.name))
      return .none
    }
    if brackets.last?.isEnumeration == true, last.kind == .leftBrace || last.kind == .comma {
      declare(.ordinary(token.name))
    }
    mentions.append(.ordinary(token.name))
    return token.name
  }

  // MARK: What is needed

  /// The parts of the texts that `names`, as `--only` takes them, do not need; in order. Directives
  /// are in none of them.
  mutating func unneeded(for names: [String], _ table: inout NameTable) -> [Range<Int>] {
    var isNeeded = [Bool](repeating: false, count: items.count)
    var pending: [Key] = []
    for name in names {
      let words = name.split(separator: " ").map { table.intern(String($0)) }
      guard let word = words.last else { continue }
      pending.append(.tag(word))
      if words.count == 1 { pending.append(.ordinary(word)) }
    }
    while let key = pending.popLast() {
      var number = Int(lastDeclarer[key.number])
      lastDeclarer[key.number] = 0
      while number != 0 {
        let (item, next) = declarers[number - 1]
        if !isNeeded[item] { pending += mentions[items[item].mentions] }
        isNeeded[item] = true
        number = Int(next)
      }
    }
    var ranges: [Range<Int>] = []
    var directives = directives[...]
    for (item, isNeeded) in zip(items, isNeeded) where !isNeeded && !item.range.isEmpty {
      var start = item.range.lowerBound
      while let directive = directives.first, directive.lowerBound < item.range.upperBound {
        if directive.lowerBound >= start {
          ranges.append(start..<directive.lowerBound)
          start = directive.upperBound
        }
        directives.removeFirst()
      }
      ranges.append(start..<item.range.upperBound)
    }
    return ranges
  }
}

extension Keyword {
  fileprivate var beginsTag: Bool { self == .struct || self == .union || self == .enum }
}

extension TokenKind {
  /// Of a closing bracket.
  fileprivate var opening: TokenKind {
    switch self {
    case .rightParen: .leftParen
    case .rightBracket: .leftBracket
    default: .leftBrace
    }
  }
}
