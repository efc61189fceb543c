internal import ArgumentParser
internal import DoormanBench
internal import DoormanClient
internal import DoormanFiles
internal import DoormanSupport
internal import UnixSignals

/// `doorman bench`: measures throughput and latency of a server.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the throughput and latency of a server.",
        discussion: """
            Verifies the tokens of a file repeatedly, and reports throughput, latency and failures. Without --rate the load is a \
            closed loop: each call begins when the previous call has ended. With --rate the load is an open loop: calls are due at \
            a fixed rate, and latency counts from the due time, which avoids coordinated omission. --timeout applies to connecting \
            and to each call. Ctrl-C ends the run early, and a second Ctrl-C ends it at once. The exit code is 3 if a call was \
            unavailable, otherwise 1 if a token was rejected.
            """)

    @Option(
        name: [.customShort("t"), .long],
        help: ArgumentHelp("File with the tokens, one per line. '-' reads standard input.", valueName: "file"),
        completion: .file())
    var tokenFile: String

    @Option(help: ArgumentHelp("Number of connections.", valueName: "number"))
    var connections = 10

    @Option(help: ArgumentHelp("Maximum calls in flight per connection.", valueName: "number"))
    var depth = 1

    @Option(help: ArgumentHelp("Number of threads that make the calls.", valueName: "number"))
    var threads = 1

    @Option(help: ArgumentHelp("Calls per second over all connections, in an open loop.", valueName: "number"))
    var rate: Int?

    @Option(
        help: ArgumentHelp("Time to measure. (default: 10s)", valueName: "duration"), transform: Duration.init(option:))
    var duration: Duration?

    @Option(
        help: ArgumentHelp("Time to make calls before the measurement; 0s for none. (default: 2s)", valueName: "duration"),
        transform: { $0 == "0s" ? .zero : try Duration(option: $0) })
    var warmUp: Duration?

    @Option(
        help: ArgumentHelp("Maximum age of a cached verdict, at least 1s: 30s, 5m.", valueName: "duration"),
        transform: Duration.init(option:))
    var maxAge: Duration?

    @Option(help: ArgumentHelp("Application that the tokens must belong to.", valueName: "id"), transform: String.init(notEmpty:))
    var application: String?

    @Option(
        help: ArgumentHelp("File that receives a plot of the latency by percentile, as SVG.", valueName: "file"),
        completion: .file())
    var plot: String?

    @Flag(help: "Show progress on standard error, even if it is not a terminal.")
    var progress = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        try BenchSettings.possibleConnections.check(connections, of: "--connections")
        try BenchSettings.possibleDepths.check(depth, of: "--depth")
        try BenchSettings.possibleThreads.check(threads, of: "--threads")
        if let rate { try BenchSettings.possibleRates.check(rate, of: "--rate") }
        if let maxAge, maxAge < .seconds(1) { throw ValidationError("--max-age must be 1s or more") }
    }

    func run() async throws {
        let settings = try settings()
        let frames: RequestFrames
        do {
            frames = try RequestFrames(try TokenFile(path: tokenFile).read(), settings: settings)
        } catch is RequestFrames.TooLong {
            throw ValidationError("a token or the application's id is too long for a call")
        }
        if let plot {
            do throws(FileAccessError) {
                try Self.plotFile(plot).check()
            } catch {
                throw ValidationError("cannot write \(Self.name(ofPlot: plot)): \(error.cause)")
            }
        }
        try await checkHealth()
        let report: BenchReport
        do {
            report = try await run(LoadGenerator(settings: settings, frames: frames))
        } catch let error as CannotConnect {
            try server.fail(FailureReport(DoormanError(.unreachable, "\(error)", isRetryable: true)))
            return
        }
        if let plot, let drawing = report.plot { Self.write(drawing, to: plot) }
        if let line = report.failureLine { StandardStreams.writeError(line) }
        try server.finish(Report(report))
    }

    /// Writes the plot. A failure is printed and does not discard the measurement.
    private static func write(_ plot: LatencyPlot, to path: String) {
        do throws(FileAccessError) {
            _ = try plotFile(path).write(plot.svg)
        } catch {
            let line = FailureReport.line("cannot write \(name(ofPlot: path)): \(error.cause)", next: "Check the disk.")
            StandardStreams.writeError(line)
        }
    }

    private static func name(ofPlot path: String) -> String { OptionValue(text: path, source: "--plot").file }

    /// Returns the file of a plot, which replaces an older plot or an empty file.
    private static func plotFile(_ path: String) -> OutputFile {
        let contents = OutputFile.Contents(name: "a plot", maximumBytes: 16 << 20) { $0.isEmpty || $0.starts(with: "<svg ".utf8) }
        return OutputFile(path, holding: contents)
    }

    private func settings() throws -> BenchSettings {
        let choice = try server.choice()
        guard choice.targets.count == 1, let target = choice.targets.first else {
            throw ValidationError("bench measures one server: name a single server with --address")
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

    /// Makes one call before thousands, so that a wrong address fails with the same message as in every other command.
    private func checkHealth() async throws {
        let choice = try server.choice()
        let client = server.makeClient(choice)
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
        case .failure(let error): try server.fail(choice.report(error))
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
}

extension BenchReport {
    /// The plot of the latency, or `nil` if nothing was measured.
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
