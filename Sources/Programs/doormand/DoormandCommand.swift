internal import ArgumentParser
internal import DoormanDaemon
internal import DoormanVersion
internal import Foundation

/// `doormand`: reads the settings and serves.
@main
struct DoormandCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doormand",
        abstract: "Verify access tokens for the services of an internal network.",
        usage: "doormand [--config FILE] [--check-config] [--print-config] [--SETTING VALUE ...]",
        discussion: """
            A setting is a flag, a DOORMAN_… environment variable, or a key of the YAML or JSON file. Flags override variables, and \
            variables override the file. Secrets come from files only. SIGTERM starts a graceful shutdown, SIGHUP reloads the \
            settings.

            EXIT CODES
              0   the server has shut down, or the settings are valid
              1   the server cannot serve
              64  the command line is invalid
              78  the settings are invalid

            SETTINGS
            \(SettingsCatalogue.help)
            """,
        version: "doormand \(ProgramVersion.text)")

    @Option(help: ArgumentHelp("YAML or JSON file of settings. (default: $DOORMAN_CONFIG)", valueName: "file"))
    var config: String?

    @Flag(help: "Check the settings and the files that they name, print all problems, and exit.")
    var checkConfig = false

    @Flag(help: "Print the settings with their origins, and exit.")
    var printConfig = false

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var settings: [String] = []

    /// Prevents core dumps, ignores signals and limits arenas first: a secret must not be read before, a signal must not end a starting
    /// process, and a thread never changes its arena.
    static func main() async {
        CoreDumps.prevent()
        SIGHUPHandler.ignore()
        SIGPIPEHandler.ignore()
        MemoryArenas.limit()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            // The parser's own exit prints helps and versions, and ignores that they cannot be written.
            guard exitCode(for: error) == .success else { exit(withError: error) }
            do { try show(fullMessage(for: error)) } catch { exit(withError: error) }
        }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let loader = SettingsLoader(arguments: settings, environment: environment, file: config ?? environment["DOORMAN_CONFIG"])
        do {
            let loaded = try loader.load()
            if printConfig { try Self.show(SettingsPrinter.text(loaded)) }
            if printConfig && !checkConfig { return }
            let daemon = try Daemon(settings: loaded.settings, loader: loader)
            if checkConfig {
                for warning in daemon.warnings { Self.report("warning: \(warning)") }
                try Self.show("doormand: the settings are valid")
                return
            }
            try await daemon.run()
        } catch let error as ConfigurationError {
            for problem in error.problems { Self.report(problem) }
            // EX_CONFIG. See sysexits.h.
            throw ExitCode(78)
        } catch let code as ExitCode {
            throw code
        } catch {
            Self.report("\(error)")
            throw ExitCode(1)
        }
    }

    /// Prints a result. A result that cannot be written must not look like a success.
    private static func show(_ text: String) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
        } catch {
            report("cannot write to standard output: check the disk or the file that the output goes to, and repeat the command")
            throw ExitCode(1)
        }
    }

    private static func report(_ text: String) {
        DescriptorOutput.writeError("doormand: \(text)\n")
    }
}
