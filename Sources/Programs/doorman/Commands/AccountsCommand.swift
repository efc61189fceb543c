internal import ArgumentParser
internal import DoormanClient
internal import DoormanSupport

/// `doorman accounts`: lists or deletes the accounts of an application.
struct AccountsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts",
        abstract: "List or delete the accounts of an application.",
        discussion: """
            Only callers to which the server's policy grants accounts can use these commands. The output is one JSON \
            object per line, with or without --json, except for a list on a terminal. --timeout applies to each call to the server.
            """,
        subcommands: [AccountsListCommand.self, AccountsDeleteCommand.self])
}

extension AccountsCommand {
    /// Formats a number of accounts: `1 account`, `2 accounts`.
    static func count(_ number: Int) -> String {
        "\(number) account" + (number == 1 ? "" : "s")
    }

    /// Returns the line of output for a listed account.
    static func line(_ account: Account) -> String {
        JSONOutput.encode(AccountJSON(accountID: account.id, phoneNumber: account.phoneNumber, email: account.email)) + "\n"
    }

    /// Returns the line of output for the deletion of an account.
    ///
    /// - Parameters:
    ///   - id: The account's id.
    ///   - outcome: The servers of a deletion that succeeded, or the failure.
    static func line(deleting id: String, _ outcome: DeletionOutcome) -> String {
        JSONOutput.encode(DeletionJSON(accountID: id, outcome: outcome)) + "\n"
    }
}

private struct AccountJSON: Encodable {
    let accountID: String
    @Nullable var phoneNumber: String?
    @Nullable var email: String?
}

/// The outcome of the deletion of an account.
enum DeletionOutcome {
    case deleted(RevocationResult)
    case failed(FailureReport)
}

private struct DeletionJSON: Encodable {
    let accountID: String
    let outcome: DeletionOutcome

    private enum CodingKeys: CodingKey {
        case accountID
    }

    /// Encodes the account's id and the members of the outcome into one object.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(accountID, forKey: .accountID)
        switch outcome {
        case .deleted(let result): try RevocationJSON(result, outcome: "deleted").encode(to: encoder)
        case .failed(let failure): try failure.body.encode(to: encoder)
        }
    }
}

/// `doorman accounts list`: prints all accounts of an application, one per line.
struct AccountsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the accounts of an application.",
        usage: "doorman accounts list [<options>]",
        discussion: """
            Prints a table on a terminal, and one JSON object per line elsewhere or with --json. The exit code is 3 if the list is \
            incomplete because a call failed. The accounts that were printed before are correct.
            """)

    @Option(help: ArgumentHelp("Application that the accounts belong to.", valueName: "id"))
    var application: String?

    @Option(help: ArgumentHelp("Accounts per call to the server, from 1 to 1000.", valueName: "number"))
    var pageSize = 100

    @Option(help: ArgumentHelp("Maximum number of accounts to list.", valueName: "number"))
    var limit: Int?

    @Flag(help: "Show progress on standard error, even if it is not a terminal.")
    var progress = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard (1...1000).contains(pageSize) else { throw ValidationError("--page-size must be from 1 to 1000") }
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or more") }
    }

    func run() async throws {
        let client = try server.makeClient()
        var progress = Progress(isWanted: self.progress)
        let failure = await list(client, &progress)
        await client.close()
        progress.end()
        if let failure {
            if server.json { StandardStreams.write(failure.json + "\n", to: .output) }
            failure.printLine()
            throw failure.status
        }
    }

    private func list(_ client: DoormanClient, _ progress: inout Progress) async -> FailureReport? {
        var remaining = limit ?? .max
        var listed = 0
        var after: String?
        let isTable = !server.json && StandardStreams.outputIsTerminal
        repeat {
            do throws(DoormanError) {
                let page = try await client.accountPage(
                    applicationID: application, pageSize: min(pageSize, remaining), after: after)
                let shown = page.accounts.prefix(remaining)
                progress.clear()
                if isTable && listed == 0 && !shown.isEmpty { StandardStreams.write(AccountsTable.header, to: .output) }
                let lines = shown.map { isTable ? AccountsTable.row($0) : AccountsCommand.line($0) }
                StandardStreams.write(lines.joined(), to: .output)
                listed += shown.count
                remaining -= shown.count
                after = page.next
            } catch {
                return FailureReport(error)
            }
            progress.show(AccountsCommand.count(listed) + " listed")
        } while after != nil && remaining > 0
        return nil
    }
}

