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
        let (response, keys) = try await get(url, deadline: deadline, Self.keys)
        return Fetched(keys: keys, lifetime: CacheLifetime.duration(in: response.headers), url: url)
    }

    private func discoveredURL(deadline: Deadline) async throws(KeyFetchFailure) -> String {
        let base = settings.issuer.utf8.last == UInt8(ascii: "/") ? String(settings.issuer.dropLast()) : settings.issuer
        return try await get(base + Self.configurationPath, deadline: deadline) {
            [issuer = settings.issuer] body throws(KeyFetchFailure) in
            try Self.keysURL(body, issuer: issuer)
        }.document
    }

    private static func keys(_ body: [UInt8]) throws(KeyFetchFailure) -> KeySet {
        let keys = try KeySet(body)
        guard !keys.keys.isEmpty else { throw .noUsableKeys(skipped: keys.skipped) }
        return keys
    }

    /// Returns the URL of the keys from an OpenID configuration.
    private static func keysURL(_ configuration: [UInt8], issuer: String) throws(KeyFetchFailure) -> String {
        guard let members = JSONValue(bytes: configuration)?.object else { throw .notJSON }
        guard let named = members["issuer"]?.string, let url = members["jwks_uri"]?.string else { throw .notAConfiguration }
        // A configuration of another issuer would let that issuer sign tokens of this one (OpenID Connect Discovery 1.0, section 4.3).
        guard named.isIdentical(to: issuer) else { throw .otherIssuer }
        guard URLPolicy.accepts(escaped(url)) else { throw .keysURLNotAllowed }
        guard host(of: url) == host(of: issuer) else { throw .keysOnOtherHost }
        return url
    }

    /// - Parameter read: Reads the document. Called twice: first for the kind of the response.
    private func get<Document: Sendable>(
        _ url: String, deadline: Deadline, _ read: @escaping @Sendable ([UInt8]) throws(KeyFetchFailure) -> Document
    ) async throws(KeyFetchFailure) -> (response: HTTPResponse, document: Document) {
        let response: HTTPResponse
        do throws(VerificationError) {
            // A cache in between may hold the keys from before a rotation, and its copy would reject tokens of a new key.
            let request = HTTPRequest(
                .get, url: Self.escaped(url), headers: ["Cache-Control": "no-cache"], maximumBodyBytes: KeySet.maximumBytes,
                isRepeatable: true)
            response = try await send(request, deadline) { response in
                do throws(KeyFetchFailure) {
                    _ = try Self.document(in: response, read)
                    return .success
                } catch {
                    return error.responseKind ?? ResponseKind(ofStatus: response.status)
                }
            }
        } catch {
            throw .noResponse(error.message)
        }
        return (response, try Self.document(in: response, read))
    }

    private static func document<Document>(
        in response: HTTPResponse, _ read: ([UInt8]) throws(KeyFetchFailure) -> Document
    ) throws(KeyFetchFailure) -> Document {
        guard !(300..<400).contains(response.status) else { throw .redirect(response.status) }
        guard response.status == 200 else { throw .status(response.status) }
        guard response.body.count <= KeySet.maximumBytes else { throw .tooLong }
        return try read(response.body)
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
