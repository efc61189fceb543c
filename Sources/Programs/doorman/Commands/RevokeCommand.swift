internal import ArgumentParser
internal import DoormanClient

/// `doorman revoke`: revokes a token, or all tokens of an account.
struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revoke a token, or all tokens of an account.",
        discussion: """
            Goes to every server of --address, and to each address of a name. The exit code is 0 if at least one server confirmed \
            it and none answered with an error. A warning names each server that could not be reached. With --account it asks \
            first on a terminal, and needs --yes elsewhere.

            If the servers share a revocation log, it also prints the position of the revocation, for 'doorman verify --not-before'.

            Prefer standard input or --token-file. Other people on this machine can see the arguments of a process, and shells \
            keep them in their history.
            """)

    @Argument(help: "Token. '-' or no argument reads standard input.")
    var token: String?

    @Option(
        name: [.customShort("t"), .long], help: ArgumentHelp("File that holds the token.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(help: ArgumentHelp("Account to revoke all tokens of, instead of a single token.", valueName: "id"))
    var account: String?

    @Option(
        help: ArgumentHelp("Application that the token or account belongs to.", valueName: "id"), transform: String.init(notEmpty:))
    var application: String?

    @Option(
        help: ArgumentHelp("Provider, by its name in the server's configuration.", valueName: "name"),
        transform: String.init(notEmpty:))
    var provider: String?

    @OptionGroup var confirmation: ConfirmationOptions

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if let account, !AccountsDeleteCommand.isValid(account) { throw AccountsDeleteCommand.invalidID("--account") }
        if account != nil && (token != nil || tokenFile != nil) {
            throw ValidationError("give a token or --account, not both")
        }
    }

    func run() async throws {
        let choice = try server.choice()
        guard let account else {
            let token = Token(bytes: try SecretSource(argument: token, file: tokenFile, kind: "token").read())
            if confirmation.dryRun { return try server.finish(.wouldRevoke("the token", at: choice)) }
            return try await server.run { client throws(DoormanError) in
                .revoked(try await client.revoke(token, applicationID: application, provider: provider))
            }
        }
        let subject = "all tokens of account \(account)"
        try confirmation.require("Revoke \(subject) at \(choice.servers)?")
        if confirmation.dryRun { return try server.finish(.wouldRevoke(subject, at: choice)) }
        try await server.run { client throws(DoormanError) in
            .revoked(try await client.revoke(accountID: account, applicationID: application, provider: provider))
        }
    }
}
