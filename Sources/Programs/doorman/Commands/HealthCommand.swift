internal import ArgumentParser
internal import DoormanClient

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
