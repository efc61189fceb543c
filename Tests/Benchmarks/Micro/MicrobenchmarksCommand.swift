internal import ArgumentParser

/// `microbenchmarks`: what each step of a hit costs, without a socket; and a server without a provider, for load generators.
@main
struct MicrobenchmarksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "microbenchmarks", abstract: "Measures what a hit is made of.",
        subcommands: [MeasureCommand.self, ServeCommand.self], defaultSubcommand: MeasureCommand.self)
}
