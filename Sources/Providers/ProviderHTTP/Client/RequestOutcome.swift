/// The outcome of one request to a provider.
package enum RequestOutcome: Sendable, Hashable {
    /// A whole response arrived.
    case answered(ResponseKind, status: Int)
    /// No whole response arrived.
    case failed(TransportError.Code, TransportError.Cause? = nil)
}
