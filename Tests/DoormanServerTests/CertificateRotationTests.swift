import DoormanServer
import DoormanWire
import Glibc
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite("TLS reload")
struct CertificateRotationTests {
    /// Makes a draining connection wait so long for a call that the call comes in time on a slow machine, too.
    private static func drainSlowly(_ settings: inout ServerSettings) {
        settings.connection.drainQuietPeriod = .seconds(3)
    }

    @Test("no call fails while certificates are reloaded repeatedly under load")
    func underLoad() async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf(names: "DNS:billing.internal")
        let material = [
            try ServerTLS.test(try await authority.leaf(), callersOf: authority),
            try ServerTLS.test(try await authority.leaf(key: ["rsa:2048"]), callersOf: authority),
        ]
        try await withServer(tls: material[0]) { server, port in
            let isOver = NIOLockedValueBox(false)
            // Any failure throws and fails the test.
            let answered = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await connectAndCall(40, port, authority, leaf) }
                }
                group.addTask {
                    let peer = try await TLSPeer.connect(port: port, trusting: authority, as: leaf)
                    var count = 0
                    while !isOver.withLockedValue({ $0 }) { count += try await call(10, over: peer) }
                    return count
                }
                group.addTask {
                    var replaced = 0
                    while !isOver.withLockedValue({ $0 }) {
                        replaced += 1
                        server.replaceTLS(material[replaced % 2])
                        try await Task.sleep(for: .milliseconds(1))
                    }
                    #expect(replaced > 20)
                    return 0
                }
                var answered = 0
                for _ in 0..<4 { answered += try await group.next() ?? 0 }
                isOver.withLockedValue { $0 = true }
                return try await group.reduce(answered, +)
            }
            #expect(answered > 4 * 40 * 20)
        }
    }

    @Test(
        "a removed authority admits no new connection, and drains the open ones"
    )
    func authorityReplaced() async throws {
        let (before, after) = (try await TestAuthority(), try await TestAuthority())
        let own = try await before.leaf()
        let (early, late) = (try await before.leaf(names: "DNS:early"), try await after.leaf(names: "DNS:late"))
        let session = "/tmp/doorman-session-\(getpid())-\(UInt32.random(in: .min ... .max)).pem"
        defer { unsafe unlink(session) }
        try await withServer(tls: try ServerTLS.test(own, callersOf: before), settings: Self.drainSlowly) { server, port in
            let open = try await TLSPeer.connect(port: port, trusting: before, as: early)
            _ = try await call(1, over: open)
            let first = try await callByOpenSSL(port, ["-sess_out", session] + certificateOptions(early))
            #expect(first.contains("dns:early"))
            #expect(first.contains("New, TLSv1.2"))
            // A resumed session carries its certificate, although the client does not send it again.
            let resumed = try await callByOpenSSL(port, ["-sess_in", session])
            #expect(resumed.contains("Reused, TLSv1.2"))
            #expect(resumed.contains("dns:early"))

            await server.replaceTLS(try ServerTLS.test(own, callersOf: after)).value
            try await open.send(Frames.verify("cached", streamID: 1))
            #expect(try await open.readFrame().failure == .draining)
            await #expect(throws: (any Error).self) {
                _ = try await call(1, over: try await TLSPeer.connect(port: port, trusting: before, as: early))
            }
            _ = try await call(1, over: try await TLSPeer.connect(port: port, trusting: before, as: late))
            for certificate in [[], certificateOptions(early)] {
                let output = try await callByOpenSSL(port, ["-sess_in", session] + certificate)
                #expect(!output.contains("Reused"))
                #expect(!output.contains("dns:early"))
            }
        }
    }

    @Test("open connections that new authorities accept continue")
    func authorityAdded() async throws {
        let (first, second) = (try await TestAuthority(), try await TestAuthority())
        let own = try await first.leaf()
        let leaves = (try await first.leaf(names: "DNS:first"), try await second.leaf(names: "DNS:second"))
        let both = try ServerTLS.test(own, callersOf: [first, second])
        try await withServer(tls: try ServerTLS.test(own, callersOf: first), settings: Self.drainSlowly) { server, port in
            let early = try await TLSPeer.connect(port: port, trusting: first, as: leaves.0)
            _ = try await call(1, over: early)
            await server.replaceTLS(both).value
            _ = try await call(1, over: early)
            let late = try await TLSPeer.connect(port: port, trusting: first, as: leaves.1)
            _ = try await call(1, over: late)
            // The rotation ends: the old authority goes. Only its callers have to connect again.
            await server.replaceTLS(try ServerTLS.test(own, callersOf: second)).value
            _ = try await call(1, over: late)
            try await early.send(Frames.verify("cached", streamID: 1))
            #expect(try await early.readFrame().failure == .draining)
            #expect(try await early.readUntilEnd().isEmpty)
            await early.close()
            try await eventually("the connection is counted") { await server.closed("tls_client_certificate_refused") == 1 }
        }
    }

    @Test("a handshake that began before a reload does not outlive the removed authority")
    func handshakeDuringReload() async throws {
        let (before, after) = (try await TestAuthority(), try await TestAuthority())
        let own = try await before.leaf()
        let early = try await before.leaf(names: "DNS:early")
        try await withServer(tls: try ServerTLS.test(own, callersOf: before), settings: Self.drainSlowly) { server, port in
            // The proxy holds the client's first bytes back, so that the handshake begins before the reload and ends after it.
            let proxy = try await HoldingProxy.start(to: port)
            async let connecting = TLSPeer.connect(port: proxy.port, trusting: before, as: early, maximumVersion: .tlsv12)
            try await eventually("the handshake waits") { server.connectionCount == 1 && proxy.heldBytes > 0 }
            await server.replaceTLS(try ServerTLS.test(own, callersOf: after)).value
            proxy.release()
            let peer = try await connecting
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readFrame().failure == .draining)
            try await proxy.stop()
        }
    }

    @Test("a reload during the handshake of a caller that the new authorities accept does not drain it")
    func goodHandshakeDuringReload() async throws {
        let (before, after) = (try await TestAuthority(), try await TestAuthority())
        let own = try await before.leaf()
        let late = try await after.leaf(names: "DNS:late")
        try await withServer(tls: try ServerTLS.test(own, callersOf: [before, after])) { server, port in
            let proxy = try await HoldingProxy.start(to: port)
            async let connecting = TLSPeer.connect(port: proxy.port, trusting: before, as: late)
            try await eventually("the handshake waits") { server.connectionCount == 1 && proxy.heldBytes > 0 }
            await server.replaceTLS(try ServerTLS.test(own, callersOf: after)).value
            proxy.release()
            _ = try await call(1, over: try await connecting)
            try await proxy.stop()
        }
    }

    @Test("callers without a certificate have to connect again when certificates become required")
    func certificatesRequired() async throws {
        let authority = try await TestAuthority()
        let own = try await authority.leaf()
        let tls = try ServerTLS.test(own, callersOf: authority, .optional)
        try await withServer(tls: tls, settings: Self.drainSlowly) { server, port in
            let without = try await TLSPeer.connect(port: port, trusting: authority)
            let named = try await TLSPeer.connect(port: port, trusting: authority, as: try await authority.leaf(names: "DNS:a"))
            _ = try await call(1, over: without)
            _ = try await call(1, over: named)
            await server.replaceTLS(try ServerTLS.test(own, callersOf: authority)).value
            _ = try await call(1, over: named)
            try await without.send(Frames.verify("cached", streamID: 1))
            #expect(try await without.readFrame().failure == .draining)
        }
    }

    private func connectAndCall(
        _ times: Int, _ port: Int, _ authority: TestAuthority, _ leaf: TestAuthority.Leaf
    ) async throws -> Int {
        var count = 0
        for _ in 0..<times {
            let peer = try await TLSPeer.connect(port: port, trusting: authority, as: leaf)
            count += try await call(20, over: peer)
            await peer.close()
        }
        return count
    }

    /// Makes `times` calls at once, which must all return OK.
    private func call(_ times: Int, over peer: TLSPeer) async throws -> Int {
        try await peer.send(try (0..<times).flatMap { try Frames.verify("cached", streamID: UInt32(2 * $0 + 1)) })
        for _ in 0..<times {
            guard try await peer.readFrame().identity == .someone else { throw NeverHappened(description: "a call returns OK") }
        }
        return times
    }

    private func certificateOptions(_ leaf: TestAuthority.Leaf) -> [String] {
        ["-cert", leaf.certificateFile, "-key", leaf.keyFile]
    }

    /// Returns the output of openssl's client, which contains the server's name for the caller.
    private func callByOpenSSL(_ port: Int, _ options: [String]) async throws -> String {
        let input = String(decoding: try Frames.listAccounts(streamID: 1), as: UTF8.self)
        let arguments = ["s_client", "-tls1_2", "-ign_eof", "-connect", "127.0.0.1:\(port)"] + options
        let client = try ChildProcess("openssl", arguments, input: input)
        try await eventually("the client gets a response or exits") {
            client.output.contains("authorization.policy-file") || !client.isRunning
        }
        return client.output
    }
}
