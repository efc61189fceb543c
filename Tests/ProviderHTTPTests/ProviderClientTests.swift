import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing

@Suite("Requests to a provider")
struct ProviderClientTests {
    static let request = HTTPRequest(.get, url: "https://example.com/?t=planted0secret", isRepeatable: true)

    static func error(
        _ code: TransportError.Code, to endpoint: ProviderEndpoint = ProviderEndpoint("keys"), of request: HTTPRequest = request
    ) async -> VerificationError? {
        let clock = SteppedClock()
        let client = ProviderClient(transport: ScriptedTransport(.failure(code, sent: true)), time: clock.timeSource)
        return await #expect(throws: VerificationError.self) {
            try await client.send(request, to: endpoint, deadline: Deadline(clock.now.advanced(by: .seconds(1)))) { _ in
                ((), .success)
            }
        }
    }

    @Test("every failure of the transport is an error without the URL", arguments: TransportError.Code.allCases)
    func failures(code: TransportError.Code) async throws {
        let error = try #require(await Self.error(code))
        #expect(!"\(error)".contains("planted0secret"))
        let expected: VerificationError.Code =
            switch code {
            case .deadlineExceeded, .cancelled: .deadlineExceeded
            case .queueFull: .providerBusy
            case .urlNotAllowed: .providerMisconfigured
            default: .providerUnavailable
            }
        #expect(error.code == expected)
    }

    @Test("a long response is reported by the limit that it exceeds")
    func bodyTooLarge() async throws {
        let own = HTTPRequest(.get, url: "https://example.com/", maximumBodyBytes: 10, isRepeatable: true)
        #expect(try #require(await Self.error(.bodyTooLarge)).message.contains("provider.max-body"))
        #expect(try #require(await Self.error(.bodyTooLarge, of: own)).message.contains("provider.max-body") == false)
        #expect(await Self.error(.bodyTooLarge, to: ProviderEndpoint("list", .isPaged))?.code == .invalidRequest)
    }

    @Test("a lost request that spends a code says so")
    func spentCode() async throws {
        let error = try #require(await Self.error(.connectionLost, to: ProviderEndpoint("token", .spendsCode)))
        #expect(error.message.contains("request a new code"))
        #expect(try #require(await Self.error(.connectionLost)).message.contains("code") == false)
    }

    @Test("every kind of response has a message about the provider")
    func messages() {
        for kind in ResponseKind.allCases {
            #expect(kind.message.hasPrefix("The provider"))
            #expect(kind.message.hasSuffix("."))
        }
    }
}
