/// Account Kit's six calls as a pure state machine: a call goes in, an answer comes out. No sockets, no time.
package struct Contract: Sendable {
    var directory: Directory

    package init(apps: [EmulatorSettings.App], limits: EmulatorSettings.Limits = .init()) throws(EmulatorError) {
        directory = try Directory(apps: apps, limits: limits)
    }

    /// Which of the six calls it is.
    package func endpoint(of call: Call) -> Endpoint {
        (try? Route(call))?.endpoint ?? .unknown
    }

    /// - Parameter flaw: What is wrong with the identity that `me` gives.
    package mutating func answer(_ call: Call, flaw: IdentityFlaw? = nil) -> Answer {
        do throws(GraphError) {
            let route = try Route(call)
            return .success(try perform(call, route, flaw))
        } catch {
            return .failure(error)
        }
    }

    private mutating func perform(_ call: Call, _ route: Route, _ flaw: IdentityFlaw?) throws(GraphError) -> JSON {
        switch route.endpoint {
        case .accessToken: return try exchange(call)
        case .me:
            let token = try userToken(of: call)
            return try identity(token.credential, namingApplication: route.version.namesApplication, flaw: flaw)
        case .logout:
            directory.revoke(token: try userToken(of: call).text)
            return ["success": true]
        case .invalidateAllTokens:
            directory.revokeTokens(ofAccount: try account(route.subject, of: call).id)
            return ["success": true]
        case .deleteAccount:
            directory.deleteAccount(try account(route.subject, of: call).id)
            return ["success": true]
        case .accounts: return try page(call, route)
        case .unknown: throw .unsupported
        }
    }

    /// E1. The app is judged before the code, and a code of another app is no code at all.
    private mutating func exchange(_ call: Call) throws(GraphError) -> JSON {
        let app = try app(of: call)
        guard call.query["grant_type"] == "authorization_code" else {
            throw .parameter("grant_type", "must be authorization_code")
        }
        guard let code = call.query["code"], let credential = directory.codes[code], credential.appID == app.id,
            let account = directory.accounts[credential.accountID]
        else { throw .codeUnknown }
        guard !credential.isSpent else { throw .codeUsed }
        directory.spendCode(code)
        return [
            "id": .string(account.id), "access_token": .string(directory.issueToken(for: account)),
            "token_refresh_interval_sec": 2_592_000,
        ]
    }

    /// E2. The order of the members is that of the recordings.
    private func identity(
        _ credential: Directory.Credential, namingApplication: Bool, flaw: IdentityFlaw?
    ) throws(GraphError) -> JSON {
        guard let account = directory.accounts[credential.accountID] else { throw .tokenRevoked }
        let id = JSON.Member("id", .string(account.id))
        var members: [JSON.Member]
        switch account.contact {
        case _ where flaw == .noContact: members = [id]
        case .phone(let phone): members = [id, JSON.Member("phone", phone.json)]
        case .email(let address): members = [JSON.Member("email", ["address": .string(address)]), id]
        }
        let application: JSON? =
            switch flaw {
            case .applicationMissing: nil
            case .applicationNumeric: .integer(Int(account.appID) ?? 0)
            case .applicationForeign: .string(IdentityFlaw.foreignApplicationID)
            case .noContact, nil: namingApplication ? .string(account.appID) : nil
            }
        if let application { members.append(JSON.Member("application", ["id": application])) }
        return .object(members)
    }

    /// E6. The cursor is the serial number of the last account before the page.
    private func page(_ call: Call, _ route: Route) throws(GraphError) -> JSON {
        let app = try app(of: call)
        guard app.id == route.subject else { throw .unavailable }
        guard let limit = Int(call.query["limit"] ?? "25"), (1...1000).contains(limit) else {
            throw .parameter("limit", "must be a number from 1 to 1000")
        }
        guard let cursor = Int(call.query["after"] ?? "0"), cursor >= 0 else { throw .parameter("after", "is no cursor of ours") }
        let rest = directory.accounts(ofApp: app.id, after: cursor)
        let shown = rest.prefix(limit)
        let data = JSON.array(
            shown.map { account in
                switch account.contact {
                case .phone(let phone): ["id": .string(account.id), "phone": ["number": .string(phone.number)]]
                case .email(let address): ["id": .string(account.id), "email": ["address": .string(address)]]
                }
            })
        guard rest.count > shown.count, let last = shown.last else { return ["data": data, "paging": [:]] }
        let token = call.query["access_token"] ?? ""
        let parameters = [("access_token", token), ("limit", String(limit)), ("after", String(last.serial))]
        let query = parameters.map { "\($0.0)=\(Call.escapingForQuery($0.1))" }.joined(separator: "&")
        let next = "\(call.origin)/\(route.version.rawValue)/\(app.id)/accounts?\(query)"
        return ["data": data, "paging": ["next": .string(next)]]
    }
}

/// What may be wrong with the identity that `me` gives, though its token is good.
package enum IdentityFlaw: Sendable, Hashable {
    /// There is no `application`.
    case applicationMissing
    /// `application.id` is a number, not a string.
    case applicationNumeric
    /// `application.id` is that of another app.
    case applicationForeign
    /// There is neither `phone` nor `email`.
    case noContact

    /// The id that stands for another app's.
    package static let foreignApplicationID = "9999999999999999"
}

extension PhoneNumber {
    fileprivate var json: JSON {
        ["number": .string(number), "country_prefix": .string(countryPrefix), "national_number": .string(nationalNumber)]
    }
}

/// Who is calling: the judging of tokens, app credentials and proofs.
extension Contract {
    struct UserToken {
        let text: String
        let credential: Directory.Credential
    }

    /// The user token of a call. The token is judged before the proof; the proof is checked under the secret of the app that
    /// the *token* was made for, so that another app's proof can't fit it.
    func userToken(of call: Call) throws(GraphError) -> UserToken {
        guard let text = call.query["access_token"], !text.isEmpty else { throw .tokenMissing }
        guard let credential = directory.tokens[text], let app = directory.apps[credential.appID] else { throw .tokenUnknown }
        guard !credential.isSpent else { throw .tokenRevoked }
        if call.query["appsecret_proof"] == nil, app.requiresAppSecret { throw .proofMissing }
        try checkProof(of: call, token: text, app: app)
        return UserToken(text: text, credential: credential)
    }

    /// The app whose token, `AA|<id>|<secret>`, a call carries. Wrong credentials get the answer of an outage, as recorded.
    func app(of call: Call) throws(GraphError) -> EmulatorSettings.App {
        guard let text = call.query["access_token"], !text.isEmpty else { throw .tokenMissing }
        let parts = text.split(separator: "|", omittingEmptySubsequences: false)
        guard parts[0] == "AA" else { throw .tokenUnknown }
        guard parts.count == 3, let app = directory.apps[String(parts[1])], app.secret == parts[2] else { throw .unavailable }
        try checkProof(of: call, token: text, app: app)
        return app
    }

    /// The account that the path names, if it is one of the calling app's.
    func account(_ id: String, of call: Call) throws(GraphError) -> Directory.Account {
        let app = try app(of: call)
        guard let account = directory.accounts[id], account.appID == app.id else { throw .unavailable }
        return account
    }

    /// A proof that is there is checked, also where none is required.
    private func checkProof(of call: Call, token: String, app: EmulatorSettings.App) throws(GraphError) {
        guard let proof = call.query["appsecret_proof"] else { return }
        guard proof == appSecretProof(secret: app.secret, token: token) else { throw .proofWrong }
    }
}

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
