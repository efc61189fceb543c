internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit
internal import NIOConcurrencyHelpers

/// What stands around a connection, chosen by the input's first bytes: limits, memory, and the caller's share of misses.
struct Setup {
    let limits: ConnectionLimits
    let backend: AuthBackend
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
        let missesLeft = NIOLockedValueBox(share == 0 ? Int.max : Int(share))
        let takeMiss: AuthBackend.TakeMiss = { _, _, _ in
            missesLeft.withLockedValue { left in
                guard left > 0 else { return .milliseconds(250) }
                left -= 1
                return nil
            }
        }
        backend = AuthBackend(
            provider: SyntaxOnlyProvider(), timeSource: TimeSource(now: { .distantFuture }, wallTime: { .distantFuture }),
            takeMiss: takeMiss, isBeingAsked: { $0.first == Memory.beingAsked },
            staleReplyFromMemory: { token, _, _, _, hasShare, reply in
                guard token.first == Memory.outdated || (!hasShare && token.first == Memory.recovering) else { return false }
                reply = EncodedResponse(bytes: Memory.reply(to: token))
                return true
            },
            keyOfToken: Memory.key(of:),
            replyFromMemory: { token, key, _, _, _, reply in
                precondition(key == Memory.key(of: token), "the key is another token's")
                guard token.first == Memory.remembered else { return false }
                reply = EncodedResponse(bytes: Memory.reply(to: token))
                return true
            })
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

/// The fuzzer answers the calls itself, so the provider only checks a token's syntax. Not TestKit's `ScriptedProvider`: TestKit starts
/// processes and reads files, and a fuzzer is built with as little as it can be.
private struct SyntaxOnlyProvider: TokenProvider {
    func validateSyntax(of token: Token) -> Rejection? {
        token.bytes.first == Memory.malformed ? Rejection(.malformedToken, "not a token") : nil
    }

    func verify(_: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict { throw .nobody }
    func exchange(_: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict { throw .nobody }
    func revoke(_: RevocationRequest, deadline: Deadline) async throws(VerificationError) { throw .nobody }
    func accounts(_: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage { throw .nobody }
    func deleteAccount(_: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) { throw .nobody }
}

extension VerificationError {
    fileprivate static let nobody = VerificationError(.internal, "nobody asks in here")
}

extension Span<UInt8> {
    fileprivate var first: UInt8? { isEmpty ? nil : self[0] }
}
