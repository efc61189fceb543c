internal import ArgumentParser

/// `doorman completion`: prints the completion script of a shell.
struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print the completion script of a shell.",
        discussion: """
            Scripts/install installs the scripts. To install a script by hand:

              doorman completion bash > ~/.local/share/bash-completion/completions/doorman
              doorman completion zsh > "${fpath[1]}/_doorman"
              doorman completion fish > ~/.config/fish/completions/doorman.fish
            """)

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash
        case zsh
        case fish

        var script: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    @Argument(help: "Shell that reads the script.")
    var shell: Shell

    func run() throws {
        try StandardStreams.write(DoormanCommand.completionScript(for: shell.script) + "\n")
    }
}
