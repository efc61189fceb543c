import DoormanClient
import Foundation
import Glibc
import TestKit
import Testing

/// A real server whose standard error is a full pipe that nothing reads.
@Suite("An unread log", .serialized)
struct UnreadLogTests {
    /// A named pipe that is full. Its reading end stays open.
    private struct FullPipe {
        let path: String
        let reading: Int32

        init(in folder: URL) throws {
            path = folder.appendingPathComponent("log").path
            guard unsafe mkfifo(path, 0o600) == 0 else { throw NeverHappened(description: "no pipe: errno \(errno)") }
            reading = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
            let writing = unsafe open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            let bytes = [UInt8](repeating: 0x20, count: 4096)
            while unsafe write(writing, bytes, bytes.count) > 0 {}
            close(writing)
        }

        func read() -> String {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = unsafe Glibc.read(reading, &bytes, bytes.count)
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }
    }

    private func doormand(_ arguments: [String], log: FullPipe) throws -> ChildProcess {
        try ChildProcess(
            "sh", ["-c", #"log=$0; exec "$@" 2>"$log""#, log.path, ChildProcess.built("doormand")] + arguments,
            environment: ["SWIFT_BACKTRACE": "enable=no"])
    }

    private func arguments(in folder: URL) -> [String] {
        [
            "--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123", "--server-address",
            "127.0.0.1:0", "--server-port-file",
            folder.appendingPathComponent("port").path, "--log-level", "trace", "--server-drain-quiet-period", "50ms",
        ]
    }

    @Test("the server answers every call, reloads, and ends on SIGTERM in time")
    func serves() async throws {
        try await withTemporaryFolder { folder in
            let log = try FullPipe(in: folder)
            defer { close(log.reading) }
            let server = try doormand(arguments(in: folder), log: log)
            let port = try await server.port(from: folder.appendingPathComponent("port"))
            for round in 0..<20 {
                // Each broken connection writes a log line, up to a rate.
                for _ in 0..<10 {
                    let peer = try RawPeer.connect(port: port)
                    try await peer.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
                    _ = try await peer.readUntilEnd()
                }
                server.hangUp()
                let client = DoormanClient(target: .hostAndPort("127.0.0.1", port))
                let health = try await client.health(timeout: .seconds(20))
                #expect(health == .serving, "round \(round)")
                await client.close()
            }
            let start = ContinuousClock.now
            server.terminate()
            #expect(try await server.ending(within: .seconds(20)) == 0)
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }

    @Test("a reader that returns gets the lines that waited")
    func resumes() async throws {
        try await withTemporaryFolder { folder in
            let log = try FullPipe(in: folder)
            defer { close(log.reading) }
            let server = try doormand(arguments(in: folder), log: log)
            _ = try await server.port(from: folder.appendingPathComponent("port"))
            var text = ""
            try await eventually("the log has its lines") {
                text += log.read()
                return text.contains("ready to reload")
            }
            #expect(text.contains("listening"))
            server.terminate()
            #expect(try await server.ending() == 0)
        }
    }

    @Test(
        "errors of the start don't wait for a reader",
        arguments: [(["--cache-tll", "1s"], Int32(64)), (["--cache-ttl", "nowhere"], Int32(78))])
    func failedStart(settings: [String], status: Int32) async throws {
        try await withTemporaryFolder { folder in
            let log = try FullPipe(in: folder)
            defer { close(log.reading) }
            let server = try doormand(arguments(in: folder) + settings, log: log)
            #expect(try await server.ending(within: .seconds(20)) == status)
        }
    }

    @Test("a server outlives the reader of its log")
    func closed() async throws {
        try await withTemporaryFolder { folder in
            let log = try FullPipe(in: folder)
            let server = try doormand(arguments(in: folder), log: log)
            let port = try await server.port(from: folder.appendingPathComponent("port"))
            close(log.reading)
            let client = DoormanClient(target: .hostAndPort("127.0.0.1", port))
            for _ in 0..<10 {
                server.hangUp()
                #expect(try await client.health(timeout: .seconds(20)) == .serving)
            }
            await client.close()
            server.terminate()
            #expect(try await server.ending(within: .seconds(20)) == 0)
        }
    }
}
