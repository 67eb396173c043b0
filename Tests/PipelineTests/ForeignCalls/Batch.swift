// SPDX-License-Identifier: MIT

/// Functions with random signatures, once as C on both sides, once with the script as one of them.
///
/// For each signature the library has `f_N`, which logs what it gets and returns a value; `r_N`, which logs
/// such a value; and `c_N`, which calls the function that it is given and logs what that returns. `main` of
/// the driver and the script make the same calls, so that the logs must be the same, byte for byte.
struct Batch {
  private var library = ""
  private var prototypes = ""
  private var driver = ""
  private var script = ""
  private var generator: SignatureGenerator

  init(seed: UInt64, signatures count: Int) {
    generator = SignatureGenerator(seed: seed)
    for number in 0..<count { add(generator.signature(number)) }
  }

  private mutating func add(_ signature: Signature) {
    let arguments = signature.parameters.map { generator.value($0) }
    let results = signature.result.map { type in (0..<2).map { _ in (type, generator.value(type)) }
    }
    addFunctions(signature, returning: results?[0])
    addCall(signature, arguments)
    if signature.tail == nil {
      addCallback(signature, arguments, returning: results?[1])
    }
  }

  private func parameterList(_ signature: Signature) -> String {
    let names = signature.parameters.enumerated().map { generator.declaration($1, "a\($0)") }
    let all = names + (signature.tail == nil ? [] : ["..."])
    return all.isEmpty ? "void" : all.joined(separator: ", ")
  }

  private func head(_ signature: Signature, _ name: String) -> String {
    let convention = signature.isMicrosoft ? "__attribute__((ms_abi)) " : ""
    let declarator = "\(convention)\(name)(\(parameterList(signature)))"
    return signature.result.map { generator.declaration($0, declarator) } ?? "void \(declarator)"
  }

  private mutating func addFunctions(
    _ signature: Signature, returning value: (type: CType, value: CValue)?
  ) {
    let number = signature.number
    let result = signature.result.map { generator.declaration($0, "v") } ?? "void"
    prototypes += "\(head(signature, "f_\(number)"));\nvoid r_\(number)(\(result));\n"
    var body = "log_name(\"f\", \(number)); "
    for (index, type) in signature.parameters.enumerated() {
      body += generator.logging("a\(index)", type) + " "
    }
    if let tail = signature.tail {
      body += "va_list tail; va_start(tail, a\(signature.parameters.count - 1)); "
      body += String(repeating: "log_number(va_arg(tail, long)); ", count: tail.count)
      body += "va_end(tail); "
    }
    if let value { body += "return \(generator.cExpression(value.value, value.type));" }
    library += "\(head(signature, "f_\(number)")) { \(body) }\n"
    let logged = signature.result.map { generator.logging("v", $0) } ?? ""
    library += "void r_\(number)(\(result)) { log_name(\"r\", \(number)); \(logged) }\n"
  }

  private mutating func addCall(_ signature: Signature, _ arguments: [CValue]) {
    let pairs = zip(arguments, signature.parameters)
    let tail = signature.tail ?? []
    let c = pairs.map { generator.cExpression($0, $1) } + tail.map { "(long)\($0)" }
    let kp = pairs.map { generator.scriptExpression($0, $1) } + tail.map { "\($0)" }
    let number = signature.number
    let cCall = "f_\(number)(\(c.joined(separator: ", ")))"
    let kpCall = "ffi.C.f_\(number)(\(kp.joined(separator: ", ")))"
    if signature.result == nil {
      driver += "  \(cCall); r_\(number)();\n"
      script += "\(kpCall)\nffi.C.r_\(number)()\n"
    } else {
      driver += "  r_\(number)(\(cCall));\n"
      script += "ffi.C.r_\(number)(\(kpCall))\n"
    }
  }

  private mutating func addCallback(
    _ signature: Signature, _ arguments: [CValue], returning value: (type: CType, value: CValue)?
  ) {
    let number = signature.number
    let names = signature.parameters.indices.map { "a\($0)" }.joined(separator: ", ")
    let taken = head(signature, "(*callback)")
    prototypes += "void c_\(number)(\(taken));\n"
    let values = zip(arguments, signature.parameters).map { generator.cExpression($0, $1) }
    let call = "callback(\(values.joined(separator: ", ")))"
    library += "void c_\(number)(\(taken)) { log_name(\"c\", \(number)); "
    library += value == nil ? "\(call); r_\(number)(); }\n" : "r_\(number)(\(call)); }\n"
    // A nested function (GNU C) keeps the driver in one place.
    let returned = value.map { "return \(generator.cExpression($0.value, $0.type));" } ?? ""
    driver += "  { \(head(signature, "callback")) { f_\(number)(\(names)); \(returned) }"
    driver += " c_\(number)(callback); }\n"
    let scriptReturned = value.map { "return " + generator.scriptExpression($0.value, $0.type) }
    script += "ffi.C.c_\(number)(function (\(names)) { ffi.C.f_\(number)(\(names)) "
    script += "\(scriptReturned ?? "") })\n"
  }

  // MARK: - Files

  private static let logPrototypes = """
    void log_name(const char *kind, int number);
    void log_number(long long number);
    void log_write(void);

    """

  /// The calls' other side.
  var librarySource: String {
    """
    #include <stdarg.h>
    #include <stdio.h>
    #include <stdlib.h>
    \(generator.recordDeclarations)\(Self.logPrototypes)\(prototypes)
    static FILE *log_file;
    static FILE *log_open(void) { return log_file ? log_file : (log_file = fopen("log", "w")); }
    void log_name(const char *kind, int number) { fprintf(log_open(), "\\n%s %d:", kind, number); }
    void log_number(long long number) { fprintf(log_open(), " %llx", number); }
    void log_write(void) { fclose(log_open()); log_file = NULL; }
    \(library)
    """
  }

  /// The calls in C.
  var driverSource: String {
    """
    \(generator.recordDeclarations)\(Self.logPrototypes)\(prototypes)
    int main(void) {
    \(driver)  log_write();
      return 0;
    }

    """
  }

  /// The calls in the script.
  var scriptSource: String {
    """
    ffi.cdef([[
    \(generator.recordDeclarations)void log_write(void);
    \(prototypes)]])
    \(script)ffi.C.log_write()

    """
  }
}
