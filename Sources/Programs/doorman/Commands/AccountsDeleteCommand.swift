internal import ArgumentParser
internal import DoormanClient

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
        var tally = DeletionTally()
        var badLine: ValidationError?
        do throws(ValidationError) {
            var source = readsInput ? IDSource.input(LineReader()) : .arguments(ids[...])
            while !tally.isHopeless, let id = try source.next() { await delete(id, client, &tally, &progress) }
        } catch {
            badLine = error
        }
        await client.close()
        progress.end()
        if let failure = tally.lastFailure {
            StandardStreams.write(FailureReport.line(tally.sentence + ": \(failure.description)", next: failure.next), to: .error)
        }
        if let badLine { throw badLine }
        if let failure = tally.lastFailure { throw failure.status }
    }

    private func delete(
        _ id: String, _ client: DoormanClient, _ tally: inout DeletionTally, _ progress: inout Progress
    ) async {
        do throws(DoormanError) {
            try await client.deleteAccount(id, applicationID: application)
            tally.count(nil)
            progress.clear()
            StandardStreams.write(AccountsCommand.line(deleting: id, failure: nil), to: .output)
        } catch {
            let failure = FailureReport(error)
            tally.count(failure)
            progress.clear()
            StandardStreams.write(AccountsCommand.line(deleting: id, failure: failure), to: .output)
        }
        progress.show(tally.sentence)
    }

    /// What can't be an id is not sent, and not repeated: it may be a token in the wrong place.
    static func isPossible(_ id: String) -> Bool {
        (1...64).contains(id.utf8.count) && id.utf8.allSatisfy { (0x30...0x39).contains($0) }
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
struct DeletionTally {
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
