import Foundation
import TestKit
import Testing

@Suite("doorman bench")
struct BenchTests {
    /// Starts `doorman bench` against the stack with these tokens.
    private func start(_ stack: Stack, _ tokens: [String], _ arguments: [String]) throws -> ChildProcess {
        try ChildProcess(
            ChildProcess.built("doorman"),
            ["bench", "--token-file", "-", "--address", "127.0.0.1:\(stack.port)", "--timeout", "20s"] + arguments,
            environment: ["SWIFT_BACKTRACE": "enable=no"], input: tokens.map { $0 + "\n" }.joined())
    }

    private static let short = ["--warm-up", "50ms", "--duration", "500ms", "--connections", "3"]

    /// Decodes the JSON object that the program prints.
    private func json(_ program: ChildProcess) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any])
    }

    @Test("exits with 0 after a run with good tokens")
    func good() async throws {
        try await Stack.run { stack in
            try await withTemporaryFolder { folder in
                let plot = folder.appendingPathComponent("latency.svg")
                let tokens = try ["+15551234567", "+15557654321"].map { try stack.emulator.logIn(phone: $0) }
                let program = try start(stack, tokens, Self.short + ["--depth", "4", "--plot", plot.path, "--progress"])
                #expect(try await program.ending() == 0, "\(program.allOutput)")
                #expect(program.output.contains("load:         3 connections × 4 calls, closed loop\n"))
                #expect(program.output.contains("unavailable:  0\n") && program.output.contains("  p99.99:"))
                #expect(program.errorOutput.hasSuffix(" responses\n"), "\(program.errorOutput)")
                let svg = try String(contentsOf: plot, encoding: .utf8)
                #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
                // One provider request per token at any load.
                #expect(stack.providerRequests == 2)
                for token in tokens {
                    #expect(!program.allOutput.contains(token) && !svg.contains(token) && !program.commandLine.contains(token))
                }
            }
        }
    }

    @Test("exits with 1 after a rejected token")
    func rejected() async throws {
        try await Stack.run { stack in
            let good = try stack.emulator.logIn(phone: "+15551234567")
            let bad = "EMAWthistokenisnobodys0123456789"
            let program = try start(stack, [good, bad], Self.short + ["--rate", "200", "--json"])
            #expect(try await program.ending() == 1, "\(program.allOutput)")
            let report = try json(program)
            #expect(report["calls"] as? Int == 100)
            #expect(report["identified"] as? Int == 50)
            #expect(report["rejected"] as? [String: Int] == ["TOKEN_REJECTED": 50])
            #expect(program.errorOutput.filter { $0 == "\n" }.count == 1)
            #expect(!program.allOutput.contains(bad) && !program.allOutput.contains(good))
        }
    }

    @Test("reports after Ctrl-C")
    func interrupted() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let program = try start(stack, [token], ["--warm-up", "0s", "--duration", "1h", "--json", "--progress"])
            try await eventually("responses") { program.errorOutput.contains("responses") }
            program.interrupt()
            #expect(try await program.ending() == 0, "\(program.allOutput)")
            let report = try json(program)
            #expect(report["ending"] as? String == "interrupted")
            #expect((report["identified"] as? Int).map { $0 > 0 } == true)
        }
    }

    @Test("exits with 3 if the server goes away")
    func goesAway() async throws {
        try await Stack.run { stack in
            let token = try stack.emulator.logIn(phone: "+15551234567")
            let program = try start(stack, [token], ["--warm-up", "0s", "--duration", "1h", "--json", "--progress"])
            try await eventually("responses") { program.errorOutput.contains("responses") }
            await stack.server.drain()
            #expect(try await program.ending() == 3, "\(program.allOutput)")
            #expect(try json(program)["ending"] as? String == "connections_lost")
        }
    }

    @Test("exits with 3 if no doormand listens at the address")
    func wrongAddress() async throws {
        try await Stack.run { stack in
            let emulator = stack.emulator.baseURL.replacingOccurrences(of: "http://", with: "")
            for (address, timeout, reason) in [
                ("unix:/nonexistent/doorman.sock", "500ms", "UNREACHABLE"), (emulator, "20s", "PROTOCOL_VIOLATION"),
            ] {
                let program = try ChildProcess(
                    ChildProcess.built("doorman"), ["bench", "--token-file", "-", "--address", address, "--timeout", timeout],
                    input: "EMAWtoken\n")
                #expect(try await program.ending() == 3, "\(program.allOutput)")
                #expect(program.errorOutput.contains(reason) && program.output.isEmpty, "\(program.allOutput)")
            }
        }
    }

    @Test(
        "exits with 2 after wrong use",
        arguments: [
            [], ["--token-file", "/nonexistent/tokens"], ["--token-file", "-"], ["--token-file", "-", "--connections", "0"],
            ["--token-file", "-", "--depth", "1025"], ["--token-file", "-", "--rate", "0"],
            ["--token-file", "-", "--threads", "65"], ["--token-file", "-", "--duration", "0s"],
            ["--token-file", "-", "--max-age", "10ms"],
            ["--token-file", "-", "EMAWthistokenisintheplaceofnothing"],
        ])
    func wrongUse(arguments: [String]) async throws {
        let program = try ChildProcess(ChildProcess.built("doorman"), ["bench", "--address", "127.0.0.1:1"] + arguments)
        #expect(try await program.ending() == 2, "\(program.allOutput)")
        #expect(program.output.isEmpty)
        #expect(program.errorOutput.hasPrefix("doorman: ") && program.errorOutput.filter { $0 == "\n" }.count == 1)
        #expect(!program.errorOutput.contains("EMAW"))
    }
}
