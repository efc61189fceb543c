import AccountKitEmulator
import DoormanCrypto
import Testing

@Suite("Facebook Login")
struct FacebookLoginTests {
    private static let ownAppToken = "1111111111111111%7C0123456789abcdef0123456789abcdef"
    private static let otherAppToken = "2222222222222222%7Cfedcba9876543210fedcba9876543210"
    private static let now = 1_700_000_000

    private func send(_ state: inout EmulatorState, _ method: String, _ target: String) -> (status: Int, body: String) {
        let script = state.respond(to: GraphRequest(method: method, target: target)).script
        return (script.status, Wire(script).body)
    }

    private func makeState() throws -> EmulatorState {
        var settings = EmulatorSettings(apps: [Apps.first, Apps.second])
        settings.wallClock = { Self.now }
        return try EmulatorState(settings: settings)
    }

    private func logIn(_ state: inout EmulatorState, _ parameters: String = "email=test@example.com") throws -> String {
        let body = send(&state, "POST", "/emulator/login?response=facebook-token&" + parameters).body
        return try #require(JSONObject(body)["access_token"] as? String, "\(body)")
    }

    /// Returns `data` of the response to `debug_token`.
    private func describe(_ state: inout EmulatorState, _ token: String) throws -> [String: Any] {
        let (status, body) = send(&state, "GET", "/v19.0/debug_token?input_token=\(token)&access_token=\(Self.ownAppToken)")
        #expect(status == 200)
        return try #require(JSONObject(body)["data"] as? [String: Any], "\(body)")
    }

    private func errorCode(_ data: [String: Any]) -> [Int?] {
        let error = data["error"] as? [String: Any]
        return [error?["code"] as? Int, error?["subcode"] as? Int]
    }

    private static func proof(_ token: String) -> String {
        HMACSHA256(key: Array(Apps.first.secret.utf8)).authenticationCode(for: Array(token.utf8).span).hexadecimal
    }

    @Test("debug_token describes a token to its app")
    func described() throws {
        var state = try makeState()
        let token = try logIn(&state, "email=test@example.com&scope=email&lifetime_seconds=60")
        #expect(token.wholeMatch(of: /EAA[A-Za-z0-9]{190}/) != nil)
        let data = try describe(&state, token)
        #expect(data["is_valid"] as? Bool == true && data["type"] as? String == "USER")
        #expect(data["app_id"] as? String == Apps.first.id && data["user_id"] as? String == "1011166682335379")
        #expect(data["issued_at"] as? Int == Self.now && data["expires_at"] as? Int == Self.now + 60)
        #expect(data["scopes"] as? [String] == ["email"] && data["error"] == nil)
        #expect(state.statistics[.debugToken] == 1)
    }

    @Test("a token without an end has 0 as its expiry")
    func endless() throws {
        var state = try makeState()
        let data = try describe(&state, logIn(&state, "email=test@example.com&lifetime_seconds=0"))
        #expect(data["is_valid"] as? Bool == true && data["expires_at"] as? Int == 0)
        #expect(data["scopes"] as? [String] == ["email", "public_profile"])
    }

    @Test("debug_token describes the app's own token")
    func appToken() throws {
        var state = try makeState()
        let data = try describe(&state, Self.ownAppToken)
        #expect(data["is_valid"] as? Bool == true && data["type"] as? String == "APP")
        #expect(data["app_id"] as? String == Apps.first.id)
    }

    @Test("a bad input token is described as invalid, with status 200")
    func invalid() throws {
        var state = try makeState()
        let expired = try logIn(&state, "email=test@example.com&lifetime_seconds=-60")
        let foreign = try logIn(&state, "email=test@example.com&app=2222222222222222")
        for (token, code) in [
            ("EAAunknown", [190, nil]), ("EMAWmail", [190, nil]), (expired, [190, 463]), (foreign, [100, nil]),
            ("1111111111111111%7Cwrong", [190, nil]),
        ] as [(String, [Int?])] {
            let data = try describe(&state, token)
            #expect(data["is_valid"] as? Bool == false && data["scopes"] as? [String] == [])
            #expect(errorCode(data) == code, "\(data)")
        }
    }

    @Test(
        "debug_token fails with a wrong app token or without an input token",
        arguments: [
            ("access_token=1111111111111111%7Cwrong&input_token=EAAx", 190, "Error validating application"),
            ("access_token=3%7Cx&input_token=EAAx", 190, "Error validating application"),
            ("access_token=AA%7C1111111111111111%7C0123456789abcdef0123456789abcdef&input_token=EAAx", 190, "application"),
            ("access_token=EAAx&input_token=EAAx", 100, "app access token"), ("input_token=EAAx", 100, "app access token"),
            ("access_token=\(ownAppToken)", 100, "input_token"),
            ("access_token=\(ownAppToken)&input_token=EAAx&appsecret_proof=00", 100, "Invalid appsecret_proof"),
        ])
    func failed(query: String, code: Int, message: String) throws {
        var state = try makeState()
        let (status, body) = send(&state, "GET", "/v19.0/debug_token?" + query)
        let error = JSONObject(body)["error"] as? [String: Any]
        #expect(status == 400 && error?["code"] as? Int == code && (error?["message"] as? String)?.contains(message) == true)
    }

