internal import ArgumentParser
internal import DoormanFiles
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
        CoreDumps.prevent()
        let arguments = Array(CommandLine.arguments.dropFirst())
        await ExitStatus.leave(with: run(arguments))
    }

    /// Runs a command line and returns its exit status.
    private static func run(_ arguments: [String]) async -> ExitStatus {
        var isParsed = false
        do {
            // The parser shows the help of the whole program for any unknown word after 'help'.
            if arguments.first == "help", let error = CommandLineAdvice(arguments: Array(arguments.dropFirst())).unknownCommand {
                throw error
            }
            var command = try parseAsRoot(arguments)
            isParsed = true
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
            return report(wrongUse: error, arguments, isParsed: isParsed)
        }
    }

    /// Reports output that cannot be written.
    private static func lost(_ error: OutputError) -> ExitStatus {
        if error.isClosedPipe { OutputError.endByClosedPipe() }
        StandardStreams.writeError(error.line)
        return .outputFailed
    }

    /// Prints the error of a wrong command line.
    ///
    /// - Parameter isParsed: Whether the error is that of a command, not of the parser.
    private static func report(wrongUse error: any Error, _ arguments: [String], isParsed: Bool) -> ExitStatus {
        let advice = CommandLineAdvice(arguments: arguments)
        // The parser's own errors repeat values, and only they can be about a word in the place of a command.
        let shown =
            if isParsed || error is ValidationError { message(for: error) } else {
                advice.unknownCommand.map { message(for: $0) } ?? advice.withSynonym(parserMessage(about: arguments))
            }
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

    private static func parserMessage(about arguments: [String]) -> String {
        WrongUse.message(about: arguments) { arguments in
            do { _ = try parseAsRoot(arguments) } catch { return message(for: error) }
            return nil
        }
    }
}
