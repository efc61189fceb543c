import ProviderHTTP
import Testing

@testable import CurlTransport

@Suite("A pending request")
struct PendingRequestTests {
    private func pending(isRepeatable: Bool) -> PendingRequest {
        PendingRequest(
            HTTPRequest(.get, url: "https://localhost/", isRepeatable: isRepeatable),
            deadline: .now.advanced(by: .seconds(10)))
    }

    @Test("a request that is not repeatable may be sent only once")
    func sentOnce() {
        let once = pending(isRepeatable: false)
        #expect(once.markAboutToSend(over: .http1) == nil)
        #expect(once.markAboutToSend(over: .http1) == .mayHaveBeenSent)
        #expect(once.repeats == 0)
    }

    @Test("a repeatable request may be repeated once")
    func repeated() {
        let repeatable = pending(isRepeatable: true)
        #expect(repeatable.markAboutToSend(over: .http1) == nil)
        #expect(repeatable.repeats == 0)
        #expect(repeatable.markAboutToSend(over: .http1) == nil)
        #expect(repeatable.repeats == 1)
        #expect(repeatable.markAboutToSend(over: .http1) == .mayHaveBeenSent)
        #expect(repeatable.repeats == 1)
        let refused = pending(isRepeatable: true)
        #expect(refused.markAboutToSend(over: .http2) == nil)
        #expect(refused.markAboutToSend(over: .http2) == nil)
        #expect(refused.markAboutToSend(over: .http1) == .wasRefused)
        #expect(refused.repeats == 1)
    }

    @Test("a request that has ended may not be sent")
    func ended() {
        let request = pending(isRepeatable: true)
        request.fail(.cancelled)
        #expect(request.markAboutToSend(over: .http2) == .hasEnded)
    }
}
