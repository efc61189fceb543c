import NIOConcurrencyHelpers

/// Passes bytes on between its clients and a server, until a connection is frozen: what comes is then taken and acknowledged, and
/// nothing is ever sent back, as with a server whose process is stopped.
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

    /// Freezes the connections that there are; those that come later work.
    func freeze() {
        lastFrozen.withLockedValue { $0 = server.acceptedConnections }
    }

    func stop() {
        server.stop()
    }
}
