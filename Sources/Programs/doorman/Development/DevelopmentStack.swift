internal import DoormanClient
internal import DoormanFiles
internal import DoormanSupport
internal import EmulatorClient

/// An emulator and a server with development settings, as child processes.
struct DevelopmentStack: Sendable {
    /// The failure of a child, or of its start.
    struct Failure: Error {
        let message: String
        let next: String
        /// The end of the log of a child that has ended.
        var log = ""
        /// The exit code of `doorman dev`.
        var status = ExitStatus.unavailable
    }

    struct Options: Sendable {
        var kind: DevelopmentKind
        var port: Int?
        var emulatorPort: Int?
        /// A file with the emulator's apps; `nil` for its default app.
        var seed: String?
        var application: String
        /// The folder that keeps the logs; `nil` for the temporary folder.
        var logFolder: String?
        /// Further arguments of `doormand`.
        var settings: [String]
    }

    let kind: DevelopmentKind
    let emulator: ChildProgram
    let server: ChildProgram
    let emulatorAddress: EmulatorAddress
    /// The address of the server, on loopback.
    let address: DoormanTarget

    /// The URL of the emulator's OpenID issuer.
    var issuer: String { Self.issuer(at: emulatorAddress) }

    private static let programs = (emulator: "account-kit-emulator", server: "doormand")
    private static let files = [
        "app-secret", "policy.yaml", "emulator.port", "server.port", "\(programs.emulator).log", "\(programs.server).log",
    ]
    /// The maximum time for a child to listen.
    private static let startLimit = Duration.seconds(20)
    private static let pollInterval = Duration.milliseconds(50)

    /// The whole policy of the server: every method, for callers on this machine.
    private static let policy =
        "- {callers: local, methods: [verify, exchange, revoke, revoke-accounts, accounts, stats]}\n"

    /// Starts both children, one after the other, and adds each to `children` before it listens.
    static func start(_ options: Options, in folder: WorkFolder, _ children: inout [ChildProgram]) async throws -> Self {
        let (emulatorPath, serverPath) = (try path(of: programs.emulator), try path(of: programs.server))
        let logs = options.logFolder ?? folder.path
        // A variable of the user's shell, such as DOORMAN_CONFIG, could be meant for another server.
        // The admin pages are off, since their default port may be in use by that server.
        let environment =
            StandardStreams.wholeEnvironment.filter { !$0.hasPrefix("DOORMAN_") } + ["DOORMAN_ADMIN_ADDRESS="]
        let (secret, policy) = (folder.file("app-secret"), folder.file("policy.yaml"))
        try write(Self.policy, to: policy)

        let emulatorPort = options.emulatorPort ?? Self.freePort(EmulatorAddress.defaultPort, of: programs.emulator)
        let emulator = try await start(
            [emulatorPath, "--port", "\(emulatorPort)", "--port-file", folder.file("emulator.port"), "--write-app-secret", secret]
                + (options.seed.map { ["--seed", $0] } ?? []),
            named: programs.emulator, environment, logs)
        children.append(emulator)
        let emulatorAddress = try EmulatorAddress(
            parsing: "127.0.0.1:\(try await port(of: emulator, folder.file("emulator.port")))")

        let port = options.port ?? Self.freePort(DoormanTarget.defaultPort, of: programs.server)
        let server = try await start(
            [
                serverPath, "--server-address", "127.0.0.1:\(port)", "--server-port-file", folder.file("server.port"),
                "--authorization-policy-file", policy,
            ] + provider(options, at: emulatorAddress, secretFile: secret) + options.settings,
            named: programs.server, environment, logs)
        children.append(server)
        let address = DoormanTarget.hostAndPort("127.0.0.1", try await Self.port(of: server, folder.file("server.port")))
        let stack = DevelopmentStack(
            kind: options.kind, emulator: emulator, server: server, emulatorAddress: emulatorAddress, address: address)
        try await stack.waitUntilReady()
        return stack
    }

    /// Waits until the server has tried its provider, so that health checks say that it serves. A server that can't be asked, for example one
    /// with TLS among its settings, is taken as it is.
    private func waitUntilReady() async throws {
        let end = ContinuousClock.now.advanced(by: Self.startLimit)
        while ContinuousClock.now < end {
            if let failure = Self.failure(of: server) { throw failure }
            // Each check has a client of its own. A client backs off from a server that does not serve.
            let client = DoormanClient(target: address)
            let health = try? await client.health(timeout: .seconds(1))
            await client.close()
            guard health == .notServing else { return }
            try await Task.sleep(for: Self.pollInterval)
        }
    }

