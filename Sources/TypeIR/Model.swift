// SPDX-License-Identifier: MIT

// The type IR in memory: the three documents that flow between the stages. docs/type-ir.md gives
// their JSON; the codec of this module is the only reader and writer of it.

/// The number of a type in its document. Ids run from 1 in order of first mention; 0 is `void`.
public struct TypeID: Hashable, Comparable, Sendable {
  public var rawValue: Int32

  public init(_ rawValue: Int32) { self.rawValue = rawValue }

  public static let void = TypeID(0)

  public static func < (left: TypeID, right: TypeID) -> Bool { left.rawValue < right.rawValue }
}

/// How the bits of an integer type are to be read.
public enum IntEncoding: String, Hashable, Sendable, CaseIterable {
  case signed, unsigned, bool
  /// Plain `char`; ``Target/charIsSigned`` says its sign.
  case char
}

public enum TagKeyword: String, Hashable, Sendable, CaseIterable {
  case `struct`, union, `enum`
}

/// A struct or union whose members are known (C11 6.7.2.1).
public struct Record: Hashable, Sendable {
  /// `.struct` or `.union`.
  public var keyword: TagKeyword
  /// The tag; nil for an anonymous type.
  public var tag: String?
  /// Bytes; nil while a member's type is unresolved.
  public var size: UInt64?
  /// Bytes, a power of two; nil while a member's type is unresolved.
  public var align: UInt64?
  public var members: [Member]
  /// `__attribute__((transparent_union))`.
  public var isTransparent: Bool
  /// What the layout must heed; ``LayoutRequest/none`` once it is computed.
  public var request: LayoutRequest

  public init(
    keyword: TagKeyword, tag: String?, size: UInt64?, align: UInt64?, members: [Member],
    isTransparent: Bool = false, request: LayoutRequest = .none
  ) {
    self.keyword = keyword
    self.tag = tag
    self.size = size
    self.align = align
    self.members = members
    self.isTransparent = isTransparent
    self.request = request
  }
}

/// What attributes and pragmas ask of the layout of a record or a member. Stored only while the
/// layout cannot be computed, because a member's type is not known yet: afterwards sizes, alignments
/// and offsets say it all.
public struct LayoutRequest: Hashable, Sendable {
  /// `__attribute__((packed))`.
  public var isPacked: Bool
  /// Bytes, a power of two: `__attribute__((aligned(n)))`, `_Alignas(n)`; 0 for none.
  public var align: UInt32
  /// Bytes, a power of two: the `#pragma pack(n)` that a record was defined under; 0 for none.
  public var maximumAlign: UInt32
  /// `__attribute__((ms_struct))`, of a record: bit-fields are laid out as Microsoft's compiler does.
  public var isMS: Bool
  /// Bytes, a power of two: what a member's declarator makes of its type's alignment; 0 for none.
  public var typeAlign: UInt32

  public init(
    isPacked: Bool = false, align: UInt32 = 0, maximumAlign: UInt32 = 0, isMS: Bool = false,
    typeAlign: UInt32 = 0
  ) {
    self.isPacked = isPacked
    self.align = align
    self.maximumAlign = maximumAlign
    self.isMS = isMS
    self.typeAlign = typeAlign
  }

  public static let none = LayoutRequest()
}

public struct Member: Hashable, Sendable {
  /// nil for an anonymous struct or union, whose members count as the record's own, and for an
  /// unnamed bit-field, which is padding.
  public var name: String?
  public var type: TypeID
  /// Bits from the start of the record, least significant bit first; nil while not known.
  public var bitOffset: UInt64?
  /// Bits; nil unless a bit-field. 0 only while the record's layout is not known.
  public var bitSize: UInt32?
  /// What the layout must heed; ``LayoutRequest/none`` once it is computed.
  public var request: LayoutRequest

  public init(
    name: String?, type: TypeID, bitOffset: UInt64?, bitSize: UInt32? = nil,
    request: LayoutRequest = .none
  ) {
    self.name = name
    self.type = type
    self.bitOffset = bitOffset
    self.bitSize = bitSize
    self.request = request
  }
}

public struct Enumeration: Hashable, Sendable {
  public var tag: String?
  /// Bytes.
  public var size: UInt64
  public var isSigned: Bool
  public var values: [Enumerator]

  public init(tag: String?, size: UInt64, isSigned: Bool, values: [Enumerator]) {
    self.tag = tag
    self.size = size
    self.isSigned = isSigned
    self.values = values
  }
}

