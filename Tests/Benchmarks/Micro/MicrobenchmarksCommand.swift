internal import ArgumentParser

/// `microbenchmarks`: the cost of each step of a cache hit without a socket, and a server without a provider for load generators.
@main
struct MicrobenchmarksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "microbenchmarks", abstract: "Measure the steps of a cache hit.",
        subcommands: [MeasureCommand.self, TokensCommand.self, ServeCommand.self], defaultSubcommand: MeasureCommand.self)
}
