/// What happened on a person's phone: the log-in that ends with a token or a code. Not a part of the server's contract.
extension Contract {
    /// A token or code, and whose it is.
    package struct Issued: Sendable {
        package let credential: String
        package let accountID: String
    }

    /// - Parameter app: An app's id.
    /// - Throws: ``EmulatorError`` if there is no such app, or it has the client access token flow switched off.
    package mutating func logIn(app: String, contact: Contact) throws(EmulatorError) -> Issued {
        guard try settings(ofApp: app).enablesClientAccessTokenFlow else {
            throw EmulatorError(.notAllowed, "app \(app) has the client access token flow switched off: ask for a code")
        }
        let account = try directory.account(of: contact, appID: app)
        return Issued(credential: directory.issueToken(for: account), accountID: account.id)
    }

    /// - Parameter app: An app's id.
    package mutating func issueCode(app: String, contact: Contact) throws(EmulatorError) -> Issued {
        _ = try settings(ofApp: app)
        let account = try directory.account(of: contact, appID: app)
        return Issued(credential: directory.issueCode(for: account), accountID: account.id)
    }

    /// The phone number with its country prefix: the one given, else that of an account that has the number, else a guess.
    package func phone(_ number: String, countryPrefix: String?, app: String) throws(EmulatorError) -> Contact {
        if countryPrefix == nil, let known = directory.knownPhone(number, appID: app) { return .phone(known) }
        return .phone(try PhoneNumber(number, countryPrefix: countryPrefix))
    }

    package mutating func revoke(token: String) {
        directory.revoke(token: token)
    }

    package mutating func revokeTokens(ofAccount id: String) {
        directory.revokeTokens(ofAccount: id)
    }

    /// - Parameter app: An app's id.
    package mutating func changeSecret(ofApp app: String, to secret: String) throws(EmulatorError) {
        _ = try settings(ofApp: app)
        directory.changeSecret(ofApp: app, to: secret)
    }

    /// The account that a token was made for, revoked or not.
    package func account(ofToken token: String) -> String? {
        directory.tokens[token]?.accountID
    }

    func settings(ofApp id: String) throws(EmulatorError) -> EmulatorSettings.App {
        guard let app = directory.apps[id] else { throw EmulatorError(.notFound, "app: there is none with this id") }
        return app
    }
}
