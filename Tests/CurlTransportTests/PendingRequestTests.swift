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
        #expect(once.markAboutToSend() == nil)
        #expect(once.markAboutToSend() == .mayHaveBeenSent)
        let repeatable = pending(isRepeatable: true)
        #expect(repeatable.markAboutToSend() == nil)
        #expect(repeatable.markAboutToSend() == nil)
    }

    @Test("a request that has ended may not be sent")
    func ended() {
        let request = pending(isRepeatable: true)
        request.fail(.cancelled)
        #expect(request.markAboutToSend() == .hasEnded)
    }
}
