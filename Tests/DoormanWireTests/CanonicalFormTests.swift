import DoormanCore
import DoormanSupport
import NIOCore
import TestKit
import Testing

@testable import DoormanWire

@Suite("The canonical form of the messages of a cache hit")
struct CanonicalFormTests {
    // MARK: - Calls

    @Test("a call that protobuf-c packs is canonical", arguments: VerifySample.all)
    func callIsCanonical(_ sample: VerifySample) throws {
        let data = try sample.encoded()
        #expect(canonicalCall(data) == UnpackedCall(data)?.call)
        #expect(canonicalCall(data) != nil)
    }

    @Test("the frame of a call equals protobuf-c's encoding", arguments: VerifySample.all + VerifySample.withFurtherRequirements)
    func callIsWritten(_ sample: VerifySample) throws {
        var expected = ByteBuffer()
        expected.writeFrame(.request, streamID: StreamID(7), data: try sample.encoded())
        var frame = ByteBuffer()
        try RequestEncoder.writeFrame(
            StreamID(7), sample.request, timeout: Nanoseconds(sample.timeout), metadata: sample.metadata, to: &frame)
        #expect(frame == expected)
    }

    @Test("a call that is too long for a frame is not written")
    func callIsTooLong() throws {
        var frame = ByteBuffer()
        let call = VerificationRequest(token: Token(bytes: Array(repeating: 65, count: Int(FrameHeader.maximumLength))))
        #expect(throws: RequestTooLong.self) {
            try RequestEncoder.writeFrame(StreamID(1), call, timeout: Nanoseconds(.seconds(1)), metadata: [], to: &frame)
        }
        #expect(frame.readableBytes == 0)
    }

    @Test(
        "each valid Verify call of the golden vectors without a provider, scopes or a position is canonical",
        arguments: try GoldenVector.requests)
    func vectors(_ vector: GoldenVector) throws {
        guard case .verify(let request) = try vector.requestContents(), vector.roundTrips, request.provider == nil,
            request.requiredScopes.isEmpty, request.notBefore == nil
        else {
            #expect(canonicalCall(vector.data).map { $0 == UnpackedCall(vector.data)?.call } ?? true)
            return
        }
        #expect(canonicalCall(vector.data) == UnpackedCall(vector.data)?.call)
        #expect(canonicalCall(vector.data) != nil)
    }

    @Test(
        "an unusual but valid call is left to protobuf-c",
        arguments: [
            ("a field twice", call(payload: [0x0a, 1, 65, 0x0a, 1, 66])),
            ("fields in another order", call(payload: [0x10, 5, 0x0a, 1, 65])),
            ("a length with a byte more than it needs", call(payload: [0x0a, 0x81, 0, 65])),
            ("an unknown field", call(payload: [0x0a, 1, 65, 0x20, 1])), ("an empty token", call(payload: [0x0a, 0])),
            ("a NUL in an id", call(payload: [0x0a, 1, 65, 0x1a, 3, 52, 0, 53])),
            ("an age of more than 32 bits", call(payload: [0x0a, 1, 65, 0x10, 0x80, 0x80, 0x80, 0x80, 0x10])),
            ("a negative timeout", call(payload: [0x0a, 1, 65], [0x20] + Array(repeating: 0xff, count: 9) + [1])),
            ("an unknown field of the call", call(payload: [0x0a, 1, 65], [0x30, 1])),
            ("an empty entry of metadata", call(payload: [0x0a, 1, 65], [0x2a, 0])),
            ("the payload after the other fields", call(payload: [], [0x20, 1, 0x1a, 3, 0x0a, 1, 65])),
            ("the position of a revocation", call(payload: [0x0a, 1, 65, 0x32, 1, 7])),
        ] as [(String, [UInt8])])
    func leftToProtobufC(_ what: String, _ data: [UInt8]) {
        #expect(canonicalCall(data) == nil)
        #expect(UnpackedCall(data)?.method == .verify, "\(what): protobuf-c reads it")
    }

    @Test(
        "a malformed call is not read",
        arguments: [
            // A length in six bytes, of which protobuf-c reads five.
            call(payload: [0x0a, 0x81, 0x80, 0x80, 0x80, 0x80, 0, 65]), call(payload: [0x0a, 9, 65]), call(payload: [0x0a]),
            call(payload: [0x0a, 0xff]), call(payload: [0x10, 0x80]),
            call(payload: [0x10] + Array(repeating: 0x80, count: 12)), call(payload: [0x0b]), call(payload: [0x0a, 1, 65], [0x20]),
            call(payload: [0x0a, 1, 65], [0x2a, 2, 0x0a, 5]), Array(call(payload: [0x0a, 1, 65]).dropLast()),
        ] as [[UInt8]])
    func noCall(_ data: [UInt8]) {
        #expect(canonicalCall(data) == nil)
        #expect(UnpackedCall(data)?.call == nil)
    }

    @Test("a damaged call has the same meaning to protobuf-c", arguments: 1...20 as ClosedRange<UInt64>)
    func damagedCalls(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var canonicalCount = 0
        for sample in VerifySample.all {
            let original = try sample.encoded()
            for _ in 0..<8 {
                let data = damaged(original, &random)
                guard let call = canonicalCall(data) else { continue }
                canonicalCount += 1
                #expect(call == UnpackedCall(data)?.call, "seed \(seed): \(data)")
            }
        }
        #expect(canonicalCount > 20, "some damaged calls are canonical")
    }

    // MARK: - Identities

    @Test(
        "an identity that protobuf-c packs is canonical if its texts are short and ASCII",
        arguments: IdentitySample.all)
    func identityIsCanonical(_ identity: Identity) {
        let data = ResponseEncoder.encode(identity)
        let isCanonical = identity.accountID.utf8.count < 128 && identity.email?.utf8.allSatisfy { $0 < 128 } ?? true
        #expect(Identity(canonicalResponse: data.span) == (isCanonical ? identity : nil))
        #expect(ResponseDecoder.identity(data.span, in: MessageArena()).value == identity)
        #expect(ResponseDecoder.unpackedIdentity(data.span, in: MessageArena()).value == identity)
    }

    @Test("an unusual but valid identity is left to protobuf-c")
    func unusualIdentities() {
        let unusual: [[UInt8]] = [
            // An empty number; a NUL; two ids; an unknown field; a time before 1970; an empty phone.
            [0x0a, 1, 49, 0x30, 0], [0x0a, 3, 49, 0, 50], [0x0a, 1, 49, 0x0a, 1, 50], [0x0a, 1, 49, 0x78, 1],
            [0x0a, 1, 49, 0x30] + Array(repeating: 0xff, count: 9) + [1], [0x0a, 1, 49, 0x1a, 0],
            // A phone without a number. A NUL and non-ASCII text at the end of a phone, an e-mail address and a provider.
            [0x0a, 1, 49, 0x1a, 3, 0x12, 1, 49], [0x0a, 1, 49, 0x1a, 6, 0x0a, 1, 49, 0x1a, 1, 0], [0x0a, 1, 49, 0x22, 1, 0],
            [0x0a, 1, 49, 0x22, 2, 0xc3, 0xa9], [0x0a, 1, 49, 0x2a, 2, 49, 0], [0x0a, 1, 49, 0x2a, 2, 0xc3, 0xa9],
            // A text of 128 bytes.
            [0x0a, 1, 49, 0x2a, 0x80, 1] + Array(repeating: 49, count: 128),
        ]
        for payload in unusual {
            let data = [0x12] + (payload.count < 128 ? [UInt8(payload.count)] : [UInt8(payload.count & 0x7f | 0x80), 1]) + payload
            #expect(Identity(canonicalResponse: data.span) == nil)
            #expect(ResponseDecoder.unpackedIdentity(data.span, in: MessageArena()).value != nil)
            #expect(ResponseDecoder.identity(data.span, in: MessageArena()).value != nil)
        }
    }

    @Test("a malformed identity is not read")
    func wrongIdentities() {
        for payload in [[], [0x12, 1, 49], [0x0a, 1, 0xff], [0x0a, 1, 49, 0x1a, 3, 0x0a, 1, 0xff]] as [[UInt8]] {
            let data = [0x12, UInt8(payload.count)] + payload
            #expect(ResponseDecoder.identity(data.span, in: MessageArena()).value == nil)
        }
    }

    @Test("a failure is not read as an identity")
    func failure() {
        let data = ResponseEncoder.encode(FailureResponse(.draining, "the server stops"))
        #expect(Identity(canonicalResponse: data.span) == nil)
    }

    @Test("a damaged identity has the same meaning to protobuf-c", arguments: 1...20 as ClosedRange<UInt64>)
    func damagedIdentities(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var canonicalCount = 0
        for identity in IdentitySample.all {
            let original = ResponseEncoder.encode(identity)
            for _ in 0..<100 {
                let data = damaged(original, &random)
                guard let identity = Identity(canonicalResponse: data.span) else { continue }
                canonicalCount += 1
                #expect(ResponseDecoder.unpackedIdentity(data.span, in: MessageArena()).value == identity, "seed \(seed): \(data)")
            }
        }
        #expect(canonicalCount > 10, "some damaged identities are canonical")
    }
}

