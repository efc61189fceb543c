/// The subject of a request to the Graph API, which decides the meaning of some errors.
package enum GraphSubject: Sendable, Hashable, CaseIterable {
    /// The user's token that the request carries.
    case userToken
    /// A token that the request asks about. The request carries the app token of Facebook Login.
    case inspection
    /// An authorization code. The request carries the app token.
    case code
    /// The application or one of its accounts. The request carries the app token.
    case application
    /// The deletion of an account, which may not exist. The request carries the app token.
    case deletion
}
