public import Logging

/// Calls `body` with a client, and closes the client when `body` returns or throws. See
/// ``DoormanClient/init(targets:tls:configuration:logger:)``.
public func withDoormanClient<Result>(
    targets: [DoormanTarget], tls: DoormanTLS? = nil, configuration: DoormanClientConfiguration = DoormanClientConfiguration(),
    logger: Logger? = nil, isolation: isolated (any Actor)? = #isolation, _ body: (DoormanClient) async throws -> Result
) async rethrows -> Result {
    let client = DoormanClient(targets: targets, tls: tls, configuration: configuration, logger: logger)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}

/// Calls `body` with a client of one server or one name. See ``withDoormanClient(targets:tls:configuration:logger:isolation:_:)``.
public func withDoormanClient<Result>(
    target: DoormanTarget, tls: DoormanTLS? = nil, configuration: DoormanClientConfiguration = DoormanClientConfiguration(),
    logger: Logger? = nil, isolation: isolated (any Actor)? = #isolation, _ body: (DoormanClient) async throws -> Result
) async rethrows -> Result {
    try await withDoormanClient(
        targets: [target], tls: tls, configuration: configuration, logger: logger, isolation: isolation, body)
}
