import DoormanCore
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@Suite("The parts of an encoded response")
struct EncodedResponseViewTests {
    @Test(
        "the payload of each success of the golden vectors is found without unpacking", arguments: try GoldenVector.all(.response))
    func success(_ vector: GoldenVector) {
        guard vector["answers"] != "any" else { return }
        guard case .success(let payload) = EncodedResponseView(canonical: vector.data.span) else {
            Issue.record("\(vector) is not a success")
            return
        }
        let longResponse = vector.data.isEmpty ? [] : Array(vector.data[payload])
        #expect(vector.data.isEmpty || vector.data.hasSuffix(longResponse))
        #expect(payload.isEmpty == vector.data.isEmpty)
    }

    @Test("each failure of the golden vectors is read as the client reads it", arguments: try GoldenVector.responses(to: "any"))
    func failure(_ vector: GoldenVector) throws {
        let status = try vector.status()
        guard case .failure(let failure) = EncodedResponseView(canonical: vector.data.span) else {
            Issue.record("\(vector) is not a failure in canonical form")
            return
        }
        #expect(failure.code == status.code)
        #expect(failure.failure == status.failure)
        #expect(failure.retryAfter == status.retryAfter)
        #expect(Array(vector.data[failure.message]) == Array(status.message.utf8))
        // The status is all of the response after its tag and length.
        #expect(failure.status.upperBound == vector.data.count)
        let wrapped = [0x0a] + lengthBytes(failure.status.count) + Array(vector.data[failure.status])
        #expect(wrapped == vector.data)
    }

    @Test("each failure is found again in its encoded response, in both forms of the cache", arguments: Failure.allCases)
    func everyFailure(_ expected: Failure) throws {
        for message in ["", "The server stops.", String(repeating: "long ", count: 40)] {
            for delay in [nil, .zero, .milliseconds(1), .seconds(3600)] as [Duration?] {
                let response = EncodedResponse(
                    bytes: ResponseEncoder.encode(FailureResponse(expected, message, retryAfter: delay)))
                let read = response.withSpan { data in
                    MessageArena().withResponse(data) { data, view in Contents(view, in: data) }
                }
                #expect(read == .failure(expected, expected.row.code, message, delay))
                #expect(response.withSpan { EncodedResponseView(canonical: $0) } != nil, "nothing is unpacked")
            }
        }
    }

    @Test("a short and a long response have the bytes of their array", arguments: [0, 1, 125, 126, 127, 128, 5000])
    func span(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        #expect(EncodedResponse(bytes: bytes).withSpan { copy($0) } == bytes)
    }

    @Test("an unusual but valid response is read by protobuf-c")
    func unusual() {
        let cases: [(bytes: [UInt8], contents: Contents)] = [
            // A status without a code, and with an empty one, is a success.
            ([0x0a, 0, 0x12, 1, 65], .success([65])), ([0x0a, 2, 0x08, 0, 0x12, 1, 65], .success([65])),
            // The payload before the status; a payload twice; an empty payload.
            ([0x12, 1, 65, 0x0a, 2, 0x08, 14], .failure(nil, .unavailable, "", nil)), ([0x12, 1, 65, 0x12, 1, 66], .success([66])),
            ([0x12, 0], .success([])),
            // A message that ends at a NUL, and a code in more bytes than it needs.
            ([0x0a, 7, 0x08, 13, 0x12, 3, 65, 0, 66], .failure(.internal, .internal, "A", nil)),
            ([0x0a, 3, 0x08, 0x8d, 0], .failure(.internal, .internal, "", nil)),
        ]
        for (bytes, contents) in cases {
            #expect(EncodedResponseView(canonical: bytes.span) == nil)
            let read = MessageArena().withResponse(bytes.span) { data, view in Contents(view, in: data) }
            #expect(read == contents, "\(bytes)")
        }
    }

