internal import ArgumentParser
internal import DoormanClient

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
            if server.json { StandardStreams.write(failure.json.text + "\n", to: .output) }
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
