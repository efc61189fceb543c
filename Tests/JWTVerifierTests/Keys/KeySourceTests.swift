import DoormanCore
import DoormanCrypto
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

@testable import JWTVerifier

/// The verifier with an issuer that rotates, fails and is flooded.
@Suite("Keys of an issuer")
struct KeySourceTests {
    private static func unavailable(_ scene: Scene, _ token: Token) async -> VerificationError? {
        await #expect(throws: VerificationError.self) { try await scene.verify(token) }
    }

    @Test("calls that come before the keys wait for one fetch")
    func firstCalls() async throws {
        let scene = try Scene()
        scene.issuer.hold()
        let token = try Sample.token()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 { group.addTask { try await scene.identity(of: token) != nil } }
            try await eventually("a fetch has begun") { scene.issuer.requests.count == 1 }
            scene.issuer.release()
            for try await isValid in group { #expect(isValid) }
        }
        #expect(scene.issuer.requests == [Sample.keysURL])
        #expect(scene.verifier.hasTriedKeys)
    }

    @Test("an issuer that is down at the start makes its tokens unavailable, until it is back")
    func downAtStart() async throws {
        let scene = try Scene()
        scene.issuer.fail()
        #expect(!scene.verifier.hasTriedKeys)
        let token = try Sample.token()
        let error = await Self.unavailable(scene, token)
        #expect(error?.code == .providerUnavailable)
        #expect(error?.scope == .request)
        #expect((error?.retryAfter).map { $0 > .zero } == true)
        #expect(scene.verifier.hasTriedKeys)
        let running = Task { await scene.verifier.run() }
        defer { running.cancel() }
        scene.issuer.publish(try Sample.keySet())
        scene.clock.advance(by: .seconds(61))
        try await eventually("the token is valid") { (try? await scene.identity(of: token)) != nil }
        // The keys are there a moment before they are reported.
        try await eventually("both fetches are reported") { scene.events.withLockedValue { $0.count } >= 2 }
        #expect(
            scene.events.withLockedValue { $0 } == [
                .fetchFailed(.noResponse("Cannot connect to the host."), keysUsableFor: nil), .loaded(usable: 5, skipped: []),
            ])
    }

    @Test("a token that can't be valid is rejected without any keys")
    func rejectedWithoutKeys() async throws {
        let scene = try Scene()
        scene.issuer.fail()
        #expect(try await scene.rejection(of: Sample.token(claims: Sample.claims(["exp": "1"]))) == .tokenRejected)
    }

    @Test("a rotation under load fails no call")
    func rotation() async throws {
        let scene = try Scene(keySet: Sample.keySet([TestKey.rsa.get().jwk("old")]))
        let old = try Sample.token(id: "old")
        let new = try Sample.token(key: TestKey.otherRSA.get(), id: "new")
        #expect(try await scene.identity(of: old) != nil)
        scene.clock.advance(by: .seconds(31))
        scene.issuer.publish(Sample.keySet([try TestKey.rsa.get().jwk("old"), try TestKey.otherRSA.get().jwk("new")]))
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<200 { group.addTask { try await scene.identity(of: index % 2 == 0 ? old : new) != nil } }
            for try await isValid in group { #expect(isValid) }
        }
        #expect(scene.issuer.requests.count == 2)
        #expect(scene.removed.withLockedValue { $0 }.isEmpty)
    }

    @Test("a key that takes the place of another is found", arguments: [true, false])
    func replaced(namesKey: Bool) async throws {
        let (before, after) = (try TestKey.rsa.get(), try TestKey.otherRSA.get())
        func token(_ key: TestKey) throws -> Token {
            namesKey ? try Sample.token(key: key, id: "only") : try Sample.token(header: ["kid": nil], key: key)
        }
        let scene = try Scene(keySet: Sample.keySet([try before.jwk("only")]))
        #expect(try await scene.identity(of: try token(before)) != nil)
        scene.clock.advance(by: .seconds(31))
        scene.issuer.publish(Sample.keySet([try after.jwk("only")]))
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { try await scene.identity(of: token(after)) != nil } }
            for try await isValid in group { #expect(isValid) }
        }
        #expect(scene.issuer.requests.count == 2)
        #expect(try await scene.rejection(of: try token(before)) == .tokenRejected)
    }

    @Test("a call that has tried a key finds its successor, also if another call fetched it meanwhile")
    func replacedMeanwhile() async throws {
        let (clock, id) = (SteppedClock(), Array("only".utf8))
        let issuer = ScriptedIssuer(keySet: Sample.keySet([try TestKey.rsa.get().jwk("only")]))
        let source = KeySource(
            KeyFetcher(settings: Sample.settings(), send: issuer.fetch), time: clock.timeSource,
            policy: KeySourceStateMachine.Policy(), onKeysRemoved: { _ in }, observer: { _ in })
        let deadline = Deadline(clock.now.advanced(by: .seconds(60)))
        guard case .keys(let old) = try await source.keys(withID: id, deadline: deadline) else {
            throw NeverHappened(description: "the key is unknown")
        }
        clock.advance(by: .seconds(31))
        issuer.publish(Sample.keySet([try TestKey.otherRSA.get().jwk("only")]))
        let new = try #require(try await source.renewedKeys(withID: id, unlike: old, deadline: deadline))
        #expect(new != old)
        #expect(try await source.renewedKeys(withID: id, unlike: old, deadline: deadline) == new)
        #expect(try await source.renewedKeys(withID: id, unlike: new, deadline: deadline) == nil)
        #expect(issuer.requests.count == 2)
    }

    @Test("a flood of forged signatures causes one fetch in 30 s, and each is rejected")
    func forgedSignatures() async throws {
        let scene = try Scene(keySet: Sample.keySet([TestKey.rsa.get().jwk("old")]))
        let forged = try Sample.token(key: TestKey.otherRSA.get(), id: "old")
        for _ in 0..<60 {
            scene.clock.advance(by: .seconds(1))
            for _ in 0..<5 { #expect(try await scene.rejection(of: forged) == .tokenRejected) }
        }
        #expect(scene.issuer.requests.count <= 3)
    }

    @Test("a forged signature is rejected while the issuer is down")
    func forgedDuringOutage() async throws {
        let scene = try Scene(keySet: Sample.keySet([TestKey.rsa.get().jwk("old")]))
        #expect(try await scene.identity(of: Sample.token(id: "old")) != nil)
        scene.clock.advance(by: .seconds(31))
        scene.issuer.fail()
        #expect(try await scene.rejection(of: Sample.token(key: TestKey.otherRSA.get(), id: "old")) == .tokenRejected)
        #expect(try await scene.identity(of: Sample.token(id: "old")) != nil)
    }

    @Test("a flood of invented key ids does not starve a rotation, and causes one fetch in 30 s")
    func flood() async throws {
        let scene = try Scene(keySet: Sample.keySet([TestKey.rsa.get().jwk("old")]))
        let running = Task { await scene.verifier.run() }
        defer { running.cancel() }
        #expect(try await scene.identity(of: Sample.token(id: "old")) != nil)
        let attacker = try TestKey.p256.get()
        for round in 0..<20 {
            scene.clock.advance(by: .seconds(1))
            for index in 0..<50 {
                let invented = try Sample.token(key: attacker, algorithm: .es256, id: "invented-\(round)-\(index)")
                // Either verdict is right; only a genuine token must not be rejected.
                _ = try? await scene.verify(invented)
            }
        }
        #expect(scene.issuer.requests.count <= 2)
        // The flood has spent the fetch on demand. The call of a genuine token is told to come back, and never rejected.
        scene.issuer.publish(Sample.keySet([try TestKey.rsa.get().jwk("old"), try TestKey.otherRSA.get().jwk("new")]))
        let new = try Sample.token(key: TestKey.otherRSA.get(), id: "new")
        if let error = await Self.unavailable(scene, new) {
            #expect(error.code == .providerUnavailable && error.scope == .request)
            let retryAfter = try #require(error.retryAfter)
            #expect(retryAfter <= .seconds(30))
            scene.clock.advance(by: retryAfter)
        }
        #expect(try await scene.identity(of: new) != nil)
        #expect(scene.issuer.requests.count <= 3)
    }

    @Test("the periodic fetch finds a new key while a flood goes on")
    func floodAndPeriodicFetch() async throws {
        let scene = try Scene(keySet: Sample.keySet([TestKey.rsa.get().jwk("old")]))
        scene.issuer.publish(
            Sample.keySet([try TestKey.rsa.get().jwk("old")]), headers: ["Cache-Control": "public, max-age=60"])
        let running = Task { await scene.verifier.run() }
        defer { running.cancel() }
        try await eventually("the keys are there") { scene.verifier.hasTriedKeys }
        scene.clock.advance(by: .seconds(59))
        // Spends the fetch on demand.
        #expect(
            try await scene.rejection(of: Sample.token(key: TestKey.p256.get(), algorithm: .es256, id: "invented"))
                == .tokenRejected)
        scene.issuer.publish(Sample.keySet([try TestKey.rsa.get().jwk("old"), try TestKey.otherRSA.get().jwk("new")]))
        scene.clock.advance(by: .seconds(29))
        let new = try Sample.token(key: TestKey.otherRSA.get(), id: "new")
        #expect(await Self.unavailable(scene, new)?.scope == .request)
        scene.clock.advance(by: .seconds(31))
        try await eventually("the new key is known") { (try? await scene.identity(of: new)) != nil }
    }

    @Test("an unknown key id that is remembered is rejected without a fetch")
    func remembered() async throws {
        let scene = try Scene()
        let token = try Sample.token(id: "unknown")
        #expect(try await scene.rejection(of: token) == .tokenRejected)
        scene.issuer.fail()
        #expect(try await scene.rejection(of: token) == .tokenRejected)
        #expect(scene.issuer.requests.count == 1)
        scene.clock.advance(by: .seconds(31))
        // The fetch fails, so it shows nothing.
        #expect(await Self.unavailable(scene, token)?.code == .providerUnavailable)
        #expect(scene.issuer.requests.count == 2)
    }

    @Test("a key that the issuer removed is reported after it is out of use")
    func removedKey() async throws {
        let (one, two) = (try TestKey.rsa.get(), try TestKey.otherRSA.get())
        let scene = try Scene(keySet: Sample.keySet([one.jwk("one"), two.jwk("two")]))
        let identity = try #require(try await scene.identity(of: Sample.token(key: two, id: "two")))
        scene.issuer.publish(Sample.keySet([try one.jwk("one")]))
        scene.clock.advance(by: .seconds(31))
        // An unknown key id causes the fetch.
        #expect(try await scene.rejection(of: Sample.token(id: "three")) == .tokenRejected)
        #expect(scene.removed.withLockedValue { $0 } == Set([try #require(identity.signingKey)]))
        scene.clock.advance(by: .seconds(31))
        #expect(try await scene.rejection(of: Sample.token(key: two, id: "two")) == .tokenRejected)
        #expect(try await scene.rejection(of: Sample.token(key: one, id: "one")) == nil)
    }

    @Test("a key with a new id is not removed")
    func renamedKey() async throws {
        let key = try TestKey.rsa.get()
        let scene = try Scene(keySet: Sample.keySet([key.jwk("one")]))
        let before = try await scene.identity(of: Sample.token(key: key, id: "one"))
        scene.issuer.publish(Sample.keySet([try key.jwk("two")]))
        scene.clock.advance(by: .seconds(31))
        let after = try await scene.identity(of: Sample.token(key: key, id: "two"))
        #expect(before?.signingKey == after?.signingKey)
        #expect(before?.signingKey != nil)
        #expect(scene.removed.withLockedValue { $0 }.isEmpty)
    }

    @Test("an empty set does not replace a good one", arguments: [#"{"keys":[]}"#, #"{}"#, #"{"keys":[{"kty":"oct"}]}"#])
    func emptySet(text: String) async throws {
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        scene.issuer.publish(text)
        scene.clock.advance(by: .seconds(31))
        #expect(await Self.unavailable(scene, try Sample.token(id: "unknown")) != nil)
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        #expect(scene.removed.withLockedValue { $0 }.isEmpty)
    }

    @Test("one bad key beside a good one is reported by its position")
    func badKey() async throws {
        let scene = try Scene(keySet: Sample.keySet([TestKey.rsa.get().jwk("rsa-1"), #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#]))
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        let skipped = KeySet.Skipped(position: 2, reason: .unusable(.rsaLength(bits: 17)))
        #expect(scene.events.withLockedValue { $0 } == [.loaded(usable: 1, skipped: [skipped])])
        #expect("\(skipped)" == "key 2 has an RSA modulus of 17 bits, and needs 2048 to 8192")
    }

    @Test("the last good keys are used until their next fetch is 24 hours overdue")
    func lastGoodKeys() async throws {
        let scene = try Scene()
        let token = try Sample.token(claims: Sample.claims(["exp": "\(Sample.now + 100_000)"]))
        #expect(try await scene.rejection(of: token) == nil)
        scene.issuer.fail()
        // The response states no lifetime, so the next fetch is due after 8 minutes.
        scene.clock.advance(by: .seconds(480 + 24 * 3600 - 1))
        #expect(try await scene.rejection(of: token) == nil)
        #expect(scene.verifier.keysUsableFor == .seconds(1))
        scene.clock.advance(by: .seconds(2))
        #expect(await Self.unavailable(scene, token)?.code == .providerUnavailable)
        scene.issuer.publish(try Sample.keySet())
        scene.clock.advance(by: .seconds(31))
        #expect(try await scene.rejection(of: token) == nil)
    }

    @Test("an issuer that hangs at the start is tried once its time-out has passed")
    func hangsAtStart() async throws {
        let scene = try Scene()
        scene.issuer.fail()
        scene.issuer.hold()
        let running = Task { await scene.verifier.run() }
        defer { running.cancel() }
        try await eventually("a fetch has begun") { scene.issuer.requests.count == 1 }
        #expect(scene.issuer.deadlines == [Deadline(scene.clock.now.advanced(by: .seconds(10)))])
        #expect(!scene.verifier.hasTriedKeys)
        scene.clock.advance(by: .seconds(10))
        scene.issuer.release()
        try await eventually("the fetch ends") { scene.verifier.hasTriedKeys }
    }

    @Test("a call ends at its deadline while the fetch goes on")
    func deadline() async throws {
        let scene = try Scene()
        scene.issuer.hold()
        let token = try Sample.token()
        let call = Task { () async throws -> Verdict in
            try await scene.verifier.verify(
                VerificationRequest(token: token, applicationID: nil), deadline: Deadline(scene.clock.now.advanced(by: .seconds(1)))
            )
        }
        try await eventually("a fetch has begun") { scene.issuer.requests.count == 1 }
        scene.clock.advance(by: .seconds(2))
        let error = await #expect(throws: VerificationError.self) { try await call.value }
        #expect(error?.code == .deadlineExceeded)
        scene.issuer.release()
        try await eventually("the fetch ends") { scene.verifier.hasTriedKeys }
        #expect(try await scene.rejection(of: token) == nil)
        #expect(scene.issuer.requests.count == 1)
    }

    @Test("no line is repeated while nothing changes")
    func quiet() async throws {
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        scene.issuer.fail()
        for index in 0..<5 {
            scene.clock.advance(by: .seconds(31))
            #expect(await Self.unavailable(scene, try Sample.token(id: "unknown-\(index)")) != nil)
        }
        #expect(scene.events.withLockedValue { $0.count } == 2)
        scene.issuer.publish(try Sample.keySet())
        for _ in 0..<3 {
            scene.clock.advance(by: .seconds(31))
            #expect(try await scene.rejection(of: Sample.token(id: "unknown")) == .tokenRejected)
        }
        #expect(scene.events.withLockedValue { $0.count } == 3)
    }

    // MARK: - Discovery

    private static func discovery(_ configuration: String, issuer: String = Sample.issuer) async throws -> (Scene, KeyEvent?) {
        var settings = Sample.settings()
        settings.jwksURL = nil
        settings.issuer = issuer
        let scene = try Scene(settings)
        scene.issuer.publish(configuration, at: Sample.configurationURL)
        let claims = Sample.claims(["iss": "\"\(issuer)\""])
        _ = try? await scene.verify(Sample.token(claims: claims))
        return (scene, scene.events.withLockedValue { $0.first })
    }

    @Test(
        "the keys are found through the OpenID configuration, with and without a trailing slash",
        arguments: [Sample.issuer, String(Sample.issuer.dropLast())])
    func discovered(issuer: String) async throws {
        let (scene, event) = try await Self.discovery(#"{"issuer":"\#(issuer)","jwks_uri":"\#(Sample.keysURL)"}"#, issuer: issuer)
        #expect(event == .loaded(usable: 5, skipped: []))
        #expect(scene.issuer.requests == [Sample.configurationURL, Sample.keysURL])
    }

    @Test(
        "a configuration of another issuer is refused",
        arguments: ["https://attacker.example/", "https://login.example.org", "https://LOGIN.example.org/"])
    func otherIssuer(issuer: String) async throws {
        let (scene, event) = try await Self.discovery(#"{"issuer":"\#(issuer)","jwks_uri":"\#(Sample.keysURL)"}"#)
        #expect(event == .fetchFailed(.otherIssuer, keysUsableFor: nil))
        #expect(scene.issuer.requests == [Sample.configurationURL])
    }

    @Test(
        "keys on another host are refused",
        arguments: ["https://attacker.example/keys", "https://login.example.org.attacker.example/keys", "https://127.0.0.1/keys"])
    func otherHost(url: String) async throws {
        let (scene, event) = try await Self.discovery(#"{"issuer":"\#(Sample.issuer)","jwks_uri":"\#(url)"}"#)
        #expect(event == .fetchFailed(.keysOnOtherHost, keysUsableFor: nil))
        #expect(scene.issuer.requests == [Sample.configurationURL])
    }

    @Test(
        "keys without TLS are refused",
        arguments: [
            "http://login.example.org/keys", "file:///etc/passwd", "http://169.254.169.254/", "", "//login.example.org/keys",
            "https://a@login.example.org/keys",
        ])
    func unencrypted(url: String) async throws {
        let (scene, event) = try await Self.discovery(#"{"issuer":"\#(Sample.issuer)","jwks_uri":"\#(url)"}"#)
        #expect(event == .fetchFailed(.keysURLNotAllowed, keysUsableFor: nil))
        #expect(scene.issuer.requests == [Sample.configurationURL])
    }

    @Test(
        "a configuration without issuer or jwks_uri is refused",
        arguments: [
            "{}", #"{"issuer":"https://login.example.org/"}"#, #"{"jwks_uri":"https://login.example.org/keys"}"#,
            #"{"issuer":["https://login.example.org/"],"jwks_uri":"x"}"#,
        ])
    func incomplete(text: String) async throws {
        #expect(try await Self.discovery(text).1 == .fetchFailed(.notAConfiguration, keysUsableFor: nil))
    }

    @Test("a configuration that is no JSON object is refused", arguments: ["", "<html>", "[]", "null"])
    func noConfiguration(text: String) async throws {
        #expect(try await Self.discovery(text).1 == .fetchFailed(.notJSON, keysUsableFor: nil))
    }

    @Test(
        "a configuration that can't be used is no success in the statistics",
        arguments: [
            ("<html>", ResponseKind.notJSON), ("[]", .notJSON), ("{}", .malformed),
            (#"{"issuer":"https://attacker.example/","jwks_uri":"\#(Sample.keysURL)"}"#, .malformed),
            (#"{"issuer":"\#(Sample.issuer)","jwks_uri":"https://attacker.example/keys"}"#, .malformed),
            (#"{"issuer":"\#(Sample.issuer)","jwks_uri":"http://login.example.org/keys"}"#, .malformed),
            (#"{"issuer":"\#(Sample.issuer)","jwks_uri":"\#(Sample.keysURL)"}"#, .success),
        ])
    func kindOfConfiguration(text: String, kind: ResponseKind) async throws {
        #expect(try await Self.discovery(text).0.issuer.kinds.first == kind)
    }

    @Test(
        "a document of keys that can't be used is no success in the statistics",
        arguments: [
            (200, "<html>", ResponseKind.notJSON), (200, "[]", .notJSON), (200, #"{"keys":[]}"#, .malformed),
            (200, "{}", .malformed),
            (200, #"{"keys":{}}"#, .malformed), (200, #"{"keys":[{"kty":"oct"}]}"#, .malformed), (200, #"{"a":1}"#, .malformed),
            (302, "{}", .unexpectedStatus), (404, "{}", .unexpectedStatus), (429, "{}", .throttled), (502, "<html>", .serverError),
        ])
    func kindOfKeys(status: Int, text: String, kind: ResponseKind) async throws {
        let scene = try Scene()
        scene.issuer.publish(text, status: status)
        _ = try? await scene.verify(Sample.token())
        #expect(scene.issuer.kinds == [kind])
        scene.clock.advance(by: .seconds(61))
        scene.issuer.publish(try Sample.keySet())
        #expect(try await scene.identity(of: Sample.token()) != nil)
        #expect(scene.issuer.kinds == [kind, .success])
    }

    @Test("the host of a URL has no port and no path")
    func hosts() {
        #expect(KeyFetcher.host(of: "https://Login.example.org:8443/a/b?c") == "https://login.example.org")
        #expect(KeyFetcher.host(of: "https://login.example.org") == "https://login.example.org")
        #expect(KeyFetcher.host(of: "https://login.example.org?x=//y") == "https://login.example.org")
        #expect(KeyFetcher.host(of: "http://[::1]:80/a") == "http://[::1")
        #expect(KeyFetcher.host(of: "nonsense") == "")
    }
}
