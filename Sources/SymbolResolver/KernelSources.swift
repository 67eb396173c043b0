// SPDX-License-Identifier: MIT

import DebugInfo
import Diagnostics
import Glibc
import TypeIR

/// Where to look for a kernel's types and symbols. Where nothing is named: in the running kernel.
public struct KernelSourceOptions: Sendable {
  /// Raw BTF, or an ELF file with a .BTF section.
  public var btf: String?
  public var vmlinux: String?
  public var kallsyms: String?
  public var systemMap: String?
  /// ELF files of kernel modules.
  public var modules: [String]
  /// Where the kernel's modules are installed; nil: in /lib/modules/RELEASE.
  public var moduleDirectory: String?
  /// Where indexes of debug information are kept; nil: nowhere.
  public var cache: IndexCache?
  /// Lower-case hexadecimal.
  public var buildID: String?

  public init(
    btf: String? = nil, vmlinux: String? = nil, kallsyms: String? = nil,
    systemMap: String? = nil, modules: [String] = [],
    moduleDirectory: String? = nil, cache: IndexCache? = nil, buildID: String? = nil
  ) {
    self.btf = btf
    self.vmlinux = vmlinux
    self.kallsyms = kallsyms
    self.systemMap = systemMap
    self.modules = modules
    self.moduleDirectory = moduleDirectory
    self.cache = cache
    self.buildID = buildID
  }
}

/// The sources of one kernel, each read when it is first needed.
public final class KernelSources {
  private let options: KernelSourceOptions
  private var loadedTypes: KernelTypes?
  /// By module: its graph, or that it has none.
  private var moduleGraphs: [String: UInt16?] = [:]
  private var loadedVmlinux: ELFFile?
  private var loadedFinder: SymbolFinder?
  /// nil in it: there is none.
  private var loadedTable: ELFSymbolTable??
  /// nil in it: there are none.
  private var loadedFacts: KernelFacts??
  /// nil in it: there is none.
  private var loadedDWARF: DWARFSource??
  private var moduleDWARF: [String: DWARFSource?] = [:]
  /// What will be asked for.
  private var expectedNames: Set<String> = []
  private var knownIdentity: KernelIdentity?

  public init(_ options: KernelSourceOptions) { self.options = options }

  /// Sources that are in memory already.
  public init(
    btf: BTF, symbols: KernelSymbols?, identity: KernelIdentity,
    _ options: KernelSourceOptions = KernelSourceOptions()
  ) throws(SourceError) {
    self.options = options
    loadedTypes = KernelTypes(btf)
    if let symbols { loadedFinder = try SymbolFinder(symbols, modules: readModules()) }
    knownIdentity = identity
  }

  func types() throws(SourceError) -> KernelTypes {
    if let loadedTypes { return loadedTypes }
    let types = KernelTypes(try readBTF())
    loadedTypes = types
    return types
  }

  public func btf() throws(SourceError) -> BTF { try types().kernel }

  /// The types of a module, as a graph of ``types()``; nil where it carries none.
  func graph(ofModule module: String) throws(SourceError) -> UInt16? {
    if let known = moduleGraphs[module] { return known }
    let types = try types()
    let graph = try readBTF(ofModule: module, base: types.kernel).map { types.add($0) }
    moduleGraphs[module] = .some(graph)
    return graph
  }

  func finder() throws(SourceError) -> SymbolFinder {
    if let loadedFinder { return loadedFinder }
    let finder = try SymbolFinder(try readSymbols(), modules: readModules())
    loadedFinder = finder
    return finder
  }

  /// The kernel's own symbol table, with sizes, sections and source files: of the vmlinux that is
  /// named, or of the kernel's debug package where that is installed.
  func symbolTable() throws(SourceError) -> ELFSymbolTable? {
    if let loadedTable { return loadedTable }
    let table = try vmlinuxWithSymbols().map { file throws(SourceError) in
      try ELFSymbolTable(file, cache: options.cache)
    }
    if let table, let cache = options.cache, table.lacksIndex {
      table.keepIndex(marks: SleepAnalysis(table).marks(), in: cache)
    }
    loadedTable = .some(table)
    return table
  }

  /// The same, but only of a file that is named: what a caller should know takes time to find out.
  func facts() throws(SourceError) -> KernelFacts? {
    options.vmlinux == nil ? nil : try allFacts()
  }

  func allFacts() throws(SourceError) -> KernelFacts? {
    if let loadedFacts { return loadedFacts }
    let facts = try symbolTable().flatMap { KernelFacts($0) }
    loadedFacts = .some(facts)
    return facts
  }

