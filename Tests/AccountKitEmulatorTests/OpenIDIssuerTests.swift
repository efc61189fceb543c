import AccountKitEmulator
import Foundation
import TestKit
import Testing

@Suite("The OpenID issuer", .timeLimit(.minutes(2)))
struct OpenIDIssuerTests {
    /// Returns status, head and body of a request, without a socket.
    private func send(_ state: inout EmulatorState, _ method: String, _ target: String) -> Wire {
        let request = GraphRequest(method: method, target: target)
        let keys = state.needsKeys(for: request) ? (try? OpenIDIssuer.newKeys()) ?? [] : []
        return Wire(state.respond(to: request, freshKeys: keys).script)
    }

    private func makeState(_ change: (inout EmulatorSettings) -> Void = { _ in }) throws -> EmulatorState {
        var settings = EmulatorSettings(apps: [Apps.first, Apps.second])
        settings.wallClock = { 1_700_000_000 }
        change(&settings)
        return try EmulatorState(settings: settings)
    }

    private func token(_ state: inout EmulatorState, _ parameters: String = "email=test@example.com") throws -> String {
        let body = send(&state, "POST", "/emulator/login?response=jwt&" + parameters).body
        return try #require(JSONObject(body)["access_token"] as? String, "\(body)")
    }

    private func kids(_ state: inout EmulatorState) throws -> [String] {
        let keys = try #require(JSONObject(send(&state, "GET", "/oidc/keys").body)["keys"] as? [[String: String]])
        return keys.compactMap { $0["kid"] }
    }

    @Test("the discovery document names the issuer and its keys")
    func discovery() throws {
        var state = try makeState()
        let response = send(&state, "GET", "/oidc/.well-known/openid-configuration")
        #expect(response.status == 200)
        #expect(response.header("Content-Type")?.hasPrefix("application/json") == true)
        // Clients compare the text, so it has no escaped slashes.
        #expect(response.body.contains(#""issuer":"http://127.0.0.1:7118/oidc","jwks_uri":"http://127.0.0.1:7118/oidc/keys""#))
        #expect(response.body.contains(#""id_token_signing_alg_values_supported":["RS256","ES256"]"#))
    }

    @Test(
        "the state generates no keys itself, since a lock is held around it",
        arguments: [("GET", "/oidc/keys"), ("POST", "/emulator/login?response=jwt&email=a@b.c"), ("POST", "/emulator/rotate-keys")])
    func noGeneration(method: String, target: String) throws {
        var state = try makeState()
        let request = GraphRequest(method: method, target: target)
        #expect(state.needsKeys(for: request))
        #expect(Wire(state.respond(to: request).script).status == 500)
        let keys = try OpenIDIssuer.newKeys()
        #expect(Wire(state.respond(to: request, freshKeys: keys).script).status == 200)
        #expect(state.needsKeys(for: request) == target.hasSuffix("rotate-keys"))
    }

    @Test("the keys are public, and may be kept for the time of the settings")
    func keys() throws {
        var state = try makeState { $0.keysMaxAge = 60 }
        let response = send(&state, "GET", "/oidc/keys")
        #expect(response.header("Cache-Control") == "public, max-age=60")
        let keys = try #require(JSONObject(response.body)["keys"] as? [[String: String]])
        #expect(keys.map { $0["kty"] } == ["RSA", "EC"] && keys.map { $0["alg"] } == ["RS256", "ES256"])
        #expect(keys.allSatisfy { $0["use"] == "sig" && $0["d"] == nil && $0["p"] == nil })
        #expect(keys[0]["n"]?.count == 342 && keys[0]["e"] == "AQAB")
        #expect(keys[1]["x"]?.count == 43 && keys[1]["y"]?.count == 43)
    }

    @Test("a token has the claims of its request and account")
    func claims() throws {
        var state = try makeState()
        let mail = try JSONWebToken(
            token(&state, "email=test@example.com&audience=a%20b&scope=read%20write&lifetime_seconds=60&algorithm=ES256"))
        #expect(mail.header["alg"] as? String == "ES256" && mail.header["typ"] as? String == "at+jwt")
        #expect(mail.claims["iss"] as? String == "http://127.0.0.1:7118/oidc")
        #expect(mail.claims["sub"] as? String == "1011166682335379")
        #expect(mail.claims["client_id"] as? String == Apps.first.id)
        #expect(mail.claims["aud"] as? [String] == ["a", "b"])
        #expect(mail.claims["scope"] as? String == "read write")
        #expect(mail.claims["iat"] as? Int == 1_700_000_000 && mail.claims["exp"] as? Int == 1_700_000_060)
        #expect(mail.claims["email"] as? String == "test@example.com" && mail.claims["email_verified"] as? Bool == true)

        let phone = try JSONWebToken(token(&state, "phone=+15879994455&app=2222222222222222"))
        #expect(phone.header["alg"] as? String == "RS256")
        #expect(phone.claims["aud"] as? String == "orders-api" && phone.claims["scope"] == nil)
        #expect(phone.claims["exp"] as? Int == 1_700_003_600)
        #expect(phone.claims["phone_number"] as? String == "+15879994455")
        #expect(phone.claims["phone_number_verified"] as? Bool == true && phone.claims["email"] == nil)
        #expect(phone.claims["jti"] as? String != mail.claims["jti"] as? String)
    }

