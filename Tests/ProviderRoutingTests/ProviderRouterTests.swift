import DoormanCore
import DoormanSupport
import ProviderRouting
import TestKit
import Testing

@Suite("Provider router")
struct ProviderRouterTests {
    /// Providers that all reject by a message with their own name, so that a verdict shows who gave it.
    private struct Scene {
        let router: ProviderRouter
        let providers: [String: ScriptedProvider]

        init(_ pools: (names: [String], pattern: TokenPattern, operations: Set<ProviderOperation>)...) {
            var providers: [String: ScriptedProvider] = [:]
            router = ProviderRouter(
                pools.map { pool in
                    let provider = ScriptedProvider()
                    let name = pool.names[0]
                    provider.verifications.script { _ in .success(.rejected(Rejection(.tokenRejected, name))) }
                    providers[name] = provider
                    return ProviderRouter.Pool(
                        names: pool.names, pattern: pool.pattern, applicationIDs: pool.names.map { "app of \($0)" },
                        operations: pool.operations, seesNoRevocation: false, provider: provider)
                },
                // A token `jwt:ISSUER` stands for a JSON Web Token of that issuer.
                unverifiedIssuer: { token in
                    let text = String(decoding: token.bytes, as: UTF8.self)
                    return text.hasPrefix("jwt:") ? String(text.dropFirst(4)) : nil
                })
            self.providers = providers
        }

        func verify(_ token: String, naming provider: String? = nil, known: String? = nil) async -> String {
            let request = VerificationRequest(
                token: Token(token), requirements: TokenRequirements(provider: provider),
                known: known.map { ProviderTarget(provider: $0) })
            do throws(VerificationError) {
                guard case .rejected(let rejection) = try await router.verify(request, deadline: Sample.deadline()) else {
                    return "valid"
                }
                return rejection.reason == .tokenRejected ? rejection.message : "\(rejection.reason)"
            } catch {
                return "\(error.code)"
            }
        }
    }

    private static let all = Set(ProviderOperation.allCases)

    private func everyKind() -> Scene {
        Scene(
            (["legacy", "legacy2"], .accountKit, Self.all), (["facebook"], .facebookLogin, [.accountRevocation]),
            (["corp"], .issuer("https://corp"), []), (["shop"], .issuer("https://shop"), []), (["partner"], .opaque, []))
    }

    @Test(
        "the form of a token decides if the call names no provider",
        arguments: [
            ("EMAWx", "legacy"), ("EAAx", "facebook"), ("jwt:https://corp", "corp"), ("jwt:https://shop", "shop"),
            // An issuer is compared as a whole, and a token of an unknown one may be for the introspection endpoint.
            ("jwt:https://corp/", "partner"), ("jwt:https://cor", "partner"), ("anything", "partner"), ("", "partner"),
        ])
    func forms(token: String, provider: String) async {
        #expect(await everyKind().verify(token) == provider)
    }

    @Test(
        "a named provider decides whatever the form",
        arguments: [("corp", "corp"), ("legacy2", "legacy"), ("partner", "partner"), ("facebook", "facebook")])
    func named(name: String, provider: String) async {
        #expect(await everyKind().verify("EMAWx", naming: name) == provider)
    }

    @Test("a token is revoked at the named provider, and at the provider of its form")
    func revocationOfBoth() async throws {
        let scene = everyKind()
        let end = Timestamp(millisecondsSince1970: 5)
        scene.providers["partner"]?.revocations.script { _ in .success(.alreadyInvalid) }
        scene.providers["corp"]?.revocations.script { _ in .success(.deniedLocally(until: end)) }
        func revoke(_ token: String, naming name: String?) async throws -> RevocationOutcome {
            try await scene.router.revoke(
                RevocationRequest(.token(Token(token)), provider: name, applicationID: name), deadline: Sample.deadline())
        }
        #expect(try await revoke("jwt:https://corp", naming: "partner") == .deniedLocally(until: end))
        #expect(scene.providers["corp"]?.revocations.requests.map(\.applicationID) == [nil])
        #expect(try await revoke("jwt:https://corp", naming: "corp") == .deniedLocally(until: end))
        #expect(try await revoke("jwt:https://corp", naming: nil) == .deniedLocally(until: end))
        #expect(try await revoke("anything", naming: "partner") == .alreadyInvalid)
        #expect(scene.providers["partner"]?.revocations.count == 2 && scene.providers["corp"]?.revocations.count == 3)
        // The second provider's failure is the call's, since the token stays valid there.
        scene.providers["corp"]?.revocations.script { _ in .failure(VerificationError(.providerUnavailable, "down")) }
        await #expect(throws: VerificationError.self) { try await revoke("jwt:https://corp", naming: "partner") }
    }

    @Test(
        "a revocation by the named provider counts, whatever the provider of the token's form says",
        arguments: [(.unsupported, nil), (.invalidRequest, nil), (.providerMisconfigured, .providerUnavailable)]
            as [(VerificationError.Code, VerificationError.Code?)])
    func otherProviderFails(code: VerificationError.Code, thrown: VerificationError.Code?) async {
        let scene = everyKind()
        scene.providers["partner"]?.revocations.script { _ in .success(.revoked) }
        scene.providers["corp"]?.revocations.script { _ in .failure(VerificationError(code, "no")) }
        let request = RevocationRequest(.token(Token("jwt:https://corp")), provider: "partner")
        do throws(VerificationError) {
            #expect(try await scene.router.revoke(request, deadline: Sample.deadline()) == .revoked)
            #expect(thrown == nil)
        } catch {
            // An error after which the cache denies the token.
            #expect(error.code == thrown)
        }
    }