public struct Enumerator: Hashable, Sendable {
  public var name: String
  public var value: IntegerValue

  public init(name: String, value: IntegerValue) {
    self.name = name
    self.value = value
  }
}

public enum ArrayLength: Hashable, Sendable {
  case count(UInt64)
  /// `[]`: a flexible array member, an incomplete array, or `[?]` in a type string.
  case flexible
}

public struct Parameter: Hashable, Sendable {
  public var name: String?
  /// Decayed and unqualified (C11 6.7.6.3p7, p8, p15).
  public var type: TypeID

  public init(name: String?, type: TypeID) {
    self.name = name
    self.type = type
  }
}

public enum CallingConvention: String, Hashable, Sendable, CaseIterable {
  case sysv, ms
}

public struct FunctionType: Hashable, Sendable {
  public var returnType: TypeID
  public var parameters: [Parameter]
  public var isVariadic: Bool
  public var convention: CallingConvention

  public init(
    returnType: TypeID, parameters: [Parameter], isVariadic: Bool = false,
    convention: CallingConvention = .sysv
  ) {
    self.returnType = returnType
    self.parameters = parameters
    self.isVariadic = isVariadic
    self.convention = convention
  }
}

/// One type. The kinds are BTF's, and `complex`, `vector`, `atomic`, `unresolved`.
public enum CType: Hashable, Sendable {
  /// `size` and `align` in bytes. 16 bytes: `__int128`.
  case int(name: String, size: UInt64, align: UInt64, encoding: IntEncoding)
  case float(name: String, size: UInt64, align: UInt64)
  case complex(name: String, size: UInt64, align: UInt64)
  case pointer(TypeID)
  case array(element: TypeID, length: ArrayLength)
  case vector(element: TypeID, count: UInt64)
  // The large ones apart: a type is copied more often than it is looked into.
  indirect case record(Record)
  indirect case enumeration(Enumeration)
  /// A tag that is declared and not defined.
  case forward(keyword: TagKeyword, tag: String)
  /// `align` only where an attribute changes it, in bytes.
  case typedef(name: String, type: TypeID, align: UInt64?)
  case const(TypeID)
  case volatile(TypeID)
  case restrict(TypeID)
  case atomic(TypeID)
  indirect case function(FunctionType)
  /// An identifier that stands where a type must, and that nothing declares. `ksym-resolve` may know it.
  case unresolved(name: String)
}

/// Where a completed type came from; types without one are the script's.
public enum TypeOrigin: String, Hashable, Sendable, CaseIterable {
  case kernel, host
}

public struct TypeEntry: Hashable, Sendable {
  public var type: CType
  public var origin: TypeOrigin?

  public init(_ type: CType, origin: TypeOrigin? = nil) {
    self.type = type
    self.origin = origin
  }
}

/// The machine that sizes and offsets are for.
public struct Target: Hashable, Sendable {
  public var arch: String
  public var abi: String
  /// Bytes.
  public var pointerSize: UInt64
  public var charIsSigned: Bool

  public init(arch: String, abi: String, pointerSize: UInt64, charIsSigned: Bool) {
    self.arch = arch
    self.abi = abi
    self.pointerSize = pointerSize
    self.charIsSigned = charIsSigned
  }

  /// x86-64, System V ABI, `char` signed.
  public static let x86SysV = Target(
    arch: "x86_64", abi: "sysv", pointerSize: 8, charIsSigned: true)
}

/// The types of a document: dense, id 1 first. Subscripting with `.void` is a programming error.
public struct TypeTable: Hashable, Sendable {
  public var entries: [TypeEntry]

  public init(_ entries: [TypeEntry] = []) { self.entries = entries }

  public var count: Int { entries.count }

  public subscript(id: TypeID) -> CType {
    get { entries[Int(id.rawValue) - 1].type }
    set { entries[Int(id.rawValue) - 1].type = newValue }
  }

  public func contains(_ id: TypeID) -> Bool {
    id.rawValue >= 0 && Int(id.rawValue) <= entries.count
  }

  @discardableResult
  public mutating func append(_ type: CType, origin: TypeOrigin? = nil) -> TypeID {
    entries.append(TypeEntry(type, origin: origin))
    return TypeID(Int32(entries.count))
  }
}

public enum SymbolKind: String, Hashable, Sendable, CaseIterable {
  case function = "func"
  case variable = "var"
}

