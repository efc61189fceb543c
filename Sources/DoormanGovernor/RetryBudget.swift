/// How many second tries there may be: a share of the first ones, so that a provider in trouble is not asked twice as much.
///
/// A token bucket, reckoned in hundredths of a try.
struct RetryBudget: Sendable {
    private let earnings: Int
    private let limit: Int
    private var balance: Int

    init(settings: GovernorSettings) {
        earnings = min(max(settings.retryPercentage, 0), 100)
        limit = max(settings.savedRetries, 0) * 100
        balance = limit
    }

    /// A first try was made.
    mutating func earn() {
        balance = min(balance + earnings, limit)
    }

    /// Takes a second try, if there is one to be had.
    mutating func spend() -> Bool {
        guard balance >= 100 else { return false }
        balance -= 100
        return true
    }
}
