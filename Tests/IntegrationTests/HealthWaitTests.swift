import DoormanServer
import Foundation
import TestKit
import Testing

@Suite("doorman health --wait", .timeLimit(.minutes(2)))
struct HealthWaitTests {
    private func wait(_ address: String, _ arguments: [String]) throws -> ChildProcess {
        try ChildProcess.ours("doorman", ["health", "--address", address] + arguments)
    }

    @Test("returns once the server has started")
    func starts() async throws {
        try await withTemporaryFolder { folder in
            let socket = folder.appendingPathComponent("doorman.sock").path
            let waiting = try wait("unix:\(socket)", ["--wait", "1m"])
            let doormand = try ChildProcess.ours(
                "doormand",
                [
                    "--server-address", "", "--server-unix-socket", socket, "--account-kit-url", "http://127.0.0.1:1",
                    "--account-kit-application-id", "123",
                ])
            #expect(try await waiting.ending() == 0, "\(waiting.allOutput) \(doormand.allOutput)")
            #expect(waiting.output == "serving\n" && waiting.errorOutput.isEmpty)
            doormand.terminate()
            #expect(try await doormand.ending() == 0)
        }
    }

    @Test("waits while the provider does not respond to the first request")
    func hangingProvider() async throws {
        try await ScriptedHTTPServer.run({ _ in nil }) { provider in
            try await withTemporaryFolder { folder in
                let (portFile, secretFile) = (folder.appendingPathComponent("port"), folder.appendingPathComponent("secret"))
                try (Stack.ours.secret + "\n").write(to: secretFile, atomically: true, encoding: .utf8)
                let doormand = try ChildProcess.ours(
                    "doormand",
                    [
                        "--server-address", "127.0.0.1:0", "--server-port-file", portFile.path, "--account-kit-url", provider.url,
                        "--account-kit-application-id", Stack.ours.id, "--account-kit-app-secret-file", secretFile.path,
                        "--provider-request-timeout", "5s", "--provider-call-timeout", "5s",
                    ])
                let address = "127.0.0.1:\(try await doormand.port(from: portFile))"
                let once = try wait(address, [])
                #expect(try await once.ending() == 3, "\(once.allOutput) \(doormand.allOutput)")
                #expect(once.output == "not serving\n")
                let waiting = try wait(address, ["--wait", "1m"])
                #expect(try await waiting.ending() == 0, "\(waiting.allOutput) \(doormand.allOutput)")
                #expect(waiting.output == "serving\n" && waiting.errorOutput.isEmpty)
                doormand.terminate()
                #expect(try await doormand.ending() == 0)
            }
        }
    }

    @Test("gives up after its time with the last error")
    func givesUp() async throws {
        let waiting = try wait("unix:/nonexistent/doorman.sock", ["--wait", "300ms"])
        #expect(try await waiting.ending() == 3)
        #expect(waiting.output.isEmpty && waiting.errorOutput.contains("UNREACHABLE"), "\(waiting.allOutput)")
        #expect(waiting.errorOutput.filter { $0 == "\n" }.count == 1)
    }

    @Test("does not wait if another kind of server listens")
    func otherServer() async throws {
        try await Stack.run { stack in
            let address = stack.emulator.baseURL.replacingOccurrences(of: "http://", with: "")
            let waiting = try wait(address, ["--wait", "10m", "--timeout", "20s"])
            #expect(try await waiting.ending() == 3)
            #expect(waiting.errorOutput.contains("PROTOCOL_VIOLATION"), "\(waiting.allOutput)")
        }
    }
}
