internal import ArgumentParser
internal import DoormanClient
internal import DoormanSupport

/// `doorman accounts`: what operators do with the accounts of an application.
struct AccountsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts",
        abstract: "List or delete the accounts of an application.",
        discussion: """
            The server refuses this unless its setting server.accounts-callers, or its policy, names the caller. Answers are JSON, \
            one object a line, with --json or without, but for a list on a terminal. --timeout is for each call to the server, not \
            for all of them.
            """,
        subcommands: [AccountsListCommand.self, AccountsDeleteCommand.self])
}

extension AccountsCommand {
    /// `1 account`, `2 accounts`.
    static func count(_ number: Int) -> String {
        "\(number) account" + (number == 1 ? "" : "s")
    }

    /// One line of output for an account that was listed.
    static func line(_ account: Account) -> String {
        JSONOutput.encode(AccountJSON(accountID: account.id, phoneNumber: account.phoneNumber, email: account.email)) + "\n"
    }

    /// One line of output for an account that was to be deleted.
    ///
    /// - Parameter failure: Nil if it is deleted.
    static func line(deleting id: String, failure: FailureReport?) -> String {
        JSONOutput.encode(DeletionJSON(accountID: id, failure: failure?.body)) + "\n"
    }
}

private struct AccountJSON: Encodable {
    let accountID: String
    @Nullable var phoneNumber: String?
    @Nullable var email: String?
}

private struct DeletionJSON: Encodable {
    let accountID: String
    let failure: FailureJSON?

    private enum CodingKeys: CodingKey {
        case accountID
    }

    /// The members of the outcome beside that of the account.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(accountID, forKey: .accountID)
        if let failure { try failure.encode(to: encoder) } else { try OutcomeJSON(outcome: "deleted").encode(to: encoder) }
    }
}

/// `doorman accounts list`: every account of an application, a line each.
struct AccountsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Print the accounts of an application.",
        discussion: """
            A table on a terminal, one JSON object a line elsewhere or with --json. What was printed before a failure is right, and \
            not all there is: look at the exit code.
            """)

    @Option(help: ArgumentHelp("The application whose accounts they are.", valueName: "id"))
    var application: String?

    @Option(help: ArgumentHelp("How many accounts to ask the server for at a time, 1 to 1000.", valueName: "number"))
    var pageSize = 100

    @Option(help: ArgumentHelp("Stop after so many accounts.", valueName: "number"))
    var limit: Int?

    @Flag(help: "Say on standard error how far it is, even if that is no terminal.")
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
            failure.complain()
            throw failure.status
        }
    }

    private func list(_ client: DoormanClient, _ progress: inout Progress) async -> FailureReport? {
        var left = limit ?? .max
        var listed = 0
        var after: String?
        let isTable = !server.json && StandardStreams.outputIsTerminal
        repeat {
            do throws(DoormanError) {
                let page = try await client.accountPage(applicationID: application, pageSize: min(pageSize, left), after: after)
                let shown = page.accounts.prefix(left)
                progress.clear()
                if isTable && listed == 0 && !shown.isEmpty { StandardStreams.write(AccountsTable.header, to: .output) }
                let lines = shown.map { isTable ? AccountsTable.row($0) : AccountsCommand.line($0) }
                StandardStreams.write(lines.joined(), to: .output)
                listed += shown.count
                left -= shown.count
                after = page.next
            } catch {
                return FailureReport(error)
            }
            progress.show(AccountsCommand.count(listed) + " listed")
        } while after != nil && left > 0
        return nil
    }
}