    @Test("me returns the fields that the request names", arguments: ["/v3.2/me", "/v19.0/me", "/me"])
    func me(path: String) throws {
        var state = try makeState()
        let token = try logIn(&state)
        let access = "access_token=\(token)&appsecret_proof=\(Self.proof(token))"
        let identity = JSONObject(send(&state, "GET", "\(path)?fields=id,email&\(access)").body)
        #expect(identity["id"] as? String == "1011166682335379" && identity["email"] as? String == "test@example.com")
        #expect(identity["name"] == nil)
        let standard = JSONObject(send(&state, "GET", "\(path)?\(access)").body)
        #expect(standard["id"] as? String == "1011166682335379" && standard["name"] is String && standard["email"] == nil)
        #expect(send(&state, "GET", "\(path)?fields=shoe_size&\(access)").body.contains("nonexistent field (shoe_size)"))
        #expect(state.statistics[.me] == 3)
    }

    @Test("me has the e-mail address of a user who gave the permission only")
    func permission() throws {
        var state = try makeState()
        let token = try logIn(&state, "email=test@example.com&scope=public_profile")
        let target = "/v19.0/me?fields=email&access_token=\(token)&appsecret_proof=\(Self.proof(token))"
        let identity = JSONObject(send(&state, "GET", target).body)
        #expect(identity["id"] as? String == "1011166682335379" && identity["email"] == nil)
    }

    @Test("me needs the proof that the app requires")
    func proofs() throws {
        var state = try makeState()
        let token = try logIn(&state)
        #expect(send(&state, "GET", "/v19.0/me?access_token=\(token)").body.contains("require an appsecret_proof"))
        let wrong = send(&state, "GET", "/v19.0/me?access_token=\(token)&appsecret_proof=00")
        #expect(wrong.status == 400 && wrong.body.contains("Invalid appsecret_proof"))
        #expect(send(&state, "GET", "/v19.0/me?access_token=EAAunknown").body.contains(#""code":190"#))
        let other = try logIn(&state, "email=test@example.com&app=2222222222222222")
        #expect(send(&state, "GET", "/v19.0/me?access_token=\(other)").status == 200)
    }

    @Test("the app revokes all tokens of a user, and no token of Account Kit")
    func revoked() throws {
        var state = try makeState()
        let (first, second) = (try logIn(&state), try logIn(&state))
        let stranger = try logIn(&state, "email=other@example.com")
        let path = "/v19.0/1011166682335379/permissions"
        #expect(send(&state, "DELETE", "\(path)?access_token=\(Self.ownAppToken)").body == #"{"success":true}"# + "\n")
        for token in [first, second] {
            let data = try describe(&state, token)
            #expect(data["is_valid"] as? Bool == false && errorCode(data) == [190, 458])
            #expect(send(&state, "GET", "/v19.0/me?access_token=\(token)").body.contains(#""error_subcode":458"#))
        }
        #expect(try describe(&state, stranger)["is_valid"] as? Bool == true)
        #expect(send(&state, "GET", "/v1.3/me?access_token=EMAWmail&appsecret_proof=\(Proofs.mail)").status == 200)
        #expect(state.statistics[.permissions] == 1)
    }

    @Test("a user revokes its own tokens", arguments: ["me", "1011166682335379"])
    func revokedByUser(user: String) throws {
        var state = try makeState()
        let token = try logIn(&state)
        let access = "access_token=\(token)&appsecret_proof=\(Self.proof(token))"
        #expect(send(&state, "DELETE", "/v19.0/1011166682335378/permissions?\(access)").status == 400)
        #expect(try describe(&state, token)["is_valid"] as? Bool == true)
        #expect(send(&state, "DELETE", "/v19.0/\(user)/permissions?\(access)").status == 200)
        #expect(try describe(&state, token)["is_valid"] as? Bool == false)
    }

    @Test("another app revokes nothing")
    func revokedByStranger() throws {
        var state = try makeState()
        let token = try logIn(&state)
        let response = send(&state, "DELETE", "/v19.0/1011166682335379/permissions?access_token=\(Self.otherAppToken)")
        #expect(response.status == 400 && response.body.contains(#""error_subcode":33"#))
        #expect(try describe(&state, token)["is_valid"] as? Bool == true)
    }

    @Test("the control path revokes a token of Facebook Login, too")
    func controlPath() throws {
        var state = try makeState()
        let token = try logIn(&state)
        #expect(send(&state, "POST", "/emulator/revoke?access_token=\(token)").status == 200)
        #expect(try describe(&state, token)["is_valid"] as? Bool == false)
    }

    @Test(
        "faults of the application change debug_token",
        arguments: [("application-missing", nil), ("application-foreign", "9999999999999999")] as [(String, String?)])
    func flaws(fault: String, application: String?) throws {
        var state = try makeState()
        let token = try logIn(&state)
        #expect(send(&state, "POST", "/emulator/fault?name=\(fault)&endpoint=debug_token").status == 200)
        #expect(try describe(&state, token)["app_id"] as? String == application)
    }

    @Test("Account Kit's calls reject a token of Facebook Login")
    func otherProvider() throws {
        var state = try makeState()
        let token = try logIn(&state)
        #expect(send(&state, "POST", "/v1.3/logout?access_token=\(token)").body.contains("Invalid OAuth access token."))
    }
}
