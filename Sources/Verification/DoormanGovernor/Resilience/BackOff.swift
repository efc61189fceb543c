internal import DoormanCore
internal import DoormanSupport

/// Until when nobody asks, because the provider said that we ask too much.
struct BackOff: Sendable {
    private let standard: Duration
    private let longest: Duration
    private var end = Instant(nanoseconds: 0)
    /// Until when nobody asks because our allowance is nearly used up, which is no throttling yet.
    private var pauseEnd = Instant(nanoseconds: 0)
    /// How often in a row the provider throttled us right after we had backed off.
    private var repetitions = 0

    init(settings: GovernorSettings) {
        standard = settings.throttleBackOff
        longest = settings.maximumThrottleBackOff
    }

    /// Takes note that the provider throttled us. Never shortens a back-off that is under way.
    ///
    /// - Parameter callBegan: When the throttled call began. One that was under way when the back-off began tells nothing new
    ///   but, perhaps, a later end.
    mutating func begin(at now: Instant, callBegan: Instant, retryAfter: Duration?) {
        // "At once" from a provider that has just throttled us is no answer.
        let named = retryAfter.flatMap { $0 > .zero ? $0 : nil }
        if callBegan < end, now < end {
            if let named { end = max(end, now.advanced(by: min(named, longest))) }
            return
        }
        let length = min(named ?? standard * (1 << min(repetitions, 16)), longest)
        repetitions += 1
        end = max(end, now.advanced(by: length))
    }

    /// Takes note that the provider answered a call as it should.
    mutating func succeeded(callBegan: Instant) {
        if callBegan >= end { repetitions = 0 }
    }

    /// Leaves the provider alone for the standard time, before it has to throttle us.
    mutating func pause(at now: Instant) {
        pauseEnd = max(pauseEnd, now.advanced(by: min(standard, longest)))
    }

    /// When the last one ends or ended; nil if there was none.
    var lastEnd: Instant? { end.nanoseconds > 0 ? end : nil }

    /// How long it still lasts; nil if the provider may be asked.
    func remaining(at now: Instant) -> Duration? {
        let last = max(end, pauseEnd)
        return now < last ? now.duration(to: last) : nil
    }
}
