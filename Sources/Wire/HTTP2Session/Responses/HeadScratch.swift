internal import CNGHTTP2

/// Memory for a template's headers with the values of a response.
@safe final class HeadScratch {
    private var start: UnsafeMutablePointer<nghttp2_nv>
    private var capacity = 32

    init() {
        unsafe start = .allocate(capacity: capacity)
    }

    deinit {
        unsafe start.deallocate()
    }

    /// Calls a closure with the headers of a response.
    func withFields(of head: HTTP2ResponseHead, _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        precondition(head.isComplete, "a value for each variable header")
        unsafe head.values.withUnsafeBytes { values in
            unsafe withFields(head.template.fields, values: values, body)
        }
    }

    /// Calls a closure with a template's headers and the values of its variables.
    ///
    /// - Parameter values: Each value after its length in four bytes.
    func withFields(
        _ fields: HTTP2HeadTemplate.Fields, values: UnsafeRawBufferPointer, _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void
    ) {
        guard unsafe fields.variableCount > 0 else {
            return unsafe body(UnsafeBufferPointer(start: fields.start, count: fields.count))
        }
        if unsafe fields.count > capacity {
            unsafe start.deallocate()
            capacity = unsafe fields.count
            unsafe start = .allocate(capacity: capacity)
        }
        unsafe start.update(from: fields.start, count: fields.count)
        var offset = 0
        for index in unsafe (fields.count - fields.variableCount)..<fields.count {
            let count = Int(unsafe values.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            offset += 4
            let value = unsafe UnsafeMutableRawPointer(mutating: values.baseAddress.unsafelyUnwrapped + offset)
            unsafe start[index].value = unsafe value.assumingMemoryBound(to: UInt8.self)
            unsafe start[index].valuelen = count
            offset += count
        }
        unsafe body(UnsafeBufferPointer(start: start, count: fields.count))
    }
}
