import AccountKit
import Foundation
import GraphAPI
import Testing

@testable import DoormanDaemon

@Suite("Served applications")
struct ApplicationsTests {
    static let secret = "0123456789abcdef0123456789abcdef"
    static let nextSecret = "fedcba9876543210fedcba9876543210"

    /// The defaults, with a provider.
    private static var settings: DoormandSettings {
        var settings = DoormandSettings()
        settings.baseURL = "http://127.0.0.1:1"
        return settings
    }

    /// A folder with an applications file and two secrets, `old` and `new`, while `body` runs.
    private func withFile(_ text: String, _ body: (inout DoormandSettings, _ folder: URL) throws -> Void) throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doormand-apps-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, content) in [
            ("apps.yaml", text), ("old", Self.secret + "\n"), ("new", Self.nextSecret), ("empty", ""), ("long", "\(Self.secret) x"),
        ] {
            try content.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        var settings = Self.settings
        settings.applicationsFile = folder.appendingPathComponent("apps.yaml").path
        try body(&settings, folder)
    }

    private func problems(_ settings: DoormandSettings) -> [String] {
        do throws(ConfigurationError) {
            _ = try settings.applications()
            return []
        } catch {
            return error.problems
        }
    }

    /// Returns the problems of a file with this text, without the prefix `account-kit.applications-file`.
    private func problems(
        inFile text: String, _ change: (inout DoormandSettings) -> Void = { _ in }
    ) throws -> [String] {
        var found: [String] = []
        try withFile(text) { settings, _ in
            change(&settings)
            found = problems(settings)
        }
        return found.map {
            $0.replacing("account-kit.applications-file", with: "").replacing(/(application \d+), line \d+/) { $0.1 }
                .replacing(/relative to [^:]*/, with: "relative to FOLDER")
        }
    }

    @Test("the settings must name a provider, and the error says how")
    func noProvider() {
        var settings = DoormandSettings()
        settings.applicationID = "1"
        #expect(problems(settings).count == 1)
        for words in [
            "account-kit.base-url is required: no provider is set", "--account-kit-base-url", "DOORMAN_ACCOUNT_KIT_BASE_URL",
            "account-kit-emulator",
        ] {
            #expect(problems(settings).first?.contains(words) == true, "\(words)")
        }
    }

    @Test("a problem in the file names its line")
    func lines() throws {
        try withFile("- id: 1\n-\n  id: 2\n  api-version: one\n") { settings, _ in
            #expect(
                problems(settings) == [
                    "account-kit.applications-file, application 2, line 3: api-version must have a form like v1.3"
                ])
        }
    }

    @Test("a secret may end in any line break", arguments: ["", "\n", "\r\n"])
    func lineBreaks(end: String) throws {
        try withFile("- {id: 1, secret-file: broken}") { settings, folder in
            let file = folder.appendingPathComponent("broken")
            try Data((Self.secret + end).utf8).write(to: file)
            #expect(try settings.applications()[0].secrets == [AppSecret(Self.secret)])
            try Data((Self.secret + end + end).utf8).write(to: file)
            #expect(problems(settings).isEmpty == end.isEmpty)
        }
    }

    @Test("the settings must name an application")
    func none() {
        let problems = problems(Self.settings)
        #expect(problems.count == 1)
        #expect(problems.first?.contains("account-kit.application-id is required") == true)
        #expect(problems.first?.contains("account-kit.applications-file") == true)
    }

    @Test("the current secret of an application comes before the next secret")
    func single() throws {
        try withFile("") { settings, folder in
            settings.applicationsFile = ""
            settings.applicationID = "5432154321543210"
            settings.apiVersion = "v1.2"
            let bare = try settings.applications()
            #expect(bare.map(\.id) == ["5432154321543210"])
            #expect(bare[0].credentials.map(\.application.secret) == [nil])
            #expect(!bare[0].hasSecret)
            settings.appSecretFile = folder.appendingPathComponent("old").path
            settings.acceptAnswersWithoutApplication = true
            #expect(try settings.applications()[0].credentials.map(\.application.secret) == [AppSecret(Self.secret)])
            settings.nextAppSecretFile = folder.appendingPathComponent("new").path
            let both = try settings.applications()[0]
            #expect(both.credentials.map(\.application.secret) == [AppSecret(Self.secret), AppSecret(Self.nextSecret)])
            #expect(both.credentials.allSatisfy { $0.apiVersion == "v1.2" && $0.acceptAnswersWithoutApplication })
            #expect(both.hasSecret && both.acceptsAnswersWithoutApplication)
        }
    }

    @Test("an application id with a leading zero is refused", arguments: ["0", "007", "05432154321543210"])
    func leadingZero(id: String) {
        var settings = Self.settings
        settings.applicationID = id
        #expect(
            problems(settings) == [
                "account-kit.application-id must be 1 to 32 decimal digits without a leading zero"
            ])
    }

    @Test("two files with the same secret make one credential")
    func sameSecretTwice() throws {
        try withFile("") { settings, folder in
            settings.applicationsFile = ""
            settings.applicationID = "1"
            settings.appSecretFile = folder.appendingPathComponent("old").path
            settings.nextAppSecretFile = settings.appSecretFile
            let application = try settings.applications()[0]
            #expect(application.credentials.count == 1)
        }
    }

    static let filesOfSeveral = [
        """
        - id: 5432154321543210
          secret-file: old
        - id: "1111122222333334"
          secret-file: old
          next-secret-file: new
          api-version: v1.0
          accept-answers-without-application: true
        - id: 12
        """,
        """
        [{"id": 5432154321543210, "secret-file": "old"},
         {"id": "1111122222333334", "secret-file": "old", "next-secret-file": "new", "api-version": "v1.0",
          "accept-answers-without-application": true},
         {"id": "12"}]
        """,
    ]

    @Test("a YAML or JSON file holds several applications", arguments: filesOfSeveral)
    func several(text: String) throws {
        try withFile(text) { settings, _ in
            settings.apiVersion = "v1.1"
            settings.maximumTokenBytes = 512
            let applications = try settings.applications()
            #expect(applications.map(\.id) == ["5432154321543210", "1111122222333334", "12"])
            let secrets = [[AppSecret(Self.secret)], [AppSecret(Self.secret), AppSecret(Self.nextSecret)], [nil]]
            #expect(applications.map { $0.credentials.map(\.application.secret) } == secrets)
            #expect(applications.map { $0.credentials[0].apiVersion } == ["v1.1", "v1.0", "v1.1"])
            #expect(applications.map(\.acceptsAnswersWithoutApplication) == [false, true, false])
            for credential in applications.flatMap(\.credentials) {
                #expect(credential.baseURL == settings.baseURL)
                #expect(credential.maximumTokenBytes == 512)
                #expect(credential.problem == nil)
            }
        }
    }

    @Test("every problem is reported at once")
    func manyProblems() throws {
        let text = """
            - id: 1
              secret-flie: old
            - id: abc
              secret-file: nowhere
              next-secret-file: empty
            - just a text
            - id: 1
              api-version: 1.3
              accept-answers-without-application: yes
            - secret-file: [old]
              next-secret-file: new
            - id: 2
              accept-answers-without-application: true
            - id: 3
              secret-file: long
            """
        let problems = try problems(inFile: text) {
            $0.baseURL = "ftp://nowhere"
            $0.appSecretFile = "/old"
        }
        let expected = [
            "account-kit.app-secret-file cannot be combined with : set it in that file instead",
            ", application 1: unknown key secret-flie; did you mean secret-file?",
            ", application 3: must be a mapping with the keys id, secret-file, next-secret-file, api-version, "
                + "accept-answers-without-application",
            ", application 4: accept-answers-without-application must be true or false",
            ", application 4: id is already used by an application above",
            ", application 5: secret-file must be a single value",
            ", application 2: secret-file: cannot read the file, whose path is relative to FOLDER: no such file or directory",
            ", application 2: next-secret-file: the file is empty: write the app secret into it",
            ", application 2: id must be 1 to 32 decimal digits without a leading zero",
            ", application 4: api-version must have a form like v1.3",
            ", application 5: next-secret-file needs secret-file, which is missing",
            ", application 5: id must be 1 to 32 decimal digits without a leading zero",
            ", application 6: accept-answers-without-application needs an app secret: other apps' tokens would pass without a proof",
            ", application 7: secret-file must hold 1 to 256 visible ASCII characters, and nothing after them but a newline",
            "account-kit.base-url must be https://host[:port][/path], or http:// to this machine",
        ]
        #expect(problems == expected)
    }

    @Test(
        "a file must be a list of 1 to 64 applications",
        arguments: [
            ("", "list of 1 to 64"), ("[]", "list of 1 to 64"), ("id: 1", "list of 1 to 64"), ("42", "list of 1 to 64"),
            ("[", "line "), ("- id: 1\n  id: 2", "the key id is set twice"), ("- id: \"1", "line "),
            ("- id: *unknown", "is not YAML or JSON"),
            ((1...65).map { "- id: \($0)\n" }.joined(), "list of 1 to 64"),
            ("# \(String(repeating: "x", count: 1 << 20))\n- id: 1", "at most 1 MiB"),
        ])
    func badFile(text: String, expectation: String) throws {
        let problems = try problems(inFile: text)
        #expect(problems.count == 1)
        #expect(problems.first?.contains(expectation) == true, "\(problems)")
    }

    @Test("a file may hold 64 applications")
    func most() throws {
        #expect(try problems(inFile: (1...64).map { "- id: \($0)\n" }.joined()).isEmpty)
    }

    @Test("a missing file is reported once")
    func missingFile() {
        var settings = Self.settings
        settings.applicationsFile = NSTemporaryDirectory() + "no-such-file-\(UUID().uuidString)"
        #expect(
            problems(settings) == [
                "account-kit.applications-file: cannot read \(settings.applicationsFile): no such file or directory"
            ])
    }

    @Test("settings of a single application cannot be combined with the file")
    func exclusive() throws {
        let problems = try problems(inFile: "- id: 1") {
            $0.applicationID = "1"
            $0.appSecretFile = "x"
            $0.nextAppSecretFile = "x"
            $0.acceptAnswersWithoutApplication = true
        }
        #expect(problems.count == 4)
        for key in ["application-id", "app-secret-file", "next-app-secret-file", "accept-answers-without-application"] {
            #expect(problems.contains { $0.hasPrefix("account-kit.\(key) cannot be combined with ") }, "\(key)")
        }
    }

    @Test("no message repeats a secret in the wrong place")
    func valuesStayPrivate() throws {
        let planted = "0123456789abcdef0123456789abcdef"
        for key in ["id", "secret-file", "next-secret-file", "api-version", "accept-answers-without-application", "secret"] {
            for text in ["- \(key): \(planted)\n- \(planted)\n", "- \(key): \"\(planted)\n", "- \(key): [\(planted)]\n"] {
                let problems = try problems(inFile: text)
                #expect(!problems.isEmpty, "\(key)")
                #expect(!problems.contains { $0.contains(planted) }, "\(key)")
            }
        }
        var settings = Self.settings
        settings.applicationID = "1"
        settings.appSecretFile = planted
        settings.nextAppSecretFile = planted
        #expect(problems(settings).count == 2)
        #expect(!problems(settings).contains { $0.contains(planted) })
    }
}
