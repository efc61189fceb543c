import DoormanClient
import DoormanTesting
import Testing

@Suite("the scripted verifier")
struct ScriptedVerifierTests {
    @Test("each token has the response that was set for it")
    func script() async throws {
        let verifier = ScriptedVerifier([
            "ada": .identity(.sample(accountID: "1")), "bob": .unavailable(.providerBusy), "eve": .rejected(.wrongApplication),
        ])
        #expect(try await verifier.verify("ada").accountID == "1")
        let busy = await #expect(throws: DoormanError.self) { try await verifier.verify("bob") }
        #expect(busy?.kind == .unavailable(.providerBusy) && busy?.isRetryable == true)
        let rejected = await #expect(throws: DoormanError.self) { try await verifier.verify("eve") }
        #expect(rejected?.kind == .rejected(.wrongApplication))
        let unknown = await #expect(throws: DoormanError.self) { try await verifier.verify("mallory") }
        #expect(unknown?.kind == .rejected(.tokenRejected))
        verifier.say(.identity(.sample(accountID: "2", email: "bob@example.com")), about: "bob")
        #expect(try await verifier.verify("bob").email == "bob@example.com")
        verifier.otherwise = .unavailable(.unreachable)
        let out = await #expect(throws: DoormanError.self) { try await verifier.verify("mallory") }
        #expect(out?.kind == .unavailable(.unreachable))
    }

    @Test("requests are recorded")
    func requests() async throws {
        let verifier = ScriptedVerifier(otherwise: .identity(.sample(accountID: "1", applicationID: "5432")))
        let code: any TokenVerifying = verifier
        _ = try await code.verify("ada", maxAge: .seconds(1), applicationID: "5432", timeout: .seconds(9))
        let request = try #require(verifier.requests.first)
        #expect(request.token == Token("ada") && request.maxAge == .seconds(1))
        #expect(request.applicationID == "5432" && request.timeout == .seconds(9))
    }

    @Test("an identity that does not fulfil the requirements is an error, as a server's")
    func requirements() async throws {
        let verifier = ScriptedVerifier(otherwise: .identity(.sample(accountID: "1", applicationID: "5432")))
        func kind(_ requirements: TokenRequirements) async -> DoormanError.Kind? {
            do throws(DoormanError) {
                _ = try await verifier.verify(Token("ada"), requiring: requirements, maxAge: nil, notBefore: nil, timeout: nil)
                return nil
            } catch {
                return error.kind
            }
        }
        #expect(await kind(TokenRequirements(applicationID: "5432")) == nil)
        #expect(await kind(TokenRequirements(applicationID: "1")) == .rejected(.wrongApplication))
        #expect(await kind(TokenRequirements(provider: "account-kit")) == nil)
        #expect(await kind(TokenRequirements(provider: "corp")) == .rejected(.wrongProvider))
        #expect(await kind(TokenRequirements(scopes: ["read"])) == .forbidden(.insufficientScope))
    }

    @Test("the position of a revocation is recorded")
    func notBefore() async throws {
        let verifier = ScriptedVerifier(otherwise: .identity(.sample(accountID: "1")))
        let code: any TokenVerifying = verifier
        let position = RevocationPosition("AQ")
        _ = try await code.verify(Token("ada"), requiring: .none, maxAge: nil, notBefore: position, timeout: nil)
        _ = try await code.verify("ada")
        #expect(verifier.requests.map(\.notBefore) == [position, nil])
    }

    @Test("silence lasts until the deadline or a cancellation")
    func silence() async throws {
        let verifier = ScriptedVerifier(otherwise: .silence)
        let late = await #expect(throws: DoormanError.self) { try await verifier.verify("ada", timeout: .milliseconds(10)) }
        #expect(late?.kind == .unavailable(.deadlineExceeded))
        let call = Task { try await verifier.verify("ada", timeout: .seconds(600)) }
        call.cancel()
        let cancelled = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(cancelled?.kind == .unavailable(.cancelled))
    }
}
