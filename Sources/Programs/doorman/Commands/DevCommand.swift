internal import ArgumentParser
internal import DoormanClient
internal import DoormanFiles
internal import EmulatorClient
internal import UnixSignals

/// `doorman dev`: a server and a provider on this machine, for a first try and for development.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Run a server with an emulated provider, or log in there.",
        discussion: """
            Without a subcommand, starts the server. All of this is for development: anyone who reaches the emulator can log in to \
            every account.
            """,
        subcommands: [DevStartCommand.self, DevLoginCommand.self],
        defaultSubcommand: DevStartCommand.self)
}

/// `doorman dev start`: starts emulator and server, logs a user in, and stays until Ctrl-C.
struct DevStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start doormand and account-kit-emulator, and log a user in.",
        usage: "doorman dev [start] [<options>] [-- <settings of doormand> ...]",
        discussion: """
            Starts both programs with settings for development, on this machine only: every caller on it may use every method. \
            Prints the address, the user's token, and lines to try. Ctrl-C ends both programs and removes their files. The exit \
            code is 3 if one of the programs cannot start, or ends.

            With --kind jwt the emulator is an OpenID issuer: it signs the tokens, and the server verifies them with its keys. The \
            audience of server and tokens is \(DevelopmentKind.audience).

            The ports are 7117 and 7118, or other free ports if these are in use. Arguments after '--' are settings of doormand:

              doorman dev -- --cache-ttl 5s
            """)

    /// The first application of an emulator without a seed file.
    static let standardApplication = "5432154321543210"

    @Option(help: ArgumentHelp("Kind of the provider.", valueName: "kind"))
    var kind = DevelopmentKind.accountKit

    @Option(help: ArgumentHelp("Phone number of the user. (default: +15551234567)", valueName: "number"))
    var phone: String?

    @Option(help: ArgumentHelp("E-mail address of the user, instead of a phone number.", valueName: "address"))
    var email: String?

    @Option(help: ArgumentHelp("Port of the server. 0 takes a free port. (default: 7117 if it is free)", valueName: "number"))
    var port: Int?

    @Option(help: ArgumentHelp("Port of the emulator. 0 takes a free port. (default: 7118 if it is free)", valueName: "number"))
    var emulatorPort: Int?

    @Option(
        help: ArgumentHelp("JSON file with the emulator's apps. The first app is the server's.", valueName: "file"),
        completion: .file())
    var seed: String?

    @Option(
        help: ArgumentHelp("Id of the first app in the seed file. (default: the emulator's own)", valueName: "id"),
        transform: String.init(notEmpty:))
    var application = Self.standardApplication

    @Option(
        help: ArgumentHelp("Folder that receives and keeps the logs. (default: a temporary folder)", valueName: "folder"),
        completion: .directory)
    var logFolder: String?

    @Flag(name: .shortAndLong, help: "Print one JSON object in place of the text.")
    var json = false

    @Argument(parsing: .postTerminator, help: ArgumentHelp("Settings of doormand, after '--'.", valueName: "settings"))
    var settings: [String] = []

    func validate() throws {
        if phone != nil && email != nil { throw ValidationError("give either --phone or --email") }
        for (name, port) in [("--port", port), ("--emulator-port", emulatorPort)] {
            if let port { try (0...65_535).check(port, of: name) }
        }
        if let port, port > 0, port == emulatorPort { throw ValidationError("--port and --emulator-port must differ") }
        if let seed {
            do throws(FileAccessError) {
                _ = try RegularFile.read(seed, limit: 1)
            } catch {
                throw ValidationError("--seed: cannot read the file: \(error.cause)")
            }
        }
        if seed == nil, application != Self.standardApplication { throw ValidationError("--application needs --seed") }
    }

    func run() async throws {
        // Signals are trapped before the first child starts, so that none is left behind.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        let folder: WorkFolder
        do throws(FileAccessError) {
            folder = try WorkFolder()
        } catch {
            throw ValidationError("cannot make a temporary folder: \(error.cause)")
        }
        let work = Task { await session(in: folder) }
        let end = Task {
            let (ending, children) = await work.value
            await DevelopmentStack.end(children)
            DevelopmentStack.remove(folder)
            return ending
        }
        let interrupts = Task {
            for await _ in signals {
                // A second Ctrl-C does not wait for calls in flight.
                if work.isCancelled { end.cancel() }
                work.cancel()
            }
        }
        let ending = await end.value
        interrupts.cancel()
        try finish(ending)
    }

    /// The reason why the session ended.
    private enum Ending: Sendable {
        case interrupted
        case failed(DevelopmentStack.Failure)
        case failedCall(FailureReport)
        case outputLost(OutputError)
    }

    /// Runs the children until one ends or the task is cancelled. Returns the children that were started.
    private func session(in folder: WorkFolder) async -> (ending: Ending, children: [ChildProgram]) {
        var children: [ChildProgram] = []
        let ending = await start(in: folder, &children)
        return (ending, children)
    }

    private func start(in folder: WorkFolder, _ children: inout [ChildProgram]) async -> Ending {
        let options = DevelopmentStack.Options(
            kind: kind, port: port, emulatorPort: emulatorPort, seed: seed, application: application, logFolder: logFolder,
            settings: settings)
        do {
            let stack = try await DevelopmentStack.start(options, in: folder, &children)
            let session = DevelopmentSession(stack: stack, contact: contact, user: try await logIn(at: stack))
            try StandardStreams.write(json ? session.json + "\n" : session.text)
            return await stack.failure().map(Ending.failed) ?? .interrupted
        } catch let failure as DevelopmentStack.Failure {
            return .failed(failure)
        } catch let report as FailureReport {
            return Task.isCancelled ? .interrupted : .failedCall(report)
        } catch let error as OutputError {
            return .outputLost(error)
        } catch {
            // Only a cancelled sleep is left.
            return .interrupted
        }
    }

    private var contact: LogInRequest.Contact { email.map(LogInRequest.Contact.email) ?? .phone(phone ?? "+15551234567") }

    /// Logs the user in as an app does, and has the server accept the user.
    private func logIn(at stack: DevelopmentStack) async throws -> DevelopmentSession.User {
        let emulator = EmulatorClient(address: stack.emulatorAddress)
        do {
            switch kind {
            case .accountKit:
                let request = LogInRequest(contact: contact, applicationID: application)
                let loggedIn = try await emulator.logIn(request, timeout: Self.callTimeout)
                return try await call(stack) { client throws(DoormanError) in
                    let exchange = try await client.exchange(loggedIn.code, timeout: Self.callTimeout)
                    return DevelopmentSession.User(accountID: loggedIn.accountID, token: exchange.token)
                }
            case .jwt:
                let request = JWTRequest(
                    contact: contact, applicationID: application, audiences: [DevelopmentKind.audience],
                    scopes: [DevelopmentKind.scope])
                let issued = try await emulator.issueJWT(request, timeout: Self.callTimeout)
                return try await call(stack) { client throws(DoormanError) in
                    let identity = try await client.verify(issued.token, timeout: Self.callTimeout)
                    return DevelopmentSession.User(accountID: identity.accountID, token: issued.token)
                }
            }
        } catch EmulatorFailure.refused(let words) {
            throw DevelopmentStack.Failure(
                message: "the emulator rejects the login: \(words)", next: "Check --phone, --email and --application.",
                status: .wrongUse)
        } catch let failure as EmulatorFailure {
            throw DevelopmentStack.Failure(message: "the emulator did not log the user in: \(failure)", next: "Try again.")
        }
    }

    private static let callTimeout = Duration.seconds(10)

    /// Makes a call of the server.
    private func call(
        _ stack: DevelopmentStack, _ body: (DoormanClient) async throws(DoormanError) -> DevelopmentSession.User
    ) async throws(FailureReport) -> DevelopmentSession.User {
        let client = DoormanClient(target: stack.address)
        let result: Result<DevelopmentSession.User, FailureReport>
        do throws(DoormanError) {
            result = .success(try await body(client))
        } catch {
            result = .failure(FailureReport(error))
        }
        await client.close()
        return try result.get()
    }

    private func finish(_ ending: Ending) throws {
        switch ending {
        case .interrupted: return
        case .outputLost(let error): throw error
        case .failedCall(let report):
            if json { try StandardStreams.write(report.json + "\n") }
            report.printLine()
            throw report.status
        case .failed(let failure):
            if json {
                let error = DoormanError(.unreachable, failure.message, isRetryable: false)
                try StandardStreams.write(FailureReport(error, next: failure.next).json + "\n")
            }
            StandardStreams.writeError(failure.log + FailureReport.line(failure.message, next: failure.next))
            throw failure.status
        }
    }
}
