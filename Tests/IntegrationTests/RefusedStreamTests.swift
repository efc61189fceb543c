import TestKit
import Testing

@testable import DoormanDaemon

/// libcurl itself would repeat each request five times.
@Suite("A provider that refuses every HTTP/2 stream")
struct RefusedStreamTests {
    @Test("each call and each retry make two requests at most")
    func budget() async throws {
        let certificate = try await TestCertificate()
        let provider = try await StreamRefusingServer(certificate)
        defer { provider.stop() }
        try await Stack.run(settings: {
            $0.accountKit.url = "https://localhost:\(provider.port)"
            $0.caFile = certificate.certificateFile
            // Without a secret there is no request that checks it.
            $0.accountKit.appSecretFile = ""
            $0.governor.retryBurst = 2
        }) { stack in
            for number in 0..<5 { #expect(await stack.verify("EMAWnobodys\(number)") == "unavailable: PROVIDER_UNAVAILABLE") }
            // Five calls and two retries.
            #expect(provider.requests == 14)
            let statistics = try await stack.client.statistics()
            #expect(
                statistics.providerRequests == [.init(provider: "account-kit", endpoint: "me", outcome: "failed_stream_refused"): 7]
            )
        }
    }
}
