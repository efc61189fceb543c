import ArgumentParser
import TestKit
import Testing

@testable import doorman

@Suite("Reference page of the CLI", .timeLimit(.minutes(2)))
struct CLIReferencePageTests {
    @Test("the page shows the help of every command")
    func commands() async throws {
        var sections: [String] = []
        for path in Self.paths(of: DoormanCommand.self) {
            let help = try await Program.run(["help"] + path.dropFirst(), environment: ["COLUMNS": "80"])
            #expect(help.status == 0, "\(help)")
            let lines = help.output.split(separator: "\n", omittingEmptySubsequences: false)
                .map { $0.replacing(#/ +$/#, with: "") }
            let text = lines.joined(separator: "\n").replacing(#/\n+$/#, with: "")
            sections.append("## \(path.joined(separator: " "))\n\n```text\n\(text)\n```\n")
        }
        #expect(sections.count > 10)
        try ReferencePage("docs/reference/cli.md").check(sections.joined(separator: "\n"))
    }

    /// Returns the words of a command and of all its subcommands, each command before its subcommands.
    private static func paths(of command: any ParsableCommand.Type, below parent: [String] = []) -> [[String]] {
        let path = parent + [command.configuration.commandName ?? ""]
        return [path] + command.configuration.subcommands.flatMap { paths(of: $0, below: path) }
    }
}
