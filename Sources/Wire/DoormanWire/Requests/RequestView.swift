private import CDoormanProtos
internal import DoormanCore
package import DoormanSupport

/// A call whose payload is not unpacked yet. Valid only inside the closure that receives it, since its payload is in the memory of a
/// message.
@safe package struct RequestView: ~Copyable {
    /// The method of the call; `nil` if it is unknown.
    package let method: Method?
    /// Whether neither the service nor the method is empty.
    package let namesMethod: Bool
    private let payload: UnsafeBufferPointer<UInt8>
    private let timeoutNanoseconds: Int64
    private let arena: MessageArena

    fileprivate init(_ message: UnsafeMutablePointer<Ttrpc__Request>, arena: MessageArena) {
        unsafe method = Method(naming: message)
        unsafe namesMethod = message.pointee.service.pointee != 0 && message.pointee.method.pointee != 0
        unsafe payload = UnsafeBufferPointer(start: message.pointee.payload.data, count: message.pointee.payload.len)
        unsafe timeoutNanoseconds = message.pointee.timeout_nano
        self.arena = arena
    }

    fileprivate init(_ method: Method, payload: UnsafeBufferPointer<UInt8>, timeout: Duration?, arena: MessageArena) {
        self.method = method
        namesMethod = true
        unsafe self.payload = unsafe payload
        timeoutNanoseconds = timeout?.nanoseconds ?? 0
        self.arena = arena
    }

    /// The caller's timeout; `nil` for the server's default.
    package var timeout: Duration? { timeoutNanoseconds > 0 ? .nanoseconds(timeoutNanoseconds) : nil }

    /// Reads the payload as a `VerifyRequest`, without copying the token.
    ///
    /// - Returns: The result of `body`; `nil` if the payload is not such a message, or requires more than
    ///   ``TokenRequirements/maximumScopes`` scopes.
    package func withVerifyRequest<Result>(_ body: (VerifyRequestView) -> Result) -> Result? {
        unsafe payloadValue(doorman__v1__verify_request__unpack) { request in
            guard unsafe request.pointee.n_required_scopes <= TokenRequirements.maximumScopes,
                let scopes = unsafe optionalTexts(request.pointee.required_scopes, count: request.pointee.n_required_scopes)
            else { return nil }
            let provider = unsafe textBytes(request.pointee.provider)
            let token = unsafe UnsafeBufferPointer(start: request.pointee.token.data, count: request.pointee.token.len)
            let application = unsafe textBytes(request.pointee.application_id)
            let position = unsafe UnsafeBufferPointer(start: request.pointee.not_before.data, count: request.pointee.not_before.len)
            let fields = VerifyRequestView(
                token: unsafe token.span, applicationID: unsafe application.span,
                maxAgeSeconds: unsafe request.pointee.max_age_seconds, timeoutNanoseconds: UInt64(max(0, timeoutNanoseconds)))
            return body(
                VerifyRequestView(
                    fields, provider: unsafe provider.span, requiredScopes: scopes, notBefore: unsafe position.span))
        }
    }

    /// Reads the payload as an `ExchangeRequest`; `nil` if it is not such a message.
    ///
    /// - Parameter caller: The caller that the limits count. No message names it.
    package func exchangeRequest(caller: Caller?) -> ExchangeRequest? {
        unsafe payloadValue(doorman__v1__exchange_request__unpack) { request in
            guard let application = unsafe optionalName(request.pointee.application_id),
                let provider = unsafe optionalName(request.pointee.provider)
            else { return nil }
            return ExchangeRequest(
                code: AuthorizationCode(bytes: unsafe bytes(request.pointee.code)), provider: provider.nonEmpty,
                applicationID: application.nonEmpty, caller: caller)
        }
    }

    /// Reads the payload as a `RevokeRequest`; `nil` if it is not such a message, or names neither a token nor an account.
    ///
    /// - Parameter caller: The caller that the limits count.
    package func revocationRequest(caller: Caller) -> RevocationRequest? {
        unsafe payloadValue(doorman__v1__revoke_request__unpack) { request in
            guard let application = unsafe optionalName(request.pointee.application_id),
                let provider = unsafe optionalName(request.pointee.provider)
            else { return nil }
            switch unsafe request.pointee.subject_case {
            case DOORMAN__V1__REVOKE_REQUEST__SUBJECT_TOKEN:
                let token = Token(bytes: unsafe bytes(request.pointee.token))
                return RevocationRequest(
                    .token(token), provider: provider.nonEmpty, applicationID: application.nonEmpty, caller: caller)
            case DOORMAN__V1__REVOKE_REQUEST__SUBJECT_ACCOUNT_ID:
                guard let account = unsafe optionalName(request.pointee.account_id) else { return nil }
                return RevocationRequest(
                    .account(account), provider: provider.nonEmpty, applicationID: application.nonEmpty, caller: caller)
            default:
                return nil
            }
        }
    }

    /// Reads the payload as a `ListAccountsRequest`; `nil` if it is not such a message.
    ///
    /// - Parameter caller: The caller that the limits count.
    package func accountListRequest(caller: Caller?) -> AccountListRequest? {
        unsafe payloadValue(doorman__v1__list_accounts_request__unpack) { request in
            guard let application = unsafe optionalName(request.pointee.application_id),
                let after = unsafe optionalText(request.pointee.after),
                let provider = unsafe optionalName(request.pointee.provider)
            else { return nil }
            let size = unsafe Int(request.pointee.page_size)
            return AccountListRequest(
                provider: provider.nonEmpty, applicationID: application.nonEmpty,
                pageSize: size == 0 ? AccountListRequest.defaultPageSize : size, after: after.nonEmpty, caller: caller)
        }
    }

    /// Reads the payload as a `DeleteAccountRequest`; `nil` if it is not such a message, or names no account.
    ///
    /// - Parameter caller: The caller that the limits count.
    package func accountDeletionRequest(caller: Caller) -> AccountDeletionRequest? {
        unsafe payloadValue(doorman__v1__delete_account_request__unpack) { request in
            guard let application = unsafe optionalName(request.pointee.application_id),
                let account = unsafe optionalName(request.pointee.account_id)?.nonEmpty,
                let provider = unsafe optionalName(request.pointee.provider)
            else { return nil }
            return AccountDeletionRequest(
                accountID: account, provider: provider.nonEmpty, applicationID: application.nonEmpty, caller: caller)
        }
    }

    /// Returns whether the payload is a `StatsRequest`.
    package func isStatisticsRequest() -> Bool {
        unsafe withPayload(doorman__v1__stats_request__unpack) { _ in true } ?? false
    }

    /// Reads the service of a health check, empty for the whole server; `nil` if the payload is not such a message.
    package func healthCheckService() -> String? {
        unsafe payloadValue(grpc__health__v1__health_check_request__unpack) { request in
            unsafe optionalName(request.pointee.service)
        }
    }

    private func payloadValue<Message, Value>(
        _ unpack: Unpack<Message>, _ read: (UnsafeMutablePointer<Message>) -> Value?
    ) -> Value? {
        guard let value = unsafe withPayload(unpack, read) else { return nil }
        return value
    }

    private func withPayload<Message, Result>(
        _ unpack: Unpack<Message>, _ body: (UnsafeMutablePointer<Message>) -> Result
    ) -> Result? {
        unsafe arena.withUnpackedRequest(payload.span, unpack, body)
    }
}

