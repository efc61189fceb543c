internal import ArgumentParser
internal import DoormanClient

/// `doorman revoke`: revokes a token, or all tokens of an account.
struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revoke a token, or all tokens of an account.",
        discussion: """
            Goes to every server of --address, and to each address of a name. The exit code is 0 if at least one server confirmed \
            it and none answered with an error. A warning names each server that could not be reached.

            Prefer standard input or --token-file. Other people on this machine can see the arguments of a process, and shells \
            keep them in their history.
            """)

    @Argument(help: "Token. '-' or no argument reads standard input.")
    var token: String?

    @Option(help: ArgumentHelp("File that holds the token.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(help: ArgumentHelp("Account to revoke all tokens of, instead of a single token.", valueName: "id"))
    var account: String?

    @Option(help: ArgumentHelp("Application that the token or account belongs to.", valueName: "id"))
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
            let token = Token(bytes: try SecretSource(argument: token, file: tokenFile, kind: "token").read())
            return try await server.run { client throws(DoormanError) in
                .revoked(try await client.revoke(token, applicationID: application))
            }
        }
        try await server.run { client throws(DoormanError) in
            .revoked(try await client.revoke(accountID: account, applicationID: application))
        }
    }
}
