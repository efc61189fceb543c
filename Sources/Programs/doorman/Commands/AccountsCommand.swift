internal import ArgumentParser
internal import DoormanClient

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
        let members: [JSON.Member] = [
            .init("account_id", .string(account.id)), .init("phone_number", .optional(account.phoneNumber)),
            .init("email", .optional(account.email)),
        ]
        return JSON.object(members).text + "\n"
    }

    /// One line of output for an account that was to be deleted.
    ///
    /// - Parameter failure: Nil if it is deleted.
    static func line(deleting id: String, failure: FailureReport?) -> String {
        let outcome = failure?.members ?? [.init("outcome", .string("deleted"))]
        return JSON.object([.init("account_id", .string(id))] + outcome).text + "\n"
    }
}
