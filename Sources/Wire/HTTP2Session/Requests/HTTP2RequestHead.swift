internal import CDoormanNGHTTP2

/// The headers of a request. nghttp2 has validated them (RFC 9113 section 8.2 and 8.3).
///
/// All values are views into the request's memory.
package struct HTTP2RequestHead {
    let stream: HTTP2Stream

    /// The headers whose look-up takes no search.
    package enum Known: Sendable, Hashable, CaseIterable {
        case method, scheme, path, authority, host, contentType, contentLength, te, expect, authorization, grpcTimeout, grpcEncoding

        fileprivate var index: doorman_http2_known {
            switch self {
            case .method: DOORMAN_HTTP2_METHOD
            case .scheme: DOORMAN_HTTP2_SCHEME
            case .path: DOORMAN_HTTP2_PATH
            case .authority: DOORMAN_HTTP2_AUTHORITY
            case .host: DOORMAN_HTTP2_HOST
            case .contentType: DOORMAN_HTTP2_CONTENT_TYPE
            case .contentLength: DOORMAN_HTTP2_CONTENT_LENGTH
            case .te: DOORMAN_HTTP2_TE
            case .expect: DOORMAN_HTTP2_EXPECT
            case .authorization: DOORMAN_HTTP2_AUTHORIZATION
            case .grpcTimeout: DOORMAN_HTTP2_GRPC_TIMEOUT
            case .grpcEncoding: DOORMAN_HTTP2_GRPC_ENCODING
            }
        }
    }

    package var isGET: Bool { has(DOORMAN_HTTP2_IS_GET) }
    package var isPOST: Bool { has(DOORMAN_HTTP2_IS_POST) }
    /// Whether the content type is `application/grpc`, alone or with a suffix such as `+proto`.
    package var isGRPC: Bool { has(DOORMAN_HTTP2_IS_GRPC) }
    package var hasTETrailers: Bool { has(DOORMAN_HTTP2_HAS_TE_TRAILERS) }
    /// Whether the headers exceed ``HTTP2Limits/headerListSize``. Headers beyond it are missing.
    package var headersAreTooLong: Bool { has(DOORMAN_HTTP2_IS_TOO_LONG) }

    /// The number of `authorization` headers.
    package var authorizationCount: Int { Int(unsafe stream.record.pointee.head.pointee.authorization_count) }

    /// The number of headers, pseudo-headers included.
    package var count: Int { Int(unsafe stream.record.pointee.head.pointee.field_count) }

    /// The value of the first header of a name; `nil` without it.
    package subscript(known: Known) -> Span<UInt8>? {
        @_lifetime(borrow self)
        get {
            guard let field = unsafe doorman_http2_head_known(stream.record.pointee.head, known.index) else { return nil }
            return value(unsafe field.pointee)
        }
    }

    /// The value of the first header of a name; `nil` without it.
    ///
    /// - Parameter name: The name in lower case.
    package subscript(name: StaticString) -> Span<UInt8>? {
        @_lifetime(borrow self)
        get {
            let field = unsafe doorman_http2_head_find(stream.record.pointee.head, name.utf8Start, name.utf8CodeUnitCount)
            guard let field = unsafe field else { return nil }
            return value(unsafe field.pointee)
        }
    }

    /// The path without its query; empty for a request without a path.
    package var path: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            guard let field = unsafe doorman_http2_head_known(stream.record.pointee.head, DOORMAN_HTTP2_PATH) else {
                return bytes(at: 0, count: 0)
            }
            let whole = value(unsafe field.pointee)
            var count = 0
            while count < whole.count, whole[count] != UInt8(ascii: "?") { count += 1 }
            return bytes(at: unsafe Int(field.pointee.value), count: count)
        }
    }

    /// Calls a closure with the name and the value of each header, in their order.
    package func forEach(_ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void) {
        for index in 0..<count {
            let field = unsafe stream.record.pointee.head.pointee.fields[index]
            body(bytes(at: Int(field.name), count: Int(field.name_length)), value(field))
        }
    }

    private func has(_ flag: Int) -> Bool {
        unsafe stream.record.pointee.head.pointee.flags & UInt32(flag) != 0
    }

    @_lifetime(borrow self)
    private func value(_ field: doorman_http2_field) -> Span<UInt8> {
        bytes(at: Int(field.value), count: Int(field.value_length))
    }

    @_lifetime(borrow self)
    private func bytes(at offset: Int, count: Int) -> Span<UInt8> {
        let all = unsafe stream.record.pointee.head.pointee.bytes
        let any = unsafe UnsafeMutablePointer<UInt8>(bitPattern: 1).unsafelyUnwrapped
        let start = unsafe all.start ?? any
        return unsafe _overrideLifetime(Span(_unsafeStart: start + offset, count: count), borrowing: self)
    }
}
