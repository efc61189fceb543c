import DoormanBench
import DoormanClient
import DoormanCore
import DoormanServer
import TestKit
import Testing

@Suite("A load over sockets", .timeLimit(.minutes(2)))
struct LoadGeneratorTests {
    private static let good = Token("EMAWgood")
    private static let bad = Token("EMAWbad")

    /// Returns settings of a short run. Shorter runs measure nothing on slow machines.
    private func settings(_ address: DoormanTarget) -> BenchSettings {
        var settings = BenchSettings(address: address)
        settings.connections = 3
        settings.depth = 2
        settings.warmUp = .milliseconds(50)
        settings.duration = .milliseconds(500)
        settings.callTimeout = .seconds(20)
        settings.connectTimeout = .seconds(20)
        return settings
    }

    private func run(
        _ settings: BenchSettings, tokens: [Token] = [good], meanwhile: (LoadGenerator) async throws -> Void = { _ in }
    ) async throws -> BenchReport {
        let generator = LoadGenerator(settings: settings, frames: try RequestFrames(tokens, settings: settings))
        async let report = generator.run()
        let outcome: Result<BenchReport, any Error>
        do {
            try await meanwhile(generator)
            outcome = .success(try await report)
        } catch {
            generator.cutOff()
            outcome = .failure(error)
        }
        await generator.shutDown()
        return try outcome.get()
    }

    @Test("gets a response to every call of a closed loop", arguments: [1, 2, 7])
    func closedLoop(threads: Int) async throws {
        try await withServer { _, address in
            var settings = settings(address)
            settings.threads = threads
            let report = try await run(settings)
            #expect(report.ending == .timeUp && report.connectionsLost == 0)
            #expect(report.identified > 0 && report.identified == report.calls, "\(report)")
            #expect(report.measured == .milliseconds(500))
            #expect(report.responsesPerSecond > 0 && report.bytesSent > 0 && report.bytesReceived > report.bytesSent / 4)
            #expect(report.latency?.count == UInt64(report.calls))
        }
    }

    @Test("makes every call that is due in an open loop", arguments: [1, 2])
    func openLoop(threads: Int) async throws {
        try await withServer { _, address in
            var settings = settings(address)
            settings.rate = CallRate(callsPerSecond: 300)
            settings.threads = threads
            let report = try await run(settings)
            #expect(report.identified == 150 && report.calls == 150, "\(report)")
        }
    }

    @Test("reads responses at a rate that is too high")
    func tooHighRate() async throws {
        try await withServer { _, address in
            var settings = settings(address)
            // Several times the capacity of a debug build, but low enough to leave time for more than counting due calls.
            settings.rate = CallRate(callsPerSecond: 50_000)
            settings.duration = .seconds(2)
            settings.callTimeout = .milliseconds(100)
            let report = try await run(settings)
            #expect(report.calls == 100_000 && report.failed["NOT_SENT"].map { $0 > 0 } == true, "\(report.failed)")
            // Far more calls than slots.
            #expect(report.identified > 60, "\(report.identified)")
        }
    }

    @Test("counts a rejected token apart from failures")
    func rejected() async throws {
        try await withServer { _, address in
            let report = try await run(settings(address), tokens: [Self.good, Self.bad])
            #expect(report.rejected.keys.sorted() == ["TOKEN_REJECTED"] && report.failed.isEmpty, "\(report)")
            #expect(report.identified > 0 && report.rejectedCount > 0)
        }
    }

    @Test("gives up each call to a silent server after its timeout")
    func hangs() async throws {
        try await Impostor.hangs.run { address in
            var settings = settings(address)
            settings.callTimeout = .milliseconds(200)
            let report = try await run(settings)
            #expect(report.ending == .timeUp)
            #expect(report.failed.keys.sorted() == ["DEADLINE"] && report.identified == 0, "\(report)")
            #expect(report.responsesPerSecond == 0)
        }
    }

