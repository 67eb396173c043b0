// SPDX-License-Identifier: MIT

/// Walks all units of a file, shared out among threads, each with a sink of its own.
enum DWARFWalk {
  /// The sinks, in the order of the units that they saw; `makeSink` is called for each thread.
  /// Throws what the first unit that is wrong says.
  static func run<Sink: DWARFScanSink>(
    _ units: [DWARFUnit], _ sections: DWARFSections, progress: (@Sendable (Int) -> Void)? = nil,
    makeSink: (_ isInTypes: Bool) -> Sink
  ) throws(SourceError) -> [Sink] {
    let shares = share(units)
    let results = WalkResults(shares.map { makeSink($0.first?.isInTypes ?? false) })
    Threads.run(shares.count) { number in
      // A sink of its own, which nobody else can look at meanwhile.
      var sink = results.takeSink(number)
      let error = walk(shares[number], of: units, sections, &sink, progress)
      results.keep(error, sink, number)
    }
    if let error = results.firstError { throw error }
    return results.sinks
  }

  private static func walk<Sink: DWARFScanSink>(
    _ share: [DWARFUnit], of units: [DWARFUnit], _ sections: DWARFSections, _ sink: inout Sink,
    _ progress: (@Sendable (Int) -> Void)?
  ) -> SourceError? {
    var scanner = DWARFScanner(sections, units)
    do throws(SourceError) {
      for unit in share {
        try scanner.scan(unit, &sink)
        progress?(unit.end - unit.start)
      }
    } catch {
      return error
    }
    return nil
  }

  /// Contiguous parts of about the same number of bytes, never of two sections.
  private static func share(_ units: [DWARFUnit]) -> [[DWARFUnit]] {
    let total = units.reduce(0) { $0 + ($1.end - $1.start) }
    // A thread costs about as much as a megabyte takes to walk.
    let count = min(Threads.count, total >> 20 + 1)
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
}

/// What each thread has found: its part is touched by nobody else until it has ended.
private final class WalkResults<Sink: DWARFScanSink>: @unchecked Sendable {
  private let parts: UnsafeMutableBufferPointer<(sink: Sink?, error: SourceError?)>

  init(_ sinks: [Sink]) {
    parts = .allocate(capacity: sinks.count)
    _ = parts.initialize(from: sinks.map { ($0, nil) })
  }

  func takeSink(_ number: Int) -> Sink {
    defer { parts[number].sink = nil }
    return parts[number].sink!
  }

  func keep(_ error: SourceError?, _ sink: Sink, _ number: Int) { parts[number] = (sink, error) }

  var firstError: SourceError? { parts.lazy.compactMap(\.error).first }

  var sinks: [Sink] { parts.compactMap(\.sink) }

  deinit {
    parts.deinitialize()
    parts.deallocate()
  }
}
