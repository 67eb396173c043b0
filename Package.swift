// swift-tools-version: 6.0
// SPDX-License-Identifier: MIT

import PackageDescription

// One section per target: libraries, C, executables, tests; alphabetical in each.

let swift: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .unsafeFlags(["-warnings-as-errors"]),
]
let warnings: [CSetting] = [.unsafeFlags(["-std=gnu11", "-Wall", "-Wextra", "-Werror"])]
/// As in the kernel. Also faster: a value is two words, written one by one, and a vector register that
/// reads both at once would wait for both to have reached the cache.
let generalRegisters: CSetting = .unsafeFlags(["-mgeneral-regs-only"])
let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

/// A thin command over libraries.
func command(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + ["Diagnostics", "StageIO", argumentParser],
    swiftSettings: swift)
}

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swift)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: swift)
}

/// A program over libFuzzer, which comes with the link.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: "fuzz-\(name)", dependencies: dependencies + ["Fuzzing"], path: "Tests/Fuzz/\(name)",
    exclude: ["corpus", "covers", "dictionary", "options"],
    swiftSettings: swift)
}

let package = Package(
  name: "ktap-ffi",
  products: [
    .executable(name: "cdef-parse", targets: ["cdef-parse"]),
    .executable(name: "ksym-resolve", targets: ["ksym-resolve"]),
    .executable(name: "ktap-load", targets: ["ktap-load"]),
    .executable(name: "ktapc", targets: ["ktapc"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
  ],
  targets: [
    library("CDefParser", ["Diagnostics", "TypeIR"]),
    library("DebugInfo", ["CElfutils", "Diagnostics"]),
    library("Diagnostics"),
    library("KtapCompiler", ["CKtapImage", "Diagnostics", "KtapImage", "TypeIR"]),
    library("KtapImage", ["CKtapImage", "Diagnostics"]),
    library("KtapLoader", ["CKtapHost", "CKtapImage", "CKtapVM", "Diagnostics", "KtapImage"]),
    library("StageIO", ["Diagnostics", argumentParser, systemPackage]),
    library("SymbolResolver", ["DebugInfo", "Diagnostics", "TypeIR"]),
    library("TypeIR", ["Diagnostics"]),

    .systemLibrary(name: "CElfutils", pkgConfig: "libdw", providers: [.apt(["libdw-dev"])]),
    .target(name: "CKtapCall", path: "kmod/arch/x86_64"),
    .target(
      name: "CKtapHost", dependencies: ["CKtapCall", "CKtapImage", "CKtapVM"], cSettings: warnings),
    .target(name: "CKtapImage", path: "kmod/uapi", cSettings: warnings),
    .target(
      name: "CKtapVM", dependencies: ["CKtapImage"], path: "kmod/vm",
      cSettings: warnings + [generalRegisters]),
    .target(
      name: "CKtapVMTestCallees", dependencies: ["CKtapHost", "CKtapVM"],
      path: "Tests/CKtapVMTestCallees", cSettings: warnings),

    command("cdef-parse", ["CDefParser", "TypeIR"]),
    command("ksym-resolve", ["DebugInfo", "SymbolResolver", "TypeIR"]),
    command("ktap-load", ["KtapImage", "KtapLoader"]),
    command("ktapc", ["KtapCompiler", "KtapImage", "TypeIR"]),

    tests("CDefParserTests", ["CDefParser", "Diagnostics", "TypeIR", "cdef-parse"]),
    tests(
      "CKtapVMTests",
      [
        "CKtapHost", "CKtapImage", "CKtapVM", "CKtapVMTestCallees", "Diagnostics", "KtapImage",
        "KtapLoader",
      ]),
    .target(
      name: "DebugInfoFixtures", dependencies: ["DebugInfo"], path: "Tests/DebugInfoFixtures",
      swiftSettings: swift),
    tests("DebugInfoTests", ["DebugInfo", "DebugInfoFixtures", "Diagnostics"]),
    tests("DiagnosticsTests", ["Diagnostics"]),
    tests(
      "KtapCompilerTests",
      ["CKtapImage", "CKtapVM", "Diagnostics", "KtapCompiler", "KtapImage", "TypeIR"]),
    tests("KtapImageTests", ["CKtapImage", "Diagnostics", "KtapImage"]),
    tests("KtapLoaderTests", ["CKtapImage", "KtapImage", "KtapLoader"]),
    .testTarget(
      name: "PipelineTests",
      dependencies: ["TestSupport", "cdef-parse", "ksym-resolve", "ktap-load", "ktapc"],
      exclude: ["Cases"], swiftSettings: swift),
    tests(
      "SymbolResolverTests",
      [
        "CDefParser", "DebugInfo", "DebugInfoFixtures", "Diagnostics", "SymbolResolver", "TypeIR",
        "ksym-resolve",
      ]),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swift),
    tests("TypeIRTests", ["Diagnostics", "TypeIR"]),
  ]
)

// Built by 'make bench-cdef' alone.
if Context.environment["KTAP_BENCH"] != nil {
  package.targets.append(
    .executableTarget(
      name: "bench-codec", dependencies: ["StageIO", "TypeIR"], path: "pipeline/bench/codec",
      swiftSettings: swift))
}

// The fuzzers are built by Tests/Fuzz/run alone, which instruments everything.
if Context.environment["KTAP_FUZZ"] != nil {
  package.targets += [
    .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
    .target(
      name: "Fuzzing", dependencies: ["CLibFuzzer"], path: "Tests/Fuzz/Fuzzing",
      swiftSettings: swift),

    fuzzer("btf", ["DebugInfo"]),
    fuzzer("cdef", ["CDefParser", "Diagnostics", "TypeIR"]),
  ]
}
