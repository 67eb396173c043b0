// SPDX-License-Identifier: MIT

import Glibc

/// Walks all units of a file, shared out among threads, each with a sink of its own.
enum DWARFWalk {
  /// More do not pay: the walk waits for memory.
  private static let greatestThreadCount = 4

  /// The sinks, in the order of the units that they saw; `makeSink` is called for each thread.
  /// Throws what the first unit that is wrong says.
  static func run<Sink: DWARFScanSink>(
    _ units: [DWARFUnit], _ sections: DWARFSections, progress: (@Sendable (Int) -> Void)? = nil,
    makeSink: (_ isInTypes: Bool) -> Sink
  ) throws(SourceError) -> [Sink] {
    let shares = share(units)
    let tasks = shares.map {
      WalkTask($0, sections, makeSink($0.first?.isInTypes ?? false), progress)
    }
    var threads: [pthread_t] = []
    var unstarted: [WalkTask<Sink>] = []
    for task in tasks.dropFirst() {
      if let thread = start(task) { threads.append(thread) } else { unstarted.append(task) }
    }
    tasks.first?.run()
    for task in unstarted { task.run() }
    for thread in threads { pthread_join(thread, nil) }
    for task in tasks { if let error = task.error { throw error } }
    return tasks.map(\.sink)
  }

  /// Contiguous parts of about the same number of bytes, never of two sections.
  private static func share(_ units: [DWARFUnit]) -> [[DWARFUnit]] {
    let total = units.reduce(0) { $0 + ($1.end - $1.start) }
    // A thread costs about as much as a megabyte takes to walk.
    let count = min(processorCount(), greatestThreadCount, total >> 20 + 1)
    let most = total / count + 1
    var shares: [[DWARFUnit]] = []
    var size = 0
    for unit in units {
      if size == 0 || size > most || shares.last?.last?.isInTypes != unit.isInTypes {
        shares.append([])
        size = 0
      }
      shares[shares.count - 1].append(unit)
      size += unit.end - unit.start
    }
    return shares
  }

  private static func processorCount() -> Int {
    max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  }

  private static func start(_ task: some Runnable) -> pthread_t? {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(RunnableBox(task))
    let result = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<RunnableBox>.fromOpaque(argument!).takeRetainedValue().task.run()
        return nil
      }, box.toOpaque())
    guard result == 0 else {
      box.release()
      return nil
    }
    return thread
  }
}

private protocol Runnable: AnyObject {
  func run()
}

private final class RunnableBox {
  let task: any Runnable

  init(_ task: some Runnable) { self.task = task }
}

/// The part of one thread: touched by nobody else until that has been joined.
private final class WalkTask<Sink: DWARFScanSink>: Runnable {
  private let units: [DWARFUnit]
  private let sections: DWARFSections
  private let progress: (@Sendable (Int) -> Void)?
  var sink: Sink
  var error: SourceError?

  init(
    _ units: [DWARFUnit], _ sections: DWARFSections, _ sink: Sink,
    _ progress: (@Sendable (Int) -> Void)?
  ) {
    (self.units, self.sections, self.sink, self.progress) = (units, sections, sink, progress)
  }

  func run() {
    var scanner = DWARFScanner(sections)
    do throws(SourceError) {
      for unit in units {
        try scanner.scan(unit, &sink)
        progress?(unit.end - unit.start)
      }
    } catch {
      self.error = error
    }
  }
}
