package import DoormanSupport

/// The times at which a connection ends although its peer does nothing wrong.
package struct ConnectionLifetime: Sendable, Hashable {
    /// The time from which on the connection is half-closed at its first quiet moment: no call in flight, and no frame for
    /// ``ConnectionLimits/drainQuietPeriod``.
    let retirement: Instant
    /// The time at which the caller's certificate ends. Then the connection drains.
    let certificateEnd: Instant
    /// The time at which the connection drains at the latest.
    let end: Instant

    /// - Parameters:
    ///   - limits: The limits of each connection, for the time that an aged connection may go on.
    ///   - maximumAge: The maximum age of the connection; zero (the default) for no maximum.
    ///   - certificateLifetime: The time for which the caller's certificate is still valid; `nil` (the default) without a certificate.
    package init(
        since now: Instant, limits: ConnectionLimits = ConnectionLimits(), maximumAge: Duration = .zero,
        certificateLifetime: Duration? = nil
    ) {
        retirement = maximumAge > .zero ? now.advanced(by: maximumAge) : .distantFuture
        certificateEnd = certificateLifetime.map { now.advanced(by: $0) } ?? .distantFuture
        end = min(certificateEnd, retirement.advanced(by: limits.retirementPeriod))
    }

    /// Returns the reason why the connection drains at ``end``.
    func cause(at now: Instant) -> DrainCause { now >= certificateEnd ? .certificateExpired : .maximumAge }
}

/// The reason why a connection drains.
package enum DrainCause: Sendable, Hashable {
    /// The server stops.
    case shutdown
    /// The connection exceeded `server.max-connection-age`.
    case maximumAge
    /// The caller's certificate has expired.
    case certificateExpired
    /// The authorities in `tls.client-ca-file` were replaced, and none of the new ones issued the caller's certificate.
    case certificateRefused
}

/// Tells the handler of a connection to drain.
struct DrainBegan: Sendable {
    var cause = DrainCause.shutdown
}
