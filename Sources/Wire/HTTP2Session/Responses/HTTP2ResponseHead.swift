internal import CNGHTTP2

/// The constant part of a response's headers or trailers, ready for nghttp2.
///
/// Create each template once, as a constant: nghttp2 reads it without copying, at any later time, so its memory is never freed.
@safe package final class HTTP2HeadTemplate: Sendable {
    /// The headers of a template. `nil` values of the array are variable.
    @unsafe struct Fields {
        let start: UnsafePointer<nghttp2_nv>
        let count: Int
        /// The number of headers at the end that take their values from ``HTTP2ResponseHead``.
        let variableCount: Int
    }

    /// Immutable, and never freed.
    nonisolated(unsafe) let fields: Fields

    /// - Parameters:
    ///   - constants: Names in lower case, with values; `:status` first. A value that never changes goes into the HPACK table, so it
    ///     takes one byte from the second response on.
    ///   - variables: Names in lower case of headers whose values come with each response. They are sent last, and never enter the
    ///     HPACK table.
    package init(_ constants: [(name: String, value: String)], variables: [String] = []) {
        let count = constants.count + variables.count
        let start = UnsafeMutablePointer<nghttp2_nv>.allocate(capacity: max(1, count))
        for (index, (name, value)) in constants.enumerated() {
            let flags = NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
            unsafe (start + index).initialize(to: Self.field(name, value, flags: flags))
        }
        for (index, name) in variables.enumerated() {
            let flags = NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_INDEX.rawValue
            unsafe (start + constants.count + index).initialize(to: Self.field(name, "", flags: flags))
        }
        unsafe fields = Fields(start: start, count: count, variableCount: variables.count)
    }

    private static func field(_ name: String, _ value: String, flags: UInt32) -> nghttp2_nv {
        unsafe nghttp2_nv(
            name: permanent(name), value: permanent(value), namelen: name.utf8.count, valuelen: value.utf8.count,
            flags: UInt8(flags))
    }

    private static func permanent(_ text: String) -> UnsafeMutablePointer<UInt8> {
        let bytes = Array(text.utf8)
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
        for index in bytes.indices { unsafe (copy + index).initialize(to: bytes[index]) }
        return unsafe copy
    }
}

/// The headers or trailers of one response: a template, with the values of its variable headers.
package struct HTTP2ResponseHead: Sendable {
    let template: HTTP2HeadTemplate
    /// The values one after the other, each after its length in four bytes.
    private(set) var values: [UInt8] = []
    private(set) var valueCount = 0

    package init(_ template: HTTP2HeadTemplate) {
        self.template = template
    }

    /// Whether each variable header has its value.
    var isComplete: Bool { valueCount == (unsafe template.fields.variableCount) }

    /// Appends the value of the next variable header.
    package mutating func append(_ value: Span<UInt8>) {
        begin(count: value.count)
        for index in value.indices { values.append(value[index]) }
    }

    /// Appends the value of the next variable header.
    package mutating func append(_ value: String) {
        begin(count: value.utf8.count)
        values.append(contentsOf: value.utf8)
    }

    private mutating func begin(count: Int) {
        valueCount += 1
        unsafe withUnsafeBytes(of: UInt32(count)) { unsafe values.append(contentsOf: $0) }
    }
}
