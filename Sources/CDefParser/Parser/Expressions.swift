// SPDX-License-Identifier: MIT

import TypeIR

/// An expression that has been read: its type, and its value if it is a constant (C11 6.5, 6.6).
struct Operand {
  var type: TypeID
  /// Of an integer or pointer, extended to 64 bits; nil where it is not constant.
  var value: UInt64?
  /// Of an lvalue: the constant address of the object, as in `&((T *)0)->member`.
  var address: UInt64?
  /// A bit-field has its own width; what it is promoted to depends on it (C11 6.3.1.1p2).
  var bitFieldSize: UInt32?
  var isStringLiteral = false
  /// Of a floating constant: a cast makes it an integer constant (C11 6.6p6).
  var floatingValue: Double?

  init(_ type: TypeID, _ value: UInt64? = nil) {
    self.type = type
    self.value = value
  }
}

/// Expressions, as far as declarations need them: every operator is typed and, where its operands
/// are constant, computed. There is no tree: each production returns what it is worth.
extension Parser {
  // MARK: Entry points

  /// constant-expression: conditional-expression, with an integer value.
  mutating func constantExpression() throws(ParseFailure) -> IntegerValue {
    let operand = try constantOperand()
    return integerValue(of: operand)
  }

  func integerValue(of operand: Operand) -> IntegerValue {
    IntegerValue(bits: operand.value ?? 0, isSigned: types.integer(operand.type)?.isSigned ?? true)
  }

  /// A constant-expression with its type.
  mutating func constantOperand() throws(ParseFailure) -> Operand {
    let start = token
    let operand = try conditionalExpression()
    let place = rangeSince(start)
    guard types.integer(operand.type) != nil, operand.value != nil else {
      throw reporter.failure("not-constant", "an integer constant expression expected", at: place)
    }
    return operand
  }

  /// Runs a production. If it is not evaluated (C11 6.5.3.4p2), it divides by zero for free.
  mutating func evaluate(
    if isEvaluated: Bool, _ production: (inout Parser) throws(ParseFailure) -> Operand
  ) throws(ParseFailure) -> Operand {
    let before = isUnevaluated
    isUnevaluated = before || !isEvaluated
    defer { isUnevaluated = before }
    return try production(&self)
  }

  /// expression: assignment-expression { `,` assignment-expression }
  mutating func expression(isEvaluated: Bool = true) throws(ParseFailure) -> Operand {
    var operand = try assignmentExpression(isEvaluated: isEvaluated)
    while accept(.comma) {
      operand = Operand(decayedValueType(try assignmentExpression(isEvaluated: isEvaluated)))
    }
    return operand
  }

  /// assignment-expression: conditional-expression
  ///     | unary-expression assignment-operator assignment-expression
  mutating func assignmentExpression(isEvaluated: Bool = true) throws(ParseFailure) -> Operand {
    let left = try evaluate(if: isEvaluated) { (parser) throws(ParseFailure) in
      try parser.conditionalExpression()
    }
    guard accept(.assignment) else { return left }
    try enter()
    defer { leave() }
    _ = try assignmentExpression()
    return Operand(unqualified(left.type))
  }

  // MARK: Operators with two and three operands

  /// conditional-expression: logical-OR-expression
  ///     [ `?` expression? `:` conditional-expression ]
  mutating func conditionalExpression() throws(ParseFailure) -> Operand {
    let condition = try binaryExpression(0)
    guard token.kind == .question else { return condition }
    try enter()
    defer { leave() }
    advance()
    let truth = condition.value.map { $0 != 0 }
    var left = condition
    if token.kind != .colon {  // GNU: `a ?: b`
      left = try expression(isEvaluated: truth != false)
    }
    try expect(.colon, ":", "in a conditional expression")
    let right = try evaluate(if: truth != true) { (parser) throws(ParseFailure) in
      try parser.conditionalExpression()
    }
    let chosen = truth.map { $0 ? left : right }
    guard let common = commonType(left, right) else {
      return Operand(conditionalType(left, right), chosen?.value)
    }
    return Operand(common.type, chosen?.value.map(common.integer.wrap))
  }

