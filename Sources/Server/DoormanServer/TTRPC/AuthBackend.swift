package import DoormanCore
package import DoormanSupport
internal import DoormanWire

/// What the server asks: memory first, on the event loop; then the provider, asynchronously.
package struct AuthBackend: Sendable {
    /// What a token is known by in memory. What memory has of it may be fetched meanwhile.
    package typealias KeyOfToken = @Sendable (_ token: Span<UInt8>) -> TokenKey

    /// Answers a `Verify` from memory, at once, with the data of a response frame in `reply`; false where the provider must
    /// be asked. Called on event loops for every call, so it is a function rather than a protocol: one indirect call, no existential.
    package typealias ReplyFromMemory =
        @Sendable (
            _ token: Span<UInt8>, _ key: TokenKey, _ applicationID: Span<UInt8>, _ maxAgeSeconds: UInt32, _ now: Instant,
            _ reply: inout EncodedResponse
        ) -> Bool

    /// Takes a call that memory can't answer from its caller's share, which is what is granted to that one, or else to everybody; nil
    /// if it may go on, else when the next may. Called on event loops.
    package typealias TakeMiss = @Sendable (_ caller: Caller, _ granted: RateLimit?, _ now: Instant) -> Duration?

    /// As ``ReplyFromMemory``, past its time: while the provider can't be asked by anybody, when there is nothing to wait for and
    /// nobody's share to take; and right after that, when everything known is asked about again, for a caller whose share does not
    /// do for that.
    package typealias StaleReplyFromMemory =
        @Sendable (
            _ token: Span<UInt8>, _ applicationID: Span<UInt8>, _ maxAgeSeconds: UInt32, _ now: Instant, _ hasShare: Bool,
            _ reply: inout EncodedResponse
        ) -> Bool

    /// Whether the provider is being asked about the token already, so that one more call costs it nothing.
    package typealias IsBeingAsked = @Sendable (_ token: Span<UInt8>) -> Bool

    /// What is known behind the server of how things are: the server adds how its calls came out.
    package typealias ReadStatistics = @Sendable () -> ServerStatistics

    package let keyOfToken: KeyOfToken
    package let replyFromMemory: ReplyFromMemory
    package let staleReplyFromMemory: StaleReplyFromMemory
    package let isBeingAsked: IsBeingAsked
    package let takeMiss: TakeMiss
    package let statistics: ReadStatistics
    package let provider: any TokenProvider
    /// The clock of every deadline and every age.
    package let timeSource: TimeSource

    /// - Parameter takeMiss: By default there is no end to anybody's share.
    package init(
        provider: any TokenProvider, timeSource: TimeSource, takeMiss: @escaping TakeMiss = { _, _, _ in nil },
        isBeingAsked: @escaping IsBeingAsked = { _ in false },
        statistics: @escaping ReadStatistics = { ServerStatistics() },
        staleReplyFromMemory: @escaping StaleReplyFromMemory = { _, _, _, _, _, _ in false },
        keyOfToken: @escaping KeyOfToken,
        replyFromMemory: @escaping ReplyFromMemory
    ) {
        self.provider = provider
        self.timeSource = timeSource
        self.keyOfToken = keyOfToken
        self.replyFromMemory = replyFromMemory
        self.staleReplyFromMemory = staleReplyFromMemory
        self.isBeingAsked = isBeingAsked
        self.takeMiss = takeMiss
        self.statistics = statistics
    }

    /// Answers a call that memory could not.
    ///
    /// - Parameter statistics: The server's.
    /// - Returns: The data of the response frame, and how it came out.
    func answer(
        _ call: Call, deadline: Deadline, statistics: CoalescedStatisticsReader
    ) async -> (data: [UInt8], failure: Failure?) {
        do throws(VerificationError) {
            switch call {
            case .verify(let request):
                let verdict = try await provider.verify(request, deadline: deadline)
                guard case .rejected(let rejection) = verdict else { return (ResponseEncoder.encode(verdict), nil) }
                return (ResponseEncoder.encode(verdict), Failure(rejection.reason))
            case .exchange(let request):
                let verdict = try await provider.exchange(request, deadline: deadline)
                guard case .rejected(let rejection) = verdict else { return (ResponseEncoder.encode(verdict), nil) }
                return (ResponseEncoder.encode(verdict), Failure(rejection.reason))
            case .revoke(let request):
                try await provider.revoke(request, deadline: deadline)
                return (ResponseEncoder.encodeRevoked(), nil)
            case .listAccounts(let request):
                let page = try await provider.accounts(request, deadline: deadline)
                guard let data = ResponseEncoder.encode(page) else { throw .pageTooLong(page) }
                return (data, nil)
            case .deleteAccount(let request):
                try await provider.deleteAccount(request, deadline: deadline)
                return (ResponseEncoder.encodeAccountDeleted(), nil)
            case .statistics:
                return (await statistics.join().value, nil)
            }
        } catch {
            return (ResponseEncoder.encode(FailureAnswer(error)), Failure(error.code))
        }
    }
}

extension VerificationError {
    /// Only where the provider's answers may be longer than ours: the frame's limit is every client's, not this server's.
    fileprivate static func pageTooLong(_ page: AccountPage) -> VerificationError {
        VerificationError(
            .invalidRequest,
            "A page of \(page.accounts.count) accounts is longer than the \(ResponseEncoder.longestForEveryClient) bytes that every "
                + "client takes: ask for fewer with page_size.")
    }
}
