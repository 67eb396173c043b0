// SPDX-License-Identifier: MIT

import Diagnostics

/// A symbol of a running kernel, as a line of /proc/kallsyms or System.map says it.
public struct KernelSymbol: Hashable, Sendable {
  public var name: String
  public var address: UInt64
  /// As nm(1) prints it: `T` text, `D` data, `A` absolute, …; lower case: local.
  public var letter: UInt8
  /// nil: of the kernel proper.
  public var module: String?

  public init(name: String, address: UInt64, letter: UInt8, module: String? = nil) {
    self.name = name
    self.address = address
    self.letter = letter
    self.module = module
  }

  /// Whether it is code. (`w`, `W` are weak functions; weak objects are `v`, `V`.)
  public var isText: Bool { "TtWw".utf8.contains(letter) }
}

/// Where a kernel's symbols are listed, each under a number.
protocol KernelSymbolList: AnyObject {
  /// What messages call it.
  var name: String { get }
  /// One more than the highest number.
  var numberCount: Int { get }
  /// The names of modules that have symbols in it.
  var modules: [String] { get }
  /// The numbers in the order of their addresses, where somebody has sorted them already.
  var byAddress: Words? { get }

  /// Not all numbers need be in use.
  func isListed(_ number: Int) -> Bool
  func address(_ number: Int) -> UInt64
  func nameBytes(_ number: Int) -> UnsafeBufferPointer<UInt8>
  func symbol(_ number: Int) -> KernelSymbol
  /// Hands over the numbers of all names that fit a pattern, ascending, and of some that do not.
  func forEachNumber(fitting pattern: NamePattern, _ body: (Int) -> Void)
  /// The next higher address that a symbol has; nil above the last one.
  func nextAddress(above address: UInt64) -> UInt64?
  /// The numbers of all names of this hash (``NameHash``), and some others.
  func candidates(hash: UInt32) -> NameIndex.Candidates
}

extension KernelSymbolList {
  var byAddress: Words? { nil }

  func nextAddress(above address: UInt64) -> UInt64? {
    var next: UInt64?
    for number in 0..<numberCount {
      let other = self.address(number)
      if other > address, other < next ?? .max, isListed(number) { next = other }
    }
    return next
  }

  func forEachNumber(fitting pattern: NamePattern, _ body: (Int) -> Void) {
    for number in 0..<numberCount where pattern.lengths.contains(nameBytes(number).count) {
      body(number)
    }
  }
}

/// The symbols of a kernel: /proc/kallsyms, a System.map, or the symbol table of its ELF file.
///
/// kallsyms tells no sizes: the distance to the next higher address is an upper bound.
public final class KernelSymbols {
  private let list: any KernelSymbolList
  /// Every address once, ascending; made for those who ask often.
  private lazy var addresses: ContiguousArray<UInt64> = sortedAddresses()
  private var gapsAsked = 0
  /// So often, looking at every address costs less than sorting them.
  private static let fewGaps = 32

  /// Parses `storage`.
  ///
  /// Throws `bad-kallsyms` with line and column for a line that is none, `kallsyms-hidden` if the
  /// kernel shows no addresses to this user, `system-map-stub` for Debian's stand-in.
  public init(_ storage: FileBytes) throws(SourceError) { list = try Kallsyms(storage) }

  /// The symbols of an uncompressed kernel's own table, in the place that it was linked for.
  public init(_ table: ELFSymbolTable) { list = table }

  /// What messages call the list.
  public var name: String { list.name }

  public var count: Int { numbers.count }

  private var numbers: [Int] { (0..<list.numberCount).filter(list.isListed) }

  /// The symbols called `name`, in the order of the file.
  public func symbols(named name: String) -> [KernelSymbol] {
    var name = name
    return name.withUTF8 { wanted in
      Array(list.candidates(hash: NameHash.of(wanted)))
        .filter { list.isListed($0) && list.nameBytes($0).elementsEqual(wanted) }
        .reversed().map(list.symbol)
    }
  }

  /// Whether there is a symbol of `module`.
  public func lists(module: String) -> Bool { list.modules.contains(module) }

  /// The address of the kernel's own symbol `name`.
  public func address(of name: String) -> UInt64? {
    symbols(named: name).first { $0.module == nil }?.address
  }

  /// Bytes up to the next higher address that has a symbol; nil above the last one.
  public func gap(above address: UInt64) -> UInt64? {
    let next: UInt64?
    if let order = list.byAddress {
      next = Self.firstAbove(address, order.count) { list.address(Int(order[$0])) }
    } else if gapsAsked < Self.fewGaps {
      gapsAsked += 1
      next = list.nextAddress(above: address)
    } else {
      next = Self.firstAbove(address, addresses.count) { addresses[$0] }
    }
    return next.map { $0 - address }
  }

  /// Of `count` ascending addresses, the first that is higher.
  private static func firstAbove(
    _ address: UInt64, _ count: Int, _ addressOf: (Int) -> UInt64
  ) -> UInt64? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if addressOf(middle) <= address { low = middle + 1 } else { high = middle }
    }
    return low < count ? addressOf(low) : nil
  }

  private func sortedAddresses() -> ContiguousArray<UInt64> {
    var last: UInt64?
    return ContiguousArray(
      numbers.map(list.address).sorted().filter { address in
        defer { last = address }
        return address != last
      })
  }

  /// Every symbol whose name's bytes satisfy `predicate`, in the order of the file.
  public func symbols(where predicate: (UnsafeBufferPointer<UInt8>) -> Bool) -> [KernelSymbol] {
    symbols(fitting: .any, where: predicate)
  }

  /// Every symbol whose name may be near to what `filter` was made of, in the order of the file.
  public func symbols(near filter: NearestName.Filter) -> [KernelSymbol] {
    symbols(fitting: .near(filter), where: filter.mayBeNear)
  }

  /// The clones of a function that compilers make: `name.isra.0`, `name.constprop.0`, …
  public func clones(of name: String) -> [KernelSymbol] {
    let prefix = Array((name + ".").utf8)
    return symbols(
      fitting: .dotted(after: prefix),
      where: { $0.count > prefix.count && $0.starts(with: prefix) })
  }

  private func symbols(
    fitting pattern: NamePattern, where predicate: (UnsafeBufferPointer<UInt8>) -> Bool
  ) -> [KernelSymbol] {
    var found: [KernelSymbol] = []
    list.forEachNumber(fitting: pattern) { number in
      if predicate(list.nameBytes(number)) && list.isListed(number) {
        found.append(list.symbol(number))
      }
    }
    return found
  }

  /// Whether `other` may be a list of the same kernel's symbols, loaded elsewhere perhaps: 64 of the
  /// functions are equally far from `_stext`.
  public func hasSameOffsets(as other: KernelSymbols) -> Bool {
    guard let mine = address(of: "_stext"), let its = other.address(of: "_stext") else {
      return false
    }
    var left = 64
    let numbers = numbers
    for place in stride(from: 0, to: numbers.count, by: max(1, numbers.count / 256)) {
      let symbol = list.symbol(numbers[place])
      guard symbol.isText, symbol.module == nil, symbols(named: symbol.name).count == 1 else {
        continue
      }
      guard let address = other.address(of: symbol.name),
        address &- its == symbol.address &- mine
      else { return false }
      left -= 1
      if left == 0 { break }
    }
    return true
  }
}
