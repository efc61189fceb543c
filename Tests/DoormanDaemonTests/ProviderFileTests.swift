import AccountKit
import FacebookLogin
import Foundation
import GraphAPI
import JWTVerifier
import Testing
import TokenIntrospection

@testable import DoormanDaemon

/// The file of several providers.
@Suite("File of providers")
struct ProviderFileTests {
    static let filesOfSeveral = [
        """
        - name: corp
          kind: jwt
          issuer: https://login.example.org/
          audience: [orders-api, billing-api]
        - name: partner
          kind: introspection
          endpoint: https://id.partner.example/introspect
          client-id: doorman
          client-secret-file: old
          audience: orders-api, billing-api
        - kind: facebook-login
          application-id: 1234567890
          app-secret-file: old
        - name: legacy
          kind: account-kit
          url: https://accountkit.internal.example
          application-id: "5432154321543210"
          app-secret-file: old
          next-app-secret-file: new
          api-version: v1.0
          accept-answers-without-application: true
          max-token-length: 512B
        - {name: bare, kind: account-kit, url: "https://accountkit.internal.example", application-id: 12}
        """,
        """
        [{"name": "corp", "kind": "jwt", "issuer": "https://login.example.org/", "audience": ["orders-api", "billing-api"]},
         {"name": "partner", "kind": "introspection", "endpoint": "https://id.partner.example/introspect", "client-id": "doorman",
          "client-secret-file": "old", "audience": ["orders-api", "billing-api"]},
         {"kind": "facebook-login", "application-id": 1234567890, "app-secret-file": "old"},
         {"name": "legacy", "kind": "account-kit", "url": "https://accountkit.internal.example",
          "application-id": "5432154321543210", "app-secret-file": "old", "next-app-secret-file": "new", "api-version": "v1.0",
          "accept-answers-without-application": true, "max-token-length": "512B"},
         {"name": "bare", "kind": "account-kit", "url": "https://accountkit.internal.example", "application-id": "12"}]
        """,
    ]

