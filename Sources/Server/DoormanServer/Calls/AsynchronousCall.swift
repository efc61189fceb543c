internal import DoormanCore
package import DoormanSupport
package import DoormanWire
internal import Logging

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
        /// The message of a bug of ours; `nil` for any other outcome.
        let internalError: String?
        /// The setting of the limit on provider requests that the call exceeded; `nil` for any other outcome.
        let exceededLimit: String?

        init(_ encoded: EncodedVerdict) {
            response = encoded.response
            source = encoded.source
            (internalError, exceededLimit) = (nil, nil)
            failure = encoded.verdict.denial.map(Failure.init)
        }

        init(_ verdict: ExchangeVerdict) {
            response = EncodedResponse(bytes: ResponseEncoder.encode(verdict))
            (internalError, exceededLimit) = (nil, nil)
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
            internalError = error.code == .internal ? error.message : nil
            exceededLimit = error.limit
            // The server ends a call at its deadline, however far a request came.
            source = error.request == .notSent || error.code == .deadlineExceeded ? .server : .provider
        }

        init(succeededWith data: [UInt8], from source: ResponseSource = .provider) {
            response = EncodedResponse(bytes: data)
            failure = nil
            (internalError, exceededLimit) = (nil, nil)
            self.source = source
        }
    }

    /// Performs the call.
    ///
    /// - Parameter statistics: Reads the server's statistics.
    func perform(
        on backend: any VerificationBackend, deadline: Deadline, statistics: CoalescedStatisticsReader<[UInt8]>
    ) async -> Outcome {
        do throws(VerificationError) {
            switch self {
            case .verify(let call): return Outcome(try await backend.verify(call, deadline: deadline))
            case .exchange(let request): return Outcome(try await backend.exchange(request, deadline: deadline))
            case .revoke(let request):
                let position = try await backend.revoke(request, deadline: deadline)
                return Outcome(succeededWith: ResponseEncoder.encodeRevoked(position))
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

extension AsynchronousCall {
    /// The ids that the call names, for its audit line. A text that is no decimal number is left out, because it may be a token in the wrong
    /// place.
    var auditedIDs: Logger.Metadata {
        let (application, account): (String?, String?) =
            switch self {
            case .verify, .statistics: (nil, nil)
            case .exchange(let request): (request.applicationID, nil)
            case .revoke(let request):
                if case .account(let id) = request.subject {
                    (request.applicationID, id)
                } else {
                    (request.applicationID, nil)
                }
            case .listAccounts(let request): (request.applicationID, nil)
            case .deleteAccount(let request): (request.applicationID, request.accountID)
            }
        var metadata: Logger.Metadata = [:]
        for (key, id) in [("application", application), ("account", account)] {
            if let id, DecimalDigits.areID(id, upTo: 64) { metadata[key] = "\(id)" }
        }
        return metadata
    }

    /// An act that has an audit line. The line never holds a token or a code.
    struct Act {
        let name: String
        let level: Logger.Level
        let message: Logger.Message
    }

    /// `nil` for a call without an audit line.
    var audit: Act? {
        switch self {
        case .verify, .statistics: nil
        case .exchange: Act(name: "exchange", level: .info, message: "exchange of a code")
        case .revoke(let request):
            switch request.subject {
            case .token: Act(name: "token_revocation", level: .info, message: "revocation of a token")
            case .account: Act(name: "account_revocation", level: .notice, message: "revocation of all tokens of an account")
            }
        case .listAccounts: Act(name: "account_list", level: .notice, message: "list of accounts")
        case .deleteAccount: Act(name: "account_deletion", level: .notice, message: "deletion of an account")
        }
    }
}

extension StartedCall {
    /// Logs an act that an operator must be able to find later.
    ///
    /// Not rate limited: none of these lines may be missing. A caller's limit on cache misses bounds their number.
    func logAct(of caller: Caller, _ outcome: AsynchronousCall.Outcome, to logger: Logger) {
        guard let act = call.audit else { return }
        var metadata = call.auditedIDs
        metadata["audit"] = "\(act.name)"
        metadata["caller"] = "\(caller)"
        metadata["outcome"] = "\(outcome.failure?.auditName ?? "OK")"
        if let trace = origin.trace { metadata["trace_id"] = "\(trace.traceID)" }
        logger.log(level: act.level, act.message, metadata: metadata)
    }
}

extension Failure {
    /// The reason, or the code without one.
    var auditName: String { row.reason ?? row.code.description }
}
