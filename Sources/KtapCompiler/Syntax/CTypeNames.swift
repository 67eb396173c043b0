// SPDX-License-Identifier: MIT

/// Names of a script that are types of C: `c_int(v)` is `ffi.typeof("int")(v)`.
enum CTypeNames {
  /// The C that a name stands for; nil if the name is none of these.
  static func type(named name: String) -> String? {
    guard name.hasPrefix("c_") else { return nil }
    return types[name]
  }

  static let types: [String: String] = [
    "c_bool": "_Bool",
    "c_char": "char", "c_schar": "signed char", "c_uchar": "unsigned char",
    "c_short": "short", "c_ushort": "unsigned short",
    "c_int": "int", "c_uint": "unsigned int",
    "c_long": "long", "c_ulong": "unsigned long",
    "c_longlong": "long long", "c_ulonglong": "unsigned long long",
    "c_size_t": "unsigned long", "c_ssize_t": "long",
    "c_int8": "signed char", "c_uint8": "unsigned char",
    "c_int16": "short", "c_uint16": "unsigned short",
    "c_int32": "int", "c_uint32": "unsigned int",
    "c_int64": "long", "c_uint64": "unsigned long",
    "c_char_p": "const char *", "c_void_p": "void *",
  ]
}
