import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing
import TokenIntrospection

@Suite("Introspection")
struct VerifyTests {
    static let activeBody = """
        {"active":true,"sub":"alice","client_id":"web","aud":["orders-api","billing"],"scope":"read write","exp":1500000600,\
        "nbf":1500000000,"iss":"https://id.partner.example","token_type":"Bearer","tenant":"blue","roles":["admin"],\
        "email":"alice@example.com","email_verified":true}
        """

    @Test("the facts of an active token become its identity")
    func active() async throws {
        let settings = Sample.settings {
            $0.audience = ["orders-api"]
            $0.claims = ["tenant", "roles", "missing"]
        }
        let identity = try #require(try await Sample.verdict(.response(200, Self.activeBody), settings).identity)
        #expect(identity.accountID == "alice")
        #expect(identity.applicationID == "orders-api")
        #expect(identity.provider == "partner")
        #expect(identity.scopes == ["read", "write"])
        #expect(identity.expiresAt == Timestamp(millisecondsSince1970: 1_500_000_600_000))
        #expect(identity.validUntil == Timestamp(millisecondsSince1970: 1_500_000_600_000))
        #expect(identity.verifiedAt == Timestamp(millisecondsSince1970: 1_500_000_000_000))
        #expect(identity.issuer == "https://id.partner.example")
        #expect(identity.claims == ["tenant": #""blue""#, "roles": #"["admin"]"#])
        #expect(identity.email == "alice@example.com" && identity.isEmailVerified)
        #expect(identity.audiences == ["orders-api"])
    }

    @Test("a token without an end never expires")
    func noEnd() async throws {
        let identity = try #require(try await Sample.verdict(.response(200, #"{"active":true,"sub":"a"}"#)).identity)
        #expect(identity.validUntil == .distantFuture)
        #expect(identity.expiresAt == nil)
        #expect(identity.scopes.isEmpty && identity.issuer == nil && identity.claims.isEmpty && identity.email == nil)
    }

    @Test("the account of a token without a user is its client")
    func clientToken() async throws {
        let identity = try #require(try await Sample.verdict(.response(200, #"{"active":true,"client_id":"cron"}"#)).identity)
        #expect(identity.accountID == "cron")
        #expect(identity.applicationID == "cron")
    }

