import AccountKitEmulator
import Testing

@Suite("The control paths")
struct ControlTests {
    /// Returns status and body of a request, without a socket.
    private func send(_ state: inout EmulatorState, _ method: String, _ target: String) -> (status: Int, body: String) {
        let script = state.respond(to: GraphRequest(method: method, target: target)).script
        return (script.status, Wire(script).body)
    }

    private func makeState() throws -> EmulatorState {
        try EmulatorState(settings: EmulatorSettings(apps: [Apps.first, Apps.second]))
    }

    private func decode(_ text: String) throws -> Issued {
        try GraphResponse(status: 200, headers: [], body: Array(text.utf8)).decoded(Issued.self)
    }

    @Test("a log-in by phone returns a token of the recorded shape", arguments: ["+", "%2B"])
    func tokenByPhone(plus: String) throws {
        var state = try makeState()
        let (status, body) = send(&state, "POST", "/emulator/login?app=1111111111111111&phone=\(plus)15879994455&response=token")
        #expect(status == 200)
        let issued = try decode(body)
        #expect(issued.id == "1011166682335378")
        #expect(try #require(issued.accessToken).wholeMatch(of: /EMAW[A-Za-z0-9]{162}/) != nil)
    }

    @Test("a log-in without a response parameter follows the app's setting")
    func defaultResponse() throws {
        var state = try makeState()
        #expect(try decode(send(&state, "POST", "/emulator/login?email=a@b.c").body).accessToken != nil)
        #expect(try decode(send(&state, "POST", "/emulator/login?email=a@b.c&app=2222222222222222").body).code != nil)
    }

    @Test(
        "a failed control request names the wrong parameter",
        arguments: [
            ("POST", "/emulator/login", 400, "phone, email:"),
            ("POST", "/emulator/login?phone=+15551234567&email=a@b.c", 400, "phone, email:"),
            ("POST", "/emulator/login?phone=5551234567", 400, "phone:"),
            ("POST", "/emulator/login?phone=+15551234567&country_prefix=49", 400, "country_prefix:"),
            ("POST", "/emulator/login?email=test", 400, "email:"),
            ("POST", "/emulator/login?email=a@b.c&app=3", 404, "app:"),
            ("POST", "/emulator/login?email=a@b.c&response=cake", 400, "response:"),
            ("POST", "/emulator/login?email=a@b.c&app=2222222222222222&response=token", 400, "client access token flow"),
            ("GET", "/emulator/login?email=a@b.c", 405, "method"),
            ("POST", "/emulator/revoke?access_token=x", 404, "access_token:"),
            ("POST", "/emulator/revoke?account=1", 404, "account:"),
            ("POST", "/emulator/fault", 400, "latency"),
            ("POST", "/emulator/fault?name=flood", 400, "name:"),
            ("POST", "/emulator/fault?name=latency&milliseconds=-1", 400, "milliseconds:"),
            ("POST", "/emulator/fault?name=jittered-latency&from_milliseconds=2&to_milliseconds=1", 400, "from_milliseconds:"),
            ("POST", "/emulator/fault?name=hang&endpoint=you", 400, "endpoint:"),
            ("POST", "/emulator/fault?name=hang&times=0", 400, "times:"),
            ("POST", "/emulator/fault?name=hang&times=many", 400, "times:"),
            ("POST", "/emulator/fault?name=hang&probability=1.1", 400, "probability: must be a number from 0 to 1"),
            ("POST", "/emulator/fault?name=hang&probability=nan", 400, "probability:"),
            ("POST", "/emulator/fault?name=hang&probability=101%25", 400, "percentage"),
            (
                "POST", "/emulator/fault?name=hang&after_milliseconds=-1", 400,
                "after_milliseconds: must be a number from 0 to 86400000"
            ),
            ("POST", "/emulator/fault?name=hang&for_milliseconds=0", 400, "for_milliseconds: must be a number from 1 to 86400000"),
            (
                "POST", "/emulator/fault?name=hang&for_seconds=1", 400,
                "hang: takes no other parameters than endpoint, times, probability"
            ),
            (
                "POST", "/emulator/fault?name=latency&seconds=1", 400,
                "latency: takes no other parameters than milliseconds, endpoint"
            ),
            ("POST", "/emulator/fault?name=app-usage&percent=1001", 400, "percent: must be a number from 0 to 1000"),
            ("PUT", "/emulator/fault", 405, "method"),
            ("GET", "/emulator/", 404, "no such"),
            ("GET", "/emulator/me", 404, "no such"),
        ])
    func errors(method: String, target: String, status: Int, text: String) throws {
        var state = try makeState()
        let response = send(&state, method, target)
        #expect(response.status == status)
        #expect(response.body.hasPrefix(#"{"error":""#))
        #expect(response.body.contains(text))
        #expect(state.statistics.total == 0)
    }

    @Test("statistics count the Graph calls of each endpoint since the last reset")
    func statistics() throws {
        var state = try makeState()
        for target in ["/v1.3/me", "/v1.3/me?access_token=EMAWsecond", "/v9/me"] {
            _ = send(&state, "GET", target)
        }
        let body = send(&state, "GET", "/emulator/statistics").body
        let expected = """
            {"access_token":0,"me":2,"logout":0,"invalidate_all_tokens":0,"delete_account":0,"accounts":0,"debug_token":0,\
            "permissions":0,"openid_configuration":0,"openid_keys":0,"unknown":1,"total":3,"connections":{"accepted":0,"http2":0,"open":0}}
            """
        #expect(body == expected + "\n")
        #expect(state.statistics[.me] == 2)
        #expect(send(&state, "DELETE", "/emulator/statistics").status == 200)
        #expect(state.statistics.total == 0)
    }

    @Test("a control path revokes a token or all tokens of an account")
    func revoke() throws {
        var state = try makeState()
        #expect(send(&state, "POST", "/emulator/revoke?access_token=EMAWsecond").status == 200)
        #expect(send(&state, "GET", "/v1.3/me?access_token=EMAWsecond").body.contains("EMApiException"))
        #expect(send(&state, "POST", "/emulator/revoke?account=1011166682335379").status == 200)
        #expect(send(&state, "GET", "/v1.3/me?access_token=EMAWmail").body.contains("EMApiException"))
    }

    @Test("a later log-in takes a number's country prefix from its first log-in")
    func knownPrefix() throws {
        var state = try makeState()
        let phone = "phone=+3581234567"
        let first = try decode(send(&state, "POST", "/emulator/login?\(phone)&country_prefix=358").body)
        let second = try decode(send(&state, "POST", "/emulator/login?\(phone)").body)
        #expect(first.id == second.id)
    }

    @Test(
        "a missing country prefix is guessed from the first digit",
        arguments: [("+15551234567", "1"), ("+79123456789", "7"), ("+4915112345678", "49"), ("+35812345678", "35")])
    func guessedPrefix(number: String, prefix: String) throws {
        let phone = try Contact.PhoneNumber(number)
        #expect(phone.countryPrefix == prefix)
        #expect(phone.number == number)
    }
}
