import DoormanClient

extension DoormanClientConfiguration {
    /// Of a client whose calls wait as long as a slow machine needs, and that suspects no server of hanging because of that.
    static var patient: DoormanClientConfiguration {
        var configuration = DoormanClientConfiguration()
        configuration.timeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        configuration.longestBackoff = .milliseconds(200)
        configuration.suspicionAfter = .seconds(60)
        configuration.pingTimeout = .seconds(60)
        return configuration
    }

    /// Of one that keeps identities besides.
    static var patientWithNearCache: DoormanClientConfiguration {
        var configuration = DoormanClientConfiguration.patient
        configuration.nearCacheCapacity = 10
        configuration.nearCacheLifetime = .seconds(600)
        return configuration
    }
}
