import Testing

@testable import NIOSSLExtras

@Suite("A certificate that fails its verification")
struct UntrustedCertificateTests {
    @Test(
        "the cause is its time, otherwise its authority",
        arguments: [
            (99, UntrustedCertificate.notYetValid), (100, .unknownAuthority), (200, .unknownAuthority), (201, .expired),
        ])
    func cause(now: Int, expected: UntrustedCertificate) {
        #expect(UntrustedCertificate(validFrom: 100, to: 200, now: now) == expected)
    }
}