/// `doorman accounts delete`: accounts go for good, one after the other.
struct AccountsDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete accounts at the provider, for good.",
        discussion: """
            Prints what became of each account, one JSON object a line. Goes on after an account that could not be deleted, unless \
            the others would fare alike, or \(mostInARow) in a row have failed. Account Kit says of an account that it does not know \
            what it says when it is down: PROVIDER_UNAVAILABLE.
            """)

    /// So many failures one after the other are not the accounts' fault.
    static let mostInARow = 10

    @Argument(help: "The accounts' ids; '-' alone reads them from standard input, one a line.")
    var ids: [String]

    @Option(help: ArgumentHelp("The application whose accounts they are.", valueName: "id"))
    var application: String?

    @Flag(help: "Say on standard error how far it is, even if that is no terminal.")
    var progress = false

    @OptionGroup var server: ServerOptions

    private var readsInput: Bool { ids == ["-"] }

    func validate() throws {
        guard !readsInput else { return }
        for (index, id) in ids.enumerated() where !Self.isPossible(id) { throw Self.noAccountID("argument \(index + 1)") }
    }

    func run() async throws {
        if readsInput, StandardStreams.inputIsTerminal { throw ValidationError("there are no ids: pipe them in") }
        let client = try server.makeClient()
        var progress = Progress(isWanted: self.progress)
        var counters = DeletionCounters()
        var badLine: ValidationError?
        do throws(ValidationError) {
            var source = readsInput ? IDSource.input(LineReader()) : .arguments(ids[...])
            while !counters.isHopeless, let id = try source.next() { await delete(id, client, &counters, &progress) }
        } catch {
            badLine = error
        }
        await client.close()
        progress.end()
        if let failure = counters.lastFailure {
            StandardStreams.write(
                FailureReport.line(counters.sentence + ": \(failure.description)", next: failure.next), to: .error)
        }
        if let badLine { throw badLine }
        if let failure = counters.lastFailure { throw failure.status }
    }

    private func delete(
        _ id: String, _ client: DoormanClient, _ counters: inout DeletionCounters, _ progress: inout Progress
    ) async {
        do throws(DoormanError) {
            try await client.deleteAccount(id, applicationID: application)
            counters.count(nil)
            progress.clear()
            StandardStreams.write(AccountsCommand.line(deleting: id, failure: nil), to: .output)
        } catch {
            let failure = FailureReport(error)
            counters.count(failure)
            progress.clear()
            StandardStreams.write(AccountsCommand.line(deleting: id, failure: failure), to: .output)
        }
        progress.show(counters.sentence)
    }

    /// What can't be an id is not sent, and not repeated: it may be a token in the wrong place.
    static func isPossible(_ id: String) -> Bool {
        DecimalDigits.areAll(id, upTo: 64)
    }

    static func noAccountID(_ place: String) -> ValidationError {
        ValidationError("\(place) is no account id: those are 1 to 64 decimal digits")
    }
}

/// Where the ids come from.
private enum IDSource {
    case arguments(ArraySlice<String>)
    case input(LineReader)

    /// The next id, or nil after the last. Empty lines are passed over.
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
                case .line(let id, _) where AccountsDeleteCommand.isPossible(id): return id
                case .line(_, let number), .tooLong(let number):
                    throw AccountsDeleteCommand.noAccountID("line \(number) of standard input")
                case .end: return nil
                case .unreadable: throw ValidationError("standard input can't be read")
                }
            }
        }
    }
}

/// What became of the accounts so far.
struct DeletionCounters {
    private var deleted = 0
    private var failed = 0
    private var failedInARow = 0
    private(set) var lastFailure: FailureReport?

    mutating func count(_ failure: FailureReport?) {
        guard let failure else {
            deleted += 1
            failedInARow = 0
            return
        }
        failed += 1
        failedInARow += 1
        lastFailure = failure
    }

    /// Whether the next would fail as the last did.
    var isHopeless: Bool {
        failedInARow > 0 && (lastFailure?.hitsEveryCall == true || failedInARow >= AccountsDeleteCommand.mostInARow)
    }

    var sentence: String {
        AccountsCommand.count(deleted) + " deleted" + (failed > 0 ? ", \(failed) not" : "")
    }
}
