internal import ArgumentParser
internal import DoormanClient

/// `doorman exchange`: an authorization code becomes a token.
struct ExchangeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exchange",
        abstract: "Exchange an authorization code for a token, and say whose it is.",
        discussion: """
            A code is good once. The token is printed on standard output and nowhere else: mind where that goes. Prefer standard \
            input or --code-file for the code: other people on this machine can see the arguments of a process.
            """)

    @Argument(help: "The code; '-' or nothing reads standard input.")
    var code: String?

    @Option(help: ArgumentHelp("Read the code from this file.", valueName: "file"), completion: .file())
    var codeFile: String?

    @Option(help: ArgumentHelp("The application that the code was made for.", valueName: "id"))
    var application: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let code = AuthorizationCode(bytes: try SecretSource(argument: code, file: codeFile, what: "code").read())
        try await server.run { client throws(DoormanError) in
            Report(try await client.exchange(code, applicationID: application))
        }
    }
}
