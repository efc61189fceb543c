import AccountKitEmulator
import DoormanClient
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

/// Two apps of the emulator are ours; the third is a stranger's.
@Suite("Several applications, end to end")
struct ApplicationsTests {
    private static func withBoth(apiVersion: String = "v1.3", _ body: (Stack) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let file = try applicationsFile(in: folder)
            try await Stack.run(
                settings: {
                    Stack.grantAll(&$0)
                    $0.applicationID = ""
                    $0.appSecretFile = ""
                    $0.applicationsFile = file
                    $0.apiVersion = apiVersion
                }, body)
        }
    }

    /// - Returns: The path of a file with both applications.
    private static func applicationsFile(in folder: URL) throws -> String {
        let file = folder.appendingPathComponent("apps.yaml")
        try Stack.ours.secret.write(to: folder.appendingPathComponent("ours"), atomically: true, encoding: .utf8)
        try Stack.theirs.secret.write(to: folder.appendingPathComponent("theirs"), atomically: true, encoding: .utf8)
        try """
        - id: \(Stack.ours.id)
          secret-file: ours
        - id: \(Stack.theirs.id)
          secret-file: theirs
        """.write(to: file, atomically: true, encoding: .utf8)
        return file.path
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
        try await Stack.run(settings: { $0.apiVersion = "v1.0" }) { stack in
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

    @Test("doormand validates the applications file")
    func program() async throws {
        try await withTemporaryFolder { folder in
            let file = try Self.applicationsFile(in: folder)
            let good = try ChildProcess.ours(
                "doormand",
                ["--check-config", "--account-kit-base-url", "http://127.0.0.1:1", "--account-kit-applications-file", file])
            #expect(try await good.ending() == 0, "\(good.allOutput)")
            let both = try ChildProcess.ours(
                "doormand",
                [
                    "--check-config", "--account-kit-applications-file", file, "--account-kit-application-id", "1",
                    "--server-address", "nowhere",
                ])
            #expect(try await both.ending() == 78)
            #expect(both.allOutput.contains("account-kit.application-id cannot be combined with account-kit.applications-file"))
            #expect(both.allOutput.contains("server.address must be host:port"))

            let lax = folder.appendingPathComponent("lax.yaml")
            try """
            - {id: 111, secret-file: ours, accept-answers-without-application: true}
            - {id: 222}
            - {id: 333, secret-file: theirs}
            """.write(to: lax, atomically: true, encoding: .utf8)
            let portFile = folder.appendingPathComponent("port")
            let doormand = try ChildProcess.ours(
                "doormand",
                [
                    "--account-kit-base-url", "http://127.0.0.1:1", "--account-kit-applications-file", lax.path, "--server-address",
                    "127.0.0.1:0", "--server-port-file",
                    portFile.path,
                ])
            _ = try await doormand.port(from: portFile)
            doormand.terminate()
            #expect(try await doormand.ending() == 0, "\(doormand.allOutput)")
            let warnings = doormand.allOutput.split(separator: "\n").filter {
                // The provider can't be reached, which has lines of its own.
                $0.contains(" warning ") && $0.contains("application=") && !$0.contains("provider")
            }
            #expect(warnings.count == 2, "\(doormand.allOutput)")
            #expect(warnings.contains { $0.contains("application=111") && $0.contains("the proof is the only guard") })
            #expect(warnings.contains { $0.contains("application=222") && $0.contains("no proof is sent") })
            for secret in [Stack.ours.secret, Stack.theirs.secret] { #expect(!doormand.allOutput.contains(secret)) }
        }
    }
}
