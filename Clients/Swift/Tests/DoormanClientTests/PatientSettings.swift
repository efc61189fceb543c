import DoormanClient

extension DoormanClientSettings {
    /// Of a client whose calls wait as long as a slow machine needs, and that suspects no server of hanging because of that.
    static var patient: DoormanClientSettings {
        var settings = DoormanClientSettings()
        settings.timeout = .seconds(60)
        settings.connectTimeout = .seconds(60)
        settings.longestBackoff = .milliseconds(200)
        settings.suspicionAfter = .seconds(60)
        settings.pingTimeout = .seconds(60)
        return settings
    }

    /// Of one that keeps identities besides.
    static var patientWithNearCache: DoormanClientSettings {
        var settings = DoormanClientSettings.patient
        settings.nearCacheCapacity = 10
        settings.nearCacheLifetime = .seconds(600)
        return settings
    }
}
