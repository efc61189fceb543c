internal import ArgumentParser
internal import DoormanClient
internal import EmulatorClient

/// `doorman dev login`: logs in at the emulator, for a first try and for development.
struct DevLoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Log in at account-kit-emulator and print the token.",
        usage: "doorman dev login [<options>]",
        discussion: """
            Logs in at the emulator, which creates the account if needed, and exchanges the code for a token at the server. The \
            output is the token and nothing else, so that a pipe can verify it:

              doorman dev login --phone +15551234567 | doorman verify

            With --kind jwt the emulator's OpenID issuer signs the token, and no server is called:

              doorman dev login --kind jwt --phone +15551234567 | doorman verify

            With --code the output is the authorization code, which 'doorman exchange' accepts once. --timeout covers login and \
            exchange together. Exit code 2 means that the emulator rejects the request. Exit code 3 means that the emulator or the \
            server is unavailable.
            """)

    @Option(help: ArgumentHelp("Phone number to log in with, such as +15551234567.", valueName: "number"))
    var phone: String?

    @Option(help: ArgumentHelp("E-mail address to log in with.", valueName: "address"))
    var email: String?

    @Option(
        help: ArgumentHelp("Application to log in to. (default: the emulator's first)", valueName: "id"),
        transform: String.init(notEmpty:))
    var application: String?

    @Option(help: ArgumentHelp("Kind of the provider.", valueName: "kind"))
    var kind = DevelopmentKind.accountKit

    @Option(
        help: ArgumentHelp(
            "Audience of the JWT. Give it several times for several audiences. (default: \(DevelopmentKind.audience))",
            valueName: "name"))
    var audience: [String] = []

    @Option(help: ArgumentHelp("Scope of the JWT. Give it several times for several scopes.", valueName: "name"))
    var scope: [String] = []

    @Option(
        help: ArgumentHelp("Time until the JWT expires, in whole seconds: 30s, 5m, 1h. (default: 1h)", valueName: "duration"),
        transform: Duration.init(option:))
    var lifetime: Duration?

    @Option(
        help: ArgumentHelp(
            "Address of the emulator, on this machine. (default: $DOORMAN_EMULATOR, or \(EmulatorAddress.standard))",
            valueName: "address"))
    var emulator: String?

    @Flag(help: "Print the authorization code instead of a token.")
    var code = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        _ = try contact()
        switch kind {
        case .accountKit:
            guard audience.isEmpty, scope.isEmpty, lifetime == nil else {
                throw ValidationError("--audience, --scope and --lifetime need --kind jwt")
            }
        case .jwt:
            guard !code else { throw ValidationError("--code needs --kind account-kit") }
            guard lifetime.map({ $0.components.attoseconds == 0 }) ?? true else {
                throw ValidationError("--lifetime must be whole seconds")
            }
        }
    }

    func run() async throws {
        let choice = try server.choice()
        let address = try address(.process)
        let end = ContinuousClock.now.advanced(by: choice.timeout ?? DoormanClientConfiguration().timeout)
        guard kind == .accountKit else { return try await issueJWT(at: address, until: end) }
        let request = LogInRequest(contact: try contact(), applicationID: application)
        let loggedIn: LoggedIn
        do throws(EmulatorFailure) {
            loggedIn = try await EmulatorClient(address: address).logIn(request, timeout: ContinuousClock.now.duration(to: end))
        } catch {
            return try server.fail(try Self.report(error, address))
        }
        guard !code else { return try server.finish(Report(loggedIn)) }
        try await server.run { client throws(DoormanError) in
            let remaining = max(.milliseconds(1), ContinuousClock.now.duration(to: end))
            let exchange = try await client.exchange(loggedIn.code, applicationID: application, timeout: remaining)
            return Report(accountID: loggedIn.accountID, token: exchange.token)
        }
    }

    private func issueJWT(at address: EmulatorAddress, until end: ContinuousClock.Instant) async throws {
        let request = JWTRequest(
            contact: try contact(), applicationID: application, audiences: audience, scopes: scope, lifetime: lifetime)
        let issued: IssuedJWT
        do throws(EmulatorFailure) {
            issued = try await EmulatorClient(address: address).issueJWT(request, timeout: ContinuousClock.now.duration(to: end))
        } catch {
            return try server.fail(try Self.report(error, address))
        }
        try server.finish(Report(accountID: issued.accountID, token: issued.token))
    }

    private func contact() throws(ValidationError) -> LogInRequest.Contact {
        switch (phone, email) {
        case (let phone?, nil): return .phone(phone)
        case (nil, let email?): return .email(email)
        default: throw ValidationError("give either --phone or --email")
        }
    }

    func address(_ environment: CLIEnvironment) throws(ValidationError) -> EmulatorAddress {
        guard let value = environment.value(emulator, "--emulator", or: .emulator) else { return .standard }
        do {
            return try EmulatorAddress(parsing: value.text)
        } catch {
            throw ValidationError("\(value.source) \(error)")
        }
    }

    /// Returns the report of a failure.
    ///
    /// - Throws: `ValidationError` if the emulator rejects the request.
    private static func report(_ failure: EmulatorFailure, _ address: EmulatorAddress) throws(ValidationError) -> FailureReport {
        let start = "Start account-kit-emulator with 'doorman dev', or give its address with --emulator or DOORMAN_EMULATOR."
        switch failure {
        case .refused(let words): throw ValidationError("the emulator at \(address) rejects the login: \(words)")
        case .unreachable(let words):
            return FailureReport(
                DoormanError(.unreachable, "cannot connect to the emulator at \(address): \(words)", isRetryable: true), next: start
            )
        case .timedOut:
            return FailureReport(
                DoormanError(.deadlineExceeded, "the emulator at \(address) did not respond in time", isRetryable: true),
                next: "Try again with a longer --timeout, and check that account-kit-emulator listens there.")
        case .noEmulator(let words):
            return FailureReport(
                DoormanError(
                    .protocolViolation, "the program at \(address) is not account-kit-emulator: \(words)", isRetryable: false),
                next: start)
        }
    }
}

extension Report {
    /// Creates a report with the token as its only text, for a pipe.
    fileprivate init(accountID: String, token: Token) {
        let token = String(decoding: token.bytes, as: UTF8.self)
        self.init(
            text: token.printable + "\n", json: LoginJSON(accountID: accountID, token: token, code: nil), status: .success)
    }

    fileprivate init(_ loggedIn: LoggedIn) {
        let code = String(decoding: loggedIn.code.bytes, as: UTF8.self)
        self.init(
            text: code.printable + "\n",
            json: LoginJSON(accountID: loggedIn.accountID, token: nil, code: code), status: .success)
    }
}

private struct LoginJSON: Encodable {
    let outcome = "logged_in"
    let accountID: String
    /// Absent with `--code`.
    let token: String?
    /// Absent without `--code`.
    let code: String?
}