    @Test("a YAML or JSON file holds several providers of every kind", arguments: filesOfSeveral)
    func several(text: String) throws {
        try ProviderFolder.with(text) { folder in
            let providers = try folder.settings.providers()
            #expect(providers.map(\.name) == ["corp", "partner", "facebook-login", "legacy", "bare"])
            #expect(providers.map(\.kind) == [.jwt, .introspection, .facebookLogin, .accountKit, .accountKit])
            #expect(
                providers.map(\.applicationID)
                    == ["orders-api billing-api", "doorman", "1234567890", "5432154321543210", "12"])
            let secret = ProviderFolder.secret
            #expect(
                providers.map { $0.secrets.map(\.text) } == [[], [secret], [secret], [secret, ProviderFolder.nextSecret], []])
            #expect(providers.map(\.hasSecret) == [true, true, true, true, false])
            #expect(providers.map(\.acceptsAnswersWithoutApplication) == [false, false, false, true, false])
            guard case .introspection(let partner) = providers[1].definition,
                case .accountKit(let legacy) = providers[3].definition,
                case .accountKit(let bare) = providers[4].definition
            else {
                Issue.record("a provider has another kind")
                return
            }
            #expect(partner.map(\.audience) == [["orders-api", "billing-api"]])
            #expect(legacy.map(\.application.secret) == [AppSecret(secret), AppSecret(ProviderFolder.nextSecret)])
            #expect(legacy.allSatisfy { $0.apiVersion == "v1.0" && $0.maximumTokenBytes == 512 && $0.problem == nil })
            #expect(bare.map(\.application.secret) == [nil])
            #expect(bare.map(\.apiVersion) == ["v1.3"])
        }
    }

    @Test("a problem in the file names its line")
    func lines() throws {
        try ProviderFolder.with(
            """
            - {kind: jwt, issuer: "https://login.example.org", audience: x}
            -
              kind: account-kit
              url: https://graph.example.org
              application-id: 1
              api-version: one
            """
        ) { folder in
            #expect(folder.problems == ["provider.file, provider 2, line 3: api-version must have a form like v1.3"])
        }
    }

    @Test("a path in the file is relative to the file's folder, or absolute", arguments: ["old", "./old", "FOLDER/old"])
    func relativePaths(path: String) throws {
        let text = "- {kind: account-kit, url: \"https://graph.example.org\", application-id: 1, app-secret-file: \(path)}"
        try ProviderFolder.with(text) { folder in
            let provider = try folder.settings.providers()[0]
            #expect(provider.secrets.map(\.text) == [ProviderFolder.secret])
            #expect(provider.secretFiles.map(\.path) == [folder.path("old")])
        }
    }

    @Test("a secret may end in any line break", arguments: ["", "\n", "\r\n"])
    func lineBreaks(end: String) throws {
        let text = "- {kind: account-kit, url: \"https://graph.example.org\", application-id: 1, app-secret-file: broken}"
        try ProviderFolder.with(text) { folder in
            try folder.write(ProviderFolder.secret + end, to: "broken")
            #expect(try folder.settings.providers()[0].secrets.map(\.text) == [ProviderFolder.secret])
            try folder.write(ProviderFolder.secret + end + end, to: "broken")
            #expect(folder.problems.isEmpty == end.isEmpty)
        }
    }

    @Test("every problem is reported at once")
    func manyProblems() throws {
        let text = """
            - {kind: account-kit, url: "https://graph.example.org", application-id: 1, app-secret-flie: old}
            - {name: two, kind: account-kit, url: "https://graph.example.org", application-id: abc, app-secret-file: nowhere,
               next-app-secret-file: empty}
            - just a text
            - {kind: account-kit, url: "ftp://nowhere", application-id: 2, api-version: 1.3, accept-answers-without-application: yes}
            - {name: five, kind: account-kit, app-secret-file: {a: b}, next-app-secret-file: new}
            - {name: six, kind: account-kit, url: "https://graph.example.org", application-id: 6,
               accept-answers-without-application: true}
            - {name: seven, kind: facebook-login, application-id: 7, app-secret-file: long}
            - {name: eight, kind: saml, issuer: "https://login.example.org"}
            - {name: nine, kind: jwt, endpoint: "https://id.example.org"}
            - {name: "te n", kind: jwt, issuer: "https://login.example.org", audience: x}
            """
        let problems = try ProviderFolder.problems(inFile: text)
        let kinds = "account-kit, facebook-login, introspection, jwt"
        for expected in [
            "provider 1: unknown key app-secret-flie; did you mean app-secret-file?",
            "provider 4: name is already used by a provider above, or missing in both",
            "provider 5: app-secret-file must be a value or a list of values",
            "provider 8: kind must be one of \(kinds)",
            "provider 10: name must have 1 to 64 letters, digits, dots, hyphens or underscores",
        ] {
            #expect(problems.contains(expected), "\(expected), in \(problems)")
        }
        #expect(problems.contains { $0.hasPrefix("provider 3: must be a mapping with the keys name, kind, url, ") })
        #expect(
            problems.contains { $0.hasPrefix("provider 9: endpoint is no key of the kind jwt, which has preset, issuer, ") })
        #expect(problems.count == 7, "\(problems)")
    }

    @Test("every problem of a value is reported at once")
    func manyValues() throws {
        let text = """
            - {name: one, kind: account-kit, url: "https://graph.example.org", application-id: abc, app-secret-file: nowhere,
               next-app-secret-file: empty}
            - {name: two, kind: account-kit, url: "ftp://nowhere", application-id: 2, api-version: 1.3,
               accept-answers-without-application: yes}
            - {name: three, kind: account-kit, app-secret-file: [old, old], next-app-secret-file: new}
            - {name: four, kind: account-kit, url: "https://graph.example.org", application-id: 4,
               accept-answers-without-application: true}
            - {name: five, kind: account-kit, url: "https://graph.example.org", application-id: 4, next-app-secret-file: new}
            - {name: six, kind: facebook-login, application-id: 7, app-secret-file: long}
            - {name: seven, kind: account-kit, url: "https://graph.example.org", application-id: 7, max-token-length: 1MiB}
            """
        let problems = try ProviderFolder.problems(inFile: text)
        let expected = [
            "provider 1: app-secret-file: cannot read the file, whose path is relative to FOLDER: no such file or directory",
            "provider 1: next-app-secret-file: the file is empty: write the secret into it",
            "provider 1: application-id must be 1 to 32 decimal digits without a leading zero",
            "provider 2: accept-answers-without-application must be true or false",
            "provider 2: api-version must have a form like v1.3",
            "provider 2: url must be https://host[:port][/path], or http:// to this machine",
            "provider 3: url is required for a provider of the kind account-kit",
            "provider 3: application-id is required for a provider of the kind account-kit",
            "provider 3: app-secret-file must be a single value",
            "provider 4: accept-answers-without-application needs an app secret: other apps' tokens would pass without a proof",
            "provider 5: next-app-secret-file needs app-secret-file, which is missing",
            "provider 6: app-secret-file must hold 1 to 256 visible ASCII characters, and nothing after them but a newline",
            "provider 7: max-token-length must be from 16B to 4KiB",
        ]
        #expect(problems == expected)
    }

    @Test("the names of providers are unique")
    func names() throws {
        let entry = "kind: account-kit, url: \"https://graph.example.org\""
        let problem = "provider 2: name is already used by a provider above, or missing in both"
        #expect(
            try ProviderFolder.problems(inFile: "- {\(entry), application-id: 1}\n- {\(entry), application-id: 2}\n") == [problem])
        #expect(
            try ProviderFolder.problems(
                inFile:
                    "- {name: a, \(entry), application-id: 1}\n- {name: a, kind: jwt, issuer: \"https://a.example\", audience: x}\n"
            ) == [problem])
        #expect(
            try ProviderFolder.problems(
                inFile: "- {name: a, \(entry), application-id: 1}\n- {name: account-kit, \(entry), application-id: 2}\n"
            ).isEmpty)
    }

    @Test("no call and no token could tell two providers with one issuer or one application apart")
    func conflicts() throws {
        let jwt = "kind: jwt, issuer: \"https://login.example.org\", audience:"
        #expect(
            try ProviderFolder.problems(inFile: "- {name: a, \(jwt) x}\n- {name: b, \(jwt) y}\n")
                == ["provider 2: issuer is already used by a provider above: list all audiences in one entry"])
        let project = "kind: jwt, preset: firebase, audience:"
        #expect(try ProviderFolder.problems(inFile: "- {name: a, \(project) x}\n- {name: b, \(project) y}\n").isEmpty)
        for kind in ["account-kit, url: \"https://graph.example.org\"", "facebook-login, app-secret-file: old"] {
            let entry = "kind: \(kind), application-id: 7"
            #expect(
                try ProviderFolder.problems(inFile: "- {name: a, \(entry)}\n- {name: b, \(entry)}\n")
                    == ["provider 2: application-id is already used by a provider above"])
        }
        // No message repeats a name, which may be a secret in the wrong place.
        let planted = "- {name: PLANTED, \(jwt) x}\n"
        #expect(try !ProviderFolder.problems(inFile: planted + planted).contains { $0.contains("PLANTED") })
        // Tokens of the two kinds look different.
        #expect(
            try ProviderFolder.problems(
                inFile: """
                    - {kind: account-kit, url: "https://graph.example.org", application-id: 7}
                    - {kind: facebook-login, app-secret-file: old, application-id: 7}
                    """
            ).isEmpty)
    }

    @Test("a secret that follows a key without a space is not repeated")
    func secretInKey() throws {
        let problems = try ProviderFolder.problems(inFile: "- {kind: account-kit, app-secret-file:PLANTED, name PLANTED: x}")
        #expect(
            problems.contains(
                "provider 1: unknown key app-secret-file…; did you mean app-secret-file? YAML needs a space after the colon."),
            "\(problems)")
        #expect(!problems.contains { $0.contains("PLANTED") }, "\(problems)")
    }

    @Test(
        "a file must be a list of 1 to 64 providers",
        arguments: [
            ("", "list of 1 to 64"), ("[]", "list of 1 to 64"), ("kind: jwt", "list of 1 to 64"), ("42", "list of 1 to 64"),
            ("[", "line "), ("- kind: jwt\n  kind: jwt", "the key kind is set twice"), ("- kind: \"jwt", "line "),
            ("- kind: *unknown", "is not YAML or JSON"), (entries(65), "list of 1 to 64"),
            ("# \(String(repeating: "x", count: 1 << 20))\n" + entries(1), "at most 1 MiB"),
        ])
    func badFile(text: String, expectation: String) throws {
        let problems = try ProviderFolder.problems(inFile: text)
        #expect(problems.count == 1)
        #expect(problems.first?.contains(expectation) == true, "\(problems)")
    }

    @Test("a file may hold 64 providers")
    func most() throws {
        #expect(try ProviderFolder.problems(inFile: Self.entries(64)).isEmpty)
    }

    private static func entries(_ count: Int) -> String {
        (1...count).map {
            "- {name: p\($0), kind: account-kit, url: \"https://graph.example.org\", application-id: \($0)}\n"
        }.joined()
    }

    @Test("a missing file is reported once")
    func missingFile() {
        var settings = DoormandSettings()
        settings.providerFile = NSTemporaryDirectory() + "no-such-file-\(UUID().uuidString)"
        #expect(
            ProviderFolder.problems(settings)
                == ["provider.file: cannot read \(settings.providerFile): no such file or directory"])
    }

    @Test("no message repeats a secret in the wrong place", arguments: ProviderKind.allCases)
    func valuesStayPrivate(kind: ProviderKind) throws {
        let planted = "0123456789abcdef0123456789abcdef"
        for key in kind.keys + ["kind", "name", "secret"] {
            for value in [planted, "\"\(planted)", "[\(planted), \(planted)]", "{a: \(planted)}", "{\(planted): a}"] {
                let text = "- {kind: \(kind.rawValue), \(key): \(value)}\n- \(planted)\n- [\(planted)]\n"
                let problems = try ProviderFolder.problems(inFile: text)
                #expect(!problems.isEmpty, "\(key)")
                #expect(!problems.contains { $0.contains(planted) }, "\(key): \(value)")
            }
        }
    }
}
