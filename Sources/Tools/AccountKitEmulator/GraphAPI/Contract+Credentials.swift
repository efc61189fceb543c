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
