internal import ArgumentParser
internal import DoormanClient

/// `doorman exchange`: exchanges an authorization code for a token.
struct ExchangeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exchange",
        abstract: "Exchange an authorization code for a token, and print its account.",
        usage: "doorman exchange [<options>] [<code>]",
        discussion: """
            A code works once. The token goes to standard output only. Prefer standard input or --code-file. Other people on this \
            machine can see the arguments of a process, and shells keep them in their history.
            """)

    @Argument(help: "Code. '-' or no argument reads standard input.")
    var code: String?

    @Option(help: ArgumentHelp("File that holds the code.", valueName: "file"), completion: .file())
    var codeFile: String?

    @Option(help: ArgumentHelp("Application that the code belongs to.", valueName: "id"), transform: String.init(notEmpty:))
    var application: String?

    @Option(
        help: ArgumentHelp("Provider, by its name in the server's configuration.", valueName: "name"),
        transform: String.init(notEmpty:))
    var provider: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let code = AuthorizationCode(bytes: try SecretSource(argument: code, file: codeFile, kind: "code").read())
        try await server.run { client throws(DoormanError) in
            Report(try await client.exchange(code, applicationID: application, provider: provider))
        }
    }
}
