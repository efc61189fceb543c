internal import DoormanCore
package import GraphAPI

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
        if let expectation = GraphRoot.problem(ofApplicationID: application.id) {
            problems.append(Invalid(key: .applicationID, expectation: expectation))
        }
        if let expectation = application.secret?.problem {
            problems.append(Invalid(key: .appSecret, expectation: expectation))
        }
        if acceptAnswersWithoutApplication, application.secret == nil { problems.append(.acceptingWithoutSecret) }
        if let expectation = GraphRoot.problem(ofVersion: apiVersion, example: "v1.3") {
            problems.append(Invalid(key: .apiVersion, expectation: expectation))
        }
        return problems
    }

    /// The invalid settings among those that all applications have in common.
    package var problemsOfProvider: [Invalid] {
        var problems: [Invalid] = []
        if let expectation = GraphRoot.problem(ofBaseURL: baseURL) {
            problems.append(Invalid(key: .baseURL, expectation: expectation))
        }
        for (key, value) in [(Invalid.Key.maximumTokenBytes, maximumTokenBytes), (.maximumCodeBytes, maximumCodeBytes)]
        where !(16...4096).contains(value) {
            problems.append(Invalid(key: key, expectation: "must be from 16 to 4096"))
        }
        return problems
    }
}
