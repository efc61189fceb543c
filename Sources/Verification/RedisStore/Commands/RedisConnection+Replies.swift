internal import DoormanFleet
internal import DoormanSupport

// Commands and transactions, whose errors become those of a store.

extension RedisConnection {
    /// Executes a command.
    func reply(to command: [[UInt8]], _ urgency: Urgency, until deadline: Deadline) async throws(StoreError) -> RESPValue {
        guard let reply = try await send([command], urgency, until: deadline).first else { throw .malformed }
        return try reply.orError()
    }

    /// Executes commands all or nothing, without others in between.
    ///
    /// - Returns: A reply to each command. It is an error if a key has another type than the command needs, which does not undo the others.
    func transaction(_ commands: [[[UInt8]]], until deadline: Deadline) async throws(StoreError) -> [RESPValue] {
        let sent = [[Array("MULTI".utf8)]] + commands + [[Array("EXEC".utf8)]]
        let replies = try await send(sent, until: deadline)
        guard let begun = replies.first, let executed = replies.last else { throw .malformed }
        // Without MULTI, the server has executed the commands one by one.
        if begun.errorCode != nil, !replies.allSatisfy({ $0.errorCode != nil }) { throw .malformed }
        // The first error is the cause of the others.
        for reply in replies { _ = try reply.orError() }
        guard begun.isSimpleString("OK"), case .array(let results) = executed, results.count == commands.count else {
            throw .malformed
        }
        return results
    }
}

extension RESPValue {
    /// Returns the reply.
    ///
    /// - Throws: The error that it is: ``StoreError/full`` or ``StoreError/refused(_:)``.
    func orError() throws(StoreError) -> RESPValue {
        switch errorCode {
        case nil: return self
        case "OOM"?: throw .full
        case let code?: throw .refused(code)
        }
    }
}
