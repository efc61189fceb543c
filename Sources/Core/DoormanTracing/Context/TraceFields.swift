/// The trace fields of a request as they came, from headers or metadata. Most requests need none of them, so they are not read until
/// ``context``.
package struct TraceFields: Sendable, Hashable {
    /// A field of W3C Trace Context.
    package enum Name: Sendable, Hashable {
        case traceparent
        case tracestate

        /// Finds a field by its name, whose case does not matter.
        package init?(_ name: Span<UInt8>) {
            switch name.count {
            case 11 where name.isEqual(toLowercase: "traceparent"): self = .traceparent
            case 10 where name.isEqual(toLowercase: "tracestate"): self = .tracestate
            default: return nil
            }
        }
    }

    /// `nil` without the field.
    private var traceparent: String?
    private var tracestate = ""
    /// Whether the fields `tracestate` are too long. Then none of them counts, and later ones are not kept.
    private var isStateTooLong = false
    /// Whether there are two trace parents. Then it is unknown which of them is the caller's.
    private var isAmbiguous = false

    package init() {}

    /// Adds a field. Several fields `tracestate` are one list (RFC 9110 section 5.3).
    package mutating func add(_ name: Name, _ value: String) {
        switch name {
        case .traceparent:
            isAmbiguous = traceparent != nil
            traceparent = value
        case .tracestate:
            // Counted in bytes: a peer can send a character of thousands of them, and splitting a text into characters takes long.
            let separator = tracestate.isEmpty ? "" : ","
            let count = tracestate.utf8.count + separator.utf8.count + value.utf8.count
            if count > TraceContext.maximumStateBytes { (tracestate, isStateTooLong) = ("", true) }
            guard !isStateTooLong else { return }
            tracestate += separator
            tracestate += value
        }
    }

    /// Adds a header or an entry of metadata, if it is a trace field.
    package mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        guard let name = Name(name) else { return }
        var bytes: [UInt8] = []
        // A longer value is malformed, however it goes on.
        let count = min(value.count, TraceContext.maximumStateBytes + 1)
        bytes.reserveCapacity(count)
        for index in 0..<count { bytes.append(value[index]) }
        add(name, String(decoding: bytes, as: UTF8.self))
    }

    /// The trace of the request; `nil` without valid fields.
    package var context: TraceContext? {
        guard let traceparent, !isAmbiguous else { return nil }
        return TraceContext(traceparent: traceparent, tracestate: tracestate)
    }
}

extension Span where Element == UInt8 {
    /// - Parameter text: A text in lower case.
    fileprivate func isEqual(toLowercase text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in indices where unsafe self[index] | 0x20 != text.utf8Start[index] { return false }
        return true
    }
}
