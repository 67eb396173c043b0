// SPDX-License-Identifier: MIT

import CElfutils
import Diagnostics
import Glibc

/// The DWARF of a kernel, module or library: its own, or that of its debug file.
public final class DWARFFile: @unchecked Sendable {
  /// The file that the DWARF is in.
  public let path: String
  private let handle: Handle
  /// Where it is: the file, a dwz supplement, the .dwo files of split DWARF.
  private(set) var sources: [DWARFSections]
  private let cache: IndexCache?
  /// nil: the file carries no build id, by which an index could be kept.
  private let buildID: String?
  private var loadedIndex: DWARFIndex?
  /// What walks have found, by name: nobody walks twice for one.
  private var walked: [String: [DWARFEntry]] = [:]
  /// By source; nil: not read yet, for an index tells where each begins.
  private var loadedUnits: [[DWARFUnit]?] = []
  /// By the places of their units' headers; nil in it: damaged.
  var readers: [DWARFPlace: DWARFUnitReader?] = [:]
  /// The units of types, by source and signature.
  var typeUnits: [UInt16: [UInt64: DWARFUnit]] = [:]
  /// The number of the dwz supplement among `sources`.
  private(set) var supplement: UInt16?
  /// The number of the first .dwo file.
  private(set) var firstSplit = UInt16.max

  /// Opens the DWARF of `path`. Throws `no-dwarf` if the file has none: see ``DebugFiles``.
  /// With a `cache`, an index is kept there: made when something is looked up for the first time.
  public init(path: String, cache: IndexCache? = nil) throws(SourceError) {
    // Says what it is if it is something else, and refuses other machines.
    let file = try ELFFile(path: path)
    handle = try Handle(file)
    (self.path, self.cache, buildID) = (path, cache, file.buildID())
    let main = DWARFSections(handle.dwarf, name: path)
    guard !main.info.isEmpty else { throw Self.noDWARF(path) }
    sources = [main]
    if let supplement = dwarf_getalt(handle.dwarf) {
      sources.append(DWARFSections(supplement, name: path))
      self.supplement = 1
    }
    // What is in several files has no index.
    loadedIndex = keptIndex()
    if loadedIndex == nil, try main.mayBeSplit(units(of: 0)) {
      firstSplit = UInt16(sources.count)
      try appendSplitFiles(of: handle.dwarf)
    }
  }

  /// The units of one of `sources`, in order.
  func units(of source: UInt16) throws(SourceError) -> [DWARFUnit] {
    while loadedUnits.count < sources.count { loadedUnits.append(nil) }
    if let known = loadedUnits[Int(source)] { return known }
    let units = try sources[Int(source)].units()
    loadedUnits[Int(source)] = units
    return units
  }

  /// What libdw needs to be closed again.
  private final class Handle {
    let dwarf: OpaquePointer
    private let file: ELFFile
    /// Of a relocatable file, which libdwfl lays out and relocates.
    private let dwfl: OpaquePointer?

    init(_ file: ELFFile) throws(SourceError) {
      self.file = file
      guard file.isRelocatable else {
        dwfl = nil
        guard let dwarf = dwarf_begin_elf(file.elf, DWARF_C_READ, nil) else {
          throw DWARFFile.noDWARF(file.path)
        }
        self.dwarf = dwarf
        return
      }
      guard let dwfl = ktap_dwfl_begin() else {
        throw .malformed("bad-elf", DWARFFile.lastDwflError(), file: file.path, offset: 0)
      }
      guard let dwarf = Self.open(file.path, dwfl) else {
        defer { dwfl_end(dwfl) }
        throw DWARFFile.noDWARF(file.path)
      }
      (self.dwfl, self.dwarf) = (dwfl, dwarf)
    }

    private static func open(_ path: String, _ dwfl: OpaquePointer) -> OpaquePointer? {
      guard let module = dwfl_report_offline(dwfl, path, path, -1) else { return nil }
      dwfl_report_end(dwfl, nil, nil)
      var bias: Dwarf_Addr = 0
      return dwfl_module_getdwarf(module, &bias)
    }

    deinit {
      if let dwfl { dwfl_end(dwfl) } else { dwarf_end(dwarf) }
    }
  }