    @Test("details of other types and of another domain are skipped")
    func foreignDetails() throws {
        let other: [UInt8] = [0x0a, 3, 97, 47, 98, 0x12, 2, 0x08, 1]
        let status: [UInt8] = [0x08, 14, 0x1a, UInt8(other.count)] + other + [0x1a, 0]
        let response = [0x0a, UInt8(status.count)] + status
        guard case .failure(let failure) = EncodedResponseView(canonical: response.span) else {
            Issue.record("the response is not a failure")
            return
        }
        #expect(failure.code == .unavailable)
        #expect(failure.failure == nil)
    }

    @Test("an empty reason is not the same as none")
    func emptyReason() {
        let domain = [0x12, 7] + Array("doorman".utf8)
        let type = Array("type.googleapis.com/google.rpc.ErrorInfo".utf8)
        let detail = [0x0a, UInt8(type.count)] + type + [0x12, UInt8(domain.count)] + domain
        let cases: [(details: [UInt8], failure: Failure?)] = [
            ([], .deadlineExceeded), ([0x1a, UInt8(detail.count)] + detail, nil),
        ]
        for (details, failure) in cases {
            let status: [UInt8] = [0x08, 4] + details
            let response = [0x0a, UInt8(status.count)] + status
            guard case .failure(let read) = EncodedResponseView(canonical: response.span) else {
                Issue.record("the response is not a failure")
                return
            }
            #expect(read.failure == failure)
            #expect(ResponseDecoder.revoked(response.span, in: MessageArena()).status?.failure == failure)
        }
    }

    @Test(
        "bytes that are no response are not read",
        arguments: [[0x0a], [0x0a, 5, 0x08], [0x12, 9, 65], [0xff, 0xff], [0x0b, 1]] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        #expect(EncodedResponseView(canonical: bytes.span) == nil)
        let isRead = MessageArena().withResponse(bytes.span) { _, _ in true }
        #expect(isRead == nil)
    }

    @Test(
        "a delay of more than a day is no delay: sums of such delays could overflow",
        arguments: [(0, true), (86_400, true), (86_401, false), (1 << 40, false), (Int64.max / 2, false)])
    func longDelay(seconds: Int64, isKept: Bool) {
        let data = ResponseEncoder.encode(FailureResponse(.providerBusy, "busy", retryAfter: .seconds(seconds)))
        let delay: Duration? = isKept ? .seconds(seconds) : nil
        #expect(ResponseDecoder.revoked(data.span, in: MessageArena()).status?.retryAfter == delay)
        guard case .failure(let failure) = EncodedResponseView(canonical: data.span) else {
            Issue.record("the response is not canonical")
            return
        }
        #expect(failure.retryAfter == delay)
    }

    @Test("a damaged failure has the same meaning to protobuf-c", arguments: 1...20 as ClosedRange<UInt64>)
    func damagedFailures(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var canonicalCount = 0
        let response = FailureResponse(.providerBusy, "The provider throttles.", retryAfter: .milliseconds(1500))
        let original = ResponseEncoder.encode(response)
        for _ in 0..<400 {
            var data = original
            data[Int.random(in: data.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            guard case .failure(let failure) = EncodedResponseView(canonical: data.span) else { continue }
            canonicalCount += 1
            let status = ResponseDecoder.revoked(data.span, in: MessageArena()).status
            #expect(failure.code == status?.code, "seed \(seed): \(data)")
            #expect(failure.failure == status?.failure, "seed \(seed): \(data)")
            #expect(failure.retryAfter == status?.retryAfter, "seed \(seed): \(data)")
        }
        #expect(canonicalCount > 20, "some damaged failures are canonical")
    }
}

private enum Contents: Equatable {
    case success([UInt8])
    case failure(Failure?, StatusCode, String, Duration?)

    init(_ view: EncodedResponseView, in data: Span<UInt8>) {
        switch view {
        case .success(let payload): self = .success(copy(data.extracting(payload)))
        case .failure(let failure):
            let message = String(decoding: copy(data.extracting(failure.message)), as: UTF8.self)
            self = .failure(failure.failure, failure.code, message, failure.retryAfter)
        }
    }
}

private func lengthBytes(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 0x7f) | 0x80, UInt8(value >> 7)]
}

extension [UInt8] {
    fileprivate func hasSuffix(_ suffix: [UInt8]) -> Bool { Array(self.suffix(suffix.count)) == suffix }
}
