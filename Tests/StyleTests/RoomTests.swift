import Testing

/// Who may know whom: DESIGN's table of rooms, as a test.
@Suite("Rooms import only what is below them")
struct RoomTests {
    private static let nio: Set = ["NIOCore", "NIOConcurrencyHelpers", "NIOPosix"]
    private static let libc: Set = ["Glibc", "Musl", "Darwin"]
    private static let programs: Set = ["ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals"]

    /// Target: the modules that it may import.
    static let allowed: [String: Set<String>] = [
        "DoormanCore": [],
        "DoormanWire": ["DoormanCore", "CDoormanProtos", "CProtobufC", "NIOCore"],
        "DoormanCrypto": ["COpenSSL"],
        "DoormanCache": ["CPrefetch", "DoormanCore", "DoormanCrypto", "NIOConcurrencyHelpers"],
        "DoormanGovernor": ["DoormanCore", "NIOConcurrencyHelpers"],
        "CurlTransport": libc.union(["CDoormanCurl", "CCurl"]),
        "AccountKit": ["DoormanCore", "DoormanCrypto", "CurlTransport", "NIOConcurrencyHelpers"],
        "TLSDetails": ["NIOSSL"],
        "DoormanServer": nio.union(libc).union([
            "DoormanCore", "DoormanWire", "TLSDetails", "NIOSSL", "NIOTLS", "ServiceLifecycle", "Logging", "Metrics",
        ]),
        "DoormanClient": nio.union(libc).union([
            "Dispatch", "DoormanCore", "DoormanWire", "TLSDetails", "NIOSSL", "NIOTLS", "ServiceLifecycle", "Logging",
            "CoreMetrics", "Instrumentation", "ServiceContextModule",
        ]),
        "DoormanTesting": ["DoormanClient", "NIOConcurrencyHelpers"],
        "DoormanBench": nio.union(libc).union(["DoormanCore", "DoormanWire", "Histogram", "NIOSSL", "NIOTLS"]),
        "EmulatorClient": ["DoormanCore", "FoundationEssentials", "NIOCore", "NIOHTTP1", "NIOPosix"],
        "AccountKitEmulator": nio.union(libc).union([
            "NIOHTTP1", "NIOHTTP2", "NIOSSL", "Logging", "DoormanCrypto", "FoundationEssentials",
        ]),
        "doormand": nio.union(libc).union(programs).union([
            "AccountKit", "CMalloc", "CurlTransport", "DoormanCache", "DoormanCore", "DoormanGovernor", "DoormanServer",
            "DoormanWire", "Configuration", "Foundation", "Metrics", "Yams",
        ]),
        "doorman": libc.union(programs).union(["DoormanBench", "DoormanClient", "EmulatorClient"]),
        "account-kit-emulator": libc.union(programs).union(["AccountKitEmulator"]),
    ]

    @Test("every import is in the table")
    func imports() throws {
        for file in SourceTree.swift {
            guard let room = file.module else { continue }
            guard let allowed = Self.allowed[room] else {
                Issue.record("\(SourceTree.Finding(file, "the room \(room) is not in the table"))")
                continue
            }
            for (line, module) in try file.imports() where !allowed.contains(module) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(room) must not import \(module)"))")
            }
        }
    }

    @Test("nobody imports what gives false alarms or leaks on Linux")
    func banned() throws {
        for file in SourceTree.swift {
            for (line, module) in try file.imports() where ["Synchronization", "XCTest"].contains(module) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(module) is not used here"))")
            }
        }
    }

    @Test("imports are seen, however they are written")
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

    @Test("the sources are found at all")
    func found() {
        let rooms = Set(SourceTree.swift.compactMap(\.module))
        #expect(rooms.isSuperset(of: ["DoormanCore", "DoormanWire", "DoormanServer", "DoormanClient"]))
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
