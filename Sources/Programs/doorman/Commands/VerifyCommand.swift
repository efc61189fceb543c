internal import ArgumentParser
internal import DoormanClient

/// `doorman verify`: verifies a token.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify a token and print its account.",
        discussion: """
            Without a token or file, the token comes from standard input. A terminal asks for it and does not show it. Prefer \
            standard input or --token-file. Other people on this machine can see the arguments of a process, and shells \
            keep them in their history.
            """)

    @Argument(help: "Token. '-' or no argument reads standard input.")
    var token: String?

    @Option(
        name: [.customShort("t"), .long], help: ArgumentHelp("File that holds the token.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(
        help: ArgumentHelp("Maximum age of a cached verdict, at least 1s: 30s, 5m.", valueName: "duration"),
        transform: Duration.init(option:))
    var maxAge: Duration?

    @Option(help: ArgumentHelp("Application that the token must belong to.", valueName: "id"), transform: String.init(notEmpty:))
    var application: String?

    @Option(
        help: ArgumentHelp("Provider that must know the token, by its name in the server's configuration.", valueName: "name"),
        transform: String.init(notEmpty:))
    var provider: String?

    @Option(help: ArgumentHelp("Scope that the token must have. May be given up to 64 times.", valueName: "scope"))
    var requireScope: [String] = []

    @Option(
        help: ArgumentHelp(
            "Position of a revocation, as 'doorman revoke' prints it. No verdict is older than that revocation.",
            valueName: "position"))
    var notBefore: String?

    @OptionGroup var server: ServerOptions

    func validate() throws {
        if requireScope.count > 64 { throw ValidationError("--require-scope may be given at most 64 times") }
        // The message does not repeat the text, which could be a token in the wrong place.
        if let notBefore, RevocationPosition(notBefore) == nil {
            throw ValidationError("--not-before is not a position: give what doorman revoke printed")
        }
        if let maxAge, maxAge < .seconds(1) { throw ValidationError("--max-age must be 1s or more") }
    }

    func run() async throws {
        let token = Token(bytes: try SecretSource(argument: token, file: tokenFile, kind: "token").read())
        let requirements = TokenRequirements(provider: provider, applicationID: application, scopes: requireScope)
        try await server.run { client throws(DoormanError) in
            let start = ContinuousClock.now
            let identity = try await client.verify(
                token, requiring: requirements, maxAge: maxAge, notBefore: notBefore.flatMap { RevocationPosition($0) })
            return Report(identity, took: ContinuousClock.now - start)
        }
    }
}
