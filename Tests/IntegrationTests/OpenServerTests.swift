import AccountKitEmulator
import Foundation
import Logging
import TestKit
import Testing

/// Mistakes in the settings of a real server that would let more callers in, or make every provider request fail.
@Suite("Settings that would open or break a server", .serialized)
struct OpenServerTests {
    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> ChildProcess {
        try ChildProcess.ours(
            "doormand", ["--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123"] + arguments,
            environment: environment)
    }

    @Test(
        "an empty variable does not turn a protection off",
        arguments: ["TLS_CLIENT_CA_FILE", "AUTHORIZATION_POLICY_FILE", "SERVER_UNIX_SOCKET_CALLERS"])
    func emptyVariable(name: String) async throws {
        for flags in [["--check-config"], []] {
            let server = try run(flags, environment: ["DOORMAN_\(name)": ""])
            #expect(try await server.ending() == 78)
            #expect(server.allOutput.contains("must not be empty: write "), "\(server.allOutput)")
        }
    }

    @Test(
        "settings with which every call would fail, or would need no certificate, end the start",
        arguments: [["--check-config"], []])
    func refused(flags: [String]) async throws {
        try await withTemporaryFolder { folder in
            let empty = folder.appendingPathComponent("empty.pem").path
            try "".write(toFile: empty, atomically: false, encoding: .utf8)
            for (arguments, cause) in [
                (["--provider-ca-file", empty], "provider.ca-file: contains no PEM certificate"),
                (
                    ["--provider-proxy", "ftp://proxy:1"],
                    "provider.proxy (--provider-proxy, DOORMAN_PROVIDER_PROXY) must be http://"
                ),
                (["--tls-client-auth", "required"], "tls.client-auth: required needs tls.client-ca-file, which is missing"),
            ] {
                let server = try run(flags + arguments)
                #expect(try await server.ending() == 78)
                #expect(server.allOutput.contains(cause), "\(server.allOutput)")
            }
        }
    }

    @Test(
        "TLS beyond loopback without a client CA gets a warning at the start",
        arguments: [("0.0.0.0:0", false, true), ("0.0.0.0:0", true, false), ("127.0.0.1:0", false, false)])
    func warning(address: String, hasAuthority: Bool, isExpected: Bool) async throws {
        let certificate = try await TestCertificate()
        try await withTemporaryFolder { folder in
            let portFile = folder.appendingPathComponent("port")
            let server = try run(
                [
                    "--server-address", address, "--server-port-file", portFile.path, "--tls-certificate-file",
                    certificate.certificateFile, "--tls-private-key-file", certificate.keyFile, "--tls-client-ca-file",
                    hasAuthority ? certificate.certificateFile : "none",
                ])
            _ = try await server.port(from: portFile)
            try await eventually("the server is ready to reload") { server.errorOutput.contains("ready to reload") }
            #expect(server.errorOutput.contains("TLS is on without tls.client-ca-file") == isExpected)
            server.terminate()
            #expect(try await server.ending() == 0)
        }
    }

    @Test("a new authority in provider.ca-file is used within a few intervals, without a signal")
    func newAuthority() async throws {
        let (old, new) = (try await TestCertificate(), try await TestCertificate())
        var settings = EmulatorSettings(port: 0)
        settings.apps = [Stack.ours]
        settings.tls = EmulatorSettings.TLSFiles(certificate: new.certificateFile, privateKey: new.keyFile)
        let emulator = try AccountKitEmulator(
            settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        try await withTemporaryFolder { folder in
            let (authorities, secret) = (folder.appendingPathComponent("ca.pem"), folder.appendingPathComponent("secret"))
            let portFile = folder.appendingPathComponent("port")
            try Stack.ours.secret.write(to: secret, atomically: true, encoding: .utf8)
            try Data(old.certificateBytes()).write(to: authorities)
            let server = try ChildProcess.ours(
                "doormand",
                [
                    "--server-address", "127.0.0.1:0", "--server-port-file", portFile.path, "--account-kit-url",
                    "https://localhost:\(emulator.port)", "--account-kit-application-id", Stack.ours.id,
                    "--account-kit-app-secret-file", secret.path, "--provider-ca-file", authorities.path, "--reload-interval",
                    "50ms", "--provider-circuit-breaker-consecutive-failures", "0",
                ])
            let peer = try RawPeer.connect(port: try await server.port(from: portFile))
            let token = try emulator.logIn(phone: "+15551234567")
            try await peer.send(DoormandProcess.verify(token))
            #expect(DoormandProcess.isIdentity(try await peer.readFrame()) == false)
            try Data(old.certificateBytes() + new.certificateBytes()).write(to: authorities, options: .atomic)
            var streamID: UInt32 = 1
            try await eventually("the new authority is used") {
                streamID += 2
                try await peer.send(DoormandProcess.verify(token, streamID: streamID))
                return DoormandProcess.isIdentity(try await peer.readFrame())
            }
            server.terminate()
            #expect(try await server.ending() == 0, "\(server.allOutput)")
        }
        try await emulator.stop()
    }
}