  private static func noDWARF(_ path: String) -> SourceError {
    let reason = lastError()
    return SourceError(
      .unavailable,
      Diagnostic(
        "no-dwarf", "there is no DWARF debug information in it (\(reason))", place: .file(path),
        hints: ["of a Debian kernel it is in the package linux-image-RELEASE-dbg"]))
  }

  static func lastError() -> String {
    dwarf_errmsg(-1).map { "libdw: \(String(cString: $0))" } ?? "libdw gives no reason"
  }

  private static func lastDwflError() -> String {
    dwfl_errmsg(-1).map { "libdw: \(String(cString: $0))" } ?? "libdw gives no reason"
  }

  /// Units whose entries are in other files (DWARF5 7.3.2): libdw finds those beside the object,
  /// or in its .dwp file.
  ///
  /// Throws `no-dwo` where there is not one of them: what is left knows no names.
  private func appendSplitFiles(of dwarf: OpaquePointer) throws(SourceError) {
    var seen: Set<OpaquePointer> = []
    var missing: String?
    var unit: OpaquePointer?
    while true {
      var next: OpaquePointer?
      var version: Dwarf_Half = 0
      var type: UInt8 = 0
      var (own, split) = (Dwarf_Die(), Dwarf_Die())
      guard dwarf_get_units(dwarf, unit, &next, &version, &type, &own, &split) == 0 else { break }
      unit = next
      guard type == UInt8(DW_UT_skeleton), sources.count < Int(UInt16.max) else { continue }
      guard split.cu != nil, let file = dwarf_cu_getdwarf(split.cu) else {
        missing =
          Self.text(&own, DW_AT_dwo_name)
          ?? Self.text(&own, DW_AT_GNU_dwo_name) ?? "a .dwo file"
        continue
      }
      if seen.insert(file).inserted { sources.append(DWARFSections(file, name: path)) }
    }
    guard let missing, seen.isEmpty else { return }
    throw SourceError(
      .unavailable,
      Diagnostic(
        "no-dwo", "its debug information is in other files, which are not here: \(missing)",
        place: .file(path),
        hints: [
          "put the .dwo files back to where they were compiled, or beside this file",
          "or compile without -gsplit-dwarf (.dwp files are not read)",
        ]))
  }

  // MARK: Finding

  /// Everything that is called one of `names`, by name and place. Of a type that many units
  /// define alike (same line, same size), the first; declarations only of what is defined nowhere,
  /// or in assembly only.
  public func find(
    _ names: some Sequence<String>, includingEnumerators: Bool = false
  ) throws(SourceError) -> [DWARFEntry] {
    let names = Set(names)
    let found: [DWARFEntry]
    if let indexed = try indexed(names) {
      found = DWARFSearch.merged(indexed)
    } else {
      let new = names.subtracting(walked.keys)
      if !new.isEmpty {
        for name in new { walked[name] = [] }
        for entry in try walk(new) { walked[entry.name, default: []].append(entry) }
      }
      found = names.sorted().flatMap { walked[$0] ?? [] }
    }
    return includingEnumerators ? found : found.filter { $0.kind != .enumerator }
  }

  /// A walk over all units. Enumerators cost it little; a second walk for them would cost all of it.
  private func walk(_ names: Set<String>) throws(SourceError) -> [DWARFEntry] {
    let wanted = WantedNames(names)
    var found: [DWARFEntry] = []
    for (number, sections) in sources.enumerated() {
      let places = wanted.places(in: sections.strings)
      let results = try DWARFWalk.run(units(of: UInt16(number)), sections) { isInTypes in
        DWARFSearch(
          wanted, places, place: DWARFPlace(source: UInt16(number), isInTypes: isInTypes, offset: 0)
        )
      }
      for result in results { found += result.found }
    }
    return DWARFSearch.merged(found)
  }

  // MARK: The index

  /// What an index is kept by; nil without a cache, for a file without a build id, and for one
  /// whose entries are in .dwo files: these may be others tomorrow.
  private var indexKey: DWARFIndex.Key? {
    guard cache != nil, let buildID, BuildID.isValid(buildID),
      firstSplit == .max || sources.count <= Int(firstSplit)
    else { return nil }
    return DWARFIndex.Key(
      buildID: buildID, sectionSize: sources.reduce(0) { $0 + $1.totalSize })
  }

