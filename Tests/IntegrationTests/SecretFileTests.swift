import Foundation
import Glibc
import TestKit
import Testing

@Suite("Files with secrets", .serialized)
struct SecretFileTests {
    private static let warning = "other users have permissions for a file with a secret"

    private func doormand(_ folder: URL, _ arguments: [String]) throws -> ChildProcess {
        try ChildProcess.ours(
            "doormand",
            ["--server-address", "127.0.0.1:0", "--server-port-file", folder.appendingPathComponent("port").path] + arguments)
    }

    @Test(
        "a secret file that others can read gets a warning at the start and at a reload", arguments: [0o644, 0o640, 0o604, 0o600])
    func permissions(mode: Int) async throws {
        try await withTemporaryFolder { folder in
            let secret = folder.appendingPathComponent("secret")
            try "0123456789abcdef0123456789abcdef\n".write(to: secret, atomically: false, encoding: .utf8)
            #expect(unsafe chmod(secret.path, mode_t(mode)) == 0)
            let server = try doormand(
                folder,
                [
                    "--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123",
                    "--account-kit-app-secret-file", secret.path,
                ])
            _ = try await server.port(from: folder.appendingPathComponent("port"))
            try await eventually("the server is ready to reload") { server.errorOutput.contains("ready to reload") }
            let isExpected = mode != 0o600
            #expect(server.errorOutput.contains(Self.warning) == isExpected)
            #expect(server.errorOutput.contains("account-kit.app-secret-file") == isExpected)
            #expect(server.errorOutput.contains("mode=0\(String(mode, radix: 8))") == isExpected)
            #expect(unsafe chmod(secret.path, 0o666) == 0)
            server.hangUp()
            try await eventually("a warning of the reload") { server.errorOutput.contains("mode=0666") }
            #expect(!server.allOutput.contains("0123456789abcdef"))
            server.terminate()
            #expect(try await server.ending() == 0)
        }
    }

    @Test("--check-config prints each warning that the log has at the start")
    func check() async throws {
        try await withTemporaryFolder { folder in
            let secret = folder.appendingPathComponent("secret")
            try "0123456789abcdef0123456789abcdef\n".write(to: secret, atomically: false, encoding: .utf8)
            #expect(unsafe chmod(secret.path, 0o644) == 0)
            let certificate = try await TestAuthority().leaf(isExpired: true)
            let arguments = [
                "--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123", "--account-kit-app-secret-file",
                secret.path, "--admin-allow-network", "true", "--provider-ca-file",
                certificate.certificateFile, "--tls-certificate-file", certificate.certificateFile, "--tls-private-key-file",
                certificate.keyFile, "--process-core-dumps", "true",
            ]
            let check = try doormand(folder, arguments + ["--check-config"])
            // A start goes on with an expired certificate, and a rollout must not.
            #expect(try await check.ending() == 78)
            #expect(
                check.errorOutput.contains(
                    "doormand: tls.certificate-file: the certificate or an intermediate has expired, so callers will refuse the "
                        + "server: renew the file (\(certificate.certificateFile))\n"))
            #expect(!check.allOutput.contains("the settings are valid"))
            let server = try doormand(folder, arguments)
            try await eventually("the server is ready to reload") { server.errorOutput.contains("ready to reload") }
            server.terminate()
            #expect(try await server.ending() == 0)
            let logged = server.errorOutput.split(separator: "\n").filter { $0.contains(" warning ") }
            let printed = check.errorOutput.split(separator: "\n").filter { $0.contains("warning: ") }
                .compactMap { $0.split(separator: "warning: ").last }
            #expect(printed.count >= 6, "\(printed)")
            for warning in printed {
                let message = warning.prefix { $0 != "(" }.trimmingCharacters(in: .whitespaces)
                #expect(logged.contains { $0.contains(message) }, "\(message)")
            }
        }
    }

    @Test("a pipe in place of any file ends the start with an error, and does not block it")
    func pipes() async throws {
        try await withTemporaryFolder { folder in
            let pipe = folder.appendingPathComponent("pipe").path
            #expect(unsafe mkfifo(pipe, 0o600) == 0)
            let settings = [
                ["--account-kit-app-secret-file", pipe], ["--account-kit-next-app-secret-file", pipe],
                ["--authorization-policy-file", pipe], ["--tls-certificate-file", pipe, "--tls-private-key-file", pipe],
                ["--config", pipe], ["--provider-ca-file", pipe],
            ]
            for arguments in settings {
                let run = try doormand(
                    folder,
                    ["--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123", "--check-config"]
                        + arguments)
                #expect(try await run.ending(within: .seconds(20)) == 78)
                #expect(run.allOutput.contains("it is not a regular file"), "\(arguments): \(run.allOutput)")
            }
            let tools: [(String, [String], Int32)] = [
                ("doorman", ["verify", "--token-file", pipe], 2), ("doorman", ["exchange", "--code-file", pipe], 2),
                ("doorman", ["bench", "--token-file", pipe], 2), ("doorman", ["health", "--ca-file", pipe], 2),
                ("account-kit-emulator", ["--port", "0", "--seed", pipe], 1),
            ]
            for (name, arguments, status) in tools {
                let run = try ChildProcess.ours(name, arguments)
                #expect(try await run.ending(within: .seconds(20)) == status)
                #expect(run.allOutput.contains("it is not a regular file"), "\(arguments): \(run.allOutput)")
            }
        }
    }

    @Test("core dumps are off unless a setting allows them", arguments: [false, true])
    func coreDumps(isAllowed: Bool) async throws {
        try await withTemporaryFolder { folder in
            #expect(unsafe chmod(folder.path, 0o777) == 0)
            // The kernel gives the files of a process without core dumps to root. So the process must belong to another user.
            let user = geteuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : ["env"]
            let server = try ChildProcess(
                user[0],
                user.dropFirst() + [
                    ChildProcess.built("doormand"), "--server-address", "127.0.0.1:0", "--server-port-file",
                    folder.appendingPathComponent("port").path, "--account-kit-url", "http://127.0.0.1:1",
                    "--account-kit-application-id", "123", "--process-core-dumps",
                    "\(isAllowed)",
                ], environment: ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
            _ = try await server.port(from: folder.appendingPathComponent("port"))
            #expect(server.errorOutput.contains("process.core-dumps is on") == isAllowed)
            // See proc(5).
            var status = stat()
            #expect(unsafe stat("/proc/\(server.id)/status", &status) == 0)
            #expect((status.st_uid != 0) == isAllowed)
            server.terminate()
            #expect(try await server.ending() == 0)
        }
    }

    @Test("the emulator, which holds app secrets and tokens, has no core dumps either")
    func coreDumpsOfEmulator() async throws {
        try await withTemporaryFolder { folder in
            #expect(unsafe chmod(folder.path, 0o777) == 0)
            let user = geteuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : ["env"]
            let port = folder.appendingPathComponent("port")
            let emulator = try ChildProcess(
                user[0],
                user.dropFirst() + [ChildProcess.built("account-kit-emulator"), "--port", "0", "--port-file", port.path],
                environment: ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
            _ = try await emulator.port(from: port)
            var status = stat()
            #expect(unsafe stat("/proc/\(emulator.id)/status", &status) == 0)
            #expect(status.st_uid == 0)
            emulator.terminate()
            #expect(try await emulator.ending() == 0)
        }
    }
}
