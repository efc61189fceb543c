package import DoormanFleet

/// The fleet of the server, as the admin pages show it.
package struct FleetFigures: Sendable {
    package let statistics: FleetStatistics
    package let revocationBound: Duration

    package init(_ statistics: FleetStatistics, revocationBound: Duration) {
        self.statistics = statistics
        self.revocationBound = revocationBound
    }

    /// Whether the server knows every revocation that is older than the bound.
    package var isCaughtUp: Bool { statistics.caughtUpAge.map { $0 <= revocationBound } ?? false }
}
