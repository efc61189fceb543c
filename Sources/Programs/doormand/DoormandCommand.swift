internal import ArgumentParser
internal import DoormanDaemon
internal import DoormanFiles
internal import DoormanSupport
internal import DoormanVersion
internal import Foundation

/// `doormand`: reads the settings and serves.
@main
struct DoormandCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doormand",
        abstract: "Verify access tokens for the services of an internal network.",
        usage: "doormand [--config FILE] [--SETTING VALUE ...] [OPTION]",
        discussion: """
            A setting is a flag, a DOORMAN_… environment variable, or a key of the YAML or JSON file. Flags override variables, and \
            variables override the file. Secrets come from files only. SIGTERM starts a graceful shutdown, SIGHUP reloads the \
            settings.

            EXIT CODES
              0   the server has shut down, or the settings are valid
              1   the server cannot serve
              64  the command line is invalid
              78  the settings are invalid

            \(SettingsHelp.text)
            """,
        version: "doormand \(ProgramVersion.text)")

    @Option(help: ArgumentHelp("YAML or JSON file of settings. (default: $DOORMAN_CONFIG)", valueName: "file"))
    var config: [String] = []

    @Flag(help: "Check the settings and the files that they name, print all problems, and exit.")
    var checkConfig = false

    @Flag(help: "Print the settings with their origins, and exit.")
    var printConfig = false

    @Flag(help: "Print a settings file with every setting, its meaning and its default, and exit.")
    var exampleConfig = false

    @Flag(help: "Print the JSON Schema of a settings file, and exit.")
    var configSchema = false

    @Flag(help: "Show this help with all settings, and exit.")
    var helpAll = false

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var settings: [String] = []

    /// The service manager of the process. ``main()`` reads it before there are threads.
    private static let systemd = SystemdEnvironment.takeFromEnvironment()

    /// Prevents core dumps, ignores signals and limits arenas first: a secret must not be read before, a signal must not end a starting
    /// process, and a thread never changes its arena.
    static func main() async {
        CoreDumps.prevent()
        _ = systemd
        SIGHUPHandler.ignore()
        SIGPIPEHandler.ignore()
        MemoryArenas.limit()
        do {
            var command = try parse()
            try await command.run()
        } catch {
            exit(reporting: error)
        }
    }

    mutating func run() async throws {
        do {
            if try printText() { return }
            try await serve()
        } catch let error as ConfigurationError {
            Self.report(error)
            // EX_USAGE and EX_CONFIG. See sysexits.h.
            throw ExitCode(error.isWrongUse ? 64 : 78)
        } catch let error as StandardOutput.Failure {
            if !error.isClosed { Self.report("\(error)") }
            throw ExitCode(1)
        } catch {
            Self.report("\(error)")
            throw ExitCode(1)
        }
    }

    /// Prints the text that an option asks for, whatever the settings are.
    ///
    /// - Returns: Whether an option asked for one.
    private func printText() throws -> Bool {
        if helpAll {
            let help = Self.helpMessage(columns: 80)
            try StandardOutput.write(
                help.trimmingCharacters(in: .newlines).replacing(SettingsHelp.text, with: SettingsHelp.fullText))
        } else if exampleConfig {
            try StandardOutput.write(ExampleConfiguration.text)
        } else if configSchema {
            try StandardOutput.write(try SettingsSchema.text())
        } else {
            return false
        }
        return true
    }

    private func serve() async throws {
        let environment = ProcessInfo.processInfo.environment
        let file = try SettingsLoader.file(flags: config, environment: environment)
        let loader = SettingsLoader(arguments: settings, environment: environment, file: file)
        let loaded = try loader.load()
        if printConfig { try StandardOutput.write(SettingsPrinter.text(loaded)) }
        if printConfig && !checkConfig { return }
        let daemon = try Daemon(loaded, loader: loader, systemd: Self.systemd)
        if checkConfig {
            let store = await daemon.checkStore()
            for warning in daemon.warnings + store.warnings { Self.report("warning: \(warning)") }
            for fact in store.facts { try StandardOutput.write("doormand: \(fact)") }
            try daemon.checkCertificate()
            return try StandardOutput.write("doormand: the settings are valid")
        }
        try await daemon.run()
    }

    /// Ends the program. The argument parser's own report would repeat a wrong value, which may be a secret, and has no bound.
    private static func exit(reporting error: any Error) -> Never {
        if exitCode(for: error) == .success, !(error is ExitCode) {
            // The parser's own exit prints helps and versions, and ignores that they can't be written.
            do { try StandardOutput.write(fullMessage(for: error)) } catch {
                if !error.isClosed { report("\(error)") }
                exit(withError: ExitCode(1))
            }
            exit(withError: ExitCode(0))
        }
        guard !(error is ExitCode), exitCode(for: error) == .validationFailure else { exit(withError: error) }
        let problem = WrongUse.message(about: Array(CommandLine.arguments.dropFirst())) { arguments in
            do { _ = try parse(arguments) } catch { return message(for: error) }
            return nil
        }
        report(problem)
        report("see doormand --help")
        exit(withError: ExitCode(64))
    }

    private static func report(_ error: ConfigurationError) {
        let most = 30
        for problem in error.problems.prefix(most) { report(problem) }
        if error.problems.count > most { report("\(error.problems.count - most) more problems") }
        if error.isWrongUse { report("see doormand --help") }
    }

    private static func report(_ text: String) {
        DescriptorOutput.writeError("doormand: \(text)\n")
    }
}
