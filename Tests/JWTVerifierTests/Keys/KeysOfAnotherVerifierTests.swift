import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import JWTVerifier

/// A verifier with other settings in the place of another, as after a reload.
@Suite("Keys that another verifier takes over")
struct KeysOfAnotherVerifierTests {
    private static func successor(
        of scene: Scene, _ change: (inout JWTSettings) -> Void, removed: NIOLockedValueBox<Set<UInt64>> = .init([])
    ) throws -> JWTVerifier {
        var settings = Sample.settings()
        change(&settings)
        let verifier = try JWTVerifier(
            settings, time: scene.clock.timeSource, fetch: scene.issuer.fetch,
            onKeysRemoved: { keys in removed.withLockedValue { $0.formUnion(keys) } })
        if verifier.hasSameKeys(as: scene.verifier) { verifier.takeOverKeys(of: scene.verifier) }
        return verifier
    }

    private static func outcome(_ verifier: JWTVerifier, _ scene: Scene, _ token: Token) async -> String {
        do throws(VerificationError) {
            let verdict = try await verifier.verify(
                VerificationRequest(token: token, applicationID: nil),
                deadline: Deadline(scene.clock.now.advanced(by: .seconds(30))))
            guard case .rejected(let rejection) = verdict else { return "valid" }
            return "\(rejection.reason)"
        } catch {
            return "\(error.code)"
        }
    }

    @Test("a verifier with another audience has the keys at once, while the issuer is down")
    func audience() async throws {
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        scene.issuer.fail()
        let next = try Self.successor(of: scene) { $0.audience = ["billing-api"] }
        #expect(next.hasTriedKeys)
        #expect(await Self.outcome(next, scene, try Sample.token()) == "wrongApplication")
        let token = try Sample.token(claims: Sample.claims(["aud": #""billing-api""#]))
        #expect(await Self.outcome(next, scene, token) == "valid")
        #expect(scene.issuer.requests.count == 1)
    }

    @Test("other algorithms, claims, leeway and type of tokens need no other keys")
    func otherRules() async throws {
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        scene.issuer.fail()
        let next = try Self.successor(of: scene) { settings in
            settings.algorithms = [.es256]
            settings.claims = ["tenant"]
            settings.leeway = .zero
        }
        #expect(await Self.outcome(next, scene, try Sample.token()) == "tokenRejected")
        #expect(
            await Self.outcome(next, scene, try Sample.token(key: TestKey.p256.get(), algorithm: .es256, id: "p256-1")) == "valid")
    }

    @Test(
        "another issuer or another URL of keys has other keys",
        arguments: [
            { $0.issuer = "https://login.example.org" }, { $0.jwksURL = "https://login.example.org/other" },
            { $0.jwksURL = nil },
        ] as [@Sendable (inout JWTSettings) -> Void])
    func otherKeys(change: @Sendable (inout JWTSettings) -> Void) async throws {
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        let next = try Self.successor(of: scene, change)
        #expect(!next.hasTriedKeys)
        let token = try Sample.token(claims: Sample.claims(["iss": "\"\(next.settings.issuer)\""]))
        _ = await Self.outcome(next, scene, token)
        #expect(scene.issuer.requests.count == 2, "they are fetched")
    }

    @Test("a key that was taken over and that the issuer then removes is reported")
    func removed() async throws {
        let (one, two) = (try TestKey.rsa.get(), try TestKey.otherRSA.get())
        let scene = try Scene(keySet: Sample.keySet([one.jwk("one"), two.jwk("two")]))
        let identity = try #require(try await scene.identity(of: Sample.token(key: two, id: "two")))
        let removed = NIOLockedValueBox<Set<UInt64>>([])
        let next = try Self.successor(of: scene, { $0.leeway = .zero }, removed: removed)
        scene.issuer.publish(Sample.keySet([try one.jwk("one")]))
        scene.clock.advance(by: .seconds(31))
        #expect(await Self.outcome(next, scene, try Sample.token(id: "three")) == "tokenRejected")
        #expect(removed.withLockedValue { $0 } == Set([try #require(identity.signingKey)]))
        #expect(scene.removed.withLockedValue { $0 }.isEmpty)
    }
}
