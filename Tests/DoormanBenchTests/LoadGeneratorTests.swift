import DoormanBench
import DoormanClient
import DoormanCore
import DoormanServer
import TestKit
import Testing

@Suite("a load over sockets", .timeLimit(.minutes(2)))
struct LoadGeneratorTests {
    private static let good = Token("EMAWgood")
    private static let bad = Token("EMAWbad")

    /// Short, but not so short that a slow machine measures nothing.
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

    @Test("in a closed loop every call is answered, on one thread or several", arguments: [1, 2, 7])
    func closedLoop(threads: Int) async throws {
        try await withServer { _, address in
            var settings = settings(address)
            settings.threads = threads
            let report = try await run(settings)
            #expect(report.ending == .timeUp && report.connectionsLost == 0)
            #expect(report.identified > 0 && report.identified == report.calls, "\(report)")
            #expect(report.measured == .milliseconds(500))
            #expect(report.answersPerSecond > 0 && report.bytesSent > 0 && report.bytesReceived > report.bytesSent / 4)
            #expect(report.latency?.count == UInt64(report.calls))
        }
    }

    @Test("at a rate, so many calls are made as are due", arguments: [1, 2])
    func openLoop(threads: Int) async throws {
        try await withServer { _, address in
            var settings = settings(address)
            settings.rate = CallRate(callsPerSecond: 300)
            settings.threads = threads
            let report = try await run(settings)
            #expect(report.identified == 150 && report.calls == 150, "\(report)")
        }
    }

    @Test("at a rate that is too high, answers are read nevertheless")
    func tooHighRate() async throws {
        try await withServer { _, address in
            var settings = settings(address)
            // Some times what a debug build can do, and not so much that counting what is due is all that it does.
            settings.rate = CallRate(callsPerSecond: 50_000)
            settings.duration = .seconds(2)
            settings.callTimeout = .milliseconds(100)
            let report = try await run(settings)
            #expect(report.calls == 100_000 && report.failed["NOT_SENT"].map { $0 > 0 } == true, "\(report.failed)")
            // Far more than have room in the slots at once.
            #expect(report.identified > 60, "\(report.identified)")
        }
    }

    @Test("a rejected token is no failure to ask")
    func rejected() async throws {
        try await withServer { _, address in
            let report = try await run(settings(address), tokens: [Self.good, Self.bad])
            #expect(report.rejected.keys.sorted() == ["TOKEN_REJECTED"] && report.failed.isEmpty, "\(report)")
            #expect(report.identified > 0 && report.rejectedCount > 0)
        }
    }

    @Test("a server that never answers costs each call its time, and no more")
    func hangs() async throws {
        try await Impostor.hangs.run { address in
            var settings = settings(address)
            settings.callTimeout = .milliseconds(200)
            let report = try await run(settings)
            #expect(report.ending == .timeUp)
            #expect(report.failed.keys.sorted() == ["DEADLINE"] && report.identified == 0, "\(report)")
            #expect(report.answersPerSecond == 0)
        }
    }

    @Test(
        "a server that closes every connection ends it early",
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

    @Test("a server that drains meanwhile is said to, and left alone")
    func drains() async throws {
        try await withServer { server, address in
            var settings = settings(address)
            settings.duration = .seconds(60)
            let report = try await run(settings) { generator in
                try await eventually("it answers") { await generator.progress()?.hasAnswers == true }
                await server.drain()
            }
            #expect(report.ending == .connectionsLost && report.identified > 0, "\(report)")
            #expect(report.failed.keys.allSatisfy { ["DRAINING", "CONNECTION_LOST"].contains($0) }, "\(report)")
        }
    }

    @Test("stopped or cut off, it reports what was measured until then", arguments: [true, false], [Impostor?.none, .hangs])
    func stopped(gently: Bool, impostor: Impostor?) async throws {
        func check(_ address: DoormanTarget) async throws {
            var settings = settings(address)
            settings.warmUp = .zero
            settings.duration = .seconds(60)
            if gently { settings.callTimeout = .milliseconds(300) }
            let report = try await run(settings) { generator in
                try await eventually("it began") {
                    guard let progress = await generator.progress() else { return false }
                    return progress.hasAnswers || impostor != nil
                }
                if gently { generator.stop() } else { generator.cutOff() }
            }
            #expect(report.ending == .interrupted && report.measured < .seconds(30), "\(report)")
            #expect(impostor == nil ? report.identified > 0 : report.identified == 0)
        }
        if let impostor { try await impostor.run(check) } else { try await withServer { try await check($1) } }
    }

    @Test("where nobody listens no call is made, and the reason is given")
    func nobodyThere() async throws {
        var port: DoormanTarget?
        try await Impostor.hangs.run { port = $0 }
        for address in [try #require(port), .unixSocket(path: "/nonexistent/doorman.sock")] {
            await #expect(throws: CannotConnect.self) { try await run(settings(address)) }
        }
    }

    @Test("where no TLS handshake comes about no call is made, in the time that connecting may take", arguments: Impostor.allCases)
    func noHandshake(impostor: Impostor) async throws {
        try await impostor.run { address in
            var settings = settings(address)
            settings.tls = DoormanTLS()
            settings.connectTimeout = .milliseconds(300)
            await #expect(throws: CannotConnect.self) { try await run(settings) }
        }
    }

    @Test("a file of TLS that can't be used is said before anything is opened")
    func badFile() async throws {
        var settings = settings(.hostAndPort("127.0.0.1", 1))
        settings.tls = DoormanTLS(trust: .file(path: #filePath))
        await #expect { try await run(settings) } throws: { error in
            (error as? CannotConnect).map { "\($0)".contains("connection 1 of 3") && !"\($0)".contains("rejected") } == true
        }
    }

    @Test("no token is in anything that can be printed of a load")
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
    var hasAnswers: Bool { text.contains("answers") && !text.contains(" 0 answers") }
}
