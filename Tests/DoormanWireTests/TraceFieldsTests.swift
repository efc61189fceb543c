import DoormanCore
import DoormanSupport
import DoormanTracing
import DoormanWire
import TestKit
import Testing

@Suite("The trace fields of a request frame")
struct TraceFieldsTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    private static let entries = [
        MetadataEntry(key: "authorization", value: "x"), MetadataEntry(key: "traceparent", value: parent),
        MetadataEntry(key: "tracestate", value: "a=b"),
    ]

    private static func fields(of data: [UInt8]) -> TraceFields { MessageArena().traceFields(of: data.span) }

    @Test("every method has them in its metadata")
    func methods() throws {
        let timeout = Duration.seconds(1)
        let frames = [
            try RequestEncoder.encode(VerificationRequest(token: Token("EMAW1")), timeout: nil, metadata: Self.entries),
            try RequestEncoder.encode(VerificationRequest(token: Token("EMAW1")), timeout: timeout, metadata: Self.entries),
            try RequestEncoder.encode(
                ExchangeRequest(code: AuthorizationCode(bytes: Array("AQ1".utf8))), timeout: timeout, metadata: Self.entries),
            try RequestEncoder.encode(RevocationRequest(.account("1")), timeout: timeout, metadata: Self.entries),
            try RequestEncoder.encodeStatistics(timeout: nil, metadata: Self.entries),
        ]
        for frame in frames {
            #expect(TraceFields(canonicalRequest: frame.span) != nil)
            let context = try #require(Self.fields(of: frame).context)
            #expect(context.traceparent == Self.parent)
            #expect(context.tracestate == "a=b")
        }
    }

    @Test("a request without metadata has none")
    func none() throws {
        #expect(Self.fields(of: try RequestEncoder.encode(VerificationRequest(token: Token("EMAW1")), timeout: nil)).context == nil)
        #expect(Self.fields(of: []).context == nil)
        #expect(Self.fields(of: [0xff, 0xff]).context == nil)
    }

    @Test("a request of any other form has them, too")
    func anotherForm() throws {
        let frame = try RequestEncoder.encode(VerificationRequest(token: Token("EMAW1")), timeout: nil, metadata: Self.entries)
        // An unknown field, 15, at the end.
        let other = frame + [0x78, 0x01]
        #expect(TraceFields(canonicalRequest: other.span) == nil)
        #expect(Self.fields(of: other) == Self.fields(of: frame))
    }

    @Test("bytes that are cut or changed are never a crash, and both readers agree")
    func hostile() throws {
        let frame = try RequestEncoder.encode(VerificationRequest(token: Token("EMAW1")), timeout: nil, metadata: Self.entries)
        for index in frame.indices {
            for change in [0x00, 0x01, 0x7f, 0x80, 0xff] as [UInt8] {
                var changed = frame
                changed[index] = change
                let canonical = TraceFields(canonicalRequest: changed.span)
                if let canonical { #expect(MessageArena().unpackedTraceFields(of: changed.span) == canonical) }
            }
            _ = Self.fields(of: Array(frame[..<index]))
        }
    }
}
