import ProviderHTTP
import Testing

@testable import CurlTransport

@Suite("One request and its waiter")
struct PendingRequestTests {
    private func pending(isRepeatable: Bool) -> PendingRequest {
        PendingRequest(
            HTTPRequest(.get, url: "https://localhost/", isRepeatable: isRepeatable),
            deadline: .now.advanced(by: .seconds(10)))
    }

    @Test("a request that is good once does not go out twice, whatever libcurl thinks")
    func goodOnce() {
        let once = pending(isRepeatable: false)
        #expect(once.markAboutToSend() == nil)
        #expect(once.markAboutToSend() == .mayHaveBeenSent)
        let repeatable = pending(isRepeatable: true)
        #expect(repeatable.markAboutToSend() == nil)
        #expect(repeatable.markAboutToSend() == nil)
    }

    @Test("nothing goes out for a request that has ended")
    func ended() {
        let request = pending(isRepeatable: true)
        request.fail(.cancelled)
        #expect(request.markAboutToSend() == .hasEnded)
    }
}
