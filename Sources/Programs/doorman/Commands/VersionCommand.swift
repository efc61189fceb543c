internal import ArgumentParser
internal import DoormanVersion

/// `doorman version`: prints the version of this program. It calls no server.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version of this program.",
        discussion: "Calls no server. 'doorman --version' prints the same text.")

    @Flag(name: .shortAndLong, help: "Print JSON.")
    var json = false

    func run() throws {
        let json = JSONOutput.encode(VersionJSON())
        try StandardStreams.write((self.json ? json : DoormanCommand.configuration.version) + "\n")
    }
}

private struct VersionJSON: Encodable {
    let outcome = "version"
    let program = "doorman"
    let version = ProgramVersion.text
}
