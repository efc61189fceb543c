private import Glibc
package import NIOCore
package import NIOPosix

extension ServerSettings.TCPAddress {
    /// The number of ports that are tried until one is free in both families.
    private static let maximumPorts = 16

    /// The addresses of both families for a host that stands for both: `*` for all addresses of this machine, and `localhost`. `nil` for
    /// any other host.
    var addressesOfBothFamilies: [String]? {
        switch host.lowercased() {
        case "*": ["0.0.0.0", "::"]
        case "localhost": ["127.0.0.1", "::1"]
        default: nil
        }
    }

    /// Binds a listener, or one for each family with the same port.
    ///
    /// - Parameter listen: Binds a listener to an address.
    /// - Returns: At least one listener. A machine may lack one family.
    package func bind(
        _ listen: (_ address: SocketAddress, _ scope: FamilyScope) async throws -> any Channel
    ) async throws -> [any Channel] {
        guard let hosts = addressesOfBothFamilies else {
            return [try await listen(SocketAddress.makeAddressResolvingHost(host, port: port), .system)]
        }
        var attempts = 0
        while true {
            attempts += 1
            var bound: [any Channel] = []
            do {
                try await bind(hosts, into: &bound) { try await listen($0, .itsOwn) }
                return bound
            } catch {
                for listener in bound { try? await listener.close() }
                // Another process has the port that was free in the first family.
                let isTaken = port == 0 && !bound.isEmpty && (error as? IOError)?.errnoCode == EADDRINUSE
                guard isTaken, attempts < Self.maximumPorts else { throw error }
            }
        }
    }

    private func bind(
        _ hosts: [String], into bound: inout [any Channel], _ listen: (SocketAddress) async throws -> any Channel
    ) async throws {
        var lastError: (any Error)?
        for host in hosts {
            // With port 0, the first family chooses the port of both.
            let port = bound.first?.localAddress?.port ?? port
            do {
                bound.append(try await listen(SocketAddress(ipAddress: host, port: port)))
            } catch let error as IOError where [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errnoCode) {
                lastError = error
            }
        }
        if bound.isEmpty, let lastError { throw lastError }
    }
}

/// The families whose connections an IPv6 listener on all addresses takes. See ipv6(7).
package enum FamilyScope: Sendable {
    /// Both, or as the system is set up.
    case system
    /// IPv6 only, because another listener has the other family.
    case itsOwn
}

extension ServerBootstrap {
    /// Limits a listener on an IPv6 address to the families of the scope.
    package func limited(to scope: FamilyScope, _ address: SocketAddress) -> ServerBootstrap {
        guard case .v6 = address, scope == .itsOwn else { return self }
        return serverChannelOption(ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
    }
}
