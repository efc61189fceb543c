import DoormanClient
import Logging
import ServiceLifecycle
import Testing

// Snippets of the articles. The test only creates the clients: a client connects at its first call.

private func several() throws -> DoormanClient {
    let client = DoormanClient(targets: try DoormanTarget.list(parsing: "doorman-a:7117,doorman-b:7117"))
    return client
}

private func named() -> DoormanClient {
    let client = DoormanClient(target: .hostAndPort("doorman.internal"))
    return client
}

private func local() -> DoormanClient {
    let client = DoormanClient(target: .unixSocket(path: "/run/doorman.sock"))
    return client
}

private func secured() -> DoormanClient {
    let tls = DoormanTLS(
        trust: .file(path: "/etc/doorman/ca.pem"),
        keyPair: DoormanTLS.KeyPair(certificateFile: "/etc/doorman/client.pem", privateKeyFile: "/etc/doorman/client.key"))
    let client = DoormanClient(target: .hostAndPort("doorman.internal"), tls: tls)
    return client
}

private func revoke(_ token: Token, client: DoormanClient, logger: Logger) async throws {
    let result = try await client.revoke(token)
    for failure in result.unreachable {
        logger.warning("not revoked there", metadata: ["server": "\(failure.server)", "reason": "\(failure.error)"])
    }
}

private func verifyAfterRevocation(of token: Token, client: DoormanClient) async throws -> Identity {
    let position = try await client.revoke(token).position
    let text = position?.description  // for another program
    return try await client.verify(token, requiring: .none, notBefore: text.flatMap { RevocationPosition($0) })
}

private func hedged() -> DoormanClient {
    var configuration = DoormanClientConfiguration()
    configuration.hedgeAfter = .milliseconds(20)
    let client = DoormanClient(target: .hostAndPort("doorman.internal"), configuration: configuration)
    return client
}

private func countKnown(_ tokens: [Token], client: DoormanClient) async -> Int {
    await withTaskExecutorPreference(client.taskExecutor) {
        await withTaskGroup(of: Int.self) { tasks in
            for token in tokens {
                tasks.addTask { (try? await client.verify(token)) == nil ? 0 : 1 }
            }
            return await tasks.reduce(0, +)
        }
    }
}

private func complete(_ token: Token, client: DoormanClient) throws {
    try client.verify(token) { outcome in
        switch outcome {
        case .success(let identity): admit(identity.accountID)
        case .failure(let error): turnAway(error.message)
        }
    }
}

private func admit(_ account: String) {}

private func turnAway(_ why: String) {}

private func near() -> DoormanClient {
    var configuration = DoormanClientConfiguration()
    configuration.nearCacheCapacity = 10_000
    configuration.nearCacheTTL = .seconds(2)
    let client = DoormanClient(target: .hostAndPort("doorman.internal"), configuration: configuration)
    return client
}

private func run(_ server: some Service, _ logger: Logger) async throws {
    let doorman = DoormanClient(target: .hostAndPort("doorman.internal"), logger: logger)
    // Before the services that use it: a group shuts down its services in reverse order.
    let group = ServiceGroup(services: [doorman, server], gracefulShutdownSignals: [.sigterm], logger: logger)
    try await group.run()
}

private func transfer(_ token: Token, _ client: DoormanClient) async throws -> Identity {
    // Before an action that can't be undone: bypass the cache.
    let identity = try await client.verify(token, maxAge: .seconds(1))
    return identity
}

private func listAccounts(_ client: DoormanClient) async throws {
    for try await account in client.accounts() { print(account.id) }
}

private func once(_ token: String) async throws {
    let identity = try await withDoormanClient(target: .hostAndPort("127.0.0.1")) { client in
        try await client.verify(token)
    }
    print(identity.accountID)
}

@Suite("Clients in the articles")
struct ServerSnippets {
    @Test("every client can be created")
    func makes() async throws {
        for client in [try several(), named(), local(), hedged(), near(), secured()] {
            await client.close()
            await #expect(throws: DoormanError.self) { try await client.verify("EMAW") }
        }
    }
}
