public import DoormanCore
internal import DoormanSupport

// For operators. A server permits these calls only to callers to which its policy grants `accounts`. Others get
// ``UnavailableReason/callerNotAllowed``.

extension DoormanClient {
    /// Returns the accounts of an application. It requests each page when the page before it is used up.
    ///
    ///     for try await account in client.accounts() { print(account.id) }
    ///
    /// - Parameters:
    ///   - applicationID: The application. Default `nil`: the server's only application.
    ///   - pageSize: The maximum number of accounts in a page, 1 to 1,000. Default 100.
    ///   - timeout: The maximum time for each page. Default `nil`: ``DoormanClientConfiguration/timeout``.
    public func accounts(applicationID: String? = nil, pageSize: Int = 100, timeout: Duration? = nil) -> AccountSequence {
        AccountSequence(client: self, applicationID: applicationID, pageSize: pageSize, timeout: timeout)
    }

    /// Returns one page of an application's accounts.
    ///
    /// - Parameters:
    ///   - applicationID: The application. Default `nil`: the server's only application.
    ///   - pageSize: The maximum number of accounts in the page, 1 to 1,000. Default 100.
    ///   - after: The ``AccountPage/next`` of the previous page. Default `nil`: the first page.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    public func accountPage(
        applicationID: String? = nil, pageSize: Int = 100, after: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> AccountPage {
        let request = AccountListRequest(applicationID: applicationID, pageSize: pageSize, after: after)
        guard case .accounts(let page) = try await response(to: .listAccounts(request), timeout) else { throw .wrongResponse }
        return page
    }

}

/// The accounts of an application. Each iteration begins with the first page, and requests a page when the page before it is used up.
public struct AccountSequence: AsyncSequence, Sendable {
    /// An account.
    public typealias Element = Account
    /// The error of a page that could not be read.
    public typealias Failure = DoormanError

    fileprivate let client: DoormanClient
    fileprivate let applicationID: String?
    fileprivate let pageSize: Int
    fileprivate let timeout: Duration?

    /// Returns an iterator that begins with the first page.
    public func makeAsyncIterator() -> Iterator {
        Iterator(sequence: self)
    }

    /// An iterator over the accounts.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        private let sequence: AccountSequence
        private var page: ArraySlice<Account> = []
        private var after: String?
        private var isAtEnd = false

        fileprivate init(sequence: AccountSequence) {
            self.sequence = sequence
        }

        /// Returns the next account; `nil` after the last. After an error, the next call requests the same page.
        public mutating func next(isolation: isolated (any Actor)? = #isolation) async throws(DoormanError) -> Account? {
            while page.isEmpty, !isAtEnd {
                let response = try await sequence.client.accountPage(
                    applicationID: sequence.applicationID, pageSize: sequence.pageSize, after: after, timeout: sequence.timeout)
                page = response.accounts[...]
                after = response.next
                isAtEnd = response.next == nil
            }
            return page.popFirst()
        }
    }
}
