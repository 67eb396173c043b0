// SPDX-License-Identifier: MIT

import KtapImage

/// What a name means where it is used.
enum Binding: Hashable, Sendable {
  /// A variable of the same function, by its declaration.
  case local(Int)
  /// A variable of an enclosing function: the capture of this number.
  case capture(Int)
  case global(Int)
  case builtin(Builtin)
  /// The name of a library, whose member is this function.
  case library(Builtin)
  /// An error was reported.
  case none
}

/// What a closure takes along when it is made, from the function that makes it.
enum CaptureSource: Hashable, Sendable {
  case local(Int)
  case capture(Int)
}

/// What a function can assign to without capturing it.
enum Variable: Hashable, Sendable {
  /// By ``Declaration/id``.
  case local(Int)
  /// By its place in ``Bindings/globals``.
  case global(Int)
}

/// The meaning of every name of a script: what ``Binder`` finds out.
struct Bindings: Sendable {
  /// By ``NameUse/id``.
  var uses: [Binding]
  /// By ``Declaration/id``: some closure uses the variable, so that it may outlive its block.
  var isCaptured: [Bool]
  /// By ``Declaration/id``: some statement gives the variable another value than it began with.
  var isAssigned: [Bool]
  /// By ``FunctionBody/id``.
  var captures: [[CaptureSource]]
  /// In the order of their first mention.
  var globals: [String] = []

  /// The variable that an expression names.
  func variable(_ expression: Expression) -> Variable? {
    guard case .name(let use) = expression.kind else { return nil }
    switch uses[use.id] {
    case .local(let id): return .local(id)
    case .global(let index): return .global(index)
    case .capture, .builtin, .library, .none: return nil
    }
  }

  /// The builtin function that an expression names.
  func builtin(_ expression: Expression) -> Builtin? {
    switch expression.kind {
    case .ffi(let builtin): return builtin
    case .name(let use):
      if case .builtin(let builtin) = uses[use.id] { return builtin }
    case .member(let base, _):
      if case .name(let use) = base.kind, case .library(let builtin) = uses[use.id] {
        return builtin
      }
    default: break
    }
    return nil
  }

  init(_ tree: SyntaxTree) {
    uses = Array(repeating: .none, count: tree.useCount)
    isCaptured = Array(repeating: false, count: tree.declarationCount)
    isAssigned = Array(repeating: false, count: tree.declarationCount)
    captures = Array(repeating: [], count: tree.functionCount)
  }
}
