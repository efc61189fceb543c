import AccountKitEmulator
import DoormanClient
import Foundation
import Logging
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite("The programs", .serialized)
struct ProcessTests {
    /// An emulator, and the arguments of a `doormand` that uses it as its provider.
    private struct Provider {
        let program: ChildProcess
        let port: Int
        let doormandArguments: [String]
    }

    private func startProvider(in folder: URL, logLevel: String = "info") async throws -> Provider {
        let (portFile, secretFile) = (folder.appendingPathComponent("emulator.port"), folder.appendingPathComponent("secret"))
        let program = try ChildProcess.ours(
            "account-kit-emulator",
            ["--port", "0", "--port-file", portFile.path, "--write-app-secret", secretFile.path, "--log-level", logLevel])
        let port = try await program.port(from: portFile)
        return Provider(
            program: program, port: port,
            doormandArguments: [
                "--account-kit-url", "http://127.0.0.1:\(port)", "--account-kit-application-id", Stack.ours.id,
                "--account-kit-app-secret-file", secretFile.path, "--log-level", logLevel,
            ])
    }

    /// Sends a POST request to a control path of an emulator in another process.
    ///
    /// - Returns: The response body.
    private func emulate(_ provider: Provider, _ path: String) async throws -> String {
        let peer = try RawPeer.connect(port: provider.port)
        let head = "POST /emulator/\(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        try await peer.send(Array(head.utf8))
        let response = String(decoding: try await peer.readUntilEnd(), as: UTF8.self)
        return try #require(response.components(separatedBy: "\r\n\r\n").last)
    }

