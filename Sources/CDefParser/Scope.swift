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
  var linkName: String?
  var isStatic = false
  var isInline = false
  var hasBody = false
  /// Declared other than by a definition of an inline function.
  var isDeclared = false
  /// The value of a `static const` integer.
  var value: UInt64?
}

/// A tag (C11 6.7.2.3).
struct Tag {
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
  private var ordinary: [Int32] = []
  private var tags: [Int32] = []

  func entityIndex(_ name: NameID) -> Int? { Self.lookUp(name, ordinary) }
  func tagIndex(_ name: NameID) -> Int? { Self.lookUp(name, tags) }

  func entity(_ name: NameID) -> Entity? { entityIndex(name).map { entities[$0] } }
  func tag(_ name: NameID) -> Tag? { tagIndex(name).map { tagList[$0] } }

  private static func lookUp(_ name: NameID, _ map: [Int32]) -> Int? {
    let index = Int(name.rawValue)
    guard index >= 0, index < map.count, map[index] != 0 else { return nil }
    return Int(map[index]) - 1
  }

  mutating func add(_ entity: Entity) {
    entities.append(entity)
    Self.enter(entity.name, entities.count, &ordinary)
  }

  mutating func add(_ name: NameID, _ tag: Tag) {
    tagList.append(tag)
    Self.enter(name, tagList.count, &tags)
  }

  private static func enter(_ name: NameID, _ number: Int, _ map: inout [Int32]) {
    let index = Int(name.rawValue)
    if index >= map.count {
      map += [Int32](repeating: 0, count: max(index + 1, map.count * 2) - map.count)
    }
    map[index] = Int32(number)
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