    @Test("the longer of two denials counts")
    func combinedOutcomes() {
        let (early, late) = (Timestamp(millisecondsSince1970: 1), Timestamp(millisecondsSince1970: 2))
        let rising: [RevocationOutcome] = [.alreadyInvalid, .revoked, .deniedLocally(until: early), .deniedLocally(until: late)]
        for (index, left) in rising.enumerated() {
            for (other, right) in rising.enumerated() { #expect(left.combined(with: right) == rising[max(index, other)]) }
        }
        // No end is later than any.
        for other in rising {
            #expect(RevocationOutcome.deniedLocally(until: nil).combined(with: other) == .deniedLocally(until: nil))
            #expect(other.combined(with: .deniedLocally(until: nil)) == .deniedLocally(until: nil))
        }
        #expect(RevocationOutcome.deniedLocally(until: nil).combined(with: .revoked) == .deniedLocally(until: nil))
    }

    @Test("a revocation denies the equivalents at the named provider and at that of the token's form, each once")
    func equivalentsOfBoth() {
        let scene = everyKind()
        scene.providers["partner"]?.equivalentTokens.withLockedValue { $0 = [Token("twin")] }
        scene.providers["corp"]?.equivalentTokens.withLockedValue { $0 = [Token("twin"), Token("other")] }
        let token = Token("jwt:https://corp")
        #expect(scene.router.equivalents(of: token, naming: "partner") == [Token("twin"), Token("other")])
        #expect(scene.router.equivalents(of: token, naming: nil) == [Token("twin"), Token("other")])
        #expect(scene.router.equivalents(of: Token("x"), naming: "partner") == [Token("twin")])
    }

    @Test("a provider that is not configured is an invalid request")
    func unknown() async {
        let scene = everyKind()
        #expect(await scene.verify("EMAWx", naming: "corp2") == "invalidRequest")
        #expect(scene.router.validateSyntax(of: Token("EMAWx"), naming: "corp2") == nil)
    }

    @Test("a token of a form that no provider issues is malformed")
    func noProvider() async {
        let scene = Scene((["legacy"], .accountKit, Self.all), (["corp"], .issuer("https://corp"), []))
        for token in ["EAAx", "opaque", "jwt:https://evil"] {
            #expect(await scene.verify(token) == "malformedToken")
            #expect(scene.router.validateSyntax(of: Token(token))?.reason == .malformedToken)
        }
        #expect(scene.providers.values.allSatisfy { $0.callCount == 0 })
    }

    @Test("with a single pool the form is not used")
    func single() async {
        let scene = Scene((["legacy", "legacy2"], .accountKit, Self.all))
        #expect(await scene.verify("opaque") == "legacy")
        #expect(await scene.verify("jwt:https://corp") == "legacy")
    }

    @Test("a call must name one of several introspection endpoints")
    func ambiguous() async {
        let scene = Scene((["one"], .opaque, []), (["two"], .opaque, []))
        #expect(await scene.verify("opaque") == "invalidRequest")
        #expect(await scene.verify("opaque", naming: "two") == "two")
        #expect(scene.router.validateSyntax(of: Token("opaque")) == nil)
    }

    @Test("a refresh goes to the provider for which the token was valid before")
    func known() async {
        let scene = Scene((["one"], .opaque, []), (["two"], .opaque, []))
        #expect(await scene.verify("opaque", known: "two") == "two")
        #expect(await scene.verify("opaque", known: "gone") == "invalidRequest")
    }

    @Test("an operation on accounts goes to the only provider that has it")
    func operations() throws {
        let scene = everyKind()
        scene.providers["legacy"]?.onlyTarget.withLockedValue { $0.applicationID = "1" }
        #expect(try scene.router.resolve(ProviderTarget(), for: .exchange) == ProviderTarget(applicationID: "1"))
        // Account Kit and Facebook both revoke accounts.
        #expect(throws: VerificationError.self) { try scene.router.resolve(ProviderTarget(), for: .accountRevocation) }
        for name in ["facebook", "legacy2"] {
            let target = ProviderTarget(provider: name)
            #expect(try scene.router.resolve(target, for: .accountRevocation).provider == name)
            #expect(
                try scene.router.resolve(ProviderTarget(applicationID: "app of \(name)"), for: .accountRevocation).applicationID
                    == "app of \(name)")
        }
    }

    @Test("a provider without an operation does not support it", arguments: ["corp", "partner", "facebook"])
    func unsupported(name: String) {
        let error = #expect(throws: VerificationError.self) {
            try everyKind().router.resolve(ProviderTarget(provider: name), for: .exchange)
        }
        #expect(error?.code == .unsupported)
    }

    @Test("no provider with an operation means that it is not supported")
    func nobodyCan() {
        let error = #expect(throws: VerificationError.self) {
            try Scene((["corp"], .issuer("https://corp"), [])).router.resolve(ProviderTarget(), for: .accountRevocation)
        }
        #expect(error?.code == .unsupported)
    }

    @Test("a revocation of a token is routed like its verification")
    func revocation() async throws {
        let scene = everyKind()
        for (token, name) in [("EMAWx", "legacy"), ("jwt:https://shop", "shop"), ("opaque", "partner")] {
            _ = try await scene.router.revoke(RevocationRequest(.token(Token(token))), deadline: Sample.deadline())
            #expect(scene.providers[name]?.revocations.count == 1)
        }
    }
}
