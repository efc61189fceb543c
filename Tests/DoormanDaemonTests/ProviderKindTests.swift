import DoormanCrypto
import Foundation
import JWTVerifier
import TestKit
import Testing
import TokenIntrospection

@testable import DoormanDaemon

/// The rules for the values of each kind, which are the same in the settings and in the file of providers.
@Suite("Kinds of providers")
struct ProviderKindTests {
    /// An entry of each kind, with all required keys.
    static let valid: [ProviderKind: [String: String]] = [
        .accountKit: ["url": "https://graph.example.org", "application-id": "1"],
        .facebookLogin: ["application-id": "1", "app-secret-file": "old"],
        .introspection: [
            "endpoint": "https://id.example.org/introspect", "client-id": "doorman", "client-secret-file": "old",
        ],
        .jwt: ["issuer": "https://login.example.org", "audience": "orders-api"],
    ]

    /// Returns the problems of a valid entry with changed values. A value `nil` removes a key.
    private func problems(_ kind: ProviderKind, _ changes: [String: String?]) throws -> [String] {
        try ProviderFolder.problems(inFile: Self.text(kind, changes)).map { $0.replacing("provider 1: ", with: "") }
    }

    private static func text(_ kind: ProviderKind, _ changes: [String: String?]) -> String {
        var values = (valid[kind] ?? [:]).mapValues { "\"\($0)\"" }
        for (key, value) in changes { values[key] = value }
        return "- {kind: \(kind.rawValue)" + values.sorted { $0.key < $1.key }.map { ", \($0.key): \($0.value)" }.joined() + "}\n"
    }

    /// Returns the provider of a valid entry with changed values.
    private func provider(_ kind: ProviderKind, _ changes: [String: String?] = [:]) throws -> ConfiguredProvider {
        var provider: ConfiguredProvider?
        try ProviderFolder.with(Self.text(kind, changes)) { provider = try $0.settings.providers().first }
        return try #require(provider)
    }

    private func jwt(_ changes: [String: String?]) throws -> JWTSettings {
        guard case .jwt(let settings) = try provider(.jwt, changes).definition else {
            throw NeverHappened(description: "a provider of the kind jwt")
        }
        return settings
    }

    @Test("an entry with the required keys is enough", arguments: ProviderKind.allCases)
    func minimum(kind: ProviderKind) throws {
        #expect(try problems(kind, [:]).isEmpty)
        #expect(try provider(kind).name == kind.rawValue)
    }

    @Test(
        "each kind has required keys",
        arguments: [
            (ProviderKind.accountKit, "url"), (.accountKit, "application-id"), (.facebookLogin, "application-id"),
            (.facebookLogin, "app-secret-file"), (.introspection, "endpoint"), (.introspection, "client-id"), (.jwt, "audience"),
        ])
    func required(kind: ProviderKind, key: String) throws {
        let problem = "\(key) is required for a provider of the kind \(kind.rawValue)"
        #expect(try problems(kind, [key: nil]) == [problem])
        let empty = key == "audience" ? "audience must not be empty: leave out the key, or name a value" : problem
        #expect(try problems(kind, [key: "\"\""]) == [empty])
    }

