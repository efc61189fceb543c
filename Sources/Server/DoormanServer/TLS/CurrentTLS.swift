internal import NIOConcurrencyHelpers

/// What the next handshake is made with. Connections keep what theirs was made with.
final class CurrentTLS: Sendable {
    private let current: NIOLockedValueBox<ServerTLS>

    init(_ tls: ServerTLS) {
        current = NIOLockedValueBox(tls)
    }

    var value: ServerTLS {
        get { current.withLockedValue { $0 } }
        set { current.withLockedValue { $0 = newValue } }
    }
}
