/// Facebook Login: what its tokens are, its identities, and the revocation of a user's tokens.
extension GraphAPI {
    /// Logs a person in with Facebook.
    ///
    /// - Parameter app: The app's id.
    mutating func logInWithFacebook(app: String, contact: Contact, _ grant: FacebookGrant) throws(EmulatorError) -> Issued {
        let account = try account(of: contact, app: app)
        return Issued(credential: directory.issueToken(for: account, grant), accountID: account.id)
    }

    /// Carries out a request of Facebook Login.
    ///
    /// - Parameters:
    ///   - now: Seconds since 1970.
    ///   - flaw: A defect to put into the description or identity of a token.
    mutating func respond(
        to request: GraphRequest, _ route: FacebookRoute, now: Int, flaw: IdentityFlaw? = nil
    ) -> GraphResponse {
        do throws(GraphError) {
            switch route {
            case .debugToken: return .success(["data": try describe(request, now, flaw)])
            case .me: return .success(try facebookIdentity(request, now, flaw))
            case .permissions(let user):
                directory.revokeFacebookTokens(ofAccount: try facebookUser(user, of: request, now))
                return .success(["success": true])
            }
        } catch {
            return .failure(error)
        }
    }

    /// Returns the description of `input_token` for the app whose token is `access_token`. A bad input token is no error of the call.
    private func describe(_ request: GraphRequest, _ now: Int, _ flaw: IdentityFlaw?) throws(GraphError) -> JSONText {
        let app = try facebookApp(of: request)
        guard let input = request.query["input_token"], !input.isEmpty else { throw .inputTokenMissing }
        if input.contains("|") {
            guard input == app.facebookToken else { return .invalidToken(.signatureWrong) }
            return ["app_id": .string(app.id), "type": "APP", "application": "Emulated app", "is_valid": true, "scopes": []]
        }
        guard let credential = directory.tokens[input], let grant = credential.facebook else { return .invalidToken(.tokenUnknown) }
        guard credential.appID == app.id else { return .invalidToken(.appDiffers) }
        let error = Self.error(of: credential, grant, now)
        let appID: JSONText? =
            switch flaw {
            case .applicationMissing: nil
            case .applicationNumeric: .integer(Int(app.id) ?? 0)
            case .applicationForeign: .string(IdentityFlaw.foreignApplicationID)
            case .noContact, nil: .string(app.id)
            }
        var members = appID.map { [("app_id", $0)] } ?? []
        members += [("type", "USER"), ("application", "Emulated app")]
        if let error { members.append(("error", error.brief)) }
        members += [
            ("expires_at", .integer(grant.expiresAt)), ("is_valid", .bool(error == nil)), ("issued_at", .integer(grant.issuedAt)),
            ("scopes", .array(error == nil ? grant.scopes.map { .string($0) } : [])), ("user_id", .string(credential.accountID)),
        ]
        return .object(members.map { JSONText.Member($0.0, $0.1) })
    }

    /// Returns the fields of a token's user that the request asks for; `name` and `id` if it names none.
    private func facebookIdentity(_ request: GraphRequest, _ now: Int, _ flaw: IdentityFlaw?) throws(GraphError) -> JSONText {
        let (credential, grant) = try facebookToken(of: request, now)
        let fields = request.query["fields"].map { $0.split(separator: ",").map(String.init) } ?? ["name", "id"]
        var members: [JSONText.Member] = []
        for field in fields {
            switch field {
            case "id": members.append(JSONText.Member("id", .string(credential.accountID)))
            case "name": members.append(JSONText.Member("name", .string("User \(credential.accountID.suffix(4))")))
            case "email":
                guard case .email(let address)? = directory.accounts[credential.accountID]?.contact, flaw != .noContact,
                    grant.scopes.contains("email")
                else { continue }
                members.append(JSONText.Member("email", .string(address)))
            default: throw .noField(field)
            }
        }
        // The id is in every response of the Graph API.
        if !fields.contains("id") { members.append(JSONText.Member("id", .string(credential.accountID))) }
        return .object(members)
    }

