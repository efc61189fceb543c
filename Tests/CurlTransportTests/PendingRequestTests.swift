import ProviderHTTP
import Testing

@testable import CurlTransport

@Suite("One request and its waiter")
struct PendingRequestTests {
    private func exchange(isRepeatable: Bool) -> PendingRequest {
        PendingRequest(
            HTTPRequest(.get, url: "https://localhost/", isRepeatable: isRepeatable),
            deadline: .now.advanced(by: .seconds(10)))
    }

    @Test("a request that is good once does not go out twice, whatever libcurl thinks")
    func goodOnce() {
        let once = exchange(isRepeatable: false)
        #expect(once.markAboutToSend() == nil)
        #expect(once.markAboutToSend() == .isSecondTime)
        let repeatable = exchange(isRepeatable: true)
        #expect(repeatable.markAboutToSend() == nil)
        #expect(repeatable.markAboutToSend() == nil)
    }

    @Test("nothing goes out for an exchange that has ended")
    func ended() {
        let exchange = exchange(isRepeatable: true)
        exchange.fail(.cancelled)
        #expect(exchange.markAboutToSend() == .hasEnded)
    }
}
