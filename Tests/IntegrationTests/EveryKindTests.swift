import DoormanClient
import DoormanServer
import TestKit
import Testing

@testable import DoormanDaemon

/// Causes each failure that depends on the provider with each kind of provider, over a real server and the client.
@Suite("The failure contract for every kind of provider")
struct EveryKindTests {
    enum Expectation: Sendable {
        /// The outcome for the client: `OK`, `stale`, or the kind and reason of the failure.
        case outcome(String)
        /// The kind can't have the failure.
        case impossible(because: String)
    }

    /// The expectations: account-kit, facebook-login, introspection and jwt, in this order.
    static let table: [Row: [Expectation]] = [
        .tokenRejected: each("rejected: TOKEN_REJECTED"),
        .wrongApplication: each("rejected: WRONG_APPLICATION"),
        .proofRejected: [
            .outcome("rejected: PROOF_REJECTED"), .outcome("rejected: PROOF_REJECTED"),
            .impossible(because: "no request has a proof"), .impossible(because: "no request has a proof"),
        ],
        .malformedToken: each("rejected: MALFORMED_TOKEN"),
        .insufficientScope: each("forbidden: INSUFFICIENT_SCOPE"),
        .wrongProvider: each("rejected: WRONG_PROVIDER"),
        .hostDown: each("unavailable: PROVIDER_UNAVAILABLE"),
        .hang: each("unavailable: PROVIDER_UNAVAILABLE"),
        .pageInPlaceOfJSON: each("unavailable: PROVIDER_UNAVAILABLE"),
        .serverError: each("unavailable: PROVIDER_UNAVAILABLE"),
        .throttled: [
            .outcome("unavailable: PROVIDER_BUSY, later"), .outcome("unavailable: PROVIDER_BUSY, later"),
            .outcome("unavailable: PROVIDER_BUSY, later"),
            // The issuer throttles the requests for its keys, and not the verification of tokens.
            .outcome("unavailable: PROVIDER_UNAVAILABLE, later"),
        ],
        .wrongSecret: [
            .outcome("unavailable: PROVIDER_MISCONFIGURED"), .outcome("unavailable: PROVIDER_MISCONFIGURED"),
            .outcome("unavailable: PROVIDER_MISCONFIGURED"), .impossible(because: "the kind has no credential"),
        ],
        .wrongSecretForKnownToken: [
            .outcome("unavailable: PROVIDER_MISCONFIGURED"), .outcome("unavailable: PROVIDER_MISCONFIGURED"),
            .outcome("unavailable: PROVIDER_MISCONFIGURED"), .impossible(because: "the kind has no credential"),
        ],
        .deadlineExceeded: each("unavailable: DEADLINE_EXCEEDED"),
        .exchange: [
            .outcome("OK"), .outcome("unavailable: UNIMPLEMENTED"), .outcome("unavailable: UNIMPLEMENTED"),
            .outcome("unavailable: UNIMPLEMENTED"),
        ],
        .accountRevocation: [
            .outcome("OK"), .outcome("OK"), .outcome("unavailable: UNIMPLEMENTED"), .outcome("unavailable: UNIMPLEMENTED"),
        ],
        .tokenRevocation: [.outcome("OK"), .outcome("unavailable: UNIMPLEMENTED"), .outcome("OK"), .outcome("OK")],
        .staleIfError: [
            .outcome("stale"), .outcome("stale"), .outcome("stale"),
            // The keys are here, so the token is verified without the issuer.
            .outcome("OK"),
        ],
        .pastExpiry: [
            .impossible(because: "no response says when a token expires"), .outcome("unavailable: PROVIDER_UNAVAILABLE"),
            .outcome("unavailable: PROVIDER_UNAVAILABLE"), .outcome("rejected: TOKEN_REJECTED"),
        ],
    ]

    private static func each(_ outcome: String) -> [Expectation] { ProviderKind.allCases.map { _ in .outcome(outcome) } }

    @Test("the table has an expectation for each row of each kind")
    func completeness() {
        #expect(ProviderKind.allCases == [.accountKit, .facebookLogin, .introspection, .jwt])
        for row in Row.allCases { #expect(Self.table[row]?.count == ProviderKind.allCases.count, "\(row)") }
    }

    @Test("reaches the client as the table says", arguments: Row.allCases, ProviderKind.allCases)
    func walk(row: Row, kind: ProviderKind) async throws {
        let index = try #require(ProviderKind.allCases.firstIndex(of: kind))
        guard case .outcome(let expected) = try #require(Self.table[row]?[index]) else { return }
        try await KindStage.run(
            kind, from: row.origin(of: kind), isSecretWrong: row == .wrongSecret,
            settings: {
                // The row's test fails without the second provider.
                if row == .wrongProvider { try? $0.addProvider(named: "another") }
                guard row.needsShortTTL else { return }
                $0.cache.ttl = .milliseconds(300)
                $0.cache.staleRefreshInterval = .milliseconds(50)
            }
        ) { stage in
            let outcome = try await row.outcome(at: stage)
            #expect(outcome == expected)
        }
    }
}

extension EveryKindTests {
    /// A failure of the contract that depends on the provider, by its cause.
    enum Row: Sendable, CaseIterable {
        case tokenRejected
        case wrongApplication
        case proofRejected
        case malformedToken
        case insufficientScope
        case wrongProvider
        case hostDown
        case hang
        case pageInPlaceOfJSON
        case serverError
        case throttled
        case wrongSecret
        case wrongSecretForKnownToken
        case deadlineExceeded
        case exchange
        case accountRevocation
        case tokenRevocation
        case staleIfError
        case pastExpiry
    }
}

extension EveryKindTests.Row {
    fileprivate func origin(of kind: ProviderKind) -> KindStage.Origin {
        switch self {
        case .hostDown: .closed
        // The emulator can't accept an application's secret and reject its proofs.
        case .proofRejected where kind == .facebookLogin: .scripted(KindStage.proofRejecter)
        case .pageInPlaceOfJSON: .scripted { _ in .html }
        default: .provider
        }
    }

