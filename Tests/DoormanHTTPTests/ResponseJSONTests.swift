import DoormanCore
import DoormanHTTP
import DoormanWire
import NIOCore
import StrictJSON
import TestKit
import Testing

@Suite("JSON of responses")
struct ResponseJSONTests {
    private static let plain = Identity(
        accountID: "1234567890", applicationID: "5432154321543210", provider: "account-kit",
        verifiedAt: Timestamp(millisecondsSince1970: 1_700_000_000_000)
    ).valid(until: Timestamp(millisecondsSince1970: 1_700_000_060_000), freshness: .cached)

    private static let full: Identity = {
        var identity = plain
        identity.phone = PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567")
        identity.email = "a@example.com"
        identity.scopes = ["read", "write"]
        identity.expiresAt = Timestamp(millisecondsSince1970: 1_700_003_600_999)
        identity.issuer = "https://login.example.org/"
        identity.isEmailVerified = true
        identity.isPhoneVerified = true
        identity.claims = ["group": #""blue""#, "admin": "[1]"]
        return identity
    }()

    // MARK: - Identities

    @Test("an identity follows the JSON mapping of proto3, and leaves out what is empty")
    func identity() {
        #expect(
            text { IdentityJSON.write(Self.plain, to: &$0) }
                == #"{"accountId":"1234567890","applicationId":"5432154321543210","provider":"account-kit","#
                + #""verifiedAtMs":"1700000000000","validUntilMs":"1700000060000","freshness":"FRESHNESS_CACHED"}"#)
        #expect(
            text { IdentityJSON.write(Self.full, to: &$0) }
                == #"{"accountId":"1234567890","applicationId":"5432154321543210","#
                + #""phone":{"number":"+15551234567","countryPrefix":"1","nationalNumber":"5551234567"},"email":"a@example.com","#
                + #""provider":"account-kit","verifiedAtMs":"1700000000000","validUntilMs":"1700000060000","#
                + #""freshness":"FRESHNESS_CACHED","scopes":["read","write"],"expiresAtMs":"1700003600999","#
                + #""issuer":"https://login.example.org/","emailVerified":true,"phoneVerified":true,"#
                + #""claims":{"admin":"[1]","group":"\"blue\""}}"#)
    }

    @Test("each freshness has its name in auth.proto", arguments: Freshness.allCases)
    func freshness(_ freshness: Freshness) {
        let expected = "FRESHNESS_\(freshness)".uppercased()
        #expect(freshness.protobufName.description == expected)
        #expect(
            text { IdentityJSON.write(Self.plain.valid(until: .distantFuture, freshness: freshness), to: &$0) }.contains(expected))
    }

    @Test("the identity of each response on the wire has the same texts in JSON", arguments: try GoldenVector.all(.response))
    func vectors(_ vector: GoldenVector) throws {
        guard vector["answers"] == "Verify",
            case .success(let identity) = ResponseDecoder.identity(vector.data.span, in: MessageArena())
        else { return }
        let json = try #require(JSONValue(bytes: Array(text { IdentityJSON.write(identity, to: &$0) }.utf8))?.object)
        #expect(json["accountId"]?.string == identity.accountID)
        #expect(json["email"]?.string == identity.email)
        #expect(json["phone"]?.object?["number"]?.string == identity.phone?.number)
        #expect(json["validUntilMs"]?.string == String(identity.validUntil.millisecondsSince1970))
        #expect(json["claims"]?.object?.compactMapValues(\.string) ?? [:] == identity.claims)
    }

    @Test(
        "every text is read back as it was",
        arguments: [
            "", "\"", "\\", "\\\"", "\u{0}\u{1}\u{1f}\n\r\t\u{8}\u{c}", "\u{7f}", "/", "é ☃ 😈", "\u{2028}", "</script>", "a\u{301}",
        ])
    func escaping(_ value: String) throws {
        var identity = Self.plain
        identity.accountID = "x" + value
        identity.claims = ["n" + value: value]
        identity.scopes = [value, value]
        let json = try #require(JSONValue(bytes: Array(text { IdentityJSON.write(identity, to: &$0) }.utf8))?.object)
        #expect(json["accountId"]?.string?.utf8.elementsEqual(("x" + value).utf8) == true)
        #expect(json["claims"]?.object == ["n" + value: .string(value)])
        #expect(json["scopes"]?.array == [.string(value), .string(value)])
    }

