internal import AccountKitEmulator
internal import ArgumentParser
internal import DoormanFiles
internal import DoormanSupport
internal import DoormanVersion
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// `account-kit-emulator`: reads the command line, starts the emulator, and stops it on SIGTERM or SIGINT.
@main
struct AccountKitEmulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account-kit-emulator",
        abstract: "Emulate Account Kit, Facebook Login and an OpenID issuer, for development and tests.",
        usage: "account-kit-emulator [<options>]",
        discussion: """
            Serves Account Kit's REST API, versions v1.0 to v1.3, and control paths for tests. Over HTTPS it speaks HTTP/2 and \
            HTTP/1.1. Without --seed there is one app, 5432154321543210, with the secret 0123456789abcdef0123456789abcdef.

            Serves Facebook Login's debug_token, me and permissions. An OpenID issuer has its discovery document at \
            /oidc/.well-known/openid-configuration and its keys at /oidc/keys.

            CONTROL PATHS
              POST /emulator/login?phone=%2B15551234567
                  Logs an account in. The emulator creates it if needed.
                  response=jwt returns a token that the OpenID issuer signs,
                  response=facebook-token one of Facebook Login.
              POST /emulator/rotate-keys?old=keep
                  Gives the OpenID issuer new keys. old=remove ends the old keys.
              GET /emulator/statistics
                  Counts the calls so far.
              POST /emulator/fault?name=NAME
                  Makes calls fail. An unknown name lists all faults. The parameters
                  times=3, probability=25%, after_milliseconds=1000 and
                  for_milliseconds=5000 limit the fault.
              GET /emulator/fault
                  Shows the active fault.
              DELETE /emulator/fault
                  Ends the fault.

            EXIT CODES
              0   the emulator has stopped
              1   it cannot start, for example because of a file or a port
              64  the command line is invalid
            """,
        version: "account-kit-emulator \(ProgramVersion.text)")

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on. 0 takes a free port.")
    var port = 7118

    @Option(help: ArgumentHelp("File that receives the port once the emulator listens.", valueName: "file"))
    var portFile: String?

    @Option(help: ArgumentHelp("PEM file with the certificate chain. Turns HTTPS on.", valueName: "file"))
    var certificateFile: String?

    @Option(help: ArgumentHelp("PEM file with the private key of that certificate.", valueName: "file"))
    var privateKeyFile: String?

    @Option(help: ArgumentHelp("JSON file with apps, accounts and tokens.", valueName: "file"))
    var seed: String?

    @Option(
        help: ArgumentHelp(
            "URL of the OpenID issuer, the claim 'iss' of its tokens. (default: /oidc on the address that the emulator listens on)",
            valueName: "url"))
    var issuer: String?

    @Option(help: ArgumentHelp("Time for which clients may keep the issuer's keys, in seconds.", valueName: "seconds"))
    var keysMaxAge = 300

    @Option(help: ArgumentHelp("File that receives the first app's secret. Only its owner can read it.", valueName: "file"))
    var writeAppSecret: String?

    @Option(
        help: ArgumentHelp(
            "Seed of the random numbers for faults with a probability, to repeat a run. (default: random)", valueName: "number"))
    var faultSeed: UInt64?

    @Flag(help: "Allow a --host that other machines can reach. Anyone who reaches it can log in to every account.")
    var allowAnyAddress = false

    @Option(help: ArgumentHelp("Maximum open connections.", valueName: "number"))
    var maxConnections = 1024

    @Option(help: ArgumentHelp("Time without traffic after which a connection is closed, in seconds.", valueName: "seconds"))
    var idleTimeout = 60

    @Option(
        help: ArgumentHelp(
            "Minimum severity of log lines: trace, debug, info, notice, warning, error or critical. debug logs every call.",
            valueName: "level"))
    var logLevel = "info"

    /// Runs the program. The parser's own exit prints several lines, and ignores that a help text cannot be written.
    static func main() async {
        CoreDumps.prevent()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            leave(after: error)
        }
    }

    /// Prints an error on one line, or the help text that the parser throws, and ends the program.
    private static func leave(after error: any Error) -> Never {
        var (message, code) = (message(for: error), exitCode(for: error))
        if code == .success {
            do throws(StandardOutput.Failure) {
                try StandardOutput.write(fullMessage(for: error))
                exit()
            } catch {
                (message, code) = ("\(error)", .failure)
            }
        }
        if code == .validationFailure { message = wrongUse() }
        let sentence = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        let end = sentence.last.map(".?!".contains) == true ? "" : "."
        let next = code == .validationFailure ? " See 'account-kit-emulator --help'." : ""
        StandardOutput.writeError("account-kit-emulator: \(sentence)\(end)\(next)\n")
        exit(withError: code)
    }

    /// Returns the message about this process's command line.
    private static func wrongUse() -> String {
        WrongUse.message(about: Array(CommandLine.arguments.dropFirst())) { arguments in
            do { _ = try parseAsRoot(arguments) } catch { return message(for: error) }
            return nil
        }
    }

    func validate() throws {
        // A token must not reach a name server, and no message may repeat it.
        let isHost = host.utf8.allSatisfy { $0.isASCIIAlphanumeric || "-._:%".utf8.contains($0) }
        guard isHost, !MisplacedToken.isProbable(host: host) else {
            throw ValidationError("--host must be a name or an IP address")
        }
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be from 0 to 65535") }
        guard (certificateFile == nil) == (privateKeyFile == nil) else {
            throw ValidationError("--certificate-file and --private-key-file must be set together")
        }
        guard (1...1_000_000).contains(maxConnections) else { throw ValidationError("--max-connections must be from 1 to 1000000") }
        guard (1...86_400).contains(idleTimeout) else { throw ValidationError("--idle-timeout must be from 1 to 86400") }
        if let issuer, !OpenIDIssuer.accepts(url: issuer) { throw ValidationError("--issuer \(OpenIDIssuer.urlRule)") }
        guard (0...86_400).contains(keysMaxAge) else { throw ValidationError("--keys-max-age must be from 0 to 86400") }
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("--log-level must be trace, debug, info, notice, warning, error or critical")
        }
    }

    func run() async throws {
        var logger = Logger(label: "account-kit-emulator", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
        let settings = try makeSettings()
        let service = EmulatorService(
            emulator: try AccountKitEmulator(settings: settings, logger: logger),
            secretFile: writeAppSecret.map(ScriptFile.secret), portFile: portFile.map(ScriptFile.port))
        try service.check()
        try await ServiceGroup(services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
    }

    private func makeSettings() throws -> EmulatorSettings {
        var settings = EmulatorSettings(host: host, port: port, allowsAnyAddress: allowAnyAddress)
        if let certificateFile, let privateKeyFile {
            settings.tls = EmulatorSettings.TLSFiles(certificate: certificateFile, privateKey: privateKeyFile)
        }
        if let seed { settings.apps = try Seed.apps(file: seed) }
        settings.issuer = issuer
        settings.keysMaxAge = keysMaxAge
        settings.faultSeed = faultSeed
        settings.limits.connections = maxConnections
        settings.limits.idleTimeout = .seconds(idleTimeout)
        return settings
    }
}
