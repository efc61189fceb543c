internal import AccountKitEmulator
internal import ArgumentParser
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// `account-kit-emulator`: reads the command line, starts the emulator, stops it on SIGTERM or SIGINT.
@main
struct AccountKitEmulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account-kit-emulator",
        abstract: "A stand-in for Account Kit's servers, for development and tests.",
        discussion: """
            Serves Account Kit's REST contract (v1.0 to v1.3), and control paths below /emulator/: log a person in with
            POST /emulator/login?phone=%2B15551234567, count calls with GET /emulator/statistics, make calls fail with
            POST /emulator/fault?name=…, which lists the faults if the name is none of them, and by count, chance or time with
            &times=3, &probability=25%, &after_milliseconds=1000 and &for_milliseconds=5000; GET /emulator/fault shows what is
            set, and DELETE /emulator/fault ends it. Over HTTPS it speaks HTTP/2 and HTTP/1.1. Without --seed there is one app, 5432154321543210, whose secret is
            0123456789abcdef0123456789abcdef.
            """)

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 for any that is free.")
    var port = 7118

    @Option(help: ArgumentHelp("Write the port that was chosen to this file.", valueName: "file"))
    var portFile: String?

    @Option(help: ArgumentHelp("PEM file with the certificate chain, for HTTPS.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("PEM file with the certificate's private key.", valueName: "file"))
    var privateKey: String?

    @Option(help: ArgumentHelp("JSON file with apps, their accounts and tokens.", valueName: "file"))
    var seed: String?

    @Option(help: ArgumentHelp("Write the first app's secret to this file, which only its owner may read.", valueName: "file"))
    var writeAppSecret: String?

    @Option(help: ArgumentHelp("Where the generator starts that faults with a probability throw dice with.", valueName: "number"))
    var faultSeed: UInt64?

    @Flag(help: "Listen also on an address that other machines reach. Whoever reaches it may log in as anybody.")
    var allowAnyAddress = false

    @Option(help: "How many connections may be open at once.")
    var maxConnections = 1024

    @Option(help: "After how many seconds of silence a connection is closed.")
    var idleTimeout = 60

    @Option(help: "trace, debug, info, notice, warning, error or critical. At debug, one line a call.")
    var logLevel = "info"

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be from 0 to 65535") }
        guard (certificate == nil) == (privateKey == nil) else {
            throw ValidationError("--certificate and --private-key must be given together")
        }
        guard (1...1_000_000).contains(maxConnections) else { throw ValidationError("--max-connections must be from 1 to 1000000") }
        guard (1...86_400).contains(idleTimeout) else { throw ValidationError("--idle-timeout must be from 1 to 86400") }
        guard Logger.Level(rawValue: logLevel) != nil else { throw ValidationError("--log-level is none of the levels") }
    }

    func run() async throws {
        var logger = Logger(label: "account-kit-emulator", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
        let settings = try makeSettings()
        if let writeAppSecret, let app = settings.apps.first {
            try TextFile.write(app.secret, to: writeAppSecret, mode: 0o600)
        }
        let service = EmulatorService(emulator: try AccountKitEmulator(settings: settings, logger: logger), portFile: portFile)
        try await ServiceGroup(services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
    }

    private func makeSettings() throws -> EmulatorSettings {
        var settings = EmulatorSettings(host: host, port: port, allowsAnyAddress: allowAnyAddress)
        if let certificate, let privateKey {
            settings.tls = EmulatorSettings.TLSFiles(certificate: certificate, privateKey: privateKey)
        }
        if let seed { settings.apps = try Seed.apps(file: seed) }
        settings.faultSeed = faultSeed
        settings.limits.connections = maxConnections
        settings.limits.idleTimeout = .seconds(idleTimeout)
        return settings
    }
}