    fileprivate var needsShortTTL: Bool {
        switch self {
        case .wrongSecretForKnownToken, .staleIfError, .pastExpiry: true
        default: false
        }
    }

    /// Causes the failure.
    fileprivate func outcome(at stage: KindStage) async throws -> String {
        switch self {
        case .tokenRejected: return await stage.verify(try stage.invalidToken)
        case .wrongApplication: return await stage.verify(try stage.foreignToken())
        case .proofRejected: return await stage.verify(try stage.tokenWithRejectedProof())
        case .malformedToken: return await stage.verify(stage.malformedToken)
        case .insufficientScope: return await stage.verify(try stage.token(), TokenRequirements(scopes: ["orders:write"]))
        case .wrongProvider:
            let token = try stage.token()
            #expect(await stage.verify(token) == "OK")
            return await stage.verify(token, TokenRequirements(provider: "another"))
        case .hostDown, .pageInPlaceOfJSON, .wrongSecret: return await stage.verify(try stage.token())
        case .hang: return try await Self.outcome(at: stage, during: .hang)
        case .serverError: return try await Self.outcome(at: stage, during: .serverError)
        case .throttled:
            let token = try await stage.tokenThatNeedsRequest()
            stage.begin(.throttled)
            return await stage.verifyThrottled(token)
        case .deadlineExceeded:
            let token = try await stage.tokenThatNeedsRequest()
            stage.begin(.hang)
            // Shorter than a provider request, and long enough to reach the server.
            return await stage.verify(token, timeout: .seconds(1))
        case .wrongSecretForKnownToken: return try await Self.wrongSecret(at: stage)
        case .exchange: return try await Self.exchange(at: stage)
        case .accountRevocation, .tokenRevocation: return try await revocation(at: stage)
        case .staleIfError: return try await Self.staleIfError(at: stage)
        case .pastExpiry: return try await Self.pastExpiry(at: stage)
        }
    }

    private static func outcome(at stage: KindStage, during outage: KindStage.Outage) async throws -> String {
        let token = try await stage.tokenThatNeedsRequest()
        stage.begin(outage)
        return await stage.verify(token)
    }

    /// The entry of a known token stays while the provider does not accept our secret.
    private static func wrongSecret(at stage: KindStage) async throws -> String {
        let token = try stage.token()
        #expect(await stage.verify(token) == "OK")
        try stage.changeSecret(isWrong: true)
        var outcome = "OK"
        try await eventually("the cached entry ends") {
            outcome = await stage.verify(token)
            return outcome != "OK"
        }
        #expect(stage.stack.dependencies.verifier.statistics.valid.entries == 1)
        try stage.changeSecret(isWrong: false)
        try await eventually("the token is valid again") { await stage.verify(token) == "OK" }
        return outcome
    }

    private static func exchange(at stage: KindStage) async throws -> String {
        let code = try stage.stack.emulator.issueCode(phone: "+15551234567")
        return await stage.outcome { (client) throws(DoormanError) in _ = try await client.exchange(AuthorizationCode(code)) }
    }

    /// A revoked token is rejected, and after a revocation that the kind does not have it is still valid.
    private func revocation(at stage: KindStage) async throws -> String {
        let token = try stage.token()
        #expect(await stage.verify(token) == "OK")
        let account = stage.stack.emulator.account(ofToken: token) ?? "1"
        let outcome = await stage.outcome { [self] (client) throws(DoormanError) in
            if self == .accountRevocation {
                try await client.revoke(accountID: account)
            } else {
                try await client.revoke(Token(token))
            }
        }
        #expect(await stage.verify(token) == (outcome == "OK" ? "rejected: TOKEN_REJECTED" : "OK"))
        return outcome
    }

    private static func staleIfError(at stage: KindStage) async throws -> String {
        let token = try stage.token()
        let before = try await stage.stack.client.verify(Token(token)).verifiedAt
        stage.begin(.serverError)
        var identity: Identity?
        // A token that needs no provider is verified again during the outage.
        try await eventually("the TTL ends") {
            identity = try? await stage.stack.client.verify(Token(token))
            return identity.map { $0.freshness == .stale || $0.verifiedAt > before } ?? true
        }
        switch identity?.freshness {
        case .stale: return "stale"
        case .fresh, .cached: return "OK"
        case nil: return "unavailable"
        }
    }

    /// During an outage, a token is valid until its end and not after it.
    private static func pastExpiry(at stage: KindStage) async throws -> String {
        let token = try stage.token(lifetime: 3)
        #expect(await stage.verify(token) == "OK")
        stage.begin(.serverError)
        var outcome = "OK"
        try await eventually("the token expires") {
            outcome = await stage.verify(token)
            return outcome != "OK" && outcome != "stale"
        }
        return outcome
    }
}
