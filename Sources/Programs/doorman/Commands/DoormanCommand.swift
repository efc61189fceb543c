internal import ArgumentParser
internal import DoormanSupport

/// `doorman`: asks a Doorman server from the command line.
@main
struct DoormanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doorman",
        abstract: "Ask a Doorman server whose token it is.",
        discussion: """
            Answers are tables for people or, with --json, one JSON object for programs. A failure also says on standard error, in \
            one line, what to do next.

            EXIT CODES
              0  the answer is yes
              1  the token or code is rejected
              2  wrong use; nobody was asked
              3  unavailable, or the server takes no calls

            ENVIRONMENT
            \(CLIVariable.allCases.map { "  \($0.rawValue)\n      \($0.summary)" }.joined(separator: "\n"))
              NO_COLOR
                  If it is not empty, nothing is in colour; nor is it but on a terminal.

            EXAMPLES
              doorman login --phone +15551234567 | doorman verify
              doorman verify --token-file token --max-age 1s --json
              doorman health --address doorman.internal:7117 --ca-file ca.pem --wait 1m
            """,
        subcommands: [
            VerifyCommand.self, ExchangeCommand.self, RevokeCommand.self, AccountsCommand.self, HealthCommand.self,
            StatsCommand.self, BenchCommand.self, LoginCommand.self, CompletionCommand.self,
        ])

    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        await ExitStatus.leave(with: run(arguments))
    }

    /// Runs a command line, and says how it ended.
    private static func run(_ arguments: [String]) async -> ExitStatus {
        do {
            var command = try parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return .success
        } catch let status as ExitStatus {
            return status
        } catch  where exitCode(for: error) == .success {
            // Help and completion scripts are thrown too.
            StandardStreams.write(fullMessage(for: error) + "\n", to: .output)
            return .success
        } catch {
            // Complaints of our own name nothing but files, and so a token only where a file's name should be.
            let isOurs = error is ValidationError
            let message = withoutSecrets(message(for: error), arguments) { !isOurs || mayBeToken($0) }
            StandardStreams.write(FailureReport.line(message, next: "See 'doorman --help'."), to: .error)
            return .wrongUse
        }
    }

    /// A misplaced token would be named in the complaint about it, so arguments as long as one are left out.
    ///
    /// - Parameter isSecret: Whether one of them is to be left out, or may stay.
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

    /// Tokens and codes are letters and digits; long names of files have a dot, a slash or a hyphen.
    static func mayBeToken(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { $0.isASCIIAlphanumeric || "|_".utf8.contains($0) }
    }
}
