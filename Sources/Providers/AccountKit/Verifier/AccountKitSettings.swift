internal import DoormanCore
internal import DoormanSupport
internal import ProviderHTTP

/// Which Account Kit to ask, as which application, and what to accept.
package struct AccountKitSettings: Sendable, Hashable {
    /// The application whose tokens are accepted.
    package struct Application: Sendable, Hashable {
        /// The Facebook app id: decimal digits. An answer about any other application's token is a refusal.
        package var id: String
        /// The Account Kit secret. With it every question about a token carries a proof; without it codes can't be exchanged and
        /// accounts can't be logged out.
        package var secret: AppSecret?

        package init(id: String, secret: AppSecret? = nil) {
            self.id = id
            self.secret = secret
        }
    }

    /// Where Account Kit is, without the version. `https`, or `http` on this machine alone. Default
    /// `https://graph.accountkit.com`, which is gone since 2020.
    package var baseURL = "https://graph.accountkit.com"
    /// Default `v1.3`.
    package var apiVersion = "v1.3"
    package var application: Application
    /// Whether an answer may lack `application`, as those of v1.0 do. The proof is then the only guard against another
    /// application's tokens, so this needs a secret. Default false.
    package var acceptAnswersWithoutApplication = false
    /// The longest token that is asked about, in bytes. Default 1,024; recorded ones have 166.
    package var maximumTokenBytes = 1024
    /// The longest code that is exchanged, in bytes. Default 1,024; recorded ones have 280.
    package var maximumCodeBytes = 1024

    package init(application: Application) {
        self.application = application
    }

    /// Settings that can't be meant.
    package struct Invalid: Error, Sendable, Hashable, CustomStringConvertible {
        /// Which setting, and why. Holds no value that could be a secret.
        package let description: String

        package static let acceptingWithoutSecret = Invalid(
            description: "accepting answers without an application needs the secret: nothing else guards then")
    }

    /// What is wrong with the settings, if something is. Looked at when a verifier is made.
    package var problem: Invalid? { (problemsOfApplication + problemsOfProvider).first }

    /// All that is wrong with what may differ from application to application.
    package var problemsOfApplication: [Invalid] {
        var problems: [Invalid] = []
        if !DecimalDigits.areAll(application.id, upTo: 32) {
            problems.append(Invalid(description: "application id: the Facebook app id is required, 1 to 32 decimal digits"))
        }
        if let secret = application.secret, !(1...256).contains(secret.bytes.count) || !secret.bytes.allSatisfy(\.isVisibleASCII) {
            problems.append(Invalid(description: "application secret: expected 1 to 256 visible ASCII characters"))
        }
        if acceptAnswersWithoutApplication, application.secret == nil { problems.append(.acceptingWithoutSecret) }
        let version = apiVersion.split(separator: ".", omittingEmptySubsequences: false)
        if !apiVersion.hasPrefix("v") || version.count != 2 || !DecimalDigits.areAll(version[0].dropFirst(), upTo: 3)
            || !DecimalDigits.areAll(version[1], upTo: 3)
        {
            problems.append(Invalid(description: "API version: expected a form like v1.3"))
        }
        return problems
    }

    /// All that is wrong with what is the same for every application.
    package var problemsOfProvider: [Invalid] {
        var problems: [Invalid] = []
        if baseURL.utf8.count > 1024 || baseURL.utf8.contains(UInt8(ascii: "?")) || !URLPolicy.accepts(baseURL) {
            problems.append(Invalid(description: "base URL: expected https://host[:port][/path], or http:// to this machine"))
        }
        for (name, value) in [("maximum token bytes", maximumTokenBytes), ("maximum code bytes", maximumCodeBytes)]
        where !(16...4096).contains(value) {
            problems.append(Invalid(description: "\(name): expected 16 to 4096"))
        }
        return problems
    }
}

/// The Account Kit secret of an application (not the Facebook app's): whoever holds it speaks for the application. It never
/// shows its bytes.
package struct AppSecret: Sendable, Hashable {
    /// The secret as it was configured.
    package let bytes: [UInt8]

    /// A secret of the text's UTF-8 bytes. Nothing is checked here: see ``AccountKitSettings/problem``.
    package init(_ text: some StringProtocol) {
        self.bytes = Array(text.utf8)
    }
}

extension AppSecret: Redacted {
    package var description: String { "AppSecret(redacted)" }
}
