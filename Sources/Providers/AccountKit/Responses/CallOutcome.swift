package import ProviderHTTP

/// How one call to Account Kit ended.
package enum CallOutcome: Sendable, Hashable {
    case answered(AnswerKind, status: Int)
    case failed(TransportError.Code)
}
