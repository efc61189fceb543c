private import Foundation

/// A network of its own for a server, with two links to the network of this machine. A link can be cut: then packets are lost, and nothing
/// is reset. Needs root and `ip` of iproute2.
package final class NetworkNamespace: Sendable {
    /// The addresses of the server, one for each link.
    package let addresses: [String]
    private let name: String

    /// Whether this machine lets a test have one.
    package static func isAvailable() async -> Bool { (try? await NetworkNamespace()) != nil }

    package init() async throws {
        let number = Int.random(in: 0...255)
        name = "doorman-\(UUID().uuidString.prefix(6).lowercased())"
        // A network for tests between machines: RFC 2544.
        addresses = (0..<2).map { "198.18.\(number).\($0 * 4 + 2)" }
        try await Self.run("netns", "add", name)
        for link in 0..<2 {
            let (outer, inner) = ("\(name)\(link)", innerName(link))
            try await Self.run("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
            try await Self.run("address", "add", "198.18.\(number).\(link * 4 + 1)/30", "dev", outer)
            try await Self.run("link", "set", outer, "up")
            try await Self.run("-n", name, "address", "add", addresses[link] + "/30", "dev", inner)
            try await Self.run("-n", name, "link", "set", inner, "up")
        }
    }

    deinit {
        // The links go with it. A test that fails here leaves a namespace, and no harm.
        let removal = try? ChildProcess(Self.program, ["netns", "delete", name])
        for _ in 0..<5000 where removal?.isRunning == true { usleep(1000) }
    }

    /// Returns the command that runs a program in the namespace.
    func command(_ path: String, _ arguments: [String]) -> (path: String, arguments: [String]) {
        (Self.program, ["netns", "exec", name, path] + arguments)
    }

    package func cut(link: Int) async throws { try await Self.run("-n", name, "link", "set", innerName(link), "down") }

    package func restore(link: Int) async throws { try await Self.run("-n", name, "link", "set", innerName(link), "up") }

    private func innerName(_ link: Int) -> String { "link\(link)" }

    private static let program = "/usr/sbin/ip"

    private static func run(_ arguments: String...) async throws {
        let command = try ChildProcess(program, arguments)
        guard try await command.ending() == 0 else { throw NeverHappened(description: "ip \(arguments): \(command.allOutput)") }
    }
}
