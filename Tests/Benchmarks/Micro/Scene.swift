internal import DoormanCache
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import TestKit

/// The cache and what is in front of it, as `doormand` puts them together, behind which is a provider that knows every token.
struct Scene {
    let verifier: CachingVerifier
    let backend: AuthBackend

    init() throws {
        var settings = CacheSettings()
        settings.ttl = .seconds(86_400)
        settings.valid.entries = 2_000_000
        settings.valid.bytes = 4 << 30
        let verifier = try CachingVerifier(
            upstream: ScriptedProvider.steady(), settings: settings, providerName: "account-kit", timeSource: .system,
            pack: { EncodedResponse(bytes: ResponseEncoder.encode($0)) })
        self.verifier = verifier
        backend = AuthBackend(
            provider: verifier, timeSource: .system, keyOfToken: { verifier.key(ofToken: $0) }
        ) { token, key, applicationID, maxAgeSeconds, now, reply in
            verifier.reply(
                token: token, key: key, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now, into: &reply)
        }
    }

    /// About 180 bytes, as Account Kit's are.
    static func token(_ number: Int) -> Token {
        Token("EMAW" + String(repeating: "doorman0", count: 21) + String(1_000_000 + number))
    }

    /// Has as many tokens in memory.
    func fill(_ entries: Int) async throws {
        for number in 0..<entries {
            let deadline = Deadline(TimeSource.system.now().advanced(by: .seconds(2)))
            _ = try await verifier.verify(VerificationRequest(token: Self.token(number)), deadline: deadline)
        }
    }
}
