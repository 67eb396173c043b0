// SPDX-License-Identifier: MIT

import KtapImage

/// An identifier where it stands.
struct Name: Hashable, Sendable {
  var text: String
  var range: SourceRange
}

/// A variable that the script makes: `var`, a parameter, a loop's variable. Numbered in the order of
/// the script; the binder's and the code generator's tables are indexed by that number.
struct Declaration: Hashable, Sendable {
  var name: Name
  var id: Int
}

/// A name that is used; numbered like declarations, apart from them.
struct NameUse: Hashable, Sendable {
  var name: Name
  var id: Int
}

/// A name of the kernel's or the host process's.
struct ForeignName: Hashable, Sendable {
  var name: String
  /// `` `name` `` rather than `ffi.C.name`.
  var isToken: Bool
  /// Of the name alone.
  var range: SourceRange
}

enum UnaryOperator: String, Sendable {
  case negate = "-"
  case complement = "~"
  case not = "!"
  case length = "#"
}

enum BinaryOperator: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case remainder = "%"
  case and = "&"
  case or = "|"
  case xor = "^"
  case shiftLeft = "<<"
  case shiftRight = ">>"
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessEqual = "<="
  case greater = ">"
  case greaterEqual = ">="
  case concat = ".."
  case logicalAnd = "&&"
  case logicalOr = "||"

  var isComparison: Bool {
    switch self {
    case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual: true
    default: false
    }
  }

  /// `a op b` is `b op a` for numbers and pointers.
  var isCommutative: Bool { self == .add || self == .multiply || self == .and }

  /// The comparison that says of `b, a` what this one says of `a, b`.
  var mirrored: BinaryOperator {
    switch self {
    case .less: .greater
    case .lessEqual: .greaterEqual
    case .greater: .less
    case .greaterEqual: .lessEqual
    default: self
    }
  }
}

/// An expression, with its place and its height as a tree. The height is bounded by the parser, so
/// that every pass may recurse.
struct Expression: Sendable {
  indirect enum Kind: Sendable {
    case `nil`
    case boolean(Bool)
    case integer(UInt64, isUnsigned: Bool)
    case string(StringLiteral)
    case name(NameUse)
    /// A function of the name space `ffi`; the others are names until the binder has seen them.
    case ffi(Builtin)
    case foreign(ForeignName)
    /// The literal type that a function of `ffi` is given.
    case ctype(StringLiteral)
    /// `ffi.cdef("…")`: nil when it runs.
    case cdef(StringLiteral)
    case member(Expression, Name)
    case index(Expression, Expression)
    case call(Expression, [Expression])
    /// `e:name(…)`
    case methodCall(Expression, Name, [Expression])
    /// `...`
    case varargs
    /// The several keys of `t[a, b]`: only as an index.
    case keys([Expression])
    /// `$name`: only in an event block.
    case eventVariable
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    /// A chain of `..`, which associates to the right and is done at once.
    case concat([Expression])
    case conditional(Expression, Expression, Expression)
    case table([TableItem])
    case function(FunctionBody)
    /// `(e)`: exactly one value, also of a call.
    case parenthesized(Expression)
    /// Stands where an error was reported.
    case invalid
  }

  var kind: Kind
  var range: SourceRange
  var height: Int

  /// A literal string, which as an index names a field.
  var isString: Bool {
    if case .string = kind { true } else { false }
  }

  /// Evaluated at the end of a list, it gives as many values as there are.
  var isMultiple: Bool {
    switch kind {
    case .call, .methodCall, .varargs: true
    default: false
    }
  }
}

enum TableItem: Sendable {
  case positional(Expression)
  case named(Name, Expression)
  case keyed(Expression, Expression)
}

struct FunctionBody: Sendable {
  /// Numbered in the order of the script; 0 is the main chunk. The index in the image.
  var id: Int
  /// "f", "t.f", "(anonymous)"
  var name: String
  var parameters: [Declaration]
  /// Behind its parameters stands `...`.
  var isVariadic: Bool
  var body: [Statement]
  /// From the word `function` to the closing brace.
  var range: SourceRange
}

struct Statement: Sendable {
  indirect enum Kind: Sendable {
    case variables([Declaration], [Expression])
    case assign([Expression], [Expression])
    case compound(BinaryOperator, Expression, Expression)
    case expression(Expression)
    case function(Expression, FunctionBody)
    case conditional([Branch], otherwise: [Statement]?)
    case whileLoop(Expression, [Statement])
    case doLoop([Statement], Expression, untilTrue: Bool)
    case numericFor(NumericFor)
    case cFor(CFor)
    case genericFor([Declaration], [Expression], [Statement])
    case breakLoop
    case continueLoop
    case returnValues([Expression])
    case block([Statement])
    case event(Event)
  }

  /// `trace sched:* { … }`, `tick-1s { … }`: parsed and checked, and not run yet.
  struct Event: Sendable {
    /// "trace", "trace_end", "tick-1s"
    var word: Name
    /// What stands behind the word; empty where nothing does.
    var description: String
    var body: FunctionBody
  }

  struct Branch: Sendable {
    var condition: Expression
    var body: [Statement]
  }

  struct NumericFor: Sendable {
    var variable: Declaration
    var first: Expression
    var last: Expression
    var step: Expression?
    var body: [Statement]
  }

  /// C's `for (initial; condition; step)`.
  struct CFor: Sendable {
    var initial: [Statement]
    var condition: Expression?
    var step: [Statement]
    var body: [Statement]
  }

  var kind: Kind
  var range: SourceRange

  var isLoop: Bool {
    switch kind {
    case .whileLoop, .doLoop, .numericFor, .cFor, .genericFor: true
    default: false
    }
  }
}

/// A whole script, parsed.
struct SyntaxTree: Sendable {
  var script: Script
  var main: FunctionBody
  /// How many ``Declaration``s, ``NameUse``s and ``FunctionBody``s there are.
  var declarationCount: Int
  var useCount: Int
  var functionCount: Int
}

extension Builtin {
  private static let typeFunctions: Set = [
    "ffi.alignof", "ffi.callback", "ffi.cast", "ffi.container_of", "ffi.hlist", "ffi.istype",
    "ffi.list", "ffi.metatype", "ffi.new", "ffi.offsetof", "ffi.rbtree", "ffi.sizeof", "ffi.typeof",
    "ffi.xarray",
  ]

  /// Its first argument is, or may be, a type written as a string.
  var takesType: Bool { Self.typeFunctions.contains(name) }

  private static let memberFunctions: Set = [
    "ffi.container_of", "ffi.hlist", "ffi.list", "ffi.offsetof", "ffi.rbtree",
  ]

  /// Its last argument names a member of its first, a type.
  var takesMember: Bool { Self.memberFunctions.contains(name) }
}
