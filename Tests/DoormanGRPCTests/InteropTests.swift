import DoormanCore
import DoormanServer
import DoormanSupport
import Foundation
import Logging
import NIOPosix
import TestKit
import Testing

/// The unary cases of gRPC's interoperability tests, played by grpcio. `Scripts/setup --all` installs it.
@Suite("Interoperability tests of gRPC", .timeLimit(.minutes(2)))
struct InteropTests {
    private static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../..").standardized
    private static let python = root.appendingPathComponent(".build/python/bin/python").path

    static var isInstalled: Bool {
        FileManager.default.fileExists(atPath: python) && FileManager.default.fileExists(atPath: "/usr/bin/protoc")
    }

    private static func run(_ program: String, _ arguments: [String]) async throws -> ChildProcess {
        let process = try ChildProcess(program, arguments)
        #expect(try await process.ending() == 0, "\(process.allOutput)")
        return process
    }

    @Test("grpcio passes the unary cases", .enabled(if: isInstalled))
    func cases() async throws {
        var settings = ServerSettings()
        settings.tcp = .init(host: "127.0.0.1", port: 0)
        settings.connection.maximumFrameLength = 4 << 20
        settings.connection.writeBufferHighWaterMark = 64 << 20
        let server = DoormanServer(
            settings: settings, backend: ScriptedBackend(provider: ScriptedProvider(), cache: ScriptedBackend.Cache()),
            endpoints: [.http2: InteropEndpoint()], group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await server.start()
        let port = server.addresses.compactMap(\.port).first ?? 0
        let descriptors = NSTemporaryDirectory() + "doorman-interop-\(UUID().uuidString).binpb"
        defer { try? FileManager.default.removeItem(atPath: descriptors) }
        let folder = Self.root.appendingPathComponent("Tests/Interop").path
        _ = try await Self.run(
            "/usr/bin/protoc", ["--proto_path=\(folder)", "--descriptor_set_out=\(descriptors)", "interop.proto"])
        let played = try await Self.run(Self.python, [folder + "/grpc-interop.py", "127.0.0.1:\(port)", descriptors])
        #expect(played.output.split(separator: "\n").count == 9, "\(played.allOutput)")
        await server.stop()
    }
}
