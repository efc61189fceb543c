internal import DoormanCore
package import DoormanSupport
package import DoormanWire

/// A call that completes later, after a provider request or a read of the statistics.
package enum AsynchronousCall: Sendable, Hashable {
    case verify(VerifyCall)
    case exchange(ExchangeRequest)
    case revoke(RevocationRequest)
    case listAccounts(AccountListRequest)
    case deleteAccount(AccountDeletionRequest)
    case statistics

    package var method: Method {
        switch self {
        case .verify: .verify
        case .exchange: .exchange
        case .revoke: .revoke
        case .listAccounts: .listAccounts
        case .deleteAccount: .deleteAccount
        case .statistics: .statistics
        }
    }

    /// Whether the call holds an in-flight permit. Statistics hold none, so that operators can read them when no permit is left.
    var takesPermit: Bool { self != .statistics }

    /// The result of a call.
    struct Outcome: Sendable {
        /// The response frame's data.
        let response: EncodedResponse
        /// `nil` for success.
        let failure: Failure?
        let source: ResponseSource

        init(_ encoded: EncodedVerdict) {
            response = encoded.response
            source = encoded.source
            failure = if case .rejected(let rejection) = encoded.verdict { Failure(rejection.reason) } else { nil }
        }

        init(_ verdict: ExchangeVerdict) {
            response = EncodedResponse(bytes: ResponseEncoder.encode(verdict))
            switch verdict {
            case .issued: (failure, source) = (nil, .provider)
            case .rejected(let rejection):
                // No request is sent for a malformed code.
                (failure, source) = (Failure(rejection.reason), rejection.reason == .malformedToken ? .server : .provider)
            }
        }

        init(_ error: VerificationError) {
            response = EncodedResponse(bytes: ResponseEncoder.encode(FailureResponse(error)))
            failure = Failure(error.code)
            // The server ends a call at its deadline, however far a request came.
            source = error.request == .notSent || error.code == .deadlineExceeded ? .server : .provider
        }

        init(succeededWith data: [UInt8], from source: ResponseSource = .provider) {
            response = EncodedResponse(bytes: data)
            failure = nil
            self.source = source
        }
    }

    /// Performs the call.
    ///
    /// - Parameter statistics: Reads the server's statistics.
    func perform(
        on backend: any VerificationBackend, deadline: Deadline, statistics: CoalescedStatisticsReader
    ) async -> Outcome {
        do throws(VerificationError) {
            switch self {
            case .verify(let call): return Outcome(try await backend.verify(call, deadline: deadline))
            case .exchange(let request): return Outcome(try await backend.exchange(request, deadline: deadline))
            case .revoke(let request):
                try await backend.revoke(request, deadline: deadline)
                return Outcome(succeededWith: ResponseEncoder.encodeRevoked())
            case .listAccounts(let request):
                let page = try await backend.accounts(request, deadline: deadline)
                guard let data = ResponseEncoder.encode(page) else { throw .pageTooLong(page) }
                return Outcome(succeededWith: data)
            case .deleteAccount(let request):
                try await backend.deleteAccount(request, deadline: deadline)
                return Outcome(succeededWith: ResponseEncoder.encodeAccountDeleted())
            case .statistics: return Outcome(succeededWith: await statistics.join().value, from: .server)
            }
        } catch {
            return Outcome(error)
        }
    }
}

extension VerificationError {
    /// Returns the error for a page that exceeds the frame limit of some clients. It only occurs if the server accepts longer
    /// provider responses.
    fileprivate static func pageTooLong(_ page: AccountPage) -> VerificationError {
        VerificationError(
            .invalidRequest,
            "A page of \(page.accounts.count) accounts exceeds the \(ResponseEncoder.longestForEveryClient) bytes that every client "
                + "accepts: request fewer accounts with page_size.", request: .responded)
    }
}
