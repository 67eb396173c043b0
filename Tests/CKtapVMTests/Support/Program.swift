// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

/// An image in the making: C types and foreign symbols by name, and code from listings (see
/// ``assemble(_:)``).
struct Program {
  var image = ImageBuilder(script: "t.kp")
  /// C types by name.
  private(set) var types: [String: UInt32] = ["void": 0]
  /// Foreign functions and variables by name.
  var symbols: [String: UInt32] = [:]

  /// A program with C's scalar types, `void *`, `char *`, `const char *`, `int *`, `u8 *`.
  init() {
    for scalar in CScalar.all { scalar.add(to: &self) }
    pointer("void")
    pointer("char")
    constant("char")
    pointer("const char")
    pointer("int")
    pointer("unsigned char")
  }

  /// The index of a type that was added before.
  subscript(_ name: String) -> UInt32 {
    guard let type = types[name] else { fatalError("the test has no type '\(name)'") }
    return type
  }

  func entry(_ name: String) -> ktap_image_type { image.types[Int(self[name])] }

  /// Adds a type under the name in it.
  @discardableResult
  mutating func add(_ name: String, _ change: (inout ktap_image_type) -> Void) -> UInt32 {
    if let known = types[name] { return known }
    var type = ktap_image_type()
    type.name = image.intern(name)
    type.plan = imageNone
    change(&type)
    let index = UInt32(image.types.count)
    image.types.append(type)
    types[name] = index
    return index
  }

  @discardableResult
  mutating func pointer(_ target: String, name: String? = nil) -> UInt32 {
    let ref = self[target]
    return add(name ?? (target.hasSuffix("*") ? "\(target)*" : "\(target) *")) {
      $0.kind = KTAP_TYPE_POINTER.rawValue
      ($0.ref, $0.size, $0.align) = (ref, 8, 8)
    }
  }

  /// What GETMEMBER and SETMEMBER access: `m0`, `m1`, … in listings.
  mutating func field(
    _ base: String, _ name: String, _ type: String, bitOffset: UInt64, bitSize: UInt32 = 0
  ) {
    let field = ktap_image_field(
      base: self[base], name: image.intern(name), type: self[type], bit_size: bitSize,
      bit_offset: bitOffset)
    image.fields.append(field)
  }

  /// The const twin of a type.
  @discardableResult
  mutating func constant(_ base: String, name: String? = nil) -> UInt32 {
    let type = entry(base)
    let spelling = name ?? (base.hasSuffix("*") ? "\(base)const" : "const \(base)")
    let index = add(spelling) { entry in
      let name = entry.name
      entry = type
      entry.name = name
      entry.flags |= UInt32(KTAP_TYPE_CONST)
    }
    return index
  }

  @discardableResult
  mutating func array(_ element: String, _ length: UInt64, name: String? = nil) -> UInt32 {
    let (ref, type) = (self[element], entry(element))
    return add(name ?? "\(element)[\(length)]") {
      $0.kind = KTAP_TYPE_ARRAY.rawValue
      $0.flags = type.flags & UInt32(KTAP_TYPE_CONST)
      ($0.ref, $0.length, $0.size, $0.align) = (ref, length, length * type.size, type.align)
    }
  }

  /// `element[]`, or `element[?]` as a script writes it.
  @discardableResult
  mutating func flexibleArray(_ element: String) -> UInt32 {
    let (ref, type) = (self[element], entry(element))
    return add("\(element)[?]") {
      $0.kind = KTAP_TYPE_ARRAY.rawValue
      $0.flags = UInt32(KTAP_TYPE_FLEXIBLE)
      ($0.ref, $0.align) = (ref, type.align)
    }
  }

  @discardableResult
  mutating func enumeration(
    _ name: String, base: String, _ enumerators: KeyValuePairs<String, Int64>
  ) -> UInt32 {
    let base = entry(base)
    let first = UInt32(image.enumerators.count)
    for (name, value) in enumerators {
      image.enumerators.append(
        ktap_image_enumerator(
          name: image.intern(name), reserved: 0, value: UInt64(bitPattern: value)))
    }
    return add(name) {
      $0.kind = KTAP_TYPE_ENUM.rawValue
      $0.flags = base.flags & UInt32(KTAP_TYPE_SIGNED)
      ($0.size, $0.align) = (base.size, base.align)
      ($0.first, $0.count) = (first, UInt32(enumerators.count))
    }
  }

  /// A declared but not defined struct.
  @discardableResult
  mutating func incomplete(_ name: String) -> UInt32 {
    add(name) {
      $0.kind = KTAP_TYPE_STRUCT.rawValue
      $0.flags = UInt32(KTAP_TYPE_INCOMPLETE)
    }
  }

  /// A member as a test declares it: `.at` its bit offset, or behind the one before as C would.
  struct Member {
    var name: String?
    var type: String
    var bitOffset: Int?
    var bitSize = 0

    init(_ name: String?, _ type: String, at bitOffset: Int? = nil, bits: Int = 0) {
      (self.name, self.type, self.bitOffset, self.bitSize) = (name, type, bitOffset, bits)
    }
  }

