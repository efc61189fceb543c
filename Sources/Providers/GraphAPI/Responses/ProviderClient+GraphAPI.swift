package import DoormanCore
package import DoormanSupport
package import ProviderHTTP

extension ProviderClient {
    /// Sends a request to the Graph API within the time left, reports the application's usage, and classifies the response.
    package func send(
        _ request: HTTPRequest, about subject: GraphSubject, to endpoint: ProviderEndpoint, deadline: Deadline
    ) async throws(VerificationError) -> ResponseClassification {
        try await send(request, to: endpoint, deadline: deadline) { response in
            if let percent = AppUsage.percent(in: response.headers) { usage(percent) }
            let classification = ResponseClassification(response, about: subject)
            return (classification, classification.kind)
        }
    }
}

extension Rejection {
    /// Creates the rejection of a response.
    ///
    /// - Parameter kind: The kind of a ``ResponseClassification/rejected(_:)``.
    package init(_ kind: ResponseKind) {
        self.init(kind == .proofInvalid ? .proofRejected : .tokenRejected, kind.message)
    }
}
