import MetricsTestKit
import TestKit
import Testing

@Suite("What the server counts")
struct MetricsTests {
    private func calls(_ metrics: TestMetrics, _ method: String, _ source: String, _ code: String, _ reason: String = "") -> Int64 {
        let labels = [("method", method), ("source", source), ("code", code), ("reason", reason)]
        return (try? metrics.expectCounter("doorman_calls_total", labels))?.totalValue ?? 0
    }

    @Test("calls by where their answer came from and how they came out; connections, open and closed")
    func counts() async throws {
        let (metrics, provider) = (TestMetrics(), ScriptedProvider.held())
        provider.release()
        try await withServer(provider, metrics: metrics) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(
                Frames.verify("remembered", streamID: 1) + Frames.verify("remembered", streamID: 3)
                    + Frames.verify("new", streamID: 5) + Frames.verify("rejected", streamID: 7) + Frames.health(streamID: 9)
                    + RawFrame(streamID: 11, type: 1, data: [0xFF]).bytes)
            for _ in 0..<6 { _ = try await peer.readFrame() }
            try await eventually("all is counted") { calls(metrics, "Check", "server", "OK") == 1 }
            #expect(calls(metrics, "Verify", "memory", "") == 2)
            #expect(calls(metrics, "Verify", "provider", "OK") == 1)
            #expect(calls(metrics, "Verify", "provider", "UNAUTHENTICATED", "TOKEN_REJECTED") == 1)
            #expect(calls(metrics, "", "server", "INVALID_ARGUMENT", "MALFORMED_REQUEST") == 1)
            let timer = try metrics.expectTimer("doorman_call_duration_seconds", [("method", "Verify")])
            #expect(timer.values.count == 2)
            #expect(try metrics.expectGauge("doorman_connections").lastValue == 1)

            let stranger = try RawPeer.connect(port: port)
            try await stranger.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            _ = try await stranger.readUntilEnd()
            let closed = try metrics.expectCounter("doorman_connections_closed_total", [("why", "not_ttrpc")])
            #expect(closed.totalValue == 1)
        }
    }
}
