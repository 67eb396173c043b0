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
}

/// A tag (C11 6.7.2.3).
struct Tag {
  var name: NameID
  var keyword: TagKeyword
  var type: TypeID
  var place: Range<Int>
  var isComplete = false
  var isBeingDefined = false
}

/// The file scope. There is no other: bodies are skipped, and a tag that a prototype mentions first
/// means the one that the kernel knows, whatever C11 6.2.1 says.
struct Scope {
  private(set) var entities: [Entity] = []
  private(set) var tagList: [Tag] = []
  /// Numbers of entities and tags, from 1.
  private var ordinary = NumberMap()
  private var tags = NumberMap()

  func entityIndex(_ name: NameID) -> Int? { ordinary[name] == 0 ? nil : Int(ordinary[name]) - 1 }
  func tagIndex(_ name: NameID) -> Int? { tags[name] == 0 ? nil : Int(tags[name]) - 1 }

  func entity(_ name: NameID) -> Entity? { entityIndex(name).map { entities[$0] } }
  func tag(_ name: NameID) -> Tag? { tagIndex(name).map { tagList[$0] } }

  mutating func add(_ entity: Entity) {
    entities.append(entity)
    ordinary[entity.name] = Int32(entities.count)
  }

  mutating func add(_ tag: Tag) {
    tagList.append(tag)
    tags[tag.name] = Int32(tagList.count)
  }

  mutating func update(entity index: Int, _ change: (inout Entity) -> Void) {
    change(&entities[index])
  }

  mutating func update(tag index: Int, _ change: (inout Tag) -> Void) {
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
