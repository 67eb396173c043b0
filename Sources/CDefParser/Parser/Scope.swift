// SPDX-License-Identifier: MIT

import TypeIR

/// What an identifier of the ordinary name space means (C11 6.2.3).
struct Entity: Named {
  enum Kind {
    case typedef
    case function
    case variable
    /// Of an enumeration, or a `static const` integer with a known value.
    case constant(IntegerValue)
  }

  var kind: Kind
  var type: TypeID
  var name: NameID
  /// Where it was first declared.
  var place: Range<Int>
  /// From `__asm__("name")`.
  var linkName = NameID.none
  var isStatic = false
  var isInline = false
  var hasBody = false
  /// Declared other than by a definition of an inline function.
  var isDeclared = false
  /// An enumerator whose enumeration is being defined.
  var isPending = false
  /// The value of a `static const` integer.
  var value: UInt64?
  var hidden: Int32 = 0
}

/// A tag (C11 6.7.2.3).
struct Tag: Named {
  var name: NameID
  var keyword: TagKeyword
  var type: TypeID
  var place: Range<Int>
  var isComplete = false
  var isBeingDefined = false
  var hidden: Int32 = 0
}

/// The name of a member of a record that is being defined.
struct MemberName: Named {
  var name: NameID
  var place: Range<Int>
  var hidden: Int32 = 0
}

/// What stands in a ``NameSpace``.
protocol Named {
  var name: NameID { get }
  /// The number of the element of an outer block that it hides, from 1; 0 for none.
  var hidden: Int32 { get set }
}

/// One of C's name spaces (C11 6.2.3), whose blocks hide what is outside of them.
struct NameSpace<Element: Named> {
  /// In order of declaration.
  private(set) var elements: [Element] = []
  /// By name, the number of the element that it means, from 1.
  private var numbers = NumberMap()
  /// Where the innermost block begins.
  private var block = 0
  /// So many are not to be undone, and those were so before they were changed since.
  private var settled = 0
  private var changed: [(index: Int, before: Element)] = []

  mutating func reserveCapacity(_ count: Int) { elements.reserveCapacity(count) }

  subscript(name: NameID) -> Element? { index(name).map { elements[$0] } }

  func index(_ name: NameID) -> Int? {
    let number = numbers[name]
    return number == 0 ? nil : Int(number) - 1
  }

  /// The same, unless it is of an outer block.
  func indexInBlock(_ name: NameID) -> Int? {
    let number = Int(numbers[name])
    return number <= block ? nil : number - 1
  }

  mutating func add(_ element: Element) {
    elements.append(element)
    elements[elements.count - 1].hidden = numbers[element.name]
    numbers[element.name] = Int32(elements.count)
  }

  mutating func update(_ index: Int, _ change: (inout Element) -> Void) {
    if index < settled { changed.append((index, elements[index])) }
    change(&elements[index])
  }

  /// Begins a block; what it returns ends it.
  mutating func beginBlock() -> Int {
    defer { block = elements.count }
    return block
  }

  mutating func endBlock(_ outer: Int) {
    remove(from: block)
    block = outer
  }

  /// What has been declared so far stays.
  mutating func settle() {
    settled = elements.count
    changed.removeAll(keepingCapacity: true)
  }

  /// Undoes everything since ``settle()``; returns the names that it was about.
  mutating func rollBack() -> [NameID] {
    let names = elements[settled...].map(\.name) + changed.map(\.before.name)
    remove(from: settled)
    for change in changed.reversed() { elements[change.index] = change.before }
    settle()
    return names
  }

  private mutating func remove(from first: Int) {
    while elements.count > first, let element = elements.popLast() {
      numbers[element.name] = element.hidden
    }
  }
}

/// What the identifiers mean: those of the file, and of the statement expressions that are being
/// read. Prototypes have no scope of their own: a tag that one mentions first means the one that the
/// kernel knows, whatever C11 6.2.1 says.
struct Scope {
  var entities = NameSpace<Entity>()
  var tags = NameSpace<Tag>()

  mutating func reserveCapacity(_ count: Int) {
    entities.reserveCapacity(count)
    tags.reserveCapacity(count / 2)
  }

  /// Begins a block; what it returns ends it.
  mutating func beginBlock() -> (entities: Int, tags: Int) {
    (entities.beginBlock(), tags.beginBlock())
  }

  mutating func endBlock(_ outer: (entities: Int, tags: Int)) {
    entities.endBlock(outer.entities)
    tags.endBlock(outer.tags)
  }

  mutating func settle() {
    entities.settle()
    tags.settle()
  }

  mutating func rollBack() -> [NameID] { entities.rollBack() + tags.rollBack() }
}
