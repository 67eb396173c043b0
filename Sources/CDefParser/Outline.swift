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

  /// What is to be remembered of a token.
  private struct Word {
    var kind = TokenKind.end
    var keyword: Keyword?
    var name = NameID.none

    init() {}

    init(_ token: Token) {
      kind = token.kind
      keyword = token.keyword
      name = token.name
    }
  }

  /// What is open around a token.
  private enum Bracket {
    /// Parentheses of a declarator.
    case group
    /// Parentheses and brackets in which nothing is declared.
    case arguments
    case record, enumeration
    /// Other braces.
    case block
    /// A function's braces, in which nothing is parsed.
    case body
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
  /// How many of them are no groups.
  private var depth = 0
  /// The last three tokens, the latest first.
  private var last = (Word(), Word(), Word())
  /// `struct`, `union` or `enum`, as long as a `{` may follow that belongs to it.
  private var tagKeyword: Keyword?
  private var tag = NameID.none
  private var tagDepth = 0
  private var isTypedef = false
  private var hasInitializer = false

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
    directives.append(Int(hash.start)..<line.upperBound)
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
      end(at: start ?? 0)
      return true
    default: return start == nil
    }
  }

  private mutating func declare(_ key: Key) {
    declarers.append((items.count - 1, lastDeclarer[key.number]))
    lastDeclarer[key.number] = Int32(declarers.count)
  }

  private mutating func read(_ token: Token) -> Bool {
    if start == nil { begin(token) }
    if brackets.first == .body, token.kind != .leftBrace, token.kind != .rightBrace { return true }
    judgeParenthesis(before: token)
    declareName(before: token)
    var isEnd = token.kind == .semicolon && brackets.isEmpty
    switch token.kind {
    case .identifier: identifier(token)
    case .leftParen, .leftBracket: open(.arguments)
    case .leftBrace:
      if !openBrace() { return false }
    case .rightParen, .rightBracket:
      guard let bracket = brackets.last, bracket == .group || bracket == .arguments else {
        return false
      }
      close()
    case .rightBrace:
      guard let bracket = brackets.last, bracket != .group, bracket != .arguments else {
        return false
      }
      close()
      isEnd = bracket == .body && brackets.isEmpty
    case .assignment: hasInitializer = hasInitializer || brackets.isEmpty
    default: break
    }
    followTag(token)
    last = (Word(token), last.0, last.1)
    if isEnd { end(at: Int(token.end)) }
    return true
  }

  private mutating func begin(_ token: Token) {
    start = Int(token.start)
    isTypedef = token.keyword == .typedef
    hasInitializer = false
    tagKeyword = nil
    items.append(Item(range: 0..<0, mentions: mentions.count..<mentions.count))
  }

  private mutating func end(at end: Int) {
    let first = items[items.count - 1].mentions.lowerBound
    items[items.count - 1] = Item(range: (start ?? end)..<end, mentions: first..<mentions.count)
    start = nil
  }

  // MARK: Brackets

  private mutating func open(_ bracket: Bracket) {
    brackets.append(bracket)
    if bracket != .group { depth += 1 }
  }

  private mutating func close() {
    if brackets.popLast() != .group { depth -= 1 }
  }

  /// False if it cannot be told what the brace begins.
  private mutating func openBrace() -> Bool {
    if let keyword = tagKeyword, brackets.count == tagDepth {
      if tag != .none { declare(.tag(tag)) }
      open(keyword == .enum ? .enumeration : .record)
      return true
    }
    let isBody = brackets.isEmpty && !hasInitializer
    open(isBody ? .body : .block)
    return !isBody || last.0.kind == .rightParen
  }

  /// After a `(`, which was taken for the beginning of arguments: `*` shows that it begins a part of
  /// a declarator, and so does what stands before it. Otherwise a name before it is declared.
  private mutating func judgeParenthesis(before token: Token) {
    guard last.0.kind == .leftParen, depth == 1 else { return }
    if last.1.keyword?.takesArguments == true { return }
    switch last.1.kind {
    case .identifier where token.kind != .star && token.kind != .leftParen:
      declare(.ordinary(last.1.name))
    case .rightParen where token.kind != .star: break
    default:
      close()
      open(.group)
    }
  }

  // MARK: Names

  /// Declares the name before the token, if the token can only follow a declared name.
  private mutating func declareName(before token: Token) {
    guard depth == 0 else { return }
    switch token.kind {
    case .keyword where token.keyword != .asm && token.keyword != .attribute: break
    case .semicolon, .comma, .colon, .assignment, .leftBracket, .leftParen, .rightParen, .keyword:
      if last.0.kind == .identifier, token.kind != .leftParen {
        declare(.ordinary(last.0.name))
      } else if last.0.kind == .rightParen, last.1.kind == .identifier, last.2.kind == .leftParen,
        isTypedef || token.kind == .leftParen || token.kind == .leftBracket
      {
        // `int (name)[3]`, and not the parameter in `int function(type);`.
        declare(.ordinary(last.1.name))
      }
    default: break
    }
  }

  private mutating func identifier(_ token: Token) {
    if tagKeyword != nil, tag == .none, brackets.count == tagDepth {
      tag = token.name
      mentions.append(.tag(token.name))
      return
    }
    if brackets.last == .enumeration, last.0.kind == .leftBrace || last.0.kind == .comma {
      declare(.ordinary(token.name))
    }
    mentions.append(.ordinary(token.name))
  }

  /// Attributes, a tag and an enumeration's type may stand between `struct` and its `{`.
  private mutating func followTag(_ token: Token) {
    switch token.kind {
    case .keyword where token.keyword?.beginsTag == true:
      tagKeyword = token.keyword
      tag = .none
      tagDepth = brackets.count
    case .leftParen where brackets.count == tagDepth + 1:
      if last.0.keyword?.takesArguments != true { tagKeyword = nil }
    case .identifier, .keyword, .rightParen, .rightBracket: break
    case .colon where tagKeyword == .enum: break
    default:
      if brackets.count == tagDepth { tagKeyword = nil }
    }
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

  /// Whether parentheses after it belong to it, and declare nothing.
  fileprivate var takesArguments: Bool {
    switch self {
    case .alignas, .alignof, .asm, .atomic, .attribute, .generic, .offsetof, .sizeof, .staticAssert,
      .typeof, .typeofUnqualified, .typesCompatible:
      true
    default: false
    }
  }
}
