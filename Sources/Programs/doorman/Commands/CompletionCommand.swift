internal import ArgumentParser

/// `doorman completion`: what a shell must read to complete this program's command lines.
struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print the script by which a shell completes command lines.",
        discussion: """
            Scripts/install puts it where the shell looks. By hand:

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

    @Argument(help: "The shell.")
    var shell: Shell

    func run() {
        StandardStreams.write(DoormanCommand.completionScript(for: shell.script) + "\n", to: .output)
    }
}
