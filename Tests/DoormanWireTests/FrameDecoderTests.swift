import DoormanCore
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit
import Testing

@Suite("The frame decoder")
struct FrameDecoderTests {
    @Test("a vector split at any byte gives the same events", arguments: try GoldenVector.all())
    func splits(_ vector: GoldenVector) {
        let whole = events([vector.bytes])
        for split in splitOffsets(in: vector.bytes) {
            let parts = [Array(vector.bytes[..<split]), Array(vector.bytes[split...])]
            #expect(events(parts) == whole, "split at \(split)")
        }
    }

    @Test("a vector in single bytes gives the same events", arguments: try GoldenVector.all().filter { $0.bytes.count < 4096 })
    func byteByByte(_ vector: GoldenVector) {
        #expect(events(vector.bytes.map { [$0] }) == events([vector.bytes]))
    }

    @Test("all frames of a buffer are returned in order")
    func manyFrames() throws {
        let vectors = try GoldenVector.all(.request) + GoldenVector.all(.response)
        let seen = events([vectors.flatMap(\.bytes)])
        #expect(seen.map(\.data) == vectors.map(\.data))
    }

    @Test("the data ahead is the data of the next frame", arguments: [1, 11, 64, 1000, 1_000_000])
    func ahead(_ size: Int) throws {
        let vectors = try GoldenVector.all(.request).filter { $0.bytes.count < 4096 }
        let bytes = vectors.flatMap(\.bytes)
        var decoder = FrameDecoder(maximumLength: 65536)
        var ahead: [UInt8]?
        var count = 0
        var seenAhead = 0
        for start in stride(from: 0, to: bytes.count, by: size) {
            decoder.append(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
            while case .frame = decoder.next() {
                let data = decoder.withData { copy($0) }
                #expect(data == vectors[count].data)
                if let ahead { #expect(data == ahead) }
                count += 1
                ahead = decoder.withDataAhead { copy($0) }
                if ahead != nil { seenAhead += 1 }
            }
            #expect(ahead == nil)
        }
        #expect(count == vectors.count)
        if size > bytes.count { #expect(seenAhead == count - 1) }
    }

    @Test("an oversized frame is never ahead")
    func oversizedAhead() throws {
        let good = try GoldenVector.named("request-verify-minimal")
        let long = RawFrame(streamID: 5, type: 1, data: Array(repeating: 0xab, count: 5000))
        var decoder = FrameDecoder(maximumLength: 4999)
        decoder.append(ByteBuffer(bytes: good.bytes + long.bytes + good.bytes))
        _ = decoder.next()
        #expect(decoder.withDataAhead { copy($0) } == nil)
        _ = decoder.next()
        #expect(decoder.withDataAhead { copy($0) } == nil)
    }

    @Test("frames are decoded from chunks of any size", arguments: [1, 7, 10, 11, 64, 1000])
    func chunks(_ size: Int) throws {
        let vectors = try GoldenVector.all(.request).filter { $0.bytes.count < 4096 }
        let bytes = vectors.flatMap(\.bytes)
        let parts = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
        #expect(events(parts).map(\.data) == vectors.map(\.data))
    }

    @Test("an encoded response is written as the same frame as its bytes")
    func encodedResponses() {
        for length in 0...200 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            var ofResponse = ByteBuffer(string: "before")
            var ofBytes = ofResponse
            ofResponse.writeFrame(.response, streamID: StreamID(0x0102_0305), data: EncodedResponse(bytes: bytes))
            ofBytes.writeFrame(.response, streamID: StreamID(0x0102_0305), data: bytes)
            #expect(ofResponse == ofBytes)
        }
    }

    @Test("an oversized frame is skipped as it arrives")
    func oversizedIsSkipped() throws {
        let good = try GoldenVector.named("request-verify-minimal")
        let long = RawFrame(streamID: 5, type: 1, data: Array(repeating: 0xab, count: 5000))
        var decoder = FrameDecoder(maximumLength: 4999)
        decoder.append(ByteBuffer(bytes: long.bytes.prefix(10)))
        #expect(decoder.next() == .oversized(FrameHeader(length: 5000, streamID: StreamID(5), type: .request)))
        #expect(decoder.next() == nil)
        #expect(decoder.isMidFrame)
        for part in stride(from: 10, to: long.bytes.count, by: 100) {
            decoder.append(ByteBuffer(bytes: long.bytes[part..<min(part + 100, long.bytes.count)]))
            #expect(decoder.next() == nil)
            #expect(decoder.bufferedBytes == 0)
        }
        #expect(!decoder.isMidFrame)
        decoder.append(ByteBuffer(bytes: good.bytes))
        #expect(decoder.next() == .frame(try good.header(.request)))
    }

    @Test("only a frame above the limit is oversized", arguments: [1, 100, 65536] as [UInt32])
    func limit(_ limit: UInt32) {
        let fits = RawFrame(streamID: 1, type: 1, data: Array(repeating: 0, count: Int(limit)))
        let exceeds = RawFrame(streamID: 3, type: 1, data: Array(repeating: 0, count: Int(limit) + 1))
        var decoder = FrameDecoder(maximumLength: limit)
        decoder.append(ByteBuffer(bytes: exceeds.bytes + fits.bytes))
        #expect(decoder.next() == .oversized(FrameHeader(length: limit + 1, streamID: StreamID(3), type: .request)))
        #expect(decoder.next() == .frame(FrameHeader(length: limit, streamID: StreamID(1), type: .request)))
    }

    @Test("a declared length allocates no memory")
    func declaredLength() {
        var decoder = FrameDecoder(maximumLength: FrameHeader.maximumLength)
        decoder.append(ByteBuffer(bytes: [0x00, 0x40, 0x00, 0x00, 0, 0, 0, 1, 1, 0]))
        #expect(decoder.next() == nil)
        #expect(decoder.bufferedBytes == 10)
        #expect(decoder.isMidFrame)
    }

    @Test("a violation is permanent")
    func violationStays() throws {
        var decoder = FrameDecoder(maximumLength: 65536)
        decoder.append(ByteBuffer(string: "G"))
        let violation = FrameDecoder.Event.violation(.notTTRPC(firstByte: UInt8(ascii: "G")))
        #expect(decoder.next() == violation)
        decoder.append(ByteBuffer(bytes: try GoldenVector.named("request-verify-minimal").bytes))
        #expect(decoder.next() == violation)
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("a length above ttrpc's maximum differs from another protocol")
    func violations() throws {
        let above = try GoldenVector.named("malformed-frame-over-ttrpc")
        #expect(events([above.bytes]).map(\.event) == [.violation(.frameTooLong(length: (4 << 20) + 1))])
        let tls = try GoldenVector.named("malformed-tls")
        #expect(events([tls.bytes]).map(\.event) == [.violation(.notTTRPC(firstByte: 0x16))])
    }

    @Test("frames before a violation are returned")
    func framesBeforeViolation() throws {
        let good = try GoldenVector.named("request-verify-minimal")
        let http = try GoldenVector.named("malformed-http")
        let seen = events([good.bytes + http.bytes])
        #expect(seen.count == 2)
        #expect(seen.first?.data == good.data)
        #expect(seen.last?.event == .violation(.notTTRPC(firstByte: UInt8(ascii: "G"))))
    }

    @Test("a frame without data is returned")
    func emptyFrame() {
        let seen = events([RawFrame(streamID: 1, type: 2, data: []).bytes])
        #expect(seen == [Seen(event: .frame(FrameHeader(length: 0, streamID: StreamID(1), type: .response)), data: [])])
    }

    @Test("returned frames are not kept")
    func keepsNothing() throws {
        var decoder = FrameDecoder(maximumLength: 65536)
        let bytes = try GoldenVector.named("request-verify-minimal").bytes
        for _ in 0..<1000 {
            decoder.append(ByteBuffer(bytes: bytes))
            #expect(decoder.next() != nil)
            #expect(decoder.next() == nil)
            #expect(decoder.bufferedBytes == 0)
        }
    }
}

/// An event with the data of its frame.
struct Seen: Hashable {
    var event: FrameDecoder.Event
    var data: [UInt8]?
}

/// Returns the events of a decoder for bytes in parts, up to a violation.
func events(_ parts: [[UInt8]], limit: UInt32 = 65536) -> [Seen] {
    var decoder = FrameDecoder(maximumLength: limit)
    var seen: [Seen] = []
    for part in parts {
        decoder.append(ByteBuffer(bytes: part))
        while let event = decoder.next() {
            switch event {
            case .frame: seen.append(Seen(event: event, data: decoder.withData { copy($0) }))
            case .oversized: seen.append(Seen(event: event))
            case .violation: return seen + [Seen(event: event)]
            }
        }
    }
    return seen
}

/// Returns the offsets to split at: all of them, or only some in the middle of long bytes.
private func splitOffsets(in bytes: [UInt8]) -> [Int] {
    let all = 0...bytes.count
    guard bytes.count > 4096 else { return Array(all) }
    return all.filter { $0 < 20 || $0 > bytes.count - 4 || $0 % 16411 == 0 }
}
