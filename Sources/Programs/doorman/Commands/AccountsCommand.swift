internal import ArgumentParser
internal import DoormanClient
internal import DoormanSupport

/// `doorman accounts`: lists or deletes the accounts of an application.
struct AccountsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts",
        abstract: "List or delete the accounts of an application.",
        discussion: """
            Only callers to which the server's policy grants accounts can use these commands. With --json, the output is one \
            JSON object per line. --timeout applies to each call to the server.
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

    /// Returns the line of output for the deletion of an account, as text.
    static func text(deleting id: String, _ outcome: DeletionOutcome) -> String {
        switch outcome {
        case .deleted: "\(id)  deleted\n"
        case .failed(let failure): "\(id)  \(failure.description.printable)\n"
        case .wouldBeDeleted: "\(id)  would be deleted\n"
        }
    }

    /// Returns the line of output for the deletion of an account, as JSON.
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
    /// With `--dry-run`.
    case wouldBeDeleted
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
        case .wouldBeDeleted: try OutcomeJSON(outcome: "would_be_deleted").encode(to: encoder)
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
            Prints a table or, with --json, one JSON object per line. The exit code is 3 if the list is incomplete because a call \
            failed. The accounts that were printed before are correct.
            """)

    @Option(help: ArgumentHelp("Application that the accounts belong to.", valueName: "id"), transform: String.init(notEmpty:))
    var application: String?

    @Option(help: ArgumentHelp("Accounts per call to the server, from 1 to 1000.", valueName: "number"))
    var pageSize = AccountListRequest.defaultPageSize

    @Option(help: ArgumentHelp("Maximum number of accounts to list.", valueName: "number"))
    var limit: Int?

    @Flag(help: "Show progress on standard error, even if it is not a terminal.")
    var progress = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        try AccountListRequest.pageSizes.check(pageSize, of: "--page-size")
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or more") }
    }

    func run() async throws {
        let client = server.makeClient(try server.choice())
        var progress = Progress(isWanted: self.progress)
        let failure = try await list(client, &progress)
        await client.close()
        progress.end()
        if let failure { try server.fail(failure) }
    }

    private func list(_ client: DoormanClient, _ progress: inout Progress) async throws -> FailureReport? {
        var remaining = limit ?? .max
        var listed = 0
        var after: String?
        repeat {
            let page: AccountPage
            do throws(DoormanError) {
                page = try await client.accountPage(
                    applicationID: application, pageSize: min(pageSize, remaining), after: after)
            } catch {
                return FailureReport(error)
            }
            let shown = page.accounts.prefix(remaining)
            progress.clear()
            if !server.json && listed == 0 && !shown.isEmpty { try StandardStreams.write(AccountsTable.header) }
            let lines = shown.map { server.json ? AccountsCommand.line($0) : AccountsTable.row($0) }
            try StandardStreams.write(lines.joined())
            listed += shown.count
            remaining -= shown.count
            after = page.next
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
            Asks first on a terminal, and needs --yes elsewhere. Prints the result of each account on a line. After a failure the command continues with the next \
            account. It stops if every further call would fail in the same way, or after \(maximumConsecutiveFailures) consecutive \
            failures. For an unknown account, Account Kit fails as it does in an outage: PROVIDER_UNAVAILABLE. \
            With several servers, it first revokes the account's tokens at all of them. That needs the permission for 'revoke-accounts', too. \
            A warning names each server that could not be reached.
            """)

    /// The number of consecutive failures after which the accounts are not the likely cause.
    static let maximumConsecutiveFailures = 10

    @Argument(help: "Ids of the accounts. '-' alone reads them from standard input, one per line.")
    var ids: [String]

    @Option(help: ArgumentHelp("Application that the accounts belong to.", valueName: "id"), transform: String.init(notEmpty:))
    var application: String?

    @OptionGroup var confirmation: ConfirmationOptions

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
        let choice = try server.choice()
        try confirmation.require(
            "Delete \(AccountsCommand.count(ids.count)) at the provider, permanently, through \(choice.servers)?")
        let client = confirmation.dryRun ? nil : server.makeClient(choice)
        var progress = Progress(isWanted: self.progress)
        var counters = DeletionCounters()
        var invalidLine: ValidationError?
        do {
            var source = readsInput ? IDSource.input(LineReader()) : .arguments(ids[...])
            while !counters.shouldStop, let id = try source.next() { try await delete(id, client, &counters, &progress) }
        } catch let error as ValidationError {
            invalidLine = error
        }
        await client?.close()
        progress.end()
        for failure in counters.unreachable {
            StandardStreams.writeError(FailureReport.warning(failure, about: "tokens of deleted accounts"))
        }
        if let failure = counters.lastFailure {
            StandardStreams.writeError(
                FailureReport.line(counters.summary + ": \(failure.description)", next: failure.next))
        }
        if let invalidLine { throw invalidLine }
        if let failure = counters.lastFailure { throw failure.status }
    }

    private func delete(
        _ id: String, _ client: DoormanClient?, _ counters: inout DeletionCounters, _ progress: inout Progress
    ) async throws {
        let outcome: DeletionOutcome
        do throws(DoormanError) {
            if let client {
                outcome = .deleted(try await client.deleteAccount(id, applicationID: application))
            } else {
                outcome = .wouldBeDeleted
            }
        } catch {
            outcome = .failed(FailureReport(error))
        }
        counters.count(outcome)
        progress.clear()
        try StandardStreams.write(
            server.json ? AccountsCommand.line(deleting: id, outcome) : AccountsCommand.text(deleting: id, outcome))
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
        case .wouldBeDeleted: return
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
