package import DoormanCore
package import NIOCore

/// Writes the responses of the API as JSON, by the JSON mapping of proto3: `docs/reference/http-api.md`.
package enum IdentityJSON {
    /// Writes the response to `/v1/verify`.
    package static func write(_ identity: Identity, to buffer: inout ByteBuffer) {
        JSONBufferWriter.append(to: &buffer) { json in
            json.object { writeMembers(of: identity, to: &$0) }
        }
    }

    /// Writes the response to `/v1/exchange`.
    ///
    /// - Returns: Whether the token is UTF-8. Nothing is written if it is not, since a JSON text can't hold it.
    package static func write(_ token: Token, _ identity: Identity?, to buffer: inout ByteBuffer) -> Bool {
        guard let text = String(validating: token.bytes, as: UTF8.self) else { return false }
        JSONBufferWriter.append(to: &buffer) { json in
            json.object {
                $0.string("token", text)
                guard let identity else { return }
                $0.object("identity") { writeMembers(of: identity, to: &$0) }
            }
        }
        return true
    }

    /// Writes the response to `/v1/revoke`.
    ///
    /// - Parameter position: The position of the revocation; `nil` if there is no fleet.
    package static func writeRevoked(_ position: RevocationPosition?, to buffer: inout ByteBuffer) {
        JSONBufferWriter.append(to: &buffer) { json in
            json.object { writeText("position", position?.description ?? "", to: &$0) }
        }
    }

    /// In the order of the fields' numbers.
    private static func writeMembers(of identity: Identity, to json: inout JSONBufferWriter) {
        writeText("accountId", identity.accountID, to: &json)
        writeText("applicationId", identity.applicationID, to: &json)
        if let phone = identity.phone {
            json.object("phone") {
                writeText("number", phone.number, to: &$0)
                writeText("countryPrefix", phone.countryPrefix, to: &$0)
                writeText("nationalNumber", phone.nationalNumber, to: &$0)
            }
        }
        writeText("email", identity.email ?? "", to: &json)
        writeText("provider", identity.provider, to: &json)
        writeTime("verifiedAtMs", identity.verifiedAt, to: &json)
        writeTime("validUntilMs", identity.validUntil, to: &json)
        json.string("freshness", identity.freshness.protobufName)
        guard identity.hasDetails else { return }
        let scopes = identity.scopes
        if !scopes.isEmpty { json.strings("scopes", scopes) }
        if let expiry = identity.expiresAt { writeTime("expiresAtMs", expiry, to: &json) }
        writeText("issuer", identity.issuer ?? "", to: &json)
        if identity.isEmailVerified { json.isTrue("emailVerified") }
        if identity.isPhoneVerified { json.isTrue("phoneVerified") }
        let claims = identity.claims
        guard !claims.isEmpty else { return }
        json.object("claims") { json in
            // In the order of their names, so that equal identities have equal texts.
            for (name, value) in claims.sorted(by: { $0.key < $1.key }) { json.string(name, value) }
        }
    }

    private static func writeText(_ name: StaticString, _ value: String, to json: inout JSONBufferWriter) {
        if !value.isEmpty { json.string(name, value) }
    }

    private static func writeTime(_ name: StaticString, _ time: Timestamp, to json: inout JSONBufferWriter) {
        if time.millisecondsSince1970 != 0 { json.numberAsString(name, time.millisecondsSince1970) }
    }
}

extension Freshness {
    /// The name of the value in `auth.proto`.
    package var protobufName: StaticString {
        switch self {
        case .fresh: "FRESHNESS_FRESH"
        case .cached: "FRESHNESS_CACHED"
        case .stale: "FRESHNESS_STALE"
        }
    }
}