extension Method {
    fileprivate init?(naming message: UnsafeMutablePointer<Ttrpc__Request>) {
        // The most frequent first. Iterating over all cases would allocate an array for each call.
        if unsafe Self.verify.isNamed(by: message) {
            self = .verify
        } else if unsafe Self.exchange.isNamed(by: message) {
            self = .exchange
        } else if unsafe Self.revoke.isNamed(by: message) {
            self = .revoke
        } else if unsafe Self.healthCheck.isNamed(by: message) {
            self = .healthCheck
        } else if unsafe Self.listAccounts.isNamed(by: message) {
            self = .listAccounts
        } else if unsafe Self.deleteAccount.isNamed(by: message) {
            self = .deleteAccount
        } else if unsafe Self.statistics.isNamed(by: message) {
            self = .statistics
        } else {
            return nil
        }
    }

    private func isNamed(by message: UnsafeMutablePointer<Ttrpc__Request>) -> Bool {
        unsafe isText(message.pointee.method, name) && isText(message.pointee.service, service)
    }
}

/// Returns the text of an id or a name; `nil` if it is not UTF-8 or longer than ``TokenRequirements/maximumNameBytes``.
private func optionalName(_ text: UnsafeMutablePointer<CChar>) -> String? {
    guard let name = unsafe optionalText(text), name.utf8.count <= TokenRequirements.maximumNameBytes else { return nil }
    return name
}

extension MessageArena {
    /// Reads a frame's data as a `ttrpc.Request`.
    ///
    /// - Returns: The result of `body`; `nil` if the data is not such a message, or exceeds the arena's budget.
    package func withRequest<Result>(_ data: Span<UInt8>, _ body: (borrowing RequestView) -> Result) -> Result? {
        unsafe withUnpacked(data, ttrpc__request__unpack) { message in
            body(unsafe RequestView(message, arena: self))
        }
    }

    /// Reads a payload as the request of a method, for protocols that name the method elsewhere.
    package func withRequest<Result>(
        _ method: Method, payload: Span<UInt8>, timeout: Duration?, _ body: (borrowing RequestView) -> Result
    ) -> Result {
        unsafe payload.withUnsafeBufferPointer { payload in
            body(unsafe RequestView(method, payload: payload, timeout: timeout, arena: self))
        }
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
