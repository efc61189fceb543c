private import CDoormanProtos
private import CProtobufC

/// The facts of an `envoy.service.auth.v3.CheckRequest` that a decision needs, in the memory of the message.
package struct CheckRequestView: ~Escapable {
    /// The number of values of the header `authorization`, in both forms of the headers. A request with several is ambiguous.
    package let authorizationCount: Int
    /// The last of these values; empty without one.
    package let authorization: Span<UInt8>
    /// The name of the profile in the `context_extensions` of the route; empty without one. UTF-8, unless the peer violates the contract.
    package let profile: Span<UInt8>

    @_lifetime(copy authorization, copy profile)
    fileprivate init(authorizationCount: Int, authorization: Span<UInt8>, profile: Span<UInt8>) {
        self.authorizationCount = authorizationCount
        self.authorization = authorization
        self.profile = profile
    }
}

extension MessageArena {
    /// Reads a message as a `CheckRequest`.
    ///
    /// - Returns: The result of `body`; `nil` if the bytes are not such a message, or exceed the arena's budget.
    package func withCheckRequest<Result>(_ message: Span<UInt8>, _ body: (CheckRequestView) -> Result) -> Result? {
        unsafe withUnpackedRequest(message, envoy__service__auth__v3__check_request__unpack) { request in
            let attributes = unsafe request.pointee.attributes
            var authorization = unsafe AuthorizationValues()
            if let http = unsafe attributes?.pointee.request?.pointee.http { unsafe authorization.read(http) }
            let profile = unsafe attributes.flatMap { unsafe profileName(in: $0) } ?? UnsafeBufferPointer(start: nil, count: 0)
            return body(
                CheckRequestView(
                    authorizationCount: unsafe authorization.count, authorization: unsafe authorization.last.span,
                    profile: unsafe profile.span))
        }
    }
}

/// The values of the header `authorization` in both forms of the headers.
@unsafe private struct AuthorizationValues {
    var count = 0
    var last = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)

    mutating func read(_ http: UnsafeMutablePointer<Envoy__Service__Auth__V3__AttributeContext__HttpRequest>) {
        for index in unsafe 0..<http.pointee.n_headers {
            guard let header = unsafe http.pointee.headers[index], unsafe isAuthorization(header.pointee.key) else { continue }
            unsafe add(header.pointee.value)
        }
        guard let map = unsafe http.pointee.header_map else { return }
        for index in unsafe 0..<map.pointee.n_headers {
            guard let header = unsafe map.pointee.headers[index], unsafe isAuthorization(header.pointee.key) else { continue }
            // Envoy fills one of the two. A header with both is ambiguous, so both count.
            if unsafe header.pointee.value.len > 0, unsafe header.pointee.raw_value.len > 0 { unsafe add(header.pointee.value) }
            unsafe add(header.pointee.raw_value.len > 0 ? header.pointee.raw_value : header.pointee.value)
        }
    }

    private mutating func add(_ value: ProtobufCBinaryData) {
        unsafe count += 1
        unsafe last = unsafe UnsafeBufferPointer(start: value.data, count: value.len)
    }

    /// Compares a header's name, in any case.
    private func isAuthorization(_ name: UnsafeMutablePointer<CChar>) -> Bool {
        let expected: StaticString = "authorization"
        for index in 0..<expected.utf8CodeUnitCount {
            // The NUL at the name's end differs from the text, so nothing is read beyond it.
            let byte = unsafe UInt8(bitPattern: name[index])
            guard unsafe (UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte) == expected.utf8Start[index] else {
                return false
            }
        }
        return unsafe name[expected.utf8CodeUnitCount] == 0
    }
}

/// The value of the extension `profile`. The last of several counts, as in every map of a message.
private func profileName(
    in attributes: UnsafeMutablePointer<Envoy__Service__Auth__V3__AttributeContext>
) -> UnsafeBufferPointer<UInt8>? {
    var name = unsafe UnsafeBufferPointer<UInt8>?.none
    for index in unsafe 0..<attributes.pointee.n_context_extensions {
        guard let entry = unsafe attributes.pointee.context_extensions[index], unsafe isText(entry.pointee.key, "profile") else {
            continue
        }
        unsafe name = unsafe textBytes(entry.pointee.value)
    }
    return unsafe name
}
