import AccountKit
import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

@Suite("Repeats by the transport")
struct RepeatTests {
    @Test("requests that the transport repeated are reported, whether they succeed or fail")
    func reported() async throws {
        let reported = NIOLockedValueBox<[Int]>([])
        let transport = ScriptedTransport(
            .success(HTTPResponse(status: 200, body: Array(Sample.phoneBody.utf8))),
            .success(HTTPResponse(status: 200, body: Array(Sample.phoneBody.utf8), repeats: 1)),
            .failure(TransportError(.connectionLost, requestMayHaveBeenSent: true, repeats: 2)), .failure(.connectFailed))
        let verifier = try AccountKitVerifier(
            Sample.settings(),
            client: ProviderClient(
                transport: transport, time: SteppedClock().timeSource,
                repeats: { count in reported.withLockedValue { $0.append(count) } }))
        for _ in 0..<4 {
            _ = try? await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline())
        }
        #expect(reported.withLockedValue { $0 } == [1, 2])
    }
}
