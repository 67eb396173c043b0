// SPDX-License-Identifier: MIT

import Glibc

/// Work that is shared out among processors.
public enum Threads {
  /// More do not pay: what is done here waits for memory.
  private static let most = 4

  /// How many parts to make of the work.
  public static var count: Int { min(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), most) }

  /// Calls `body` with 0 to `count` - 1, each in a thread of its own but the first, and waits for all.
  public static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    var threads: [pthread_t] = []
    var unstarted: [Int] = []
    for number in 1..<max(1, count) {
      if let thread = start({ body(number) }) {
        threads.append(thread)
      } else {
        unstarted.append(number)
      }
    }
    if count > 0 { body(0) }
    for number in unstarted { body(number) }
    for thread in threads { pthread_join(thread, nil) }
  }

  /// What `body` makes of each item, in the order of the items, shared out in equal parts.
  public static func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item) -> Result
  ) -> [Result] {
    let parts = max(1, min(count, items.count))
    let results = Results<Result>(parts)
    run(parts) { part in
      let range = items.count * part / parts..<items.count * (part + 1) / parts
      results.keep(items[range].map(body), part)
    }
    return results.joined
  }

  /// Each part is written by one thread, and read when all have ended.
  private final class Results<Result>: @unchecked Sendable {
    private let parts: UnsafeMutableBufferPointer<[Result]>

    init(_ count: Int) {
      parts = .allocate(capacity: count)
      parts.initialize(repeating: [])
    }

    func keep(_ results: [Result], _ part: Int) { parts[part] = results }

    var joined: [Result] { Array(parts.joined()) }

    deinit {
      parts.deinitialize()
      parts.deallocate()
    }
  }

  private final class Box {
    let body: () -> Void

    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// nil where there can be no more threads.
  private static func start(_ body: @escaping () -> Void) -> pthread_t? {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let result = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    guard result == 0 else {
      box.release()
      return nil
    }
    return thread
  }
}