    @Test(
        "the application is the first configured audience of the token, whatever the call names",
        arguments: [(nil, "a"), ("b", "a"), ("c", "a"), ("web", "a")])
    func application(named: String?, expected: String) async throws {
        let settings = Sample.settings { $0.audience = ["x", "a", "b"] }
        let body = #"{"active":true,"sub":"u","client_id":"web","aud":["b","a","c"]}"#
        let identity = try #require(
            try await Sample.verdict(.response(200, body), settings, applicationID: named).identity)
        #expect(identity.applicationID == expected)
        #expect(identity.audiences == ["a", "b"])
    }

    @Test("without a configured audience, the application is the client")
    func noAudience() async throws {
        let body = #"{"active":true,"sub":"u","client_id":"web","aud":"a"}"#
        #expect(try await Sample.verdict(.response(200, body)).identity?.applicationID == "web")
    }

    @Test("an inactive token is rejected, and the rejection may be cached")
    func inactive() async throws {
        for body in [#"{"active":false}"#, #" {"active":false,"sub":"x"} "#] {
            let rejection = try #require(try await Sample.verdict(.response(200, body)).rejection)
            #expect(rejection.reason == .tokenRejected && rejection.isCacheable)
        }
    }

    static let rejected: [(body: String, reason: Rejection.Reason)] = [
        (#"{"active":true,"sub":"u","aud":"api","exp":1500000000}"#, .tokenRejected),
        (#"{"active":true,"sub":"u","aud":"api","exp":0}"#, .tokenRejected),
        (#"{"active":true,"sub":"u","aud":"api","nbf":1500000031}"#, .tokenRejected),
        (#"{"active":true,"sub":"u","aud":"api","token_type":"DPoP"}"#, .tokenRejected),
        (#"{"active":true,"sub":"u","aud":"api","token_type":"refresh_token"}"#, .tokenRejected),
        (#"{"active":true,"sub":"u","aud":"api","token_type":""}"#, .tokenRejected),
        (#"{"active":true,"sub":"u"}"#, .wrongApplication),
        (#"{"active":true,"sub":"u","aud":null}"#, .wrongApplication),
        (#"{"active":true,"sub":"u","aud":[]}"#, .wrongApplication),
        (#"{"active":true,"sub":"u","aud":""}"#, .wrongApplication),
        (#"{"active":true,"sub":"u","aud":"ap"}"#, .wrongApplication),
        (#"{"active":true,"sub":"u","aud":"API"}"#, .wrongApplication),
        (#"{"active":true,"sub":"u","aud":"api/"}"#, .wrongApplication),
        (#"{"active":true,"sub":"u","aud":["other","api2"]}"#, .wrongApplication),
        (#"{"active":true,"sub":"u","client_id":"api","aud":"other"}"#, .wrongApplication),
    ]

    @Test("an active token that we don't accept is rejected", arguments: rejected.indices)
    func unacceptable(_ index: Int) async throws {
        let settings = Sample.settings { $0.audience = ["api"] }
        let rejection = try #require(try await Sample.verdict(.response(200, Self.rejected[index].body), settings).rejection)
        #expect(rejection.reason == Self.rejected[index].reason)
    }

    @Test(
        "an active token within the rules is valid",
        arguments: [
            #"{"active":true,"sub":"u","aud":"api","exp":1500000000.5}"#,
            #"{"active":true,"sub":"u","aud":"api","nbf":1500000030}"#,
            #"{"active":true,"sub":"u","aud":["other","api"],"token_type":"bearer"}"#,
            #"{"active":true,"sub":"u","aud":"api","token_type":"BEARER"}"#,
            #"{"active":true,"sub":"u","aud":"api","token_type":"access_token"}"#,
            #"{"active":true,"sub":"u","aud":"api","exp":null,"nbf":null,"token_type":null,"iss":null,"scope":null}"#,
        ])
    func acceptable(body: String) async throws {
        let settings = Sample.settings { $0.audience = ["api"] }
        #expect(try await Sample.verdict(.response(200, body), settings).identity?.accountID == "u")
    }

    @Test(
        "a configured issuer must equal the token's byte for byte",
        arguments: [
            ("https://i.example", true), ("https://i.example/", false), ("https://I.example", false), ("", false), (nil, false),
        ])
    func issuer(issuer: String?, isValid: Bool) async throws {
        let settings = Sample.settings { $0.issuer = "https://i.example" }
        let member = issuer.map { #","iss":"\#($0)""# } ?? ""
        let verdict = try await Sample.verdict(.response(200, #"{"active":true,"sub":"u"\#(member)}"#), settings)
        #expect((verdict.identity != nil) == isValid)
        #expect(isValid || verdict.rejection?.reason == .tokenRejected)
    }

    @Test("canonically equivalent texts are different audiences")
    func canonicalEquivalence() async throws {
        let settings = Sample.settings { $0.audience = ["caf\u{e9}"] }
        let body = #"{"active":true,"sub":"u","aud":"cafe\u0301"}"#
        #expect(try await Sample.verdict(.response(200, body), settings).rejection?.reason == .wrongApplication)
    }

    @Test(
        "scopes are a text with spaces or a list, and none otherwise",
        arguments: [
            (#""a b""#, ["a", "b"]), (#""  a   b ""#, ["a", "b"]), (#""""#, []), (#"["a","b"]"#, ["a", "b"]), (#"["a",1]"#, []),
            ("7", []), (#"{"a":1}"#, []),
        ])
    func scopes(value: String, expected: [String]) async throws {
        let verdict = try await Sample.verdict(.response(200, #"{"active":true,"sub":"u","scope":\#(value)}"#))
        #expect(verdict.identity?.scopes == expected)
    }

    @Test("claims longer than 4 KiB are our configuration's fault, and none is left out")
    func longClaims() async throws {
        let settings = Sample.settings { $0.claims = ["a", "b"] }
        for (count, fits) in [(4086, true), (4087, false)] {
            // Both names have 1 byte, and the values have quotation marks.
            let body = #"{"active":true,"sub":"u","a":"\#(String(repeating: "x", count: count))","b":"1234"}"#
            if fits {
                #expect(try await Sample.verdict(.response(200, body), settings).identity?.claims.count == 2)
            } else {
                let error = await Sample.error(.response(200, body), settings)
                #expect(error == VerificationError(IdentityLimit.claims))
                #expect(error?.code == .providerMisconfigured && error?.scope == .request)
            }
        }
    }

    @Test(
        "more than 256 scopes, or scopes of more than 4 KiB, are our configuration's fault",
        arguments: [
            (Array(repeating: "s", count: 256), true), (Array(repeating: "s", count: 257), false),
            ([String(repeating: "x", count: 4096)], true), ([String(repeating: "x", count: 4096), "y"], false),
        ])
    func manyScopes(scopes: [String], fits: Bool) async throws {
        let body = #"{"active":true,"sub":"u","scope":"\#(scopes.joined(separator: " "))"}"#
        if fits {
            #expect(try await Sample.verdict(.response(200, body)).identity?.scopes == scopes)
        } else {
            #expect(await Sample.error(.response(200, body)) == VerificationError(IdentityLimit.scopes))
        }
    }

    @Test("an exceeded limit is reported for the log")
    func reportedLimit() async throws {
        let limits = NIOLockedValueBox<[IdentityLimit]>([])
        let transport = ScriptedTransport(
            .response(200, #"{"active":true,"sub":"u","a":"\#(String(repeating: "x", count: 4096))"}"#))
        let client = ProviderClient(
            transport: transport, time: SteppedClock().timeSource, limits: { limit in limits.withLockedValue { $0.append(limit) } })
        let verifier = try IntrospectionVerifier(Sample.settings { $0.claims = ["a"] }, client: client)
        await #expect(throws: VerificationError(IdentityLimit.claims)) {
            try await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline())
        }
        #expect(limits.withLockedValue { $0 } == [.claims])
    }

    @Test(
        "a token with an invalid syntax is rejected without a request",
        arguments: ["", "a b", "a\u{7f}", "ä", "a\0", String(repeating: "x", count: 4097)])
    func malformed(text: String) async throws {
        let transport = ScriptedTransport()
        let verifier = try Sample.verifier(transport)
        #expect(verifier.validateSyntax(of: Token(text))?.reason == .malformedToken)
        #expect(verifier.validateSyntax(of: Token(String(repeating: "~", count: 4096))) == nil)
        #expect(await transport.requests.isEmpty)
    }

    @Test("the observer receives the kind of each response")
    func observer() async throws {
        let seen = NIOLockedValueBox<[String]>([])
        let transport = ScriptedTransport(
            .response(200, #"{"active":false}"#), .response(401, ""), .response(200, "{}"), .failure(.tls))
        let client = ProviderClient(
            transport: transport, time: SteppedClock().timeSource,
            observer: { endpoint, outcome, _ in seen.withLockedValue { $0.append("\(endpoint) \(outcome)") } })
        let verifier = try IntrospectionVerifier(Sample.settings(), client: client)
        for _ in 0..<4 {
            _ = try? await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline())
        }
        let lines = seen.withLockedValue { $0 }
        #expect(lines.count == 4 && lines.allSatisfy { $0.hasPrefix("introspect ") })
        #expect(lines[0].contains("success") && lines[1].contains("credentialRejected"))
        #expect(lines[2].contains("malformed") && lines[3].contains("tls"))
    }
}