/// A function or variable that the C declares.
public struct SymbolDeclaration: Hashable, Sendable {
  public var name: String
  public var kind: SymbolKind
  public var type: TypeID
  /// `path:line:col`.
  public var at: String
  /// From `__asm__("name")`.
  public var linkName: String?
  /// Only a body was seen, of an inline function.
  public var isInlineOnly: Bool

  public init(
    name: String, kind: SymbolKind, type: TypeID, at: String, linkName: String? = nil,
    isInlineOnly: Bool = false
  ) {
    self.name = name
    self.kind = kind
    self.type = type
    self.at = at
    self.linkName = linkName
    self.isInlineOnly = isInlineOnly
  }
}

/// A macro or enumerator that a script can use by name.
public struct Constant: Hashable, Sendable {
  public var name: String
  public var value: IntegerValue
  public var type: TypeID

  public init(name: String, value: IntegerValue, type: TypeID) {
    self.name = name
    self.value = value
    self.type = type
  }
}

/// A type string of the script ("struct task_struct *") and the type that it means.
public struct TypeExpression: Hashable, Sendable {
  public var text: String
  public var type: TypeID
  public var at: String

  public init(text: String, type: TypeID, at: String) {
    self.text = text
    self.type = type
    self.at = at
  }
}

/// How a script uses a foreign name.
public enum NameUse: String, Hashable, Sendable, CaseIterable {
  /// `` `name` ``
  case token
  /// `ffi.C.name(…)`
  case call
  /// `ffi.C.name` without a call
  case value
}

/// Something that the resolver must find: a symbol (declared or not), or a type that the C uses
/// and does not declare. A type's name is "struct tag", "union tag", "enum tag", or an identifier.
public struct Want: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable { case symbol, type }

  public var name: String
  public var kind: Kind
  /// Symbols only; nil where a header, not a script, wants it.
  public var use: NameUse?
  public var at: String

  public init(name: String, kind: Kind, use: NameUse? = nil, at: String) {
    self.name = name
    self.kind = kind
    self.use = use
    self.at = at
  }
}

/// `ktap.externs`: what a script needs, as ktapc lists it.
public struct ExternsDocument: Hashable, Sendable {
  /// A cdef block and where each byte of it stands in the script.
  public struct CDef: Hashable, Sendable {
    public var text: String
    public var at: String
    public var map: [MapEntry]

    public init(text: String, at: String, map: [MapEntry]) {
      self.text = text
      self.at = at
      self.map = map
    }
  }

  /// From byte `offset` of the text on, byte by byte up to the next entry: line and column in the
  /// script (both from 1; the column counts bytes).
  public struct MapEntry: Hashable, Sendable {
    public var offset: Int
    public var line: Int
    public var column: Int

    public init(offset: Int, line: Int, column: Int) {
      self.offset = offset
      self.line = line
      self.column = column
    }
  }

  public struct TypeString: Hashable, Sendable {
    public var text: String
    public var at: String

    public init(text: String, at: String) {
      self.text = text
      self.at = at
    }
  }

  public struct Name: Hashable, Sendable {
    public var name: String
    public var use: NameUse
    public var at: String

    public init(name: String, use: NameUse, at: String) {
      self.name = name
      self.use = use
      self.at = at
    }
  }

  public var cdefs: [CDef]
  public var types: [TypeString]
  public var names: [Name]
  /// Sorted, each once: every member name that the script uses.
  public var members: [String]

  public init(
    cdefs: [CDef] = [], types: [TypeString] = [], names: [Name] = [], members: [String] = []
  ) {
    self.cdefs = cdefs
    self.types = types
    self.names = names
    self.members = members
  }
}

/// `ktap.types`: what the C says.
public struct TypesDocument: Hashable, Sendable {
  public var target: Target
  public var types: TypeTable
  public var symbols: [SymbolDeclaration]
  public var constants: [Constant]
  public var expressions: [TypeExpression]
  public var wants: [Want]
  /// From the externs, unchanged.
  public var members: [String]

  public init(
    target: Target = .x86SysV, types: TypeTable = TypeTable(), symbols: [SymbolDeclaration] = [],
    constants: [Constant] = [], expressions: [TypeExpression] = [], wants: [Want] = [],
    members: [String] = []
  ) {
    self.target = target
    self.types = types
    self.symbols = symbols
    self.constants = constants
    self.expressions = expressions
    self.wants = wants
    self.members = members
  }
}