    @Test("jwt needs an issuer or a preset, and introspection a credential")
    func requiredTogether() throws {
        #expect(
            try problems(.jwt, ["issuer": nil]) == ["issuer is required for a provider of the kind jwt, unless preset is set"])
        #expect(try problems(.jwt, ["issuer": nil, "preset": "firebase"]).isEmpty)
        #expect(
            try problems(.introspection, ["client-secret-file": nil])
                == ["client-secret-file is required with client-auth: client_secret_basic"])
    }

    @Test("a key of another kind is refused", arguments: ProviderKind.allCases)
    func strangeKeys(kind: ProviderKind) throws {
        for key in Set(ProviderKind.allCases.flatMap(\.keys)).subtracting(kind.keys).sorted() {
            let problems = try problems(kind, [key: "x"])
            #expect(problems.count == 1, "\(key)")
            #expect(
                problems.first == "\(key) is no key of the kind \(kind.rawValue), which has \(kind.keys.joined(separator: ", "))")
        }
    }

    @Test(
        "a wrong value is refused, and the message says what is right",
        arguments: [
            (ProviderKind.jwt, "preset", "google", "must be one of none, firebase, limited-login"),
            (.jwt, "token-type", "id", "must be one of any, access"),
            (.jwt, "leeway", "10m", "must be from 0s to 5m"),
            (.jwt, "leeway", "30", "must be a whole number with a unit: us, ms, s, m or h, for example 500ms or 60s"),
            (.jwt, "max-token-length", "1MiB", "must be from 256B to 32KiB"),
            (
                .jwt, "issuer", "http://login.example.org",
                "must be https://host[:port][/path], or http:// to this machine: or else set jwks-url"
            ),
            (.jwt, "jwks-url", "http://login.example.org/keys", "must be https://host[:port][/path], or http:// to this machine"),
            (.jwt, "algorithms", "[]", ""),
            (.introspection, "client-auth", "none", "must be one of client_secret_basic, client_secret_post, private_key_jwt"),
            (
                .introspection, "endpoint", "http://id.example.org/",
                "must be https://host[:port][/path], or http:// to this machine"
            ),
            (
                .introspection, "revocation-endpoint", "id.example.org",
                "must be https://host[:port][/path], or http:// to this machine"
            ),
            (.introspection, "max-token-length", "32KiB", "must be from 16B to 16KiB"),
            (.facebookLogin, "application-id", "007", "must be 1 to 32 decimal digits without a leading zero"),
            (.facebookLogin, "api-version", "23", "must have a form like v23.0"),
            (.facebookLogin, "url", "http://graph.facebook.com", "must be https://host[:port][/path], or http:// to this machine"),
            (.facebookLogin, "fields", "[\"picture{url}\"]", "must have at most 32 names of letters, digits and underscores"),
            (.accountKit, "application-id", "007", "must be 1 to 32 decimal digits without a leading zero"),
            (.accountKit, "max-code-length", "1B", "must be from 16B to 4KiB"),
        ])
    func wrongValues(kind: ProviderKind, key: String, value: String, expectation: String) throws {
        let text = value.hasPrefix("[") ? value : "\"\(value)\""
        // An empty list is the same as no value.
        #expect(try problems(kind, [key: text]) == (expectation.isEmpty ? [] : ["\(key) \(expectation)"]))
    }

    @Test(
        "symmetric algorithms and none are refused, in any case and beside others",
        arguments: [
            "HS256", "HS384", "HS512", "none", "None", "NONE", "hs256", "rs256", "A128KW", "[RS256, HS256]", "[none, ES256]",
        ])
    func algorithms(text: String) throws {
        let problems = try problems(.jwt, ["algorithms": text])
        #expect(
            problems.first
                == "algorithms must be among RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519: "
                + "symmetric algorithms and none are never accepted")
    }

    @Test("by default four algorithms are accepted, and a list replaces them")
    func algorithmLists() throws {
        #expect(try jwt([:]).algorithms == [.rs256, .ps256, .es256, .edDSA])
        #expect(try jwt(["algorithms": "[ES384, ES384, RS512]"]).algorithms == [.es384, .rs512])
        #expect(try jwt(["algorithms": "\"ES256, EdDSA\""]).algorithms == [.es256, .edDSA])
        #expect(try jwt(["algorithms": "[Ed25519, ES256, EdDSA]"]).algorithms == [.edDSA, .es256])
    }

    @Test("a preset brings issuer, keys and algorithm")
    func presets() throws {
        let firebase = try jwt(["issuer": nil, "preset": "firebase", "audience": "my-project"])
        #expect(firebase.preset == .firebase)
        #expect(firebase.issuer == "https://securetoken.google.com/my-project")
        #expect(firebase.algorithms == [.rs256])
        #expect(firebase.jwksURL?.hasPrefix("https://www.googleapis.com/") == true)
        let facebook = try jwt(["issuer": nil, "preset": "limited-login", "audience": "1234567890"])
        #expect(facebook.issuer == "https://www.facebook.com")
        #expect(facebook.audience == ["1234567890"])
        #expect(
            try problems(.jwt, ["preset": "firebase"]) == ["issuer is given by preset firebase, and must not differ"])
        #expect(
            try problems(.jwt, ["issuer": nil, "preset": "firebase", "audience": "[a, b]"])
                == ["audience must be one project or app with preset firebase"])
        #expect(
            try problems(.jwt, ["issuer": nil, "preset": "limited-login", "token-type": "access"])
                == ["token-type must be any, since preset limited-login has ID tokens"])
    }

    @Test(
        "the secrets of a client work with client_secret_basic and client_secret_post",
        arguments: ["client_secret_basic", "client_secret_post"])
    func clientSecrets(method: String) throws {
        let provider = try provider(.introspection, ["client-auth": method, "next-client-secret-file": "new"])
        #expect(provider.secrets.map(\.text) == [ProviderFolder.secret, ProviderFolder.nextSecret])
        guard case .introspection(let credentials) = provider.definition else {
            Issue.record("a provider of the kind introspection")
            return
        }
        let secrets = [ProviderFolder.secret, ProviderFolder.nextSecret].map { ClientSecret($0) }
        #expect(
            credentials.map(\.authentication)
                == secrets.map { method == "client_secret_post" ? .post($0) : .basic($0) })
        for key in ["private-key-file", "signing-algorithm", "key-id", "assertion-audience"] {
            #expect(
                try problems(.introspection, ["client-auth": method, key: "RS256"])
                    == ["\(key) is for client-auth: private_key_jwt only"])
        }
        #expect(
            try problems(.introspection, ["client-auth": method, "client-secret-file": nil, "next-client-secret-file": "new"])
                == [
                    "client-secret-file is required with client-auth: \(method)",
                    "next-client-secret-file needs client-secret-file, which is missing",
                ])
    }

    @Test("a private key signs assertions with an algorithm that fits it")
    func assertions() async throws {
        let certificate = try await TestCertificate()
        let withKey = [
            "client-auth": "private_key_jwt", "client-secret-file": nil, "private-key-file": "\"\(certificate.keyFile)\"",
        ]
        func with(_ changes: [String: String?]) -> [String: String?] { withKey.merging(changes) { $1 } }
        for changes in [[:], ["signing-algorithm": "ES256", "key-id": "k1", "assertion-audience": "https://id.example.org"]] {
            guard case .introspection(let credentials) = try provider(.introspection, with(changes)).definition,
                case .assertion(let signer) = credentials[0].authentication
            else {
                Issue.record("a provider with assertions")
                return
            }
            #expect(credentials.count == 1)
            #expect(signer.algorithm == "ES256")
            #expect(signer.keyID == changes["key-id"])
            #expect(credentials[0].assertionAudience == changes["assertion-audience"])
        }
        for algorithm in ["RS256", "PS256", "EdDSA"] {
            #expect(
                try problems(.introspection, with(["signing-algorithm": algorithm]))
                    == ["signing-algorithm does not fit the key in private-key-file"])
        }
        #expect(
            try problems(.introspection, with(["signing-algorithm": "HS256"]))
                == ["signing-algorithm must be one of RS256, PS256, ES256, EdDSA"])
        #expect(
            try problems(.introspection, with(["private-key-file": nil]))
                == ["private-key-file is required with client-auth: private_key_jwt"])
        #expect(
            try problems(.introspection, with(["private-key-file": "old"]))
                == ["private-key-file is not a PEM file with a private key, or the key has a passphrase"])
        for key in ["client-secret-file", "next-client-secret-file"] {
            #expect(try problems(.introspection, with([key: "old"])) == ["\(key) is not for client-auth: private_key_jwt"])
        }
    }
}
