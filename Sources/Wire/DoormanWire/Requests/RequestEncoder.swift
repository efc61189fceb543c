private import CDoormanProtos
private import CProtobufC
internal import DoormanCore
package import DoormanSupport
package import NIOCore

/// An entry of a call's metadata: ttrpc's `KeyValue`.
package struct MetadataEntry: Sendable, Hashable {
    package let key: String
    package let value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// Encodes calls into the data of request frames.
package enum RequestEncoder {
    /// Encodes a `Verify` call.
    ///
    /// - Parameters:
    ///   - timeout: The time that the caller will wait; `nil` for the server's default.
    ///   - metadata: Data to send with the call, such as a trace context. Default none.
    /// - Throws: ``RequestTooLong`` if the call does not fit into a frame.
    package static func encode(
        _ request: VerificationRequest, timeout: Duration?, metadata: [MetadataEntry] = []
    ) throws(RequestTooLong) -> [UInt8] {
        unsafe try packing(.verify, timeout, metadata) { arena, allocator throws(ArenaFull) in
            var message = unsafe Doorman__V1__VerifyRequest()
            unsafe doorman__v1__verify_request__init(&message)
            unsafe message.token = try unsafe arena.data(request.token.bytes, allocator)
            unsafe message.application_id = try unsafe arena.text(request.applicationID ?? "", allocator)
            unsafe message.provider = try unsafe arena.text(request.provider ?? "", allocator)
            unsafe message.n_required_scopes = request.requiredScopes.count
            unsafe message.required_scopes = try unsafe arena.texts(request.requiredScopes, allocator)
            if let maxAge = request.maxAge { unsafe message.max_age_seconds = wholeSeconds(maxAge) }
            unsafe message.not_before = try unsafe arena.data(request.notBefore?.bytes ?? [], allocator)
            return unsafe packed(&message, doorman__v1__verify_request__get_packed_size, doorman__v1__verify_request__pack)
        }
    }

    /// Writes a `Verify` call as a whole frame, without allocating memory.
    ///
    /// Writes the same bytes as ``encode(_:timeout:metadata:)`` and `writeFrame`.
    package static func writeFrame(
        _ streamID: StreamID, _ request: VerificationRequest, timeout: Nanoseconds, metadata: [MetadataEntry],
        to buffer: inout ByteBuffer
    ) throws(RequestTooLong) {
        let token = request.token.bytes.span
        let text = request.applicationID ?? ""
        let applicationID = text.utf8Span.span
        let provider = request.provider ?? ""
        let maxAge = request.maxAge.map { UInt64(wholeSeconds($0)) } ?? 0
        let timeout = UInt64(max(1, Int64(clamping: timeout.count)))
        var payload =
            FieldWriter.size(ofBytes: token.count) + FieldWriter.size(ofNumber: maxAge)
            + FieldWriter.size(ofBytes: applicationID.count) + FieldWriter.size(ofBytes: provider.utf8.count)
        for scope in request.requiredScopes { payload += FieldWriter.size(ofMessage: scope.utf8.count) }
        if let position = request.notBefore { payload += FieldWriter.size(ofBytes: position.bytes.count) }
        var length =
            CanonicalVerifyRequest.head.utf8CodeUnitCount + FieldWriter.size(ofBytes: payload) + FieldWriter.size(ofNumber: timeout)
        for entry in metadata { length += FieldWriter.size(ofMessage: entry.encodedSize) }
        guard length <= Int(FrameHeader.maximumLength) else { throw RequestTooLong() }
        unsafe buffer.writeFrame(.request, streamID: streamID, length: length) { memory in
            var fields = unsafe FieldWriter(into: memory)
            fields.write(CanonicalVerifyRequest.head)
            if payload > 0 { fields.begin(3, ofMessage: payload) }
            fields.write(1, token)
            fields.write(2, maxAge)
            fields.write(3, applicationID)
            fields.write(4, provider.utf8Span.span)
            for scope in request.requiredScopes { fields.write(element: 5, scope.utf8Span.span) }
            if let position = request.notBefore { fields.write(6, position.bytes.span) }
            fields.write(4, timeout)
            for entry in metadata {
                fields.begin(5, ofMessage: entry.encodedSize)
                fields.write(1, entry.key.utf8Span.span)
                fields.write(2, entry.value.utf8Span.span)
            }
            precondition(fields.count == length)
        }
    }

    /// Encodes an `Exchange` call.
    package static func encode(
        _ request: ExchangeRequest, timeout: Duration?, metadata: [MetadataEntry] = []
    ) throws(RequestTooLong) -> [UInt8] {
        unsafe try packing(.exchange, timeout, metadata) { arena, allocator throws(ArenaFull) in
            var message = unsafe Doorman__V1__ExchangeRequest()
            unsafe doorman__v1__exchange_request__init(&message)
            unsafe message.code = try unsafe arena.data(request.code.bytes, allocator)
            unsafe message.application_id = try unsafe arena.text(request.applicationID ?? "", allocator)
            unsafe message.provider = try unsafe arena.text(request.provider ?? "", allocator)
            return unsafe packed(&message, doorman__v1__exchange_request__get_packed_size, doorman__v1__exchange_request__pack)
        }
    }

    /// Encodes a `Revoke` call.
    package static func encode(
        _ request: RevocationRequest, timeout: Duration?, metadata: [MetadataEntry] = []
    ) throws(RequestTooLong) -> [UInt8] {
        unsafe try packing(.revoke, timeout, metadata) { arena, allocator throws(ArenaFull) in
            var message = unsafe Doorman__V1__RevokeRequest()
            unsafe doorman__v1__revoke_request__init(&message)
            switch request.subject {
            case .token(let token):
                unsafe message.subject_case = DOORMAN__V1__REVOKE_REQUEST__SUBJECT_TOKEN
                unsafe message.token = try unsafe arena.data(token.bytes, allocator)
            case .account(let id):
                unsafe message.subject_case = DOORMAN__V1__REVOKE_REQUEST__SUBJECT_ACCOUNT_ID
                unsafe message.account_id = try unsafe arena.text(id, allocator)
            }
            unsafe message.application_id = try unsafe arena.text(request.applicationID ?? "", allocator)
            unsafe message.provider = try unsafe arena.text(request.provider ?? "", allocator)
            return unsafe packed(&message, doorman__v1__revoke_request__get_packed_size, doorman__v1__revoke_request__pack)
        }
    }

    /// Encodes a `List` call.
    package static func encode(
        _ request: AccountListRequest, timeout: Duration?, metadata: [MetadataEntry] = []
    ) throws(RequestTooLong) -> [UInt8] {
        unsafe try packing(.listAccounts, timeout, metadata) { arena, allocator throws(ArenaFull) in
            var message = unsafe Doorman__V1__ListAccountsRequest()
            unsafe doorman__v1__list_accounts_request__init(&message)
            unsafe message.application_id = try unsafe arena.text(request.applicationID ?? "", allocator)
            unsafe message.provider = try unsafe arena.text(request.provider ?? "", allocator)
            unsafe message.after = try unsafe arena.text(request.after ?? "", allocator)
            // 0 means the default size on the wire. An invalid size is sent as the maximum, which every server rejects.
            let isDefault = request.pageSize == AccountListRequest.defaultPageSize
            unsafe message.page_size = isDefault ? 0 : UInt32(exactly: request.pageSize).flatMap { $0 == 0 ? nil : $0 } ?? .max
            return unsafe packed(
                &message, doorman__v1__list_accounts_request__get_packed_size, doorman__v1__list_accounts_request__pack)
        }
    }

    /// Encodes a `Delete` call.
    package static func encode(
        _ request: AccountDeletionRequest, timeout: Duration?, metadata: [MetadataEntry] = []
    ) throws(RequestTooLong) -> [UInt8] {
        unsafe try packing(.deleteAccount, timeout, metadata) { arena, allocator throws(ArenaFull) in
            var message = unsafe Doorman__V1__DeleteAccountRequest()
            unsafe doorman__v1__delete_account_request__init(&message)
            unsafe message.account_id = try unsafe arena.text(request.accountID, allocator)
            unsafe message.application_id = try unsafe arena.text(request.applicationID ?? "", allocator)
            unsafe message.provider = try unsafe arena.text(request.provider ?? "", allocator)
            return unsafe packed(
                &message, doorman__v1__delete_account_request__get_packed_size, doorman__v1__delete_account_request__pack)
        }
    }

    /// Encodes a `Get` call for the server's statistics.
    package static func encodeStatistics(
        timeout: Duration?, metadata: [MetadataEntry] = []
    ) throws(RequestTooLong) -> [UInt8] {
        unsafe try packing(.statistics, timeout, metadata) { _, _ throws(ArenaFull) in [] }
    }

    /// Encodes a health check.
    ///
    /// - Parameter service: The name of the service; empty for the whole server.
    package static func encodeHealthCheck(
        service: String, timeout: Duration?, metadata: [MetadataEntry] = []
    ) throws(RequestTooLong) -> [UInt8] {
        unsafe try packing(.healthCheck, timeout, metadata) { arena, allocator throws(ArenaFull) in
            var message = unsafe Grpc__Health__V1__HealthCheckRequest()
            unsafe grpc__health__v1__health_check_request__init(&message)
            unsafe message.service = try unsafe arena.text(service, allocator)
            return unsafe packed(
                &message, grpc__health__v1__health_check_request__get_packed_size, grpc__health__v1__health_check_request__pack)
        }
    }

    private static func packing(
        _ method: Method, _ timeout: Duration?, _ metadata: [MetadataEntry],
        _ payload: (MessageArena, UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaFull) -> [UInt8]
    ) throws(RequestTooLong) -> [UInt8] {
        let arena = MessageArena()
        let result: Result<[UInt8], RequestTooLong> = unsafe arena.withAllocator { allocator in
            do {
                var request = try unsafe call(method, timeout?.nanoseconds, metadata, arena, allocator)
                unsafe request.payload = try unsafe arena.data(payload(arena, allocator), allocator)
                return .success(unsafe packed(&request, ttrpc__request__get_packed_size, ttrpc__request__pack))
            } catch {
                return .failure(RequestTooLong())
            }
        }
        return try result.get()
    }

    /// Creates a call without its payload.
    ///
    /// - Parameter timeout: The caller's timeout in nanoseconds; `nil` for the server's default.
    private static func call(
        _ method: Method, _ timeout: Int64?, _ metadata: [MetadataEntry], _ arena: MessageArena,
        _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
    ) throws(ArenaFull) -> Ttrpc__Request {
        var request = unsafe Ttrpc__Request()
        unsafe ttrpc__request__init(&request)
        unsafe request.service = method.service.cString
        unsafe request.method = method.name.cString
        // 0 means the server's default on the wire, so an expired timeout is sent as 1 ns.
        if let timeout { unsafe request.timeout_nano = max(1, timeout) }
        if !metadata.isEmpty {
            let (entries, count) = try unsafe arena.metadata(metadata, allocator)
            unsafe request.metadata = entries
            unsafe request.n_metadata = count
        }
        return unsafe request
    }

    /// Rounds down, so that no verdict is older than requested, but to at least 1, since 0 means any age.
    private static func wholeSeconds(_ maxAge: Duration) -> UInt32 {
        UInt32(clamping: max(1, maxAge.components.seconds))
    }
}

extension MetadataEntry {
    fileprivate var encodedSize: Int {
        FieldWriter.size(ofBytes: key.utf8.count) + FieldWriter.size(ofBytes: value.utf8.count)
    }
}

extension MessageArena {
    /// Copies metadata into the arena. For use inside ``withAllocator(_:)``.
    fileprivate func metadata(
        _ entries: [MetadataEntry], _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
    ) throws(ArenaFull) -> (UnsafeMutablePointer<UnsafeMutablePointer<Ttrpc__KeyValue>?>, Int) {
        var stored: [UnsafeMutablePointer<Ttrpc__KeyValue>] = unsafe []
        for entry in entries {
            var pair = unsafe Ttrpc__KeyValue()
            unsafe ttrpc__key_value__init(&pair)
            unsafe pair.key = try unsafe text(entry.key, allocator)
            unsafe pair.value = try unsafe text(entry.value, allocator)
            unsafe stored.append(try unsafe store(pair, allocator))
        }
        return unsafe (try unsafe array(stored, allocator), stored.count)
    }
}

extension StaticString {
    /// A pointer to the text itself, which ends with a NUL. Packing only reads it.
    fileprivate var cString: UnsafeMutablePointer<CChar> {
        unsafe UnsafeMutablePointer(mutating: UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self))
    }
}

/// The error of a call that does not fit into a frame.
package struct RequestTooLong: Error, Sendable, Hashable {}
