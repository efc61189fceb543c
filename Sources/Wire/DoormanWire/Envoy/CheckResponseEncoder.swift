private import CDoormanProtos
private import CProtobufC

/// Encodes `envoy.service.auth.v3.CheckResponse`.
package enum CheckResponseEncoder {
    /// A header that Envoy sets, in place of all headers of that name.
    package struct Header: Sendable, Hashable {
        /// In lower case.
        package let name: String
        /// May be empty: Envoy then replaces the client's header by an empty one.
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Encodes the response that lets a request pass.
    ///
    /// - Parameters:
    ///   - headers: The headers that the service behind Envoy gets.
    ///   - removed: The names of headers that it does not get.
    package static func allowed(setting headers: [Header], removing removed: [String] = []) -> [UInt8] {
        unsafe packingCheck { arena, allocator throws(ArenaFull) in
            var ok = unsafe Envoy__Service__Auth__V3__OkHttpResponse()
            unsafe envoy__service__auth__v3__ok_http_response__init(&ok)
            unsafe ok.n_headers = headers.count
            unsafe ok.headers = try unsafe makeHeaders(headers, arena, allocator)
            unsafe ok.n_headers_to_remove = removed.count
            unsafe ok.headers_to_remove = try unsafe arena.texts(removed, allocator)
            var response = try unsafe makeResponse(.ok, arena, allocator)
            unsafe response.http_response_case = ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_OK_RESPONSE
            unsafe response.ok_response = try unsafe arena.store(ok, allocator)
            return unsafe response
        } ?? denied(.internal, headers: [])
    }

    /// Encodes the response that denies a request because of a failure, as ``Failure/endpoints`` says.
    ///
    /// It always has a `denied_response`, since Envoy's `failure_mode_allow` lets a request pass without one.
    ///
    /// - Parameter headers: The headers that the client gets, `www-authenticate` and `retry-after` among them.
    package static func denied(_ failure: Failure, headers: [Header]) -> [UInt8] {
        denied(failure.endpoints.checkStatus, failure.endpoints.checkCode, headers: headers)
    }

    /// Encodes the response that denies a request with the status of forward auth.
    package static func denied(_ status: HTTPStatus, headers: [Header]) -> [UInt8] {
        // Each status has one code: a test compares this with the table.
        let code: StatusCode =
            switch status {
            case .unauthorized: .unauthenticated
            case .forbidden, .tooManyRequests: .permissionDenied
            default: .unavailable
            }
        return denied(status, code, headers: headers)
    }

    private static func denied(_ deniedStatus: HTTPStatus, _ code: StatusCode, headers: [Header]) -> [UInt8] {
        let encoded = unsafe packingCheck { arena, allocator throws(ArenaFull) in
            var status = unsafe Envoy__Type__V3__HttpStatus()
            unsafe envoy__type__v3__http_status__init(&status)
            unsafe status.code = Envoy__Type__V3__StatusCode(rawValue: UInt32(deniedStatus.rawValue))
            var denied = unsafe Envoy__Service__Auth__V3__DeniedHttpResponse()
            unsafe envoy__service__auth__v3__denied_http_response__init(&denied)
            unsafe denied.status = try unsafe arena.store(status, allocator)
            unsafe denied.n_headers = headers.count
            unsafe denied.headers = try unsafe makeHeaders(headers, arena, allocator)
            var response = try unsafe makeResponse(code, arena, allocator)
            unsafe response.http_response_case = ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE
            unsafe response.denied_response = try unsafe arena.store(denied, allocator)
            return unsafe response
        }
        guard let encoded else {
            precondition(!headers.isEmpty, "a response without headers exceeds the arena")
            return denied(deniedStatus, code, headers: [])
        }
        return encoded
    }

    /// - Returns: `nil` if the headers exceed the arena's budget.
    private static func packingCheck(
        _ make: (MessageArena, UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaFull) ->
            Envoy__Service__Auth__V3__CheckResponse
    ) -> [UInt8]? {
        let arena = MessageArena()
        return unsafe arena.withAllocator { allocator in
            guard var response = unsafe try? make(arena, allocator) else { return nil }
            return unsafe packed(
                &response, envoy__service__auth__v3__check_response__get_packed_size,
                envoy__service__auth__v3__check_response__pack)
        }
    }
}

private func makeResponse(
    _ code: StatusCode, _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> Envoy__Service__Auth__V3__CheckResponse {
    var status = unsafe Google__Rpc__Status()
    unsafe google__rpc__status__init(&status)
    unsafe status.code = code.rawValue
    var response = unsafe Envoy__Service__Auth__V3__CheckResponse()
    unsafe envoy__service__auth__v3__check_response__init(&response)
    unsafe response.status = try unsafe arena.store(status, allocator)
    return unsafe response
}

private func makeHeaders(
    _ headers: [CheckResponseEncoder.Header], _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> UnsafeMutablePointer<UnsafeMutablePointer<Envoy__Config__Core__V3__HeaderValueOption>?> {
    var stored: [UnsafeMutablePointer<Envoy__Config__Core__V3__HeaderValueOption>] = unsafe []
    for header in headers {
        var value = unsafe Envoy__Config__Core__V3__HeaderValue()
        unsafe envoy__config__core__v3__header_value__init(&value)
        unsafe value.key = try unsafe arena.text(header.name, allocator)
        unsafe value.value = try unsafe arena.data(Array(header.value.utf8), allocator)
        var option = unsafe Envoy__Config__Core__V3__HeaderValueOption()
        unsafe envoy__config__core__v3__header_value_option__init(&option)
        unsafe option.header = try unsafe arena.store(value, allocator)
        // Appending would leave the client's own header in place.
        unsafe option.append_action =
            ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD
        unsafe option.keep_empty_value = 1
        unsafe stored.append(try unsafe arena.store(option, allocator))
    }
    return try unsafe arena.array(stored, allocator)
}
