// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// Whether a function may sleep, as far as the direct calls in the kernel's code tell.
///
/// A call or jump counts if its target is exactly where a function starts: then it is one, and not
/// bytes that look like one. (Of all addresses that a displacement can reach, one in some 70,000 is a
/// function's start.) Whether the path is ever taken, nobody knows: an allocation sleeps unless its
/// flags forbid it.
struct SleepAnalysis {
  enum Outcome: Equatable {
    /// The shortest chain of calls, from the function to what sleeps.
    case sleeps([String])
    /// Everything that it reaches was looked at.
    case doesNot
    /// Nothing that it reaches directly sleeps; but it calls what only pointers know.
    case notKnown

    var mark: Mark {
      switch self {
      case .sleeps: .sleeps
      case .doesNot: .doesNot
      case .notKnown: .notKnown
      }
    }
  }

  /// Made when it is first asked.
  final class Lazily {
    private let table: ELFSymbolTable
    private(set) lazy var analysis = SleepAnalysis(table)

    init(_ table: ELFSymbolTable) { self.table = table }
  }

  private let table: ELFSymbolTable
  private let names: NameSets
  /// Functions looked into, for the sake of memory and time: the kernel has some 60,000.
  private static let limit = 100_000

  init(_ table: ELFSymbolTable) {
    self.table = table
    names = NameSets(table)
  }

  /// What sleeps by itself, or says so (`might_sleep`).
  static let sleeping: Set<String> = [
    "__cond_resched", "__might_fault", "__might_resched", "__might_sleep", "__SCT__cond_resched",
    "__SCT__might_resched", "down", "down_interruptible", "down_killable", "down_read",
    "down_read_interruptible", "down_read_killable", "down_timeout", "down_write",
    "down_write_killable", "io_schedule", "io_schedule_timeout", "msleep", "msleep_interruptible",
    "mutex_lock", "mutex_lock_interruptible", "mutex_lock_io", "mutex_lock_killable",
    "rt_mutex_lock", "schedule", "schedule_hrtimeout_range", "schedule_idle",
    "schedule_preempt_disabled", "schedule_timeout", "synchronize_rcu", "synchronize_srcu",
    "usleep_range_state", "wait_for_completion", "wait_for_completion_interruptible",
    "wait_for_completion_killable", "wait_for_completion_timeout", "ww_mutex_lock", "yield",
  ]

  /// What may be called anywhere, whatever it does inside: it knows where it is, or does not return.
  static let notFollowed: Set<String> = [
    "__fortify_report", "__stack_chk_fail", "__warn", "__warn_printk", "_dev_printk", "_printk",
    "_printk_deferred", "do_exit", "dump_stack", "fortify_panic", "make_task_dead", "panic",
    "preempt_schedule", "preempt_schedule_notrace", "preempt_schedule_thunk",
    "preempt_schedule_notrace_thunk", "refcount_warn_saturate", "vprintk", "warn_slowpath_fmt",
    "__SCT__preempt_schedule", "__SCT__preempt_schedule_notrace",
  ]

  /// The functions of the lists above, by number.
  private struct NameSets {
    var sleeping: Set<Int> = []
    var notFollowed: Set<Int> = []
    /// Retpolines, which are calls by a pointer that the processor shall not guess; static calls.
    var indirect: Set<Int> = []

    init(_ table: ELFSymbolTable) {
      func numbers(_ names: Set<String>) -> Set<Int> {
        Set(
          names.flatMap { table.symbols(named: $0) }.filter(\.isFunction).compactMap {
            table.functionNumber(startingAt: $0.value)
          })
      }
      sleeping = numbers(SleepAnalysis.sleeping)
      notFollowed = numbers(SleepAnalysis.notFollowed)
      for number in table.functionNumbers
      where table.functionName(number, hasPrefix: "__x86_indirect_")
        || table.functionName(number, hasPrefix: "__SCT__")
      {
        indirect.insert(number)
      }
    }
  }

  private enum Role { case sleeps, callsPointers, isNotFollowed, isFollowed }

  private func role(_ callee: Int) -> Role {
    if names.sleeping.contains(callee) { return .sleeps }
    if names.notFollowed.contains(callee) { return .isNotFollowed }
    return names.indirect.contains(callee) ? .callsPointers : .isFollowed
  }

  // MARK: One function

  /// A breadth-first walk: the first that sleeps is the nearest. `address`: of the function, as the
  /// table has it; nil if there is no function there.
  func outcome(ofFunctionAt address: UInt64) -> Outcome? {
    guard let start = table.functionNumber(startingAt: address) else { return nil }
    if names.sleeping.contains(start) { return .sleeps([table.functionName(start)]) }
    var callers: [Int: Int] = [start: start]
    var queue = [start]
    var next = 0
    var callsPointers = false
    while next < queue.count, next < Self.limit {
      let caller = queue[next]
      next += 1
      for callee in callees(of: caller, &callsPointers) where callers[callee] == nil {
        switch role(callee) {
        case .sleeps:
          callers[callee] = caller
          return .sleeps(chain(to: callee, callers))
        case .callsPointers: callsPointers = true
        case .isNotFollowed: break
        case .isFollowed:
          callers[callee] = caller
          queue.append(callee)
        }
      }
    }
    return callsPointers || next < queue.count ? .notKnown : .doesNot
  }

  private func chain(to callee: Int, _ callers: [Int: Int]) -> [String] {
    var chain = [callee]
    while let last = chain.last, let caller = callers[last], caller != last { chain.append(caller) }
    return chain.reversed().map(table.functionName)
  }

