internal import DoormanSupport
package import NIOCore

extension HTTP2Session {
    /// Runs a session on the bytes of a fuzzer, and checks its bounds. Ends the process on a violation of ours.
    ///
    /// - Parameter input: The first byte decides how the rest is split, and how the user behaves.
    package static func fuzz(_ input: ByteBuffer) {
        var input = input
        let choice = Int(input.readInteger(as: UInt8.self) ?? 0)
        let limits = HTTP2Limits()
        let session = HTTP2Session(now: Instant(nanoseconds: 0)) { head in head.isGRPC ? 1000 : nil }
        let head = HTTP2ResponseHead(HTTP2HeadTemplate.fuzzed)
        var time = Instant(nanoseconds: 0)
        var held: [HTTP2Stream] = []
        while let bytes = input.readSlice(length: min(input.readableBytes, 1 + choice * 7)), bytes.readableBytes > 0 {
            time.nanoseconds += 1
            do { try session.receive(bytes.readableBytesUInt8Span, now: time) } catch { break }
            while session.nextReset() != nil {}
            while let request = session.nextRequest() {
                request.head.forEach { name, value in precondition(name.count + value.count <= limits.headerListSize) }
                precondition(request.body.count <= 1000)
                held.append(request)
            }
            // Every second reading leaves requests unanswered, so that resets meet them.
            if choice & 1 == 0 || time.nanoseconds & 1 == 0 {
                for request in held { session.respond(to: request, head, body: request.body, trailers: head) }
                held.removeAll()
            }
            if choice & 2 != 0 { _ = session.resetIncompleteRequests(begunBefore: time) }
            if choice & 4 != 0 && time.nanoseconds == 3 { session.shutDown() }
            var output = ByteBuffer()
            session.writeOutput(into: &output, limit: 64 << 10)
            precondition(session.openStreams <= limits.concurrentStreams && session.unsentBytes >= 0)
            if session.isFinished { break }
        }
    }
}

extension HTTP2HeadTemplate {
    fileprivate static let fuzzed = HTTP2HeadTemplate([(":status", "200")])
}