    @Test("a token with a negative lifetime has expired after it was issued")
    func expired() throws {
        var state = try makeState()
        let token = try JSONWebToken(token(&state, "email=test@example.com&lifetime_seconds=-600"))
        let (issued, end) = (token.claims["iat"] as? Int ?? 0, token.claims["exp"] as? Int ?? 0)
        #expect(end == 1_699_999_400 && issued < end)
    }

    @Test(
        "a rotation signs with new keys, and keeps or removes the old ones",
        arguments: [("", true), ("?old=keep", true), ("?old=remove", false)])
    func rotation(query: String, keepsOld: Bool) throws {
        var state = try makeState()
        let before = try JSONWebToken(token(&state))
        let old = try kids(&state)
        #expect(old.count == 2 && before.header["kid"] as? String == old[0])
        let response = send(&state, "POST", "/emulator/rotate-keys" + query)
        #expect(response.status == 200)
        let new = try kids(&state)
        #expect(JSONObject(response.body)["kids"] as? [String] == new)
        #expect(Array(new.dropFirst(2)) == (keepsOld ? old : []) && Set(new.prefix(2)).isDisjoint(with: old))
        #expect(try JSONWebToken(token(&state)).header["kid"] as? String == new[0])
    }

    @Test("a preparation makes the keys once")
    func preparation() async throws {
        let emulator = try AccountKitEmulator(settings: EmulatorSettings(port: 0))
        var kids: [String?] = []
        for _ in 1...2 {
            await emulator.prepareKeys()
            kids.append(try JSONWebToken(emulator.issueJWT(email: "a@example.com")).header["kid"] as? String)
        }
        #expect(kids[0] != nil && kids[0] == kids[1])
    }

    @Test("the number of published keys has a limit")
    func manyRotations() throws {
        var state = try makeState()
        for _ in 1...10 { _ = send(&state, "POST", "/emulator/rotate-keys") }
        #expect(try kids(&state).count == 16)
    }

    @Test("the issuer's URL can be set")
    func otherIssuer() throws {
        var state = try makeState { $0.issuer = "https://securetoken.google.com/project" }
        #expect(try JSONWebToken(token(&state)).claims["iss"] as? String == "https://securetoken.google.com/project")
        let document = send(&state, "GET", "/oidc/.well-known/openid-configuration").body
        #expect(document.contains(#""jwks_uri":"https://securetoken.google.com/project/keys""#))
    }

    @Test(
        "an issuer that is no http URL is rejected",
        arguments: [
            "", "login.example.org", "http://", "http:///oidc", "ftp://a/oidc", "http://a/oidc?x=1", "http://a/#", "http://a b",
        ])
    func badIssuer(url: String) {
        #expect(throws: EmulatorError.self) { try makeState { $0.issuer = url } }
    }

    @Test(
        "a failed request for a token or a rotation names the wrong parameter",
        arguments: [
            ("login?response=jwt&email=test", "email:"), ("login?response=jwt&email=a@b.c&lifetime_seconds=x", "lifetime_seconds:"),
            ("login?response=jwt&email=a@b.c&lifetime_seconds=31536001", "lifetime_seconds:"),
            ("login?response=jwt&email=a@b.c&algorithm=none", "algorithm: must be RS256 or ES256"),
            ("login?response=jwt&email=a@b.c&audience=", "audience:"), ("login?response=jwt&email=a@b.c&scope=a%20%20b", "scope:"),
            ("login?response=jwt&email=a@b.c&scope=a%22b", "scope:"), ("rotate-keys?old=burn", "old:"),
        ])
    func badParameters(target: String, text: String) throws {
        var state = try makeState()
        let response = send(&state, "POST", "/emulator/" + target)
        #expect(response.status == 400 && response.body.hasPrefix(#"{"error":""#) && response.body.contains(text))
    }

    @Test("faults and statistics have the issuer's endpoints")
    func faults() throws {
        var state = try makeState()
        #expect(send(&state, "POST", "/emulator/fault?name=bad-gateway&endpoint=openid_keys&times=1").status == 200)
        #expect(send(&state, "GET", "/oidc/.well-known/openid-configuration").status == 200)
        #expect(send(&state, "GET", "/oidc/keys").status == 502)
        #expect(send(&state, "GET", "/oidc/keys").status == 200)
        #expect(state.statistics[.openIDKeys] == 2 && state.statistics[.openIDConfiguration] == 1 && state.statistics.total == 3)
    }

