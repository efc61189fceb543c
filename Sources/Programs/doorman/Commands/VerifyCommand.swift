internal import ArgumentParser
internal import DoormanClient

/// `doorman verify`: whose token is this?
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Say whose token it is.",
        discussion: """
            Prefer standard input or --token-file: other people on this machine can see the arguments of a process, and shells \
            keep them in their history.
            """)

    @Argument(help: "The token; '-' or nothing reads standard input.")
    var token: String?

    @Option(help: ArgumentHelp("Read the token from this file.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(
        help: ArgumentHelp("How long ago the provider may have been asked, 1s at least: 30s, 5m.", valueName: "duration"),
        transform: Duration.init(option:))
    var maxAge: Duration?

    @Option(help: ArgumentHelp("The application that the token must have been made for.", valueName: "id"))
    var application: String?

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if let maxAge, maxAge < .seconds(1) { throw ValidationError("--max-age must be 1s or more") }
    }

    func run() async throws {
        let token = Token(bytes: try SecretSource(argument: token, file: tokenFile, what: "token").read())
        try await server.run { client throws(DoormanError) in
            let start = ContinuousClock.now
            let identity = try await client.verify(token, maxAge: maxAge, applicationID: application)
            return Report(identity, took: ContinuousClock.now - start)
        }
    }
}
