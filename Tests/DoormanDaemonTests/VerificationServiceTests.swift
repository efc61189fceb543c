import CallerLimits
import DoormanCache
import DoormanCore
import DoormanDaemon
import DoormanGovernor
import DoormanServer
import DoormanSupport
import DoormanWire
import Logging
import NIOConcurrencyHelpers
import NIOPosix
import TestKit
import Testing

/// A provider that accepts every token except `malformed` and `unknown`, and counts its work.
private final class CountingProvider: TokenRouter {
    struct Counts: Sendable, Equatable {
        var syntaxChecks = 0
        var requests = 0
    }

    private let state = NIOLockedValueBox(Counts())

    var counts: Counts { state.withLockedValue { $0 } }

    func equivalents(of token: Token, naming provider: String?) -> [Token] { [] }

    func validateSyntax(of token: Token) -> Rejection? {
        state.withLockedValue { $0.syntaxChecks += 1 }
        return token == Token("malformed") ? Rejection(.malformedToken, "not a token") : nil
    }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        state.withLockedValue { $0.requests += 1 }
        guard request.token != Token("unknown") else { return .rejected(Rejection(.tokenRejected, "no such token")) }
        return .valid(
            Identity(
                accountID: "1", applicationID: "2", provider: "counting",
                verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)))
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw VerificationError(.unsupported, "it only verifies")
    }

    func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome { .revoked }
}

@Suite("Path of a call")
struct VerificationServiceTests {
    /// The work for some calls.
    private struct Work: Equatable {
        var keys: Int
        var syntaxChecks: Int
        var requests: Int
    }

    private let provider = CountingProvider()
    private let verifier: CachingVerifier
    private let server: DoormanServer

    init() throws {
        verifier = try CachingVerifier(
            provider: provider, settings: CacheSettings(), timeSource: .system,
            coding: .wire)
        let governor = Governor(settings: GovernorSettings(), timeSource: .system)
        let service = VerificationService(
            verifier: verifier, missLimiter: CallerRateLimiter(settings: CallerRateLimiterSettings()),
            accountRevocationLimiter: CallerRateLimiter(settings: CallerRateLimiterSettings()),
            staleRule: StaleServingRule { _ in [governor] },
            timeSource: .system,
            state: VerificationService.StateReader(statistics: { ServerStatistics() }, isReady: { true }))
        var settings = ServerSettings()
        settings.tcp = .init(host: "127.0.0.1", port: 0)
        server = DoormanServer(
            settings: settings, backend: service, group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Sends a call for each token, all in one write, and returns their work.
    private func work(_ tokens: [String], over peer: RawPeer) async throws -> Work {
        let (keys, counts) = (verifier.tokenKeysMade, provider.counts)
        var bytes: [UInt8] = []
        for (number, token) in tokens.enumerated() {
            let data = try RequestEncoder.encode(VerificationRequest(token: Token(token)), timeout: nil)
            bytes += RawFrame(streamID: UInt32(2 * number + 1), type: 1, data: data).bytes
        }
        try await peer.send(bytes)
        for _ in tokens { _ = try await peer.readFrame() }
        return Work(
            keys: verifier.tokenKeysMade - keys, syntaxChecks: provider.counts.syntaxChecks - counts.syntaxChecks,
            requests: provider.counts.requests - counts.requests)
    }

    @Test("no call computes its key, checks its syntax or requests its verdict more than once")
    func once() async throws {
        try await server.start()
        let peer = try RawPeer.connect(port: try #require(server.addresses.compactMap(\.port).first))
        for token in ["new", "unknown"] {
            #expect(try await work([token], over: peer) == Work(keys: 1, syntaxChecks: 1, requests: 1), "\(token)")
            #expect(try await work([token], over: peer) == Work(keys: 1, syntaxChecks: 0, requests: 0), "\(token)")
        }
        #expect(try await work(["malformed"], over: peer) == Work(keys: 1, syntaxChecks: 1, requests: 0))
        let several = (0..<8).map { "token \($0)" }
        #expect(try await work(several, over: peer) == Work(keys: 8, syntaxChecks: 8, requests: 8))
        #expect(try await work(several, over: peer) == Work(keys: 8, syntaxChecks: 0, requests: 0))
        await server.stop()
    }

    @Test("calls are counted by source and outcome")
    func outcomes() async throws {
        try await server.start()
        let peer = try RawPeer.connect(port: try #require(server.addresses.compactMap(\.port).first))
        for _ in 0..<3 { _ = try await work(["new", "unknown"], over: peer) }
        let calls = await server.counters().calls
        #expect(calls[.init(.ttrpc, .verify, from: .cache, nil)] == 2)
        #expect(calls[.init(.ttrpc, .verify, from: .cache, .tokenRejected)] == 2)
        #expect(calls[.init(.ttrpc, .verify, from: .provider, nil)] == 1)
        #expect(calls[.init(.ttrpc, .verify, from: .provider, .tokenRejected)] == 1)
        await server.stop()
    }
}
