/// The peer of a connection, as the transport authenticates it. Claims of the peer itself are ignored.
///
/// Peers behind the same proxy or address translation are one caller.
package struct Caller: Sendable, Hashable, Comparable {
    /// The caller's name. Contains no secret, and nothing that the caller chose.
    ///
    /// - `ip:10.0.0.7` for a TCP connection;
    /// - `uid:1000` for a process behind a Unix socket;
    /// - `uri:spiffe://example.org/billing` or `dns:billing.internal` for a client certificate, whose authority chose the name.
    package let name: String

    /// - Parameter name: The name in its canonical form, since different names are different callers.
    package init(name: String) {
        self.name = name
    }

    /// A caller without an authenticated name. No rule of a policy can match it by name.
    package static let unknown = Caller(name: "unknown")

    package static func < (lhs: Caller, rhs: Caller) -> Bool { lhs.name < rhs.name }
}

extension Caller: CustomStringConvertible {
    package var description: String { name }
}