  /// C11 6.5.15p5, p6, for operands that are not both integers: beside a null pointer constant the
  /// other pointer's type, beside a pointer to void that.
  private mutating func conditionalType(_ left: Operand, _ right: Operand) -> TypeID {
    if let floating = commonFloatingType(left, right) { return floating }
    let (a, b) = (decayedValueType(left), decayedValueType(right))
    let isPointer = { [types] in types.pointerTarget($0) != nil }
    let isVoidPointer = { [types] in types.pointerTarget($0).map(types.isVoid) ?? false }
    let isNull = { [types] (operand: Operand, type: TypeID) in
      operand.value == 0 && (types.integer(type) != nil || types.pointerTarget(type) == .void)
    }
    if isPointer(a), isNull(right, b) { return a }
    if isPointer(b), isNull(left, a) { return b }
    return isVoidPointer(b) ? b : a
  }

  /// The precedence of a binary operator: 0 is lowest (C11 6.5.5 to 6.5.14).
  private func precedence(_ kind: TokenKind) -> Int? {
    switch kind {
    case .pipePipe: 0
    case .ampersandAmpersand: 1
    case .pipe: 2
    case .caret: 3
    case .ampersand: 4
    case .equalEqual, .exclamationEqual: 5
    case .less, .greater, .lessEqual, .greaterEqual: 6
    case .lessLess, .greaterGreater: 7
    case .plus, .minus: 8
    case .star, .slash, .percent: 9
    default: nil
    }
  }

  /// The productions from multiplicative-expression to logical-OR-expression, each of which is
  /// "the next higher one { operator the next higher one }", by precedence climbing.
  private mutating func binaryExpression(_ least: Int) throws(ParseFailure) -> Operand {
    var left = try castExpression()
    while let precedence = precedence(token.kind), precedence >= least {
      let operation = token
      advance()
      // The right side of && and || counts only if the left does not decide.
      let isDecided =
        switch operation.kind {
        case .ampersandAmpersand: left.value == 0
        case .pipePipe: left.value.map { $0 != 0 } ?? false
        default: false
        }
      let right = try evaluate(if: !isDecided) { (parser) throws(ParseFailure) in
        try parser.binaryExpression(precedence + 1)
      }
      left = try binary(operation.kind, left, right, at: operation.range)
    }
    return left
  }

  mutating func binary(
    _ operation: TokenKind, _ left: Operand, _ right: Operand, at place: Range<Int>
  ) throws(ParseFailure) -> Operand {
    switch operation {
    case .ampersandAmpersand:
      let isFalse = left.value == 0 || left.value != nil && right.value == 0
      let value: UInt64? = isFalse ? 0 : left.value != nil && right.value != nil ? 1 : nil
      return Operand(types.basic(.int), value)
    case .pipePipe:
      let isTrue = left.value.map { $0 != 0 } ?? false
      let value: UInt64? =
        isTrue ? 1 : left.value != nil ? right.value.map { $0 != 0 ? 1 : 0 } : nil
      return Operand(types.basic(.int), value)
    case .lessLess, .greaterGreater: return shift(operation, left, right)
    case .equalEqual, .exclamationEqual, .less, .greater, .lessEqual, .greaterEqual:
      return comparison(operation, left, right)
    default: break
    }
    if operation == .plus || operation == .minus,
      let result = pointerArithmetic(operation, left, right)
    {
      return result
    }
    if let (vector, _, _) = lanes(left) ?? lanes(right) { return Operand(vector) }
    guard let common = commonType(left, right) else {
      return Operand(commonFloatingType(left, right) ?? decayedValueType(left))
    }
    guard let a = left.value, let b = right.value else { return Operand(common.type) }
    let value = try arithmetic(
      operation, common.integer.wrap(a), common.integer.wrap(b), common.integer, at: place)
    return Operand(common.type, value.map(common.integer.wrap))
  }

  /// nil for a division by zero that does not count, and for what 64 bits cannot hold.
  private func arithmetic(
    _ operation: TokenKind, _ a: UInt64, _ b: UInt64, _ type: IntegerType, at place: Range<Int>
  ) throws(ParseFailure) -> UInt64? {
    switch operation {
    case .plus: return a &+ b
    case .minus: return a &- b
    case .star: return a &* b
    case .ampersand: return a & b
    case .pipe: return a | b
    case .caret: return a ^ b
    case .slash, .percent:
      guard b != 0 else {
        if isUnevaluated { return nil }
        throw reporter.failure("division-by-zero", "division by zero", at: place)
      }
      if type.isSigned {
        let (x, y) = (Int64(bitPattern: a), Int64(bitPattern: b))
        let result =
          operation == .slash
          ? x.dividedReportingOverflow(by: y) : x.remainderReportingOverflow(dividingBy: y)
        return UInt64(bitPattern: result.partialValue)
      }
      return operation == .slash ? a / b : a % b
    default: return nil
    }
  }

