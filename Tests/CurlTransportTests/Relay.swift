import NIOConcurrencyHelpers

/// A TCP relay to a server, whose connections can be frozen. A frozen connection reads bytes and never responds, like a server
/// whose process is stopped.
struct Relay: Sendable {
    let port: Int
    private let server: ScriptedServer
    private let lastFrozen: NIOLockedValueBox<Int>

    init(toPort port: Int) {
        let lastFrozen = NIOLockedValueBox(0)
        self.lastFrozen = lastFrozen
        server = ScriptedServer { connection in
            guard let upstream = Descriptor.connected(toPort: port) else { return }
            defer { upstream.close() }
            while lastFrozen.withLockedValue({ $0 }) < connection.number {
                switch Descriptor.readable(connection.descriptor, upstream, milliseconds: 5) {
                case (true, _): if !connection.descriptor.pass(to: upstream) { return }
                case (false, true): if !upstream.pass(to: connection.descriptor) { return }
                case (false, false): continue
                }
            }
            connection.waitForEnd()
        }
        self.port = server.port
    }

    var acceptedConnections: Int { server.acceptedConnections }

    /// Freezes the current connections. Later connections work.
    func freeze() {
        lastFrozen.withLockedValue { $0 = server.acceptedConnections }
    }

    func stop() {
        server.stop()
    }
}
