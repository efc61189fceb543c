import DoormanClient
import NIOConcurrencyHelpers

/// The outcomes of calls with completions.
final class CallOutcomes: Sendable {
    private let outcomes = NIOLockedValueBox<[Result<Identity, DoormanError>]>([])

    /// The number of calls that have ended.
    var ended: Int { outcomes.withLockedValue(\.count) }

    var errors: [DoormanError] {
        outcomes.withLockedValue { $0.compactMap { if case .failure(let error) = $0 { error } else { nil } } }
    }

    func add(_ outcome: Result<Identity, DoormanError>) {
        outcomes.withLockedValue { $0.append(outcome) }
    }
}
