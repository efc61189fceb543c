internal import DoormanCore
package import DoormanFleet
internal import DoormanSupport
internal import NIOConcurrencyHelpers
package import NIOCore
internal import NIOPosix
internal import NIOSSL

/// The store of a fleet on Redis 6 or newer, or on Valkey: a primary alone, or one that Sentinels know.
package final class RedisStore: SharedStore {
    private struct State {
        var credentials: RedisCredentials
        /// The TLS context of these credentials; `nil` until the first session.
        var tls: NIOSSLContext?
        /// The index of the address that responded last, which is asked first.
        var first = 0
        var isShutDown = false
    }

    private let settings: RedisStoreSettings
    private let eventLoop: any EventLoop
    /// The thread of the event loop, unless the caller has given one.
    private let ownGroup: MultiThreadedEventLoopGroup?
    private let state: NIOLockedValueBox<State>

    /// - Parameter eventLoop: The event loop of all connections; `nil` for one with a thread of its own, which ``shutDown()`` ends.
    package init(_ settings: RedisStoreSettings, credentials: RedisCredentials, on eventLoop: (any EventLoop)? = nil) {
        self.settings = settings
        ownGroup = eventLoop == nil ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : nil
        self.eventLoop = eventLoop ?? ownGroup?.next() ?? MultiThreadedEventLoopGroup.singleton.next()
        state = NIOLockedValueBox(State(credentials: credentials))
    }

    /// Replaces user, password and authorities. Sessions from now on use them.
    package func replace(credentials: RedisCredentials) {
        state.withLockedValue { state in
            guard state.credentials != credentials else { return }
            state.credentials = credentials
            state.tls = nil
        }
    }

    /// Opens no further sessions, and ends the store's own thread with its sessions.
    package func shutDown() async {
        state.withLockedValue { $0.isShutDown = true }
        try? await ownGroup?.shutdownGracefully()
    }

    package func openSession() async throws(StoreError) -> any StoreSession {
        let opener = try await opener()
        let deadline = Deadline(RedisConnection.now.advanced(by: settings.connectTimeout))
        guard let name = settings.sentinelPrimary else {
            return try await inTurn(of: settings.addresses.count, until: deadline) { address, deadline throws(StoreError) in
                try await opener.openSession(to: address, until: deadline)
            }
        }
        // The primary gets the time that the Sentinels leave.
        let primary = try await inTurn(of: settings.addresses.count + 1, until: deadline) { address, deadline throws(StoreError) in
            try await opener.primary(named: name, from: address, until: deadline)
        }
        return try await opener.openSession(to: primary, until: deadline)
    }

    /// Tries the addresses until one succeeds, beginning with the one that succeeded last.
    ///
    /// - Parameter parts: The number of parts of the time, of which each address gets one.
    private func inTurn<Result: Sendable>(
        of parts: Int, until deadline: Deadline,
        _ attempt: (HostAndPort, Deadline) async throws(StoreError) -> Result
    ) async throws(StoreError) -> Result {
        let first = state.withLockedValue { $0.first }
        let part = settings.connectTimeout / parts
        var reasons: [String] = []
        for offset in settings.addresses.indices {
            let index = (first + offset) % settings.addresses.count
            let end = min(deadline, Deadline(RedisConnection.now.advanced(by: part)))
            do throws(StoreError) {
                let result = try await attempt(settings.addresses[index], end)
                state.withLockedValue { $0.first = index }
                return result
            } catch {
                if case .unavailable(let reason) = error { reasons.append(reason) }
            }
        }
        throw .unavailable(reasons.joined(separator: "; "))
    }

    private func opener() async throws(StoreError) -> SessionOpener {
        let (credentials, known, isShutDown) = state.withLockedValue { ($0.credentials, $0.tls, $0.isShutDown) }
        guard !isShutDown else { throw .unavailable("the store was shut down") }
        guard settings.usesTLS else {
            return SessionOpener(settings: settings, credentials: credentials, tls: nil, eventLoop: eventLoop)
        }
        let tls: NIOSSLContext
        if let known {
            tls = known
        } else {
            do {
                // Reads the system's certificates from files.
                tls = try await NIOThreadPool.singleton.runIfActive { try credentials.makeTLSContext() }
            } catch {
                throw .unavailable("the certificates of the trusted authorities can't be used")
            }
            state.withLockedValue { state in
                if state.credentials == credentials { state.tls = tls }
            }
        }
        return SessionOpener(settings: settings, credentials: credentials, tls: tls, eventLoop: eventLoop)
    }
}

extension RedisCredentials {
    fileprivate func makeTLSContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorities { configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authorities)) }
        return try NIOSSLContext(configuration: configuration)
    }
}
