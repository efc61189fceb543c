internal import ProviderHTTP

/// The reason why the issuer's keys could not be fetched. The description is for the log: it contains neither a URL nor anything from the
/// issuer.
package enum KeyFetchFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// No response: the message of the transport's error.
    case noResponse(String)
    /// The response has this status.
    case status(Int)
    /// The response refers to another URL, with this status. Doorman follows no redirect.
    case redirect(Int)
    /// The response is longer than 256 KiB.
    case tooLong
    case notJSON
    /// The response is JSON, but neither a key set nor a map of certificates.
    case notAKeySet
    case tooManyKeys
    /// The set has no key that can be used. The last good set stays.
    case noUsableKeys(skipped: [KeySet.Skipped])
    /// The OpenID configuration is not a JSON object with `issuer` and `jwks_uri`.
    case notAConfiguration
    /// The OpenID configuration is for another issuer.
    case otherIssuer
    /// `jwks_uri` is not HTTPS, or HTTP to this machine.
    case keysURLNotAllowed
    /// `jwks_uri` is on another host than the issuer.
    case keysOnOtherHost
    /// Too many fetches are in flight.
    case busy

    /// The kind of a response that fails because of its document; `nil` if its status says enough, or without a response.
    var responseKind: ResponseKind? {
        switch self {
        case .noResponse, .status, .redirect, .busy: nil
        case .notJSON: .notJSON
        case .tooLong, .notAKeySet, .tooManyKeys, .noUsableKeys, .notAConfiguration, .otherIssuer, .keysURLNotAllowed,
            .keysOnOtherHost:
            .malformed
        }
    }

    package var description: String {
        switch self {
        case .noResponse(let message): message
        case .status(let status): "The issuer responded with status \(status)."
        case .redirect(let status): "The issuer redirected the request (status \(status)): set jwks-url to the final address."
        case .tooLong: "The issuer's response is longer than 256 KiB."
        case .notJSON: "The issuer's response is not a JSON object."
        case .notAKeySet: "The issuer's response is neither a JSON Web Key Set nor a map of certificates."
        case .tooManyKeys: "The issuer's key set has more than 100 keys."
        case .noUsableKeys(let skipped) where skipped.isEmpty: "The issuer's key set is empty."
        case .noUsableKeys(let skipped):
            "The issuer's key set has no usable key: " + skipped.prefix(3).map(\.description).joined(separator: ", ") + "."
        case .notAConfiguration: "The issuer's OpenID configuration lacks issuer or jwks_uri, or is not a JSON object."
        case .otherIssuer: "The OpenID configuration names another issuer: issuer must be set exactly as it is there."
        case .keysURLNotAllowed: "The OpenID configuration names a jwks_uri that is not HTTPS."
        case .keysOnOtherHost: "The OpenID configuration names a jwks_uri on another host: set jwks-url if that is right."
        case .busy: "Too many fetches of keys are in flight."
        }
    }
}
