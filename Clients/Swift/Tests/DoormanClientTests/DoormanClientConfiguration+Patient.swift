import DoormanClient

extension DoormanClientConfiguration {
    /// Timeouts that a slow machine does not reach.
    static var patient: DoormanClientConfiguration {
        var configuration = DoormanClientConfiguration()
        configuration.timeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        configuration.longestBackoff = .milliseconds(200)
        configuration.suspicionAfter = .seconds(60)
        configuration.pingTimeout = .seconds(60)
        return configuration
    }

    /// The patient configuration with a near cache.
    static var patientWithNearCache: DoormanClientConfiguration {
        var configuration = DoormanClientConfiguration.patient
        configuration.nearCacheCapacity = 10
        configuration.nearCacheTTL = .seconds(600)
        return configuration
    }
}
