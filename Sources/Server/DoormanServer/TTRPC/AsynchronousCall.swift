internal import DoormanCore
package import DoormanSupport
package import DoormanWire

/// A call that waits for its answer.
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

    /// Whether it holds an in-flight permit. An operator who looks at a server that has no permit left must not be turned away.
    var takesPermit: Bool { self != .statistics }

    /// What became of a call.
    struct Outcome: Sendable {
        /// The data of the response frame.
        let response: EncodedResponse
        /// `nil` for success.
        let failure: Failure?

        init(_ encoded: EncodedVerdict) {
            response = encoded.response
            failure = if case .rejected(let rejection) = encoded.verdict { Failure(rejection.reason) } else { nil }
        }

        init(_ verdict: ExchangeVerdict) {
            response = EncodedResponse(bytes: ResponseEncoder.encode(verdict))
            failure = if case .rejected(let rejection) = verdict { Failure(rejection.reason) } else { nil }
        }

        init(_ error: VerificationError) {
            response = EncodedResponse(bytes: ResponseEncoder.encode(FailureResponse(error)))
            failure = Failure(error.code)
        }

        init(succeededWith data: [UInt8]) {
            response = EncodedResponse(bytes: data)
            failure = nil
        }
    }

    /// Carries the call out.
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
            case .statistics: return Outcome(succeededWith: await statistics.join().value)
            }
        } catch {
            return Outcome(error)
        }
    }
}

extension VerificationError {
    /// Only where the provider's responses may be longer than ours: the limit on frames is every client's, not this server's.
    fileprivate static func pageTooLong(_ page: AccountPage) -> VerificationError {
        VerificationError(
            .invalidRequest,
            "A page of \(page.accounts.count) accounts is longer than the \(ResponseEncoder.longestForEveryClient) bytes that every "
                + "client takes: ask for fewer with page_size.")
    }
}
