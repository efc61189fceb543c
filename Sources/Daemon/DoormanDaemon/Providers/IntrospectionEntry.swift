internal import DoormanCore
internal import DoormanCrypto
internal import TokenIntrospection

/// How requests to an introspection endpoint authenticate, by the names of RFC 7591.
private enum ClientAuthenticationMethod: String, CaseIterable {
    case basic = "client_secret_basic"
    case post = "client_secret_post"
    case assertion = "private_key_jwt"
}

extension ProviderEntry {
    mutating func introspection() -> (ConfiguredProvider.Definition, [ConfiguredProvider.Secret]) {
        let method = choice("client-auth", ClientAuthenticationMethod.self) ?? .basic
        let (authentications, secrets) = method == .assertion ? assertions() : clientSecrets(method)
        let settings = authentications.map { authentication in
            var settings = IntrospectionSettings(
                name: name, endpoint: text("endpoint") ?? "", clientID: text("client-id") ?? "", authentication: authentication)
            settings.audience = list("audience")
            settings.issuer = text("issuer")
            settings.revocationEndpoint = text("revocation-endpoint")
            settings.assertionAudience = text("assertion-audience")
            settings.claims = list("claims")
            if let bytes = bytes("max-token-length", IntrospectionSettings.tokenBytes) { settings.maximumTokenBytes = bytes }
            return settings
        }
        // A list of commas alone would switch the check off.
        if values["audience"] != nil, list("audience").isEmpty { note("audience", "must name an audience, or be left out") }
        for problem in settings.flatMap(\.problems) {
            // A credential that could not be read is noted already.
            if problem.key == .clientSecret, secrets.isEmpty { continue }
            note(problem.key.rawValue, problem.expectation, unlessMissing: true)
        }
        return (.introspection(settings), secrets.map(ConfiguredProvider.Secret.init(text:)))
    }

    private mutating func clientSecrets(_ method: ClientAuthenticationMethod) -> ([ClientAuthentication], [String]) {
        for key in ["private-key-file", "signing-algorithm", "key-id", "assertion-audience"] where values[key] != nil {
            note(key, "is for client-auth: private_key_jwt only")
        }
        if values["client-secret-file"] == nil {
            note("client-secret-file", "is required with client-auth: \(method.rawValue)")
        }
        let secrets = secrets("client-secret-file", next: "next-client-secret-file")
        let authentications = (secrets.isEmpty ? [""] : secrets).map { secret in
            method == .post ? ClientAuthentication.post(ClientSecret(secret)) : .basic(ClientSecret(secret))
        }
        return (authentications, secrets)
    }

    private mutating func assertions() -> ([ClientAuthentication], [String]) {
        for key in ["client-secret-file", "next-client-secret-file"] where values[key] != nil {
            note(key, "is not for client-auth: private_key_jwt")
        }
        if values["private-key-file"] == nil { note("private-key-file", "is required with client-auth: private_key_jwt") }
        guard let pem = secret("private-key-file") else { return ([.basic(ClientSecret(""))], []) }
        do throws(PrivateKey.Failure) {
            let key = try PrivateKey(pem: Array(pem.utf8))
            let algorithm = choice("signing-algorithm", among: PrivateKey.algorithms) ?? key.kind.algorithms[0]
            guard key.kind.algorithms.contains(algorithm) else {
                note("signing-algorithm", "does not fit the key in private-key-file")
                return ([.basic(ClientSecret(""))], [])
            }
            let signer = AssertionSigner(algorithm: algorithm.rawValue, keyID: text("key-id")) { message in
                try? key.signature(of: message, with: algorithm)
            }
            return ([.assertion(signer)], [pem])
        } catch {
            note("private-key-file", error == .failed ? "can't be used: \(error)" : "\(error)")
            return ([.basic(ClientSecret(""))], [])
        }
    }
}
