internal import DoormanSupport

/// When many known tokens that are rejected at once count as an outage of the provider.
package struct RejectionStormSettings: Sendable, Hashable {
    /// The time in which re-checks are counted. Default 10 s.
    package var window: Duration = .seconds(10)
    /// The minimum accounts that were re-checked in that time; 0 to believe every rejection. Default 20.
    package var minimumAccounts = 20
    /// The percentage of these accounts above which the rejections are an outage. From 0 to 100, default 50.
    package var percentage = 50
    /// The time after which the rejections are believed. Default 60 s.
    package var duration: Duration = .seconds(60)

    package init() {}
}

/// An event of a rejection storm, for the log.
package enum RejectionStormEvent: Sendable, Hashable {
    /// Most of the accounts that were re-checked were rejected. Their rejections are not believed from now on.
    case began(rejected: Int, checked: Int)
    /// Re-checks succeed again. The number of rejections is that of the storm.
    case recovered(after: Duration, rejected: Int)
    /// No known token was re-checked for the whole window. Rejections are believed until the next storm.
    case faded(after: Duration, rejected: Int)
    /// The time is over. Rejections are believed from now on.
    case believed(after: Duration, rejected: Int)
}

/// Finds out whether the provider rejects most of the tokens of one application that were valid before.
///
/// One wrong rejection logs one user out; a provider that fails in this way logs all of them out. Pure: the caller passes the time.
struct RejectionStorm: Sendable {
    private enum Phase: Sendable {
        case calm
        /// The rejections were not believed.
        case storm(since: Instant, rejections: Int)
        /// The storm lasted too long, so it is believed, until most re-checks succeed again.
        case believed
    }

    private struct Recheck: Sendable {
        let account: Int
        let time: Instant
    }

    /// The maximum re-checks that are counted. Above it the oldest ones are dropped.
    static let maximumRechecks = 20_000

    private let settings: RejectionStormSettings
    private var phase = Phase.calm
    /// The beginning and the end of the storm before. A storm that resumes within the window is the same one.
    private var previous: (began: Instant, ended: Instant, rejections: Int)?
    /// The re-checks in the window, the oldest first.
    private var rechecks = FIFOQueue<Recheck>()
    /// The number of re-checks in the window and the last result, by the hash of the account.
    private var accounts: [Int: (count: Int, isRejected: Bool)] = [:]
    private var rejected = 0

    init(settings: RejectionStormSettings) {
        self.settings = settings
    }

    /// Records the re-check of a token that was valid before.
    ///
    /// - Returns: Whether a rejection is believed, and what has changed.
    mutating func record(accountID: String, isRejected: Bool, at now: Instant) -> (isBelieved: Bool, event: RejectionStormEvent?) {
        guard settings.minimumAccounts > 0 else { return (true, nil) }
        purge(at: now)
        // A new incident has nothing to do with one before a silence.
        var faded: RejectionStormEvent?
        if accounts.isEmpty {
            if case .storm(let start, let rejections) = phase, previous?.began != start {
                faded = .faded(after: start.duration(to: now), rejected: rejections)
            }
            phase = .calm
        }
        add(Recheck(account: accountID.hashValue, time: now), isRejected: isRejected)
        let isOverThreshold = rejected * 100 > accounts.count * settings.percentage
        switch phase {
        case .calm:
            guard isOverThreshold, accounts.count >= settings.minimumAccounts else { return (true, faded) }
            if let previous, previous.ended.duration(to: now) < settings.window {
                phase = .storm(since: previous.began, rejections: previous.rejections + 1)
                return (false, nil)
            }
            phase = .storm(since: now, rejections: 1)
            return (false, .began(rejected: rejected, checked: accounts.count))
        case .storm(let start, let before):
            let rejections = before + (isRejected ? 1 : 0)
            if !isOverThreshold {
                phase = .calm
                let isResumed = previous?.began == start
                previous = (start, now, rejections)
                return (true, isResumed ? nil : .recovered(after: start.duration(to: now), rejected: rejections))
            }
            guard start.duration(to: now) < settings.duration else {
                phase = .believed
                return (true, .believed(after: start.duration(to: now), rejected: rejections))
            }
            phase = .storm(since: start, rejections: rejections)
            return (false, nil)
        case .believed:
            // Around the threshold, the storm would begin and be believed again at each re-check.
            if rejected * 200 <= accounts.count * settings.percentage { phase = .calm }
            return (true, nil)
        }
    }

    private mutating func add(_ recheck: Recheck, isRejected: Bool) {
        rechecks.append(recheck)
        let before = accounts[recheck.account]
        accounts[recheck.account] = ((before?.count ?? 0) + 1, isRejected)
        rejected += (isRejected ? 1 : 0) - (before?.isRejected == true ? 1 : 0)
    }

    private mutating func purge(at now: Instant) {
        while let oldest = rechecks.first,
            oldest.time.duration(to: now) > settings.window || rechecks.count >= Self.maximumRechecks
        {
            rechecks.popFirst()
            guard let entry = accounts[oldest.account] else { continue }
            accounts[oldest.account] = entry.count > 1 ? (entry.count - 1, entry.isRejected) : nil
            if entry.count == 1, entry.isRejected { rejected -= 1 }
        }
    }
}