  /// C11 6.5.7: the type is the promoted left operand's.
  private mutating func shift(_ kind: TokenKind, _ left: Operand, _ right: Operand) -> Operand {
    guard let (type, integer) = promoted(left) else { return Operand(left.type) }
    guard let value = left.value, let count = right.value, count < integer.bits else {
      return Operand(type)
    }
    let wrapped = integer.wrap(value)
    let result: UInt64
    if kind == .lessLess {
      result = wrapped << count
    } else if integer.isSigned {
      result = UInt64(bitPattern: Int64(bitPattern: wrapped) >> Int64(count))
    } else {
      result = wrapped >> count
    }
    return Operand(type, integer.wrap(result))
  }

  /// C11 6.5.8, 6.5.9: the result is an int; of vectors, a vector of integers of their size.
  private mutating func comparison(
    _ kind: TokenKind, _ left: Operand, _ right: Operand
  ) -> Operand {
    if let (_, element, count) = lanes(left) ?? lanes(right) {
      let integers: [UInt64: BasicType] = [1: .signedChar, 2: .short, 4: .int]
      let integer = types.table.size(of: element).flatMap { integers[$0] } ?? .long
      return Operand(types.vector(of: types.basic(integer), count: count))
    }
    let int = types.basic(.int)
    guard let x = left.value, let y = right.value else { return Operand(int) }
    var (a, b) = (x, y)
    var isSigned = false
    if let common = commonType(left, right) {
      (a, b) = (common.integer.wrap(a), common.integer.wrap(b))
      isSigned = common.integer.isSigned
    }
    let isLess = isSigned ? Int64(bitPattern: a) < Int64(bitPattern: b) : a < b
    let holds =
      switch kind {
      case .equalEqual: a == b
      case .exclamationEqual: a != b
      case .less: isLess
      case .lessEqual: isLess || a == b
      case .greater: !isLess && a != b
      default: !isLess
      }
    return Operand(int, holds ? 1 : 0)
  }

  /// An operand's type, where that is a vector, and of what it is one.
  private func lanes(_ operand: Operand) -> (type: TypeID, element: TypeID, count: UInt64)? {
    guard operand.value == nil, case .vector(let element, let count) = types.resolved(operand.type)
    else { return nil }
    return (operand.type, element, count)
  }

  /// Pointer plus or minus integer, and the difference of two pointers (C11 6.5.6).
  private mutating func pointerArithmetic(
    _ kind: TokenKind, _ left: Operand, _ right: Operand
  ) -> Operand? {
    let leftTarget = types.pointerTarget(left.type)
    let rightTarget = types.pointerTarget(right.type)
    if let leftTarget, rightTarget != nil {
      guard kind == .minus else { return nil }
      var result = Operand(types.basic(.long))
      if let a = pointerValue(left), let b = pointerValue(right), let size = elementSize(leftTarget)
      {
        result.value = UInt64(bitPattern: Int64(bitPattern: a &- b) / Int64(size))
      }
      return result
    }
    guard let target = leftTarget ?? rightTarget else { return nil }
    let pointer = leftTarget != nil ? left : right
    let index = leftTarget != nil ? right : left
    var result = Operand(types.pointer(to: target))
    if let base = pointerValue(pointer), let offset = index.value, let size = elementSize(target) {
      result.value = kind == .plus ? base &+ offset &* size : base &- offset &* size
    }
    return result
  }

  /// GNU: void and functions count one byte each. nil where the size is not known, or is 0.
  private func elementSize(_ type: TypeID) -> UInt64? {
    switch types.resolved(type) {
    case nil, .function: return 1
    default: return types.table.size(of: type).flatMap { $0 == 0 || $0 > Int64.max ? nil : $0 }
    }
  }

  /// The value of a pointer, or the address that an array decays to.
  func pointerValue(_ operand: Operand) -> UInt64? {
    guard case .array = types.resolved(operand.type) else { return operand.value }
    return operand.address
  }

  // MARK: Conversions

  /// The type of an operand's value: arrays and functions become pointers (C11 6.3.2.1).
  mutating func decayedValueType(_ operand: Operand) -> TypeID {
    switch types.resolved(operand.type) {
    case .array(let element, _): return types.pointer(to: element)
    case .function: return types.pointer(to: operand.type)
    default: return unqualified(operand.type)
    }
  }

