import DoormanClient
import Foundation
import TestKit
import Testing

/// A `doormand` process with the providers of its flags, its settings file or its `provider.file`, and a client.
struct ProviderStack {
    /// The files that the server reads. `FOLDER` in a text stands for their folder.
    struct Files {
        /// The list of providers; `nil` for providers by other settings.
        var providers: String?
        /// The settings file; `nil` for none.
        var settings: String?
        /// The contents of files with secrets, by name.
        var secrets: [String: String] = [:]
    }

    let folder: URL
    let doormand: ChildProcess
    let client: DoormanClient
    let port: Int

    static func run(
        _ flags: [String] = [], _ files: Files = Files(), _ body: (ProviderStack) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            for (name, secret) in files.secrets {
                let file = folder.appendingPathComponent(name)
                try (secret + "\n").write(to: file, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            }
            var arguments = [
                "--server-address", "127.0.0.1:0", "--server-port-file", folder.appendingPathComponent("port").path,
                // Two cores are slow. No file is reloaded without a signal.
                "--provider-connect-timeout", "1s", "--provider-request-timeout", "2s", "--provider-call-timeout", "5s",
                "--reload-interval", "0s",
            ]
            if let providers = files.providers {
                try write(providers, to: "providers.yaml", in: folder)
                arguments += ["--provider-file", folder.appendingPathComponent("providers.yaml").path]
            }
            if let settings = files.settings {
                try write(settings, to: "settings.yaml", in: folder)
                arguments += ["--config", folder.appendingPathComponent("settings.yaml").path]
            }
            arguments += flags.map { $0.replacingOccurrences(of: "FOLDER", with: folder.path) }
            let doormand = try ChildProcess.ours("doormand", arguments)
            let port = try await doormand.port(from: folder.appendingPathComponent("port"))
            var configuration = DoormanClientConfiguration()
            configuration.timeout = .seconds(20)
            let client = DoormanClient(target: .hostAndPort("127.0.0.1", port), configuration: configuration)
            let stack = ProviderStack(folder: folder, doormand: doormand, client: client, port: port)
            try await stack.waitForLine("ready to reload")
            try await body(stack)
            await client.close()
            doormand.terminate()
            #expect(try await doormand.ending() == 0, "\(doormand.allOutput)")
            for secret in files.secrets.values {
                #expect(!doormand.allOutput.contains(secret), "the log contains a secret")
            }
            // The header of every JSON Web Token begins with an encoded `{"`.
            #expect(!doormand.allOutput.contains("eyJ"), "the log contains a token")
        }
    }

    private static func write(_ text: String, to name: String, in folder: URL) throws {
        try text.replacingOccurrences(of: "FOLDER", with: folder.path)
            .write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }

    /// Replaces the list of providers, or another file, and waits until the server uses it.
    func reload(_ text: String, as name: String = "providers.yaml") async throws {
        try Self.write(text, to: name, in: folder)
        let count = lines("reloaded the settings").count
        doormand.hangUp()
        try await waitForLine("reloaded the settings", times: count + 1)
    }

    /// Returns the log lines that contain the text.
    func lines(_ text: String) -> [String] {
        doormand.errorOutput.split(separator: "\n").filter { $0.contains(text) }.map(String.init)
    }

    func waitForLine(_ text: String, times: Int = 1) async throws {
        try await eventually("\(times) log lines with: \(text)") { lines(text).count >= times || !doormand.isRunning }
        guard doormand.isRunning else { throw NeverHappened(description: "doormand ended: \(doormand.allOutput)") }
    }

    /// Returns the result of a call: `OK`, or the reason of its failure.
    func verify(_ token: String, provider: String? = nil, scopes: [String] = [], maxAge: Duration? = nil) async -> String {
        do throws(DoormanError) {
            _ = try await client.verify(
                Token(token), requiring: TokenRequirements(provider: provider, scopes: scopes), maxAge: maxAge)
            return "OK"
        } catch {
            return error.reason
        }
    }

    func identity(_ token: String) async throws -> Identity {
        try await client.verify(Token(token))
    }

    /// Returns the result of a revocation.
    func revoke(_ token: String) async -> String {
        do throws(DoormanError) {
            try await client.revoke(Token(token))
            return "OK"
        } catch {
            return error.reason
        }
    }
}