/// `doorman accounts delete`: deletes accounts permanently, one after the other.
struct AccountsDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete accounts at the provider, permanently.",
        usage: "doorman accounts delete [<options>] <ids> ...",
        discussion: """
            Prints the result of each account, one JSON object per line. After a failure the command continues with the next \
            account. It stops if every further call would fail in the same way, or after \(maximumConsecutiveFailures) consecutive \
            failures. For an unknown account, Account Kit fails as it does in an outage: PROVIDER_UNAVAILABLE. \
            With several servers, it first revokes the account's tokens at all of them. That needs the permission for 'revoke-accounts', too. \
            A warning names each server that could not be reached.
            """)

    /// The number of consecutive failures after which the accounts are not the likely cause.
    static let maximumConsecutiveFailures = 10

    @Argument(help: "Ids of the accounts. '-' alone reads them from standard input, one per line.")
    var ids: [String]

    @Option(help: ArgumentHelp("Application that the accounts belong to.", valueName: "id"))
    var application: String?

    @Flag(help: "Show progress on standard error, even if it is not a terminal.")
    var progress = false

    @OptionGroup var server: ServerOptions

    private var readsInput: Bool { ids == ["-"] }

    func validate() throws {
        guard !readsInput else { return }
        for (index, id) in ids.enumerated() where !Self.isValid(id) { throw Self.invalidID("argument \(index + 1)") }
    }

    func run() async throws {
        if readsInput, StandardStreams.inputIsTerminal { throw ValidationError("no ids: pipe them into standard input") }
        let client = try server.makeClient()
        var progress = Progress(isWanted: self.progress)
        var counters = DeletionCounters()
        var invalidLine: ValidationError?
        do throws(ValidationError) {
            var source = readsInput ? IDSource.input(LineReader()) : .arguments(ids[...])
            while !counters.shouldStop, let id = try source.next() { await delete(id, client, &counters, &progress) }
        } catch {
            invalidLine = error
        }
        await client.close()
        progress.end()
        for failure in counters.unreachable {
            StandardStreams.write(FailureReport.warning(failure, about: "tokens of deleted accounts"), to: .error)
        }
        if let failure = counters.lastFailure {
            StandardStreams.write(
                FailureReport.line(counters.summary + ": \(failure.description)", next: failure.next), to: .error)
        }
        if let invalidLine { throw invalidLine }
        if let failure = counters.lastFailure { throw failure.status }
    }

    private func delete(
        _ id: String, _ client: DoormanClient, _ counters: inout DeletionCounters, _ progress: inout Progress
    ) async {
        let outcome: DeletionOutcome
        do throws(DoormanError) {
            outcome = .deleted(try await client.deleteAccount(id, applicationID: application))
        } catch {
            outcome = .failed(FailureReport(error))
        }
        counters.count(outcome)
        progress.clear()
        StandardStreams.write(AccountsCommand.line(deleting: id, outcome), to: .output)
        progress.show(counters.summary)
    }

    /// Returns whether the text is an account id. Other text is neither sent nor repeated: it may be a token in the wrong place.
    static func isValid(_ id: String) -> Bool {
        DecimalDigits.areID(id, upTo: 64)
    }

    /// - Parameter position: The argument or line of the text, which the error does not repeat.
    static func invalidID(_ position: String) -> ValidationError {
        ValidationError("\(position) is not an account id: an id has 1 to 64 decimal digits and no leading zero")
    }
}

/// The source of account ids.
private enum IDSource {
    case arguments(ArraySlice<String>)
    case input(LineReader)

    /// Returns the next id, or `nil` after the last. Empty lines are skipped.
    mutating func next() throws(ValidationError) -> String? {
        switch self {
        case .arguments(var rest):
            let id = rest.popFirst()
            self = .arguments(rest)
            return id
        case .input(var reader):
            defer { self = .input(reader) }
            while true {
                switch reader.next() {
                case .line("", _): continue
                case .line(let id, _) where AccountsDeleteCommand.isValid(id): return id
                case .line(_, let number), .tooLong(let number):
                    throw AccountsDeleteCommand.invalidID("line \(number) of standard input")
                case .end: return nil
                case .unreadable: throw ValidationError("cannot read standard input")
                }
            }
        }
    }
}

/// Counts the deleted accounts and the failures.
struct DeletionCounters {
    private var deleted = 0
    private var failed = 0
    private var consecutiveFailures = 0
    private(set) var lastFailure: FailureReport?
    /// The servers that a deletion could not reach, each once.
    private(set) var unreachable: [RevocationResult.Failure] = []

    mutating func count(_ outcome: DeletionOutcome) {
        switch outcome {
        case .deleted(let result):
            deleted += 1
            consecutiveFailures = 0
            for failure in result.unreachable where !unreachable.contains(where: { $0.server == failure.server }) {
                unreachable.append(failure)
            }
        case .failed(let failure):
            failed += 1
            consecutiveFailures += 1
            lastFailure = failure
        }
    }

    /// Whether the next deletion would probably fail like the last.
    var shouldStop: Bool {
        guard consecutiveFailures > 0 else { return false }
        return lastFailure?.affectsEveryCall == true || consecutiveFailures >= AccountsDeleteCommand.maximumConsecutiveFailures
    }

    var summary: String {
        AccountsCommand.count(deleted) + " deleted" + (failed > 0 ? ", \(failed) failed" : "")
    }
}
