private import CDoormanProtos
internal import DoormanSupport

/// The parts of an encoded `ttrpc.Response`, for endpoints that send them in another form. All ranges are in the response's bytes.
package enum EncodedResponseView: Sendable, Hashable {
    /// The method's message.
    case success(payload: Range<Int>)
    case failure(EncodedFailure)

    /// Reads a response in canonical form, without unpacking it: see ``CanonicalFieldReader``.
    ///
    /// - Returns: `nil` for another form. ``MessageArena/withResponse(_:_:)`` reads any form.
    package init?(canonical data: Span<UInt8>) {
        var fields = CanonicalFieldReader(in: data.indices)
        let status = fields.bytes(1, in: data)
        let payload = fields.bytes(2, in: data)
        guard fields.isComplete else { return nil }
        guard !status.isEmpty else {
            self = .success(payload: payload)
            return
        }
        guard let failure = EncodedFailure(status, in: data) else { return nil }
        self = .failure(failure)
    }
}

/// The parts of an encoded `google.rpc.Status`. All ranges are in the response's bytes.
package struct EncodedFailure: Sendable, Hashable {
    /// The gRPC status code, which is not 0.
    package let code: StatusCode
    /// The failure of the contract; `nil` if this version does not know it.
    package let failure: Failure?
    /// `RetryInfo.retry_delay`.
    package let retryAfter: Duration?
    /// The message for people.
    package let message: Range<Int>
    /// The whole `google.rpc.Status`, for `grpc-status-details-bin`.
    package let status: Range<Int>

    /// Reads a status in canonical form.
    fileprivate init?(_ status: Range<Int>, in data: Span<UInt8>) {
        var fields = CanonicalFieldReader(in: status)
        let code = fields.number(1, in: data)
        let message = fields.bytes(2, in: data)
        var details = FailureDetails()
        while let detail = fields.message(3, in: data) {
            guard details.read(detail, in: data) else { return nil }
        }
        // Without a code, the response is a success.
        guard fields.isComplete, let code = Int32(exactly: code), code != 0, !data.containsNUL(in: message) else { return nil }
        self.code = StatusCode(rawValue: code)
        failure = Failure(code: self.code, reason: details.reason, in: data)
        retryAfter = details.retryAfter
        self.message = message
        self.status = status
    }
}

/// The details of a `google.rpc.Status` in canonical form.
private struct FailureDetails {
    /// `ErrorInfo.reason`, if its domain is Doorman's.
    var reason: Range<Int>?
    var retryAfter: Duration?

    /// Reads a `google.protobuf.Any`. Skips details of other types.
    ///
    /// - Returns: Whether it is in canonical form.
    mutating func read(_ detail: Range<Int>, in data: Span<UInt8>) -> Bool {
        var fields = CanonicalFieldReader(in: detail)
        let type = fields.bytes(1, in: data)
        let value = fields.bytes(2, in: data)
        guard fields.isComplete, !data.containsNUL(in: type) else { return false }
        if data.extracting(type).isEqual(toUTF8Of: DetailType.errorInfo) { return readErrorInfo(value, in: data) }
        if data.extracting(type).isEqual(toUTF8Of: DetailType.retryInfo) { return readRetryInfo(value, in: data) }
        return true
    }

    private mutating func readErrorInfo(_ value: Range<Int>, in data: Span<UInt8>) -> Bool {
        var fields = CanonicalFieldReader(in: value)
        let reason = fields.bytes(1, in: data)
        let domain = fields.bytes(2, in: data)
        guard fields.isComplete, !data.containsNUL(in: reason), !data.containsNUL(in: domain) else { return false }
        if data.extracting(domain).isEqual(toUTF8Of: ResponseEncoder.errorDomain) { self.reason = reason }
        return true
    }

    private mutating func readRetryInfo(_ value: Range<Int>, in data: Span<UInt8>) -> Bool {
        var fields = CanonicalFieldReader(in: value)
        guard let delay = fields.message(1, in: data) else { return fields.isComplete }
        var parts = CanonicalFieldReader(in: delay)
        let seconds = parts.number(1, in: data)
        let nanoseconds = parts.number(2, in: data)
        guard fields.isComplete, parts.isComplete, nanoseconds <= UInt64(Int32.max) else { return false }
        retryAfter = Duration(retryDelay: Int64(clamping: seconds), nanoseconds: Int64(nanoseconds))
        return true
    }
}

extension MessageArena {
    /// Reads a response of any form.
    ///
    /// - Parameter body: Receives the bytes that the ranges of the view are in: the data itself, or a copy in canonical form.
    /// - Returns: The result of `body`; `nil` if the data is no `ttrpc.Response`, or has what no encoder of ours writes: unknown fields, or a
    ///   negative code or delay.
    package func withResponse<Result>(_ data: Span<UInt8>, _ body: (Span<UInt8>, EncodedResponseView) -> Result) -> Result? {
        if let view = EncodedResponseView(canonical: data) { return body(data, view) }
        guard let canonical = repacked(data), let view = EncodedResponseView(canonical: canonical.span) else { return nil }
        return body(canonical.span, view)
    }

    /// Returns the response as protobuf-c packs it. Without a code in its status, it has no status.
    private func repacked(_ data: Span<UInt8>) -> [UInt8]? {
        unsafe withUnpacked(data, ttrpc__response__unpack) { response in
            if let status = unsafe response.pointee.status, unsafe status.pointee.code == StatusCode.ok.rawValue {
                unsafe response.pointee.status = nil
            }
            return unsafe packed(&response.pointee, ttrpc__response__get_packed_size, ttrpc__response__pack)
        }
    }
}

extension Failure {
    /// Finds the failure with a response's code and reason, without creating a string.
    fileprivate init?(code: StatusCode, reason: Range<Int>?, in data: Span<UInt8>) {
        for failure in Self.all {
            let row = failure.row
            guard row.code == code, (row.reason == nil) == (reason == nil) else { continue }
            if let reason, let expected = row.reason, !data.extracting(reason).isEqual(toUTF8Of: expected) { continue }
            self = failure
            return
        }
        return nil
    }

    /// Saves the allocation of `allCases` for each response.
    private static let all = allCases
}
