import AccountKitEmulator
import CurlTransport
import DoormanCore
import DoormanSupport
import FacebookLogin
import GraphAPI
import Logging
import ProviderHTTP
import TestKit
import Testing

/// Facebook Login over HTTP, from the verifier to the emulator. Both clocks stand at 1,500,000,000 s.
@Suite("Facebook Login with the emulator", .timeLimit(.minutes(2)))
struct EmulatorTests {
    static let apps = [
        EmulatorSettings.App(id: "123456789012345", secret: Sample.secret),
        EmulatorSettings.App(id: "543210987654321", secret: "fedcba9876543210fedcba9876543210"),
    ]

    struct Scene {
        let emulator: AccountKitEmulator
        let transport: CurlTransport

        func verifier(secret: String = Sample.secret, fields: [String] = ["email", "name"]) throws -> FacebookLoginVerifier {
            var settings = FacebookLoginSettings(name: "facebook", applicationID: apps[0].id, secret: AppSecret(secret))
            settings.baseURL = emulator.baseURL
            settings.fields = fields
            return try FacebookLoginVerifier(
                settings, client: ProviderClient(transport: transport, time: SteppedClock().timeSource))
        }

        func verify(_ token: String, secret: String = Sample.secret, fields: [String] = ["email", "name"]) async throws -> Verdict {
            try await verifier(secret: secret, fields: fields).verify(
                VerificationRequest(token: Token(token)), deadline: Self.deadline)
        }

        static var deadline: Deadline { Deadline(SteppedClock().now.advanced(by: .seconds(60))) }
    }

    static func run(_ body: (Scene) async throws -> Void) async throws {
        var settings = EmulatorSettings(port: 0, apps: apps)
        settings.wallClock = { Sample.now }
        settings.limits.drain = .milliseconds(100)
        let emulator = try AccountKitEmulator(
            settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        var limits = CurlTransport.Settings()
        limits.connectTimeout = .seconds(20)
        limits.requestTimeout = .seconds(30)
        let transport = try CurlTransport(limits)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(Scene(emulator: emulator, transport: transport)))
        } catch {
            outcome = .failure(error)
        }
        transport.shutdown()
        try await emulator.stop()
        try outcome.get()
    }

    @Test("a token is verified, with its scopes, its end and the fields of its user")
    func valid() async throws {
        try await Self.run { scene in
            let token = try scene.emulator.logInWithFacebook(email: "ann@example.com", lifetime: 600)
            let identity = try #require(try await scene.verify(token).identity)
            #expect(identity.accountID == scene.emulator.account(ofToken: token))
            #expect(identity.applicationID == Self.apps[0].id)
            #expect(identity.email == "ann@example.com")
            #expect(identity.claims["name"]?.hasPrefix(#""User "#) == true)
            #expect(identity.scopes == ["email", "public_profile"])
            #expect(identity.expiresAt == Timestamp(millisecondsSince1970: 1_500_000_600_000))
            let endless = try scene.emulator.logInWithFacebook(email: "ann@example.com", lifetime: 0)
            #expect(try await scene.verify(endless, fields: []).identity?.validUntil == .distantFuture)
        }
    }

    @Test("unknown, expired and other applications' tokens are rejected")
    func rejected() async throws {
        try await Self.run { scene in
            let expired = try scene.emulator.logInWithFacebook(email: "ann@example.com", lifetime: -1)
            let foreign = try scene.emulator.logInWithFacebook(app: Self.apps[1].id, email: "ann@example.com")
            #expect(try await scene.verify("EAAunknown").rejection?.reason == .tokenRejected)
            #expect(try await scene.verify(expired).rejection?.reason == .tokenRejected)
            #expect(try await scene.verify(foreign).rejection?.reason == .wrongApplication)
        }
    }

    @Test("the revocation of an account rejects its tokens")
    func revoked() async throws {
        try await Self.run { scene in
            let token = try scene.emulator.logInWithFacebook(email: "ann@example.com")
            let account = try #require(scene.emulator.account(ofToken: token))
            let request = RevocationRequest(.account(account))
            #expect(try await scene.verifier().revoke(request, deadline: Scene.deadline) == .revoked)
            #expect(try await scene.verify(token).rejection?.reason == .tokenRejected)
        }
    }

    @Test("a wrong secret is a misconfiguration, which the check of the credential finds, too")
    func wrongSecret() async throws {
        try await Self.run { scene in
            let token = try scene.emulator.logInWithFacebook(email: "ann@example.com")
            try await scene.verifier().checkCredential(deadline: Scene.deadline)
            let wrong = "00000000000000000000000000000000"
            let errors = [
                await #expect(throws: VerificationError.self) { try await scene.verify(token, secret: wrong) },
                await #expect(throws: VerificationError.self) {
                    try await scene.verifier(secret: wrong).checkCredential(deadline: Scene.deadline)
                },
            ]
            for error in errors { #expect(error?.code == .providerMisconfigured && error?.scope == .credential) }
        }
    }
}
