import DoormanCore
import DoormanHTTP
import Foundation
import Testing

@testable import DoormanDaemon

@Suite("Settings of the HTTP API")
struct HTTPSettingsTests {
    /// Calls `body` with the paths of files with these texts.
    private func withFiles<Result>(_ texts: [String], _ body: ([String]) throws -> Result) throws -> Result {
        let paths = texts.map { _ in NSTemporaryDirectory() + "doormand-http-\(UUID().uuidString).yaml" }
        defer { for path in paths { try? FileManager.default.removeItem(atPath: path) } }
        for (path, text) in zip(paths, texts) { try text.write(toFile: path, atomically: true, encoding: .utf8) }
        return try body(paths)
    }

    private func load(profiles: String? = nil, clients: String? = nil) throws -> HTTPConfiguration {
        try withFiles([profiles ?? "", clients ?? ""]) { paths in
            var settings = DoormandSettings()
            if profiles != nil { settings.httpProfilesFile = paths[0] }
            if clients != nil { settings.introspectionClientsFile = paths[1] }
            return try settings.httpConfiguration(providers: ["account-kit"])
        }
    }

    private func problems(profiles: String? = nil, clients: String? = nil) -> [String] {
        do {
            _ = try load(profiles: profiles, clients: clients)
            return []
        } catch {
            return (error as? ConfigurationError)?.problems ?? ["\(error)"]
        }
    }

    @Test("without files there is one profile, and no clients")
    func none() throws {
        let configuration = try load()
        #expect(configuration.profiles == HTTPProfiles() && configuration.introspectionClients == nil)
        #expect(configuration.profiles["default"] == .standard && configuration.profiles["orders"] == nil)
    }

    @Test("a profile has requirements and headers")
    func profiles() throws {
        let profiles = try load(
            profiles: """
                - name: orders
                  required-scopes: [orders:read, b]
                  application-id: 5432154321543210
                  provider: account-kit
                  headers: [account-id, scopes]
                - {name: default, required-scopes: a, headers: []}
                """
        ).profiles
        let requirements = TokenRequirements(
            provider: "account-kit", applicationID: "5432154321543210", scopes: ["orders:read", "b"])
        #expect(profiles["orders"] == HTTPProfile(requirements: requirements, headers: [.accountID, .scopes]))
        #expect(profiles.standard == HTTPProfile(requirements: TokenRequirements(scopes: ["a"]), headers: []))
    }

    @Test("all problems of the profiles are reported")
    func profileProblems() {
        let problems = problems(
            profiles: """
                - required-scopes: [a]
                - {name: a/b}
                - {name: a, provider: other}
                - {name: a, header: [x]}
                - {name: b, headers: [x], required-scopes: ''}
                - text
                """)
        for words in [
            "profile 1, line 1: name is missing", "profile 2, line 2: name must be 1 to 64",
            "profile 3, line 3: provider is not the name of a configured provider", "profile 4, line 4: name is already used",
            "profile 5, line 5: header 1 must be one of account-id", "profile 5, line 5: required-scopes must not be empty",
            "profile 6, line 6: must be a mapping",
        ] { #expect(problems.contains { $0.hasPrefix("http.profiles-file, " + words) }, "\(words): \(problems)") }
    }

    @Test("clients have ids and secrets, which no message shows")
    func clients() throws {
        let clients = try load(clients: "- {client-id: api, client-secret: s3cret}\n- {client-id: b, client-secret: s3cret}\n")
        #expect(clients.introspectionClients?.count == 2)
        #expect("\(clients.introspectionClients as Any)".contains("s3cret") == false)
        let problems = problems(
            clients: "- {client-id: api, client-secret: s3cret}\n- {client-id: api, client-secret: s3cret}\n- {client-id: s3cret}\n"
        )
        #expect(problems.count == 2 && !problems.joined().contains("s3cret"), "\(problems)")
    }
}
