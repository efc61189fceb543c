// swift-tools-version: 6.2

import PackageDescription

/// The settings of every Swift target. They contain no `unsafeFlags`, which would prevent other packages from depending on this
/// package.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    // Non-escapable views of bytes. SwiftNIO uses this feature, too.
    .enableExperimentalFeature("Lifetimes"),
]

let cSettings: [CSetting] = [.enableWarning("all")]

/// The git revision that `--version` shows. `Scripts/build-release` sets the variable.
let revision = Context.environment["DOORMAN_REVISION"].map { [CSetting.define("DOORMAN_REVISION", to: "\"\($0)\"")] } ?? []

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let inMemoryTracing = Target.Dependency.product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let nioConcurrencyHelpers = Target.Dependency.product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let serviceContext = Target.Dependency.product(name: "ServiceContextModule", package: "swift-service-context")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// Creates a library target, in a folder of its name.
func module(
    _ name: String, in folder: String, _ dependencies: [Target.Dependency] = [], _ furtherSettings: [SwiftSetting] = []
) -> Target {
    .target(name: name, dependencies: dependencies, path: "\(folder)/\(name)", swiftSettings: swiftSettings + furtherSettings)
}

func program(_ name: String, in folder: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: "\(folder)/\(name)", swiftSettings: swiftSettings)
}

/// - Parameter data: The files in the target's folder that tests read and the compiler does not.
func tests(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency], data: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: path, exclude: data, swiftSettings: swiftSettings)
}

func fuzzer(_ name: String, path: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: ["FuzzKit"] + dependencies, path: "Tests/Fuzz/\(path)", swiftSettings: swiftSettings)
}

