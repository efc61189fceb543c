import DoormanCore
import DoormanHTTP
import DoormanSupport
import Testing

@Suite("Bodies of requests")
struct RequestBodyTests {
    // MARK: - Verify

    @Test("the body of a verification is read")
    func verify() throws {
        let body = try VerifyBody(
            json: bytes(
                #"{"token":"abc","maxAgeSeconds":5,"applicationId":"1","provider":"account-kit","requiredScopes":["a","b"]}"#))
        #expect(body.token == Token("abc"))
        #expect(body.maxAge == .seconds(5))
        #expect(body.requirements == TokenRequirements(provider: "account-kit", applicationID: "1", scopes: ["a", "b"]))
    }

    @Test("the names of auth.proto are accepted, too")
    func snakeCase() throws {
        let body = try VerifyBody(json: bytes(#"{"max_age_seconds":"7","application_id":"1","required_scopes":["a"]}"#))
        #expect(body.token == nil)
        #expect(body.maxAge == .seconds(7))
        #expect(body.requirements == TokenRequirements(applicationID: "1", scopes: ["a"]))
        #expect(try RevocationRequest(json: bytes(#"{"account_id":"9"}"#), caller: .unknown).subject == .account("9"))
    }

    @Test("absent members and null are the same, and an empty token is left to the verifier")
    func absent() throws {
        let none = try VerifyBody(json: bytes("{}"))
        #expect(none.token == nil && none.maxAge == nil && none.requirements == .none)
        let nulls = #" {"token":null,"maxAgeSeconds":null,"applicationId":null,"provider":null,"requiredScopes":[]} "#
        #expect(try VerifyBody(json: bytes(nulls)) == none)
        #expect(try VerifyBody(json: bytes(#"{"token":""}"#)).token == Token(""))
    }

    @Test(
        "an age is a whole number of 32 bits, or such a number as a string",
        arguments: [
            ("0", nil), ("1", 1), ("4294967295", 4_294_967_295), (#""60""#, 60), ("1e2", 100), ("2.0", 2), (#""0""#, nil),
        ] as [(String, Int64?)])
    func age(_ number: String, _ seconds: Int64?) throws {
        #expect(try VerifyBody(json: bytes(#"{"maxAgeSeconds":\#(number)}"#)).maxAge == seconds.map { .seconds($0) })
    }

    @Test(
        "any other age is malformed",
        arguments: [
            "-1", "4294967296", "1.5", "1e400", #""""#, #""-1""#, #"" 1""#, #""1.0""#, #""+1""#, "true", "[1]", "{}", #""١""#,
        ])
    func malformedAge(_ number: String) {
        let expected = "The member maxAgeSeconds is not a whole number from 0 to 4294967295."
        #expect(message { try VerifyBody(json: bytes(#"{"maxAgeSeconds":\#(number)}"#)) } == expected)
    }

    @Test(
        "a malformed body has a message that says what is wrong",
        arguments: [
            ("", "The body is not valid JSON, or a member occurs twice."),
            ("{", "The body is not valid JSON, or a member occurs twice."),
            (#"{"token":"a"}x"#, "The body is not valid JSON, or a member occurs twice."),
            (#"{"token":"a","token":"b"}"#, "The body is not valid JSON, or a member occurs twice."),
            (#"{"token":"\ud800"}"#, "The body is not valid JSON, or a member occurs twice."),
            (#"["token"]"#, "The body is not a JSON object."), (#""token""#, "The body is not a JSON object."),
            (#"{"tokens":"a"}"#, "The body has the unknown member tokens."),
            (#"{"Token":"a"}"#, "The body has the unknown member Token."),
            (#"{"notAfter":"a"}"#, "The body has the unknown member notAfter."),
            (#"{"notBefore":1}"#, "The member notBefore is not a string."),
            (#"{"":1}"#, "The body has an unknown member."), (#"{"a b":1}"#, "The body has an unknown member."),
            (#"{"EAAG9s3cr3t":1}"#, "The body has an unknown member."),
            (#"{"maxAgeSeconds":1,"max_age_seconds":1}"#, "The member maxAgeSeconds occurs twice, under both of its names."),
            (#"{"token":1}"#, "The member token is not a string."), (#"{"provider":[]}"#, "The member provider is not a string."),
            (#"{"requiredScopes":"a"}"#, "The member requiredScopes is not an array."),
            (#"{"requiredScopes":[null]}"#, "The member requiredScopes has an element that is not a string."),
        ])
    func malformed(_ json: String, _ expected: String) {
        #expect(message { try VerifyBody(json: bytes(json)) } == expected)
    }

    @Test(
        "an id or a name is neither empty nor holds a NUL character, which no other API can tell from its end",
        arguments: ["applicationId", "application_id", "provider", "accountId"])
    func names(member: String) {
        let shown = member == "application_id" ? "applicationId" : member
        for (text, problem) in [
            ("", "is empty: leave it out."), (#"a\u0000b"#, "has a NUL character."), (#"\u0000"#, "has a NUL character."),
        ] {
            let expected = "The member \(shown) \(problem)"
            if member != "accountId" {
                #expect(message { try VerifyBody(json: bytes(#"{"token":"a","\#(member)":"\#(text)"}"#)) } == expected)
                #expect(
                    message { try ExchangeRequest(json: bytes(#"{"code":"a","\#(member)":"\#(text)"}"#), caller: nil) } == expected)
                #expect(
                    message { try RevocationRequest(json: bytes(#"{"token":"a","\#(member)":"\#(text)"}"#), caller: .unknown) }
                        == expected)
            } else {
                #expect(message { try RevocationRequest(json: bytes(#"{"accountId":"\#(text)"}"#), caller: .unknown) } == expected)
            }
        }
    }

    @Test("names and lists have the bounds of the wire protocol")
    func bounds() throws {
        let name = String(repeating: "n", count: 1024)
        #expect(try VerifyBody(json: bytes(#"{"provider":"\#(name)"}"#)).requirements.provider == name)
        #expect(
            message { try VerifyBody(json: bytes(#"{"provider":"\#(name)n"}"#)) } == "The member provider has more than 1024 bytes."
        )
        let scopes = Array(repeating: #""a""#, count: 64).joined(separator: ",")
        #expect(try VerifyBody(json: bytes(#"{"requiredScopes":[\#(scopes)]}"#)).requirements.scopes.count == 64)
        #expect(
            message { try VerifyBody(json: bytes(#"{"requiredScopes":[\#(scopes),"a"]}"#)) }
                == "The member requiredScopes has more than 64 elements.")
    }

    @Test("the position of a revocation is base64url without padding")
    func position() throws {
        #expect(try VerifyBody(json: bytes(#"{"notBefore":"Af--"}"#)).notBefore == RevocationPosition(bytes: [0x01, 0xff, 0xbe]))
        #expect(try VerifyBody(json: bytes(#"{"not_before":"_w"}"#)).notBefore == RevocationPosition(bytes: [0xff]))
        let longest = RevocationPosition(bytes: Array(repeating: 0xff, count: 64))
        #expect(try VerifyBody(json: bytes(#"{"notBefore":"\#(longest)"}"#)).notBefore == longest)
        for empty in [#"{"notBefore":""}"#, #"{"notBefore":null}"#, "{}"] {
            #expect(try VerifyBody(json: bytes(empty)).notBefore == nil)
        }
    }

    @Test(
        "any other position is malformed, and the message names the limit",
        arguments: ["A", "Af-+", "Af-/", "AQ==", "AR", " AQ", "AQ\\n", String(repeating: "A", count: 87)])
    func malformedPosition(_ text: String) {
        let expected = "The member notBefore is not a position: at most 64 bytes in base64url without padding."
        #expect(message { try VerifyBody(json: bytes(#"{"notBefore":"\#(text)"}"#)) } == expected)
    }

    @Test("no message has a value of the body")
    func secrets() {
        for json in [#"{"token":["s3cret"]}"#, #"{"s3cret":1}"#, #"s3cret"#, #"{"maxAgeSeconds":"s3cret"}"#] {
            #expect(message { try VerifyBody(json: bytes(json)) }?.contains("s3cret") == false)
        }
    }

    // MARK: - Exchange and revoke

    @Test("the body of an exchange is read")
    func exchange() throws {
        let request = try ExchangeRequest(json: bytes(#"{"code":"c","applicationId":"1","provider":"p"}"#), caller: nil)
        #expect(request == ExchangeRequest(code: AuthorizationCode("c"), provider: "p", applicationID: "1"))
        #expect(message { try ExchangeRequest(json: bytes("{}"), caller: nil) } == "The body has no member code.")
        #expect(message { try ExchangeRequest(json: bytes(#"{"code":null}"#), caller: nil) } == "The body has no member code.")
        #expect(
            message { try ExchangeRequest(json: bytes(#"{"token":"a"}"#), caller: nil) } == "The body has the unknown member token."
        )
    }

    @Test("the body of a revocation has a token or an account")
    func revocation() throws {
        #expect(try RevocationRequest(json: bytes(#"{"token":"t"}"#), caller: .unknown) == RevocationRequest(.token(Token("t"))))
        #expect(
            try RevocationRequest(json: bytes(#"{"accountId":"9","applicationId":"1","provider":"p"}"#), caller: .unknown)
                == RevocationRequest(.account("9"), provider: "p", applicationID: "1"))
        let neither = "The body has neither of the members token and accountId."
        #expect(message { try RevocationRequest(json: bytes("{}"), caller: .unknown) } == neither)
        #expect(
            message { try RevocationRequest(json: bytes(#"{"token":"t","accountId":"9"}"#), caller: .unknown) }
                == "The body has both of the members token and accountId.")
    }

    // MARK: - Introspection

    @Test("the form of an introspection is read, and other parameters are ignored")
    func form() throws {
        let form = try IntrospectionForm(
            bytes("token=a%2Bb+c%00%ff&token_type_hint=access_token&client_id=shop&client_secret=s%3D%26&other=1&other=2&x&=y"))
        #expect(form.token == Token(bytes: Array("a+b c".utf8) + [0, 0xff]))
        #expect(form.tokenTypeHint == "access_token")
        #expect(form.clientID == "shop")
        #expect(form.clientSecret == Array("s=&".utf8))
        let least = try IntrospectionForm(bytes("&&token="))
        #expect(least.token == Token("") && least.tokenTypeHint == nil && least.clientID == nil && least.clientSecret == nil)
        #expect(try IntrospectionForm(bytes("token=a=b")).token == Token("a=b"))
        #expect(try IntrospectionForm(bytes("%74oken=a")).token == Token("a"))
    }

    @Test(
        "a malformed form has a message that says what is wrong",
        arguments: [
            ("", "The form has no parameter token."), ("Token=a", "The form has no parameter token."),
            ("token=a&token=a", "The form has the parameter token twice."),
            ("token=a&t%6fken=b", "The form has the parameter token twice."),
            ("token=a&client_secret=&client_secret=", "The form has the parameter client_secret twice."),
            ("token=%", "The form has an invalid percent-encoding."), ("token=%4", "The form has an invalid percent-encoding."),
            ("token=%4g", "The form has an invalid percent-encoding."),
            ("token=a&%zz=1", "The form has an invalid percent-encoding."),
            ("token=a&client_id=%ff", "The parameter client_id is not UTF-8."),
        ])
    func malformedForm(_ body: String, _ expected: String) {
        #expect(message { try IntrospectionForm(bytes(body)) } == expected)
    }

    @Test("a form is bounded")
    func formBounds() throws {
        let many = "token=a" + String(repeating: "&x=1", count: 15)
        #expect(try IntrospectionForm(bytes(many)).token == Token("a"))
        #expect(message { try IntrospectionForm(bytes(many + "&x=1")) } == "The form has more than 16 parameters.")
        let long = String(repeating: "a", count: 1024)
        #expect(try IntrospectionForm(bytes("token=\(long)a&client_id=\(long)")).clientID == long)
        #expect(
            message { try IntrospectionForm(bytes("token=a&client_id=\(long)a")) }
                == "The parameter client_id has more than 1024 bytes.")
    }

    /// Returns the message of the error; `nil` without one.
    private func message<Value>(_ read: () throws -> Value) -> String? {
        do {
            _ = try read()
            return nil
        } catch {
            return (error as? MalformedBody)?.message
        }
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
}
