private import CDoormanProtos
private import CProtobufC
internal import DoormanCore

extension SharedEntry {
    /// Packs the entry, without the identity's freshness and signing key.
    ///
    /// - Returns: `nil` if no node could read the same entry back: a part is absent or beyond its limit (``FleetLimits``), or a text has a NUL.
    package func packed() -> [UInt8]? {
        let arena = MessageArena()
        let shared = withoutLocalFacts
        let message = unsafe arena.packing(doorman__fleet__v1__entry__get_packed_size, doorman__fleet__v1__entry__pack) {
            allocator throws(ArenaFull) in
            try unsafe makeEntry(shared, arena, allocator)
        }
        guard let message, SharedEntry(unpacking: message.span, in: arena) == shared else { return nil }
        return message
    }

    /// Unpacks an entry; `nil` if the bytes are not one, or if a part is absent or beyond its limit.
    package init?(unpacking message: Span<UInt8>, in arena: MessageArena) {
        let entry = unsafe arena.value(in: message, doorman__fleet__v1__entry__unpack) { unsafe SharedEntry($0) }
        guard let entry else { return nil }
        self = entry
    }

    /// The entry without the facts that a message does not have. For a text that may be absent, the empty text means the same in a response.
    private var withoutLocalFacts: SharedEntry {
        var entry = self
        entry.identity.freshness = .fresh
        entry.identity.signingKey = nil
        if identity.email?.isEmpty == true { entry.identity.email = nil }
        if identity.issuer?.isEmpty == true { entry.identity.issuer = nil }
        return entry
    }

    private init?(_ message: UnsafeMutablePointer<Doorman__Fleet__V1__Entry>) {
        guard let part = unsafe message.pointee.identity, var identity = unsafe Identity(part), !identity.provider.isEmpty,
            let audiences = unsafe optionalTexts(message.pointee.audiences, count: message.pointee.n_audiences),
            FleetLimits.milliseconds.contains(identity.verifiedAt.millisecondsSince1970),
            FleetLimits.milliseconds.contains(identity.validUntil.millisecondsSince1970) || identity.validUntil == .distantFuture,
            let tokenEnd = Timestamp(endOnWire: unsafe message.pointee.token_end_ms),
            let epoch = unsafe optionalText(message.pointee.epoch), (1...FleetLimits.epochBytes).contains(epoch.utf8.count),
            let requestedAfter = unsafe message.pointee.asked_after
        else { return nil }
        let fingerprint = unsafe bytes(message.pointee.fingerprint)
        guard (1...FleetLimits.fingerprintBytes).contains(fingerprint.count) else { return nil }
        identity.freshness = .fresh
        if !audiences.isEmpty { identity.audiences = audiences }
        self.init(
            identity: identity, tokenEnd: tokenEnd, fingerprint: fingerprint,
            requestedAfter: LogPosition(epoch: epoch, id: unsafe LogID(requestedAfter)))
    }
}

private func makeEntry(
    _ entry: SharedEntry, _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> Doorman__Fleet__V1__Entry {
    var message = unsafe Doorman__Fleet__V1__Entry()
    unsafe doorman__fleet__v1__entry__init(&message)
    unsafe message.identity = try unsafe arena.store(try unsafe makeIdentity(entry.identity, arena, allocator), allocator)
    let audiences = entry.identity.audiences
    unsafe message.n_audiences = audiences.count
    unsafe message.audiences = try unsafe arena.texts(audiences, allocator)
    unsafe message.token_end_ms = entry.tokenEnd.endForWire
    unsafe message.fingerprint = try unsafe arena.data(entry.fingerprint, allocator)
    unsafe message.epoch = try unsafe arena.text(entry.requestedAfter.epoch, allocator)
    unsafe message.asked_after = try unsafe arena.store(Doorman__Fleet__V1__LogID(entry.requestedAfter.id), allocator)
    return unsafe message
}