  /// A struct or union (by the first word of its name) laid out as C does, bit-fields excepted:
  /// their places, and `size` and `align` then, come from the test.
  @discardableResult
  mutating func record(
    _ name: String, _ members: [Member], size: Int? = nil, align: Int? = nil
  ) -> UInt32 {
    let isUnion = name.hasPrefix("union")
    let first = UInt32(image.members.count)
    var (end, alignment) = (0, 1)
    for member in members {
      let (index, type) = (self[member.type], entry(member.type))
      let own = max(Int(type.align), 1)
      let place = isUnion ? 0 : (end + own - 1) / own * own
      let bitOffset = member.bitOffset ?? place * 8
      end = max(end, bitOffset / 8 + Int(type.size))
      alignment = max(alignment, own)
      image.members.append(
        ktap_image_member(
          name: member.name.map { image.intern($0) } ?? imageNone, type: index,
          bit_offset: UInt64(bitOffset), bit_size: UInt32(member.bitSize), reserved: 0))
    }
    let finalAlign = align ?? alignment
    let finalSize = size ?? (end + finalAlign - 1) / finalAlign * finalAlign
    return add(name) {
      $0.kind = (isUnion ? KTAP_TYPE_UNION : KTAP_TYPE_STRUCT).rawValue
      ($0.size, $0.align) = (UInt64(finalSize), UInt32(finalAlign))
      ($0.first, $0.count) = (first, UInt32(members.count))
    }
  }

  /// A function type with the call plan that the System V ABI asks for.
  @discardableResult
  mutating func function(
    returning result: String = "void", _ params: [String], variadic: Bool = false
  ) -> UInt32 {
    let name = "\(result) (\((params + (variadic ? ["..."] : [])).joined(separator: ", ")))"
    if let known = types[name] { return known }
    let first = UInt32(image.params.count)
    for param in params {
      image.params.append(ktap_image_param(name: imageNone, type: self[param]))
    }
    let plan = UInt32(image.plans.count)
    let ref = self[result]
    let index = add(name) {
      $0.kind = KTAP_TYPE_FUNCTION.rawValue
      $0.flags = variadic ? UInt32(KTAP_TYPE_VARIADIC) : 0
      ($0.ref, $0.first, $0.count, $0.plan) = (ref, first, UInt32(params.count), plan)
    }
    addPlan(of: index)
    return index
  }

  private mutating func addPlan(of function: UInt32) {
    let type = image.types[Int(function)]
    let params = image.params[Int(type.first)...].prefix(Int(type.count))
    var plan = CallPlan(returning: image.types[Int(type.ref)])
    for param in params { plan.add(image.types[Int(param.type)]) }
    image.plans.append(
      ktap_image_plan(
        type: function, first_step: UInt32(image.steps.count),
        step_count: UInt32(plan.steps.count), words: UInt32(plan.words),
        registers_used: UInt32(plan.registers), return_kind: plan.returnKind.rawValue,
        convention: 0, reserved: 0))
    image.steps += plan.steps
  }

  /// A foreign function. `alias` is its name in listings, where one callee has several types.
  mutating func callee(
    _ name: String, returning result: String = "void", _ params: [String] = [],
    variadic: Bool = false, alias: String? = nil
  ) {
    let type = function(returning: result, params, variadic: variadic)
    addSymbol(name, KTAP_SYMBOL_FUNCTION, type: type, size: 0, alias: alias)
  }

  /// A foreign variable.
  mutating func variable(_ name: String, _ type: String) {
    addSymbol(name, KTAP_SYMBOL_VARIABLE, type: self[type], size: entry(type).size)
  }

  private mutating func addSymbol(
    _ name: String, _ kind: ktap_symbol_kind, type: UInt32, size: UInt64, alias: String? = nil
  ) {
    symbols[alias ?? name] = UInt32(image.symbols.count)
    image.symbols.append(
      ktap_image_symbol(
        name: image.intern(name), module: imageNone, kind: kind.rawValue,
        base: KTAP_BASE_HOST.rawValue, offset: 0, size: size, type: type, flags: 0))
  }
}

/// C's integer types on x86-64, and `_Bool`.
struct CScalar: Hashable, CustomStringConvertible {
  var name: String
  var size: Int
  var isSigned: Bool
  var isCharacter = false
  var isBool = false

  var description: String { name }
  var bits: Int { size * 8 }

  static let all = [
    CScalar(name: "char", size: 1, isSigned: true, isCharacter: true),
    CScalar(name: "signed char", size: 1, isSigned: true, isCharacter: true),
    CScalar(name: "unsigned char", size: 1, isSigned: false, isCharacter: true),
    CScalar(name: "short", size: 2, isSigned: true),
    CScalar(name: "unsigned short", size: 2, isSigned: false),
    CScalar(name: "int", size: 4, isSigned: true),
    CScalar(name: "unsigned int", size: 4, isSigned: false),
    CScalar(name: "long", size: 8, isSigned: true),
    CScalar(name: "unsigned long", size: 8, isSigned: false),
    CScalar(name: "_Bool", size: 1, isSigned: false, isBool: true),
  ]
  static let integers = all.filter { !$0.isBool }

  static func named(_ name: String) -> Self { all.first { $0.name == name }! }

  func add(to program: inout Program) {
    program.add(name) {
      $0.kind = (isBool ? KTAP_TYPE_BOOL : KTAP_TYPE_INT).rawValue
      $0.flags =
        (isSigned ? UInt32(KTAP_TYPE_SIGNED) : 0) | (isCharacter ? UInt32(KTAP_TYPE_CHAR) : 0)
      ($0.size, $0.align) = (UInt64(size), UInt32(size))
    }
  }

  /// What C makes of 64 bits converted to this type, extended to 64 bits again.
  func converted(_ bits: UInt64) -> UInt64 {
    if isBool { return bits == 0 ? 0 : 1 }
    let shift = UInt64(64 - self.bits)
    let top = bits << shift
    return isSigned ? UInt64(bitPattern: Int64(bitPattern: top) >> Int64(shift)) : top >> shift
  }
}
