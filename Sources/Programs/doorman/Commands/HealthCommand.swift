internal import ArgumentParser
internal import DoormanClient
internal import DoormanSupport

/// `doorman health`: does the server take calls?
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Say whether the server takes calls.",
        discussion: """
            Exit code 0 means that it serves, 3 that it does not or can't be reached, be it that it starts, drains or is gone.

            With --wait it is asked again and again until it serves or the time is up; --timeout is then for each question. Waiting \
            ends early where it is of no use: if somebody else listens there, or the service is unknown.
            """)

    @Option(help: ArgumentHelp("Ask about this service alone: doorman.v1.Auth.", valueName: "name"))
    var service = ""

    @Option(
        defaultAsFlag: HealthWait.standard, parsing: .next,
        help: ArgumentHelp("Wait until it serves, so long at most; given alone, 30s.", valueName: "duration"),
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
            let answer = await wait.run(timeout: timeout) { timeout, last in
                if let last { progress.show("waiting: \(last.inWords)") }
                return await client.health(of: service, timeout)
            }
            progress.clear()
            return Report(try answer.get())
        }
    }
}

extension DoormanClient {
    fileprivate func health(of service: String, _ timeout: Duration) async -> HealthWait.Answer {
        do throws(DoormanError) {
            return .success(try await health(service: service, timeout: timeout))
        } catch {
            return .failure(error)
        }
    }
}

extension HealthWait.Answer {
    fileprivate var inWords: String {
        switch self {
        case .success(let status): Report(status).text.filter { !$0.isNewline }
        case .failure(let error): error.message.printable
        }
    }
}

/// `doorman health --wait`: asks until the server serves, the time is up, or waiting is of no use.
struct HealthWait: Sendable, Equatable, CustomStringConvertible {
    typealias Answer = Result<HealthStatus, DoormanError>

    /// In all.
    let limit: Duration

    /// 30 s: a server that is not there by then is not about to be.
    static let standard = HealthWait(limit: .seconds(30))

    /// Between an answer that is no, and the next question.
    static let pause = Duration.milliseconds(100)

    /// Whoever waits for a server wants to know soon after it listens.
    static var clientSettings: DoormanClientConfiguration {
        var settings = DoormanClientConfiguration()
        settings.longestBackoff = .milliseconds(250)
        return settings
    }

    /// As it is typed.
    var description: String { DurationText.seconds(limit) + "s" }

    init(limit: Duration) {
        self.limit = limit
    }

    init(parsing text: String) throws(ValidationError) {
        self.init(limit: try Duration(option: text))
    }

    /// The answer that ended the waiting: the last one, if the time is up.
    ///
    /// - Parameters:
    ///   - timeout: For each question.
    ///   - ask: Is given how long it may take, and the answer before this one.
    func run<C: Clock<Duration>>(
        timeout: Duration, clock: C = ContinuousClock(), ask: (Duration, Answer?) async -> Answer
    ) async -> Answer {
        let end = clock.now.advanced(by: limit)
        var last: Answer?
        while true {
            let left = clock.now.duration(to: end)
            if let last, left <= .zero { return last }
            let answer = await ask(min(timeout, max(left, .milliseconds(1))), last)
            if Self.isFinal(answer) { return answer }
            // That the last question had hardly any time says less than what came before it.
            last = left < timeout && answer.isOutOfTime ? last ?? answer : answer
            // Cancelled with the whole program only.
            try? await clock.sleep(for: min(Self.pause, max(.zero, clock.now.duration(to: end))))
        }
    }

    static func isFinal(_ answer: Answer) -> Bool {
        switch answer {
        case .success(.serving), .success(.serviceUnknown): return true
        case .success: return false
        case .failure(let error):
            let hopeless: [UnavailableReason] = [.protocolViolation, .unimplemented, .malformedRequest]
            return hopeless.contains { error.kind == .unavailable($0) }
        }
    }
}

extension HealthWait.Answer {
    fileprivate var isOutOfTime: Bool {
        if case .failure(let error) = self { error.kind == .unavailable(.deadlineExceeded) } else { false }
    }
}
