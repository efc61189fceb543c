private import CDoormanProtos
private import CProtobufC
internal import DoormanCore
private import DoormanSupport

extension FleetRecord {
    /// Packs the record. ``Revocation/DenialEnd/after(_:)`` is rounded up to the millisecond.
    ///
    /// - Returns: `nil` if no node could read the same record back: a part is absent or beyond its limit (``FleetLimits``), or a text has a NUL.
    package func packed() -> [UInt8]? {
        let arena = MessageArena()
        var record = self
        if case .revocation(let revocation, let number) = content {
            record.content = .revocation(revocation.rounded, number: number)
        }
        let message = unsafe arena.packing(doorman__fleet__v1__record__get_packed_size, doorman__fleet__v1__record__pack) {
            allocator throws(ArenaFull) in
            try unsafe makeRecord(record, arena, allocator)
        }
        guard let message, FleetRecord(unpacking: message.span, in: arena) == record else { return nil }
        return message
    }

    /// Unpacks a record; `nil` if the bytes are not one, or if a part is absent or beyond its limit.
    package init?(unpacking message: Span<UInt8>, in arena: MessageArena) {
        let record = unsafe arena.value(in: message, doorman__fleet__v1__record__unpack) { unsafe FleetRecord($0) }
        guard let record else { return nil }
        self = record
    }

    private init?(_ message: UnsafeMutablePointer<Doorman__Fleet__V1__Record>) {
        let node = NodeID(bytes: unsafe bytes(message.pointee.node))
        let number = unsafe message.pointee.number
        guard node.bytes.count == NodeID.byteCount, number > 0 else { return nil }
        switch unsafe message.pointee.content_case {
        case DOORMAN__FLEET__V1__RECORD__CONTENT_HEARTBEAT:
            guard let part = unsafe message.pointee.heartbeat, let applied = unsafe part.pointee.applied,
                let epoch = unsafe optionalText(part.pointee.epoch), epoch.utf8.count <= FleetLimits.epochBytes
            else { return nil }
            let heartbeat = Heartbeat(
                number: number, lastRevocation: unsafe part.pointee.last_revocation, applied: unsafe LogID(applied),
                isLast: unsafe part.pointee.is_last != 0, epoch: epoch.isEmpty ? nil : epoch,
                retention: .seconds(Int64(unsafe part.pointee.retention_s)))
            self.init(node: node, .heartbeat(heartbeat))
        case DOORMAN__FLEET__V1__RECORD__CONTENT_TOKEN:
            guard let part = unsafe message.pointee.token, let revocation = unsafe Revocation(part) else { return nil }
            self.init(node: node, .revocation(revocation, number: number))
        case DOORMAN__FLEET__V1__RECORD__CONTENT_ACCOUNT:
            guard let part = unsafe message.pointee.account, let revocation = unsafe Revocation(part) else { return nil }
            self.init(node: node, .revocation(revocation, number: number))
        default:
            return nil
        }
    }
}

extension Revocation {
    /// Packs the revocation of a token by itself, as a member of the set of denials.
    ///
    /// - Returns: `nil` for the revocation of an account, and if no node could read the same revocation back.
    package func packedToken() -> [UInt8]? {
        let arena = MessageArena()
        let revocation = rounded
        guard case .token(let keys, let end) = revocation else { return nil }
        let message = unsafe arena.packing(
            doorman__fleet__v1__token_revocation__get_packed_size, doorman__fleet__v1__token_revocation__pack
        ) { allocator throws(ArenaFull) in
            try unsafe makeTokenRevocation(keys, end, arena, allocator)
        }
        guard let message, Revocation(unpackingToken: message.span, in: arena) == revocation else { return nil }
        return message
    }

    /// Unpacks the revocation of a token; `nil` if the bytes are not one, or if a part is absent or beyond its limit.
    package init?(unpackingToken message: Span<UInt8>, in arena: MessageArena) {
        let revocation = unsafe arena.value(in: message, doorman__fleet__v1__token_revocation__unpack) { unsafe Revocation($0) }
        guard let revocation else { return nil }
        self = revocation
    }

