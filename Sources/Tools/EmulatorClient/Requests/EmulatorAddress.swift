internal import DoormanSupport

/// The address of an account-kit-emulator: on this machine, without TLS.
///
/// An emulator lets every client log in as anybody, so only loopback addresses are accepted.
package struct EmulatorAddress: Sendable, Hashable {
    /// The default port of account-kit-emulator.
    package static let defaultPort = 7118
    package static let standard = EmulatorAddress(host: "127.0.0.1", port: defaultPort)

    /// An IP address, never a name.
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
    /// The error for text that is not the address of an emulator. It never repeats the text.
    package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String

        fileprivate static let notLoopback = ParseError(
            description: "must be on this machine: 127.0.0.1, [::1] or localhost, such as \(EmulatorAddress.standard)")
    }

    /// Parses `http://127.0.0.1:7118`. Scheme, port and a trailing slash are optional.
    package init(parsing text: String) throws(ParseError) {
        guard !text.hasPrefix("https://") else {
            throw ParseError(description: "must begin with http://: an emulator on this machine has no TLS")
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

    /// Returns the IP address of a host on this machine; `nil` for any other host.
    private static func loopback(_ host: String) -> String? {
        if host == "localhost" { return standard.host }
        if host == "::1" { return host }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "127", parts.allSatisfy({ UInt8($0) != nil }) else { return nil }
        return host
    }
}
