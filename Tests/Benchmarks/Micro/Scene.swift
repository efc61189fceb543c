internal import CallerLimits
internal import DoormanCache
internal import DoormanCore
internal import DoormanDaemon
internal import DoormanGovernor
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import TestKit

/// The cache and what is in front of it, as `doormand` puts them together, behind which is a provider that knows every token.
struct Scene {
    let verifier: CachingVerifier
    let backend: VerificationService

    init() throws {
        var settings = CacheSettings()
        settings.ttl = .seconds(86_400)
        settings.valid.entries = 2_000_000
        settings.valid.bytes = 4 << 30
        let verifier = try CachingVerifier(
            upstream: ScriptedProvider.steady(), settings: settings, timeSource: .system,
            encode: { EncodedResponse(bytes: ResponseEncoder.encode($0)) })
        self.verifier = verifier
        backend = VerificationService(
            verifier: verifier, missLimiter: CacheMissLimiter(settings: CacheMissLimiterSettings()),
            staleRule: StaleServingRule(governors: [Governor(settings: GovernorSettings(), timeSource: .system)]),
            timeSource: .system, readStatistics: { ServerStatistics() })
    }

    /// About 180 bytes, as Account Kit's are.
    static func token(_ number: Int) -> Token {
        Token("EMAW" + String(repeating: "doorman0", count: 21) + String(1_000_000 + number))
    }

    /// Has as many tokens in memory.
    func fill(_ entries: Int) async throws {
        for number in 0..<entries {
            let deadline = Deadline(TimeSource.system.now().advanced(by: .seconds(2)))
            let token = Self.token(number)
            let call = VerifyCall(validated: token, key: verifier.key(of: token.bytes.span))
            _ = try await verifier.verify(call, deadline: deadline)
        }
    }
}
