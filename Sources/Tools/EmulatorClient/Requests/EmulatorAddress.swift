internal import DoormanSupport

/// Where an account-kit-emulator listens: on this machine, in plain HTTP.
///
/// Whoever reaches an emulator may log in as anybody, so no other is taken: one that other machines reach is not for this.
package struct EmulatorAddress: Sendable, Hashable {
    /// The port that account-kit-emulator listens on unless it is told otherwise.
    package static let defaultPort = 7118
    package static let standard = EmulatorAddress(host: "127.0.0.1", port: defaultPort)

    /// An address, never a name.
    package let host: String
    /// 1 to 65535.
    package let port: Int

    private init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}

extension EmulatorAddress: CustomStringConvertible {
    package var description: String { "http://\(HostAndPort(host: host, port: port))" }
}

extension EmulatorAddress {
    /// Text that is no such address. Never repeats it.
    package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String

        fileprivate static let notLoopback = ParseError(
            description: "must be on this machine: 127.0.0.1, [::1] or localhost, such as \(EmulatorAddress.standard)")
    }

    /// Reads `http://127.0.0.1:7118`, with or without the scheme, a slash at the end, or the port.
    package init(parsing text: String) throws(ParseError) {
        guard !text.hasPrefix("https://") else {
            throw ParseError(description: "must begin with http://: an emulator on this machine is spoken to in plain HTTP")
        }
        var rest = text.hasPrefix("http://") ? text.dropFirst("http://".count) : text[...]
        if rest.last == "/" { rest = rest.dropLast() }
        let given: HostAndPort
        do throws(HostAndPort.ParseError) {
            given = try HostAndPort(parsing: rest, defaultPort: Self.defaultPort)
        } catch .invalidPort {
            throw ParseError(description: "must end with a port from 1 to 65535, such as \(Self.standard)")
        } catch {
            throw .notLoopback
        }
        guard let host = Self.loopback(given.host) else { throw .notLoopback }
        self.init(host: host, port: given.port)
    }

    /// The address that a host of this machine stands for; nil for every other.
    private static func loopback(_ host: String) -> String? {
        if host == "localhost" { return standard.host }
        if host == "::1" { return host }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "127", parts.allSatisfy({ UInt8($0) != nil }) else { return nil }
        return host
    }
}
