internal import DoormanCore
internal import DoormanSupport

/// The time until which no request is sent, because the provider throttles us.
struct BackOff: Sendable {
    private let defaultTime: Duration
    private let maximumTime: Duration
    private var end = Instant(nanoseconds: 0)
    /// The end of a pause before our allowance is used up. A pause is no throttling, so it does not lengthen later back-offs.
    private var pauseEnd = Instant(nanoseconds: 0)
    /// The number of consecutive back-offs without a success after one of them.
    private var repeatCount = 0

    init(settings: GovernorSettings) {
        defaultTime = settings.throttleBackOff
        maximumTime = settings.maximumThrottleBackOff
    }

    /// Begins a back-off after the provider throttled a call. Never shortens the present back-off.
    ///
    /// - Parameters:
    ///   - callBegan: When the throttled call began. A call from before the present back-off can only postpone its end.
    ///   - retryAfter: The time that the provider named, if any.
    mutating func begin(at now: Instant, callBegan: Instant, retryAfter: Duration?) {
        // A provider that throttles us and names no time to wait contradicts itself.
        let named = retryAfter.flatMap { $0 > .zero ? $0 : nil }
        if callBegan < end, now < end {
            if let named { end = max(end, now.advanced(by: min(named, maximumTime))) }
            return
        }
        let length = min(named ?? defaultTime * (1 << min(repeatCount, 16)), maximumTime)
        repeatCount += 1
        end = max(end, now.advanced(by: length))
    }

    /// Ends the doubling if a call that began after the last back-off succeeded.
    mutating func succeeded(callBegan: Instant) {
        if callBegan >= end { repeatCount = 0 }
    }

    /// Pauses requests for the default time, before the provider has to throttle us.
    mutating func pause(at now: Instant) {
        pauseEnd = max(pauseEnd, now.advanced(by: min(defaultTime, maximumTime)))
    }

    /// The end of the last back-off; `nil` if there was none.
    var lastEnd: Instant? { end.nanoseconds > 0 ? end : nil }

    /// Returns the time until requests may be sent; `nil` if they may be sent now.
    func remaining(at now: Instant) -> Duration? {
        let last = max(end, pauseEnd)
        return now < last ? now.duration(to: last) : nil
    }
}
