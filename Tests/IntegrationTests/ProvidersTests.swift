import AccountKitEmulator
import DoormanClient
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

/// Two apps of the emulator are ours, each a provider of its own; the third is a stranger's.
@Suite("Several providers, end to end")
struct ProvidersTests {
    private static func withBoth(apiVersion: String = "v1.3", _ body: (Stack) async throws -> Void) async throws {
        try await withFolder(apiVersion: apiVersion) { stack, _ in try await body(stack) }
    }

    /// - Parameter body: Also gets the folder of the file of providers.
    private static func withFolder(
        apiVersion: String = "v1.3", settings change: (inout DoormandSettings) -> Void = { _ in },
        _ body: (Stack, URL) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            try await Stack.run(
                settings: { settings in
                    Stack.grantAll(&settings)
                    let url = settings.accountKit.url
                    settings.accountKit = DoormandSettings().accountKit
                    settings.providerFile = folder.appendingPathComponent("providers.yaml").path
                    change(&settings)
                    do {
                        try writeFile(in: folder, url: url, apiVersion: apiVersion)
                    } catch {
                        Issue.record(error)
                    }
                }, { try await body($0, folder) })
        }
    }

    /// Writes the file of both providers, and their secrets.
    private static func writeFile(in folder: URL, url: String, apiVersion: String) throws {
        let common = "  kind: account-kit\n  url: \(url)\n  api-version: \(apiVersion)\n"
        for (name, text) in [
            ("ours", Stack.ours.secret), ("theirs", Stack.theirs.secret),
            (
                "providers.yaml",
                "- name: ours\n\(common)  application-id: \(Stack.ours.id)\n  app-secret-file: ours\n"
                    + "- name: theirs\n\(common)  application-id: \(Stack.theirs.id)\n  app-secret-file: theirs\n"
            ),
        ] { try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8) }
    }

    /// Applies a change of the file of providers, as a reload would.
    private static func reload(_ stack: Stack, _ folder: URL, _ change: (String) -> String) throws {
        let file = folder.appendingPathComponent("providers.yaml")
        try change(String(contentsOf: file, encoding: .utf8)).write(to: file, atomically: true, encoding: .utf8)
        try stack.dependencies.providers.component.prepare(stack.settings).apply()
    }

    /// Returns the result of a call: `OK` and the application, or the reason of its failure.
    private static func outcome(_ call: () async throws(DoormanError) -> String) async -> String {
        do throws(DoormanError) {
            return "OK \(try await call())"
        } catch {
            return error.reason
        }
    }

    @Test("a call that names the application needs one provider request")
    func bothApplications() async throws {
        try await Self.withBoth { stack in
            let ours = try stack.emulator.logIn(phone: "+15551234567")
            let theirs = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            let named = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15557654321")
            let first = try await stack.client.verify(ours)
            #expect(first.applicationID == Stack.ours.id)
            #expect(stack.providerRequests == 1)
            let second = try await stack.client.verify(theirs)
            #expect(second.applicationID == Stack.theirs.id)
            #expect(second.accountID != first.accountID)
            #expect(stack.providerRequests == 3)
            #expect(try await stack.client.verify(named, applicationID: Stack.theirs.id).applicationID == Stack.theirs.id)
            #expect(stack.providerRequests == 4)
            for token in [ours, theirs, named] { #expect(try await stack.client.verify(token).freshness == .cached) }
            #expect(stack.providerRequests == 4)
        }
    }

    @Test("v1.0 verifies a token only if the response names the application")
    func firstVersion() async throws {
        try await Stack.run(settings: { $0.accountKit.apiVersion = "v1.0" }) { stack in
            let ours = try stack.emulator.logIn(phone: "+15551234567")
            #expect(await stack.verify(ours) == "rejected: WRONG_APPLICATION")
        }
        try await Self.withBoth(apiVersion: "v1.0") { stack in
            let theirs = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            #expect(try await stack.client.verify(theirs).applicationID == Stack.theirs.id)
        }
    }

    @Test("a call that names a different application rejects the token")
    func audience() async throws {
        try await Self.withBoth { stack in
            let theirs = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            let wrong = await Self.outcome { () async throws(DoormanError) in
                try await stack.client.verify(theirs, applicationID: Stack.ours.id).applicationID
            }
            #expect(wrong == "rejected: WRONG_APPLICATION")
            #expect(stack.providerRequests == 2)
            #expect(await stack.verify(theirs) == "OK")
            #expect(try await stack.client.verify(theirs, applicationID: Stack.theirs.id).freshness == .cached)
            #expect(stack.providerRequests == 2)
        }
    }

    @Test("a token of neither application is rejected")
    func rejections() async throws {
        try await Self.withBoth { stack in
            let foreign = try stack.emulator.logIn(app: Stack.strangers.id, phone: "+15551234567")
            #expect(await stack.verify(foreign) == "rejected: PROOF_REJECTED")
            #expect(stack.providerRequests == 4, "both secrets were checked, and their proofs sent again")
            let gone = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            stack.emulator.revoke(gone)
            #expect(await stack.verify(gone) == "rejected: TOKEN_REJECTED")
            #expect(stack.providerRequests == 5)
            let theirs = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            stack.emulator.setFault(.badGateway, for: .me)
            #expect(await stack.verify(theirs) == "unavailable: PROVIDER_UNAVAILABLE")
            #expect(await stack.verify(foreign) == "unavailable: PROVIDER_UNAVAILABLE")
            stack.emulator.clearFaults()
            try await eventually("the failure is no longer remembered") { await stack.verify(theirs) == "OK" }
        }
    }

    @Test("an exchange must name the code's application")
    func exchange() async throws {
        try await Self.withBoth { stack in
            for app in [Stack.ours, Stack.theirs] {
                let code = AuthorizationCode(try stack.emulator.issueCode(app: app.id, phone: "+15551234567"))
                let unnamed = await Self.outcome { () async throws(DoormanError) in
                    try await stack.client.exchange(code).identity?.applicationID ?? "no identity"
                }
                #expect(unnamed == "unavailable: MALFORMED_REQUEST")
                let named = await Self.outcome { () async throws(DoormanError) in
                    try await stack.client.exchange(code, applicationID: app.id).identity?.applicationID ?? "no identity"
                }
                #expect(named == "OK \(app.id)")
            }
            #expect(stack.emulator.statistics[.accessToken] == 2)
        }
    }

    @Test("a revocation finds the application of a token")
    func revoke() async throws {
        try await Self.withBoth { stack in
            for app in [Stack.ours, Stack.theirs] {
                let token = try stack.emulator.logIn(app: app.id, phone: "+15551234567")
                let other = try stack.emulator.logIn(app: app.id, phone: "+15551234567")
                for token in [token, other] { #expect(await stack.verify(token) == "OK") }
                try await stack.client.revoke(Token(token))
                #expect(await stack.verify(token) == "rejected: TOKEN_REJECTED")
                #expect(await stack.verify(other) == "OK")
                let account = try #require(stack.emulator.account(ofToken: other))
                let error = await #expect(throws: DoormanError.self) { try await stack.client.revoke(accountID: account) }
                #expect(error?.reason == "unavailable: MALFORMED_REQUEST")
                try await stack.client.revoke(accountID: account, applicationID: app.id)
                #expect(await stack.verify(other) == "rejected: TOKEN_REJECTED")
            }
        }
    }

    @Test("an identity names its provider, and a call that names the other provider rejects the token")
    func providerNames() async throws {
        try await Self.withBoth { stack in
            let theirs = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            #expect(
                try await stack.client.verify(Token(theirs), requiring: TokenRequirements(provider: "theirs")).provider == "theirs")
            #expect(stack.providerRequests == 1)
            let wrong = await Self.outcome { () async throws(DoormanError) in
                try await stack.client.verify(Token(theirs), requiring: TokenRequirements(provider: "ours")).provider
            }
            #expect(wrong == "rejected: WRONG_PROVIDER")
            let unknown = await Self.outcome { () async throws(DoormanError) in
                try await stack.client.verify(Token(theirs), requiring: TokenRequirements(provider: "nowhere")).provider
            }
            // A mistake of the caller says nothing about the token.
            #expect(unknown == "unavailable: MALFORMED_REQUEST")
            #expect(stack.providerRequests == 1)
            #expect(try await stack.client.verify(theirs).provider == "theirs")
        }
    }

    @Test("the cached tokens of a provider that changed are dropped, and the others stay")
    func changedProvider() async throws {
        try await Self.withFolder { stack, folder in
            let (ours, theirs) = (
                try stack.emulator.logIn(phone: "+15551234567"),
                try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            )
            #expect(try await stack.client.verify(ours, applicationID: Stack.ours.id).freshness == .fresh)
            #expect(try await stack.client.verify(theirs, applicationID: Stack.theirs.id).freshness == .fresh)
            try Self.reload(stack, folder) {
                $0.replacing("\(Stack.theirs.id)\n", with: "\(Stack.theirs.id)\n  max-token-length: 2KiB\n")
            }
            #expect(try await stack.client.verify(ours).freshness == .cached)
            #expect(try await stack.client.verify(theirs, applicationID: Stack.theirs.id).freshness == .fresh)
            // Another secret is no other provider.
            try Self.reload(stack, folder) { $0.replacing("file: theirs", with: "file: theirs\n  next-app-secret-file: ours") }
            #expect(try await stack.client.verify(theirs).freshness == .cached)
        }
    }

    @Test("the cached tokens of a provider that left are dropped, and a provider that joins is served")
    func joinAndLeave() async throws {
        try await Self.withFolder { stack, folder in
            let (ours, theirs) = (
                try stack.emulator.logIn(phone: "+15551234567"),
                try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            )
            for token in [ours, theirs] { #expect(await stack.verify(token) == "OK") }
            let both = try String(contentsOf: folder.appendingPathComponent("providers.yaml"), encoding: .utf8)
            try Self.reload(stack, folder) { text in
                text.firstRange(of: "- name: theirs").map { String(text[..<$0.lowerBound]) } ?? ""
            }
            try await eventually("the credentials are checked") { stack.dependencies.providers.hasWorkingCredentials }
            #expect(try await stack.client.verify(ours).freshness == .cached)
            #expect(await stack.verify(theirs).hasPrefix("rejected: "))
            try Self.reload(stack, folder) { _ in both }
            #expect(try await stack.client.verify(theirs, applicationID: Stack.theirs.id).freshness == .fresh)
            #expect(try await stack.client.verify(ours).freshness == .cached)
        }
    }

    @Test("doormand validates the file of providers")
    func program() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("providers.yaml").path
            try Self.writeFile(in: folder, url: "http://127.0.0.1:1", apiVersion: "v1.3")
            let good = try ChildProcess.ours("doormand", ["--check-config", "--provider-file", file])
            #expect(try await good.ending() == 0, "\(good.allOutput)")
            let both = try ChildProcess.ours(
                "doormand",
                ["--check-config", "--provider-file", file, "--account-kit-application-id", "1", "--server-address", "nowhere"])
            #expect(try await both.ending() == 78)
            #expect(both.allOutput.contains("account-kit.application-id cannot be combined with provider.file"))
            #expect(both.allOutput.contains("server.address must be host:port"))

            let lax = folder.appendingPathComponent("lax.yaml")
            let common = "kind: account-kit, url: \"http://127.0.0.1:1\""
            try """
            - {name: one, \(common), application-id: 111, app-secret-file: ours, accept-answers-without-application: true}
            - {name: two, \(common), application-id: 222}
            - {name: three, \(common), application-id: 333, app-secret-file: theirs}
            """.write(to: lax, atomically: true, encoding: .utf8)
            let portFile = folder.appendingPathComponent("port")
            let doormand = try ChildProcess.ours(
                "doormand",
                [
                    "--provider-file", lax.path, "--server-address", "127.0.0.1:0", "--server-port-file", portFile.path,
                ])
            _ = try await doormand.port(from: portFile)
            doormand.terminate()
            #expect(try await doormand.ending() == 0, "\(doormand.allOutput)")
            let lines = doormand.allOutput.split(separator: "\n").filter { $0.contains(" warning ") }
            for (name, words) in [("one", "the proof is the only guard"), ("two", "no proof is sent")] {
                #expect(lines.count { $0.contains(words) } == 1, "\(doormand.allOutput)")
                #expect(lines.contains { $0.contains(words) && $0.contains("=\(name)") }, "\(doormand.allOutput)")
            }
            for secret in [Stack.ours.secret, Stack.theirs.secret] { #expect(!doormand.allOutput.contains(secret)) }
        }
    }
}
