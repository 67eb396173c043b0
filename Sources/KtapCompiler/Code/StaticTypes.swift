// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

// What is known of C types ahead: where the type of an expression is, its members are accessed by their
// place (GETMEMBER, SETMEMBER). The types are a forecast only: an access to a value of another type finds
// the member by its name, so that what a forecast misses is time, and never the meaning of the script.

/// The types of values that variables get from the code generated so far: the first that is known.
struct VariableTypes {
  /// By ``Declaration/id``.
  private var locals: [Int: Int] = [:]
  private var globals: [Int: Int] = [:]

  func local(_ id: Int) -> Int? { locals[id] }

  func global(_ index: Int) -> Int? { globals[index] }

  mutating func assign(_ type: Int?, toLocal id: Int) {
    if let type, locals[id] == nil { locals[id] = type }
  }

  mutating func assign(_ type: Int?, toGlobal index: Int) {
    if let type, globals[index] == nil { globals[index] = type }
  }
}

/// A member of a record, or of an anonymous one in it.
struct FieldPlace: Hashable {
  var type: Int
  var bitOffset: UInt64
  var bitSize: UInt32
}

extension CodeGenerator {
  // MARK: - Expressions

  /// The type of the C data that the expression gives, where it is known; an index among the image's.
  func cType(_ expression: Expression) -> Int? {
    switch expression.kind {
    case .parenthesized(let inner): cType(inner)
    case .name(let use): variableType(use)
    case .foreign(let name): variableType(name)
    case .call(let callee, let arguments): resultType(callee, arguments)
    case .member(let base, let name): fieldPlace(of: base, name.text)?.type
    case .index(let base, let key):
      if case .string(let literal) = key.kind {
        fieldPlace(of: base, literal.text)?.type
      } else {
        elementType(base)
      }
    case .binary(let operation, let left, _) where operation == .add || operation == .subtract:
      cType(left).flatMap { foreign.types[$0].kind == .pointer ? $0 : nil }
    default: nil
    }
  }

  private func variableType(_ use: NameUse) -> Int? {
    switch bindings.uses[use.id] {
    case .local(let id): variableTypes.local(id)
    case .capture(let index): captured(index).flatMap { variableTypes.local($0) }
    case .global(let index): variableTypes.global(index)
    case .builtin, .library, .none: nil
    }
  }

  /// The declaration that a capture of the function being made leads to.
  func captured(_ capture: Int) -> Int? {
    var index = capture
    for function in open.reversed() {
      switch bindings.captures[function.body.id][index] {
      case .local(let id): return id
      case .capture(let outer): index = outer
      }
    }
    return nil
  }

  private func variableType(_ name: ForeignName) -> Int? {
    guard case .symbol(let symbol)? = foreign.meaning(of: name.name), !symbol.isFunction else {
      return nil
    }
    return symbol.type
  }

  private func resultType(_ callee: Expression, _ arguments: [Expression]) -> Int? {
    if let (symbol, _) = foreignFunction(callee) { return foreign.types[symbol.type].reference }
    guard let builtin = bindings.builtin(callee), let first = arguments.first else { return nil }
    switch UInt32(builtin.number) {
    case KTAP_BUILTIN_FFI_NEW.rawValue, KTAP_BUILTIN_FFI_CAST.rawValue:
      guard case .ctype(let literal) = first.kind else { return nil }
      return foreign.type(literal.text)
    case KTAP_BUILTIN_FFI_GC.rawValue: return cType(first)
    case KTAP_BUILTIN_FFI_ADDRESSOF.rawValue: return cType(first).flatMap(foreign.pointer(to:))
    default: return nil
    }
  }

  private func elementType(_ base: Expression) -> Int? {
    guard let type = cType(base) else { return nil }
    return switch foreign.types[type].kind {
    case .pointer, .array: foreign.types[type].reference
    default: nil
    }
  }

  // MARK: - Fields

