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
    }
    try appendSplitFiles(of: handle.dwarf)
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
          DWARFAttributes.text(&own, DW_AT_dwo_name)
          ?? DWARFAttributes.text(&own, DW_AT_GNU_dwo_name) ?? "a .dwo file"
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
    if let index = try index() {
      found = DWARFSearch.merged(names.flatMap { index.entries(named: $0) })
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
      let results = try DWARFWalk.run(sections.units(), sections) { isInTypes in
        DWARFSearch(
          wanted, places, place: DWARFPlace(source: UInt16(number), isInTypes: isInTypes, offset: 0)
        )
      }
      for result in results { found += result.found }
    }
    return DWARFSearch.merged(found)
  }

  // MARK: The index

  /// The index of the cache, made if it has none; nil without a cache.
  private func index() throws(SourceError) -> DWARFIndex? {
    if let loadedIndex { return loadedIndex }
    guard let cache, let buildID, BuildID.isValid(buildID) else { return nil }
    let key = DWARFIndex.Key(
      buildID: buildID, sectionSize: sources.reduce(0) { $0 + $1.totalSize })
    if let bytes = cache.bytes(named: key.fileName), let known = DWARFIndex(bytes, for: key) {
      loadedIndex = known
      return known
    }
    guard let bytes = DWARFIndexBuilder.bytes(of: try inventory(cache.progress), for: key) else {
      return nil
    }
    cache.store(bytes, as: key.fileName)
    loadedIndex = DWARFIndex(MappedBytes(copying: bytes), for: key)
    return loadedIndex
  }

  /// Everything that has a name.
  private func inventory(
    _ progress: (@Sendable (UInt64, UInt64) -> Void)?
  ) throws(SourceError) -> [DWARFInventory.Item] {
    let all = sources.reduce(0) { $0 + UInt64($1.info.count + $1.types.count) }
    let counter = progress.map { ProgressCounter(all, $0) }
    var items: [DWARFInventory.Item] = []
    for (number, sections) in sources.enumerated() {
      let results = try DWARFWalk.run(sections.units(), sections, progress: counter?.add) {
        DWARFInventory(sections, source: UInt16(number), isInTypes: $0)
      }
      for result in results { items += result.items }
    }
    return items
  }

  // MARK: Reading entries

  /// The entry at `place`, as libdw has it; nil if there is none.
  func entry(at place: DWARFPlace) -> Dwarf_Die? {
    guard Int(place.source) < sources.count else { return nil }
    let dwarf = sources[Int(place.source)].dwarf
    var die = Dwarf_Die()
    let found =
      place.isInTypes
      ? dwarf_offdie_types(dwarf, place.offset, &die) : dwarf_offdie(dwarf, place.offset, &die)
    return found == nil ? nil : die
  }

  /// Where a function begins or a variable is, as the file was linked; nil for what has no place:
  /// inlined everywhere, or only declared, or one per thread.
  public func address(of entry: DWARFEntry) -> UInt64? {
    if let address = entry.address { return address }
    guard entry.flags.contains(.located), var die = self.entry(at: entry.place) else { return nil }
    return entry.kind == .function ? Self.start(of: &die) : Self.location(of: &die)
  }

  /// The lowest address is not always the entry: a part that is never reached may be linked below.
  private static func start(of die: inout Dwarf_Die) -> UInt64? {
    var (base, start, end): (Dwarf_Addr, Dwarf_Addr, Dwarf_Addr) = (0, 0, 0)
    if dwarf_entrypc(&die, &start) == 0 { return start }
    return dwarf_ranges(&die, 0, &base, &start, &end) > 0 ? start : nil
  }

  private static func location(of die: inout Dwarf_Die) -> UInt64? {
    var attribute = Dwarf_Attribute()
    var operations: UnsafeMutablePointer<Dwarf_Op>?
    var count = 0
    guard dwarf_attr_integrate(&die, UInt32(DW_AT_location), &attribute) != nil,
      dwarf_getlocation(&attribute, &operations, &count) == 0, count == 1, let operations
    else { return nil }
    switch Int(operations[0].atom) {
    case DW_OP_addr: return operations[0].number
    case DW_OP_addrx, DW_OP_GNU_addr_index:
      var (indirect, address) = (Dwarf_Attribute(), Dwarf_Addr())
      guard dwarf_getlocation_attr(&attribute, operations, &indirect) == 0,
        dwarf_formaddr(&indirect, &address) == 0
      else { return nil }
      return address
    default: return nil
    }
  }

  /// Bytes of a function's code from its start on, without parts that are elsewhere.
  public func codeSize(of entry: DWARFEntry) -> UInt64? {
    guard entry.kind == .function, var die = self.entry(at: entry.place) else { return nil }
    var (base, start, end): (Dwarf_Addr, Dwarf_Addr, Dwarf_Addr) = (0, 0, 0)
    guard dwarf_ranges(&die, 0, &base, &start, &end) > 0, end > start else { return nil }
    return end - start
  }

  /// "fs/read_write.c" and the line, as the compiler was given them; nil where nothing says it.
  public func source(of entry: DWARFEntry) -> (file: String, line: UInt32)? {
    guard var die = self.entry(at: entry.place), let file = declaredFile(&die) else { return nil }
    return (Self.relative(file), entry.line)
  }

  private func declaredFile(_ die: inout Dwarf_Die) -> String? {
    guard let (number, unit) = DWARFAttributes.declaredFile(&die) else { return nil }
    var entry = Dwarf_Die()
    var (version, type): (Dwarf_Half, UInt8) = (0, 0)
    guard dwarf_cu_info(unit, &version, &type, &entry, nil, nil, nil, nil) == 0 else { return nil }
    let directory = DWARFAttributes.text(&entry, DW_AT_comp_dir)
    if type == UInt8(DW_UT_split_compile) || type == UInt8(DW_UT_split_type) {
      let name = DWARFAttributes.fileName(number, of: &entry)
      return name.map { DWARFFileNames.path($0, compiledIn: directory) }
    }
    var attribute = Dwarf_Attribute()
    var offset: Dwarf_Word = 0
    guard let sections = sources.first(where: { $0.dwarf == dwarf_cu_getdwarf(unit) }),
      dwarf_attr(&entry, UInt32(DW_AT_stmt_list), &attribute) != nil,
      dwarf_formudata(&attribute, &offset) == 0
    else { return nil }
    return DWARFFileNames(sections, at: offset, directory: directory)?.path(number)
  }

  /// The file that the entry's unit was compiled from, for telling `name@file.c`.
  public func unitName(of entry: DWARFEntry) -> String? {
    guard var die = self.entry(at: entry.place) else { return nil }
    var unit = Dwarf_Die()
    guard dwarf_diecu(&die, &unit, nil, nil) != nil, let name = dwarf_diename(&unit) else {
      return nil
    }
    return Self.relative(String(cString: name))
  }

  /// Without `.` and `..`, and without the directory in which Debian builds its kernels.
  private static func relative(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    guard path.hasPrefix("/") else { return parts.joined(separator: "/") }
    if let build = parts.firstIndex(where: { $0.hasPrefix("linux-") }),
      build + 1 < parts.count
    {
      return parts[(build + 1)...].joined(separator: "/")
    }
    return "/" + parts.joined(separator: "/")
  }

  /// What an enumerator is worth.
  public func value(of entry: DWARFEntry) -> (bits: UInt64, isNegative: Bool)? {
    guard entry.kind == .enumerator, var die = self.entry(at: entry.place) else { return nil }
    return DWARFAttributes.enumeratorValue(&die)
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
