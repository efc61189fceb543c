internal import ArgumentParser
internal import DoormanClient
internal import DoormanSupport

/// `doorman health`: checks whether the server takes calls.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Check whether the server takes calls.",
        usage: "doorman health [<options>]",
        discussion: """
            Exit code 0 means that the server is serving. Exit code 3 means that it is starting, draining or unreachable. A \
            server starts until its first request to each provider has ended, well or not.

            With --wait the check is repeated until the server is serving or the time is over. --timeout then applies to each \
            check. Waiting ends early if another program listens at the address, or if the service is unknown.
            """)

    @Option(help: ArgumentHelp("Service to check: doorman.v1.Auth. By default the whole server.", valueName: "name"))
    var service = ""

    @Option(
        defaultAsFlag: HealthWait.standard, parsing: .next,
        help: ArgumentHelp("Maximum time to wait until the server is serving.", valueName: "duration"),
        transform: HealthWait.init(parsing:))
    var wait: HealthWait? = nil

    @OptionGroup var server: ServerOptions

    func run() async throws {
        guard let wait else {
            return try await server.run { client throws(DoormanError) in Report(try await client.health(service: service)) }
        }
        let timeout = try server.choice().timeout ?? HealthWait.clientSettings.timeout
        var progress = Progress(isWanted: false)
        try await server.run(settings: HealthWait.clientSettings) { client throws(DoormanError) in
            let result = await wait.run(timeout: timeout) { timeout, last in
                if let last { progress.show("waiting: \(last.summary)") }
                return await client.health(of: service, timeout)
            }
            progress.clear()
            return Report(try result.get())
        }
    }
}

extension DoormanClient {
    fileprivate func health(of service: String, _ timeout: Duration) async -> HealthWait.CheckResult {
        do throws(DoormanError) {
            return .success(try await health(service: service, timeout: timeout))
        } catch {
            return .failure(error)
        }
    }
}

extension HealthWait.CheckResult {
    fileprivate var summary: String {
        switch self {
        case .success(let status): Report(status).text.filter { !$0.isNewline }
        case .failure(let error): error.message.printable
        }
    }
}

/// `doorman health --wait`: repeats the check until the server is serving, the time is over, or waiting cannot help.
struct HealthWait: Sendable, Equatable, CustomStringConvertible {
    typealias CheckResult = Result<HealthStatus, DoormanError>

    /// The maximum time for all checks.
    let limit: Duration

    /// The default of 30 s, in which a healthy server starts.
    static let standard = HealthWait(limit: .seconds(30))

    /// The time between two checks.
    static let pause = Duration.milliseconds(100)

    /// A configuration with a short back-off, so that the wait ends soon after the server listens.
    static var clientSettings: DoormanClientConfiguration {
        var settings = DoormanClientConfiguration()
        settings.longestBackoff = .milliseconds(250)
        return settings
    }

    /// The limit as users type it.
    var description: String { DurationText.seconds(limit) + "s" }

    init(limit: Duration) {
        self.limit = limit
    }

    init(parsing text: String) throws(ValidationError) {
        self.init(limit: try Duration(option: text))
    }

    /// Repeats the check and returns the result that ended the wait. When the time is over, that is the last result.
    ///
    /// - Parameters:
    ///   - timeout: The maximum time of each check.
    ///   - clock: The clock that measures the wait.
    ///   - check: Checks once. Gets the time it may take and the previous result.
    func run<C: Clock<Duration>>(
        timeout: Duration, clock: C = ContinuousClock(), check: (Duration, CheckResult?) async -> CheckResult
    ) async -> CheckResult {
        let end = clock.now.advanced(by: limit)
        var last: CheckResult?
        while true {
            let remaining = clock.now.duration(to: end)
            if let last, remaining <= .zero { return last }
            let result = await check(min(timeout, max(remaining, .milliseconds(1))), last)
            if Self.isFinal(result) { return result }
            // A last check with little time left says less than the check before it.
            last = remaining < timeout && result.isOutOfTime ? last ?? result : result
            // The sleep is cancelled only with the whole program.
            try? await clock.sleep(for: min(Self.pause, max(.zero, clock.now.duration(to: end))))
        }
    }

    static func isFinal(_ result: CheckResult) -> Bool {
        switch result {
        case .success(.serving), .success(.serviceUnknown): return true
        case .success: return false
        case .failure(let error):
            let permanent: [UnavailableReason] = [.protocolViolation, .unimplemented, .malformedRequest]
            return permanent.contains { error.kind == .unavailable($0) }
        }
    }
}

extension HealthWait.CheckResult {
    fileprivate var isOutOfTime: Bool {
        if case .failure(let error) = self { error.kind == .unavailable(.deadlineExceeded) } else { false }
    }
}
