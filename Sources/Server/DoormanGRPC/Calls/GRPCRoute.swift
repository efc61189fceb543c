internal import DoormanSupport
internal import DoormanWire
internal import HTTP2Session

/// The call that a path names.
enum GRPCRoute: Sendable, Hashable {
    case method(Method)
    /// Envoy's `envoy.service.auth.v3.Authorization/Check`.
    case check
    /// One of ``FurtherMethods``.
    case further

    /// Finds the call of a path such as `/doorman.v1.Auth/Verify`; `nil` for an unknown path.
    init?(path: Span<UInt8>) {
        // The most frequent first. No path is the beginning of another.
        for (text, route) in Self.all where path.isEqual(to: text) {
            self = route
            return
        }
        return nil
    }

    /// The method that counts a call of this route.
    var counted: Method {
        switch self {
        case .method(let method): method
        case .check, .further: .verify
        }
    }

    private static let all: [(path: StaticString, route: GRPCRoute)] = [
        ("/doorman.v1.Auth/Verify", .method(.verify)),
        ("/envoy.service.auth.v3.Authorization/Check", .check),
        ("/doorman.v1.Auth/Exchange", .method(.exchange)),
        ("/doorman.v1.Auth/Revoke", .method(.revoke)),
        ("/grpc.health.v1.Health/Check", .method(.healthCheck)),
        ("/doorman.v1.Accounts/List", .method(.listAccounts)),
        ("/doorman.v1.Accounts/Delete", .method(.deleteAccount)),
        ("/doorman.v1.Stats/Get", .method(.statistics)),
    ]
}

/// Unary methods besides those of ``GRPCRoute``, on the same connections. The server has none; the interoperability tests of gRPC bring
/// their service.
protocol FurtherMethods: AnyObject {
    func contains(_ path: Span<UInt8>) -> Bool

    /// Handles a request.
    ///
    /// - Returns: The response as an encoded `ttrpc.Response`; `nil` if the method has sent its own.
    func response(to message: Span<UInt8>, of stream: HTTP2Stream, in session: HTTP2Session) -> [UInt8]?
}
