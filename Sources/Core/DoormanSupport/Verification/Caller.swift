/// Who is at the other end of a connection, as far as the transport vouches for it: what it says of itself counts for nothing.
///
/// Behind a proxy, or an address that many share, the name is that of the proxy or of them all.
package struct Caller: Sendable, Hashable, Comparable {
    /// `ip:10.0.0.7` of a TCP connection, `uid:1000` of a process behind a Unix socket, `uri:spiffe://example.org/billing` or
    /// `dns:billing.internal` of one with a certificate. Holds nothing secret, and nothing that the caller chose: a certificate's
    /// name is its authority's choice.
    package let name: String

    /// - Parameter name: In its one canonical form: two names are two callers.
    package init(name: String) {
        self.name = name
    }

    /// One of whom nothing is known. No list of callers can name it.
    package static let unknown = Caller(name: "unknown")

    package static func < (lhs: Caller, rhs: Caller) -> Bool { lhs.name < rhs.name }
}

extension Caller: CustomStringConvertible {
    package var description: String { name }
}