    @Test(
        "ends early if the server closes every connection",
        arguments: [(Impostor.closes, "CONNECTION_LOST"), (.speaksHTTP, "PROTOCOL_VIOLATION")])
    func closes(impostor: Impostor, reason: String) async throws {
        try await impostor.run { address in
            var settings = settings(address)
            settings.warmUp = .zero
            settings.duration = .seconds(60)
            let report = try await run(settings)
            #expect(report.ending == .connectionsLost && report.connectionsLost == 3)
            #expect(report.failed == [reason: 6], "\(report)")
        }
    }

    @Test("sends no calls to a draining server")
    func drains() async throws {
        try await withServer { server, address in
            var settings = settings(address)
            settings.duration = .seconds(60)
            let report = try await run(settings) { generator in
                try await eventually("a response") { await generator.progress()?.hasResponses == true }
                await server.drain()
            }
            #expect(report.ending == .connectionsLost && report.identified > 0, "\(report)")
            #expect(report.measured < settings.duration, "the time after the drain counts: \(report)")
            #expect(report.failed.keys.allSatisfy { ["DRAINING", "CONNECTION_LOST"].contains($0) }, "\(report)")
        }
    }

    @Test("reports the measured time when it is stopped early", arguments: [true, false], [Impostor?.none, .hangs])
    func stopped(gently: Bool, impostor: Impostor?) async throws {
        func check(_ address: DoormanTarget) async throws {
            var settings = settings(address)
            settings.warmUp = .zero
            settings.duration = .seconds(60)
            if gently { settings.callTimeout = .milliseconds(300) }
            let report = try await run(settings) { generator in
                try await eventually("the first call") {
                    guard let progress = await generator.progress() else { return false }
                    return progress.hasResponses || impostor != nil
                }
                if gently { generator.stop() } else { generator.cutOff() }
            }
            #expect(report.ending == .interrupted && report.measured < .seconds(30), "\(report)")
            #expect(impostor == nil ? report.identified > 0 : report.identified == 0)
        }
        if let impostor { try await impostor.run(check) } else { try await withServer { try await check($1) } }
    }

    @Test("fails if it can't connect")
    func cannotConnect() async throws {
        var port: DoormanTarget?
        try await Impostor.hangs.run { port = $0 }
        for address in [try #require(port), .unixSocket(path: "/nonexistent/doorman.sock")] {
            await #expect(throws: CannotConnect.self) { try await run(settings(address)) }
        }
    }

    @Test("fails without a TLS handshake within the connect timeout", arguments: Impostor.allCases)
    func noHandshake(impostor: Impostor) async throws {
        try await impostor.run { address in
            var settings = settings(address)
            settings.tls = DoormanTLS()
            settings.connectTimeout = .milliseconds(300)
            await #expect(throws: CannotConnect.self) { try await run(settings) }
        }
    }

    @Test("rejects an invalid TLS file before it opens a connection")
    func badFile() async throws {
        var settings = settings(.hostAndPort("127.0.0.1", 1))
        settings.tls = DoormanTLS(trust: .file(path: #filePath))
        await #expect { try await run(settings) } throws: { error in
            (error as? CannotConnect).map { "\($0)".contains("connection 1 of 3") && !"\($0)".contains("rejected") } == true
        }
    }

    @Test("shows no token when its parts are printed")
    func redaction() async throws {
        try await withServer { _, address in
            let settings = settings(address)
            let frames = try RequestFrames([Self.good], settings: settings)
            let report = try await run(settings)
            for text in ["\(frames)", String(reflecting: frames), "\(report)", String(reflecting: report)] {
                #expect(!text.contains("EMAW") && !text.contains("454d4157") && !text.contains("45 4d 41 57"))
            }
        }
    }
}

extension BenchProgress {
    var hasResponses: Bool { text.contains("responses") && !text.contains(" 0 responses") }
}
