internal import DoormanFleet
internal import DoormanSupport
internal import NIOCore
internal import NIOSSL

/// Opens sessions with a server, and asks Sentinels for its address.
struct SessionOpener: Sendable {
    private let connector: RedisConnector
    private let credentials: RedisCredentials
    private let settings: RedisStoreSettings

    /// The commands after the greeting.
    private static let setupCommands = ["INFO", "MULTI", "EXEC"].map { [Array($0.utf8)] }

    init(settings: RedisStoreSettings, credentials: RedisCredentials, tls: NIOSSLContext?, eventLoop: any EventLoop) {
        connector = RedisConnector(settings: settings, tls: tls, eventLoop: eventLoop)
        self.credentials = credentials
        self.settings = settings
    }

    /// Opens a session with a primary.
    ///
    /// - Throws: ``StoreError/unavailable(_:)``, also if the server is no primary.
    func openSession(to address: HostAndPort, until deadline: Deadline) async throws(StoreError) -> any StoreSession {
        try await withConnection(to: address, until: deadline) { connection, hello throws(StoreError) in
            switch hello["mode"] {
            case "sentinel": throw connection.unavailable("it is a Sentinel: set the primary's name, or the primary's address")
            case "cluster": throw connection.unavailable("it is a node of a cluster, and Doorman needs a server of its own")
            default: break
            }
            // The empty transaction shows that the user may execute one.
            let replies = try await connection.send(Self.setupCommands, until: deadline)
            for reply in replies { _ = try reply.orError() }
            guard case .bulkString(let text)? = replies.first else { throw StoreError.malformed }
            let info = ServerInformation(text)
            if let problem = info.problem { throw connection.unavailable(problem) }
            guard let server = info.server(name: hello["server"] ?? "redis", version: hello["version"] ?? "") else {
                throw StoreError.malformed
            }
            return RedisSession(connection, server, settings)
        }
    }

    /// Asks a Sentinel for the address of the primary.
    ///
    /// - Throws: ``StoreError/unavailable(_:)``, also if the Sentinel does not know it.
    func primary(named name: String, from sentinel: HostAndPort, until deadline: Deadline) async throws(StoreError) -> HostAndPort {
        try await withConnection(to: sentinel, until: deadline) { connection, _ throws(StoreError) in
            defer { connection.close(because: "the address is known") }
            let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name].map { Array($0.utf8) }
            let replies = try await connection.send([command], until: deadline)
            switch replies.first {
            case .null?: throw connection.unavailable("the Sentinel knows no primary of this name")
            case .array(let parts)?:
                guard parts.count == 2, case .bulkString(let host) = parts[0], case .bulkString(let port) = parts[1],
                    !host.isEmpty, let number = Int(String(decoding: port, as: UTF8.self)), (1...65_535).contains(number)
                else { throw StoreError.malformed }
                return HostAndPort(host: String(decoding: host, as: UTF8.self), port: number)
            case let reply:
                let code = reply?.errorCode
                throw code.map { connection.unavailable("the server refused SENTINEL (\($0)): is it a Sentinel?") }
                    ?? StoreError.malformed
            }
        }
    }

    /// Connects and authenticates. Closes the connection after an error, which becomes ``StoreError/unavailable(_:)``.
    private func withConnection<Result>(
        to address: HostAndPort, until deadline: Deadline,
        _ body: (RedisConnection, _ hello: [String: String]) async throws(StoreError) -> Result
    ) async throws(StoreError) -> Result {
        let connection = try await connector.connect(to: address, until: deadline)
        do throws(StoreError) {
            return try await body(connection, try await hello(connection, until: deadline))
        } catch {
            let reason = connection.closeReason
            connection.close(because: "the session was not opened")
            switch error {
            case .unavailable: throw error
            case .refused(let code): throw connection.unavailable("the server refused a command (\(code))")
            case .malformed: throw connection.unavailable("the server's replies are not those of Redis or Valkey")
            case .timedOut, .busy, .full: throw connection.unavailable(reason ?? "the server did not respond in time")
            }
        }
    }

    /// Selects RESP3 and authenticates.
    ///
    /// - Returns: What the server says about itself.
    private func hello(_ connection: RedisConnection, until deadline: Deadline) async throws(StoreError) -> [String: String] {
        var command = ["HELLO", "3"].map { Array($0.utf8) }
        if let password = credentials.password {
            command += [Array("AUTH".utf8), Array((credentials.user ?? "default").utf8), password]
        }
        command += ["SETNAME", "doorman"].map { Array($0.utf8) }
        let reply = try await connection.send([command], until: deadline).first
        if let refusal = reply?.refusalOfGreeting { throw connection.unavailable(refusal) }
        guard case .map(let parts)? = reply else { throw .malformed }
        var hello: [String: String] = [:]
        for index in stride(from: 0, to: parts.count - 1, by: 2) {
            guard case .bulkString(let key) = parts[index], case .bulkString(let value) = parts[index + 1] else { continue }
            hello[String(decoding: key, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return hello
    }
}
