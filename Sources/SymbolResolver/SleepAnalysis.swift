// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

/// Whether a function may sleep, as far as the direct calls in the kernel's code tell.
///
/// A call or jump counts if its target is exactly where a function starts. Whether the path is ever
/// taken, nobody knows: an allocation sleeps unless its flags forbid it.
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
  private let starts: FunctionStarts
  /// By number: what becomes of a call to it.
  private let roles: [Role]
  /// Functions looked into, for the sake of memory and time: the kernel has some 60,000.
  private static let limit = 100_000

  init(_ table: ELFSymbolTable) {
    self.table = table
    starts = table.functionStarts
    roles = Self.roles(table)
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

  private enum Role: UInt8 { case isFollowed, sleeps, callsPointers, isNotFollowed }

  private static func roles(_ table: ELFSymbolTable) -> [Role] {
    var roles = [Role](repeating: .isFollowed, count: table.count)
    // Retpolines, which are calls by a pointer that the processor shall not guess; static calls.
    for number in table.functionNumbers
    where table.functionName(number, hasPrefix: "__x86_indirect_")
      || table.functionName(number, hasPrefix: "__SCT__")
    {
      roles[number] = .callsPointers
    }
    for (names, role) in [(notFollowed, Role.isNotFollowed), (sleeping, .sleeps)] {
      for symbol in names.flatMap({ table.symbols(named: $0) }) where symbol.isFunction {
        if let number = table.functionStarts.number(at: symbol.value) { roles[number] = role }
      }
    }
    return roles
  }

  // MARK: One function

  /// A breadth-first walk: the first that sleeps is the nearest. `address`: of the function, as the
  /// table has it; nil if there is no function there.
  func outcome(ofFunctionAt address: UInt64) -> Outcome? {
    guard let start = starts.number(at: address) else { return nil }
    if roles[start] == .sleeps { return .sleeps([table.functionName(start)]) }
    var callers: [Int: Int] = [start: start]
    var queue = [start]
    var next = 0
    var callsPointers = false
    while next < queue.count, next < Self.limit {
      let caller = queue[next]
      next += 1
      for callee in callees(of: caller, &callsPointers) where callers[callee] == nil {
        switch roles[callee] {
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
      starts.number(at: table.functionAddress($0)) == $0
    }
    for number in functions { marks[number] = Mark.doesNot.rawValue }
    let wholes = wholesOfColdParts()
    var callers = CallerLists(count: table.count)
    var pointerCallers: [Int] = []
    for calls in allCalls(of: functions) {
      for (caller, callee) in calls.direct {
        switch roles[Int(callee)] {
        case .sleeps, .isFollowed: callers.add(Int(caller), to: Int(callee))
        case .callsPointers: pointerCallers.append(Int(caller))
        case .isNotFollowed: break
        }
      }
      pointerCallers += calls.indirect.map { Int($0) }
    }
    // What a cold part does, the function does.
    for (part, wholes) in wholes { for whole in wholes { callers.add(whole, to: part) } }
    spread(.sleeps, from: functions.filter { roles[$0] == .sleeps }, callers, &marks)
    spread(.notKnown, from: pointerCallers, callers, &marks)
    // Other names of the same code.
    for number in table.functionNumbers where marks[number] == Mark.none.rawValue {
      guard let same = starts.number(at: table.functionAddress(number)) else {
        continue
      }
      marks[number] = marks[same]
    }
    return marks
  }

  /// The calls of one thread's share of the functions.
  private struct Calls {
    var direct: [(caller: UInt32, callee: UInt32)] = []
    /// Who calls by pointers.
    var indirect: [UInt32] = []
  }

  /// What a thread writes, and nobody reads before it has ended.
  private final class Shares: @unchecked Sendable {
    let analysis: SleepAnalysis
    let functions: [Int]
    let calls: UnsafeMutableBufferPointer<Calls>

    init(_ analysis: SleepAnalysis, _ functions: [Int], _ count: Int) {
      (self.analysis, self.functions) = (analysis, functions)
      calls = .allocate(capacity: count)
      calls.initialize(repeating: Calls())
    }

    func find(_ share: Int) {
      let count = functions.count
      var found = Calls()
      for number in functions[count * share / calls.count..<count * (share + 1) / calls.count] {
        let callsPointers = analysis.forEachCallee(ofPart: number) {
          found.direct.append((UInt32(number), UInt32($0)))
        }
        if callsPointers { found.indirect.append(UInt32(number)) }
      }
      calls[share] = found
    }

    deinit {
      calls.deinitialize()
      calls.deallocate()
    }
  }

  private func allCalls(of functions: [Int]) -> [Calls] {
    table.prepareForThreads()
    let shares = Shares(self, functions, Threads.count)
    Threads.run(shares.calls.count) { shares.find($0) }
    return Array(shares.calls)
  }

  /// By the number of each `name.cold`: the functions that jump into it.
  private func wholesOfColdParts() -> [Int: [Int]] {
    var wholes: [Int: [Int]] = [:]
    for part in table.functionNumbers(withSuffix: ".cold") {
      let name = String(table.functionName(part).dropLast(".cold".count))
      wholes[part] = table.symbols(named: name).filter(\.isFunction).compactMap {
        starts.number(at: $0.value)
      }
    }
    return wholes
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
    var found: [Int] = []
    callsPointers = forEachCallee(ofPart: caller) { found.append($0) } || callsPointers
    for part in table.symbols(named: table.functionName(caller) + ".cold") where part.isFunction {
      guard let number = starts.number(at: part.value) else { continue }
      callsPointers = forEachCallee(ofPart: number) { found.append($0) } || callsPointers
    }
    return found
  }

  /// Hands over the functions that a symbol's own code calls or jumps to; whether it does the same by
  /// pointers, too.
  private func forEachCallee(ofPart number: Int, _ body: (Int) -> Void) -> Bool {
    let (start, size) = table.functionExtent(number)
    return table.withBytes(at: start, count: size) { code in
      Self.forEachTarget(code) { offset in
        let address = start &+ UInt64(bitPattern: offset)
        if let callee = starts.number(at: address), callee != number { body(callee) }
      }
    } ?? false
  }

  /// Hands over where calls and jumps lead: bytes from the start of the code. Whether there are some
  /// that lead where only a register or memory knows, or instructions that are not known here.
  static func forEachTarget(_ code: UnsafeRawBufferPointer, _ body: (Int64) -> Void) -> Bool {
    var isIndirect = false
    var offset = 0
    while offset < code.count {
      guard let instruction = X86Instruction(code, at: offset) else { return true }
      offset += instruction.length
      switch instruction.flow {
      case .other: break
      case .direct(let displacement): body(Int64(offset) + displacement)
      case .indirect: isIndirect = true
      }
    }
    return isIndirect
  }
}
