import Testing

/// Checks the architecture: a module imports only modules below it. Only `DoormanDaemon` knows all modules of the server.
@Suite("Imports of modules")
struct ModuleTests {
    private static let nio: Set = ["NIOCore", "NIOConcurrencyHelpers", "NIOPosix"]
    private static let libc: Set = ["Glibc", "Musl", "Darwin", "DoormanPlatform"]
    private static let programs: Set = ["ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals"]
    private static let tracing: Set = ["ServiceContextModule", "Tracing"]
    private static let core: Set = ["DoormanCore", "DoormanSupport"]

    /// The modules that each target may import.
    static let allowed: [String: Set<String>] = [
        "DoormanCore": [],
        "DoormanPlatform": ["Glibc", "Musl", "Darwin"],
        "DoormanTracing": tracing,
        "DoormanSupport": ["DoormanCore", "DoormanTracing", "NIOConcurrencyHelpers"],
        "DoormanVersion": ["CDoormanVersion"],
        "DoormanFiles": ["CProcess", "DoormanPlatform"],
        "StrictJSON": core,
        "DoormanCrypto": ["COpenSSL", "DoormanCore"],
        "DoormanWire": core.union(["CDoormanProtos", "CProtobufC", "DoormanTracing", "NIOCore"]),
        "HTTP2Session": ["CDoormanNGHTTP2", "CNGHTTP2", "DoormanSupport", "NIOCore"],
        "NIOSSLExtras": ["DoormanPlatform", "NIOCore", "NIOSSL", "NIOTLS"],
        "DoormanCache": core.union(["CPrefetch", "DoormanCrypto", "NIOConcurrencyHelpers"]),
        "DoormanFleet": core.union(["DoormanCache", "DoormanCrypto", "DoormanWire", "NIOConcurrencyHelpers"]),
        "RedisStore": core.union(nio).union(libc).union(["DoormanFleet", "DoormanWire", "NIOSSL", "NIOSSLExtras", "NIOTLS"]),
        "DoormanGovernor": core.union(["NIOConcurrencyHelpers"]),
        "ProviderRouting": core.union(["NIOConcurrencyHelpers"]),
        "CallerLimits": core.union(["NIOConcurrencyHelpers"]),
        "ProviderHTTP": core.union(["DoormanTracing", "StrictJSON", "Tracing"]),
        "GraphAPI": core.union(["DoormanCrypto", "ProviderHTTP", "StrictJSON"]),
        "CurlTransport": core.union(libc).union(["CDoormanCurl", "CCurl", "NIOConcurrencyHelpers", "ProviderHTTP"]),
        "AccountKit": core.union(["GraphAPI", "NIOConcurrencyHelpers", "ProviderHTTP", "StrictJSON"]),
        "FacebookLogin": core.union(["GraphAPI", "ProviderHTTP", "StrictJSON"]),
        "CompactTokens": core.union(["DoormanCrypto", "StrictJSON"]),
        "TokenIntrospection": core.union(["CompactTokens", "DoormanCrypto", "ProviderHTTP", "StrictJSON"]),
        "JWTVerifier": core.union(["CompactTokens", "DoormanCrypto", "NIOConcurrencyHelpers", "ProviderHTTP", "StrictJSON"]),
        "DoormanServer": core.union(nio).union(libc).union([
            "CallerLimits", "DoormanCrypto", "DoormanFiles", "DoormanTracing", "DoormanWire", "NIOSSLExtras", "NIOSSL", "NIOTLS",
            "ServiceLifecycle", "Logging", "Tracing",
        ]),
        "DoormanHTTP": core.union([
            "DoormanCrypto", "DoormanServer", "DoormanTracing", "DoormanWire", "NIOConcurrencyHelpers", "NIOCore", "NIOHTTP1",
            "StrictJSON",
        ]),
        "DoormanGRPC": core.union([
            "DoormanHTTP", "DoormanServer", "DoormanTracing", "DoormanWire", "HTTP2Session", "NIOConcurrencyHelpers", "NIOCore",
            "NIOPosix",
        ]),
        "DoormanAdmin": core.union(nio).union([
            "DoormanCache", "DoormanFiles", "DoormanFleet", "DoormanHTTP", "DoormanPlatform", "DoormanServer", "DoormanWire",
            "Logging",
            "NIOHTTP1",
            "ServiceLifecycle",
        ]),
        "DoormanDaemon": core.union(nio).union(libc).union([
            "AccountKit", "DoormanAdmin", "DoormanHTTP", "FacebookLogin", "JWTVerifier", "TokenIntrospection", "CMalloc",
            "CallerLimits",
            "CurlTransport", "DoormanCache", "DoormanCrypto", "DoormanFiles", "DoormanFleet", "RedisStore",
            "DoormanGRPC", "DoormanGovernor", "DoormanHTTP",
            "DoormanServer", "DoormanTracing", "DoormanVersion",
            "DoormanWire", "GraphAPI", "NIOSSLExtras", "ProviderHTTP", "ProviderRouting", "Dispatch", "Foundation", "Logging",
            "ServiceLifecycle",
            "UnixSignals", "Yams",
        ]),
        "DoormanClient": core.union(nio).union(libc).union([
            "Dispatch", "DoormanWire", "NIOSSLExtras", "NIOSSL", "NIOTLS", "ServiceLifecycle", "Logging", "CoreMetrics",
            "ServiceContextModule", "Tracing",
        ]),
        "DoormanTesting": ["DoormanClient", "NIOConcurrencyHelpers"],
        "DoormanBench": core.union(nio).union(libc).union([
            "DoormanClient", "DoormanWire", "Histogram", "NIOSSLExtras", "NIOSSL", "NIOTLS",
        ]),
        "EmulatorClient": core.union(["FoundationEssentials", "NIOCore", "NIOHTTP1", "NIOPosix"]),
        "AccountKitEmulator": core.union(nio).union(libc).union([
            "NIOHTTP1", "NIOHTTP2", "NIOSSL", "Logging", "DoormanCrypto", "DoormanFiles", "DoormanSupport", "FoundationEssentials",
        ]),
        "doormand": ["ArgumentParser", "DoormanDaemon", "DoormanFiles", "DoormanSupport", "DoormanVersion", "Foundation"],
        "doorman": libc.union(programs).union([
            "CProcess", "DoormanBench", "DoormanClient", "DoormanFiles", "DoormanSupport", "DoormanVersion", "EmulatorClient",
            "FoundationEssentials",
        ]),
        "account-kit-emulator": libc.union(programs).union([
            "AccountKitEmulator", "DoormanFiles", "DoormanSupport", "DoormanVersion",
        ]),
    ]

