import DoormanSupport
import DoormanWire
import TestKit
import Testing

@Suite("Envoy's ext_authz")
struct EnvoyTests {
    struct Facts: Sendable, Hashable {
        var count: Int
        var authorization: [UInt8]
        var profile: String

        init(_ count: Int, _ authorization: String, _ profile: String) {
            self.init(count, Array(authorization.utf8), profile)
        }

        init(_ count: Int, _ authorization: [UInt8], _ profile: String) {
            self.count = count
            self.authorization = authorization
            self.profile = profile
        }
    }

    @Test(
        "the facts of each of Envoy's own messages are read",
        arguments: [
            ("request-headers", Facts(1, "Bearer abc", "orders")), ("request-raw-headers", Facts(1, "Bearer abc", "")),
            ("request-two-values", Facts(2, "Bearer xyz", "")), ("request-no-authorization", Facts(0, "", "orders")),
            ("request-not-utf8", Facts(1, Array("Bearer ".utf8) + [0xff, 0, 0xfe], "")),
            ("request-everything", Facts(1, "Bearer abc", "orders")),
        ])
    func requests(_ name: String, _ expected: Facts) throws {
        #expect(facts(try GoldenVector.envoy(name)) == expected)
    }

    @Test("a request without attributes has no facts")
    func empty() {
        #expect(facts([]) == Facts(0, "", ""))
        #expect(facts([0x0a, 0]) == Facts(0, "", ""))
        #expect(facts([0x0a, 2, 0x22, 0]) == Facts(0, "", ""))
    }

    @Test("values in both forms of the headers add up, and so do both values of a header")
    func bothForms() {
        let entry = ProtobufFields.field(1, Array("Authorization".utf8)) + ProtobufFields.field(2, Array("a".utf8))
        let both = entry + ProtobufFields.field(3, Array("b".utf8))
        #expect(
            facts(request(ProtobufFields.field(3, entry) + ProtobufFields.field(13, ProtobufFields.field(1, entry))))?.count == 2)
        #expect(facts(request(ProtobufFields.field(13, ProtobufFields.field(1, both)))) == Facts(2, "b", ""))
        #expect(facts(request(ProtobufFields.field(3, entry) + ProtobufFields.field(3, entry)))?.count == 2)
    }

    @Test(
        "names that only resemble the header's are skipped", arguments: ["authorizatio", "authorization1", "x-authorization", ""])
    func otherNames(_ name: String) {
        let entry = ProtobufFields.field(1, Array(name.utf8)) + ProtobufFields.field(2, Array("a".utf8))
        #expect(
            facts(request(ProtobufFields.field(3, entry) + ProtobufFields.field(13, ProtobufFields.field(1, entry))))?.count == 0)
    }

    @Test("bytes that are no request are not read", arguments: [[0x0a], [0x0a, 9, 1], [0xff]] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        #expect(facts(bytes) == nil)
    }

    @Test("a request of more headers than the arena's budget is not read")
    func tooManyHeaders() {
        let entry = ProtobufFields.field(1, Array("x".utf8))
        #expect(facts(request(Array(repeatElement(ProtobufFields.field(3, entry), count: 10_000).joined()))) == nil)
    }

    @Test("random changes of a request crash nothing", arguments: 1...10 as ClosedRange<UInt64>)
    func damaged(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let original = try GoldenVector.envoy("request-everything")
        for _ in 0..<300 {
            var bytes = original
            bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            if let facts = facts(bytes) { #expect(facts.authorization.count <= bytes.count) }
        }
    }

    @Test("the response that lets a request pass has Envoy's own bytes")
    func allowed() throws {
        let response = CheckResponseEncoder.allowed(
            setting: [.init("x-doorman-account-id", "1234567890"), .init("x-doorman-email", "")], removing: ["authorization"])
        #expect(response == (try GoldenVector.envoy("response-allowed")))
    }

    @Test(
        "the responses that deny a request have Envoy's own bytes",
        arguments: [
            ("response-rejected", .tokenRejected, .init("www-authenticate", #"Bearer error="invalid_token""#)),
            ("response-forbidden", .insufficientScope, .init("www-authenticate", #"Bearer error="insufficient_scope""#)),
            ("response-limited", .tooManyCallsPerSecond, .init("retry-after", "1")),
            ("response-unavailable", .providerBusy, .init("retry-after", "2")),
        ] as [(String, Failure, CheckResponseEncoder.Header)])
    func denied(_ name: String, _ failure: Failure, _ header: CheckResponseEncoder.Header) throws {
        #expect(CheckResponseEncoder.denied(failure, headers: [header]) == (try GoldenVector.envoy(name)))
    }

    @Test("a response that is too long denies the request")
    func tooLong() {
        let header = CheckResponseEncoder.Header("x", String(repeating: "a", count: 600 << 10))
        #expect(CheckResponseEncoder.allowed(setting: [header]) == CheckResponseEncoder.denied(.internal, headers: []))
        #expect(CheckResponseEncoder.denied(.draining, headers: [header]) == CheckResponseEncoder.denied(.draining, headers: []))
    }

    private func facts(_ bytes: [UInt8]) -> Facts? {
        MessageArena().withCheckRequest(bytes.span) { request in
            Facts(
                request.authorizationCount, copy(request.authorization), String(decoding: copy(request.profile), as: UTF8.self))
        }
    }

    /// Returns a request with the fields of its `HttpRequest`.
    private func request(_ http: [UInt8]) -> [UInt8] {
        ProtobufFields.field(1, ProtobufFields.field(4, ProtobufFields.field(2, http)))
    }
}