let package = Package(
    name: "doorman",
    // The client is the only product, so a dependent service resolves and builds nothing of the server.
    products: [
        .library(name: "DoormanClient", targets: ["DoormanClient", "DoormanTesting"])
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
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
        // C targets: system libraries, generated messages, typed shims.
        .systemLibrary(name: "CCurl", path: "Sources/C/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", path: "Sources/C/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CNGHTTP2", path: "Sources/C/CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CMalloc", path: "Sources/C/CMalloc"),
        .systemLibrary(name: "CEpoll", path: "Tests/Benchmarks/CEpoll"),
        .systemLibrary(name: "CPrefetch", path: "Sources/C/CPrefetch"),
        .systemLibrary(name: "CProcess", path: "Sources/C/CProcess"),
        .systemLibrary(
            name: "CProtobufC", path: "Sources/C/CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .target(
            name: "CDoormanCurl", dependencies: ["CCurl", "COpenSSL"], path: "Sources/C/CDoormanCurl", cSettings: cSettings,
            linkerSettings: [.linkedLibrary("ssl")]),
        .target(
            name: "CDoormanNGHTTP2", dependencies: ["CNGHTTP2"], path: "Sources/C/CDoormanNGHTTP2", cSettings: cSettings),
        .target(name: "CDoormanVersion", path: "Sources/C/CDoormanVersion", cSettings: cSettings + revision),
        .target(name: "CDoormanProtos", dependencies: ["CProtobufC"], path: "Sources/C/CDoormanProtos", cSettings: cSettings),

        // The modules, in the order of their dependencies.
        module("DoormanCore", in: "Sources/Core"),
        module("DoormanPlatform", in: "Sources/Core"),
        module("DoormanVersion", in: "Sources/Core", ["CDoormanVersion"]),
        module("DoormanTracing", in: "Sources/Core", [serviceContext, tracing]),
        module("DoormanSupport", in: "Sources/Core", ["DoormanCore", "DoormanTracing", nioConcurrencyHelpers]),
        module("DoormanFiles", in: "Sources/Core", ["CProcess", "DoormanPlatform"]),
        module("StrictJSON", in: "Sources/Core", ["DoormanCore", "DoormanSupport"]),
        module("DoormanCrypto", in: "Sources/Crypto", ["COpenSSL", "DoormanCore"]),
        module(
            "DoormanWire", in: "Sources/Wire",
            ["DoormanCore", "DoormanSupport", "DoormanTracing", "CDoormanProtos", "CProtobufC", nioCore]),
        module("HTTP2Session", in: "Sources/Wire", ["CDoormanNGHTTP2", "CNGHTTP2", "DoormanSupport", nioCore]),
        // TLS details that NIOSSL leaves to BoringSSL and does not expose.
        module("NIOSSLExtras", in: "Sources/Wire", ["DoormanPlatform", nioCore, nioSSL, nioTLS]),
        module(
            "DoormanCache", in: "Sources/Verification",
            ["CPrefetch", "DoormanCore", "DoormanCrypto", "DoormanSupport", nioConcurrencyHelpers]),
        module(
            "DoormanFleet", in: "Sources/Verification",
            ["DoormanCache", "DoormanCore", "DoormanCrypto", "DoormanSupport", "DoormanWire", nioConcurrencyHelpers]),
        module(
            "RedisStore", in: "Sources/Verification",
            [
                "DoormanCore", "DoormanFleet", "DoormanPlatform", "DoormanSupport", "DoormanWire", "NIOSSLExtras",
                nioConcurrencyHelpers, nioCore,
                nioPosix, nioSSL, nioTLS,
            ]),
        module("DoormanGovernor", in: "Sources/Verification", ["DoormanCore", "DoormanSupport", nioConcurrencyHelpers]),
        module("ProviderRouting", in: "Sources/Verification", ["DoormanCore", "DoormanSupport", nioConcurrencyHelpers]),
        module("CallerLimits", in: "Sources/Verification", ["DoormanSupport", nioConcurrencyHelpers]),
        module(
            "ProviderHTTP", in: "Sources/Providers", ["DoormanCore", "DoormanSupport", "DoormanTracing", "StrictJSON", tracing]),
        module(
            "GraphAPI", in: "Sources/Providers",
            ["DoormanCore", "DoormanCrypto", "DoormanSupport", "ProviderHTTP", "StrictJSON"]),
        module(
            "CurlTransport", in: "Sources/Providers",
            ["CDoormanCurl", "CCurl", "DoormanCore", "ProviderHTTP", nioConcurrencyHelpers]),
        module(
            "AccountKit", in: "Sources/Providers",
            ["DoormanCore", "DoormanSupport", "GraphAPI", "ProviderHTTP", "StrictJSON", nioConcurrencyHelpers]),
        module(
            "FacebookLogin", in: "Sources/Providers",
            ["DoormanCore", "DoormanSupport", "GraphAPI", "ProviderHTTP", "StrictJSON"]),
        module("CompactTokens", in: "Sources/Providers", ["DoormanCore", "DoormanCrypto", "StrictJSON"]),
        module(
            "TokenIntrospection", in: "Sources/Providers",
            ["CompactTokens", "DoormanCore", "DoormanCrypto", "DoormanSupport", "ProviderHTTP", "StrictJSON"]),
        module(
            "JWTVerifier", in: "Sources/Providers",
            [
                "CompactTokens", "DoormanCore", "DoormanCrypto", "DoormanSupport", "ProviderHTTP", "StrictJSON",
                nioConcurrencyHelpers,
            ]),
        module(
            "DoormanServer", in: "Sources/Server",
            [
                "CallerLimits", "DoormanCore", "DoormanCrypto", "DoormanFiles", "DoormanSupport", "DoormanTracing", "DoormanWire",
                "NIOSSLExtras",
                logging,
                nioCore, nioConcurrencyHelpers, nioPosix, nioSSL, nioTLS, serviceLifecycle, tracing,
            ]),
        module(
            "DoormanHTTP", in: "Sources/Server",
            [
                "DoormanCore", "DoormanCrypto", "DoormanServer", "DoormanSupport", "DoormanTracing", "DoormanWire", "StrictJSON",
                nioConcurrencyHelpers, nioCore, nioHTTP1,
            ]),
        module(
            "DoormanGRPC", in: "Sources/Server",
            [
                "DoormanCore", "DoormanHTTP", "DoormanServer", "DoormanSupport", "DoormanTracing", "DoormanWire", "HTTP2Session",
                nioConcurrencyHelpers, nioCore, nioPosix,
            ]),
        module(
            "DoormanAdmin", in: "Sources/Daemon",
            [
                "DoormanCache", "DoormanCore", "DoormanFleet", "DoormanHTTP", "DoormanPlatform", "DoormanServer",
                "DoormanSupport", "DoormanWire",
                logging, nioConcurrencyHelpers, nioCore, nioHTTP1, nioPosix, serviceLifecycle,
            ]),
        module(
            "DoormanDaemon", in: "Sources/Daemon",
            [
                "AccountKit", "DoormanAdmin", "CMalloc", "CallerLimits", "CurlTransport", "DoormanCache", "DoormanCore",
                "DoormanCrypto",
                "DoormanFiles", "DoormanFleet", "DoormanGRPC", "DoormanGovernor", "DoormanHTTP", "DoormanServer", "DoormanSupport",
                "DoormanTracing", "DoormanVersion",
                "DoormanWire",
                "FacebookLogin", "GraphAPI", "JWTVerifier", "NIOSSLExtras", "ProviderHTTP", "ProviderRouting",
                "RedisStore", "TokenIntrospection",
                logging, nioConcurrencyHelpers, nioCore, nioPosix, serviceLifecycle, unixSignals, yams,
            ]),
        module(
            "DoormanClient", in: "Clients/Swift/Sources",
            [
                "DoormanCore", "DoormanPlatform", "DoormanSupport", "DoormanWire", "NIOSSLExtras", coreMetrics,
                logging,
                nioConcurrencyHelpers, nioCore, nioPosix, nioSSL, nioTLS, serviceContext, serviceLifecycle, tracing,
            ],
            // A call stays on its caller's executor. Each change of executors costs as much as decoding a few fields of the response.
            [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
        module("DoormanTesting", in: "Clients/Swift/Sources", ["DoormanClient", nioConcurrencyHelpers]),
        module(
            "DoormanBench", in: "Sources/Tools",
            [
                "DoormanClient", "DoormanCore", "DoormanPlatform", "DoormanSupport", "DoormanWire", "NIOSSLExtras", histogram,
                nioConcurrencyHelpers, nioCore, nioPosix, nioSSL, nioTLS,
            ]),
        module("EmulatorClient", in: "Sources/Tools", ["DoormanCore", "DoormanSupport", nioCore, nioHTTP1, nioPosix]),
        module(
            "AccountKitEmulator", in: "Sources/Tools",
            [
                "DoormanCore", "DoormanCrypto", "DoormanFiles", "DoormanSupport", logging, nioConcurrencyHelpers, nioCore, nioHTTP1,
                nioHTTP2, nioPosix, nioSSL,
            ]),

        // The programs: arguments and exit codes.
        program(
            "doormand", in: "Sources/Programs",
            ["DoormanDaemon", "DoormanFiles", "DoormanSupport", "DoormanVersion", argumentParser]),
        program(
            "doorman", in: "Sources/Programs",
            [
                "CProcess", "DoormanBench", "DoormanClient", "DoormanFiles", "DoormanPlatform", "DoormanSupport", "DoormanVersion",
                "EmulatorClient", argumentParser, unixSignals,
            ]),
        program(
            "account-kit-emulator", in: "Sources/Programs",
            [
                "AccountKitEmulator", "DoormanFiles", "DoormanSupport", "DoormanVersion", argumentParser, logging, serviceLifecycle,
                unixSignals,
            ]),

        // Tests: one target per module, and targets across modules.
        module(
            "TestKit", in: "Tests",
            [
                "CNGHTTP2", "CallerLimits", "DoormanCore", "DoormanFleet", "DoormanServer", "DoormanSupport", "DoormanTracing",
                "DoormanWire", "ProviderHTTP", "StrictJSON",
                inMemoryTracing, logging,
                nioConcurrencyHelpers, serviceContext, tracing,
            ]),
        module(
            "Simulation", in: "Tests",
            [
                "AccountKit", "CallerLimits", "DoormanCache", "DoormanCore", "DoormanCrypto", "DoormanFleet", "DoormanGovernor",
                "DoormanSupport", "DoormanWire",
                "GraphAPI", "JWTVerifier", "ProviderHTTP", "ProviderRouting",
                nioConcurrencyHelpers,
            ]),
        .executableTarget(
            name: "simulate", dependencies: ["Simulation", argumentParser], path: "Tests/simulate", swiftSettings: swiftSettings),
        tests("SimulationTests", ["Simulation"]),
        .executableTarget(
            name: "microbenchmarks",
            dependencies: [
                "CEpoll", "CallerLimits", "DoormanCache", "DoormanCore", "DoormanCrypto", "DoormanDaemon", "DoormanGRPC",
                "DoormanGovernor",
                "DoormanHTTP", "DoormanServer", "DoormanSupport", "DoormanWire", "JWTVerifier", "ProviderHTTP", "TestKit",
                argumentParser, logging, nioCore, nioPosix,
            ],
            path: "Tests/Benchmarks/Micro", swiftSettings: swiftSettings),
        .executableTarget(
            name: "client-benchmark", dependencies: ["DoormanClient", argumentParser], path: "Tests/Benchmarks/Client",
            swiftSettings: swiftSettings),
        tests("DoormanCoreTests", ["DoormanCore", "DoormanSupport"]),
        tests("DoormanTracingTests", ["DoormanSupport", "DoormanTracing"]),
        tests(
            "DoormanSupportTests",
            ["DoormanCore", "DoormanSupport", "DoormanTracing", "TestKit", inMemoryTracing, nioConcurrencyHelpers, serviceContext]),
        tests("StrictJSONTests", ["StrictJSON"]),
        tests("DoormanFilesTests", ["DoormanFiles", "TestKit"]),
        tests("DoormanWireTests", ["DoormanCore", "DoormanSupport", "DoormanTracing", "DoormanWire", "TestKit", nioCore]),
        tests("HTTP2SessionTests", ["CNGHTTP2", "DoormanSupport", "HTTP2Session", "TestKit", nioCore]),
        tests("NIOSSLExtrasTests", ["NIOSSLExtras"]),
        tests("DoormanCryptoTests", ["DoormanCrypto", "StrictJSON", "TestKit"]),
        tests(
            "DoormanCacheTests",
            ["DoormanCache", "DoormanCore", "DoormanSupport", "ProviderRouting", "TestKit", nioConcurrencyHelpers]),
        tests(
            "RedisStoreTests",
            [
                "DoormanCore", "DoormanFleet", "DoormanSupport", "RedisStore", "TestKit", nioConcurrencyHelpers, nioCore, nioPosix,
            ]),
        tests("DoormanFleetTests", ["DoormanCache", "DoormanCore", "DoormanFleet", "DoormanSupport", "DoormanWire", "TestKit"]),
        tests("DoormanGovernorTests", ["DoormanCore", "DoormanGovernor", "DoormanSupport", "TestKit", nioConcurrencyHelpers]),
        tests(
            "ProviderRoutingTests",
            ["CallerLimits", "DoormanCore", "DoormanSupport", "ProviderRouting", "TestKit", nioConcurrencyHelpers]),
        tests("CallerLimitsTests", ["CallerLimits", "DoormanSupport", "TestKit", nioConcurrencyHelpers]),
        tests("ProviderHTTPTests", ["DoormanCore", "DoormanSupport", "DoormanTracing", "ProviderHTTP", "TestKit", tracing]),
        tests(
            "CurlTransportTests",
            ["AccountKitEmulator", "CurlTransport", "ProviderHTTP", "TestKit", logging, nioConcurrencyHelpers]),
        tests(
            "AccountKitTests",
            [
                "AccountKit", "DoormanCore", "DoormanCrypto", "DoormanSupport", "GraphAPI", "ProviderHTTP", "StrictJSON", "TestKit",
                nioConcurrencyHelpers,
            ]),
        tests(
            "FacebookLoginTests",
            [
                "AccountKitEmulator", "CurlTransport", "DoormanCore", "DoormanSupport", "FacebookLogin", "GraphAPI", "ProviderHTTP",
                "TestKit", logging, nioConcurrencyHelpers,
            ]),
        tests(
            "TokenIntrospectionTests",
            [
                "DoormanCore", "DoormanCrypto", "DoormanSupport", "ProviderHTTP", "StrictJSON", "TestKit", "TokenIntrospection",
                nioConcurrencyHelpers,
            ]),
        tests(
            "JWTVerifierTests",
            [
                "COpenSSL", "CompactTokens", "DoormanCore", "DoormanCrypto", "DoormanSupport", "JWTVerifier", "ProviderHTTP",
                "StrictJSON",
                "TestKit",
                nioConcurrencyHelpers,
            ], data: ["Vectors"]),
        tests(
            "AccountKitEmulatorTests",
            ["AccountKitEmulator", "DoormanCrypto", "TestKit", logging, nioConcurrencyHelpers, nioCore, nioPosix, nioSSL]),
        tests(
            "DoormanServerTests",
            [
                "CallerLimits", "DoormanCore", "DoormanServer", "DoormanSupport", "DoormanTracing", "DoormanWire", "TestKit",
                logging,
                inMemoryTracing, nioConcurrencyHelpers, nioCore, nioPosix, nioSSL, tracing,
            ]),
        tests(
            "DoormanHTTPTests",
            [
                "CallerLimits", "DoormanCore", "DoormanHTTP", "DoormanServer", "DoormanSupport", "DoormanWire", "StrictJSON",
                "TestKit",
                logging, nioConcurrencyHelpers, nioCore, nioPosix, nioSSL,
            ]),
        tests(
            "DoormanGRPCTests",
            [
                "CallerLimits", "DoormanCore", "DoormanGRPC", "DoormanHTTP", "DoormanServer", "DoormanSupport", "DoormanWire",
                "HTTP2Session", "TestKit", logging, nioCore, nioPosix,
            ]),
        tests(
            "DoormanClientTests", path: "Clients/Swift/Tests/DoormanClientTests",
            [
                "DoormanClient", "DoormanCore", "DoormanSupport", "DoormanTesting", "DoormanTracing", "DoormanWire", "TestKit",
                inMemoryTracing, logging, metricsTestKit, nioConcurrencyHelpers, nioCore, nioPosix, serviceContext,
                serviceLifecycle,
                tracing,
            ]),
        // The code in the client's documentation.
        tests(
            "DocumentationTests", path: "Clients/Swift/Tests/DocumentationTests",
            ["DoormanClient", "DoormanTesting", logging, serviceLifecycle]),
        tests(
            "DoormanBenchTests",
            [
                "DoormanBench", "DoormanClient", "DoormanCore", "DoormanServer", "DoormanSupport", "DoormanWire", "TestKit",
                logging,
                nioCore, nioPosix,
            ]),
        tests("EmulatorClientTests", ["AccountKitEmulator", "DoormanCore", "EmulatorClient", "TestKit", logging]),
        tests(
            "DoormanDaemonTests",
            [
                "AccountKit", "CallerLimits", "DoormanCache", "DoormanCore", "DoormanCrypto", "DoormanDaemon", "DoormanFleet",
                "DoormanGovernor", "DoormanHTTP", "DoormanServer", "DoormanSupport", "DoormanWire", "FacebookLogin", "GraphAPI",
                "JWTVerifier",
                "ProviderHTTP", "RedisStore", "TestKit",
                "TokenIntrospection", logging, nioConcurrencyHelpers, nioPosix, yams,
            ]),
        tests(
            "DoormanAdminTests",
            [
                "DoormanAdmin", "DoormanCache", "DoormanCore", "DoormanFleet", "DoormanServer", "DoormanSupport", "TestKit",
                logging,
                nioConcurrencyHelpers,
                nioCore,
                nioHTTP1, serviceLifecycle,
            ]),
        tests("doormanTests", ["doorman", "DoormanBench", "DoormanClient", "DoormanSupport", "TestKit"]),
        tests(
            "IntegrationTests",
            [
                "AccountKit", "AccountKitEmulator", "CallerLimits", "CurlTransport", "DoormanAdmin", "DoormanBench",
                "DoormanClient",
                "DoormanCore", "DoormanCrypto", "DoormanDaemon", "DoormanFleet", "DoormanGRPC", "DoormanHTTP", "DoormanServer",
                "DoormanSupport", "DoormanWire", "FacebookLogin", "GraphAPI", "ProviderHTTP", "RedisStore", "StrictJSON", "TestKit",
                "TokenIntrospection", logging, metricsTestKit,
                inMemoryTracing, nioConcurrencyHelpers, nioCore, nioHTTP1,
                nioPosix, nioSSL, serviceContext, tracing,
                "account-kit-emulator", "doorman", "doormand",
            ]),
        tests("PageTests", ["TestKit", "account-kit-emulator", "doorman", "doormand"]),
        tests("StyleTests", []),

        // The fuzzers. In ordinary builds each is a program that replays files. Scripts/fuzz builds them with libFuzzer's `main`.
        module("FuzzKit", in: "Tests/Fuzz", [nioConcurrencyHelpers]),
        fuzzer("fuzz-frames", path: "Frames", ["DoormanCore", "DoormanSupport", "DoormanTracing", "DoormanWire", nioCore]),
        fuzzer(
            "fuzz-connection", path: "Connection",
            [
                "CallerLimits", "DoormanCore", "DoormanServer", "DoormanSupport", "DoormanWire", nioConcurrencyHelpers, nioCore,
            ]),
        fuzzer(
            "fuzz-grpc", path: "GRPC",
            [
                "CallerLimits", "DoormanCore", "DoormanGRPC", "DoormanHTTP", "DoormanServer", "DoormanSupport", "DoormanWire",
                "TestKit", nioCore,
            ]),
        fuzzer(
            "fuzz-http", path: "HTTP",
            [
                "CallerLimits", "DoormanCore", "DoormanHTTP", "DoormanServer", "DoormanSupport", "DoormanWire", "TestKit", nioCore,
                nioEmbedded, nioHTTP1,
            ]),
        fuzzer(
            "fuzz-provider", path: "Provider",
            ["AccountKit", "DoormanCore", "DoormanSupport", "GraphAPI", "ProviderHTTP", nioConcurrencyHelpers]),
        fuzzer("fuzz-settings", path: "Settings", ["DoormanDaemon", logging, yams]),
        fuzzer(
            "fuzz-tokens", path: "Tokens",
            ["CompactTokens", "DoormanCore", "DoormanSupport", "JWTVerifier", "ProviderHTTP", "StrictJSON"]),
        fuzzer("fuzz-redis", path: "Redis", ["RedisStore", nioCore]),
        fuzzer("fuzz-keys", path: "Keys", ["DoormanCrypto", "JWTVerifier"]),
        fuzzer("fuzz-fleet", path: "Fleet", ["DoormanCore", "DoormanFleet", "DoormanWire"]),
    ]
)
