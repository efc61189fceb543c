// swift-tools-version: 6.2

import PackageDescription

/// Every Swift target is compiled with the same strictness. None of these is an `unsafeFlags`, which would bar the package
/// from being a dependency.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
]

let cSettings: [CSetting] = [.enableWarning("all")]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let instrumentation = Target.Dependency.product(name: "Instrumentation", package: "swift-distributed-tracing")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let nioConcurrencyHelpers = Target.Dependency.product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let serviceContext = Target.Dependency.product(name: "ServiceContextModule", package: "swift-service-context")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// A library of this package, in the folder of its name.
func module(
    _ name: String, in folder: String, _ dependencies: [Target.Dependency] = [], _ furtherSettings: [SwiftSetting] = []
) -> Target {
    .target(name: name, dependencies: dependencies, path: "\(folder)/\(name)", swiftSettings: swiftSettings + furtherSettings)
}

func program(_ name: String, in folder: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: "\(folder)/\(name)", swiftSettings: swiftSettings)
}

func tests(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
}

let package = Package(
    name: "doorman",
    // The client is the only product: a service that depends on this package resolves and builds nothing of the server's.
    products: [
        .library(name: "DoormanClient", targets: ["DoormanClient", "DoormanTesting"])
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: ["CommandLineArguments"]),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-service-context", from: "1.5.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C: system libraries, generated messages, typed shims.
        .systemLibrary(name: "CCurl", path: "Sources/C/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", path: "Sources/C/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CMalloc", path: "Sources/C/CMalloc"),
        .systemLibrary(name: "CPrefetch", path: "Sources/C/CPrefetch"),
        .systemLibrary(
            name: "CProtobufC", path: "Sources/C/CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .target(name: "CDoormanCurl", dependencies: ["CCurl"], path: "Sources/C/CDoormanCurl", cSettings: cSettings),
        .target(name: "CDoormanProtos", dependencies: ["CProtobufC"], path: "Sources/C/CDoormanProtos", cSettings: cSettings),

        // The rooms, from the ground up: every arrow points at a line above.
        module("DoormanCore", in: "Sources/Core"),
        module("DoormanWire", in: "Sources/Wire", ["DoormanCore", "CDoormanProtos", "CProtobufC", nioCore]),
        module("DoormanCrypto", in: "Sources/Crypto", ["COpenSSL"]),
        module("DoormanCache", in: "Sources/Verification", ["CPrefetch", "DoormanCore", "DoormanCrypto", nioConcurrencyHelpers]),
        module("DoormanGovernor", in: "Sources/Verification", ["DoormanCore", nioConcurrencyHelpers]),
        module("CurlTransport", in: "Sources/Providers", ["CDoormanCurl", "CCurl"]),
        module("AccountKit", in: "Sources/Providers", ["DoormanCore", "DoormanCrypto", "CurlTransport", nioConcurrencyHelpers]),
        // What NIOSSL leaves to BoringSSL, and does not say.
        module("TLSDetails", in: "Sources/Wire", [nioSSL]),
        module(
            "DoormanServer", in: "Sources/Server",
            [
                "DoormanCore", "DoormanWire", "TLSDetails", logging, metrics, nioCore, nioConcurrencyHelpers, nioPosix, nioSSL,
                nioTLS, serviceLifecycle,
            ]),
        module(
            "DoormanClient", in: "Clients/Swift/Sources",
            [
                "DoormanCore", "DoormanWire", "TLSDetails", coreMetrics, instrumentation, logging, nioConcurrencyHelpers, nioCore,
                nioPosix, nioSSL, nioTLS, serviceContext, serviceLifecycle,
            ],
            // A call stays where its caller is: each change of executors costs as much as a few fields of the answer.
            [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
        module(
            "DoormanTesting", in: "Clients/Swift/Sources", ["DoormanClient", nioConcurrencyHelpers]),
        module(
            "DoormanBench", in: "Sources/Tools",
            ["DoormanCore", "DoormanWire", histogram, nioConcurrencyHelpers, nioCore, nioPosix, nioSSL, nioTLS]),
        module("EmulatorClient", in: "Sources/Tools", ["DoormanCore", nioCore, nioHTTP1, nioPosix]),
        module(
            "AccountKitEmulator", in: "Sources/Tools",
            ["DoormanCrypto", logging, nioConcurrencyHelpers, nioCore, nioHTTP1, nioHTTP2, nioPosix, nioSSL]),

        // The programs: settings and wiring only.
        program(
            "doormand", in: "Sources/Daemon",
            [
                "AccountKit", "CMalloc", "CurlTransport", "DoormanCache", "DoormanCore", "DoormanGovernor", "DoormanServer",
                "DoormanWire", argumentParser, configuration, logging, metrics, nioConcurrencyHelpers, nioCore, nioPosix,
                serviceLifecycle, unixSignals, yams,
            ]),
        program(
            "doorman", in: "Sources/Programs", ["DoormanBench", "DoormanClient", "EmulatorClient", argumentParser, unixSignals]),
        program(
            "account-kit-emulator", in: "Sources/Programs",
            ["AccountKitEmulator", argumentParser, logging, serviceLifecycle, unixSignals]),

        // Tests: one target a room, and those that cross rooms.
        module("TestKit", in: "Tests", ["DoormanCore", logging, nioConcurrencyHelpers]),
        module(
            "Simulation", in: "Tests", ["DoormanCache", "DoormanCore", "DoormanGovernor", nioConcurrencyHelpers]),
        .executableTarget(
            name: "simulate", dependencies: ["Simulation", argumentParser], path: "Tests/simulate", swiftSettings: swiftSettings),
        tests("SimulationTests", ["Simulation"]),
        .executableTarget(
            name: "microbenchmarks",
            dependencies: [
                "DoormanCache", "DoormanCore", "DoormanServer", "DoormanWire", "TestKit", argumentParser, logging, nioCore,
                nioPosix,
            ],
            path: "Tests/Benchmarks/Micro", swiftSettings: swiftSettings),
        .executableTarget(
            name: "client-benchmark", dependencies: ["DoormanClient", argumentParser], path: "Tests/Benchmarks/Client",
            swiftSettings: swiftSettings),
        tests("DoormanCoreTests", ["DoormanCore"]),
        tests("DoormanWireTests", ["DoormanCore", "DoormanWire", "TestKit", nioCore]),
        tests("DoormanCryptoTests", ["DoormanCrypto"]),
        tests("DoormanCacheTests", ["DoormanCache", "DoormanCore", "TestKit", nioConcurrencyHelpers]),
        tests("DoormanGovernorTests", ["DoormanCore", "DoormanGovernor", "TestKit", nioConcurrencyHelpers]),
        tests("CurlTransportTests", ["AccountKitEmulator", "CurlTransport", "TestKit", logging]),
        tests(
            "AccountKitTests", ["AccountKit", "CurlTransport", "DoormanCore", "DoormanCrypto", "TestKit", nioConcurrencyHelpers]),
        tests(
            "AccountKitEmulatorTests",
            ["AccountKitEmulator", "TestKit", logging, nioConcurrencyHelpers, nioCore, nioPosix, nioSSL]),
        tests(
            "DoormanServerTests",
            [
                "DoormanCore", "DoormanServer", "DoormanWire", "TestKit", logging, metrics, metricsTestKit, nioConcurrencyHelpers,
                nioCore, nioPosix, nioSSL,
            ]),
        tests(
            "DoormanClientTests", path: "Clients/Swift/Tests/DoormanClientTests",
            [
                "DoormanClient", "DoormanCore", "DoormanTesting", "DoormanWire", "TestKit", instrumentation, logging,
                metricsTestKit, nioConcurrencyHelpers, nioCore, nioPosix, serviceContext, serviceLifecycle,
            ]),
        // What the client's documentation quotes.
        tests(
            "DocumentationTests", path: "Clients/Swift/Tests/DocumentationTests",
            ["DoormanClient", "DoormanTesting", logging, serviceLifecycle]),
        tests(
            "DoormanBenchTests",
            ["DoormanBench", "DoormanCore", "DoormanServer", "DoormanWire", "TestKit", logging, nioCore, nioPosix]),
        tests("EmulatorClientTests", ["AccountKitEmulator", "EmulatorClient", "TestKit", logging]),
        tests(
            "doormandTests",
            ["doormand", "AccountKit", "DoormanCache", "DoormanCore", "DoormanServer", "TestKit", logging, nioPosix]),
        tests("doormanTests", ["doorman", "DoormanBench", "DoormanClient", "TestKit"]),
        tests(
            "IntegrationTests",
            [
                "AccountKitEmulator", "CurlTransport", "DoormanClient", "DoormanCore", "DoormanServer", "DoormanWire", "TestKit",
                "doormand", logging, metricsTestKit, nioConcurrencyHelpers, nioCore, nioPosix, "account-kit-emulator", "doorman",
            ]),
        tests("StyleTests", []),
    ]
)

// The fuzz targets, for Scripts/fuzz alone: libFuzzer brings the `main` of each, so they link under its flags and no others. Nothing
// else is built beside them than the rooms they are about, and what `doormand` does with its settings.
if Context.environment["DOORMAN_FUZZ"] != nil {
    func fuzz(_ name: String, path: String, _ dependencies: [Target.Dependency]) -> Target {
        .executableTarget(
            name: name, dependencies: ["FuzzKit"] + dependencies, path: "Tests/Fuzz/\(path)", swiftSettings: swiftSettings)
    }
    // The command's own parser is half a minute of building, and nothing that is fuzzed.
    let doormand = package.targets.first { $0.name == "doormand" }?.dependencies.filter { dependency in
        if case .productItem("ArgumentParser", _, _, _) = dependency { false } else { true }
    }
    let idle: Set = [
        "AccountKitEmulator", "DoormanBench", "DoormanClient", "DoormanTesting", "EmulatorClient", "Simulation", "TestKit",
    ]
    package.products = []
    package.targets.removeAll { $0.type == .executable || $0.type == .test || idle.contains($0.name) }
    package.targets += [
        // A library of it, without what `main` begins with.
        .target(
            name: "doormand", dependencies: doormand ?? [], path: "Sources/Daemon/doormand", exclude: ["DoormandCommand.swift"],
            swiftSettings: swiftSettings),
        module("FuzzKit", in: "Tests/Fuzz", [nioConcurrencyHelpers]),
        fuzz("fuzz-frames", path: "Frames", ["DoormanCore", "DoormanWire", nioCore]),
        fuzz(
            "fuzz-connection", path: "Connection",
            ["DoormanCore", "DoormanServer", "DoormanWire", nioConcurrencyHelpers, nioCore]),
        fuzz("fuzz-provider", path: "Provider", ["AccountKit", "CurlTransport", "DoormanCore", nioConcurrencyHelpers]),
        fuzz("fuzz-settings", path: "Settings", ["doormand", logging, yams]),
    ]
}