  /// Integer promotion (C11 6.3.1.1p2); nil for other types.
  mutating func promoted(_ operand: Operand) -> (TypeID, IntegerType)? {
    guard let integer = types.integer(operand.type) else { return nil }
    let bits = operand.bitFieldSize.map(UInt64.init) ?? (integer.isBool ? 1 : integer.bits)
    let fitsInt = bits < 32 || bits == 32 && integer.isSigned
    if integer.rank < 1 || operand.bitFieldSize != nil && bits <= 32 {
      let basic: BasicType = fitsInt ? .int : .unsignedInt
      let type = types.basic(basic)
      return (type, IntegerType(size: 4, isSigned: fitsInt, rank: 1))
    }
    guard types.basicType(types.underlying(operand.type)) == nil else {
      return (unqualified(operand.type), integer)
    }
    // An enumeration: the integer type of its size and sign.
    let basic: BasicType =
      integer.size > 4
      ? (integer.isSigned ? .long : .unsignedLong) : (integer.isSigned ? .int : .unsignedInt)
    return (types.basic(basic), integer)
  }

  /// The usual arithmetic conversions (C11 6.3.1.8) of two integers; nil where one is none.
  private mutating func commonType(
    _ left: Operand, _ right: Operand
  ) -> (type: TypeID, integer: IntegerType)? {
    guard let (leftType, a) = promoted(left), let (rightType, b) = promoted(right) else {
      return nil
    }
    if a.isSigned == b.isSigned { return a.rank >= b.rank ? (leftType, a) : (rightType, b) }
    let (signed, unsigned) = a.isSigned ? (a, b) : (b, a)
    let (signedType, unsignedType) = a.isSigned ? (leftType, rightType) : (rightType, leftType)
    if unsigned.rank >= signed.rank { return (unsignedType, unsigned) }
    if signed.size > unsigned.size { return (signedType, signed) }
    var both = signed
    both.isSigned = false
    let basic: BasicType = signed.rank == 3 ? .unsignedLongLong : .unsignedLong
    return (types.basic(basic), both)
  }

  /// The usual arithmetic conversions where one operand is a floating or complex number; nil where
  /// none is.
  private mutating func commonFloatingType(_ left: Operand, _ right: Operand) -> TypeID? {
    let basics = [left, right].compactMap { types.basicType(types.table.unqualified($0.type)) }
    guard let widest = basics.compactMap(\.realFloating).max(by: { $0.rawValue < $1.rawValue })
    else { return nil }
    return types.basic(basics.contains(where: \.isComplex) ? widest.complex ?? widest : widest)
  }

  /// The default argument promotion of what is no integer (C11 6.5.2.2p6).
  mutating func promotedFloat(_ type: TypeID) -> TypeID {
    types.basicType(types.table.unqualified(type)) == .float ? types.basic(.double) : type
  }

  /// A cast (C11 6.5.4): integers are cut off to the type's size.
  mutating func cast(_ operand: Operand, to type: TypeID) -> Operand {
    var result = Operand(unqualified(type))
    if let integer = types.integer(type) {
      guard integer.size <= 8 else { return result }
      if let value = operand.floatingValue {
        result.value = Int64(exactly: value.rounded(.towardZero)).map { UInt64(bitPattern: $0) }
      } else {
        result.value = pointerValue(operand)
      }
      result.value = result.value.map(integer.wrap)
    } else if case .pointer = types.resolved(type) {
      result.value = pointerValue(operand)
    }
    return result
  }

  // MARK: Sizes

  /// "The size of … is needed here", for a type that only the kernel may know.
  mutating func unknownSize(_ type: TypeID, at place: Range<Int>) -> ParseFailure {
    if let name = types.pendingName(type), failedNames.contains(preprocessor.names.intern(name)) {
      return reporter.consequence()
    }
    return reporter.failure(
      "unknown-size",
      "the size of '\(types.table.spelling(type))' is needed here, and nothing here defines it",
      at: place)
  }

  /// `sizeof` (C11 6.5.3.4); GNU: void and functions have 1 byte.
  mutating func size(of type: TypeID, at place: Range<Int>) throws(ParseFailure) -> UInt64 {
    if let size = types.table.size(of: type) { return size }
    switch types.resolved(type) {
    case nil, .function: return 1
    default: break
    }
    if types.isPending(type) { throw unknownSize(type, at: place) }
    throw reporter.failure(
      "incomplete-type", "'\(types.table.spelling(type))' has no size", at: place)
  }

  mutating func alignment(of type: TypeID, at place: Range<Int>) throws(ParseFailure) -> UInt64 {
    if let align = types.table.align(of: type) { return align }
    if types.isPending(type) { throw unknownSize(type, at: place) }
    return 1
  }
}
