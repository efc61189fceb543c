private import DoormanCrypto

/// The six calls of Account Kit's Graph API, as a pure state machine from requests to responses, without sockets or time.
package struct GraphAPI: Sendable {
    var directory: Directory

    package init(apps: [EmulatorSettings.App], limits: EmulatorSettings.Limits = .init()) throws(EmulatorError) {
        directory = try Directory(apps: apps, limits: limits)
    }

    /// Returns the call that a request makes.
    package func endpoint(of request: GraphRequest) -> Endpoint {
        (try? GraphRoute(request))?.endpoint ?? .unknown
    }

    /// Carries out a request.
    ///
    /// - Parameter flaw: A defect to put into the identity that `me` returns.
    package mutating func respond(to request: GraphRequest, flaw: IdentityFlaw? = nil) -> GraphResponse {
        do throws(GraphError) {
            let route = try GraphRoute(request)
            return .success(try perform(request, route, flaw))
        } catch {
            return .failure(error)
        }
    }

    private mutating func perform(_ request: GraphRequest, _ route: GraphRoute, _ flaw: IdentityFlaw?) throws(GraphError)
        -> JSONText
    {
        switch route.endpoint {
        case .accessToken: return try exchange(request)
        case .me:
            let token = try userToken(of: request)
            let isNamed = route.version != .first || token.app.namesApplicationInFirstVersion
            return try identity(token.credential, namingApplication: isNamed, flaw: flaw)
        case .logout:
            directory.revoke(token: try userToken(of: request).text)
            return ["success": true]
        case .invalidateAllTokens:
            directory.revokeTokens(ofAccount: try account(route.subject, of: request).id)
            return ["success": true]
        case .deleteAccount:
            directory.deleteAccount(try account(route.subject, of: request).id)
            return ["success": true]
        case .accounts: return try page(request, route)
        case .debugToken, .permissions, .openIDConfiguration, .openIDKeys, .unknown: throw .unsupported
        }
    }

    /// E1: exchanges a code for a token. The app's credentials are checked before the code; a code of another app is unknown.
    private mutating func exchange(_ request: GraphRequest) throws(GraphError) -> JSONText {
        let app = try app(of: request)
        guard request.query["grant_type"] == "authorization_code" else {
            throw .parameter("grant_type", "must be authorization_code")
        }
        guard let code = request.query["code"], let credential = directory.codes[code], credential.appID == app.id,
            let account = directory.accounts[credential.accountID]
        else { throw .codeUnknown }
        guard !credential.isSpent else { throw .codeUsed }
        directory.spendCode(code)
        return [
            "id": .string(account.id), "access_token": .string(directory.issueToken(for: account)),
            "token_refresh_interval_sec": 2_592_000,
        ]
    }

    /// E2: returns the identity of a token. The members have the order of the recordings.
    private func identity(
        _ credential: Directory.Credential, namingApplication: Bool, flaw: IdentityFlaw?
    ) throws(GraphError) -> JSONText {
        guard let account = directory.accounts[credential.accountID] else { throw .tokenRevoked }
        let id = JSONText.Member("id", .string(account.id))
        var members: [JSONText.Member]
        switch account.contact {
        case _ where flaw == .noContact: members = [id]
        case .phone(let phone): members = [id, JSONText.Member("phone", phone.json)]
        case .email(let address): members = [JSONText.Member("email", ["address": .string(address)]), id]
        }
        let application: JSONText? =
            switch flaw {
            case .applicationMissing: nil
            case .applicationNumeric: .integer(Int(account.appID) ?? 0)
            case .applicationForeign: .string(IdentityFlaw.foreignApplicationID)
            case .noContact, nil: namingApplication ? .string(account.appID) : nil
            }
        if let application { members.append(JSONText.Member("application", ["id": application])) }
        return .object(members)
    }

    /// E6: returns a page of accounts. The cursor is the serial number of the last account before the page.
    private func page(_ request: GraphRequest, _ route: GraphRoute) throws(GraphError) -> JSONText {
        let app = try app(of: request)
        guard app.id == route.subject else { throw .unavailable }
        guard let limit = Int(request.query["limit"] ?? "25"), (1...1000).contains(limit) else {
            throw .parameter("limit", "must be a number from 1 to 1000")
        }
        guard let cursor = Int(request.query["after"] ?? "0"), cursor >= 0 else {
            throw .parameter("after", "is not a valid cursor")
        }
        let rest = directory.accounts(ofApp: app.id, after: cursor)
        let shown = rest.prefix(limit)
        let data = JSONText.array(
            shown.map { account in
                switch account.contact {
                case .phone(let phone): ["id": .string(account.id), "phone": ["number": .string(phone.number)]]
                case .email(let address): ["id": .string(account.id), "email": ["address": .string(address)]]
                }
            })
        guard rest.count > shown.count, let last = shown.last else { return ["data": data, "paging": [:]] }
        let token = request.query["access_token"] ?? ""
        let parameters = [("access_token", token), ("limit", String(limit)), ("after", String(last.serial))]
        let query = parameters.map { "\($0.0)=\(GraphRequest.escapingForQuery($0.1))" }.joined(separator: "&")
        let next = "\(request.origin)/\(route.version.rawValue)/\(app.id)/accounts?\(query)"
        return ["data": data, "paging": ["next": .string(next)]]
    }
}

