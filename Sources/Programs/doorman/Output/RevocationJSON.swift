internal import DoormanClient

/// The JSON output of a command that goes to every server.
struct RevocationJSON: Encodable {
    /// A server that did not confirm the command.
    struct Failure: Encodable {
        let server: String
        let reason: String
        let message: String

        init(_ failure: RevocationResult.Failure) {
            server = failure.server.description
            message = failure.error.message
            reason = FailureReport(failure.error).reason
        }
    }

    /// Absent if it is a part of a failure.
    let outcome: String?
    let confirmed: [String]
    let unreachable: [Failure]
    /// The servers that answered with an error. Absent if the command succeeded.
    let failed: [Failure]?
    /// Absent if the servers are no fleet.
    let position: String?

    init(_ result: RevocationResult, outcome: String? = nil) {
        self.outcome = outcome
        confirmed = result.confirmed.map(\.description)
        unreachable = result.unreachable.map(Failure.init)
        failed = outcome == nil ? result.failed.map(Failure.init) : nil
        position = result.position?.description
    }
}
