import DoormanFleet
import DoormanSupport
import Foundation
import TestKit
import Testing

@testable import RedisStore

extension RedisServer {
    static let reason: Comment = "the servers of Redis and Valkey are not installed: run Scripts/setup --all"

    var address: HostAndPort { HostAndPort(host: "127.0.0.1", port: port) }

    /// Opens a session with timeouts that no test reaches unless it sets others.
    func session(
        _ credentials: RedisCredentials = RedisCredentials(), _ change: (inout RedisStoreSettings) -> Void = { _ in }
    ) async throws -> any StoreSession {
        try await RedisStore.patient(address, credentials: credentials, change).openSession()
    }
}

extension TestAuthority {
    /// Returns the certificate in PEM form.
    func certificateBytes() throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: certificateFile)))
    }
}