    /// The revocation with the end in whole milliseconds, rounded up: a denial that ends early would let a revoked token pass.
    fileprivate var rounded: Revocation {
        guard case .token(let keys, .after(let duration)) = self, duration < .milliseconds(FleetLimits.milliseconds.upperBound)
        else {
            return self
        }
        return .token(keys, .after(.milliseconds(milliseconds(roundingUp: duration))))
    }

    fileprivate init?(_ message: UnsafeMutablePointer<Doorman__Fleet__V1__TokenRevocation>) {
        guard unsafe (1...FleetLimits.keysOfToken).contains(message.pointee.n_keys), let end = unsafe DenialEnd(message) else {
            return nil
        }
        var keys: [KeyOfToken] = []
        for index in unsafe 0..<message.pointee.n_keys {
            guard let part = unsafe message.pointee.keys[index] else { return nil }
            let secret = SecretID(bytes: unsafe bytes(part.pointee.secret_id))
            guard secret.bytes.count == SecretID.byteCount, let key = TokenKey(bytes: unsafe bytes(part.pointee.key)) else {
                return nil
            }
            keys.append(KeyOfToken(secret: secret, key: key))
        }
        self = .token(keys, end)
    }

    fileprivate init?(_ message: UnsafeMutablePointer<Doorman__Fleet__V1__AccountRevocation>) {
        guard let id = unsafe optionalText(message.pointee.account_id), !id.isEmpty else { return nil }
        var (provider, application): (String?, String?)
        if unsafe message.pointee.of_provider_case == DOORMAN__FLEET__V1__ACCOUNT_REVOCATION__OF_PROVIDER_PROVIDER {
            guard let text = unsafe optionalText(message.pointee.provider) else { return nil }
            provider = text
        }
        if unsafe message.pointee.of_application_case == DOORMAN__FLEET__V1__ACCOUNT_REVOCATION__OF_APPLICATION_APPLICATION_ID {
            guard let text = unsafe optionalText(message.pointee.application_id) else { return nil }
            application = text
        }
        guard [id, provider ?? "", application ?? ""].allSatisfy({ $0.utf8.count <= FleetLimits.accountTextBytes }) else {
            return nil
        }
        self = .account(id: id, provider: provider, application: application)
    }
}

extension Revocation.DenialEnd {
    fileprivate init?(_ message: UnsafeMutablePointer<Doorman__Fleet__V1__TokenRevocation>) {
        switch unsafe message.pointee.end_case {
        case DOORMAN__FLEET__V1__TOKEN_REVOCATION__END_AFTER_MS:
            let duration = unsafe message.pointee.after_ms
            guard FleetLimits.milliseconds.contains(duration) else { return nil }
            self = .after(.milliseconds(duration))
        case DOORMAN__FLEET__V1__TOKEN_REVOCATION__END_AT_MS:
            guard let end = Timestamp(endOnWire: unsafe message.pointee.at_ms) else { return nil }
            self = .at(end)
        default:
            return nil
        }
    }
}

