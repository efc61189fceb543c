internal import NIOCore
internal import NIOSSL

/// The error of a connection, as far as it can be logged. A decoder's error may hold what the peer sent, which may be a token, so an error of an
/// unknown type shows its type alone.
package struct LoggedError: CustomStringConvertible {
    package let description: String

    package init(_ error: any Error) {
        description =
            switch error {
            case let error as IOError: error.description
            case let error as ChannelError: "\(error)"
            case let error as NIOSSLError: "\(error)"
            case let error as BoringSSLError: "\(error)"
            default: "\(type(of: error))"
            }
    }
}
