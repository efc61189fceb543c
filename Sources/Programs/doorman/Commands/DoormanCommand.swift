internal import ArgumentParser
internal import DoormanSupport
internal import DoormanVersion

/// `doorman`: the command-line client of a Doorman server.
@main
struct DoormanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doorman",
        abstract: "Verify tokens with a Doorman server, and inspect the server.",
        discussion: """
            Results are text for people or, with --json, JSON for programs, also in a pipe. A failure prints one line on standard \
            error: what failed, why, and the next step.

            EXIT CODES
              0  the token is valid, or the command succeeded
              1  the token or code is rejected
              2  the command line, or a file that it names, is invalid
              3  unavailable: there is no verdict, or the server takes no calls
              4  standard output cannot be written

            ENVIRONMENT
            \(CLIVariable.allCases.map { "  \($0.rawValue)\n      \($0.summary)" }.joined(separator: "\n"))
              NO_COLOR
                  If not empty, turns colours off. Only terminals get colours.

            EXAMPLES
              doorman dev
              doorman dev login --phone +15551234567 | doorman verify
              doorman verify --token-file token --max-age 1s --json
              doorman health --address doorman.internal --ca-file ca.pem --wait 1m
            """,
        version: "doorman \(ProgramVersion.text)",
        subcommands: [
            VerifyCommand.self, ExchangeCommand.self, RevokeCommand.self, AccountsCommand.self, HealthCommand.self,
            StatsCommand.self, BenchCommand.self, DevCommand.self, VersionCommand.self, CompletionCommand.self,
        ])

    static func main() async {
        StandardStreams.preventCoreDumps()
        let arguments = Array(CommandLine.arguments.dropFirst())
        await ExitStatus.leave(with: run(arguments))
    }

    /// Runs a command line and returns its exit status.
    private static func run(_ arguments: [String]) async -> ExitStatus {
        do {
            // The parser shows the help of the whole program for any unknown word after 'help'.
            if arguments.first == "help", let error = CommandLineAdvice(arguments: Array(arguments.dropFirst())).unknownCommand {
                throw error
            }
            var command = try parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return .success
        } catch let status as ExitStatus {
            return status
        } catch let error as OutputError {
            return lost(error)
        } catch  where exitCode(for: error) == .success {
            // The argument parser throws help texts, too.
            do throws(OutputError) {
                try StandardStreams.write(fullMessage(for: error) + "\n")
                return .success
            } catch {
                return lost(error)
            }
        } catch {
            return report(wrongUse: error, arguments)
        }
    }

    /// Reports output that cannot be written.
    private static func lost(_ error: OutputError) -> ExitStatus {
        if error.isClosedPipe { OutputError.endByClosedPipe() }
        StandardStreams.writeError(error.line)
        return .outputFailed
    }

    /// Prints the error of a wrong command line.
    private static func report(wrongUse error: any Error, _ arguments: [String]) -> ExitStatus {
        let advice = CommandLineAdvice(arguments: arguments)
        // The parser's own errors have no type. Only they can be about a word in the place of a command.
        let isOwnMessage = error is ValidationError
        let better = isOwnMessage ? nil : advice.unknownCommand
        let given = better.map { message(for: $0) } ?? advice.withSynonym(message(for: error))
        // Our own messages repeat only names of files, so only a token in place of a file's name could appear in them.
        let shown = withoutSecrets(given, arguments) { !isOwnMessage || mayBeToken($0) }
        let next = "See '\(advice.command) --help'."
        if advice.wantsJSON {
            let body = FailureJSON(
                outcome: "wrong_use", reason: "WRONG_USE", message: FailureReport.sentence(shown), retryable: false,
                retryAfterSeconds: nil, next: next, servers: nil)
            do throws(OutputError) {
                try StandardStreams.write(JSONOutput.encode(body) + "\n")
            } catch {
                return lost(error)
            }
        }
        StandardStreams.writeError(FailureReport.line(shown, next: next))
        return .wrongUse
    }

    /// Removes arguments as long as a token from an error message, because one may be a token in the wrong place.
    ///
    /// - Parameters:
    ///   - message: The error message.
    ///   - arguments: The command line.
    ///   - isSecret: Returns whether to remove a long argument. By default all are removed.
    static func withoutSecrets(
        _ message: String, _ arguments: [String], where isSecret: (Substring) -> Bool = { _ in true }
    ) -> String {
        var message = message
        for argument in arguments {
            let parts = argument.split(separator: "=", maxSplits: 1) + [argument[...]]
            for part in parts where part.utf8.count >= 20 && isSecret(part) {
                message = message.split(separator: part, omittingEmptySubsequences: false).joined(separator: "…")
            }
        }
        return message
    }

    /// Returns whether the text looks like a token or code. Long names of files contain a dot, a slash or a hyphen.
    static func mayBeToken(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { $0.isASCIIAlphanumeric || "|_".utf8.contains($0) }
    }
}
