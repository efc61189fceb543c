import AccountKitEmulator
import Testing

@Suite("The seed file")
struct SeedTests {
    private static let app = #""id":"5432154321543210","secret":"0123456789abcdef0123456789abcdef""#

    @Test("the file's apps, switches, accounts and tokens become settings")
    func reading() throws {
        let text = """
            {"apps":[{\(Self.app),"require_app_secret":false,"client_access_token_flow":false,"application_in_v1_0":true,"accounts":[
              {"id":"1011166682335378","phone":"+35812345678","country_prefix":"358","tokens":["EMAWtesttoken0001"]},
              {"id":"1011166682335379","email":"test@example.com"}]}]}
            """
        let app = try #require(try Seed.apps(json: Array(text.utf8)).first)
        #expect(app.id == "5432154321543210")
        #expect(!app.requiresAppSecret && !app.enablesClientAccessTokenFlow && app.namesApplicationInFirstVersion)
        let phone = try Contact.PhoneNumber("+35812345678", countryPrefix: "358")
        #expect(app.accounts.map(\.contact) == [.phone(phone), .email("test@example.com")])
        #expect(app.accounts[0].tokens == ["EMAWtesttoken0001"])
    }

    @Test("an app's switches have their documented defaults")
    func defaults() throws {
        let app = try #require(try Seed.apps(json: Array("{\"apps\":[{\(Self.app)}]}".utf8)).first)
        #expect(app.requiresAppSecret && app.enablesClientAccessTokenFlow && !app.namesApplicationInFirstVersion)
    }

    @Test(
        "an error names file and key",
        arguments: [
            ("", "seed.json: is not JSON"),
            ("[]", "seed.json: must be an object"),
            ("{}", "seed.json: apps: is missing"),
            (#"{"apps":[]}"#, "seed.json: apps: must name at least one app"),
            (#"{"apps":[{"id":"5432154321543210"}]}"#, "seed.json: apps[0].secret: is missing"),
            (#"{"apps":[{"id":5432154321543210,"secret":"x"}]}"#, "seed.json: apps[0].id: must be a string"),
            (#"{"apps":[{"id":"12","secret":"x"}]}"#, "seed.json: apps[0].id: must be 15 or 16 decimal digits"),
            (
                #"{"apps":[{"id":"5432154321543210","secret":"x"}]}"#,
                "seed.json: apps[0].secret: must be 32 lowercase hexadecimal characters"
            ),
            ("{\"apps\":[{\(app)},{\(app)}]}", "seed.json: apps: there are two apps with the id 5432154321543210"),
            ("{\"apps\":[{\(app),\"require_proof\":true}]}", "seed.json: apps[0].require_proof: is not known"),
            ("{\"apps\":[{\(app),\"require_app_secret\":1}]}", "seed.json: apps[0].require_app_secret: must be true or false"),
            ("{\"apps\":[{\(app),\"accounts\":[{\"id\":\"1\"}]}]}", "seed.json: apps[0].accounts[0].phone, email: exactly one"),
            (
                "{\"apps\":[{\(app),\"accounts\":[{\"id\":\"1\",\"phone\":\"5\"}]}]}",
                "seed.json: apps[0].accounts[0].phone: must be +"
            ),
            (
                "{\"apps\":[{\(app),\"accounts\":[{\"id\":\"1\",\"email\":\"a@b.c\",\"tokens\":[\"EAAx\"]}]}]}",
                "seed.json: apps[0].accounts[0].tokens[0]: must be EMAW"
            ),
        ])
    func errors(text: String, message: String) throws {
        let error = try #require(throws: SeedError.self) { try Seed.apps(json: Array(text.utf8), file: "seed.json") }
        #expect(error.description.hasPrefix(message), "\(error)")
    }

    @Test("a missing file is named")
    func missingFile() throws {
        let error = try #require(throws: SeedError.self) { try Seed.apps(file: "/nowhere/seed.json") }
        #expect(error.description == "/nowhere/seed.json: can't be read: no such file or directory")
    }
}
