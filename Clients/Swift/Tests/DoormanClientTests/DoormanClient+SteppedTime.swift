@testable import DoormanClient

extension DoormanClient {
    /// Creates a client whose time a test steps.
    convenience init(
        _ targets: [DoormanTarget], time: SteppedTime, configuration: DoormanClientConfiguration = .patient,
        resolver: Resolver = .system
    ) {
        self.init(
            targets: targets, configuration: configuration,
            environment: Dispatcher.Environment(time: .stepped(time), resolver: resolver))
    }
}
