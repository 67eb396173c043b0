// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Testing
import TypeIR

@testable import SymbolResolver

@Suite struct HostTests {
  private func resolve(_ script: Script, libraries: [String] = []) throws -> Resolution {
    let resolution = try HostResolver.resolve(script.document(), libraries: libraries)
    #expect(
      try ResolvedDocument.decode(resolution.document.encode(), name: "resolved")
        == resolution.document)
    return resolution
  }

  private func error(_ script: Script, libraries: [String] = []) throws -> Diagnostic {
    let errors = try #require(throws: DiagnosticList.self) {
      try resolve(script, libraries: libraries)
    }.diagnostics
    try #require(errors.count == 1, "\(errors.map(\.message))")
    return errors[0]
  }

  @Test func functionsOfTheCLibrary() throws {
    let resolution = try resolve(
      Script(
        c: """
          struct timeval { long tv_sec, tv_usec; };
          int gettimeofday(struct timeval *, void *);
          unsigned long strlen(const char *);
          """, calls: ["gettimeofday", "strlen"]))
    // Both may be chosen at load time (IFUNC): the library, not the chosen code, is named.
    for name in ["gettimeofday", "strlen"] {
      let symbol = try resolution.symbol(name)
      #expect(symbol.kind == .function)
      #expect(symbol.address.base == .host("libc.so.6"))
      #expect(symbol.check == .unverified)
      #expect(symbol.source == .host)
    }
    #expect(resolution.warnings.isEmpty)
    #expect(resolution.document.targetKind == .host)
    #expect(resolution.document.kernel == KernelIdentity(release: nil, buildID: nil))
  }

  @Test func aLibraryOfTheUsers() throws {
    let workshop = try Workshop()
    try workshop.write("lib.c", "long ktap_test_numbers[4]; int ktap_test_ask(void) { return 42; }")
    try workshop.run(
      "gcc", "-shared", "-fPIC", "-Wl,-soname,libktaptest.so.1", "lib.c", "-o", "lib.so")
    let script = Script(
      c: "extern long ktap_test_numbers[4]; int ktap_test_ask(void);",
      calls: ["ktap_test_ask"], values: ["ktap_test_numbers"])
    let resolution = try resolve(script, libraries: [workshop.path("lib.so")])
    // By its soname, the dynamic linker would not find it.
    let path = try #require(LoadedObjects.realPath(workshop.path("lib.so")))
    #expect(try resolution.symbol("ktap_test_ask").address.base == .host(path))
    let numbers = try resolution.symbol("ktap_test_numbers")
    #expect(numbers.kind == .variable)
    #expect(numbers.size == 32)

    var larger = script
    larger.c = "extern long ktap_test_numbers[5]; int ktap_test_ask(void);"
    #expect(try error(larger, libraries: [workshop.path("lib.so")]).id == "size-exceeds-symbol")
    larger.c = "long ktap_test_numbers(void); int ktap_test_ask(void);"
    #expect(try error(larger, libraries: [workshop.path("lib.so")]).id == "kind-differs")
  }

  @Test func aLibraryThatIsNotThere() throws {
    let error = try #require(throws: SourceError.self) {
      try resolve(Script(), libraries: ["/nowhere/lib.so"])
    }
    #expect(error.cause == .unavailable)
    #expect(error.diagnostic.message.contains("/nowhere/lib.so"))
  }

  @Test func everythingMustBeDeclared() throws {
    let error = try error(Script(calls: ["getpid"]))
    #expect(error.id == "undeclared-symbol")
    #expect(error.hints.first?.contains("must be declared") == true)
    #expect(try self.error(Script(c: "pid_tt f(void);", types: ["pid_tt"])).id == "unknown-type")
  }

  @Test func unknownNamesHaveSuggestions() throws {
    let own = try error(
      Script(c: "int gettimeofday(void *, void *);", calls: ["gettimeofdat"]))
    #expect(own.id == "unknown-symbol")
    #expect(own.hints == ["did you mean 'gettimeofday', declared at s.kp:1:5?"])
    #expect(try error(Script(calls: ["gettimeofdat"])).hints == ["did you mean 'gettimeofday'?"])
  }

  @Test func opaqueTagsStayOpaque() throws {
    let resolution = try resolve(
      Script(
        c: "struct FILE; int fclose(struct FILE *);", types: ["struct FILE *"], calls: ["fclose"]))
    #expect(resolution.isForward("FILE"))
  }
}
