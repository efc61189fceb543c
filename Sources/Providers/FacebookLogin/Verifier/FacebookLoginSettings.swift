internal import DoormanSupport
package import GraphAPI
internal import ProviderHTTP

/// The settings of a ``FacebookLoginVerifier``: the application, and the fields of a user to ask for.
package struct FacebookLoginSettings: Sendable, Hashable {
    /// The allowed values of ``maximumTokenBytes``.
    package static let tokenBytes = 16...4096

    /// The name of the provider: the value of `Identity.provider`.
    package var name: String
    /// The app id: 1 to 32 decimal digits without a leading zero. Tokens of any other application are rejected.
    package var applicationID: String
    /// The app secret. Without it, no token can be inspected.
    package var secret: AppSecret
    /// The base URL of the Graph API, without the version: `https`, or `http` to a loopback address. Default `https://graph.facebook.com`.
    package var baseURL = "https://graph.facebook.com"
    /// The version of the Graph API. Default `v23.0`.
    package var apiVersion = "v23.0"
    /// The fields of the user to ask for, such as `email` and `name`. Default none, which saves a request for each verification.
    ///
    /// `email` becomes the identity's address. The others become claims, which have at most 4 KiB in all.
    package var fields: [String] = []
    /// The maximum length of a token, in bytes: 16 to 4,096. Default 1,024.
    package var maximumTokenBytes = 1024

    package init(name: String, applicationID: String, secret: AppSecret) {
        self.name = name
        self.applicationID = applicationID
        self.secret = secret
    }
}

extension FacebookLoginSettings {
    /// A setting with an invalid value.
    package struct Invalid: Error, Sendable, Hashable, CustomStringConvertible {
        /// The setting's key in the entry of the provider.
        package enum Key: String, Sendable {
            case name
            case applicationID = "application-id"
            case appSecret = "app-secret-file"
            case baseURL = "url"
            case apiVersion = "api-version"
            case fields
            case maximumTokenBytes = "max-token-length"
        }

        package let key: Key
        /// The expected value, as words that follow the key. Contains no value that could be a secret.
        package let expectation: String

        package var description: String { "\(key.rawValue) \(expectation)" }
    }

    /// The first invalid setting; `nil` if all are valid. ``FacebookLoginVerifier`` throws it when it is created.
    package var problem: Invalid? { problems.first }

    /// The invalid settings.
    package var problems: [Invalid] {
        let expectations: [(Invalid.Key, String?)] = [
            (.name, ProviderName.problem(of: name)),
            (.applicationID, GraphRoot.problem(ofApplicationID: applicationID)),
            (.appSecret, secret.problem),
            (.baseURL, GraphRoot.problem(ofBaseURL: baseURL)),
            (.apiVersion, GraphRoot.problem(ofVersion: apiVersion, example: "v23.0")),
            (.fields, problemOfFields),
            (.maximumTokenBytes, Self.tokenBytes.contains(maximumTokenBytes) ? nil : "must be from 16 to 4096"),
        ]
        return expectations.compactMap { key, expectation in
            expectation.map { Invalid(key: key, expectation: $0) }
        }
    }

    /// A field is a plain name: a part of a field or a nested field has a name of its own in the response.
    private var problemOfFields: String? {
        let areNames = fields.allSatisfy { field in
            (1...64).contains(field.utf8.count)
                && field.utf8.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "_") }
        }
        guard fields.count > CopiedClaims.maximumNames || !areNames else { return nil }
        return "must have at most 32 names of letters, digits and underscores"
    }
}
