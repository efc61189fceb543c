internal import ArgumentParser
internal import DoormanDaemon
internal import Foundation

/// The program `doormand`: reads the settings, and serves.
@main
struct DoormandCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doormand",
        abstract: "Answers whose token it is, for the services of an internal network.",
        usage: "doormand [--config FILE] [--check-config] [--print-config] [--SETTING VALUE ...]",
        discussion: """
            Every setting is a flag, a DOORMAN_… environment variable, or a key of the YAML or JSON file; the first of these that \
            has it counts. Secrets come from files alone.

            SETTINGS
            \(SettingsCatalogue.help)
            """)

    @Option(help: "YAML or JSON file of settings; also DOORMAN_CONFIG.")
    var config: String?

    @Flag(help: "Check the settings, say all that is wrong with them, and end.")
    var checkConfig = false

    @Flag(help: "Print the settings in force, with each one's origin, and end.")
    var printConfig = false

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var settings: [String] = []

    /// Ignores SIGHUP and limits arenas before anything else: a signal must not end a process that starts, and threads keep the arenas
    /// that they begin with.
    static func main() async {
        SIGHUPHandler.ignore()
        MemoryArenas.limit()
        await main(nil)
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let loader = SettingsLoader(arguments: settings, environment: environment, file: config ?? environment["DOORMAN_CONFIG"])
        do {
            let loaded = try loader.load()
            if printConfig { print(SettingsPrinter.text(loaded)) }
            if printConfig && !checkConfig { return }
            let daemon = try Daemon(settings: loaded.settings, loader: loader)
            if checkConfig {
                print("doormand: the settings are good")
                return
            }
            try await daemon.run()
        } catch let error as ConfigurationError {
            for problem in error.problems { Self.report(problem) }
            // EX_CONFIG of sysexits.h.
            throw ExitCode(78)
        } catch {
            Self.report("\(error)")
            throw ExitCode(1)
        }
    }

    private static func report(_ text: String) {
        FileHandle.standardError.write(Data("doormand: \(text)\n".utf8))
    }
}
