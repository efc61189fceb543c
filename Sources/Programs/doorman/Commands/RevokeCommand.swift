internal import ArgumentParser
internal import DoormanClient

/// `doorman revoke`: a token, or every token of an account, is good no more.
struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Log out a token, or every token of an account, everywhere.",
        discussion: """
            Prefer standard input or --token-file for the token: other people on this machine can see the arguments of a process.
            """)

    @Argument(help: "The token; '-' or nothing reads standard input.")
    var token: String?

    @Option(help: ArgumentHelp("Read the token from this file.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(help: ArgumentHelp("Revoke every token of this account.", valueName: "id"))
    var account: String?

    @Option(help: ArgumentHelp("The application it is about.", valueName: "id"))
    var application: String?

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if account == "" { throw ValidationError("--account is empty") }
        if account != nil && (token != nil || tokenFile != nil) {
            throw ValidationError("give a token or --account, not both")
        }
    }

    func run() async throws {
        guard let account else {
            let token = Token(bytes: try SecretSource(argument: token, file: tokenFile, what: "token").read())
            return try await server.run { client throws(DoormanError) in
                try await client.revoke(token, applicationID: application)
                return .revoked
            }
        }
        try await server.run { client throws(DoormanError) in
            try await client.revoke(accountID: account, applicationID: application)
            return .revoked
        }
    }
}
