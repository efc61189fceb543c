internal import ArgumentParser
internal import DoormanClient

/// `doorman health`: does the server take calls?
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Say whether the server takes calls.",
        discussion: "Exit code 0 means that it serves, 3 that it does not or can't be reached.")

    @Option(help: ArgumentHelp("Ask about this service alone: doorman.v1.Auth.", valueName: "name"))
    var service = ""

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.run { client throws(DoormanError) in Report(try await client.health(service: service)) }
    }
}