  // MARK: All functions

  /// What ``outcome(ofFunctionAt:)`` says of a function, without the chain: one byte to keep.
  enum Mark: UInt8 { case none, sleeps, doesNot, notKnown }

  /// By number of the table. Each function's code is looked at once; then "sleeps" and "calls by
  /// pointers" spread from callees to callers.
  func marks() -> [UInt8] {
    var marks = [UInt8](repeating: Mark.none.rawValue, count: table.count)
    let functions = table.functionNumbers.filter {
      table.functionNumber(startingAt: table.functionAddress($0)) == $0
    }
    var callers = CallerLists(count: table.count)
    var pointerCallers: [Int] = []
    for caller in functions {
      marks[caller] = Mark.doesNot.rawValue
      var callsPointers = false
      for callee in callees(of: caller, &callsPointers) {
        switch role(callee) {
        case .sleeps, .isFollowed: callers.add(caller, to: callee)
        case .callsPointers: callsPointers = true
        case .isNotFollowed: break
        }
      }
      if callsPointers { pointerCallers.append(caller) }
    }
    spread(.sleeps, from: Array(names.sleeping), callers, &marks)
    spread(.notKnown, from: pointerCallers, callers, &marks)
    // Other names of the same code.
    for number in table.functionNumbers where marks[number] == Mark.none.rawValue {
      guard let same = table.functionNumber(startingAt: table.functionAddress(number)) else {
        continue
      }
      marks[number] = marks[same]
    }
    return marks
  }

  private func spread(
    _ mark: Mark, from start: [Int], _ callers: CallerLists, _ marks: inout [UInt8]
  ) {
    var queue: [Int] = []
    func reach(_ number: Int) {
      guard marks[number] == Mark.doesNot.rawValue else { return }
      marks[number] = mark.rawValue
      queue.append(number)
    }
    for number in start { reach(number) }
    while let callee = queue.popLast() { callers.forEach(of: callee, reach) }
  }

  /// Who calls each function: lists in one array.
  private struct CallerLists {
    /// By callee: a place in `links` plus 1; 0: nobody.
    private var first: [UInt32]
    private var links: [(caller: UInt32, next: UInt32)] = []

    init(count: Int) { first = [UInt32](repeating: 0, count: count) }

    mutating func add(_ caller: Int, to callee: Int) {
      links.append((UInt32(caller), first[callee]))
      first[callee] = UInt32(links.count)
    }

    func forEach(of callee: Int, _ body: (Int) -> Void) {
      var next = first[callee]
      while next > 0 {
        body(Int(links[Int(next) - 1].caller))
        next = links[Int(next) - 1].next
      }
    }
  }

  // MARK: Code

  /// The functions that a function calls or jumps to, its cold part's among them.
  private func callees(of caller: Int, _ callsPointers: inout Bool) -> [Int] {
    let (start, size) = table.functionExtent(caller)
    var found: [Int] = []
    scan(start, size, &found, &callsPointers)
    let cold = table.functionName(caller) + ".cold"
    for part in table.symbols(named: cold) where part.isFunction {
      scan(part.value, part.size, &found, &callsPointers)
    }
    return found
  }

  private func scan(
    _ start: UInt64, _ size: UInt64, _ found: inout [Int], _ callsPointers: inout Bool
  ) {
    var targets: [UInt64] = []
    let sawPointer = table.withBytes(at: start, count: size) { code in
      DirectCalls.scan(code, at: start, into: &targets)
    }
    if sawPointer == true { callsPointers = true }
    found += targets.compactMap(table.functionNumber(startingAt:))
  }
}

/// Near calls and jumps in x86-64 code, found byte by byte, without disassembling.
enum DirectCalls {
  /// Appends the targets of `call rel32` (E8), `jmp rel32` (E9) and `jcc rel32` (0F 80…8F), each
  /// from 5 or 6 bytes that look like one (Intel SDM volume 2), and of a `jmp rel8` (EB) at the very
  /// end, the last call of a small function: elsewhere, too many bytes look like that. Whether `call *` or `jmp *` (FF /2,
  /// FF /4) may be among the bytes.
  static func scan(
    _ code: UnsafeRawBufferPointer, at address: UInt64, into targets: inout [UInt64]
  ) -> Bool {
    var sawPointer = false
    var offset = 0
    while offset + 5 <= code.count {
      let byte = code[offset]
      switch byte {
      case 0xe8, 0xe9: targets.append(target(code, offset + 1, address))
      case 0x80...0x8f where offset > 0 && code[offset - 1] == 0x0f:
        targets.append(target(code, offset + 1, address))
      case 0xff where [2, 4].contains(code[offset + 1] >> 3 & 7): sawPointer = true
      default: break
      }
      offset += 1
    }
    if code.count >= 2, code[code.count - 2] == 0xeb {
      let displacement = Int64(Int8(bitPattern: code[code.count - 1]))
      targets.append(address &+ UInt64(code.count) &+ UInt64(bitPattern: displacement))
    }
    return sawPointer
  }

  /// The displacement counts from the end of the instruction, which it is the last part of.
  private static func target(
    _ code: UnsafeRawBufferPointer, _ offset: Int, _ address: UInt64
  ) -> UInt64 {
    let displacement = code.loadUnaligned(fromByteOffset: offset, as: Int32.self)
    return address &+ UInt64(offset + 4)
      &+ UInt64(bitPattern: Int64(Int32(littleEndian: displacement)))
  }
}
