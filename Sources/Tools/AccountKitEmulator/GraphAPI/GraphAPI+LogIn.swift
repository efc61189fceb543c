/// Log-ins and other changes that happened outside of the six calls: on a person's phone, or on Facebook's pages.
extension GraphAPI {
    /// A token or code, and the account that it belongs to.
    package struct Issued: Sendable {
        package let credential: String
        package let accountID: String
    }

    /// Logs a person in with a token.
    ///
    /// - Parameter app: The app's id.
    /// - Throws: ``EmulatorError`` if the app is unknown or has the client access token flow switched off.
    package mutating func logIn(app: String, contact: Contact) throws(EmulatorError) -> Issued {
        guard try settings(ofApp: app).enablesClientAccessTokenFlow else {
            throw EmulatorError(.notAllowed, "app \(app) has the client access token flow switched off: request a code")
        }
        let account = try directory.account(of: contact, appID: app)
        return Issued(credential: directory.issueToken(for: account), accountID: account.id)
    }

    /// Logs a person in with a code, which the back end exchanges.
    ///
    /// - Parameter app: The app's id.
    package mutating func issueCode(app: String, contact: Contact) throws(EmulatorError) -> Issued {
        _ = try settings(ofApp: app)
        let account = try directory.account(of: contact, appID: app)
        return Issued(credential: directory.issueCode(for: account), accountID: account.id)
    }

    /// Logs a person in without a credential of Account Kit.
    ///
    /// - Parameter app: The app's id.
    mutating func account(of contact: Contact, app: String) throws(EmulatorError) -> Directory.Account {
        _ = try settings(ofApp: app)
        return try directory.account(of: contact, appID: app)
    }

    /// Returns a phone number with its country prefix.
    ///
    /// - Parameter countryPrefix: The prefix; `nil` for that of the account with this number, or a guess if there is no such
    ///   account.
    package func phone(_ number: String, countryPrefix: String?, app: String) throws(EmulatorError) -> Contact {
        if countryPrefix == nil, let known = directory.knownPhone(number, appID: app) { return .phone(known) }
        return .phone(try Contact.PhoneNumber(number, countryPrefix: countryPrefix))
    }

    package mutating func revoke(token: String) {
        directory.revoke(token: token)
    }

    package mutating func revokeTokens(ofAccount id: String) {
        directory.revokeTokens(ofAccount: id)
    }

    /// Replaces the secret of an app.
    ///
    /// - Parameter app: The app's id.
    package mutating func changeSecret(ofApp app: String, to secret: String) throws(EmulatorError) {
        _ = try settings(ofApp: app)
        directory.changeSecret(ofApp: app, to: secret)
    }

    /// Returns the id of the account that a token was issued for, revoked or not.
    package func account(ofToken token: String) -> String? {
        directory.tokens[token]?.accountID
    }

    func settings(ofApp id: String) throws(EmulatorError) -> EmulatorSettings.App {
        guard let app = directory.apps[id] else { throw EmulatorError(.notFound, "app: no app has this id") }
        return app
    }
}
