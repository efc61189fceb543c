internal import DoormanCore
internal import DoormanSupport
internal import ProviderHTTP
internal import StrictJSON

/// Fetches the keys of an issuer: from the configured URL, or from the URL in the issuer's OpenID configuration (OpenID Connect Discovery
/// 1.0, section 4).
struct KeyFetcher: Sendable {
    /// The path of the OpenID configuration below the issuer.
    static let configurationPath = "/.well-known/openid-configuration"

    /// The keys, and what the response says about them.
    struct Fetched: Sendable {
        let keys: KeySet
        /// The time for which the response may be used (RFC 9111, section 4.2); `nil` if it does not say.
        let lifetime: Duration?
        /// The URL of the keys.
        let url: String
    }

    let settings: JWTSettings
    let send: JWTVerifier.Fetch

    /// Fetches the keys.
    ///
    /// - Parameter knownURL: The URL that an earlier fetch found; `nil` to look it up.
    func fetch(knownURL: String?, deadline: Deadline) async throws(KeyFetchFailure) -> Fetched {
        let url: String
        if let known = settings.jwksURL ?? knownURL {
            url = known
        } else {
            url = try await discoveredURL(deadline: deadline)
        }
        let response = try await get(url, deadline: deadline)
        let keys = try KeySet(response.body)
        guard !keys.keys.isEmpty else { throw .noUsableKeys(skipped: keys.skipped) }
        return Fetched(keys: keys, lifetime: CacheLifetime.duration(in: response.headers), url: url)
    }

    private func discoveredURL(deadline: Deadline) async throws(KeyFetchFailure) -> String {
        let base = settings.issuer.utf8.last == UInt8(ascii: "/") ? String(settings.issuer.dropLast()) : settings.issuer
        let response = try await get(base + Self.configurationPath, deadline: deadline)
        guard let members = JSONValue(bytes: response.body)?.object else { throw .notJSON }
        guard let issuer = members["issuer"]?.string, let url = members["jwks_uri"]?.string else { throw .notAConfiguration }
        // A configuration of another issuer would let that issuer sign tokens of this one (OpenID Connect Discovery 1.0, section 4.3).
        guard issuer.isIdentical(to: settings.issuer) else { throw .otherIssuer }
        guard URLPolicy.accepts(Self.escaped(url)) else { throw .keysURLNotAllowed }
        guard Self.host(of: url) == Self.host(of: settings.issuer) else { throw .keysOnOtherHost }
        return url
    }

    private func get(_ url: String, deadline: Deadline) async throws(KeyFetchFailure) -> HTTPResponse {
        let response: HTTPResponse
        do throws(VerificationError) {
            response = try await send(
                // A cache in between may hold the keys from before a rotation, and its copy would reject tokens of a new key.
                HTTPRequest(
                    .get, url: Self.escaped(url), headers: ["Cache-Control": "no-cache"], maximumBodyBytes: KeySet.maximumBytes,
                    isRepeatable: true), deadline)
        } catch {
            throw .noResponse(error.message)
        }
        guard !(300..<400).contains(response.status) else { throw .redirect(response.status) }
        guard response.status == 200 else { throw .status(response.status) }
        guard response.body.count <= KeySet.maximumBytes else { throw .tooLong }
        return response
    }

    /// Percent-encodes each `@` of a path, as in the URLs of Google's keys. RFC 3986 allows it there, and ``URLPolicy`` does not, since an `@`
    /// can also end a user name.
    static func escaped(_ url: String) -> String {
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        let end = url[start...].firstIndex { "/?".contains($0) } ?? url.endIndex
        return String(url[..<end]) + url[end...].replacing("@", with: "%40")
    }

    /// The scheme and the host of a URL that ``URLPolicy`` accepts, in lowercase and without the port.
    static func host(of url: String) -> String {
        let parts = url.lowercased().split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return "" }
        let authority = parts[2].prefix { $0 != "/" && $0 != "?" }
        let host = authority.hasPrefix("[") ? authority.prefix { $0 != "]" } : authority.prefix { $0 != ":" }
        return parts[0] + "//" + host
    }
}

/// The freshness lifetime of a response (RFC 9111, section 4.2.1), from `Cache-Control` and `Age`.
enum CacheLifetime {
    /// The time that is left; zero for `no-store` and `no-cache`, and `nil` if the response does not say.
    static func duration(in headers: HTTPHeaders) -> Duration? {
        guard let text = headers["Cache-Control"] else { return nil }
        let directives = text.lowercased().split(separator: ",").map { part in
            String(part.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" })
        }
        if directives.contains("no-store") || directives.contains("no-cache") { return .zero }
        guard let directive = directives.first(where: { $0.hasPrefix("max-age=") }) else { return nil }
        var value = directive.dropFirst("max-age=".count)
        if value.hasPrefix("\"") && value.hasSuffix("\"") { value = value.dropFirst().dropLast() }
        guard let seconds = seconds(value) else { return nil }
        let age = headers["Age"].flatMap { Self.seconds($0[...]) } ?? 0
        return .seconds(max(0, seconds - age))
    }

    /// A number of seconds, at most 2³¹ (RFC 9111, section 1.2.2); `nil` if the text is no number.
    private static func seconds(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy(\.isASCIIDigit) else { return nil }
        return min(Int64(text) ?? .max, 1 << 31)
    }
}
