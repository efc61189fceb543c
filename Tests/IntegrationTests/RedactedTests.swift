import AccountKitEmulator
import CurlTransport
import DoormanBench
import DoormanCore
import DoormanCrypto
import DoormanFleet
import DoormanHTTP
import FacebookLogin
import GraphAPI
import ProviderHTTP
import RedisStore
import StrictJSON
import Testing
import TokenIntrospection

@testable import AccountKit
@testable import DoormanClient
@testable import DoormanDaemon
@testable import DoormanServer

/// `StyleTests.RedactedTypesTests` compares the types in this file with the sources.
@Suite("Redacted values")
struct RedactedTests {
    static let secret = "planted0secret"
    private static let bytes = Array(secret.utf8)

    /// Returns a value of each ``Redacted`` type that contains the secret.
    static func values() -> [any Redacted] {
        var curl = CurlTransport.Settings()
        curl.proxy = "http://user:\(secret)@proxy.example:3128"
        let account = EmulatorSettings.Account(id: "1", contact: .email("a@example.com"), tokens: [secret])
        let settings = AccountKitSettings(application: .init(id: "1", secret: AppSecret(secret)))
        let introspection = IntrospectionSettings(
            name: "partner", endpoint: "https://example.com/introspect", clientID: "doorman",
            authentication: .basic(ClientSecret(secret)))
        let signer = AssertionSigner(algorithm: "RS256", keyID: secret) { _ in bytes }
        var feeder: HMACSHA256.Feeder?
        _ = HMACSHA256(key: bytes).authenticationCode { parts in
            parts.append(bytes.span)
            feeder = parts
        }
        let key = bytes + [UInt8](repeating: 0, count: 32 - bytes.count)
        var values: [any Redacted] = [
            Token(secret), AuthorizationCode(secret),
            HMACSHA256(key: bytes), HKDFSHA256(secret: bytes, salt: []), AES256GCM(key: key), FleetSecrets([key], tag: "test"),
            HTTPRequest(
                .post, url: "https://example.com/me?access_token=\(secret)", headers: ["X": secret], form: [("token", bytes)],
                isRepeatable: true),
            HTTPResponse(status: 200, headers: ["X": secret], body: bytes),
            HTTPHeaders(dictionaryLiteral: ("X", secret)),
            curl,
            JSONValue.object([secret: .string(secret)]),
            AppSecret(secret), AppSecretProof(AppSecret(secret)),
            AccountKitRequests(settings),
            FacebookRequests(FacebookLoginSettings(name: "facebook", applicationID: "1", secret: AppSecret(secret))),
            ClientSecret(secret), ConfiguredProvider.Secret(text: secret), signer, IntrospectionRequests(introspection),
            TLSMaterial(certificateChain: bytes, privateKey: bytes),
            GraphRequest(method: "GET", target: "/v1.3/\(secret)?access_token=\(secret)"),
            EmulatorSettings.App(id: "1", secret: secret, accounts: [account]), account,
            DoormanClient(target: .hostAndPort("127.0.0.1", 1)),
            RedisCredentials(user: secret, password: bytes, authorities: bytes),
        ]
        if let feeder { values.append(feeder) }
        values.append(IntrospectionClients(["client": Array(secret.utf8)]))
        if let form = try? IntrospectionForm(Array("token=\(secret)&client_secret=\(secret)".utf8)) { values.append(form) }
        let digits = key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        if let content = try? FleetSecrets.Content(parsing: digits) { values.append(content) }
        if let key = try? PrivateKey(generating: .ed25519) { values.append(key) }
        if let frames = try? RequestFrames([Token(secret)], settings: BenchSettings(address: .unixSocket(path: "/nowhere"))) {
            values.append(frames)
        }
        return values
    }

    /// The names of the types of ``values()``. The style test reads this list.
    static let types = [
        "AES256GCM", "AccountKitRequests", "AppSecret", "AppSecretProof", "AssertionSigner", "AuthorizationCode", "ClientSecret",
        "ConfiguredProvider.Secret", "CurlTransport.Settings", "DoormanClient", "EmulatorSettings.Account", "EmulatorSettings.App",
        "FacebookRequests", "FleetSecrets", "FleetSecrets.Content",
        "GraphRequest", "HKDFSHA256", "HMACSHA256", "HMACSHA256.Feeder", "HTTPHeaders", "HTTPRequest", "HTTPResponse",
        "IntrospectionClients", "IntrospectionForm", "IntrospectionRequests", "JSONValue", "PrivateKey", "RedisCredentials",
        "RequestFrames",
        "TLSMaterial", "Token",
    ]

    @Test("each redacted type has a value in this test")
    func complete() {
        let found = Self.values().map { value in
            String(reflecting: type(of: value)).split(separator: ".").dropFirst().joined(separator: ".")
        }
        #expect(found.sorted() == Self.types)
    }

    @Test("a redacted value shows its description only", arguments: types.indices)
    func shown(_ index: Int) throws {
        let values = Self.values()
        let value = try #require(values.indices.contains(index) ? values[index] : nil)
        var (printed, debugPrinted, dumped) = ("", "", "")
        print(value, terminator: "", to: &printed)
        debugPrint(value, terminator: "", to: &debugPrinted)
        dump(value, to: &dumped)
        let description = value.description
        #expect(
            [printed, debugPrinted, "\(value)", String(describing: value), String(reflecting: value)].allSatisfy {
                $0 == description
            })
        #expect(Mirror(reflecting: value).children.isEmpty)
        let numbers = Self.bytes.map(String.init).joined(separator: ", ")
        for text in [printed, dumped, "\([value])", "\(Optional(value) as Any)", "\(["key": value])"] {
            #expect(!text.contains(Self.secret) && !text.contains(numbers))
        }
    }
}