    /// Logs a person in and returns the token or code.
    private func logIn(_ provider: Provider, phone: String, response: String = "token") async throws -> String {
        let body = try await emulate(provider, "login?phone=%2B\(phone)&response=\(response)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
        return try #require(json[response == "token" ? "access_token" : "code"] as? String)
    }

    @Test("no call fails during a rolling restart")
    func rollingRestart() async throws {
        try await withTemporaryFolder { folder in
            let provider = try await startProvider(in: folder)
            let firstPortFile = folder.appendingPathComponent("first.port")
            let first = try ChildProcess.ours(
                "doormand",
                provider.doormandArguments + ["--server-address", "127.0.0.1:0", "--server-port-file", firstPortFile.path],
                environment: ChildProcess.patience)
            let port = try await first.port(from: firstPortFile)
            var settings = DoormanClientConfiguration()
            settings.timeout = .seconds(30)
            let client = DoormanClient(target: .hostAndPort("127.0.0.1", port), configuration: settings)
            let tokens = try await [
                logIn(provider, phone: "15551234567"), logIn(provider, phone: "15557654321"), logIn(provider, phone: "15550000000"),
            ]
            let completed = NIOLockedValueBox(0)
            let isOver = NIOLockedValueBox(false)
            let failures = try await withThrowingTaskGroup(of: [String].self) { tasks in
                for worker in 0..<20 {
                    tasks.addTask {
                        var failures: [String] = []
                        while !isOver.withLockedValue({ $0 }) {
                            do {
                                // Some calls are cache misses, and in flight when the signal arrives.
                                let maxAge: Duration? = worker == 0 ? .seconds(1) : nil
                                _ = try await client.verify(tokens[worker % tokens.count], maxAge: maxAge)
                                completed.withLockedValue { $0 += 1 }
                            } catch {
                                failures.append("\(error)")
                            }
                        }
                        return failures
                    }
                }
                try await eventually("500 calls") { completed.withLockedValue { $0 } > 500 }
                first.terminate()
                let successor = try await startSuccessor(provider, port: port, in: folder)
                let atRestart = completed.withLockedValue { $0 }
                try await eventually("500 calls to the successor") { completed.withLockedValue { $0 } > atRestart + 500 }
                isOver.withLockedValue { $0 = true }
                let failures = try await tasks.reduce(into: []) { $0 += $1 }
                #expect(try await first.ending() == 0, "\(first.allOutput)")
                await client.close()
                successor.terminate()
                #expect(try await successor.ending() == 0, "\(successor.allOutput)")
                return failures
            }
            #expect(failures.isEmpty, "\(failures.count) of \(completed.withLockedValue { $0 }): \(failures.prefix(3))")
        }
    }

    /// Starts the successor repeatedly until the address is free, as a supervisor does.
    private func startSuccessor(_ provider: Provider, port: Int, in folder: URL) async throws -> ChildProcess {
        let portFile = folder.appendingPathComponent("second.port")
        for _ in 0..<50 {
            let successor = try ChildProcess.ours(
                "doormand",
                provider.doormandArguments + ["--server-address", "127.0.0.1:\(port)", "--server-port-file", portFile.path],
                environment: ChildProcess.patience)
            if (try? await successor.port(from: portFile)) != nil { return successor }
        }
        throw NeverHappened(description: "the successor could not listen on the same port")
    }

    /// Requests with a token in each place where a mistake can put it.
    private static func httpRequests(planted: String) -> [String] {
        func request(_ line: String, _ headers: String = "", body: String = "") -> String {
            let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
            return "\(line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(length)\(headers)\r\n\(body)"
        }
        let json = "Content-Type: application/json\r\n"
        return [
            request("GET /auth", "Authorization: Bearer \(planted)\r\n"),
            request("GET /auth?access_token=\(planted)"), request("GET /auth/\(planted)"),
            request("GET /profiles/\(planted)/auth", "Authorization: Bearer \(planted)\r\n"), request("POST /v1/\(planted)"),
            request("POST /v1/verify", "Authorization: Bearer \(planted)\r\n"), request("\(planted) /auth"),
            request("GET /auth", "Authorization: Basic \(planted)\r\n"), request("GET /auth", "\(planted)\r\n"),
            request("POST /v1/verify", json, body: #"{"\#(planted)":"\#(planted)"}"#),
            request("POST /v1/verify", json, body: #"{"token":"\#(planted)","token":"\#(planted)"}"#),
            request("POST /v1/verify", json, body: planted),
            request("POST /v1/exchange", json, body: #"{"code":"\#(planted)","provider":"\#(planted)"}"#),
            request("POST /v1/revoke", json, body: #"{"accountId":"\#(planted)"}"#),
            request(
                "POST /oauth2/introspect",
                "Authorization: Basic \(planted)\r\nContent-Type: application/x-www-form-urlencoded\r\n", body: "token=\(planted)"),
            planted + "\r\n\r\n",
        ]
    }

    private static func answersToHTTPRequests(planted: String, port: Int) async throws -> String {
        var answers = ""
        for request in httpRequests(planted: planted) {
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Array(request.utf8))
            answers += String(decoding: try await peer.readUntilEnd(), as: UTF8.self)
        }
        return answers
    }

    @Test("no output or command line contains a token, code, secret or proof")
    func plantedSecrets() async throws {
        try await withTemporaryFolder { folder in
            let provider = try await startProvider(in: folder, logLevel: "trace")
            let portFile = folder.appendingPathComponent("doormand.port")
            let doormand = try ChildProcess.ours(
                "doormand",
                provider.doormandArguments + ["--server-address", "127.0.0.1:0", "--server-port-file", portFile.path],
                environment: ChildProcess.patience)
            let port = try await doormand.port(from: portFile)
            let code = try await logIn(provider, phone: "15551234567", response: "code")
            let token = try await logIn(provider, phone: "15551234567")
            let planted = "EMAWplantedtokenthatisnobodys0123456789"
            var printed = ""

            func doorman(_ arguments: [String], secret: String, expect status: Int32) async throws {
                let file = folder.appendingPathComponent("secret-\(UUID().uuidString)")
                try secret.write(to: file, atomically: true, encoding: .utf8)
                let run = try ChildProcess.ours(
                    "doorman", arguments.map { $0 == "FILE" ? file.path : $0 } + ["--address", "127.0.0.1:\(port)"])
                #expect(try await run.ending() == status, "\(arguments): \(run.allOutput)")
                printed += run.allOutput
            }
            try await doorman(["verify", "--token-file", "FILE"], secret: token, expect: 0)
            try await doorman(["verify", "--json", "--token-file", "FILE"], secret: token, expect: 0)
            try await doorman(["verify", "--token-file", "FILE"], secret: planted, expect: 1)
            try await doorman(
                ["verify", "--json", "--token-file", "FILE"], secret: "AA|5432154321543210|\(Stack.ours.secret)", expect: 1)
            try await doorman(["revoke", "--token-file", "FILE"], secret: token, expect: 0)
            // Only an exchange prints a token, which is the new token.
            let exchange = try ChildProcess.ours("doorman", ["exchange", code, "--address", "127.0.0.1:\(port)"])
            #expect(try await exchange.ending() == 0, "\(exchange.allOutput)")
            let exchanged = try #require(exchange.allOutput.firstMatch(of: /EMAW[A-Za-z0-9]+/)).output
            try await doorman(["exchange", "--code-file", "FILE"], secret: code, expect: 1)

            printed += try await Self.answersToHTTPRequests(planted: planted, port: port)

            // The provider fails in every way while tokens are verified.
            for fault in ["service-unavailable", "bad-gateway", "truncated-json", "reset", "throttled"] {
                _ = try await emulate(provider, "fault?name=\(fault)")
                try await doorman(["verify", "--token-file", "FILE"], secret: "\(planted)\(fault.count)", expect: 3)
            }
            let commandLine = doormand.commandLine
            provider.program.terminate()
            _ = try await provider.program.ending()
            try await doorman(["verify", "--token-file", "FILE"], secret: planted + "x", expect: 3)
            doormand.terminate()
            #expect(try await doormand.ending() == 0)

            printed += doormand.allOutput + provider.program.allOutput + commandLine
            #expect(doormand.allOutput.contains("listening"))
            for (name, secret) in [
                ("token", token), ("planted token", planted), ("code", code), ("exchanged token", String(exchanged)),
                ("app secret", Stack.ours.secret),
            ] {
                #expect(!printed.contains(secret), "the \(name) was printed")
            }
            #expect(printed.firstMatch(of: /appsecret_proof|access_token=|[0-9a-f]{64}/) == nil)
        }
    }

    @Test("doormand does not start with invalid settings")
    func badSettings() async throws {
        let run = try ChildProcess.ours("doormand", ["--cache-tll", "1s", "--server-address", "nowhere"])
        #expect(try await run.ending() == 64)
        #expect(run.allOutput.contains("did you mean --cache-ttl?"))
        let check = try ChildProcess.ours("doormand", ["--check-config"])
        #expect(try await check.ending() == 78)
        #expect(check.allOutput.contains("no provider is set"))
        let good = try ChildProcess.ours(
            "doormand", ["--check-config", "--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123"])
        #expect(try await good.ending() == 0)
        let printed = try ChildProcess.ours("doormand", ["--print-config"], environment: ["DOORMAN_CACHE_TTL": "5s"])
        #expect(try await printed.ending() == 0)
        #expect(printed.allOutput.contains("ttl: 5s  # environment variable DOORMAN_CACHE_TTL"))
    }

    @Test("doormand accepts connections again after it ran out of descriptors")
    func noDescriptors() async throws {
        try await withTemporaryFolder { folder in
            let portFile = folder.appendingPathComponent("doormand.port")
            let doormand = try ChildProcess(
                "sh",
                [
                    "-c", #"ulimit -n 48; exec "$0" "$@""#, ChildProcess.built("doormand"), "--account-kit-url",
                    "http://127.0.0.1:1", "--account-kit-application-id", "123",
                    "--server-address", "127.0.0.1:0", "--server-port-file", portFile.path,
                ], environment: ["SWIFT_BACKTRACE": "enable=no"])
            let port = try await doormand.port(from: portFile)
            let crowd = try (0..<100).map { _ in try RawPeer.connect(port: port) }
            try await eventually("a log line") { doormand.errorOutput.contains("connections can't be accepted") }
            for peer in crowd { peer.close() }
            let client = DoormanClient(target: .hostAndPort("127.0.0.1", port))
            let status = try await client.health(timeout: .seconds(20))
            #expect(status == .serving)
            await client.close()
            doormand.terminate()
            #expect(try await doormand.ending() == 0, "\(doormand.allOutput)")
        }
    }

    @Test("the last line of a start that failed is its cause, and names the folder of a Unix socket")
    func failedStart() async throws {
        var settings = EmulatorSettings(port: 0)
        settings.apps = [Stack.ours]
        let emulator = try AccountKitEmulator(
            settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        emulator.setFault(.hang, for: nil)
        try await withTemporaryFolder { folder in
            let secret = folder.appendingPathComponent("secret")
            try Stack.ours.secret.write(to: secret, atomically: true, encoding: .utf8)
            let missing = folder.appendingPathComponent("missing").path
            let run = try ChildProcess.ours(
                "doormand",
                [
                    "--server-unix-socket", missing + "/x.sock", "--server-address", "127.0.0.1:0", "--account-kit-url",
                    emulator.baseURL,
                    "--account-kit-application-id", Stack.ours.id, "--account-kit-app-secret-file", secret.path,
                ])
            #expect(try await run.ending() == 1)
            #expect(
                run.errorOutput.hasSuffix(
                    "doormand: cannot listen on \(missing)/x.sock: the lock file beside it can't be opened: No such file or directory; "
                        + "create the folder \(missing), or choose another server.unix-socket\n"), "\(run.errorOutput)")
            #expect(!run.errorOutput.contains("could not be checked"), "\(run.errorOutput)")
        }
        try await emulator.stop()
    }

    @Test("a host name that can't be resolved ends doormand with a sentence")
    func unknownHost() async throws {
        let run = try ChildProcess.ours(
            "doormand",
            [
                "--server-address", "nohost.invalid:0", "--server-allow-plaintext-from-network", "true",
                "--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123",
            ])
        #expect(try await run.ending() == 1)
        #expect(
            run.errorOutput.hasSuffix(
                "doormand: cannot listen on nohost.invalid:0: the host name could not be resolved: check server.address\n"),
            "\(run.errorOutput)")
    }

    @Test("an address in use ends doormand with an error that names it")
    func addressInUse() async throws {
        try await Stack.run { stack in
            let run = try ChildProcess.ours(
                "doormand",
                [
                    "--server-address", "127.0.0.1:\(stack.port)", "--account-kit-url", "http://127.0.0.1:1",
                    "--account-kit-application-id", "123",
                ])
            #expect(try await run.ending() == 1)
            let sentence =
                "doormand: cannot listen on 127.0.0.1:\(stack.port): address already in use: another process listens there; "
                + "stop it, or choose another server.address\n"
            #expect(run.errorOutput.hasSuffix(sentence), "\(run.allOutput)")
        }
    }
}
