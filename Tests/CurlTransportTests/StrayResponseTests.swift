import CurlTransport
import Foundation
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

/// A response that no request asked for must not be taken for the response of the next request.
@Suite("Stray responses on a connection that is kept alive", .timeLimit(.minutes(2)))
struct StrayResponseTests {
    /// What a server sends beyond its response, and how.
    enum Stray: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case ownWrite = "in a write of its own"
        case sameWrite = "in the same write as the response"
        case afterChunks = "behind the last chunk"
        case afterNoContent = "behind a response without a body"
        case half = "of which half has come"
        case notHTTP = "which is not HTTP"
        case timeout = "as 408 and the end of the connection"
        case end = "which is the end of the connection"

        var testDescription: String { rawValue }

        static let response = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"

        /// Sends a response with this body, and the stray bytes.
        func send(_ body: String, _ write: (String) -> Void) {
            let response = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            switch self {
            case .ownWrite:
                write(response)
                write(Self.response)
            case .sameWrite: write(response + Self.response)
            case .afterChunks:
                let size = String(body.utf8.count, radix: 16)
                write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(size)\r\n\(body)\r\n0\r\n\r\n" + Self.response)
            case .afterNoContent: write("HTTP/1.1 204 No Content\r\n\r\n" + Self.response)
            case .half:
                write(response)
                write(String(Self.response.prefix(20)))
            case .notHTTP:
                write(response)
                write("\r\n\r\n")
            case .timeout:
                write(response)
                write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            case .end: write(response)
            }
        }

        /// Whether the server closes the connection.
        var ends: Bool { self == .timeout || self == .end }
    }

    /// Counts the responses that a server has sent with all stray bytes behind them: on loopback, these are then with the client.
    private final class Sent: Sendable {
        private let count = NIOLockedValueBox(0)

        func add() { count.withLockedValue { $0 += 1 } }

        func wait(for expected: Int) async throws {
            try await eventually("the server has sent all") { count.withLockedValue { $0 } >= expected }
        }
    }

    /// A server that answers each request with its path, and the first request of each connection with stray bytes as well.
    private static func server(_ stray: Stray, _ sent: Sent) -> ScriptedServer {
        ScriptedServer { connection in
            var number = 0
            while let request = connection.request() {
                let path = String(request.split(separator: " ")[1])
                number += 1
                if number > 1 { connection.respond(body: path) } else { stray.send(path) { connection.write($0) } }
                if stray.ends { connection.descriptor.interrupt() }
                sent.add()
                if stray.ends { return }
            }
        }
    }

    @Test("every request gets its own response", arguments: Stray.allCases)
    func identity(stray: Stray) async throws {
        let sent = Sent()
        try await withServer(Self.server(stray, sent)) { transport, server in
            for number in 1...10 {
                let response = try await transport.get(server.url("/\(number)"))
                let isOwn = stray == .afterNoContent && response.status == 204 || response.text == "/\(number)"
                #expect(isOwn, "\(response.status) \(response.text)")
                try await sent.wait(for: number)
            }
        }
    }

    @Test("a connection without unread bytes is used again")
    func reuse() async throws {
        let server = ScriptedServer.responding { $0.respond(body: "own") }
        try await withServer(server) { transport, server in
            for _ in 0..<10 {
                let response = try await transport.get(server.url())
                #expect(response.text == "own")
            }
            #expect(server.acceptedConnections == 1)
        }
    }

    @Test("a stray response that comes while a request waits spoils no response after a pause")
    func withinRequest() async throws {
        let sent = Sent()
        let server = ScriptedServer { connection in
            var number = 0
            while let request = connection.request() {
                number += 1
                if connection.number == 1, number == 2 { connection.write(Stray.response) }
                connection.respond(body: String(request.split(separator: " ")[1]))
                sent.add()
            }
        }
        try await withServer(server) { transport, server in
            for number in 1...10 {
                let response = try await transport.get(server.url("/\(number)"))
                if number != 2 { #expect(response.text == "/\(number)") }
                // The pause: without it, the next request could be sent before the second's own response arrives.
                try await sent.wait(for: number)
            }
        }
    }

    @Test("idle connections that a proxy ended with 408 fail no request")
    func idleTimeouts() async throws {
        let count = 30
        let isIdle = NIOLockedValueBox(false)
        let server = ScriptedServer { connection in
            while connection.request() != nil {
                guard connection.number <= count else {
                    connection.respond(body: "own")
                    continue
                }
                // Each of the first requests has a connection of its own.
                while connection.server.acceptedConnections < count, !isIdle.withLockedValue({ $0 }) {
                    Thread.sleep(forTimeInterval: 0.001)
                }
                connection.respond(body: "own")
                while !isIdle.withLockedValue({ $0 }) { Thread.sleep(forTimeInterval: 0.001) }
                connection.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            }
        }
        try await withServer(server) { transport, server in
            // A failure must end the scripts, too: the server is stopped by joining their threads.
            defer { isIdle.withLockedValue { $0 = true } }
            try await requestAll(count, transport, server)
            isIdle.withLockedValue { $0 = true }
            try await eventually("the server has ended the connections") { server.endedConnections >= count }
            try await requestAll(count, transport, server)
        }
    }

    @Test(
        "over TLS, every request gets its own response", arguments: ["TLSv1_2", "TLSv1_3"], ["own record", "same record", "end"])
    func overTLS(version: String, stray: String) async throws {
        let certificate = try await TestCertificate()
        let server = try ChildProcess(
            "python3", ["-c", Self.tlsServer, certificate.certificateFile, certificate.keyFile, version, stray],
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"])
        try await eventually("the server listens") { server.output.hasSuffix("\n") || !server.isRunning }
        let port = try #require(Int(server.output.prefix { $0 != "\n" }), "\(server.errorOutput)")
        let transport = try TLSTests.transport(trusting: certificate)
        defer {
            transport.shutdown()
            server.terminate()
        }
        for number in 1...10 {
            let text = try await transport.get("https://localhost:\(port)/\(number)").text
            #expect(text == "/\(number)")
            // The server prints its port, and a line for each response.
            try await eventually("the server has sent all") { server.output.filter { $0 == "\n" }.count > number }
        }
    }

    /// Answers each request with its path, and the first request of each connection with a stray response as well.
    private static let tlsServer = #"""
        import socket, ssl, sys, threading
        _, certificate, key, version, stray = sys.argv
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)

        def response(body):
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

        def serve(connection):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = context.wrap_socket(connection, server_side=True)
            file = connection.makefile("rb")
            number = 0
            while line := file.readline():
                while file.readline() != b"\r\n": pass
                path = line.split()[1]
                number += 1
                if number > 1: connection.sendall(response(path))
                elif stray == "same record": connection.sendall(response(path) + response(b"stray"))
                else:
                    connection.sendall(response(path))
                    if stray == "own record": connection.sendall(response(b"stray"))
                    if stray == "end": connection.close()
                print("sent", flush=True)
                if stray == "end": return

        while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """#

    private func requestAll(_ count: Int, _ transport: CurlTransport, _ server: ScriptedServer) async throws {
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<count { group.addTask { try await transport.get(server.url()).text } }
            for try await text in group { #expect(text == "own") }
        }
    }
}