  /// Names that will be asked for: what takes a long walk looks for all of them at once.
  func expect(_ names: some Sequence<String>) { expectedNames.formUnion(names) }

  /// The kernel's DWARF: of the file that is named, or of the kernel's debug package.
  func dwarf() throws(SourceError) -> DWARFSource? {
    if let loadedDWARF { return loadedDWARF }
    let source = try readDWARF()
    loadedDWARF = .some(source)
    return source
  }

  /// The DWARF of a module, or of the kernel proper.
  func dwarf(ofModule module: String?) throws(SourceError) -> DWARFSource? {
    guard let module else { return try dwarf() }
    if let known = moduleDWARF[module] { return known }
    let source = try readDWARF(ofModule: module)
    moduleDWARF.updateValue(source, forKey: module)
    return source
  }

  /// The kernel's types of that name; if it has none, those of the modules whose files are named.
  func definitions(of name: WantedTypeName) throws(SourceError) -> [KernelType] {
    let types = try types()
    var found = types.types(named: name.name, name.kinds)
    guard found.isEmpty else { return found }
    for module in namedModules {
      guard let graph = try graph(ofModule: module) else { continue }
      found += types.types(named: name.name, name.kinds, graph: graph)
    }
    return found
  }

  /// The definitions of a name with their places in the kernel's sources ("fs/aio.c:120"), as DWARF
  /// has them; where it has none, none.
  func placedDefinitions(
    of name: WantedTypeName
  ) throws(SourceError) -> [(type: KernelType, place: String)] {
    guard let dwarf = try dwarf() else { return [] }
    let entries = try dwarf.entries(named: name.name).filter {
      name.dwarfKinds.contains($0.kind) && !$0.isDeclaration
    }
    return zip(try dwarf.types(of: entries), entries).compactMap { type, entry in
      dwarf.place(of: entry).map { (type, $0) }
    }
  }

  /// The modules whose files are named.
  var namedModules: [String] { options.modules.map { ModuleName.of(path: $0) } }

  /// What such a module's own table defines.
  func symbols(ofNamedModule module: String) throws(SourceError) -> [ELFSymbol] {
    guard let path = namedFile(ofModule: module) else { return [] }
    return Array(
      try ELFSymbolTable(ELFFile(path: path)).all.filter { $0.isDefined && !$0.name.isEmpty })
  }

  /// Whether a file with DWARF was named, rather than found.
  func isDWARFNamed(ofModule module: String?) -> Bool {
    module.map { namedFile(ofModule: $0) != nil } ?? (options.vmlinux != nil)
  }

  private func readDWARF() throws(SourceError) -> DWARFSource? {
    guard let path = try symbolTable()?.path else { return nil }
    return try openDWARF(path)
  }

  /// nil: a file without DWARF is one with less to tell.
  private func openDWARF(_ path: String) throws(SourceError) -> DWARFSource? {
    try DWARFSource.open(path, types(), expecting: expectedNames, cache: options.cache)
  }

  /// That of the file that is named, else of the one that is installed; or of its debug file.
  private func readDWARF(ofModule module: String) throws(SourceError) -> DWARFSource? {
    let named = namedFile(ofModule: module)
    let installed = named == nil ? try moduleFiles()?.path(of: module) : nil
    guard let path = named ?? installed else { return nil }
    let file: ELFFile
    do throws(SourceError) {
      file = try ELFFile(path: path)
    } catch {
      // An installed one may be compressed, or gone.
      if named != nil { throw error }
      return nil
    }
    if named == nil, try isOtherThanLoaded(file, module) { return nil }
    for path in [path] + DebugFiles.paths(of: file) {
      if let source = try openDWARF(path) { return source }
    }
    return nil
  }

  private func namedFile(ofModule module: String) -> String? {
    options.modules.first { ModuleName.of(path: $0) == module }
  }

  /// A module may have been replaced on disk since it was loaded.
  private func isOtherThanLoaded(_ file: ELFFile, _ module: String) throws(SourceError) -> Bool {
    guard try identity().buildID == RunningKernel.buildID(),
      let loaded = RunningKernel.buildID(ofModule: module)
    else { return false }
    return file.buildID() != loaded
  }

  /// Where the kernel's file was linked to have a symbol; nil without such a file, or of a module.
  func linkAddress(of symbol: FoundSymbol) throws(SourceError) -> UInt64? {
    switch symbol.address.base {
    case .stext:
      try symbolTable()?.symbols(named: "_stext").first.map { $0.value &+ symbol.address.offset }
    case .percpu, .absolute: symbol.address.offset
    case .module, .host: nil
    }
  }

