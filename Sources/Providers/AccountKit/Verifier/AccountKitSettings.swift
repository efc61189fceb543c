internal import DoormanCore
internal import DoormanSupport
internal import ProviderHTTP

/// The settings of an ``AccountKitVerifier``: the provider's address, the application and the limits.
package struct AccountKitSettings: Sendable, Hashable {
    /// The application whose tokens are accepted.
    package struct Application: Sendable, Hashable {
        /// The Facebook app id: 1 to 32 decimal digits without a leading zero. Tokens of any other application are rejected.
        package var id: String
        /// The Account Kit app secret; `nil` if it is not configured.
        ///
        /// With a secret, each request about a token carries an `appsecret_proof`. Without a secret, codes can't be exchanged, and
        /// accounts can't be listed, logged out or deleted.
        package var secret: AppSecret?

        package init(id: String, secret: AppSecret? = nil) {
            self.id = id
            self.secret = secret
        }
    }

    /// The provider's name: the value of ``Identity/provider``. Default `account-kit`.
    package var name = "account-kit"
    /// The base URL of Account Kit, without the version: `https`, or `http` to a loopback address. Default
    /// `https://graph.accountkit.com`, which closed in 2020.
    package var baseURL = "https://graph.accountkit.com"
    /// The version of the Graph API, for example `v1.3`, which is the default.
    package var apiVersion = "v1.3"
    package var application: Application
    /// Whether a response may lack `application`, as v1.0 responses do. Default false.
    ///
    /// Only the proof then excludes other applications' tokens, so this requires a secret.
    package var acceptAnswersWithoutApplication = false
    /// The maximum length of a token, in bytes: 16 to 4,096. Default 1,024; recorded tokens have 166.
    package var maximumTokenBytes = 1024
    /// The maximum length of an authorization code, in bytes: 16 to 4,096. Default 1,024; recorded codes have 280.
    package var maximumCodeBytes = 1024

    package init(application: Application) {
        self.application = application
    }

    /// A setting with an invalid value.
    package struct Invalid: Error, Sendable, Hashable, CustomStringConvertible {
        /// The setting's key below `account-kit`.
        package enum Key: String, Sendable {
            case applicationID = "application-id"
            case appSecret = "app-secret-file"
            case acceptAnswersWithoutApplication = "accept-answers-without-application"
            case apiVersion = "api-version"
            case baseURL = "base-url"
            case maximumTokenBytes = "max-token-length"
            case maximumCodeBytes = "max-code-length"
        }

        package let key: Key
        /// The expected value, as words that follow the key. Contains no value that could be a secret.
        package let expectation: String

        package var description: String { "\(key.rawValue) \(expectation)" }

        package static let acceptingWithoutSecret = Invalid(
            key: .acceptAnswersWithoutApplication, expectation: "needs an app secret: other apps' tokens would pass without a proof"
        )
    }

    /// The first invalid setting; `nil` if all are valid. ``AccountKitVerifier`` throws it when it is created.
    package var problem: Invalid? { (problemsOfApplication + problemsOfProvider).first }

    /// The invalid settings among those that can differ between applications.
    package var problemsOfApplication: [Invalid] {
        var problems: [Invalid] = []
        if !DecimalDigits.areID(application.id, upTo: 32) {
            problems.append(
                Invalid(key: .applicationID, expectation: "must be 1 to 32 decimal digits without a leading zero"))
        }
        if let secret = application.secret, !(1...256).contains(secret.bytes.count) || !secret.bytes.allSatisfy(\.isVisibleASCII) {
            problems.append(
                Invalid(
                    key: .appSecret,
                    expectation: "must hold 1 to 256 visible ASCII characters, and nothing after them but a newline"))
        }
        if acceptAnswersWithoutApplication, application.secret == nil { problems.append(.acceptingWithoutSecret) }
        let version = apiVersion.split(separator: ".", omittingEmptySubsequences: false)
        if !apiVersion.hasPrefix("v") || version.count != 2 || !DecimalDigits.areAll(version[0].dropFirst(), upTo: 3)
            || !DecimalDigits.areAll(version[1], upTo: 3)
        {
            problems.append(Invalid(key: .apiVersion, expectation: "must have a form like v1.3"))
        }
        return problems
    }

    /// The invalid settings among those that all applications have in common.
    package var problemsOfProvider: [Invalid] {
        var problems: [Invalid] = []
        if baseURL.utf8.count > 1024 || baseURL.utf8.contains(UInt8(ascii: "?")) || !URLPolicy.accepts(baseURL) {
            problems.append(
                Invalid(key: .baseURL, expectation: "must be https://host[:port][/path], or http:// to this machine"))
        }
        for (key, value) in [(Invalid.Key.maximumTokenBytes, maximumTokenBytes), (.maximumCodeBytes, maximumCodeBytes)]
        where !(16...4096).contains(value) {
            problems.append(Invalid(key: key, expectation: "must be from 16 to 4096"))
        }
        return problems
    }
}

/// The Account Kit app secret of an application, which is not the Facebook app secret.
///
/// Its holder can act as the application. Its description never contains its bytes.
package struct AppSecret: Sendable, Hashable {
    /// The secret as it was configured.
    package let bytes: [UInt8]

    /// Creates a secret from a text's UTF-8 bytes, without validating it: ``AccountKitSettings/problem`` does.
    package init(_ text: some StringProtocol) {
        self.bytes = Array(text.utf8)
    }
}

extension AppSecret: Redacted {
    package var description: String { "AppSecret(redacted)" }
}
