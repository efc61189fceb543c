internal import CallerLimits
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit
internal import NIOConcurrencyHelpers

/// The environment of a connection, chosen by the input's first bytes: limits, cache, and cache-miss limit.
struct Setup {
    let limits: ConnectionLimits
    let backend: FuzzBackend
    let managesAccounts: Bool

    init(_ input: inout InputReader) {
        let choice = input.byte()
        var limits = ConnectionLimits()
        limits.maximumFrameLength = [64, 200, 1024, 64 << 10][Int(choice & 3)]
        limits.maximumCallsInFlight = [1, 2, 4, 1024][Int(choice >> 2 & 3)]
        if choice & 0x10 != 0 { limits.drainQuietPeriod = .zero }
        self.limits = limits
        managesAccounts = choice & 0x20 != 0
        let misses = input.byte()
        backend = FuzzBackend(missesLeft: misses == 0 ? .max : Int(misses))
    }
}

/// The state of a token in the cache, chosen by the token's first byte.
enum TestCache {
    static let cached = UInt8(ascii: "h")
    static let stale = UInt8(ascii: "o")
    static let staleOverLimit = UInt8(ascii: "r")
    static let inFlight = UInt8(ascii: "b")
    static let malformed = UInt8(ascii: "x")

    /// Returns the cache key of a token.
    static func key(of token: Span<UInt8>) -> TokenKey {
        let hash = token.indices.reduce(into: UInt64(token.count)) { $0 = ($0 ^ UInt64(token[$1])) &* 0x100_0000_01b3 }
        return TokenKey(words: (hash, 0))
    }

    /// Returns a response with an identity whose account names the token, so that a response shows its request.
    static func response(to token: Span<UInt8>) -> [UInt8] {
        let name = token.indices.map { String(token[$0], radix: 16) }.joined(separator: ".")
        return ResponseEncoder.encode(
            Identity(
                accountID: mark + name, applicationID: "1", provider: "fuzz", verifiedAt: Timestamp(millisecondsSince1970: 0)))
    }

    /// The prefix of these accounts.
    static let mark = "cached "

    /// Returns the token that an account names; `nil` for other accounts.
    static func token(namedBy account: String) -> [UInt8]? {
        guard account.hasPrefix(mark) else { return nil }
        return account.dropFirst(mark.count).split(separator: ".").compactMap { UInt8($0, radix: 16) }
    }
}

/// A backend whose cache depends on a token's first byte, without a provider. The fuzzer responds to calls itself.
final class FuzzBackend: VerificationBackend {
    let timeSource = TimeSource(now: { .distantFuture }, wallTime: { .distantFuture })
    private let missesLeft: NIOLockedValueBox<Int>
    /// The tokens of the keys, because the server looks up keys alone.
    private let tokens = NIOLockedValueBox<[TokenKey: [UInt8]]>([:])

    init(missesLeft: Int) {
        self.missesLeft = NIOLockedValueBox(missesLeft)
    }

    func key(of token: Span<UInt8>) -> TokenKey {
        let key = TestCache.key(of: token)
        let bytes = token.indices.map { token[$0] }
        tokens.withLockedValue { $0[key] = bytes }
        return key
    }

    func lookup(
        _ key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        let token = token(of: key)
        guard token.first == TestCache.cached else { return nil }
        response = EncodedResponse(bytes: TestCache.response(to: token.span))
        return CacheHit()
    }

    func lookup(_ call: VerifyCall, now: Instant, into response: inout EncodedResponse) -> CacheHit? {
        let token = token(of: call.key)
        guard token.first == TestCache.cached else { return nil }
        response = EncodedResponse(bytes: TestCache.response(to: token.span))
        return CacheHit()
    }

    func knows(provider: String) -> Bool { !provider.isEmpty }

    func refresh(_ call: VerifyCall) {}

    func validateSyntax(of token: Token, naming provider: String?) -> Rejection? {
        token.bytes.first == TestCache.malformed ? Rejection(.malformedToken, "not a token") : nil
    }

    func serveStale(
        _ call: VerifyCall, on occasion: StaleOccasion, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        require(token(of: call.key) == call.token.bytes, "the key is the token's")
        let first = call.token.bytes.first
        guard first == TestCache.stale || (occasion == .missLimitExceeded && first == TestCache.staleOverLimit) else { return nil }
        response = EncodedResponse(bytes: TestCache.response(to: call.token.bytes.span))
        return CacheHit()
    }

    func isLookupInFlight(for call: VerifyCall) -> Bool { token(of: call.key).first == TestCache.inFlight }

    func chargeCacheMiss(to caller: Caller, limit: RateLimit?, now: Instant) -> RateLimitExceeded? {
        missesLeft.withLockedValue { left in
            guard left > 0 else { return RateLimitExceeded(.caller, retryAfter: .milliseconds(250)) }
            left -= 1
            return nil
        }
    }

    func chargeAccountRevocation(to caller: Caller, limit: RateLimit?, now: Instant) -> Duration? {
        chargeCacheMiss(to: caller, limit: limit, now: now)?.retryAfter
    }

    var isReady: Bool { true }
    func statistics() -> ServerStatistics { ServerStatistics() }
    func verify(_: VerifyCall, deadline: Deadline) async throws(VerificationError) -> EncodedVerdict { throw .unused }
    func exchange(_: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict { throw .unused }
    let gate = RevocationGate()
    func revoke(_: RevocationRequest, deadline: Deadline) async throws(VerificationError) -> RevocationPosition? { throw .unused }
    func accounts(_: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage { throw .unused }
    func deleteAccount(_: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) { throw .unused }

    private func token(of key: TokenKey) -> [UInt8] {
        let token = tokens.withLockedValue { $0[key] }
        require(token != nil, "the server uses the keys of this backend")
        return token ?? []
    }
}

extension VerificationError {
    fileprivate static let unused = VerificationError(.internal, "the fuzzer calls no provider")
}