  /// The modules that are installed for the kernel.
  func moduleFiles() throws(SourceError) -> ModuleFiles? {
    if let directory = options.moduleDirectory { return ModuleFiles(directory: directory) }
    return try identity().release.map { ModuleFiles(release: $0) }
  }

  /// The installed modules that define a symbol.
  func moduleOwners(of symbol: String) throws(SourceError) -> [String] {
    try moduleFiles()?.owners(of: symbol, options.cache) ?? []
  }

  /// Which kernel all this is about. Reads no more than that takes.
  public func identity() throws(SourceError) -> KernelIdentity {
    if let knownIdentity { return knownIdentity }
    let identity = try findIdentity()
    knownIdentity = identity
    return identity
  }

  // MARK: Reading

  private func vmlinux() throws(SourceError) -> ELFFile? {
    if loadedVmlinux == nil, let path = options.vmlinux {
      loadedVmlinux = try ELFFile(path: path)
    }
    return loadedVmlinux
  }

  /// The kernel's ELF file, if it has symbols; nil where none is known.
  private func vmlinuxWithSymbols() throws(SourceError) -> ELFFile? {
    if let vmlinux = try vmlinux(), vmlinux.hasSymbols { return vmlinux }
    let identity = try identity()
    guard let buildID = identity.buildID else { return nil }
    return DebugFiles.vmlinux(release: identity.release, buildID: buildID)
  }

  private func readBTF() throws(SourceError) -> BTF {
    guard let vmlinux = try vmlinux() else {
      guard let path = options.btf else { return try RunningKernel.btf(options.cache) }
      return try BTF.read(path, cache: options.cache)
    }
    guard let path = options.btf else { return try BTF.read(vmlinux, cache: options.cache) }
    let btf = try BTF.read(path, cache: options.cache)
    guard try btf.isMade(of: BTF.section(of: vmlinux).bytes) else {
      throw .mismatch("the BTF of \(path) is not that of \(vmlinux.path)")
    }
    return btf
  }

  /// Of a file that is named, else of the running kernel.
  private func readBTF(ofModule module: String, base: BTF) throws(SourceError) -> BTF? {
    if let path = namedFile(ofModule: module) {
      let file = try ELFFile(path: path)
      guard try file.section(named: ".BTF") != nil else { return nil }
      // A module's BTF goes on where that of its kernel ends: after another's, its numbers mean others.
      if let other = try ModuleName.release(of: file), let release = try identity().release,
        other != release
      {
        throw .mismatch("\(path) is a module of kernel \(other), not of \(release)")
      }
      return try BTF.read(file, base: base)
    }
    let live = RunningKernel.btfDirectory + module
    guard access(live, R_OK) == 0, try isRunningKernelsBTF() else { return nil }
    return try BTF.read(live, base: base)
  }

  /// The symbols of the modules whose files are named.
  private func readModules() throws(SourceError) -> [String: ELFSymbolTable] {
    var tables: [String: ELFSymbolTable] = [:]
    for path in options.modules {
      tables[ModuleName.of(path: path)] = try ELFSymbolTable(ELFFile(path: path))
    }
    return tables
  }

  private func readSymbols() throws(SourceError) -> KernelSymbols {
    guard let path = options.kallsyms ?? options.systemMap else {
      if let vmlinux = try vmlinux(), vmlinux.hasSymbols, try !isRunningKernels(vmlinux),
        let table = try symbolTable()
      {
        return KernelSymbols(table)
      }
      try checkRunningKernelIsMeant()
      return try KernelSymbols(FileBytes(path: RunningKernel.kallsymsPath))
    }
    let symbols = try KernelSymbols(FileBytes(path: path))
    if options.kallsyms != nil, let map = options.systemMap {
      let map = try KernelSymbols(FileBytes(path: map))
      try check(symbols, map)
    }
    if let vmlinux = try vmlinux(), vmlinux.hasSymbols, let table = try symbolTable() {
      try check(symbols, KernelSymbols(table))
    } else if let btf = options.btf, try FileHead(btf).isELF {
      // Its build id is what the answer will carry, so its symbols have to be those.
      let file = try ELFFile(path: btf)
      if file.buildID() != nil, file.hasSymbols {
        try check(symbols, KernelSymbols(ELFSymbolTable(file, cache: options.cache)))
      }
    }
    return symbols
  }