  private func fieldPlace(of base: Expression, _ name: String) -> FieldPlace? {
    cType(base).flatMap { foreign.field(of: $0, name) }
  }

  /// The number of the image's field for a member of what `base` gives; nil where it is not known ahead.
  mutating func field(of base: Expression, _ name: String) -> Int? {
    guard let type = cType(base), let place = foreign.field(of: type, name) else { return nil }
    let key = FieldKey(base: type, name: name)
    if let known = fieldIndexes[key] { return known }
    image.fields.append(
      ktap_image_field(
        base: UInt32(type), name: image.intern(name), type: UInt32(place.type),
        bit_size: place.bitSize, bit_offset: place.bitOffset))
    fieldIndexes[key] = image.fields.count - 1
    return image.fields.count - 1
  }

  struct FieldKey: Hashable {
    var base: Int
    var name: String
  }

  // MARK: - Variables

  /// Notes what a variable gets.
  mutating func note(_ type: Int?, for target: Expression) {
    guard case .name(let use) = target.kind else { return }
    switch bindings.uses[use.id] {
    case .local(let id): variableTypes.assign(type, toLocal: id)
    case .capture(let index):
      if let id = captured(index) { variableTypes.assign(type, toLocal: id) }
    case .global(let index): variableTypes.assign(type, toGlobal: index)
    case .builtin, .library, .none: break
    }
  }

  /// Functions of the script among the arguments become callbacks, whose parameters have the types that
  /// the function's type, or the parameter's that is a pointer to one, says.
  mutating func noteCallbacks(_ callee: Expression, _ arguments: [Expression]) {
    if let (symbol, _) = foreignFunction(callee) {
      for (argument, parameter) in zip(arguments, foreign.types[symbol.type].parameters) {
        noteCallback(argument, of: parameter.type)
      }
    } else if let builtin = bindings.builtin(callee), arguments.count == 2,
      UInt32(builtin.number) == KTAP_BUILTIN_FFI_CALLBACK.rawValue,
      case .ctype(let literal) = arguments[0].kind, let type = foreign.type(literal.text)
    {
      noteCallback(arguments[1], of: type)
    }
  }

  private mutating func noteCallback(_ argument: Expression, of type: Int) {
    guard case .function(let body) = argument.kind else { return }
    let isPointer = foreign.types[type].kind == .pointer
    let function = foreign.types[isPointer ? foreign.types[type].reference : type]
    guard function.kind == .function else { return }
    for (declaration, parameter) in zip(body.parameters, function.parameters) {
      variableTypes.assign(parameter.type, toLocal: declaration.id)
    }
  }
}

extension ForeignTable {
  /// The type of pointers to `target`, where the image has it.
  func pointer(to target: Int) -> Int? {
    types.firstIndex { $0.kind == .pointer && $0.reference == target && !$0.has(KTAP_TYPE_CONST) }
  }

  /// The place of a member of a record, or of what a pointer leads to: the first of that name, as the VM
  /// finds it.
  func field(of base: Int, _ name: String) -> FieldPlace? {
    let record = types[base].kind == .pointer ? types[base].reference : base
    guard types[record].isAggregate, !types[record].has(KTAP_TYPE_INCOMPLETE) else { return nil }
    // Depth first; a document that claims more names than a type may have is not believed.
    var pending = [(record: record, member: 0, bitOffset: UInt64(0))]
    var seen = 0
    while var level = pending.popLast() {
      guard level.member < types[level.record].members.count else { continue }
      let member = types[level.record].members[level.member]
      let bitOffset = level.bitOffset &+ member.bitOffset
      level.member += 1
      pending.append(level)
      seen += 1
      guard seen <= 0xffff, pending.count <= 33 else { return nil }
      if member.name == name {
        return FieldPlace(type: member.type, bitOffset: bitOffset, bitSize: member.bitSize)
      }
      if member.name == nil { pending.append((member.type, 0, bitOffset)) }
    }
    return nil
  }
}
