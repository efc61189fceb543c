import AccountKitEmulator
import Foundation
import TestKit
import Testing

/// Existing clients of gRPC. `Scripts/setup --all` installs them except for those of C++ and Java, whose packages are large: the page
/// docs/how-to/grpc.md has them. A client that is missing is skipped.
@Suite("Clients of gRPC", .serialized, .timeLimit(.minutes(10)))
struct GRPCClientTests {
    /// The time in seconds for which callers give up their calls, and for which servers are under load.
    private static var load: Int { TestSize.isFull ? 60 : 4 }

    /// Plays a scenario to its end.
    private static func play(_ command: [String], _ scenario: String, _ arguments: [String]) async throws {
        let process = try ChildProcess(command[0], Array(command.dropFirst()) + [scenario] + arguments)
        let status = try await process.ending(within: .seconds(120))
        #expect(status == 0, "\(scenario): \(process.allOutput.suffix(2000))")
        #expect(process.output.hasSuffix("all is well\n"), "\(scenario): \(process.allOutput.suffix(2000))")
    }

    @Test("a client gets verdicts, failures with their hints, deadlines", arguments: GRPCClient.installed)
    func calls(client: GRPCClient) async throws {
        try await DoormandGroup.run(1) { servers, folder in
            let command = try await client.prepare(in: folder)
            let cached = try await servers.cachedToken()
            let address = servers.address(0)
            try await Self.play(command, "verdicts", [address, try servers.emulator.logIn(phone: "+15551234567")])
            let other = try servers.emulator.logIn(phone: "+15551234567")
            servers.emulator.setFault(.hang, for: .me)
            try await Self.play(command, "deadline", [address, other])
            try await Self.play(command, "cancellations", [address, other, cached, "\(Self.load)"])
            servers.emulator.setFault(.tooManyRequests(retryAfterSeconds: 2), for: .me)
            // The circuit breaker, which the hanging provider has opened, lets a call through in time.
            try await eventually("the provider throttles", within: .seconds(60)) {
                let process = try ChildProcess(command[0], Array(command.dropFirst()) + ["unavailable", address, other])
                return try await process.ending() == 0
            }
            if client == .node { try await Self.play(command, "pings", [address, cached, "20000"]) }
            for violation in ["HTTP/2: ", "the peer reset too many"] {
                #expect(!servers.programs[0].allOutput.contains(violation), "\(servers.programs[0].allOutput)")
            }
        }
    }

    @Test("no call fails while a server drains under load", arguments: GRPCClient.installed)
    func drain(client: GRPCClient) async throws {
        try await DoormandGroup.run(2) { servers, folder in
            let command = try await client.prepare(in: folder)
            let token = try await servers.cachedToken()
            let addresses = "\(client == .grpcio ? "ipv4:" : "")\(servers.address(0)),\(servers.address(1))"
            let process = try ChildProcess(
                command[0], Array(command.dropFirst()) + ["drain", addresses, token, "\(Self.load)"])
            try await eventually("the load has begun", within: .seconds(30)) {
                process.output.contains("ready") || !process.isRunning
            }
            try await Task.sleep(for: .milliseconds(500))
            servers.programs[0].terminate()
            #expect(try await process.ending(within: .seconds(120)) == 0, "\(process.allOutput.suffix(2000))")
            #expect(process.output.hasSuffix("all is well\n"), "\(process.allOutput.suffix(2000))")
        }
    }

    @Test("a client of Envoy's ext_authz gets a decision, whatever fails", .enabled(if: GRPCClient.installed.contains(.grpcio)))
    func extAuthz() async throws {
        try await DoormandGroup.run(1) { servers, folder in
            let command = try await GRPCClient.grpcio.prepare(in: folder)
            try await Self.play(command, "ext_authz", [servers.address(0), try await servers.cachedToken()])
            servers.emulator.setFault(.tooManyRequests(retryAfterSeconds: 2), for: .me)
            let other = try servers.emulator.logIn(phone: "+15551234567")
            try await Self.play(command, "ext_authz_unavailable", [servers.address(0), other])
        }
        try await DoormandGroup.run(1, Self.shortDeadline) { servers, folder in
            let command = try await GRPCClient.grpcio.prepare(in: folder)
            servers.emulator.setFault(.hang, for: .me)
            let token = try servers.emulator.logIn(phone: "+15551234567")
            try await Self.play(command, "ext_authz_deadline", [servers.address(0), token])
        }
    }

    /// A deadline for calls without one, which comes before the time-out of a provider request.
    private static let shortDeadline = ["--server-default-call-timeout", "500ms"]

    @Test("buf curl calls with the descriptor set of the repository", .enabled(if: GRPCClient.hasBuf))
    func bufCurl() async throws {
        try await DoormandGroup.run(1) { servers, folder in
            let port = servers.ports[0]
            let good = try await GRPCClient.bufCurl(verifying: try await servers.cachedToken(), port: port, in: folder)
            #expect(good.status == 0)
            #expect(good.output.contains("+15551234567"), "\(good)")
            let bad = try await GRPCClient.bufCurl(verifying: "EMAWnobodys", port: port, in: folder)
            #expect(bad.status == 16 * 8)
            #expect(try bad.failure.code == "unauthenticated")
            #expect(try bad.failure.reason == "TOKEN_REJECTED", "\(bad)")
            let health = try await GRPCClient.bufCurl("grpc.health.v1.Health/Check", "{}", port: port, in: folder)
            #expect(health.output.contains(#""SERVING""#), "\(health)")
            servers.emulator.setFault(.tooManyRequests(retryAfterSeconds: 2), for: .me)
            let other = try servers.emulator.logIn(phone: "+15551234567")
            let busy = try await GRPCClient.bufCurl(verifying: other, port: port, in: folder)
            #expect(busy.status == 14 * 8)
            #expect(try busy.failure.code == "unavailable")
            #expect(try busy.failure.reason == "PROVIDER_BUSY", "\(busy)")
            let hint = try #require(try busy.failure.detail("google.rpc.RetryInfo"), "\(busy)")
            #expect(hint.bytes[1]?.isEmpty == false)
        }
    }

    @Test("buf curl gets the server's deadline", .enabled(if: GRPCClient.hasBuf))
    func bufCurlDeadline() async throws {
        try await DoormandGroup.run(1, Self.shortDeadline) { servers, folder in
            servers.emulator.setFault(.hang, for: .me)
            let token = try servers.emulator.logIn(phone: "+15551234567")
            let late = try await GRPCClient.bufCurl(verifying: token, port: servers.ports[0], in: folder)
            #expect(late.status == 4 * 8)
            // The contract has no reason for this code.
            #expect(try late.failure.code == "deadline_exceeded", "\(late)")
        }
    }
}
