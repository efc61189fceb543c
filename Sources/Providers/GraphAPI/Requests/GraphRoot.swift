internal import DoormanSupport
package import ProviderHTTP

/// The first part of each URL of the Graph API: the base URL and the version.
package struct GraphRoot: Sendable, Hashable {
    private let text: String

    /// - Parameters:
    ///   - baseURL: A base URL without ``problem(ofBaseURL:)``.
    ///   - version: A version without ``problem(ofVersion:)``.
    package init(baseURL: String, version: String) {
        text = "\(baseURL.hasSuffix("/") ? baseURL.dropLast() : baseURL[...])/\(version)/"
    }

    /// Returns the URL of a path with a query.
    package func url(_ path: String, _ query: [PercentEncoding.Parameter]) -> String {
        "\(text)\(path)?\(PercentEncoding.text(of: query))"
    }

    /// The expected form of a base URL, as words that follow the key of a setting; `nil` if a URL has that form.
    package static func problem(ofBaseURL url: String) -> String? {
        guard url.utf8.count > 1024 || url.utf8.contains(UInt8(ascii: "?")) || !URLPolicy.accepts(url) else { return nil }
        return "must be https://host[:port][/path], or http:// to this machine"
    }

    /// The expected form of a version, as words that follow the key of a setting; `nil` if a version has that form.
    ///
    /// - Parameter example: A version of the provider.
    package static func problem(ofVersion version: String, example: String) -> String? {
        let parts = version.split(separator: ".", omittingEmptySubsequences: false)
        let isValid =
            version.hasPrefix("v") && parts.count == 2 && DecimalDigits.areAll(parts[0].dropFirst(), upTo: 3)
            && DecimalDigits.areAll(parts[1], upTo: 3)
        return isValid ? nil : "must have a form like \(example)"
    }

    /// The expected form of an application id, as words that follow the key of a setting; `nil` if an id has that form.
    package static func problem(ofApplicationID id: String) -> String? {
        DecimalDigits.areID(id, upTo: 32) ? nil : "must be 1 to 32 decimal digits without a leading zero"
    }
}