    @Test("the test kit is built without the testing library, which a release build of the benchmarks does not have")
    func testKit() throws {
        for file in SourceTree.swift where file.path.hasPrefix("Tests/TestKit/") {
            for (line, text) in try file.matches(#"^\w* ?import Testing$"#) {
                Issue.record("\(SourceTree.Finding(file, line: line, text))")
            }
        }
    }

    @Test("every import is in the table")
    func imports() throws {
        for file in SourceTree.swift {
            guard let module = file.module else { continue }
            guard let allowed = Self.allowed[module] else {
                Issue.record("\(SourceTree.Finding(file, "the module \(module) is not in the table"))")
                continue
            }
            for (line, imported) in try file.imports() where !allowed.contains(imported) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(module) must not import \(imported)"))")
            }
        }
    }

    @Test("the architecture page has a row for each module, with its folder")
    func architecturePage() throws {
        let page = try #require(SourceTree.files.first { $0.path == "docs/explanation/architecture.md" })
        var folders: [String: String] = [:]
        for row in page.lines.compactMap({ $0.wholeMatch(of: /\| (`[^|]+`) \| `([^|`]+)` \| .+ \|/) }) {
            for name in row.1.matches(of: /`([^`]+)`/) { folders[String(name.1)] = String(row.2) }
        }
        #expect(folders.count > 30, "the rows are found")
        for (path, module) in SourceTree.modules.sorted(by: { $0.key < $1.key }) where !path.hasPrefix("Sources/Programs/") {
            guard folders[module].map({ path.hasPrefix($0 + "/") }) != true else { continue }
            Issue.record("\(page.path): no row for \(module) with the folder of \(path)")
        }
    }

    @Test("no file imports a module with false alarms or leaks on Linux")
    func banned() throws {
        for file in SourceTree.swift {
            for (line, module) in try file.imports() where ["Synchronization", "XCTest"].contains(module) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(module) is not used here"))")
            }
        }
    }

    @Test("every form of import is found")
    func parsing() throws {
        let file = SourceTree.File(
            path: "Sources/Core/DoormanCore/Tokens/Sample.swift",
            text: """
                import Plain
                package import Package
                @_exported public import Exported
                @testable import Tested
                    private import Indented
                import struct Whole.Part
                // import Comment
                let importer = 1
                """)
        #expect(try file.imports().map(\.module) == ["Plain", "Package", "Exported", "Tested", "Indented", "Whole"])
        #expect(file.module == "DoormanCore")
    }

    @Test("the modules are found")
    func found() {
        let modules = Set(SourceTree.swift.compactMap(\.module))
        #expect(modules.isSuperset(of: ["DoormanCore", "DoormanWire", "DoormanServer", "DoormanClient"]))
    }
}

extension SourceTree.File {
    func imports() throws -> [(line: Int, module: String)] {
        let kinds = "(?:(?:struct|class|enum|protocol|func|var|let|typealias) )?"
        return try matches(#"^\s*(?:@\w+ )*(?:(?:public|package|internal|private|fileprivate) )?import "# + kinds + #"\w+"#).map {
            let module = $0.text.split(separator: " ").last.map(String.init) ?? ""
            return ($0.line, module)
        }
    }
}
