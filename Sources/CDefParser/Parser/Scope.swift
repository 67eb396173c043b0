// SPDX-License-Identifier: MIT

import TypeIR

/// What an identifier of the ordinary name space means (C11 6.2.3).
struct Entity {
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
  /// The number of the entity of an outer block that it hides, from 1; 0 for none.
  fileprivate var hidden: Int32 = 0

  init(
    kind: Kind, type: TypeID, name: NameID, place: Range<Int>, linkName: NameID = .none
  ) {
    self.kind = kind
    self.type = type
    self.name = name
    self.place = place
    self.linkName = linkName
  }
}

/// A tag (C11 6.7.2.3).
struct Tag {
  var name: NameID
  var keyword: TagKeyword
  var type: TypeID
  var place: Range<Int>
  var isComplete = false
  var isBeingDefined = false
  /// The number of the tag of an outer block that it hides, from 1; 0 for none.
  fileprivate var hidden: Int32 = 0

  init(name: NameID, keyword: TagKeyword, type: TypeID, place: Range<Int>) {
    self.name = name
    self.keyword = keyword
    self.type = type
    self.place = place
  }
}

/// What the identifiers mean: those of the file, and of the statement expressions that are being
/// read. Prototypes have no scope of their own: a tag that one mentions first means the one that the
/// kernel knows, whatever C11 6.2.1 says.
struct Scope {
  /// How much was declared at some point.
  struct Mark {
    var entities = 0
    var tags = 0
  }

  private(set) var entities: [Entity] = []
  private(set) var tagList: [Tag] = []
  /// Numbers of entities and tags, from 1.
  private var ordinary = NumberMap()
  private var tags = NumberMap()

  mutating func reserveCapacity(_ count: Int) {
    entities.reserveCapacity(count)
    tagList.reserveCapacity(count / 2)
  }

  func entityIndex(_ name: NameID) -> Int? { ordinary[name] == 0 ? nil : Int(ordinary[name]) - 1 }
  func tagIndex(_ name: NameID) -> Int? { tags[name] == 0 ? nil : Int(tags[name]) - 1 }

  func entity(_ name: NameID) -> Entity? { entityIndex(name).map { entities[$0] } }
  func tag(_ name: NameID) -> Tag? { tagIndex(name).map { tagList[$0] } }

  /// Where the innermost block begins.
  private(set) var block = Mark()
  /// What is not to be undone, and what it was before it was changed since.
  private var settled = Mark()
  private var changedEntities: [(index: Int, before: Entity)] = []
  private var changedTags: [(index: Int, before: Tag)] = []

  private var mark: Mark { Mark(entities: entities.count, tags: tagList.count) }

  // MARK: Blocks and rollback

  /// Begins a block; what it returns ends it.
  mutating func beginBlock() -> Mark {
    defer { block = mark }
    return block
  }

  mutating func endBlock(_ outer: Mark) {
    remove(from: block)
    block = outer
  }

  /// What has been declared so far stays.
  mutating func settle() {
    settled = mark
    changedEntities.removeAll(keepingCapacity: true)
    changedTags.removeAll(keepingCapacity: true)
  }

  /// Undoes everything since ``settle()``; returns the names that it was about.
  mutating func rollBack() -> [NameID] {
    let names =
      entities[settled.entities...].map(\.name) + tagList[settled.tags...].map(\.name)
      + changedTags.map(\.before.name)
    remove(from: settled)
    for change in changedEntities.reversed() { entities[change.index] = change.before }
    for change in changedTags.reversed() { tagList[change.index] = change.before }
    settle()
    return names
  }

  private mutating func remove(from mark: Mark) {
    while entities.count > mark.entities, let entity = entities.popLast() {
      ordinary[entity.name] = entity.hidden
    }
    while tagList.count > mark.tags, let tag = tagList.popLast() { tags[tag.name] = tag.hidden }
  }

  // MARK: Declarations

  mutating func add(_ entity: Entity) {
    entities.append(entity)
    entities[entities.count - 1].hidden = ordinary[entity.name]
    ordinary[entity.name] = Int32(entities.count)
  }

  mutating func add(_ tag: Tag) {
    tagList.append(tag)
    tagList[tagList.count - 1].hidden = tags[tag.name]
    tags[tag.name] = Int32(tagList.count)
  }

  mutating func update(entity index: Int, _ change: (inout Entity) -> Void) {
    if index < settled.entities { changedEntities.append((index, entities[index])) }
    change(&entities[index])
  }

  mutating func update(tag index: Int, _ change: (inout Tag) -> Void) {
    if index < settled.tags { changedTags.append((index, tagList[index])) }
    change(&tagList[index])
  }

  /// Every name of a typedef, for suggestions.
  var typedefNames: [NameID] {
    entities.compactMap { entity in
      guard case .typedef = entity.kind else { return nil }
      return entity.name
    }
  }
}
