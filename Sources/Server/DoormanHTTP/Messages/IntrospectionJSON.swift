package import DoormanCore
package import NIOCore

/// Writes the responses to `/oauth2/introspect` (RFC 7662, section 2.2).
package enum IntrospectionJSON {
    /// Writes the response for a valid token.
    package static func write(_ identity: Identity, to buffer: inout ByteBuffer) {
        JSONBufferWriter.append(to: &buffer) { json in
            json.object { json in
                json.isTrue("active")
                json.string("sub", identity.accountID)
                let application = identity.applicationID
                if !application.isEmpty {
                    json.string("client_id", application)
                    json.string("aud", application)
                }
                if let issuer = identity.issuer { json.string("iss", issuer) }
                // RFC 7662 separates scopes by spaces, so one with a space would be read as two others.
                let scopes = identity.scopes.filter { !$0.utf8.contains(UInt8(ascii: " ")) }
                if !scopes.isEmpty { json.string("scope", scopes.joined(separator: " ")) }
                // Rounded down, so that the token is not used after its end.
                if let expiry = identity.expiresAt { json.number("exp", floorDivided(expiry.millisecondsSince1970, by: 1000)) }
                if let username = identity.email ?? identity.phone?.number { json.string("username", username) }
            }
        }
    }

    /// Writes the response for a rejected token. It says nothing else, so that a caller can't tell the reason.
    package static func writeInactive(to buffer: inout ByteBuffer) {
        buffer.writeStaticString(#"{"active":false}"#)
    }

    private static func floorDivided(_ value: Int64, by divisor: Int64) -> Int64 {
        value / divisor - (value % divisor < 0 ? 1 : 0)
    }
}
