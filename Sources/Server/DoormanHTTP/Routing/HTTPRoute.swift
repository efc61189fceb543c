internal import DoormanSupport

/// The endpoint that a request's path leads to.
enum HTTPRoute: Hashable {
    /// `/auth` and everything below it, and the same of a profile.
    case forwardAuth(profile: ProfileName)
    case verify
    case exchange
    case revoke
    case introspection
    case unknown

    /// The profile in a path.
    enum ProfileName: Hashable {
        case `default`
        case named(String)
    }

    /// - Parameter target: The request's target. A query is ignored.
    init(_ target: Span<UInt8>) {
        let path = target.extracting(0..<(target.firstIndex(of: UInt8(ascii: "?")) ?? target.count))
        if Self.isAuth(path) {
            self = .forwardAuth(profile: .default)
        } else if path.hasPrefix("/v1/") {
            self = Self.call(path.extracting(4..<path.count))
        } else if path.isEqual(to: "/oauth2/introspect") {
            self = .introspection
        } else if path.hasPrefix("/profiles/") {
            self = Self.profile(path.extracting(10..<path.count))
        } else {
            self = .unknown
        }
    }

    private static func call(_ name: Span<UInt8>) -> HTTPRoute {
        if name.isEqual(to: "verify") { return .verify }
        if name.isEqual(to: "exchange") { return .exchange }
        return name.isEqual(to: "revoke") ? .revoke : .unknown
    }

    /// - Parameter path: The path behind `/profiles/`.
    private static func profile(_ path: Span<UInt8>) -> HTTPRoute {
        guard let end = path.firstIndex(of: UInt8(ascii: "/")), isAuth(path.extracting(end..<path.count)) else { return .unknown }
        let name = path.extracting(0..<end)
        // A name that no profile can have finds none.
        guard name.count <= HTTPProfiles.maximumNameBytes, name.isVisibleASCII else { return .forwardAuth(profile: .named("")) }
        return .forwardAuth(profile: .named(String(decoding: name.array, as: UTF8.self)))
    }

    /// Whether the path is `/auth` or below it. Gateways append the client's path.
    private static func isAuth(_ path: Span<UInt8>) -> Bool {
        path.hasPrefix("/auth") && (path.count == 5 || path[5] == UInt8(ascii: "/"))
    }
}
