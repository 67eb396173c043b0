// SPDX-License-Identifier: MIT

/// The arithmetic types and their layout on x86-64 (psABI 3.1.2). Names are the shortest spellings.
public enum BasicType: UInt8, CaseIterable, Sendable {
  case bool, char, signedChar, unsignedChar, short, unsignedShort, int, unsignedInt, long
  case unsignedLong, longLong, unsignedLongLong, int128, unsignedInt128
  // By rank, as gcc has it.
  case float16, float, float32, float32x, double, float64, longDouble, float64x, float128
  case complexFloat, complexDouble, complexLongDouble

  public var type: CType {
    switch self {
    case .bool: integer("_Bool", 1, .bool)
    case .char: integer("char", 1, .char)
    case .signedChar: integer("signed char", 1, .signed)
    case .unsignedChar: integer("unsigned char", 1, .unsigned)
    case .short: integer("short", 2, .signed)
    case .unsignedShort: integer("unsigned short", 2, .unsigned)
    case .int: integer("int", 4, .signed)
    case .unsignedInt: integer("unsigned int", 4, .unsigned)
    case .long: integer("long", 8, .signed)
    case .unsignedLong: integer("unsigned long", 8, .unsigned)
    case .longLong: integer("long long", 8, .signed)
    case .unsignedLongLong: integer("unsigned long long", 8, .unsigned)
    case .int128: integer("__int128", 16, .signed)
    case .unsignedInt128: integer("unsigned __int128", 16, .unsigned)
    case .float16: .float(name: "_Float16", size: 2, align: 2)
    case .float: .float(name: "float", size: 4, align: 4)
    case .double: .float(name: "double", size: 8, align: 8)
    case .longDouble: .float(name: "long double", size: 16, align: 16)
    case .float128: .float(name: "_Float128", size: 16, align: 16)
    case .float32: .float(name: "_Float32", size: 4, align: 4)
    case .float64: .float(name: "_Float64", size: 8, align: 8)
    case .float32x: .float(name: "_Float32x", size: 8, align: 8)
    case .float64x: .float(name: "_Float64x", size: 16, align: 16)
    case .complexFloat: .complex(name: "_Complex float", size: 8, align: 4)
    case .complexDouble: .complex(name: "_Complex double", size: 16, align: 8)
    case .complexLongDouble: .complex(name: "_Complex long double", size: 32, align: 16)
    }
  }

  private func integer(_ name: String, _ size: UInt64, _ encoding: IntEncoding) -> CType {
    .int(name: name, size: size, align: size, encoding: encoding)
  }

  public var isComplex: Bool { rawValue >= BasicType.complexFloat.rawValue }

  /// Of a floating or complex type, the type of its parts.
  public var realFloating: BasicType? {
    switch self {
    case .complexFloat: .float
    case .complexDouble: .double
    case .complexLongDouble: .longDouble
    default: rawValue >= BasicType.float16.rawValue ? self : nil
    }
  }

  /// The complex type of the same precision.
  public var complex: BasicType? {
    switch self {
    case .float: .complexFloat
    case .double: .complexDouble
    case .longDouble: .complexLongDouble
    default: nil
    }
  }
}

/// What the integer conversions (C11 6.3.1) need to know of an integer type.
public struct IntegerType: Equatable, Sendable {
  /// Bytes.
  public var size: UInt64
  public var isSigned: Bool
  public var isBool: Bool
  /// 0 below int; int 1, long 2, long long 3, __int128 4.
  public var rank: Int

  public init(size: UInt64, isSigned: Bool, isBool: Bool = false, rank: Int) {
    self.size = size
    self.isSigned = isSigned
    self.isBool = isBool
    self.rank = rank
  }

  public var bits: UInt64 { size * 8 }

  /// The value as this type holds it: cut off, then extended to 64 bits.
  public func wrap(_ value: UInt64) -> UInt64 {
    if isBool { return value == 0 ? 0 : 1 }
    guard bits < 64 else { return value }
    let shift = 64 - bits
    return isSigned
      ? UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift))
      : (value << shift) >> shift
  }
}
