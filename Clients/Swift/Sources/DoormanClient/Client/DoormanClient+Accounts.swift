public import DoormanCore
internal import DoormanSupport

// For operators. A server allows this only to callers that its setting server.accounts-callers names. Others get
// ``UnavailableReason/callerNotAllowed``.

extension DoormanClient {
    /// The accounts of an application, page after page as they are read.
    ///
    ///     for try await account in client.accounts() { print(account.id) }
    ///
    /// - Parameters:
    ///   - applicationID: The application whose accounts they are. Nil: the only one that the server is configured for.
    ///   - pageSize: How many to ask for at a time, 1 to 1,000.
    ///   - timeout: How long each page may take. Nil: ``DoormanClientConfiguration/timeout``.
    public func accounts(applicationID: String? = nil, pageSize: Int = 100, timeout: Duration? = nil) -> AccountSequence {
        AccountSequence(client: self, applicationID: applicationID, pageSize: pageSize, timeout: timeout)
    }

    /// One page of an application's accounts.
    ///
    /// - Parameters:
    ///   - applicationID: The application whose accounts they are. Nil: the only one that the server is configured for.
    ///   - pageSize: The most accounts that the page may have, 1 to 1,000.
    ///   - after: The ``AccountPage/next`` of the page before. Nil: the first page.
    ///   - timeout: How long the call may take. Nil: ``DoormanClientConfiguration/timeout``.
    public func accountPage(
        applicationID: String? = nil, pageSize: Int = 100, after: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> AccountPage {
        let request = AccountListRequest(applicationID: applicationID, pageSize: pageSize, after: after)
        guard case .accounts(let page) = try await response(to: .listAccounts(request), timeout) else { throw .wrongResponse }
        return page
    }

    /// Deletes an account at the provider, for good, and logs it out everywhere.
    ///
    /// A call whose answer was lost may be made again. Account Kit answers for an account that is not there, or not any more, as it
    /// does when it is down: ``UnavailableReason/providerUnavailable``.
    ///
    /// - Parameters:
    ///   - accountID: The provider's id of the account.
    ///   - applicationID: The application whose account it is. Nil: the only one that the server is configured for.
    ///   - timeout: How long the call may take. Nil: ``DoormanClientConfiguration/timeout``.
    public func deleteAccount(
        _ accountID: String, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) {
        _ = try await response(
            to: .deleteAccount(AccountDeletionRequest(accountID: accountID, applicationID: applicationID)), timeout)
    }
}

/// The accounts of an application. Each iteration begins with the first page, and asks for a page when the one before is used up.
public struct AccountSequence: AsyncSequence, Sendable {
    /// An account.
    public typealias Element = Account
    /// Why a page could not be had.
    public typealias Failure = DoormanError

    fileprivate let client: DoormanClient
    fileprivate let applicationID: String?
    fileprivate let pageSize: Int
    fileprivate let timeout: Duration?

    /// Begins with the first page.
    public func makeAsyncIterator() -> Iterator {
        Iterator(sequence: self)
    }

    /// One way through the accounts.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        private let sequence: AccountSequence
        private var page: ArraySlice<Account> = []
        private var after: String?
        private var isAtEnd = false

        fileprivate init(sequence: AccountSequence) {
            self.sequence = sequence
        }

        /// The next account, or nil after the last. After an error, the same page is asked for again.
        public mutating func next(isolation: isolated (any Actor)? = #isolation) async throws(DoormanError) -> Account? {
            while page.isEmpty, !isAtEnd {
                let answer = try await sequence.client.accountPage(
                    applicationID: sequence.applicationID, pageSize: sequence.pageSize, after: after, timeout: sequence.timeout)
                page = answer.accounts[...]
                after = answer.next
                isAtEnd = answer.next == nil
            }
            return page.popFirst()
        }
    }
}
