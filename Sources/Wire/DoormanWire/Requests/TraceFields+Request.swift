private import CDoormanProtos
package import DoormanTracing

extension TraceFields {
    /// Reads the metadata of a request frame in canonical form, without unpacking it: see ``CanonicalFieldReader``.
    ///
    /// - Returns: `nil` for another form. ``MessageArena/traceFields(of:)`` reads any form.
    package init?(canonicalRequest data: Span<UInt8>) {
        self.init()
        var call = CanonicalFieldReader(in: data.indices)
        _ = call.bytes(1, in: data)
        _ = call.bytes(2, in: data)
        _ = call.bytes(3, in: data)
        _ = call.number(4, in: data)
        while let entry = call.message(5, in: data) {
            var pair = CanonicalFieldReader(in: entry)
            let (key, value) = (pair.bytes(1, in: data), pair.bytes(2, in: data))
            guard pair.isComplete, !data.containsNUL(in: key), !data.containsNUL(in: value) else { return nil }
            add(data.extracting(key), data.extracting(value))
        }
        guard call.isComplete else { return nil }
    }
}

extension MessageArena {
    /// Reads the trace fields in the metadata of a request frame; none if the data is not a `ttrpc.Request`.
    package func traceFields(of data: Span<UInt8>) -> TraceFields {
        TraceFields(canonicalRequest: data) ?? unpackedTraceFields(of: data) ?? TraceFields()
    }

    /// Reads the trace fields as protobuf-c does; `nil` if the data is not a `ttrpc.Request`.
    package func unpackedTraceFields(of data: Span<UInt8>) -> TraceFields? {
        unsafe withUnpacked(data, ttrpc__request__unpack) { request in
            var fields = TraceFields()
            for index in 0..<(unsafe request.pointee.n_metadata) {
                guard let pair = unsafe request.pointee.metadata[index] else { continue }
                let (key, value) = unsafe (textBytes(pair.pointee.key), textBytes(pair.pointee.value))
                fields.add(unsafe key.span, unsafe value.span)
            }
            return fields
        }
    }
}
