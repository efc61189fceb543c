internal import ArgumentParser
internal import DoormanClient
internal import EmulatorClient

/// `doorman login`: what a person with a phone does, for a first try and for development.
struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Log somebody in at account-kit-emulator, and print the token.",
        discussion: """
            Has the emulator log an account in, which is made if there is none, and the server exchange the code for a token. The \
            token is printed on standard output, and nothing else, so that this works:

              doorman login --phone +15551234567 | doorman verify

            With --code the code is printed, and the server is not asked: 'doorman exchange' takes it, once. --timeout is for both \
            together. Exit code 2 means that the emulator finds the request wrong, 3 that it or the server could not be asked.
            """)

    @Option(help: ArgumentHelp("The phone number to log in with, such as +15551234567.", valueName: "number"))
    var phone: String?

    @Option(help: ArgumentHelp("The e-mail address to log in with.", valueName: "address"))
    var email: String?

    @Option(help: ArgumentHelp("The application to log in to. (default: the emulator's first)", valueName: "id"))
    var application: String?

    @Option(
        help: ArgumentHelp(
            "The emulator, which must be on this machine. (default: $DOORMAN_EMULATOR, or \(EmulatorAddress.standard))",
            valueName: "address"))
    var emulator: String?

    @Flag(help: "Print the authorization code, and exchange nothing.")
    var code = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        _ = try contact()
    }

    func run() async throws {
        let choice = try server.choice()
        let address = try address(.process)
        let end = ContinuousClock.now.advanced(by: choice.timeout ?? DoormanClientConfiguration().timeout)
        let request = LogInRequest(contact: try contact(), applicationID: application)
        let loggedIn: LoggedIn
        do throws(EmulatorFailure) {
            loggedIn = try await EmulatorClient(address: address).logIn(request, timeout: ContinuousClock.now.duration(to: end))
        } catch {
            return try server.fail(try Self.report(error, address))
        }
        guard !code else { return try server.finish(Report(loggedIn)) }
        try await server.run { client throws(DoormanError) in
            let left = max(.milliseconds(1), ContinuousClock.now.duration(to: end))
            return Report(
                loggedIn, try await client.exchange(loggedIn.code, applicationID: application, timeout: left))
        }
    }

    private func contact() throws(ValidationError) -> LogInRequest.Contact {
        switch (phone, email) {
        case (let phone?, nil): return .phone(phone)
        case (nil, let email?): return .email(email)
        default: throw ValidationError("give --phone or --email, one of them")
        }
    }

    func address(_ environment: CLIEnvironment) throws(ValidationError) -> EmulatorAddress {
        guard let given = environment.value(emulator, "--emulator", or: .emulator) else { return .standard }
        do {
            return try EmulatorAddress(parsing: given.text)
        } catch {
            throw ValidationError("\(given.source) \(error)")
        }
    }

    /// - Throws: If it is the request that is wrong.
    private static func report(_ failure: EmulatorFailure, _ address: EmulatorAddress) throws(ValidationError) -> FailureReport {
        let start = "Start account-kit-emulator, or name its address with --emulator or DOORMAN_EMULATOR."
        switch failure {
        case .refused(let words): throw ValidationError("the emulator at \(address) refuses: \(words)")
        case .unreachable(let words):
            return FailureReport(
                DoormanError(.unreachable, "no connection to \(address): \(words)", isRetryable: true), next: start)
        case .timedOut:
            return FailureReport(
                DoormanError(.deadlineExceeded, "the emulator at \(address) did not answer in time", isRetryable: true),
                next: "Try again with a longer --timeout, and see whether it is an emulator that listens there.")
        case .noEmulator(let words):
            return FailureReport(
                DoormanError(
                    .protocolViolation, "what listens at \(address) is no account-kit-emulator: \(words)", isRetryable: false),
                next: start)
        }
    }
}

extension Report {
    /// A token is what this is for; nothing else is printed, so that it can be piped.
    fileprivate init(_ loggedIn: LoggedIn, _ exchange: Exchange) {
        let token = String(decoding: exchange.token.bytes, as: UTF8.self)
        self.init(
            text: token.printable + "\n",
            json: LoginJSON(accountID: loggedIn.accountID, token: token, code: nil), status: .success)
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
    /// Left out with `--code`.
    let token: String?
    /// Left out without `--code`.
    let code: String?
}
