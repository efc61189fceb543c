package import DoormanCore
package import DoormanSupport
package import ProviderHTTP

extension ProviderClient {
    /// Sends a request to the Graph API within the time left, reports the application's usage, and classifies the response.
    ///
    /// - Parameter refine: Returns the classification after a look into the body.
    package func send(
        _ request: HTTPRequest, about subject: GraphSubject, to endpoint: ProviderEndpoint, deadline: Deadline,
        refine: (ResponseClassification) -> ResponseClassification = { $0 }
    ) async throws(VerificationError) -> ResponseClassification {
        try await send(request, to: endpoint, deadline: deadline) { response in
            if let percent = AppUsage.percent(in: response.headers) { usage(percent) }
            let classification = refine(ResponseClassification(response, about: subject))
            return (classification, classification.kind)
        }
    }
}

extension Rejection {
    /// Creates the rejection of a response.
    ///
    /// - Parameter kind: The kind of a ``ResponseClassification/rejected(_:)``.
    package init(_ kind: ResponseKind) {
        switch kind {
        case .proofInvalid: self.init(.proofRejected, kind.message)
        case .otherApplication: self = .anotherApplication
        default: self.init(.tokenRejected, kind.message)
        }
    }

    package static let unknownApplication = Rejection(
        .wrongApplication, "The provider's response does not name the application of the token.")
}

extension VerificationError {
    package static let invalidAccountID = VerificationError(
        .invalidRequest, "Invalid account id: expected 1 to 64 decimal digits without a leading zero.")

    /// The provider rejected our own credential.
    package static let applicationRejected = misconfigured(
        ResponseKind.configurationRejected.message, request: .responded)
}