    /// Returns the server's settings of the provider.
    private static func provider(_ options: Options, at emulator: EmulatorAddress, secretFile: String) -> [String] {
        switch options.kind {
        case .accountKit:
            [
                "--account-kit-url", "\(emulator)", "--account-kit-application-id", options.application,
                "--account-kit-app-secret-file", secretFile,
            ]
        case .jwt: ["--jwt-issuer", issuer(at: emulator), "--jwt-audience", DevelopmentKind.audience]
        }
    }

    private static func issuer(at emulator: EmulatorAddress) -> String { "\(emulator)/oidc" }

    /// Returns the default port, or 0 for another free one. A line says so: other commands call the default port, where another server answers.
    private static func freePort(_ port: Int, of program: String) -> Int {
        let free = LocalPort.ifFree(port)
        if free == 0 {
            StandardStreams.writeError(
                FailureReport.line(
                    "warning: port \(port) is in use, so \(program) takes a free port",
                    next: "Give other commands the address below."))
        }
        return free
    }

    /// Waits until a child ends.
    ///
    /// - Returns: The failure; `nil` if the task was cancelled.
    func failure() async -> Failure? {
        while !Task.isCancelled {
            for child in [emulator, server] { if let failure = Self.failure(of: child) { return failure } }
            try? await Task.sleep(for: Self.pollInterval)
        }
        return nil
    }

    /// Ends children: asks each to, and kills it if it has not ended after the limit or when the task is cancelled.
    static func end(_ children: [ChildProgram], within limit: Duration = .seconds(10)) async {
        // The server finishes its calls while the emulator still answers.
        for child in children.reversed() {
            child.terminate()
            let end = ContinuousClock.now.advanced(by: limit)
            while child.ending == nil, ContinuousClock.now < end, !Task.isCancelled { try? await Task.sleep(for: pollInterval) }
            child.killAndRelease()
        }
    }

    /// Removes all files that the children and this program have written.
    static func remove(_ folder: WorkFolder) { folder.remove(files: files) }

    private static func path(of name: String) throws(Failure) -> String {
        if let path = ProgramFile.find(name) { return path }
        throw Failure(
            message: "\(name) is not installed: it is neither beside doorman nor in a folder of PATH",
            next: "Doorman's package has all three programs: run Scripts/install in a checkout of Doorman.")
    }

    private static func start(
        _ command: [String], named name: String, _ environment: [String], _ logs: String
    ) async throws(Failure) -> ChildProgram {
        do throws(ChildProgram.StartError) {
            return try await ChildProgram(name, command, environment: environment, log: "\(logs)/\(name).log")
        } catch {
            throw Failure(message: "cannot start \(name): \(error.cause)", next: "Check the folder and the system's limits.")
        }
    }

    private static func write(_ text: String, to path: String) throws(Failure) {
        do throws(FileAccessError) {
            let contents = OutputFile.Contents(name: "a policy", maximumBytes: 0) { $0.isEmpty }
            _ = try OutputFile(path, holding: contents, mode: 0o600).write(text)
        } catch {
            throw Failure(message: "cannot write '\(path)': \(error.cause)", next: "Check the disk, or set TMPDIR.")
        }
    }

    /// Waits until a child has written its port.
    private static func port(of child: ChildProgram, _ file: String) async throws -> Int {
        let end = ContinuousClock.now.advanced(by: startLimit)
        while ContinuousClock.now < end {
            let bytes = (try? RegularFile.read(file, limit: 16)) ?? []
            if let port = Int(String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)) { return port }
            if let failure = failure(of: child) { throw failure }
            try await Task.sleep(for: pollInterval)
        }
        throw Failure(
            message: "\(child.name) did not listen within \(DurationText.describe(startLimit))", next: "Its log is above.",
            log: child.endOfLog(lines: 20))
    }

    private static func failure(of child: ChildProgram) -> Failure? {
        child.ending.map { ending in
            let log = child.endOfLog(lines: 20)
            return Failure(
                message: "\(child.name) \(ending)", next: log.isEmpty ? "Its log is empty." : "The end of its log is above.",
                log: log, status: child.hasRefusedArguments ? .wrongUse : .unavailable)
        }
    }
}