  private func check(_ symbols: KernelSymbols, _ other: KernelSymbols) throws(SourceError) {
    guard symbols.hasSameOffsets(as: other) else {
      throw .mismatch("\(symbols.name) and \(other.name) are of different kernels")
    }
  }

  private func isRunningKernels(_ vmlinux: ELFFile) throws(SourceError) -> Bool {
    guard let running = RunningKernel.buildID() else { return false }
    return vmlinux.buildID() == running
  }

  /// The running kernel's addresses are of no use with another kernel's types.
  private func checkRunningKernelIsMeant() throws(SourceError) {
    let running = RunningKernel.buildID()
    let hints = ["give that kernel's symbols: --system-map FILE or --kallsyms FILE"]
    if let vmlinux = try vmlinux(), let buildID = vmlinux.buildID(), let running,
      buildID != running
    {
      throw .mismatch(
        "\(vmlinux.path) is of another kernel (build id \(buildID)) than the running one "
          + "(\(running))", hints: hints)
    }
    if let path = options.btf, options.vmlinux == nil, try !isRunningKernelsBTF() {
      throw .mismatch("the BTF of \(path) is not that of the running kernel", hints: hints)
    }
  }

  // MARK: Identity

  private func findIdentity() throws(SourceError) -> KernelIdentity {
    let found = try carriedIdentity()
    guard let wanted = options.buildID else { return found }
    if let carried = found.buildID, carried != wanted {
      throw .mismatch("the build id asked for is \(wanted), that of the kernel is \(carried)")
    }
    return KernelIdentity(release: found.release, buildID: wanted)
  }

  /// What the sources say of themselves. Raw BTF and lists of symbols say nothing; they are the
  /// running kernel's if the BTF is, byte for byte.
  private func carriedIdentity() throws(SourceError) -> KernelIdentity {
    if let vmlinux = try vmlinux() {
      return KernelIdentity(release: vmlinux.kernelRelease(), buildID: vmlinux.buildID())
    }
    if let path = options.btf, try FileHead(path).isELF {
      let file = try ELFFile(path: path)
      return KernelIdentity(release: file.kernelRelease(), buildID: file.buildID())
    }
    let unknown = KernelIdentity(release: nil, buildID: nil)
    guard options.kallsyms == nil, options.systemMap == nil else { return unknown }
    if options.btf != nil, try !isRunningKernelsBTF() { return unknown }
    return KernelIdentity(release: RunningKernel.release(), buildID: RunningKernel.buildID())
  }

  private func isRunningKernelsBTF() throws(SourceError) -> Bool {
    guard let live = try? FileBytes(path: RunningKernel.btfPath) else { return false }
    return try btf().isMade(of: live)
  }
}

/// The files through which the running kernel tells about itself.
enum RunningKernel {
  /// A file for each module, and `vmlinux`.
  static let btfDirectory = "/sys/kernel/btf/"
  static let btfPath = "/sys/kernel/btf/vmlinux"
  static let kallsymsPath = "/proc/kallsyms"

  static func btf(_ cache: IndexCache?) throws(SourceError) -> BTF {
    do throws(SourceError) {
      return try BTF.read(btfPath, cache: cache)
    } catch {
      guard error.cause == .unavailable else { throw error }
      var diagnostic = error.diagnostic
      diagnostic.hints = [
        "the kernel must be built with CONFIG_DEBUG_INFO_BTF (Debian's are)",
        "or name another source: --btf FILE, --vmlinux FILE",
      ]
      throw SourceError(.unavailable, diagnostic)
    }
  }

  /// nil where it cannot be read.
  static func buildID() -> String? { buildID(inNotes: "/sys/kernel/notes") }

  static func buildID(ofModule module: String) -> String? {
    buildID(inNotes: "/sys/module/\(module)/notes/.note.gnu.build-id")
  }

  private static func buildID(inNotes path: String) -> String? {
    guard let notes = try? FileBytes(path: path) else { return nil }
    return BuildID.find(inNotes: notes.bytes)
  }

  /// What `uname -r` prints; nil where it cannot be read.
  static func release() -> String? {
    guard let text = try? FileBytes(path: "/proc/sys/kernel/osrelease") else { return nil }
    return String(decoding: text.bytes.prefix { $0 > 0x20 }, as: UTF8.self)
  }
}

extension SourceError {
  static func mismatch(_ message: String, hints: [String] = []) -> SourceError {
    SourceError(.malformed, Diagnostic("kernel-mismatch", message, hints: hints))
  }
}
