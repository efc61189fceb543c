internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit
internal import NIOConcurrencyHelpers

/// What stands around a connection, chosen by the input's first bytes: limits, memory, and the caller's share of misses.
struct Setup {
    let limits: ConnectionLimits
    let backend: FuzzBackend
    let listsAccounts: Bool

    init(_ input: inout InputReader) {
        let choice = input.byte()
        var limits = ConnectionLimits()
        limits.maximumFrameLength = [64, 200, 1024, 64 << 10][Int(choice & 3)]
        limits.maximumCallsInFlight = [1, 2, 4, 1024][Int(choice >> 2 & 3)]
        if choice & 0x10 != 0 { limits.drainQuietPeriod = .zero }
        self.limits = limits
        listsAccounts = choice & 0x20 != 0
        let share = input.byte()
        backend = FuzzBackend(missesLeft: share == 0 ? .max : Int(share))
    }
}

/// What a token is to the server's memory goes by its first byte.
enum Memory {
    static let remembered = UInt8(ascii: "h")
    static let outdated = UInt8(ascii: "o")
    static let recovering = UInt8(ascii: "r")
    static let beingAsked = UInt8(ascii: "b")
    static let malformed = UInt8(ascii: "x")

    /// Stands for the token as its key in memory does.
    static func key(of token: Span<UInt8>) -> TokenKey {
        let hash = token.indices.reduce(into: UInt64(token.count)) { $0 = ($0 ^ UInt64(token[$1])) &* 0x100_0000_01b3 }
        return TokenKey(words: (hash, 0, 0, 0))
    }

    /// An identity whose account names the token, so that an answer tells which question it belongs to.
    static func reply(to token: Span<UInt8>) -> [UInt8] {
        let name = token.indices.map { String(token[$0], radix: 16) }.joined(separator: ".")
        return ResponseEncoder.encode(
            Identity(
                accountID: mark + name, applicationID: "1", provider: "fuzz", verifiedAt: Timestamp(millisecondsSince1970: 0)))
    }

    /// What the accounts of such identities begin with.
    static let mark = "memory "

    /// The token that such an account names.
    static func token(namedBy account: String) -> [UInt8]? {
        guard account.hasPrefix(mark) else { return nil }
        return account.dropFirst(mark.count).split(separator: ".").compactMap { UInt8($0, radix: 16) }
    }
}

/// A cache that goes by a token's first byte, and no provider: the fuzzer answers the calls itself.
final class FuzzBackend: VerificationBackend {
    let timeSource = TimeSource(now: { .distantFuture }, wallTime: { .distantFuture })
    private let missesLeft: NIOLockedValueBox<Int>
    /// The server asks the cache by keys alone.
    private let tokens = NIOLockedValueBox<[TokenKey: [UInt8]]>([:])

    init(missesLeft: Int) {
        self.missesLeft = NIOLockedValueBox(missesLeft)
    }

    func key(of token: Span<UInt8>) -> TokenKey {
        let key = Memory.key(of: token)
        let bytes = token.indices.map { token[$0] }
        tokens.withLockedValue { $0[key] = bytes }
        return key
    }

    func lookup(
        _ key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        let token = token(of: key)
        guard token.first == Memory.remembered else { return nil }
        response = EncodedResponse(bytes: Memory.reply(to: token.span))
        return CacheHit()
    }

    func refresh(_ token: Token, key: TokenKey) {}

    func validateSyntax(of token: Token) -> Rejection? {
        token.bytes.first == Memory.malformed ? Rejection(.malformedToken, "not a token") : nil
    }

    func serveStale(
        _ call: VerifyCall, on occasion: StaleOccasion, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        require(token(of: call.key) == call.token.bytes, "the key is the token's")
        let first = call.token.bytes.first
        guard first == Memory.outdated || (occasion == .missLimitExceeded && first == Memory.recovering) else { return nil }
        response = EncodedResponse(bytes: Memory.reply(to: call.token.bytes.span))
        return CacheHit()
    }

    func isLookupInFlight(_ key: TokenKey) -> Bool { token(of: key).first == Memory.beingAsked }

    func chargeCacheMiss(to caller: Caller, limit: RateLimit?, now: Instant) -> Duration? {
        missesLeft.withLockedValue { left in
            guard left > 0 else { return .milliseconds(250) }
            left -= 1
            return nil
        }
    }

    func statistics() -> ServerStatistics { ServerStatistics() }
    func verify(_: VerifyCall, deadline: Deadline) async throws(VerificationError) -> EncodedVerdict { throw .nobody }
    func exchange(_: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict { throw .nobody }
    func revoke(_: RevocationRequest, deadline: Deadline) async throws(VerificationError) { throw .nobody }
    func accounts(_: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage { throw .nobody }
    func deleteAccount(_: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) { throw .nobody }

    private func token(of key: TokenKey) -> [UInt8] {
        let token = tokens.withLockedValue { $0[key] }
        require(token != nil, "the server asks by a key that it was given")
        return token ?? []
    }
}

extension VerificationError {
    fileprivate static let nobody = VerificationError(.internal, "nobody asks in here")
}
