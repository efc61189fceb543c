/// How many second tries there may be: a share of the first ones, so that a provider in trouble is not asked twice as much.
///
/// A token bucket, reckoned in hundredths of a try.
struct RetryBudget: Sendable {
    private let earnings: Int
    private let limit: Int
    private var balance: Int

    init(settings: GovernorSettings) {
        earnings = min(max(settings.retryBudget, 0), 100)
        limit = max(settings.retryBurst, 0) * 100
        balance = limit
    }

    /// A first try was made.
    mutating func earn() {
        balance = min(balance + earnings, limit)
    }

    var hasOne: Bool { balance >= 100 }

    /// Takes a second try, which ``hasOne`` promised.
    mutating func spend() {
        precondition(hasOne, "nothing is spent that was not earned")
        balance -= 100
    }
}
