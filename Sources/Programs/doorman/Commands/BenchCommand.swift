internal import ArgumentParser
internal import DoormanBench
internal import DoormanClient
internal import DoormanSupport
internal import UnixSignals

/// `doorman bench`: how fast does the server answer?
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast the server answers.",
        discussion: """
            Makes calls to 'verify' the tokens of a file, over and over, and says how many were answered and how long they took. \
            Without --rate each call is made when the one before it was answered; with --rate they are due at that rate whatever \
            the server does, and each counts from when it was due. --timeout is for connecting, and for each call. Ctrl-C ends it \
            early, and a second time at once. The exit code is 3 if any call found the server unavailable, otherwise 1 if any token was rejected.
            """)

    @Option(
        help: ArgumentHelp("Read the tokens from this file, one a line; '-' reads standard input.", valueName: "file"),
        completion: .file())
    var tokenFile: String

    @Option(help: ArgumentHelp("How many connections to open.", valueName: "number"))
    var connections = 10

    @Option(help: ArgumentHelp("How many calls to have in flight on each connection.", valueName: "number"))
    var depth = 1

    @Option(help: ArgumentHelp("How many threads to make the calls on.", valueName: "number"))
    var threads = 1

    @Option(help: ArgumentHelp("How many calls are due a second, over all connections.", valueName: "number"))
    var rate: Int?

    @Option(
        help: ArgumentHelp("How long to measure. (default: 10s)", valueName: "duration"), transform: Duration.init(option:))
    var duration: Duration?

    @Option(
        help: ArgumentHelp("How long to make calls before that; 0s for not at all. (default: 2s)", valueName: "duration"),
        transform: { $0 == "0s" ? .zero : try Duration(option: $0) })
    var warmUp: Duration?

    @Option(
        help: ArgumentHelp("How long ago the provider may have been asked, 1s at least: 30s, 5m.", valueName: "duration"),
        transform: Duration.init(option:))
    var maxAge: Duration?

    @Option(help: ArgumentHelp("The application that the tokens must have been made for.", valueName: "id"))
    var application: String?

    @Option(help: ArgumentHelp("Draw the latency by percentile into this file, as SVG.", valueName: "file"), completion: .file())
    var plot: String?

    @Flag(help: "Say on standard error how far it is, even if that is no terminal.")
    var progress = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        try Self.check(connections, "--connections", BenchSettings.possibleConnections)
        try Self.check(depth, "--depth", BenchSettings.possibleDepths)
        try Self.check(threads, "--threads", BenchSettings.possibleThreads)
        if let rate { try Self.check(rate, "--rate", BenchSettings.possibleRates) }
        if let maxAge, maxAge < .seconds(1) { throw ValidationError("--max-age must be 1s or more") }
    }

    func run() async throws {
        let settings = try settings()
        let frames: RequestFrames
        do {
            frames = try RequestFrames(try TokenFile(path: tokenFile).read(), settings: settings)
        } catch is RequestFrames.TooLong {
            throw ValidationError("a token or the application does not fit into a call")
        }
        if let plot, !StandardStreams.write("", file: plot) { throw ValidationError("'\(plot)' can't be written") }
        try await checkHealth()
        let report: BenchReport
        do {
            report = try await run(LoadGenerator(settings: settings, frames: frames))
        } catch let error as CannotConnect {
            try server.fail(FailureReport(DoormanError(.unreachable, "\(error)", isRetryable: true)))
            return
        }
        if let plot, let drawing = report.plot, !StandardStreams.write(drawing.svg, file: plot) {
            StandardStreams.write(FailureReport.line("'\(plot)' can't be written", next: "Check the disk."), to: .error)
        }
        if let complaint = report.complaint { StandardStreams.write(complaint, to: .error) }
        try server.finish(Report(report))
    }

    private func settings() throws -> BenchSettings {
        let choice = try server.choice()
        guard choice.targets.count == 1, let target = choice.targets.first else {
            throw ValidationError("one server is measured at a time: name one with --address")
        }
        var settings = BenchSettings(address: target)
        settings.tls = choice.tls
        settings.connections = connections
        settings.depth = depth
        settings.threads = threads
        settings.rate = rate.map(CallRate.init(callsPerSecond:))
        if let warmUp { settings.warmUp = warmUp }
        if let duration { settings.duration = duration }
        if let timeout = choice.timeout { (settings.connectTimeout, settings.callTimeout) = (timeout, timeout) }
        settings.maxAge = maxAge
        settings.applicationID = application
        return settings
    }

    /// One call before thousands: whoever is at the wrong address is told so as by every other command.
    private func checkHealth() async throws {
        let client = try server.makeClient()
        let health: Result<HealthStatus, DoormanError>
        do throws(DoormanError) {
            health = .success(try await client.health())
        } catch {
            health = .failure(error)
        }
        await client.close()
        switch health {
        case .success(.serving): return
        case .success(let status): try server.finish(Report(status))
        case .failure(let error): try server.fail(try server.choice().report(error))
        }
    }

    private func run(_ generator: LoadGenerator) async throws -> BenchReport {
        let signals = Task {
            var isStopping = false
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                if isStopping { generator.cutOff() } else { generator.stop() }
                isStopping = true
            }
        }
        let ticker = Task {
            guard self.progress || StandardStreams.errorIsTerminal else { return }
            var progress = Progress(isWanted: self.progress)
            while !Task.isCancelled {
                if let point = await generator.progress() { progress.show(point.text) }
                try? await Task.sleep(for: .milliseconds(100))
            }
            progress.end()
        }
        let report: Result<BenchReport, any Error>
        do {
            report = .success(try await generator.run())
        } catch {
            report = .failure(error)
        }
        for task in [signals, ticker] {
            task.cancel()
            await task.value
        }
        await generator.shutDown()
        return try report.get()
    }

    private static func check(_ value: Int, _ name: String, _ range: ClosedRange<Int>) throws(ValidationError) {
        guard range.contains(value) else {
            throw ValidationError("\(name) must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }
}

extension BenchReport {
    /// Nil if nothing was measured.
    fileprivate var plot: LatencyPlot? {
        latency.map { latency in
            LatencyPlot(
                title: "doorman bench: \(callsPerSecond) calls per second",
                subtitle: "\(load), \(DurationText.describe(measured)): \(NumberText.grouped(calls)) calls, "
                    + "\(NumberText.grouped(rejectedCount)) rejected, \(NumberText.grouped(failedCount)) unavailable",
                latency: latency)
        }
    }
}