    /// Returns the account that a path names, if the app or the user itself may revoke its tokens.
    private func facebookUser(_ user: String, of request: GraphRequest, _ now: Int) throws(GraphError) -> String {
        if request.query["access_token"]?.hasPrefix(FacebookGrant.prefix) == true {
            let account = try facebookToken(of: request, now).credential.accountID
            guard user == "me" || user == account else { throw .noObject }
            return account
        }
        let app = try facebookApp(of: request)
        guard let account = directory.accounts[user], account.appID == app.id else { throw .noObject }
        return account.id
    }

    /// Returns the user token of a request, which is checked before the proof.
    private func facebookToken(
        of request: GraphRequest, _ now: Int
    ) throws(GraphError) -> (credential: Directory.Credential, grant: FacebookGrant) {
        guard let text = request.query["access_token"], let credential = directory.tokens[text], let grant = credential.facebook,
            let app = directory.apps[credential.appID]
        else { throw .tokenUnknown }
        if let error = Self.error(of: credential, grant, now) { throw error }
        if request.query["appsecret_proof"] == nil, app.requiresAppSecret { throw .proofMissing }
        try checkProof(of: request, token: text, app: app)
        return (credential, grant)
    }

    /// Returns the app of a request with an app token, `<id>|<secret>`.
    private func facebookApp(of request: GraphRequest) throws(GraphError) -> EmulatorSettings.App {
        guard let text = request.query["access_token"], text.contains("|") else { throw .appTokenMissing }
        let id = text.prefix { $0 != "|" }
        guard let app = directory.apps[String(id)], text == app.facebookToken else { throw .appUnknown }
        try checkProof(of: request, token: text, app: app)
        return app
    }

    private static func error(of credential: Directory.Credential, _ grant: FacebookGrant, _ now: Int) -> GraphError? {
        if credential.isSpent { return .permissionRevoked(app: credential.appID) }
        return grant.isExpired(at: now) ? .sessionExpired : nil
    }
}

extension EmulatorSettings.App {
    /// The token by which an app calls the Graph API for Facebook Login.
    fileprivate var facebookToken: String { "\(id)|\(secret)" }
}

extension JSONText {
    /// The description of a token about which nothing else is told.
    fileprivate static func invalidToken(_ error: GraphError) -> JSONText {
        ["error": error.brief, "is_valid": false, "scopes": []]
    }
}

/// Errors of Facebook Login.
extension GraphError {
    /// The error in the description of a token.
    fileprivate var brief: JSONText {
        let subcode = subcode.map { [JSONText.Member("subcode", .integer($0))] } ?? []
        return .object([JSONText.Member("code", .integer(code)), JSONText.Member("message", .string(message))] + subcode)
    }

    fileprivate static let inputTokenMissing = GraphError(
        code: 100, kind: .oAuth, message: "(#100) The parameter input_token is required.")
    /// Only apps are served here, although Graph serves an app's developers, too.
    fileprivate static let appTokenMissing = GraphError(
        code: 100, kind: .oAuth,
        message: "(#100) You must provide an app access token or a user access token that is an owner or developer of the app")
    /// The app token has an unknown id or a wrong secret.
    fileprivate static let appUnknown = GraphError(
        code: 190, kind: .oAuth, message: "Error validating application. Cannot get application info due to a system error.")
    fileprivate static let signatureWrong = GraphError(
        code: 190, kind: .oAuth, message: "Invalid OAuth access token signature.")
    fileprivate static let appDiffers = GraphError(
        code: 100, kind: .oAuth, message: "(#100) The App_id in the input_token did not match the Viewing App")
    fileprivate static let sessionExpired = GraphError(
        code: 190, kind: .oAuth, message: "Error validating access token: Session has expired.", subcode: 463)
    fileprivate static let noObject = GraphError(
        code: 100, kind: .method, message: "Unsupported delete request. Object does not exist.", subcode: 33)

    fileprivate static func permissionRevoked(app: String) -> GraphError {
        GraphError(
            code: 190, kind: .oAuth, message: "Error validating access token: The user has not authorized application \(app).",
            subcode: 458)
    }

    fileprivate static func noField(_ name: String) -> GraphError {
        GraphError(
            code: 100, kind: .oAuth, message: "(#100) Tried accessing nonexistent field (\(name)) on node type (User)")
    }
}
