/// Limits retries to a percentage of first attempts, so that a provider in trouble does not get twice the requests.
///
/// A token bucket that counts in hundredths of a retry.
struct RetryBudget: Sendable {
    private let deposit: Int
    private let limit: Int
    private var balance: Int

    init(settings: GovernorSettings) {
        deposit = min(max(settings.retryBudget, 0), 100)
        limit = max(settings.retryBurst, 0) * 100
        balance = limit
    }

    /// Adds the part of a retry that a first attempt allows.
    mutating func add() {
        balance = min(balance + deposit, limit)
    }

    /// Whether a retry is allowed.
    var allowsRetry: Bool { balance >= 100 }

    /// The number of retries that are allowed now.
    var permits: Int { balance / 100 }

    /// Charges a retry that ``allowsRetry`` allowed.
    mutating func charge() {
        precondition(allowsRetry, "the retry budget is exhausted")
        balance -= 100
    }
}
