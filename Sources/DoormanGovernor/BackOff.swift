internal import DoormanCore

/// Until when nobody asks, because the provider said that we ask too much.
struct BackOff: Sendable {
    private let standard: Duration
    private let longest: Duration
    private var end = Instant(nanoseconds: 0)

    init(settings: GovernorSettings) {
        standard = settings.defaultBackOff
        longest = settings.maximumBackOff
    }

    /// Takes note that the provider throttled us. Never shortens a back-off that is under way.
    mutating func begin(at now: Instant, retryAfter: Duration?) {
        // "At once" from a provider that has just throttled us is no answer.
        let length = min(retryAfter.flatMap { $0 > .zero ? $0 : nil } ?? standard, longest)
        end = max(end, now.advanced(by: length))
    }

    /// How long it still lasts; nil if the provider may be asked.
    func remaining(at now: Instant) -> Duration? {
        now < end ? now.duration(to: end) : nil
    }
}