private func makeRecord(
    _ record: FleetRecord, _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> Doorman__Fleet__V1__Record {
    var message = unsafe Doorman__Fleet__V1__Record()
    unsafe doorman__fleet__v1__record__init(&message)
    unsafe message.node = try unsafe arena.data(record.node.bytes, allocator)
    switch record.content {
    case .heartbeat(let heartbeat):
        unsafe message.number = heartbeat.number
        unsafe message.content_case = DOORMAN__FLEET__V1__RECORD__CONTENT_HEARTBEAT
        unsafe message.heartbeat = try unsafe arena.store(makeHeartbeat(heartbeat, arena, allocator), allocator)
    case .revocation(.token(let keys, let end), let number):
        unsafe message.number = number
        unsafe message.content_case = DOORMAN__FLEET__V1__RECORD__CONTENT_TOKEN
        unsafe message.token = try unsafe arena.store(makeTokenRevocation(keys, end, arena, allocator), allocator)
    case .revocation(.account(let id, let provider, let application), let number):
        unsafe message.number = number
        unsafe message.content_case = DOORMAN__FLEET__V1__RECORD__CONTENT_ACCOUNT
        let account = try unsafe makeAccountRevocation(id, provider, application, arena, allocator)
        unsafe message.account = try unsafe arena.store(account, allocator)
    }
    return unsafe message
}

private func makeHeartbeat(
    _ heartbeat: Heartbeat, _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> Doorman__Fleet__V1__Heartbeat {
    var message = unsafe Doorman__Fleet__V1__Heartbeat()
    unsafe doorman__fleet__v1__heartbeat__init(&message)
    unsafe message.last_revocation = heartbeat.lastRevocation
    unsafe message.applied = try unsafe arena.store(Doorman__Fleet__V1__LogID(heartbeat.applied), allocator)
    unsafe message.is_last = heartbeat.isLast ? 1 : 0
    unsafe message.retention_s = UInt32(clamping: heartbeat.retention.components.seconds)
    if let epoch = heartbeat.epoch { unsafe message.epoch = try unsafe arena.text(epoch, allocator) }
    return unsafe message
}

private func makeTokenRevocation(
    _ keys: [Revocation.KeyOfToken], _ end: Revocation.DenialEnd, _ arena: MessageArena,
    _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> Doorman__Fleet__V1__TokenRevocation {
    var message = unsafe Doorman__Fleet__V1__TokenRevocation()
    unsafe doorman__fleet__v1__token_revocation__init(&message)
    var stored: [UnsafeMutablePointer<Doorman__Fleet__V1__KeyOfToken>] = unsafe []
    for key in keys {
        var part = unsafe Doorman__Fleet__V1__KeyOfToken()
        unsafe doorman__fleet__v1__key_of_token__init(&part)
        unsafe part.secret_id = try unsafe arena.data(key.secret.bytes, allocator)
        unsafe part.key = try unsafe arena.data(key.key.bytes, allocator)
        unsafe stored.append(try unsafe arena.store(part, allocator))
    }
    unsafe message.n_keys = stored.count
    unsafe message.keys = try unsafe arena.array(stored, allocator)
    switch end {
    case .after(let duration):
        unsafe message.end_case = DOORMAN__FLEET__V1__TOKEN_REVOCATION__END_AFTER_MS
        unsafe message.after_ms = milliseconds(roundingUp: duration)
    case .at(let time):
        unsafe message.end_case = DOORMAN__FLEET__V1__TOKEN_REVOCATION__END_AT_MS
        unsafe message.at_ms = time.endForWire
    }
    return unsafe message
}

private func makeAccountRevocation(
    _ id: String, _ provider: String?, _ application: String?, _ arena: MessageArena,
    _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> Doorman__Fleet__V1__AccountRevocation {
    var message = unsafe Doorman__Fleet__V1__AccountRevocation()
    unsafe doorman__fleet__v1__account_revocation__init(&message)
    unsafe message.account_id = try unsafe arena.text(id, allocator)
    if let provider {
        unsafe message.of_provider_case = DOORMAN__FLEET__V1__ACCOUNT_REVOCATION__OF_PROVIDER_PROVIDER
        unsafe message.provider = try unsafe arena.text(provider, allocator)
    }
    if let application {
        unsafe message.of_application_case = DOORMAN__FLEET__V1__ACCOUNT_REVOCATION__OF_APPLICATION_APPLICATION_ID
        unsafe message.application_id = try unsafe arena.text(application, allocator)
    }
    return unsafe message
}

/// - Returns: -1, which is no duration of a message, if the duration is out of range.
private func milliseconds(roundingUp duration: Duration) -> Int64 {
    guard duration >= .zero, duration < .milliseconds(FleetLimits.milliseconds.upperBound) else { return -1 }
    let (seconds, attoseconds) = duration.components
    return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
}
