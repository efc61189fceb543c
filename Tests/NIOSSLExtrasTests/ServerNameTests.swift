import NIOSSLExtras
import Testing

@Suite("The name of a server")
struct ServerNameTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let expected: String
        let names: [CertificateName]
        let matches: Bool

        init(_ expected: String, _ names: [CertificateName], _ matches: Bool) {
            self.expected = expected
            self.names = names
            self.matches = matches
        }

        var testDescription: String { "\(expected) and \(names)" }
    }

    private static func dns(_ names: String...) -> [CertificateName] { names.map { CertificateName(.dnsName, Array($0.utf8)) } }

    private static func ip(_ bytes: UInt8...) -> [CertificateName] { [CertificateName(.ipAddress, bytes)] }

    private static let loopback6 = CertificateName(.ipAddress, Array(repeating: 0, count: 15) + [1])

    @Test(
        "a DNS name matches the DNS names of the certificate",
        arguments: [
            Row("doorman.internal", dns("doorman.internal"), true),
            Row("doorman.internal", dns("other.internal", "doorman.internal"), true),
            Row("localhost", dns("localhost"), true),
            Row("DOORMAN.Internal", dns("doorman.internal"), true),
            Row("doorman.internal", dns("Doorman.INTERNAL"), true),
            Row("doorman.internal.", dns("doorman.internal"), true),
            Row("xn--trhter-kva.example", dns("XN--trhter-kva.example"), true),
            Row("doorman-1.internal", dns("doorman-1.internal"), true),

            Row("doorman.internal", dns("doorman.internal."), false),
            Row("doorman.internal", dns("other.internal"), false),
            Row("doorman.internal", dns("doorman.internal.example"), false),
            Row("doorman.internal", dns("internal"), false),
            Row("doorman.internal", dns("a.doorman.internal"), false),
            Row("doorman.internal", dns(""), false),
            Row("doorman.internal", dns("doorman.internal\0.example"), false),
            Row("doorman.internal", dns("doorman.internal\0"), false),
            // The Kelvin sign, whose lower case is k.
            Row("kiosk.internal", dns("\u{212A}iosk.internal"), false),
        ])
    func names(row: Row) {
        #expect(ServerName(row.expected).matches(row.names) == row.matches)
    }

    @Test(
        "a wildcard is the whole left-most label and stands for exactly one label",
        arguments: [
            Row("doorman.example.org", dns("*.example.org"), true),
            Row("DOORMAN.example.org.", dns("*.EXAMPLE.org"), true),
            Row("doorman.internal", dns("*.internal"), true),

            Row("example.org", dns("*.example.org"), false),
            Row("a.doorman.example.org", dns("*.example.org"), false),
            Row("doorman.example.org", dns("*"), false),
            Row("localhost", dns("*"), false),
            Row("doorman.example.org", dns("*.*.org"), false),
            Row("doorman.example.org", dns("doorman.*.org"), false),
            Row("doorman.example.org", dns("doorman.example.*"), false),
            Row("doorman.example.org", dns("d*.example.org"), false),
            Row("doorman.example.org", dns("*n.example.org"), false),
            Row("doorman.example.org", dns("d*n.example.org"), false),
            Row("doorman.example.org", dns("**.example.org"), false),
            Row("doorman.example.org", dns(".example.org"), false),
            Row("*.example.org", dns("*.example.org"), false),
            Row("xn--trhter-kva.example.org", dns("*.example.org"), false),
            Row("doorman.example.org", dns("xn--*.example.org"), false),
            Row("127.0.0.1", dns("*.0.0.1"), false),
        ])
    func wildcards(row: Row) {
        #expect(ServerName(row.expected).matches(row.names) == row.matches)
    }

    @Test(
        "an IP address matches the IP addresses of the certificate",
        arguments: [
            Row("127.0.0.1", ip(127, 0, 0, 1), true),
            Row("::1", [loopback6], true),
            Row("0:0:0:0:0:0:0:1", [loopback6], true),

            Row("127.0.0.1", ip(127, 0, 0, 2), false),
            Row("127.0.0.1", ip(127, 0, 0), false),
            Row("127.0.0.1", ip(127, 0, 0, 1, 255, 255, 255, 255), false),
            Row("127.0.0.1", [CertificateName(.ipAddress, Array("127.0.0.1".utf8))], false),
            Row("127.0.0.1", dns("127.0.0.1"), false),
            Row("::1", dns("::1"), false),
            Row("::1", ip(0, 0, 0, 1), false),
            // A mapped address is another address.
            Row("::ffff:127.0.0.1", ip(127, 0, 0, 1), false),
            Row("127.0.0.1\0.example.org", ip(127, 0, 0, 1), false),
            // Resolvers take these for addresses.
            Row("127.1", dns("127.1"), false),
            Row("2130706433", dns("2130706433"), false),
            Row("127.0.0.1.", ip(127, 0, 0, 1), false),
        ])
    func addresses(row: Row) {
        #expect(ServerName(row.expected).matches(row.names) == row.matches)
    }

    @Test(
        "a name matches no other kind of name",
        arguments: [
            Row("doorman.internal", [], false),
            Row("doorman.internal", ip(127, 0, 0, 1), false),
            Row("doorman.internal", [CertificateName(.uri, Array("doorman.internal".utf8))], false),
            Row("doorman.internal", [CertificateName(.uri, Array("spiffe://doorman.internal".utf8))], false),
            Row("doorman.internal", [CertificateName(.email, Array("doorman.internal".utf8))], false),
            Row("doorman.internal", [CertificateName(.other, Array("doorman.internal".utf8))], false),
            Row("127.0.0.1", [], false),
            Row("", [], false),
            Row("", dns(""), false),
            Row(".", dns("", "."), false),
            Row("doorman..internal", dns("doorman..internal"), false),
            Row("doorman_1.internal", dns("doorman_1.internal"), false),
            Row("türhüter.example", dns("türhüter.example"), false),
            Row("doorman.internal\0", dns("doorman.internal", "doorman.internal\0"), false),
            Row(String(repeating: "a", count: 64), dns(String(repeating: "a", count: 64)), false),
            Row(String(repeating: "a.", count: 127) + "a", dns(String(repeating: "a.", count: 127) + "a"), false),
        ])
    func otherKinds(row: Row) {
        #expect(ServerName(row.expected).matches(row.names) == row.matches)
    }

    @Test(
        "the server name indication is a name without a trailing dot",
        arguments: [("Doorman.internal.", "doorman.internal"), ("localhost", "localhost"), ("127.0.0.1", nil), ("::1", nil)])
    func indication(text: String, indication: String?) {
        #expect(ServerName(text).indication == indication)
    }

    @Test("the error says what was expected and what the certificate has")
    func message() {
        let expected = ServerName("doorman.internal")
        let names =
            Self.dns("a.example", "b\n\u{1b}[2J") + [Self.loopback6] + Self.ip(10, 0, 0, 7)
            + [
                CertificateName(.uri, Array("spiffe://example.org/x".utf8)), CertificateName(.other, []),
                CertificateName(.other, []),
            ]
        #expect(
            "\(ServerNameMismatch(expected: expected, names: names))"
                == "the server's certificate is not for doorman.internal: it is for DNS:a.example, DNS:b??[2J, IP:::1, IP:10.0.0.7, "
                + "URI:spiffe://example.org/x and 2 more")
        #expect(
            "\(ServerNameMismatch(expected: expected, names: []))"
                == "the server's certificate is not for doorman.internal: it has no subject alternative name")
        #expect("\(ServerNameMismatch(expected: ServerName("my_server"), names: names))".contains("'my_server' is neither"))
        let endless = ServerNameMismatch(expected: expected, names: Self.dns(String(repeating: "a", count: 10_000)))
        #expect("\(endless)".utf8.count < 200)
    }
}