/// Returns a copy with a few bytes changed, inserted or removed.
private func damaged(_ data: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var data = data
    for _ in 0..<Int.random(in: 1...3, using: &random) {
        let position = Int.random(in: data.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: data[position] = UInt8.random(in: 0...255, using: &random)
        case 1: data[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: data.insert(UInt8.random(in: 0...255, using: &random), at: position)
        default: if data.count > 1 { data.remove(at: position) }
        }
    }
    return data
}

/// Returns the data of a `Verify` call with a payload and further fields.
private func call(payload: [UInt8], _ rest: [UInt8] = []) -> [UInt8] {
    let head = Array("\u{0A}\u{0F}doorman.v1.Auth\u{12}\u{06}Verify".utf8)
    return head + (payload.isEmpty ? [] : [0x1a, UInt8(payload.count)] + payload) + rest
}

private struct ReadCall: Equatable {
    let token: [UInt8]
    let applicationID: [UInt8]
    let maxAgeSeconds: UInt32
    let timeout: Duration?
}

private func canonicalCall(_ data: [UInt8]) -> ReadCall? {
    CanonicalVerifyRequest(data.span).map {
        ReadCall(
            token: Array(data[$0.token]), applicationID: Array(data[$0.applicationID]), maxAgeSeconds: $0.maxAgeSeconds,
            timeout: $0.fields(in: data.span).timeout)
    }
}

private struct UnpackedCall {
    let method: DoormanWire.Method?
    let call: ReadCall?

    init?(_ data: [UInt8]) {
        let read = MessageArena().withRequest(data.span) { request in
            let call = request.withVerifyRequest { fields in
                ReadCall(
                    token: copy(fields.token), applicationID: copy(fields.applicationID), maxAgeSeconds: fields.maxAgeSeconds,
                    timeout: fields.timeout)
            }
            return (method: request.method, call: call)
        }
        guard let read else { return nil }
        (method, call) = read
    }
}

struct VerifySample: Sendable, CustomTestStringConvertible {
    let request: VerificationRequest
    let timeout: Duration
    let metadata: [MetadataEntry]

    func encoded() throws -> [UInt8] {
        try RequestEncoder.encode(request, timeout: timeout, metadata: metadata)
    }

    var testDescription: String {
        "a token of \(request.token.bytes.count), of \(request.applicationID ?? "any"), \(timeout), \(metadata.count) entries"
    }

    static let all: [VerifySample] = {
        let trace = MetadataEntry(key: "traceparent", value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        let applications: [String?] = [nil, "5432154321543210", String(repeating: "ä", count: 100)]
        var samples: [VerifySample] = []
        for (number, length) in [0, 1, 96, 127, 128, 166, 16384].enumerated() {
            for (application, maxAge) in zip(applications, [nil, .seconds(1), .seconds(1 << 40)] as [Duration?]) {
                let token = Token(bytes: Array(repeating: 65 + UInt8(number), count: length))
                let request = VerificationRequest(token: token, applicationID: application, maxAge: maxAge)
                samples.append(VerifySample(request: request, timeout: .milliseconds(length), metadata: []))
                samples.append(VerifySample(request: request, timeout: .seconds(86400), metadata: [trace, trace]))
            }
        }
        return samples
    }()

    /// Calls with fields that the canonical form lacks.
    static let withFurtherRequirements: [VerifySample] = [1, 64].map { count in
        let requirements = TokenRequirements(provider: "corp", applicationID: "5432154321543210", scopes: ["a", "b"])
        var request = VerificationRequest(token: Token("EMAW"), requirements: requirements, maxAge: .seconds(5))
        request.notBefore = RevocationPosition(bytes: Array(repeating: 0xff, count: count))
        return VerifySample(request: request, timeout: .seconds(1), metadata: [])
    }
}

enum IdentitySample {
    static let all: [Identity] = {
        var phone = Identity(
            accountID: "9348431236610768", applicationID: "5432154321543210",
            phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1_795_600_000_000)
        )
        .valid(until: Timestamp(millisecondsSince1970: 1_795_600_060_000))
        let email = Identity(
            accountID: "1", applicationID: "", email: "jürgen.größe@example.org", provider: "p",
            verifiedAt: Timestamp(millisecondsSince1970: 0)
        )
        .valid(until: .distantFuture, freshness: .stale)
        let long = Identity(
            accountID: String(repeating: "8", count: 300), applicationID: "5432154321543210", provider: "",
            verifiedAt: Timestamp(millisecondsSince1970: 1)
        )
        .valid(until: .distantFuture, freshness: .cached)
        let freshPhone = phone
        phone.freshness = .cached
        let bare = Identity(
            accountID: "1", applicationID: "", phone: PhoneNumber(number: "+1", countryPrefix: "", nationalNumber: ""),
            provider: "",
            verifiedAt: Timestamp(millisecondsSince1970: 0)
        )
        .valid(until: Timestamp(millisecondsSince1970: 0))
        return [freshPhone, phone, email, long, bare]
    }()
}
