internal import CallerLimits
internal import DoormanCache
internal import DoormanCore
internal import DoormanDaemon
internal import DoormanGovernor
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import TestKit

/// The cache and the service in front of it, assembled as in `doormand`, with a provider that accepts every token.
struct Scene {
    let verifier: CachingVerifier
    let backend: VerificationService

    init() throws {
        var settings = CacheSettings()
        settings.ttl = .seconds(86_400)
        settings.valid.entries = 2_000_000
        settings.valid.bytes = 4 << 30
        let verifier = try CachingVerifier(
            provider: ScriptedProvider.steady(), settings: settings, timeSource: .system,
            coding: .wire)
        self.verifier = verifier
        let governor = Governor(settings: GovernorSettings(), timeSource: .system)
        backend = VerificationService(
            verifier: verifier, missLimiter: CallerRateLimiter(settings: CallerRateLimiterSettings()),
            accountRevocationLimiter: CallerRateLimiter(settings: CallerRateLimiterSettings()),
            staleRule: StaleServingRule { _ in [governor] },
            timeSource: .system,
            state: VerificationService.StateReader(statistics: { ServerStatistics() }, isReady: { true }))
    }

    /// Returns a token of about 180 bytes, like Account Kit's.
    static func token(_ number: Int) -> Token {
        Token("EMAW" + String(repeating: "doorman0", count: 21) + String(1_000_000 + number))
    }

    /// Fills the cache with this number of tokens.
    func fill(_ entries: Int) async throws { try await fill((0..<entries).map(Self.token)) }

    /// Fills the cache with these tokens.
    func fill(_ tokens: [Token]) async throws {
        for token in tokens {
            let deadline = Deadline(TimeSource.system.now().advanced(by: .seconds(2)))
            let call = VerifyCall(validated: token, key: verifier.key(of: token.bytes.span))
            _ = try await verifier.verify(call, deadline: deadline)
        }
    }
}