    @Test("other paths and methods below /oidc are unknown", arguments: ["POST /oidc/keys", "GET /oidc", "GET /oidc/keys/1"])
    func unknown(request: String) throws {
        var state = try makeState()
        let parts = request.split(separator: " ").map(String.init)
        #expect(send(&state, parts[0], parts[1]).status == 400)
        #expect(state.statistics[.unknown] == 1)
    }

    @Test(
        "an independent program accepts a token by the keys that the socket gives, and no changed token",
        arguments: AccessTokenRequest.Algorithm.allCases)
    func verification(algorithm: AccessTokenRequest.Algorithm) async throws {
        let emulator = try AccountKitEmulator(settings: EmulatorSettings(port: 0, apps: [Apps.first]))
        try await emulator.start()
        let keys: String
        do {
            let client = try await HTTPClient(port: emulator.port)
            client.get("/oidc/.well-known/openid-configuration")
            let document = JSONObject(try await client.response().body)
            #expect(document["issuer"] as? String == "http://127.0.0.1:\(emulator.port)/oidc")
            #expect(document["issuer"] as? String == emulator.issuer)
            client.get("/oidc/keys")
            keys = try await client.response().body
            await client.close()
        } catch {
            try await emulator.stop()
            throw error
        }
        let token = try emulator.issueJWT(AccessTokenRequest(algorithm: algorithm), email: "a@example.com")
        try await emulator.stop()
        #expect(try await Self.verify(token, keys) == "good")
        let parts = token.split(separator: ".").map(String.init)
        let forged = try #require(String(data: Data(#"{"sub":"1"}"#.utf8).base64EncodedData(), encoding: .utf8))
        #expect(try await Self.verify([parts[0], forged, parts[2]].joined(separator: "."), keys) == "bad")
    }

    private static func verify(_ token: String, _ keys: String) async throws -> String {
        let input = keys.split(whereSeparator: \.isNewline).joined() + "\n" + token + "\n"
        let program = try ChildProcess("python3", ["-c", verifier], environment: ["PATH": "/usr/bin:/bin"], input: input)
        guard try await program.ending() == 0 else { throw NeverHappened(description: program.allOutput) }
        return program.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Verifies RS256 and ES256 with Python's own integers (RFC 8017, section 8.2.2; FIPS 186-5, section 6.4.2).
    private static let verifier = #"""
        import base64, hashlib, json, sys
        data = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        number = lambda text: int.from_bytes(data(text), "big")
        keys, token = json.loads(sys.stdin.readline())["keys"], sys.stdin.readline().strip()
        head, body, signature = token.split(".")
        header, signature = json.loads(data(head)), data(signature)
        key, = [key for key in keys if key["kid"] == header["kid"] and key["alg"] == header["alg"]]
        digest = hashlib.sha256(f"{head}.{body}".encode()).digest()
        if key["kty"] == "RSA":
            size = len(data(key["n"]))
            info = bytes.fromhex("3031300d060960864801650304020105000420") + digest
            padded = b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info
            power = pow(int.from_bytes(signature, "big"), number(key["e"]), number(key["n"]))
            good = len(signature) == size and power.to_bytes(size, "big") == padded
        else:
            p = 2**256 - 2**224 + 2**192 + 2**96 - 1
            n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
            g = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
                 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)
            def add(a, b):
                if a is None or b is None: return a or b
                if a[0] == b[0] and a != b: return None
                slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, p) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, p)
                x = (slope ** 2 - a[0] - b[0]) % p
                return x, (slope * (a[0] - x) - a[1]) % p
            def times(count, point):
                sum = None
                for bit in bin(count)[2:]:
                    sum = add(sum, sum)
                    if bit == "1": sum = add(sum, point)
                return sum
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            inverse = pow(s, -1, n)
            x, _ = add(times(int.from_bytes(digest, "big") * inverse % n, g),
                       times(r * inverse % n, (number(key["x"]), number(key["y"]))))
            good = len(signature) == 64 and x % n == r
        print("good" if good else "bad")
        """#
}

/// The members of a JSON object; none for other texts.
struct JSONObject {
    private let members: [String: Any]

    init(_ text: String) {
        members = (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
    }

    subscript(name: String) -> Any? { members[name] }
}

/// The decoded header and claims of a token, whose signature is not checked.
struct JSONWebToken {
    let header: JSONObject
    let claims: JSONObject

    init(_ token: String) throws {
        var parts: [JSONObject] = []
        for part in token.split(separator: ".", omittingEmptySubsequences: false) {
            let base64 = String(part).replacing("-", with: "+").replacing("_", with: "/")
            let padded = base64 + String(repeating: "=", count: (4 - base64.count % 4) % 4)
            parts.append(JSONObject(String(decoding: try #require(Data(base64Encoded: padded)), as: UTF8.self)))
        }
        try #require(parts.count == 3)
        (header, claims) = (parts[0], parts[1])
    }
}
