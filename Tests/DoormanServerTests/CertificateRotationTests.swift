import DoormanServer
import DoormanWire
import Glibc
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite("TLS that is replaced while the server runs")
struct CertificateRotationTests {
    @Test("no call fails while certificates are replaced again and again under load")
    func underLoad() async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf(names: "DNS:billing.internal")
        let material = [
            try ServerTLS.test(try await authority.leaf(), callersOf: authority),
            try ServerTLS.test(try await authority.leaf(key: ["rsa:2048"]), callersOf: authority),
        ]
        try await withServer(tls: material[0]) { server, port in
            let isOver = NIOLockedValueBox(false)
            // Whatever fails throws, and so fails the test.
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
        "an authority that is taken away ends nobody's connection, and lets nobody new in, by a session that is resumed least of all"
    )
    func authorityReplaced() async throws {
        let (before, after) = (try await TestAuthority(), try await TestAuthority())
        let own = try await before.leaf()
        let (early, late) = (try await before.leaf(names: "DNS:early"), try await after.leaf(names: "DNS:late"))
        let session = "/tmp/doorman-session-\(getpid())-\(UInt32.random(in: .min ... .max)).pem"
        defer { unsafe unlink(session) }
        try await withServer(tls: try ServerTLS.test(own, callersOf: before)) { server, port in
            let there = try await TLSPeer.connect(port: port, trusting: before, as: early)
            _ = try await call(1, over: there)
            let first = try await callByOpenSSL(port, ["-sess_out", session] + show(early))
            #expect(first.contains("dns:early"))
            #expect(first.contains("New, TLSv1.2"))
            // A session brings its certificate along, though the client need not show it again.
            let resumed = try await callByOpenSSL(port, ["-sess_in", session])
            #expect(resumed.contains("Reused, TLSv1.2"))
            #expect(resumed.contains("dns:early"))

            server.replaceTLS(try ServerTLS.test(own, callersOf: after))
            _ = try await call(1, over: there)
            await #expect(throws: (any Error).self) {
                _ = try await call(1, over: try await TLSPeer.connect(port: port, trusting: before, as: early))
            }
            _ = try await call(1, over: try await TLSPeer.connect(port: port, trusting: before, as: late))
            for certificate in [[], show(early)] {
                let refused = try await callByOpenSSL(port, ["-sess_in", session] + certificate)
                #expect(!refused.contains("Reused"))
                #expect(!refused.contains("dns:early"))
            }
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

    /// So many calls at once, all of which must be answered OK.
    private func call(_ times: Int, over peer: TLSPeer) async throws -> Int {
        try await peer.send(try (0..<times).flatMap { try Frames.verify("remembered", streamID: UInt32(2 * $0 + 1)) })
        for _ in 0..<times {
            guard try await peer.readFrame().identity == .someone else { throw NeverHappened(description: "a call is answered OK") }
        }
        return times
    }

    private func show(_ leaf: TestAuthority.Leaf) -> [String] { ["-cert", leaf.certificateFile, "-key", leaf.keyFile] }

    /// What openssl's client says, and the answer of which the server's name for the caller is part.
    private func callByOpenSSL(_ port: Int, _ options: [String]) async throws -> String {
        let input = String(decoding: try Frames.listAccounts(streamID: 1), as: UTF8.self)
        let arguments = ["s_client", "-tls1_2", "-ign_eof", "-connect", "127.0.0.1:\(port)"] + options
        let client = try ChildProcess("openssl", arguments, input: input)
        try await eventually("there is an answer, or an end") {
            client.output.contains("server.accounts-callers") || !client.isRunning
        }
        return client.output
    }
}