/// A defect of the identity that `me` returns for a good token.
package enum IdentityFlaw: Sendable, Hashable {
    /// `application` is missing.
    case applicationMissing
    /// `application.id` is a number instead of a string.
    case applicationNumeric
    /// `application.id` is ``foreignApplicationID``.
    case applicationForeign
    /// `phone` and `email` are missing.
    case noContact

    /// The id of an app that is not the token's.
    package static let foreignApplicationID = "9999999999999999"
}

extension Contact.PhoneNumber {
    fileprivate var json: JSONText {
        ["number": .string(number), "country_prefix": .string(countryPrefix), "national_number": .string(nationalNumber)]
    }
}

/// The checks of tokens, app credentials and proofs.
extension GraphAPI {
    struct UserToken {
        let text: String
        let app: EmulatorSettings.App
        let credential: Directory.Credential
    }

    /// Returns the user token of a request. The token is checked before the proof. The secret is that of the *token's* app, so that
    /// a proof of another app does not match.
    func userToken(of request: GraphRequest) throws(GraphError) -> UserToken {
        guard let text = request.query["access_token"], !text.isEmpty else { throw .tokenMissing }
        guard let credential = directory.tokens[text], credential.facebook == nil, let app = directory.apps[credential.appID] else {
            throw .tokenUnknown
        }
        guard !credential.isSpent else { throw .tokenRevoked }
        if request.query["appsecret_proof"] == nil, app.requiresAppSecret { throw .proofMissing }
        try checkProof(of: request, token: text, app: app)
        return UserToken(text: text, app: app, credential: credential)
    }

    /// Returns the app of a request with an app token, `AA|<id>|<secret>`. Wrong credentials get the response of an outage, as
    /// recorded.
    func app(of request: GraphRequest) throws(GraphError) -> EmulatorSettings.App {
        guard let text = request.query["access_token"], !text.isEmpty else { throw .tokenMissing }
        let parts = text.split(separator: "|", omittingEmptySubsequences: false)
        guard parts[0] == "AA" else { throw .tokenUnknown }
        guard parts.count == 3, let app = directory.apps[String(parts[1])], app.secret == parts[2] else { throw .unavailable }
        try checkProof(of: request, token: text, app: app)
        return app
    }

    /// Returns the account that the path names, if it belongs to the calling app.
    func account(_ id: String, of request: GraphRequest) throws(GraphError) -> Directory.Account {
        let app = try app(of: request)
        guard let account = directory.accounts[id], account.appID == app.id else { throw .unavailable }
        return account
    }

    /// Checks a proof, also where none is required.
    func checkProof(of request: GraphRequest, token: String, app: EmulatorSettings.App) throws(GraphError) {
        guard let proof = request.query["appsecret_proof"] else { return }
        guard proof == appSecretProof(secret: app.secret, token: token) else { throw .proofWrong }
    }
}

/// Returns the `appsecret_proof` of a token: HMAC-SHA-256 under the app's secret, in lowercase hexadecimal.
private func appSecretProof(secret: String, token: String) -> String {
    HMACSHA256(key: Array(secret.utf8)).authenticationCode(for: Array(token.utf8).span).hexadecimal
}
