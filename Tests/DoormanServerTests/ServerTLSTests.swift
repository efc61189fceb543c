import DoormanCore
import DoormanServer
import DoormanSupport
import TestKit
import Testing

@Suite("TLS material")
struct ServerTLSTests {
    private func problems(chain: String, key: String, callers: String? = nil) throws -> [String] {
        let material = TLSMaterial(
            certificateChain: try TestTLS.contents(of: chain), privateKey: try TestTLS.contents(of: key),
            clientAuthorities: try callers.map { try TestTLS.contents(of: $0) })
        do throws(InvalidTLSError) {
            _ = try ServerTLS(material, now: TimeSource.system.wallTime())
            return []
        } catch {
            return error.problems
        }
    }

    private static let rsa = ["rsa:2048"]
    private static let curve = ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]

    @Test("a certificate's own key of any usual type is accepted", arguments: [rsa, curve, ["ed25519"]])
    func pairs(key: [String]) async throws {
        let leaf = try await TestAuthority().leaf(key: key)
        #expect(try problems(chain: leaf.certificateFile, key: leaf.keyFile).isEmpty)
    }

    @Test("another certificate's key is an error that names the setting", arguments: [rsa, curve])
    func mismatch(key: [String]) async throws {
        let authority = try await TestAuthority()
        let (one, another) = (try await authority.leaf(key: key), try await authority.leaf(key: key))
        let third = try await authority.leaf(key: key == Self.rsa ? Self.curve : Self.rsa)
        for other in [another, third] {
            let problems = try problems(chain: one.certificateFile, key: other.keyFile)
            #expect(problems.count == 1)
            #expect(problems.first?.hasPrefix("tls.private-key-file: ") == true)
            #expect(problems.first?.contains("tls.certificate-file") == true)
        }
    }

    @Test("a key without a public part is accepted")
    func keyWithoutPublicPart() async throws {
        let leaf = try await TestAuthority().leaf()
        try await TestAuthority.run(["ec", "-in", leaf.keyFile, "-no_public", "-out", leaf.keyFile])
        #expect(try problems(chain: leaf.certificateFile, key: leaf.keyFile).isEmpty)
    }

    @Test("a key with a compressed public part is accepted")
    func keyWithCompressedPublicPart() async throws {
        let leaf = try await TestAuthority().leaf()
        try await TestAuthority.run(["ec", "-in", leaf.keyFile, "-conv_form", "compressed", "-out", leaf.keyFile])
        #expect(try problems(chain: leaf.certificateFile, key: leaf.keyFile).isEmpty)
    }

    @Test("files that are not PEM are reported together by setting")
    func notPEM() async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf()
        let wrong = try problems(chain: leaf.keyFile, key: leaf.certificateFile, callers: "/dev/null")
        #expect(wrong.map { $0.prefix { $0 != ":" } } == ["tls.certificate-file", "tls.client-ca-file", "tls.private-key-file"])
        #expect(!wrong.contains { $0.contains("BEGIN") })
    }

    @Test("an encrypted key is an error that says so")
    func encryptedKey() async throws {
        let leaf = try await TestAuthority().leaf()
        try await TestAuthority.run(["ec", "-in", leaf.keyFile, "-aes128", "-passout", "pass:planted", "-out", leaf.keyFile])
        let encrypted = try problems(chain: leaf.certificateFile, key: leaf.keyFile)
        #expect(encrypted.count == 1)
        #expect(encrypted.first?.contains("encrypted") == true)
    }

    @Test("an expired certificate is only a warning")
    func expired() async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf(isExpired: true)
        let tls = try ServerTLS.test(leaf)
        #expect(tls.warnings == ["tls.certificate-file: certificate 1 of 1 has expired"])
        #expect(tls.certificateExpiry < TimeSource.system.wallTime())
        let log = LogRecorder()
        try await withServer(log: log, tls: tls) { server, _ in server.replaceTLS(tls) }
        #expect(log.lines.contains { $0.hasPrefix("warning") && $0.contains("has expired") })
        #expect(try ServerTLS.test(try await authority.leaf()).warnings.isEmpty)
    }

    @Test("the validity of a chain is that of all its certificates, wherever they are in the file")
    func chain() async throws {
        let authority = try await TestAuthority()
        let (leaf, early) = (try await authority.leaf(), try await authority.leaf(isEarly: true))
        let (authorityOfOld, expired) = (try await TestCertificate(), try await TestCertificate(isExpired: true))
        let now = TimeSource.system.wallTime()
        func tls(_ own: TestAuthority.Leaf, _ intermediates: [String]) throws -> ServerTLS {
            try ServerTLS(
                TLSMaterial(
                    certificateChain: try ([own.certificateFile] + intermediates).flatMap { try TestTLS.contents(of: $0) },
                    privateKey: try TestTLS.contents(of: own.keyFile)),
                now: now)
        }
        let valid = try tls(leaf, [authority.certificateFile])
        #expect(valid.isCertificateValid(at: now) && valid.certificateExpiry > now && valid.certificateNotBefore <= now)
        for files in [
            [expired.certificateFile], [authority.certificateFile, expired.certificateFile, authorityOfOld.certificateFile],
        ] {
            let tls = try tls(leaf, files)
            #expect(tls.certificateExpiry < now && !tls.isCertificateValid(at: now))
        }
        for tls in [try tls(early, []), try tls(leaf, [early.certificateFile, authority.certificateFile])] {
            #expect(tls.certificateNotBefore > now && !tls.isCertificateValid(at: now))
        }
        try await withServer(tls: try tls(leaf, [early.certificateFile, expired.certificateFile])) { server, _ in
            let gauges = await server.statistics().gauges
            #expect(gauges[.tlsCertificateNotBefore] == 3_786_912_000)
            let expiry = try #require(gauges[.tlsCertificateExpiry])
            #expect(expiry < UInt64(now.millisecondsSince1970 / 1000))
        }
    }

    @Test("an authority that has expired beside its successor is not the next to expire")
    func authorityExpiry() async throws {
        let (old, new) = (try await TestCertificate(isExpired: true), try await TestCertificate())
        func expiry(_ authorities: [TestCertificate]) throws -> Timestamp? {
            let own = try new.certificateBytes()
            let tls = try ServerTLS(
                TLSMaterial(
                    certificateChain: own, privateKey: try TestTLS.contents(of: new.keyFile),
                    clientAuthorities: authorities.isEmpty ? nil : try authorities.flatMap { try $0.certificateBytes() }),
                now: TimeSource.system.wallTime())
            return tls.authorityExpiry(at: TimeSource.system.wallTime())
        }
        #expect(try expiry([]) == nil)
        let (first, last) = (try #require(try expiry([old])), try #require(try expiry([new])))
        #expect(first < TimeSource.system.wallTime())
        #expect(last > TimeSource.system.wallTime())
        #expect(try expiry([old, new]) == last)
    }

    @Test("the description of TLS material contains nothing of the key")
    func redaction() async throws {
        let leaf = try await TestAuthority().leaf()
        let material = TLSMaterial(
            certificateChain: try TestTLS.contents(of: leaf.certificateFile), privateKey: Array("planted".utf8))
        var dumped = ""
        dump(material, to: &dumped)
        let planted = "\(Array("planted".utf8))"
        for text in ["\(material)", String(reflecting: material), dumped] { #expect(!text.contains(planted)) }
    }
}