/// Where a symbol is, relative to something that moves from boot to boot.
public struct SymbolAddress: Hashable, Sendable {
  public enum Base: Hashable, Sendable {
    case stext
    case percpu
    case absolute
    case module(String)
    /// A shared object's soname.
    case host(String)
  }

  public var base: Base
  /// Bytes from the base. Of a module's or host's symbol: from its section's or object's start.
  public var offset: UInt64

  public init(base: Base, offset: UInt64) {
    self.base = base
    self.offset = offset
  }
}

/// Where a symbol's type came from.
public enum SymbolSource: String, Hashable, Sendable, CaseIterable {
  case btf, dwarf, symtab, host
  case dwarfDeclaration = "dwarf-declaration"
}

/// What the comparison of the script's declaration with the kernel's said.
public enum SymbolCheck: String, Hashable, Sendable, CaseIterable {
  case matches
  /// The script declares nothing: the type is the kernel's.
  case undeclared
  /// The kernel carries no type for it: the type is the script's word.
  case unverified
}

/// Whether a function may sleep, as far as its direct calls tell.
public enum SleepFact: String, Hashable, Sendable, CaseIterable {
  case yes, no
  /// Nothing that it calls directly sleeps; but it calls what only pointers know.
  case notKnown = "not-known"
}

/// What a caller should know about a symbol. All optional: a list of symbols and BTF say none of it;
/// the kernel's ELF file and its DWARF do.
public struct SymbolFacts: Hashable, Sendable {
  /// The section of the ELF file that it is in.
  public var section: String?
  /// Whether modules may use it (EXPORT_SYMBOL).
  public var isExported: Bool?
  public var maySleep: SleepFact?
  /// Whether it returns to its caller: `DW_AT_noreturn`.
  public var isNoReturn: Bool?
  /// Where it is defined: "fs/read_write.c:450".
  public var definedAt: String?

  public init(
    section: String? = nil, isExported: Bool? = nil, maySleep: SleepFact? = nil,
    isNoReturn: Bool? = nil, definedAt: String? = nil
  ) {
    self.section = section
    self.isExported = isExported
    self.maySleep = maySleep
    self.isNoReturn = isNoReturn
    self.definedAt = definedAt
  }
}

public struct ResolvedSymbol: Hashable, Sendable {
  public var name: String
  public var kind: SymbolKind
  public var type: TypeID
  public var at: String
  public var linkName: String?
  public var address: SymbolAddress
  /// Bytes; nil where nothing says it. Without ELF it is the distance to the next higher symbol.
  public var size: UInt64?
  public var module: String?
  public var source: SymbolSource
  public var check: SymbolCheck
  public var facts: SymbolFacts

  public init(
    name: String, kind: SymbolKind, type: TypeID, at: String, linkName: String? = nil,
    address: SymbolAddress, size: UInt64?, module: String? = nil, source: SymbolSource,
    check: SymbolCheck, facts: SymbolFacts = SymbolFacts()
  ) {
    self.name = name
    self.kind = kind
    self.type = type
    self.at = at
    self.linkName = linkName
    self.address = address
    self.size = size
    self.module = module
    self.source = source
    self.check = check
    self.facts = facts
  }
}

public struct KernelIdentity: Hashable, Sendable {
  /// As `uname -r` prints it; nil where not known.
  public var release: String?
  /// Lower-case hexadecimal; nil: the image will be unbound, and refused.
  public var buildID: String?

  public init(release: String?, buildID: String?) {
    self.release = release
    self.buildID = buildID
  }
}

/// `ktap.resolved`: what the kernel (or the host process) says.
public struct ResolvedDocument: Hashable, Sendable {
  public enum TargetKind: String, Hashable, Sendable, CaseIterable { case kernel, host }

  public var target: Target
  public var targetKind: TargetKind
  public var kernel: KernelIdentity
  public var types: TypeTable
  public var symbols: [ResolvedSymbol]
  public var constants: [Constant]
  public var expressions: [TypeExpression]

  public init(
    target: Target = .x86SysV, targetKind: TargetKind, kernel: KernelIdentity,
    types: TypeTable = TypeTable(), symbols: [ResolvedSymbol] = [], constants: [Constant] = [],
    expressions: [TypeExpression] = []
  ) {
    self.target = target
    self.targetKind = targetKind
    self.kernel = kernel
    self.types = types
    self.symbols = symbols
    self.constants = constants
    self.expressions = expressions
  }
}
