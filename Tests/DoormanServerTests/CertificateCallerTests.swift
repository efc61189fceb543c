import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import NIOSSL
import TestKit
import Testing

@Suite("Callers with certificates")
struct CertificateCallerTests {
    /// Returns the server's name for a caller with such a certificate.
    private func name(_ authority: TestAuthority, _ names: String, _ port: Int) async throws -> String {
        let peer = try await TLSPeer.connect(port: port, trusting: authority, as: try await authority.leaf(names: names))
        try await peer.send(Frames.listAccounts(streamID: 1))
        let message = try await peer.readFrame().status?.message ?? ""
        let words = message.split(separator: " ")
        return words.count > 1 && words[0] == "caller" ? String(words[1]) : message
    }

    @Test("a certificate names its caller by its only URI or otherwise its first DNS name")
    func names() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        try await withServer(tls: tls) { _, port in
            let cases = [
                ("URI:spiffe://example.org/billing", "uri:spiffe://example.org/billing"),
                ("DNS:billing.internal,URI:spiffe://example.org/billing", "uri:spiffe://example.org/billing"),
                ("DNS:Billing.Internal,DNS:other.internal", "dns:billing.internal"),
                ("URI:spiffe://example.org/a,URI:spiffe://example.org/b", "unknown"),
                ("URI:spiffe://example.org/a,URI:spiffe://example.org/a,DNS:billing.internal", "unknown"),
                ("DNS:*.internal", "unknown"), ("URI:billing", "unknown"), ("IP:127.0.0.1", "unknown"),
                ("email:billing@example.org", "unknown"), ("", "unknown"),
            ]
            for (names, name) in cases {
                let found = try await self.name(authority, names, port)
                #expect(found == name, "\(names)")
            }
        }
    }

    @Test("a certificate caller may use the Accounts service only if the policy names it")
    func allowed() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        let named = ["uri:spiffe://example.org/billing", "dns:billing.internal", "ip:127.0.0.1"].compactMap { Caller(parsing: $0) }
        try await withServer(provider, tls: tls, settings: { $0.policy = .granting(to: named) }) { _, port in
            for (names, isAllowed) in [
                ("URI:spiffe://example.org/billing", true), ("DNS:billing.internal", true),
                ("URI:spiffe://example.org/bill", false),
                ("URI:spiffe://example.org/other,DNS:billing.internal", false),
            ] {
                let peer = try await TLSPeer.connect(port: port, trusting: authority, as: try await authority.leaf(names: names))
                try await peer.send(Frames.deleteAccount("1011", streamID: 1))
                let response = try await peer.readFrame()
                #expect(response.failure == (isAllowed ? nil : .callerNotAllowed), "\(names)")
            }
        }
    }

    @Test("a policy matches callers by their certificates")
    func policy() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        let patterns = ["uri:spiffe://example.org/web/*", "dns:billing.internal"].compactMap { CallerMatcher(parsing: $0) }
        let policy = CallerPolicy([.init(patterns, CallerPermissions(.verify))], setting: "authorization.policy-file")
        try await withServer(tls: tls, settings: { $0.policy = policy }) { server, port in
            for (names, name, isAllowed) in [
                ("URI:spiffe://example.org/web/shop", "", true), ("DNS:billing.internal", "", true),
                ("URI:spiffe://example.org/webshop", "uri:spiffe://example.org/webshop", false),
                ("DNS:other.internal", "dns:other.internal", false), ("DNS:*.internal", "unknown", false),
            ] {
                let peer = try await TLSPeer.connect(port: port, trusting: authority, as: try await authority.leaf(names: names))
                try await peer.send(Frames.verify("cached", streamID: 1))
                let response = try await peer.readFrame()
                #expect(response.failure == (isAllowed ? nil : .callerNotAllowed), "\(names)")
                if !isAllowed { #expect(response.status?.message.hasPrefix("caller \(name) is not allowed") == true) }
                await server.replacePolicy(.standard).value
                try await peer.send(Frames.verify("cached", streamID: 3))
                #expect(try await peer.readFrame().identity == .someone)
                await server.replacePolicy(policy).value
            }
        }
    }

    @Test("an invalid client certificate fails the handshake")
    func refused() async throws {
        let (authority, stranger) = (try await TestAuthority(), try await TestAuthority())
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        let name = "URI:spiffe://example.org/billing"
        let cases: [(leaf: TestAuthority.Leaf?, why: String, words: String)] = [
            (nil, "tls_no_client_certificate", "tls.client-auth"),
            (try await stranger.leaf(names: name), "tls_client_certificate_rejected", "tls.client-ca-file"),
            (try await authority.leaf(names: name, isExpired: true), "tls_client_certificate_rejected", "has expired"),
            (
                try await authority.leaf(names: name, usage: "serverAuth"), "tls_client_certificate_rejected",
                "not valid for client authentication"
            ),
        ]
        for (leaf, why, words) in cases {
            let log = LogRecorder()
            try await withServer(log: log, tls: tls) { server, port in
                for version in [nil, .some(.tlsv12)] as [TLSVersion?] {
                    await #expect(throws: (any Error).self, "\(why)") {
                        let peer = try await TLSPeer.connect(
                            port: port, trusting: authority, as: leaf, maximumVersion: version)
                        try await peer.send(Frames.verify("cached", streamID: 1))
                        _ = try await peer.readFrame()
                    }
                }
                try await eventually("both connections are closed") { server.connectionCount == 0 }
                #expect(await server.closed(why) == 2)
            }
            let lines = log.lines.filter { $0.hasPrefix("notice") }
            #expect(lines.first?.contains(words) == true, "\(lines)")
            if leaf != nil { #expect(lines.first?.contains("uri:spiffe://example.org/billing") == true) }
        }
    }

    @Test("with optional certificates a caller without one is named by its address")
    func optional() async throws {
        let (authority, stranger) = (try await TestAuthority(), try await TestAuthority())
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority, .optional)
        try await withServer(tls: tls) { _, port in
            let without = try await TLSPeer.connect(port: port, trusting: authority)
            try await without.send(Frames.listAccounts(streamID: 1))
            let response = try await without.readFrame()
            #expect(response.failure == .callerNotAllowed)
            #expect(response.status?.message.contains("ip:127.0.0.1") == true)
            #expect(try await name(authority, "DNS:billing.internal", port) == "dns:billing.internal")
            await #expect(throws: (any Error).self) { _ = try await name(stranger, "DNS:billing.internal", port) }
        }
    }

    @Test(
        "a caller's key may be of any usual type",
        arguments: [["rsa:2048"], ["ed25519"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]])
    func keys(key: [String]) async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(key: key == ["ed25519"] ? ["rsa:2048"] : key), callersOf: authority)
        let leaf = try await authority.leaf(key: key)
        try await withServer(tls: tls) { _, port in
            for version in [nil, .some(.tlsv12)] as [TLSVersion?] {
                let peer = try await TLSPeer.connect(port: port, trusting: authority, as: leaf, maximumVersion: version)
                try await peer.send(Frames.verify("cached", streamID: 1))
                #expect(try await peer.readFrame().identity == .someone)
            }
        }
    }

    @Test("a resumed session whose certificate has expired is closed")
    func endedSince() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        let leaf = try await authority.leaf(names: "DNS:billing.internal")
        let log = LogRecorder()
        let later = TimeSource(
            now: TimeSource.system.now, wallTime: { TimeSource.system.wallTime().advanced(by: .seconds(3 * 86_400)) })
        try await withServer(log: log, tls: tls, backend: { ScriptedBackend($0, timeSource: later) }) { server, port in
            let peer = try await TLSPeer.connect(port: port, trusting: authority, as: leaf)
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readUntilEnd().isEmpty)
            try await eventually("the connection is closed") { server.connectionCount == 0 }
        }
        #expect(log.lines.contains { $0.contains("dns:billing.internal has expired") })
    }

    @Test("a setting accepts the names that certificates can have")
    func parsing() {
        let long = String(repeating: "a", count: 250)
        for text in ["uri:spiffe://example.org/a", "uri:urn:x", "dns:a", "dns:a-b.c_d.internal", "dns:\(long)"] {
            #expect(Caller(parsing: text)?.name == text)
        }
        #expect(Caller(parsing: "dns:Billing.INTERNAL")?.name == "dns:billing.internal")
        #expect(Caller(parsing: "uri:SPIFFE://a/B")?.name == "uri:SPIFFE://a/B")
        for text in [
            "uri:", "uri:a", "uri:a:", "uri::a", "uri:1a:b", "uri:a b:c", "uri:a:b c", "uri:a:b\u{0}", "uri:a:b\n", "uri:a:é",
            "dns:",
            "dns:.", "dns:a.", "dns:.a", "dns:a..b", "dns:*.a", "dns:a b", "dns:a\u{0}", "dns:é", "dns:\(long).aaaaaa", "uri:a:b,c",
            "uri:a:" + String(repeating: long, count: 9), "URI:a:b",
        ] {
            #expect(Caller(parsing: text) == nil, "\(text.prefix(20))")
        }
    }
}
