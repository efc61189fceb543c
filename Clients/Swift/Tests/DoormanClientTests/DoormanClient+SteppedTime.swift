@testable import DoormanClient

extension DoormanClient {
    /// A client of these servers, with this time.
    convenience init(
        _ targets: [DoormanTarget], time: SteppedTime, configuration: DoormanClientConfiguration = .patient,
        resolver: Resolver = .system
    ) {
        self.init(
            targets: targets, configuration: configuration,
            environment: Dispatcher.Environment(time: .stepped(time), resolver: resolver))
    }
}