    @Test("a response is appended to a buffer that has bytes already")
    func appended() {
        var buffer = ByteBuffer(string: "before ")
        IdentityJSON.writeRevoked(nil, to: &buffer)
        ProblemJSON.write(.notFound, "", to: &buffer)
        #expect(String(buffer: buffer) == #"before {}{"type":"about:blank","title":"Not Found","status":404}"#)
    }

    @Test("the response to an exchange has the token, and the identity if it is known")
    func exchange() {
        let identity = text { IdentityJSON.write(Self.plain, to: &$0) }
        var (quoted, known, binary) = (ByteBuffer(), ByteBuffer(), ByteBuffer())
        #expect(IdentityJSON.write(Token("a\"b"), nil, to: &quoted))
        #expect(String(buffer: quoted) == #"{"token":"a\"b"}"#)
        #expect(IdentityJSON.write(Token("t"), Self.plain, to: &known))
        #expect(String(buffer: known) == #"{"token":"t","identity":\#(identity)}"#)
        #expect(!IdentityJSON.write(Token(bytes: [0xff]), nil, to: &binary))
        #expect(binary.readableBytes == 0)
    }

    // MARK: - Introspection

    @Test("a valid token is active, with the facts that are known")
    func active() {
        #expect(
            text { IntrospectionJSON.write(Self.plain, to: &$0) }
                == #"{"active":true,"sub":"1234567890","client_id":"5432154321543210","aud":"5432154321543210"}"#)
        #expect(
            text { IntrospectionJSON.write(Self.full, to: &$0) }
                == #"{"active":true,"sub":"1234567890","client_id":"5432154321543210","aud":"5432154321543210","#
                + #""iss":"https://login.example.org/","scope":"read write","exp":1700003600,"username":"a@example.com"}"#)
    }

    @Test("a scope with a space is left out, since it would be read as two others")
    func scopeWithSpace() {
        var identity = Self.plain
        identity.scopes = ["read admin", "write"]
        #expect(text { IntrospectionJSON.write(identity, to: &$0) }.contains(#""scope":"write""#))
    }

    @Test("the number of an account without an e-mail address is its user name, and times before 1970 are rounded down")
    func username() {
        var identity = Self.full
        identity.email = nil
        identity.expiresAt = Timestamp(millisecondsSince1970: -1)
        let json = text { IntrospectionJSON.write(identity, to: &$0) }
        #expect(json.contains(#""exp":-1,"username":"+15551234567"}"#))
    }

    @Test("a rejected token is inactive, and nothing else is said")
    func inactive() {
        #expect(text { IntrospectionJSON.writeInactive(to: &$0) } == #"{"active":false}"#)
    }

    // MARK: - Problems

    @Test("each failure is a problem with the status of its endpoint", arguments: Failure.allCases)
    func problem(_ failure: Failure) throws {
        for endpoint in HTTPEndpoint.allCases {
            let response = FailureResponse(failure, "The \"cause\".", retryAfter: .milliseconds(1500))
            let json = try #require(
                JSONValue(bytes: Array(text { ProblemJSON.write(response, for: endpoint, to: &$0) }.utf8))?.object)
            let status = failure.httpStatus(for: endpoint)
            #expect(json["type"]?.string == "about:blank")
            #expect(json["title"]?.string == status.phrase.description)
            #expect(json["status"] == .integer(Int64(status.rawValue)))
            #expect(json["detail"]?.string == "The \"cause\".")
            #expect(json["code"]?.string == failure.row.code.description)
            #expect(json["reason"]?.string == failure.row.reason)
            #expect(json["retryAfterSeconds"] == (status.hasRetryAfter ? .integer(2) : nil))
        }
    }

    private func text(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        write(&buffer)
        return String(buffer: buffer)
    }
}
