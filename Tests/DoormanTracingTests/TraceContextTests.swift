import DoormanSupport
import DoormanTracing
import Testing

@Suite("The trace context of a request")
struct TraceContextTests {
    static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("a valid trace parent is kept as it is")
    func valid() throws {
        let context = try #require(TraceContext(traceparent: Self.parent))
        #expect(context.traceparent == Self.parent)
        #expect(context.tracestate == "")
        #expect(context.traceID == "0af7651916cd43dd8448eb211c80319c")
        #expect(context.isSampled)
        #expect(TraceContext(traceparent: Self.parent.replacing("-01", with: "-00"))?.isSampled == false)
        #expect(TraceContext(traceparent: Self.parent.replacing("-01", with: "-02"))?.isSampled == false)
    }

    @Test("a later version is read as far as the first defines it")
    func laterVersion() throws {
        let later = "cc" + Self.parent.dropFirst(2)
        #expect(TraceContext(traceparent: later)?.traceparent == Self.parent)
        #expect(TraceContext(traceparent: later + "-what-the-future-brings")?.traceparent == Self.parent)
        #expect(TraceContext(traceparent: later.dropLast(2) + "fe")?.traceparent == Self.parent.dropLast(2) + "00")
        #expect(TraceContext(traceparent: later + ".what") == nil)
    }

    @Test(
        "a malformed trace parent is ignored",
        arguments: [
            "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", parent + "-", parent + "x", " " + parent,
            parent.uppercased(), "ff" + parent.dropFirst(2), "0g" + parent.dropFirst(2),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333 -01",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", String(repeating: "0", count: 55),
            String(repeating: "-", count: 55), parent.replacing("b7", with: "b\r\n7"), parent.replacing("-01", with: "-0\u{0}"),
            parent.replacing("-01", with: "-ü"), String(repeating: parent, count: 1000),
        ])
    func malformed(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test(
        "a valid trace state is kept as it is",
        arguments: [
            "congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1 , b=2", "fw529a3039@dt=FfAnZgcE", "a=1,,b=2",
            "0a_-*/=~!@#$", (1...32).map { "k\($0)=v" }.joined(separator: ","), "k=" + String(repeating: "v", count: 256),
        ])
    func validState(text: String) {
        #expect(TraceContext(traceparent: Self.parent, tracestate: text)?.tracestate == text)
    }

    @Test(
        "a malformed trace state is dropped, and its trace parent is not",
        arguments: [
            "a", "=", "a=", "=b", "a=b=c", "A=b", "a=1,a=2", "a b=c", "@a=b", "a@=b", "a@b@c=d", "a=\u{1}", "a=\t", "a=1\r\nx: y",
            "a=ü",
            ",", "  ", (1...33).map { "k\($0)=v" }.joined(separator: ","), "k=" + String(repeating: "v", count: 257),
            String(repeating: "k", count: 257) + "=v", String(repeating: "a=b,", count: 129),
        ])
    func malformedState(text: String) {
        let context = TraceContext(traceparent: Self.parent, tracestate: text)
        #expect(context?.traceparent == Self.parent)
        #expect(context?.tracestate == "")
    }

    @Test("any bytes give fields that a header can hold, or none")
    func hostile() {
        var random = SplitMix64(seed: 1)
        for _ in 0..<20_000 {
            var parent = Array(Self.parent.utf8)
            var state = Array("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE".utf8)
            for _ in 0..<(random.next() % 3) {
                parent[Int(random.next() % UInt64(parent.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            for _ in 0..<(random.next() % 3) {
                state[Int(random.next() % UInt64(state.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            var fields = TraceFields()
            fields.add("traceparent".utf8Span.span, parent.span)
            fields.add("TraceState".utf8Span.span, state.span)
            guard let context = fields.context else { continue }
            #expect(context.traceparent.utf8.count == 55)
            #expect(context.traceparent.hasPrefix("00-"))
            #expect(TraceContext(traceparent: context.traceparent, tracestate: context.tracestate) == context)
            #expect(context.tracestate.utf8.allSatisfy { (0x20...0x7e).contains($0) })
        }
    }

    @Test("two trace parents are ambiguous, and two trace states are one list")
    func repeated() {
        var fields = TraceFields()
        fields.add(.traceparent, Self.parent)
        fields.add(.tracestate, "a=1")
        fields.add(.tracestate, "b=2")
        #expect(fields.context?.tracestate == "a=1,b=2")
        for _ in 0..<1000 { fields.add(.tracestate, String(repeating: "c", count: 1000)) }
        #expect(fields.context?.tracestate == "")
        fields.add(.traceparent, Self.parent)
        #expect(fields.context == nil)
        fields.add(.traceparent, Self.parent)
        #expect(fields.context == nil)
    }

    @Test("fields of thousands of combining marks take no longer than others of their length, and are ignored")
    func combiningMarks() throws {
        func fields(_ first: String) -> TraceFields {
            var fields = TraceFields()
            fields.add(.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            fields.add(.tracestate, first)
            for _ in 0..<126 { fields.add(.tracestate, "b=1") }
            return fields
        }
        let (marks, letters) = ("a" + String(repeating: "\u{301}", count: 15_000), String(repeating: "a", count: 30_001))
        let context = try #require(fields(marks).context)
        #expect(context.tracestate.isEmpty)
        // The shortest of several times, because other processes can only make a time longer. It was 60 ms for the marks.
        func time(_ first: String) -> Duration { ContinuousClock().measure { _ = fields(first).context } }
        let times = (0..<10).map { _ in (marks: time(marks), letters: time(letters)) }
        #expect((times.map(\.marks).min() ?? .zero) < (times.map(\.letters).min() ?? .zero) * 5 + .milliseconds(1))
    }

    @Test("several fields tracestate are one list up to the limit")
    func severalStates() {
        var fields = TraceFields()
        fields.add(.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        fields.add(.tracestate, "a=1")
        fields.add(.tracestate, "b=2")
        #expect(fields.context?.tracestate == "a=1,b=2")
        fields.add(.tracestate, "c=" + String(repeating: "3", count: 505))
        #expect(fields.context?.tracestate == "")
        fields.add(.tracestate, "d=4")
        #expect(fields.context?.tracestate == "")
    }
}