  private func keptIndex() -> DWARFIndex? {
    guard let key = indexKey, let bytes = cache?.bytes(named: key.fileName, isReadWhole: false)
    else { return nil }
    return DWARFIndex(bytes, for: key)
  }

  /// What the index has of these names; nil without one. Where it is damaged, a new one is made.
  private func indexed(_ names: Set<String>) throws(SourceError) -> [DWARFEntry]? {
    while let index = try index() {
      var found: [DWARFEntry] = []
      do {
        for name in names { found += try index.entries(named: name) }
        return found
      } catch {
        loadedIndex = nil
      }
    }
    return nil
  }

  /// The index of the cache, made if it has none; nil without a cache.
  private func index() throws(SourceError) -> DWARFIndex? {
    if let loadedIndex { return loadedIndex }
    guard let cache, let key = indexKey else { return nil }
    let items = try inventory(cache.progress)
    guard let bytes = DWARFIndexBuilder.bytes(of: items, try unitPlaces(), for: key) else {
      return nil
    }
    cache.store(bytes, as: key.fileName)
    loadedIndex = DWARFIndex(MappedBytes(copying: bytes), for: key)
    return loadedIndex
  }

  /// Where each unit begins, ascending.
  private func unitPlaces() throws(SourceError) -> [DWARFPlace] {
    var places: [DWARFPlace] = []
    for source in sources.indices {
      places += try units(of: UInt16(source)).map {
        DWARFPlace(
          source: UInt16(source), isInTypes: $0.isInTypes, offset: UInt64($0.start))
      }
    }
    return places
  }

  /// The unit around a place, as the index or the units' own headers tell; nil where none is.
  func unit(around place: DWARFPlace) -> DWARFUnit? {
    guard Int(place.source) < sources.count else { return nil }
    if let start = placeOfUnit(around: place) {
      let unit = try? sources[Int(place.source)].unit(
        at: Int(clamping: start.offset), inTypes: place.isInTypes)
      return unit.flatMap { UInt64($0.end) > place.offset ? $0 : nil }
    }
    guard let units = try? units(of: place.source) else { return nil }
    // Of two sections, one behind the other.
    let key = (place.isInTypes ? 1 : 0, place.offset)
    var (low, high) = (0, units.count)
    while low < high {
      let middle = (low + high) / 2
      let start = (units[middle].isInTypes ? 1 : 0, UInt64(units[middle].start))
      if start <= key { low = middle + 1 } else { high = middle }
    }
    guard low > 0, units[low - 1].isInTypes == place.isInTypes,
      UInt64(units[low - 1].end) > place.offset
    else { return nil }
    return units[low - 1]
  }

  /// As the index tells; nil without one, and for a damaged one, which is given up.
  private func placeOfUnit(around place: DWARFPlace) -> DWARFPlace? {
    do {
      return try loadedIndex?.unit(around: place)
    } catch {
      loadedIndex = nil
      return nil
    }
  }

  /// Everything that has a name.
  private func inventory(
    _ progress: (@Sendable (UInt64, UInt64) -> Void)?
  ) throws(SourceError) -> [DWARFInventory.Item] {
    let all = sources.reduce(0) { $0 + UInt64($1.info.count + $1.types.count) }
    let counter = progress.map { ProgressCounter(all, $0) }
    var items: [DWARFInventory.Item] = []
    for (number, sections) in sources.enumerated() {
      let units = try units(of: UInt16(number))
      let results = try DWARFWalk.run(units, sections, progress: counter?.add) {
        DWARFInventory(sections, source: UInt16(number), isInTypes: $0)
      }
      for result in results { items += result.items }
    }
    return items
  }
}

/// Adds up what several threads have done.
private final class ProgressCounter: @unchecked Sendable {
  private let all: UInt64
  private let report: @Sendable (UInt64, UInt64) -> Void
  private var done: UInt64 = 0
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init(_ all: UInt64, _ report: @escaping @Sendable (UInt64, UInt64) -> Void) {
    (self.all, self.report) = (all, report)
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  @Sendable func add(_ count: Int) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    done += UInt64(count)
    report(done, all)
  }
}
